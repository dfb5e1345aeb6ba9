//! The use cases of Burgeon ([`app`]) and their HTTP interface ([`api`]), with the page embedded.
//!
//! [`app`] knows nothing of HTTP, [`api`] nothing of the engine. [`serve`] puts both on a port.

pub mod api;
pub mod app;
pub mod auth;
pub mod live;
mod serve;
pub mod web;

pub use serve::{ServeOptions, Server, serve};
