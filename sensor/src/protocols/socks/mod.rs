//! SOCKS 4, 4a and 5 (RFC 1928, 1929): the way to a proxy's far side, and then whatever protocol is spoken there.
//!
//! When the proxy has connected, what is inside is recognised anew. EVE has no record of SOCKS; the flow tells what it was. Other
//! commands than CONNECT, methods of authentication that change what follows (GSSAPI), and what is refused, are not read on.
//!
//! Of each direction at most [`MAX_UNREAD`] bytes are kept, until the proxy has answered; beyond that the flow is given up.

mod message;
mod parser;
mod probe;

#[cfg(test)]
mod tests;

pub use parser::{MAX_UNREAD, SocksParser};
pub use probe::{probe, probe_on_port};
