//! What can be odd about a packet, under Suricata's names.

/// A packet could not be decrypted with the keys that it says to be encrypted with.
pub const FAILED_DECRYPT: &str = "failed_decrypt";
/// What is in a packet could not be read.
pub const ERROR_ON_DATA: &str = "error_on_data";
/// More of a hello came than is kept.
pub const CRYPTO_FRAG_TOO_LONG: &str = "crypto_frag_too_long";
