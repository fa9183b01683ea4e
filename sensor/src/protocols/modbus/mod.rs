//! Modbus/TCP (MODBUS Application Protocol V1.1b3; MODBUS Messaging on TCP/IP V1.0b).
//!
//! A request and its response, which answer to the same transaction identifier, unit and function, are a transaction.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | 6 + [`LENGTH_LIMIT`] | it is passed over, event `invalid_length` |
//! | requests without a response | [`TRANSACTION_LIMIT`] | the oldest is told as it stands, event `flooded` |

mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::{Data, LENGTH_LIMIT, Message};
pub use parser::{ModbusParser, TRANSACTION_LIMIT};
pub use probe::{probe, probe_on_port};
pub use transaction::ModbusTransaction;
