//! RDP, the protocol of Remote Desktop (MS-RDPBCGR): how a connection begins, up to where it is encrypted.
//!
//! Over TPKT (RFC 1006) and X.224 the client asks for a connection, often with the name of its user in a cookie, and offers
//! protocols; the server chooses. With TLS or CredSSP the flow is TLS from there on. With the protocol's own encryption the client says
//! who it is in clear (its name, build, keyboard, the channels it wants) and the server answers: then nothing more is read.
//!
//! Each message is a transaction of its own.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | 65,535, as its length has two bytes | cannot be |
//! | messages of a direction before the connection stands | [`MESSAGE_LIMIT`] | the flow is given up, event `malformed_message` |
//! | channels that EVE names | [`CHANNEL_LIMIT`], as the protocol allows | later ones are left out |

mod client;
mod event;
mod message;
mod names;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use client::CHANNEL_LIMIT;
pub use parser::{MESSAGE_LIMIT, RdpParser};
pub use probe::{probe, probe_on_port};
pub use transaction::{RdpTransaction, Stage};
