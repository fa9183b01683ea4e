//! What can be odd about a flow. Suricata 8 does not read the protocol: the names are ours, like those of PostgreSQL.

/// A client's message is not built as it should be.
pub const MALFORMED_REQUEST: &str = "malformed_request";
/// A server's message is not built as it should be.
pub const MALFORMED_RESPONSE: &str = "malformed_response";
/// The client asks on without being answered.
pub const TOO_MANY_TRANSACTIONS: &str = "too_many_transactions";
/// What follows the login is compressed, and is not read.
pub const COMPRESSED: &str = "compressed";
