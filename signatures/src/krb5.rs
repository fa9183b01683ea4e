//! Types of encryption of Kerberos (IANA, "Kerberos Encryption Type Numbers"), which rules name and the log shows.

use std::fmt;

const NAMES: &[(i32, &str)] = &[
    (1, "des-cbc-crc"),
    (2, "des-cbc-md4"),
    (3, "des-cbc-md5"),
    (5, "des3-cbc-md5"),
    (7, "des3-cbc-sha1"),
    (9, "dsawithsha1-cmsoid"),
    (10, "md5withrsaencryption-cmsoid"),
    (11, "sha1withrsaencryption-cmsoid"),
    (12, "rc2cbc-envoid"),
    (13, "rsaencryption-envoid"),
    (14, "rsaes-oaep-env-oid"),
    (15, "des-ede3-cbc-env-oid"),
    (16, "des3-cbc-sha1-kd"),
    (17, "aes128-cts-hmac-sha1-96"),
    (18, "aes256-cts-hmac-sha1-96"),
    (19, "aes128-cts-hmac-sha256-128"),
    (20, "aes256-cts-hmac-sha384-192"),
    (23, "rc4-hmac"),
    (24, "rc4-hmac-exp"),
    (25, "camellia128-cts-cmac"),
    (26, "camellia256-cts-cmac"),
    (65, "subkey-keymaterial"),
];

/// The name of a type, in small letters.
#[must_use]
pub fn name(encryption: i32) -> Option<&'static str> {
    NAMES.iter().find(|(number, _)| *number == encryption).map(|(_, name)| *name)
}

/// The type of this name, in letters of any size.
#[must_use]
pub fn number(name: &[u8]) -> Option<i32> {
    NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(number, _)| *number)
}

/// All that came before AES, and RC4: known to be weak, or not used any more for that reason (RFC 6649, RFC 8429).
#[must_use]
pub fn is_weak(encryption: i32) -> bool {
    encryption < 17 || matches!(encryption, 23 | 24)
}

/// Which types a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionTest {
    /// Any other.
    pub negated: bool,
    /// All that are weak.
    pub weak: bool,
    /// These.
    pub types: Vec<i32>,
}

impl EncryptionTest {
    /// Whether it is one of them.
    #[must_use]
    pub fn holds(&self, encryption: i32) -> bool {
        (self.weak && is_weak(encryption) || self.types.contains(&encryption)) != self.negated
    }
}

impl fmt::Display for EncryptionTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negated { "!" } else { "" })?;
        f.write_str(if self.weak { "weak" } else { "" })?;
        for (i, number) in self.types.iter().enumerate() {
            let comma = if i > 0 || self.weak { "," } else { "" };
            match name(*number) {
                Some(name) => write!(f, "{comma}{name}")?,
                None => write!(f, "{comma}{number}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (n, known) in NAMES {
            assert_eq!((name(*n), number(known.to_ascii_uppercase().as_bytes())), (Some(*known), Some(*n)));
        }
        assert!(is_weak(23) && is_weak(3) && is_weak(-128) && !is_weak(18));
        let test = EncryptionTest { negated: true, weak: true, types: vec![18, 99] };
        assert_eq!((test.holds(23), test.holds(17), test.holds(18)), (false, true, false));
        assert_eq!(test.to_string(), "!weak,aes256-cts-hmac-sha1-96,99");
    }
}
