//! The server from outside, without a port: requests go through the router.

mod auth;
mod events;
mod explain;
mod faults;
mod imports;
mod intake;
mod ledger;
mod live;
mod openapi;
mod records;
mod removal;
mod soak;
mod support;
mod zones;
