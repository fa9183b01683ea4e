//! What can be odd about a frame. The names are ours: Suricata does not read the protocol.

/// Bytes that begin no frame where one should.
pub const INVALID_START: &str = "invalid_start";
/// The length is not one that the frame's kind can have.
pub const INVALID_LENGTH: &str = "invalid_length";
/// What a frame carries is not built as its type says.
pub const INVALID_ASDU: &str = "invalid_asdu";
/// The type is not known: its objects are not told apart.
pub const UNKNOWN_TYPE: &str = "unknown_type";
