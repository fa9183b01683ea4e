//! What targets share: a TCP conversation that the fuzzer cuts up, as frames; and exchanges of protocols, with an observer that
//! checks what their parsers tell.

mod conversation;
pub mod exchange;
pub mod witness;

pub use conversation::{CLIENT, Conversation, SERVER};
