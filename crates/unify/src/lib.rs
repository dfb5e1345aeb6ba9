//! Nothing: this crate only pins one feature set for the whole workspace; see its manifest.
