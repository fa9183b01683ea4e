//! Detection.

pub mod address;
pub mod detector;
pub mod engine;
pub mod evaluate;
pub mod flowbits;
pub mod history;
pub mod hyperscan;
pub mod pending;
pub mod program;
pub mod rule;
pub mod threshold;
