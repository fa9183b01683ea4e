//! What the tests share: network namespaces, frames that prove on arrival that they are whole, and both together.

pub mod conversation;
pub mod frames;
pub mod live;
pub mod netns;
