//! What can be odd about a message, under Suricata's names.

use super::attribute::{Attribute, Kind};

/// It is not built as it should be.
pub const MALFORMED_DATA: &str = "malformed_data";
/// A proposal protects with no encryption at all: AH.
pub const NO_ENCRYPTION: &str = "no_encryption";
/// A weak cipher.
pub const WEAK_CRYPTO_ENC: &str = "weak_crypto_enc";
/// A weak pseudorandom function.
pub const WEAK_CRYPTO_PRF: &str = "weak_crypto_prf";
/// A weak Diffie-Hellman group.
pub const WEAK_CRYPTO_DH: &str = "weak_crypto_dh";
/// A weak integrity check.
pub const WEAK_CRYPTO_AUTH: &str = "weak_crypto_auth";
/// No Diffie-Hellman exchange.
pub const WEAK_CRYPTO_NODH: &str = "weak_crypto_nodh";
/// No integrity check.
pub const WEAK_CRYPTO_NOAUTH: &str = "weak_crypto_noauth";
/// A proposal without what it must have.
pub const INVALID_PROPOSAL: &str = "invalid_proposal";
/// A proposal for a protocol that is not known.
pub const UNKNOWN_PROPOSAL: &str = "unknown_proposal";
/// The server chose more than one.
pub const MULTIPLE_SERVER_PROPOSAL: &str = "multiple_server_proposal";

/// What is weak about an attribute of version 2 (IANA, "IKEv2 Parameters"; RFC 8247).
pub fn weakness(attribute: Attribute) -> Option<&'static str> {
    let value = attribute.value;
    match attribute.kind {
        Kind::Encryption if matches!(value, 1..=9 | 11) => Some(WEAK_CRYPTO_ENC),
        Kind::Prf if matches!(value, 1..=3) => Some(WEAK_CRYPTO_PRF),
        Kind::Integrity if value == 0 => Some(WEAK_CRYPTO_NOAUTH),
        Kind::Integrity if matches!(value, 1..=4 | 6 | 7) => Some(WEAK_CRYPTO_AUTH),
        Kind::Group if value == 0 => Some(WEAK_CRYPTO_NODH),
        Kind::Group if matches!(value, 1 | 2 | 5 | 22) => Some(WEAK_CRYPTO_DH),
        _ => None,
    }
}
