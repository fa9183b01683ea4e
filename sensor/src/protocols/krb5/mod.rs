//! Kerberos 5 (RFC 4120) over TCP and UDP: what clients ask the key distribution centre for, and its answers.
//!
//! Each message is a transaction of its own, in its direction. AP-REQ and AP-REP are carried by other protocols and are not looked for
//! here. The encoding is DER; only what rules and the log show is taken from it.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message over TCP, each direction | [`MAX_MESSAGE`] | passed over, event `malformed_data` |
//! | parts of a name | [`MAX_PARTS`] | left out |

mod der;
mod encryption;
mod error_code;
mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use der::Element;
pub use encryption::Encryption;
pub use message::{MAX_PARTS, Message, MessageType, Name, Ticket};
pub use parser::{Krb5Parser, MAX_MESSAGE, Transport};
pub use probe::{probe_datagram, probe_stream};
pub use record::Krb5Record;
pub use transaction::Krb5Transaction;
