//! DCE/RPC (The Open Group, C706), connection-oriented over TCP and in SMB's named pipes, connectionless over UDP; with the
//! extensions of [MS-RPCE].
//!
//! A call is a transaction: the request with all its fragments, and what answers it. Binding to interfaces (bind, alter context) is a
//! transaction of its own. Which interface a call is about is known from what was bound before, by its context id. Suricata
//! has no events for the protocol, so there is no `event.rs`.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes kept of an unfinished fragment, each direction | 65,535, the format's own limit | cannot be |
//! | calls of a flow that are not answered yet | [`MAX_CALLS`] | the oldest is told as it stands |
//! | interfaces bound by one flow | [`MAX_INTERFACES`] | the oldest is forgotten |
//! | interfaces in one bind | [`MAX_INTERFACES`] | the rest is left out |
//! | stub data kept of one message | [`MAX_STUB`] | counted, not kept |
//! | stub data kept of all open calls of a flow | [`MAX_STUBS`] | counted, not kept |

mod association;
mod call;
mod datagram;
mod parser;
mod pdu;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
pub(in crate::protocols) mod tests;

pub use association::{Association, Interface, MAX_INTERFACES, Uuid};
pub use call::{Call, MAX_STUB, Role, role_of};
pub use datagram::DcerpcDatagramParser;
pub use parser::{DcerpcParser, MAX_CALLS, MAX_STUBS};
pub use pdu::{Body, Pdu, PduKind};
pub use probe::{probe_datagram, probe_stream};
pub use record::{DcerpcRecord, InterfaceRecord};
pub use transaction::DcerpcTransaction;
