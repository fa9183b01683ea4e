//! What can be odd about a message, under Suricata's names.

/// It is too short, or of no version that there is.
pub const MALFORMED_DATA: &str = "malformed_data";
