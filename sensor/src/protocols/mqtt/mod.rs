//! MQTT 3.1, 3.1.1 and 5.0 over TCP.
//!
//! Messages that belong together are a transaction: CONNECT with CONNACK, and those that share a packet identifier until the last
//! of them. Others are one by themselves, as are messages without what they answer.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | [`MESSAGE_LIMIT`] | it is passed over, EVE says `truncated` |
//! | exchanges under way | [`TRANSACTION_LIMIT`] | the oldest ends, event `too_many_transactions` |
//! | bytes kept of all exchanges under way | [`KEPT_LIMIT`] | the same |
//! | topics of a message, and properties in EVE | [`LIST_LIMIT`] | later ones are left out |

mod event;
mod message;
mod parser;
mod probe;
mod property;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::{LIST_LIMIT, MessageType};
pub use parser::{KEPT_LIMIT, MESSAGE_LIMIT, MqttParser, TRANSACTION_LIMIT};
pub use probe::probe;
pub use transaction::MqttTransaction;
