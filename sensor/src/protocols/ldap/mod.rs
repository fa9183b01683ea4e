//! LDAP version 3 (RFC 4511) over TCP and UDP.
//!
//! A request and its responses are a transaction, found by their message id; several may be under way. What is sent after a SASL
//! layer was agreed on cannot be read, and the flow is given up in silence; after StartTLS (RFC 4511, 4.14) it is TLS.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | [`MESSAGE_LIMIT`] | it is passed over, event `invalid_data` |
//! | requests under way | [`TRANSACTION_LIMIT`] | the oldest ends, event `too_many_transactions` |
//! | bytes kept of all requests and responses under way | [`KEPT_LIMIT`] | responses that are not the last of their request are counted, and no more |
//! | names, messages and attribute types of responses, each | [`VALUE_LIMIT`] | later ones are left out |

mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::Operation;
pub use parser::{KEPT_LIMIT, LdapParser, MESSAGE_LIMIT, TRANSACTION_LIMIT, Transport};
pub use probe::probe;
pub use transaction::{LdapTransaction, VALUE_LIMIT};
