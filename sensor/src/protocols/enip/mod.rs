//! EtherNet/IP's encapsulation and the Common Industrial Protocol inside, over TCP and UDP (ODVA, "The CIP Networks Library", volumes 1
//! and 2).
//!
//! A message and its answer are a transaction. A CIP message may hold others (a multiple service packet, an unconnected send): rules
//! see all of them.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | 24 + 65,535, as its length can tell | cannot be |
//! | messages without an answer | [`TRANSACTION_LIMIT`], [`KEPT_LIMIT`] bytes of them | the oldest is told as it stands, event `too_many_transactions` |
//! | CIP messages in a message | [`CIP_LIMIT`] | later ones are not read |
//! | segments of a path, words of an extended status | 255, as their length can tell | cannot be |

mod cip;
mod event;
mod message;
mod names;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use cip::CIP_LIMIT;
pub use parser::{EnipParser, KEPT_LIMIT, TRANSACTION_LIMIT, Transport};
pub use probe::probe;
pub use transaction::EnipTransaction;
