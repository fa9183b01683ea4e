//! IMAP (RFC 9051, and RFC 3501 before it), as far as it carries mails.
//!
//! A mail that the server shows (FETCH of a whole message, at once or in chunks, RFC 9051, 6.4.5) or that the client stores (APPEND) is a
//! transaction; everything else is read only to find them. The mail is read by [`crate::protocols::mime`]. There is no record
//! of IMAP in EVE; files and alerts tell of the mail. After STARTTLS was accepted the flow is TLS; after COMPRESS (RFC 4978) was, nothing
//! more can be read.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a line, with the lines that literals join to it | [`MAX_LINE`] | the rest is left out |
//! | bytes kept for the protocol that follows | [`MAX_UNREAD`] | nothing follows |
//!
//! In each direction there is one mail at most.

mod literal;
mod parser;
mod probe;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{ImapParser, MAX_LINE, MAX_UNREAD};
pub use probe::probe;
pub use transaction::{ImapTransaction, MailRecord};
