//! What can be odd about an exchange, under Suricata's names.

/// More requests are under way than are followed.
pub const TOO_MANY_TRANSACTIONS: &str = "too_many_transactions";
/// It is no message, or too long a one.
pub const INVALID_DATA: &str = "invalid_data";
/// A response to nothing.
pub const REQUEST_NOT_FOUND: &str = "request_not_found";
/// A message is not whole.
pub const INCOMPLETE_DATA: &str = "incomplete_data";
