//! MySQL's and MariaDB's protocol ("MySQL Internals", Client/Server Protocol), and how it becomes TLS.
//!
//! A transaction is the login, or a command with what the server answers: rows are counted, and the first of them kept as text, with
//! commas between the values, if the server sends them as text. What a prepared statement returns is counted only. What is
//! compressed is not read: the flow is given up behind the login, with an event.
//!
//! Suricata 8 does not read it: the keywords have the names that its next version gives them, and EVE's `mysql` is not in its schema.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a packet that are read | [`PACKET_LIMIT`], of one in a result [`ROW_LIMIT`] | the rest is passed over |
//! | rows of a transaction that are kept | [`ROWS_LIMIT`], of all of them [`ROWS_BYTES_LIMIT`] | later ones are counted |
//! | transactions without an answer | [`TRANSACTION_LIMIT`] | the oldest is told as it stands, event `too_many_transactions` |

mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::{MysqlParser, PACKET_LIMIT, ROW_LIMIT, TRANSACTION_LIMIT};
pub use probe::probe;
pub use transaction::{MysqlTransaction, ROWS_BYTES_LIMIT, ROWS_LIMIT};
