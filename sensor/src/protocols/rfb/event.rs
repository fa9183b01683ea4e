//! What can be odd about a handshake, under Suricata's names.

/// A message is not built as it should be.
pub const MALFORMED_MESSAGE: &str = "malformed_message";
/// The authentication is one whose messages are not known.
pub const UNIMPLEMENTED_SECURITY_TYPE: &str = "unimplemented_security_type";
/// The result of the authentication is none that is known.
pub const UNKNOWN_SECURITY_RESULT: &str = "unknown_security_result";
