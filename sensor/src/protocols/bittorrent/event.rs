//! What can be odd about a message, under Suricata's names.

/// It is not bencode, or lacks what it must have.
pub const MALFORMED_PACKET: &str = "malformed_packet";
