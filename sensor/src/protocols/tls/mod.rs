//! TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446) and SSL 2.0 and 3.0 before them, and DTLS 1.0 to 1.3 (RFC 4347, 6347, 9147), which are
//! the same over datagrams: the handshake, until it is encrypted.
//!
//! A flow has one transaction. In each direction [`Progress::Line`] is reached with the hello, [`Progress::Headers`] with the
//! certificates or when it is certain that none come, [`Progress::Complete`] when the direction is encrypted or over. The
//! record is due when the server has said all that it says in clear. When both directions are encrypted, the parser wants no
//! more.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a handshake message, over all its records | [`MESSAGE_LIMIT`] | it is passed over, event `handshake_invalid_length` |
//! | payload of a record | 18,432 bytes, the format's own limit | event `invalid_tls_header`, the parser gives up |
//! | kept of a flow | each side's hello and certificates, one message that is unfinished in each direction | |
//! | DTLS: messages in pieces, each direction | 4 of 32 KiB | the one begun first is passed over |
//! | events | each once a flow | |
//!
//! [`Progress::Line`]: sekisho_signatures::buffers::Progress::Line
//! [`Progress::Headers`]: sekisho_signatures::buffers::Progress::Headers
//! [`Progress::Complete`]: sekisho_signatures::buffers::Progress::Complete

mod certificate;
mod datagram;
mod event;
mod fingerprint;
mod heartbeat;
mod hello;
mod parser;
mod probe;
mod reader;
mod record;
mod records;
mod transaction;
mod version;

#[cfg(test)]
mod tests;

pub use certificate::{Chain, Leaf};
pub use datagram::{DtlsParser, probe_datagram};
pub use event::Oddities;
pub use fingerprint::{Carrier, Ja3, Ja4};
pub use hello::Hello;
pub(in crate::protocols) use hello::{extension, is_grease};
pub use parser::{MESSAGE_LIMIT, TlsParser};
pub use probe::probe;
pub(in crate::protocols) use record::Fingerprint;
pub use record::TlsRecord;
pub use transaction::{Seen, TlsTransaction};
pub use version::Version;
