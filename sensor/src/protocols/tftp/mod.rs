//! TFTP (RFC 1350), with options (RFC 2347, 2348).
//!
//! A request is a transaction, and is logged. The transfer is another one, which is not: its file is. Servers answer from a port of
//! their own, that is in another flow, which the request announces ([`TftpNote`]); those that answer from the same port are read as well.
//! Blocks are counted modulo 65,536, so that there is no limit to a file.
//!
//! Of each flow no more is kept than a request, [`MAX_NAME`] bytes of each of its words, and what [`crate::protocols::file`] keeps of a file.

mod parser;
mod probe;
mod request;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::TftpParser;
pub use probe::probe;
pub use request::{MAX_NAME, TftpNote};
pub use transaction::{TftpRecord, TftpTransaction};
