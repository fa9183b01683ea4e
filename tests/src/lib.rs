//! What the tests share: the cases' folders, network namespaces, frames that prove on arrival that they are whole, and both together.

pub mod bump;
pub mod case;
pub mod conversation;
pub mod frames;
pub mod live;
pub mod netns;
pub mod pcapng;
