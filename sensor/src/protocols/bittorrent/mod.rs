//! BitTorrent's distributed hash table (BEP 5, BEP 32) over UDP.
//!
//! Each message is a transaction of its own. It is written in bencode, which is read where it lies, with no recursion.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | a datagram | cannot be |
//! | nodes and peers in EVE, each | [`NODE_LIMIT`] | later ones are left out |

mod bencode;
mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::DhtParser;
pub use probe::probe;
pub use record::NODE_LIMIT;
pub use transaction::DhtTransaction;
