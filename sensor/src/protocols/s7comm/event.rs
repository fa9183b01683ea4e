//! What can be odd about a message. The names are ours: Suricata does not read the protocol.

/// A message is not built as it should be.
pub const MALFORMED_MESSAGE: &str = "malformed_message";
/// A message in several packets is longer than is kept.
pub const TOO_LONG_MESSAGE: &str = "too_long_message";
/// An answer to nothing that was asked.
pub const UNSOLICITED_RESPONSE: &str = "unsolicited_response";
/// More jobs wait for an answer than are followed.
pub const TOO_MANY_TRANSACTIONS: &str = "too_many_transactions";
