//! What can be odd about a frame, under Suricata's names.

/// More payload came than is looked at.
pub const SKIP_END_OF_PAYLOAD: &str = "skip_end_of_payload";
/// A message is longer than is put together.
pub const REASSEMBLY_LIMIT_REACHED: &str = "reassembly_limit_reached";
