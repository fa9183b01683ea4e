//! HTTP/1: requests and responses, matched, with what rules look at of them.
//!
//! The parser is one of our own. Crates that read HTTP for clients and servers refuse what does not follow the RFCs, and a
//! sensor must read what browsers and servers read; OISF's own parser is published as a crate, but offers its transactions
//! and hooks only through a C interface of raw pointers, and allocates for each header field.
//!
//! Where bytes are cut changes nothing that is told, but for one thing, in which Suricata is followed: what comes in one piece
//! with the end of a message and starts no other one still belongs to its body; what comes later does not.
//!
//! Files are the body of a response, the body of a PUT or POST, and the parts of a form with a file name (at most 64).
//!
//! Bounds, per flow: [`HttpConfig::max_transactions`] unfinished transactions, over which it gives up; these hold at most
//! [`HttpConfig::pending_bytes`]: beyond it the bodies that rules have looked at go, and if that does not help, it gives up. Per message: a first line
//! or header field of 18,000 bytes, 256 KiB and 1,024 fields of head, over which it gives up; the configured bytes of body.
//! Decompression: [`DecompressLimits`]; after three bombs in a flow, nothing more is decompressed.

mod bestfit;
mod body;
mod config;
mod decompress;
mod event;
mod field;
mod files;
mod head;
mod line;
mod parser;
mod probe;
mod record;
mod request;
mod response;
mod transaction;
mod uri;

#[cfg(test)]
mod tests;

pub(in crate::protocols) use decompress::{Decompressor, codings};
pub(in crate::protocols) use files::{Form, parameter};
pub(in crate::protocols) use record::content_range;

pub use config::{DecompressLimits, HttpConfig};
pub use event::{Event, Events};
pub use parser::HttpParser;
pub use probe::{Probe, probe};
pub use record::HttpRecord;
pub use transaction::HttpTransaction;
