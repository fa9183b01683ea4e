//! RFB, the protocol of VNC (RFC 6143), versions 3.3 to 3.8: the handshake, up to the size and the name of the desktop.
//!
//! A flow is one transaction. What a side says may depend on what the other has chosen: it waits until that is seen. Behind the
//! handshake, or an authentication whose messages are not known, nothing more is read.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a desktop's name or of a reason | [`TEXT_LIMIT`] | event `malformed_message`, and the flow is given up |
//! | bytes of a side that wait for the other | [`WAIT_LIMIT`] | the same |

mod event;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{RfbParser, TEXT_LIMIT, WAIT_LIMIT};
pub use probe::probe;
pub use transaction::{PixelFormat, RfbTransaction};
