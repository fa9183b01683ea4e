//! What tests of protocols share: observers that write down what they are told, and exchanges cut, spoilt and repeated.

pub(super) mod heard;
pub(super) mod seeds;
pub(super) mod talk;
pub(super) mod told;
