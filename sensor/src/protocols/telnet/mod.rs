//! Telnet (RFC 854), as far as its options change what can be read.
//!
//! It is recognised by its option negotiation, with which terminals and servers begin. Rules look at the raw stream; EVE has no
//! record of it. After both sides said START_TLS (option 46) the flow is TLS; after both began to encrypt (RFC 2946), nothing can be read.
//!
//! Of each direction no more is kept than where in a command it is, and two bytes of a subnegotiation.

mod parser;
mod probe;

#[cfg(test)]
mod tests;

pub use parser::{MAX_UNREAD, TelnetParser};
pub use probe::probe;

/// Interpret as command.
const IAC: u8 = 255;
/// Subnegotiation, and its end.
const SB: u8 = 250;
const SE: u8 = 240;
