//! FTP's control connection (RFC 959, 2228, 2389, 2428, 3659).
//!
//! A command and its reply are a transaction; so is a reply without a command, the server's greeting for one. Several commands may be
//! under way; replies belong to the oldest. A preliminary reply (1xx) is followed by another one. The connections that are announced for
//! data (PORT, EPRT, PASV, EPSV) are told as expected once a command uses them, so that what they carry is known: see
//! [`crate::protocols::ftp_data`]. After AUTH TLS was accepted the flow is TLS.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a command's line | [`MAX_LINE`] | the rest is left out, event `request_command_too_long` |
//! | bytes of a reply's line | [`MAX_LINE`] | the rest is left out, event `response_command_too_long` |
//! | lines of a reply, and their bytes | [`MAX_REPLIES`], [`MAX_REPLY_BYTES`] | more are left out, `reply_truncated` in EVE |
//! | commands without a reply | [`MAX_PENDING`] | the oldest is given up, event `too_many_transactions` |

mod address;
mod command;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{FtpParser, MAX_LINE, MAX_PENDING, MAX_UNREAD};
pub use probe::{probe, probe_on_port};
pub use record::FtpRecord;
pub use transaction::{FtpTransaction, MAX_REPLIES, MAX_REPLY_BYTES};
