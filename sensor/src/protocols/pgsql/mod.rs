//! PostgreSQL's protocol, version 3 (its manual, "Frontend/Backend Protocol"), and how it becomes TLS.
//!
//! A transaction is what the client says until it waits, with what the server answers: a question about encryption, the startup, a step
//! of the authentication, a query with its rows, the messages of an extended query up to `Sync`, the data of a `COPY`. Rows and copied
//! data are counted and not kept. Statements of extended queries are queries to rules, too.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message that are read | [`MESSAGE_LIMIT`] | the rest is passed over |
//! | bytes of a message | [`LENGTH_LIMIT`], as the server has it | event `invalid_length`, and the flow is given up |
//! | statements of a transaction | [`STATEMENT_LIMIT`], of all of them [`MESSAGE_LIMIT`] | later ones are left out |
//! | bytes of the server's parameters in a transaction | [`PARAMETERS_LIMIT`] | event `too_many_responses`, later ones are left out |
//! | transactions without an answer | [`TRANSACTION_LIMIT`] | the oldest is told as it stands, event `too_many_transactions` |

mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::{LENGTH_LIMIT, MESSAGE_LIMIT};
pub use parser::{PgsqlParser, TRANSACTION_LIMIT};
pub use probe::probe;
pub use transaction::{PARAMETERS_LIMIT, PgsqlTransaction, STATEMENT_LIMIT};
