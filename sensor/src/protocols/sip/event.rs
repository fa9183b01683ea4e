//! What can be odd about a message, under Suricata's names.

/// It ends before its headers do.
pub const INCOMPLETE_DATA: &str = "incomplete_data";
/// It does not begin as a message does.
pub const INVALID_DATA: &str = "invalid_data";
