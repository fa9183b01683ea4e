//! Detection.

pub mod address;
pub mod evaluate;
pub mod history;
pub mod hyperscan;
pub mod program;
