//! QUIC 1 and 2 (RFC 9000, 9369), their drafts, and Google's QUIC before them (Q039 to Q050): what is said before the keys are
//! agreed on. Initial packets are encrypted with keys that anyone can derive from them (RFC 9001, 5.2), so that the hellos of both
//! sides can be read; everything behind them is out of reach.
//!
//! Each packet with a long header is a transaction, until its side's hello is complete; nothing of a side is read after that. A
//! hello may come in pieces, in any order, in many packets. A retry starts the client's hello anew.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | packets of a flow that are read | [`PACKET_LIMIT`] | nothing more is read |
//! | bytes of a side's hello | [`HELLO_LIMIT`] | event `crypto_frag_too_long`, the piece is left out |
//! | pieces of it that wait for what lies between | [`PIECE_LIMIT`] | the same |
//! | tags of a message of Google's QUIC | [`TAG_LIMIT`] | the rest is left out |

mod crypto;
mod event;
mod frame;
mod google;
mod packet;
mod parser;
mod pieces;
mod probe;
mod record;
mod transaction;
mod version;

#[cfg(test)]
mod tests;

pub use google::TAG_LIMIT;
pub use parser::{PACKET_LIMIT, QuicParser};
pub(in crate::protocols) use pieces::Pieces;
pub use pieces::{HELLO_LIMIT, PIECE_LIMIT};
pub use probe::probe;
pub use record::QuicRecord;
pub use transaction::QuicTransaction;
pub use version::Version;
