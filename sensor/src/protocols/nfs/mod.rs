//! NFS 2 (RFC 1094), 3 (RFC 1813) and 4 (RFC 7530, RFC 8881) in remote procedure calls (RFC 5531), over UDP and TCP.
//!
//! A call and its reply are a transaction. What is read of one file, or written to it, is one transaction as long as that goes on: to
//! the file's end, to a commit or a close. In version 4 a call holds many operations: the one that says most gives it its name, and
//! the operations are gone through as far as they are known.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a call or reply over TCP, each direction | [`MAX_RECORD`] | passed over, event `malformed_data` |
//! | transactions open | [`MAX_OPEN`] | the oldest is told as it stands |
//! | reads under way | [`MAX_READS`] | the oldest is forgotten |
//! | files whose names are remembered | [`MAX_NAMES`] | the oldest is forgotten |
//! | operations of one call | [`MAX_OPERATIONS`] | the rest is left out |
//! | pieces of files that came before their turn | as of SMB | a gap in the file |

mod compound;
mod event;
mod parser;
mod probe;
mod procedures;
mod record;
mod rpc;
mod session;
mod transaction;

#[cfg(test)]
mod tests;

pub use compound::MAX_OPERATIONS;
pub use parser::{MAX_RECORD, NfsParser, Transport};
pub use probe::{probe_datagram, probe_stream};
pub use record::NfsRecord;
pub use rpc::{Call, Credentials, Heading, Reply};
pub use session::{MAX_NAMES, MAX_OPEN, MAX_READS};
pub use transaction::{Details, Handle, NfsTransaction};
