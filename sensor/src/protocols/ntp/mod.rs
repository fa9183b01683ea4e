//! NTP (RFC 5905) over UDP.
//!
//! Each message is a transaction of its own. Nothing but its first 48 bytes is looked at, and nothing is kept between messages.

mod event;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::NtpParser;
pub use probe::probe;
pub use transaction::NtpTransaction;
