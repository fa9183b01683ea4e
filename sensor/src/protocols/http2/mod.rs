//! HTTP/2 (RFC 9113) and DNS over it (RFC 8484): frames to streams, each of which is a request and its response.
//!
//! A stream is a transaction; so is each frame that is about the connection and not about a stream. Header blocks are decompressed
//! (HPACK, RFC 7541), bodies as their codings say. A flow in which DNS messages are asked for becomes one of DNS over HTTPS,
//! whose transactions have the buffers of both. After an upgrade from HTTP/1 the request made there is the first stream's.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | streams of a flow that are not over | [`STREAM_LIMIT`] | the oldest ends, event `too_many_streams` |
//! | bytes of a frame that is no DATA, and of a header block | [`FRAME_LIMIT`] | passed over, events `long_frame_data`, `reassembly_limit_reached` |
//! | bytes and fields of a message's headers, decompressed | [`HEADERS_LIMIT`], [`FIELDS_LIMIT`] | left out, event `invalid_header` |
//! | HPACK's table, each direction | [`TABLE_LIMIT`] | a larger one is taken for one of that size |
//! | bodies | as the policy for files says, but for streams beyond the 64th 4 KiB | |
//! | a DNS message | 64 KiB, the format's own limit | it is left out |
//!
//! Behind a gap that does not lie within DATA, headers cannot be decompressed any more, and the parser gives up.

mod body;
mod doh;
mod event;
mod frame;
mod headers;
mod hpack;
mod huffman;
mod parser;
mod probe;
mod record;
mod streams;
mod transaction;

#[cfg(test)]
mod tests;

pub use headers::{FIELDS_LIMIT, HEADERS_LIMIT, Headers};
pub use hpack::TABLE_LIMIT;
pub use parser::{FRAME_LIMIT, Http2Parser, Upgrade};
pub use probe::probe;
pub use record::Http2Record;
pub use streams::STREAM_LIMIT;
pub use transaction::Http2Transaction;
