//! Versions of QUIC, and what differs between them.

use std::fmt;

/// As on the wire (IANA, "QUIC Versions").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(pub u32);

/// How packets of a version are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Public flags, then the connection, then the version; nothing is encrypted (Q039, Q043).
    Public,
    /// The long header of early drafts; nothing is encrypted (Q044 to Q046).
    ClearLong,
    /// The long header of RFC 8999, encrypted.
    Long,
}

impl Version {
    /// What a server puts there to name the versions that it speaks (RFC 8999, 6).
    pub const NEGOTIATION: Self = Self(0);
    /// RFC 9000.
    pub const V1: Self = Self(1);
    /// RFC 9369.
    pub const V2: Self = Self(0x6b33_43cf);

    /// The number of a draft of RFC 9000; Facebook's version follows the 27th.
    fn draft(self) -> Option<u8> {
        match self.0 {
            0xff00_0000..=0xff00_00ff => Some(self.0 as u8),
            0xface_b002 => Some(27),
            _ => None,
        }
    }

    /// The three digits of Google's, as a number.
    fn google(self) -> Option<u32> {
        let [letter, digits @ ..] = self.0.to_be_bytes();
        let known = matches!(letter, b'Q' | b'T') && digits.iter().all(u8::is_ascii_digit);
        known.then(|| digits.iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0')))
    }

    /// Google's own handshake is spoken, not TLS.
    #[must_use]
    pub fn is_google(self) -> bool {
        self.0 >> 24 == u32::from(b'Q') && self.google().is_some()
    }

    /// One that has been spoken.
    #[must_use]
    pub fn is_known(self) -> bool {
        self == Self::V1 || self == Self::V2 || self.draft().is_some() || self.google().is_some()
    }

    /// How its packets are made; those of versions that are not known are taken to follow RFC 8999, which binds them to.
    #[must_use]
    pub fn form(self) -> Form {
        match self.google() {
            Some(..=43) => Form::Public,
            Some(44..=46) => Form::ClearLong,
            _ => Form::Long,
        }
    }

    /// The salt of its first keys (RFC 9001, 5.2; RFC 9369, 3.3.1; the drafts; Chromium for Google's). None: they are not known.
    #[must_use]
    pub fn salt(self) -> Option<&'static [u8; 20]> {
        const V1: &[u8; 20] = b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
        const V2: &[u8; 20] = b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
        const DRAFT_29: &[u8; 20] = b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
        const DRAFT_23: &[u8; 20] = b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
        const DRAFT_21: &[u8; 20] = b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";
        const Q050: &[u8; 20] = b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45";
        const T051: &[u8; 20] = b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d";
        match (self, self.draft()) {
            (Self::V1, _) | (_, Some(33..=34)) => Some(V1),
            (Self::V2, _) => Some(V2),
            (_, Some(29..=32)) => Some(DRAFT_29),
            (_, Some(23..=28)) => Some(DRAFT_23),
            (_, Some(21..=22)) => Some(DRAFT_21),
            (Self(0x5130_3530), _) => Some(Q050),
            (Self(0x5430_3531), _) => Some(T051),
            _ => None,
        }
    }

    /// What the fingerprint CYU begins with.
    #[must_use]
    pub fn digits(self) -> Option<u32> {
        self.google()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V2 => f.write_str("v2"),
            Self(0x5130_3339 | 0x5130_3433..=0x5130_3436) => write!(f, "Q{:03}", self.google().unwrap_or_default()),
            Self(other) => write!(f, "{other:x}"),
        }
    }
}
