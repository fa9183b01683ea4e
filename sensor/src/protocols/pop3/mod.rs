//! POP3 (RFC 1939, 2449, 5034), with STLS (RFC 2595).
//!
//! A command and its response are a transaction; the server's greeting is none. Several commands may be under way; responses belong
//! to the oldest. The mail of RETR and TOP is read by [`crate::protocols::mime`]. After STLS was accepted the flow is TLS.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a command's line | [`MAX_COMMAND`] | event `request_too_long`; of [`MAX_LINE`] the rest is left out |
//! | bytes of a response's first line | [`MAX_RESPONSE`] | event `response_too_long`; of [`MAX_LINE`] the rest is left out |
//! | lines behind it that are kept, and their bytes | [`MAX_LINES`], [`MAX_LINE_BYTES`] | more are left out |
//! | commands without a response | [`MAX_PENDING`] | the oldest is given up, event `too_many_transactions` |

mod command;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{MAX_COMMAND, MAX_LINE, MAX_PENDING, MAX_RESPONSE, MAX_UNREAD, Pop3Parser};
pub use probe::{probe, probe_on_port};
pub use record::Pop3Record;
pub use transaction::{MAX_LINE_BYTES, MAX_LINES, Pop3Transaction};
