//! What can be odd about a flow, under Suricata's names.

/// A client's message is not built as it should be, or none that is known.
pub const MALFORMED_REQUEST: &str = "malformed_request";
/// A server's message is not built as it should be, or none that is known.
pub const MALFORMED_RESPONSE: &str = "malformed_response";
/// A message says that it is shorter than its own length, or longer than the server takes.
pub const INVALID_LENGTH: &str = "invalid_length";
/// The client asks on without being answered.
pub const TOO_MANY_TRANSACTIONS: &str = "too_many_transactions";
/// The server answers more than is kept.
pub const TOO_MANY_RESPONSES: &str = "too_many_responses";
