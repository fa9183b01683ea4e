//! What can be odd about a message, under Suricata's names.

/// It cannot be read.
pub const MALFORMED_DATA: &str = "malformed_data";
/// The centre answers with an encryption that is known to be weak.
pub const WEAK_ENCRYPTION: &str = "weak_encryption";
