//! Everything here drives the built binary from outside, as a person or a script does, so that this test program
//! links no engine and is built in seconds.

mod book;
mod disk;
mod events;
mod faults;
mod figures;
mod kill;
mod ravenstack;
mod support;
