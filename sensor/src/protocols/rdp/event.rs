//! What can be odd about how a connection begins. Suricata has no events of RDP: the name is ours.

/// A message is not built as it should be, or none that belongs there.
pub const MALFORMED_MESSAGE: &str = "malformed_message";
