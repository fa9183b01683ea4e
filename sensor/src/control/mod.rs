//! The control thread's side: everything that is not the packet path.

pub mod interface;
pub mod privilege;
