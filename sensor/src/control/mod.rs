//! The control thread's parts: what is not on the packet path.

pub mod http;
pub mod socket;
