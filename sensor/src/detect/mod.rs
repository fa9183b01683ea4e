//! Detection.

pub mod hyperscan;
