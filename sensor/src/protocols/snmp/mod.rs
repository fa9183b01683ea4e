//! SNMP versions 1 (RFC 1157), 2c (RFC 3416) and 3 (RFC 3412), over UDP.
//!
//! Each message is a transaction of its own. What a version 3 message encrypts is not seen.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a message | a datagram | cannot be |
//! | variables that EVE names | [`VARIABLE_LIMIT`] | later ones are left out |

mod event;
mod message;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::PduType;
pub use parser::SnmpParser;
pub use probe::probe;
pub use record::VARIABLE_LIMIT;
pub use transaction::SnmpTransaction;
