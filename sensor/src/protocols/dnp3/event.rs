//! What can be odd about a frame or a fragment, under Suricata's names.

/// The length is too small for what the frame is.
pub const LEN_TOO_SMALL: &str = "len_too_small";
/// The check of a frame's header is wrong.
pub const BAD_LINK_CRC: &str = "bad_link_crc";
/// The check of a block of a frame's data is wrong.
pub const BAD_TRANSPORT_CRC: &str = "bad_transport_crc";
/// An object whose points cannot be told apart.
pub const UNKNOWN_OBJECT: &str = "unknown_object";
/// More points than are read.
pub const TOO_MANY_POINTS: &str = "too_many_points";
/// More objects than are read.
pub const TOO_MANY_OBJECTS: &str = "too_many_objects";
/// A fragment longer than is kept.
pub const TOO_LONG_REASSEMBLY: &str = "too_long_reassembly";
