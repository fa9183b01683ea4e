//! SMB 1 ([MS-CIFS], [MS-SMB]) and SMB 2 and 3 ([MS-SMB2]) over NetBIOS sessions or TCP alone, with the DCE/RPC in their named pipes
//! and the files that they carry.
//!
//! A command and its answer are a transaction. What reads and writes of one open file carry is one transaction, which lasts until the
//! file is closed; a call in a named pipe is one, whatever commands carry it. Queries of information are not transactions, as in
//! Suricata. The messages say themselves which are requests, so that a connection joined midway is read as well. Encrypted and
//! compressed messages are passed over.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes kept of a message, each direction | [`MAX_KEPT`]; data of reads and writes pass through | the rest is passed over |
//! | transactions open | [`MAX_OPEN`] | the oldest is told as it stands |
//! | reads under way | [`MAX_READS`] | the oldest is forgotten |
//! | trees, open files, pipes | [`MAX_TREES`], [`MAX_HANDLES`], [`MAX_PIPES`] | the oldest is forgotten |
//! | pieces of files that came before their turn | [`MAX_EARLY`], [`MAX_EARLY_BYTES`] of a flow | a gap in the file, event `read_queue_…_exceeded` or `write_queue_…_exceeded` |
//! | bytes of a name | [`MAX_NAME`] | the rest is left out |
//! | stub data kept of calls | that of [`super::dcerpc`] | counted, not kept |

mod event;
mod files;
mod header;
mod names;
mod ntlmssp;
mod parser;
mod pipe;
mod probe;
mod record;
mod session;
mod smb1;
mod smb1_setup;
mod smb2;
mod status;
mod transaction;

#[cfg(test)]
mod tests;

pub use super::pieces::{MAX_EARLY, MAX_EARLY_BYTES};
pub use files::Transfer;
pub use names::MAX_NAME;
pub use parser::{MAX_KEPT, SmbParser};
pub use pipe::MAX_PIPES;
pub use probe::{probe, probe_netbios};
pub use record::SmbRecord;
pub use session::{MAX_HANDLES, MAX_OPEN, MAX_READS, MAX_TREES};
pub use status::Status;
pub use transaction::{Details, FileId, SmbTransaction};
