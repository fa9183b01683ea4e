//! What can be odd about a message, under Suricata's names.

/// It is not built as a message is.
pub const MALFORMED_DATA: &str = "malformed_data";
/// A version 3 message is protected by something other than the user-based security model.
pub const UNKNOWN_SECURITY_MODEL: &str = "unknown_security_model";
/// The version is not that of the flow's first message.
pub const VERSION_MISMATCH: &str = "version_mismatch";
