//! IKE versions 1 (RFC 2408, 2409) and 2 (RFC 7296) over UDP, also behind the marker of NAT traversal (RFC 3948).
//!
//! Each message is a transaction of its own. What is encrypted is not seen; ESP in the same flow is passed over.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | a datagram | cannot be |
//! | payloads of a message | [`PAYLOAD_LIMIT`] | later ones are left out |
//! | proposals of a message, transforms of all, attributes of all | [`PROPOSAL_LIMIT`] | later ones are left out |

mod attribute;
mod event;
mod message;
mod names;
mod parser;
mod probe;
mod proposal;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::PAYLOAD_LIMIT;
pub use parser::IkeParser;
pub use probe::probe;
pub use proposal::PROPOSAL_LIMIT;
pub use transaction::IkeTransaction;
