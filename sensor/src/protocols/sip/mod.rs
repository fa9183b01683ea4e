//! SIP (RFC 3261) over UDP and TCP, with the session descriptions (SDP, RFC 8866) in its bodies.
//!
//! Each message is a transaction of its own, as in Suricata: requests and responses are logged apart. Who sends the
//! first request is who asks: requests of the other side, and answers to them, are an event `invalid_data` and no more, as there. A
//! datagram is one message; on TCP the Content-Length says where a message ends.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of first line and headers | [`HEAD_LIMIT`] | event `invalid_data`, and TCP flows are given up |
//! | bytes of a body | [`BODY_LIMIT`] | the rest is passed over |
//! | header values that rules can see | [`FIELD_LIMIT`] | later ones are left out |
//! | lines of a session description | [`SDP_LIMIT`] | later ones are left out |

mod event;
mod message;
mod parser;
mod probe;
mod record;
mod sdp;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::{FIELD_LIMIT, HEAD_LIMIT};
pub use parser::{BODY_LIMIT, SipParser, Transport};
pub use probe::probe;
pub use sdp::SDP_LIMIT;
pub use transaction::SipTransaction;
