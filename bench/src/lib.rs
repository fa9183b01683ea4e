//! Traffic generation and replay, and measurements.
//!
//! What is here answers two questions with numbers: is Sekisho as fast and as small as it says, and is every packet
//! accounted for. README.md beside this crate says how to run it and what was measured.

pub mod addresses;
pub mod capture;
pub mod figures;
pub mod generate;
pub mod harness;
pub mod held;
pub mod live_flows;
pub mod page;
pub mod replay;
pub mod replicate;
pub mod rewrite;
pub mod rss;
pub mod scaling;
pub mod sensor;
pub mod stages;
pub mod wire;
