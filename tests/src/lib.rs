//! What the tests share: network namespaces, and frames that prove on arrival that they are whole.

pub mod frames;
pub mod netns;
