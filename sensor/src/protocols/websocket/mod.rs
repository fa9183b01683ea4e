//! WebSocket (RFC 6455), with compressed messages (RFC 7692), after HTTP/1 has changed to it.
//!
//! Each frame is a transaction. The payload of a frame that ends a message is the message's, put together from its frames and
//! decompressed; control frames may come between these.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a frame's payload, and of a message | [`PAYLOAD_LIMIT`] | the rest is left out, events `skip_end_of_payload`, `reassembly_limit_reached` |
//! | bytes of a message, decompressed | [`PAYLOAD_LIMIT`] | the same |
//! | kept of a flow | each direction's unfinished frame and message, and what decompression looks back at, 32 KiB | |

mod event;
mod inflate;
mod parser;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{PAYLOAD_LIMIT, WebsocketParser};
pub use record::WebsocketRecord;
pub use transaction::WebsocketTransaction;
