//! What can be odd about a flow, under Suricata's names.

/// A call or reply cannot be read.
pub const MALFORMED_DATA: &str = "malformed_data";
/// The version is none that there is.
pub const NONEXISTENT_VERSION: &str = "nonexistent_version";
