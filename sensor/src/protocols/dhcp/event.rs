//! What can be odd about a message, under Suricata's names.

/// An option is longer than what is there, or shorter than it must be.
pub const MALFORMED_OPTIONS: &str = "malformed_options";
/// The options have no end.
pub const TRUNCATED_OPTIONS: &str = "truncated_options";
