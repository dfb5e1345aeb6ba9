//! burgeon
fn main() {}
