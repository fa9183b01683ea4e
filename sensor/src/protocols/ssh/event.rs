//! What can be odd about a handshake, under Suricata's names.

/// A line that should be a banner is none.
pub const INVALID_BANNER: &str = "invalid_banner";
/// A banner is longer than it may be.
pub const LONG_BANNER: &str = "long_banner";
/// A packet's length cannot be.
pub const INVALID_RECORD: &str = "invalid_record";
/// A key exchange message is too long to be read.
pub const LONG_KEX_RECORD: &str = "long_kex_record";
