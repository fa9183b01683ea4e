//! S7comm, which programs Siemens' S7-300 and S7-400 controllers, over ISO transport on TCP (RFC 1006, ISO 8073). There is no public
//! specification: what is read is what public dissectors agree on.
//!
//! A job and its acknowledgement, or a question of user data and its answer, are a transaction, whichever side asks: a controller
//! asks for the parts of a program that is downloaded to it.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a packet | 65,535, as its length can tell | cannot be |
//! | bytes of a message in several packets | [`MESSAGE_LIMIT`] | it is dropped, event `too_long_message` |
//! | jobs without an answer | [`TRANSACTION_LIMIT`], [`KEPT_LIMIT`] bytes of them | the oldest is told as it stands, event `too_many_transactions` |
//! | items of a job | 255, as their count can tell | cannot be |

mod event;
mod iso;
mod message;
mod names;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{KEPT_LIMIT, MESSAGE_LIMIT, S7commParser, TRANSACTION_LIMIT};
pub use probe::probe;
pub use transaction::S7commTransaction;
