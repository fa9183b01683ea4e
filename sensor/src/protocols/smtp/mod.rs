//! SMTP (RFC 5321), with pipelining (RFC 2920), chunking (RFC 3030), authentication (RFC 4954) and STARTTLS (RFC 3207).
//!
//! A transaction is all that leads to one mail, and the mail; it is over when the mail is, or when RSET gives it up. What comes behind
//! it, QUIT at the least, is the next one. The name that the client first greeted with stays known for the whole flow. The mail itself
//! is read by [`crate::protocols::mime`]; after STARTTLS was accepted the flow is TLS.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a command's or reply's line | [`MAX_LINE`] | the rest is left out, event `truncated_line` |
//! | recipients of a mail | [`MAX_RECIPIENTS`] | more are left out |
//! | commands without a reply | [`MAX_PIPELINED`] | more are not matched with replies |
//! | bytes kept for the protocol that follows | [`MAX_UNREAD`] | nothing follows |
//!
//! The mail's own bounds are those of [`crate::protocols::mime`]. After a gap, what it was in goes on: a mail as a mail, with a file that
//! is not whole; commands from the next line on; and replies that fit no command tell when a mail began or ended inside the gap.

mod command;
mod parser;
mod probe;
mod record;
mod reply;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{MAX_LINE, MAX_PIPELINED, MAX_UNREAD, SmtpParser};
pub use probe::probe;
pub use record::SmtpRecord;
pub use transaction::{MAX_RECIPIENTS, SmtpTransaction};
