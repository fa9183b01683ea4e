//! What can be odd about a message, under Suricata's names.

/// More messages wait for an answer than are followed.
pub const TOO_MANY_TRANSACTIONS: &str = "too_many_transactions";
/// A message is not built as its command says.
pub const INVALID_PDU: &str = "invalid_pdu";
