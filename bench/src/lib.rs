//! Traffic generation and replay, and measurements.
//!
//! What is here answers two questions with numbers: is Sekisho as fast and as small as it says, and is every packet
//! accounted for. README.md beside this crate says how to run it and what was measured.

pub mod addresses;
pub mod capture;
pub mod generate;
pub mod harness;
pub mod replay;
pub mod replicate;
pub mod rewrite;
pub mod wire;
