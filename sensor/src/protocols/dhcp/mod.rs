//! DHCP (RFC 2131) over UDP.
//!
//! Each message is a transaction of its own; EVE's records are in Suricata's extended form.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | a datagram | cannot be |
//! | options of a message | [`OPTION_LIMIT`] | later ones are left out |

mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::OPTION_LIMIT;
pub use parser::DhcpParser;
pub use probe::probe;
pub use transaction::DhcpTransaction;
