//! Versions of SSL, TLS and DTLS.

use std::fmt;

/// As on the wire; 0 where none is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16);

impl Version {
    /// SSL 2.0, as its hello says it.
    pub const SSL2: Self = Self(0x0002);
    /// TLS 1.3 (RFC 8446).
    pub const TLS13: Self = Self(0x0304);

    /// One that is known, a draft of TLS 1.3 included.
    #[must_use]
    pub fn is_known(self) -> bool {
        matches!(self.0, 0x0300..=0x0304) || self.is_draft()
    }

    /// One of DTLS (RFC 4347, 6347, 9147), whose numbers descend.
    #[must_use]
    pub fn is_dtls(self) -> bool {
        matches!(self.0, 0xfefc..=0xfeff | 0x0100)
    }

    fn is_draft(self) -> bool {
        matches!(self.0, 0x7f10..=0x7fff | 0xfb17 | 0xfb1a)
    }

    /// TLS 1.3 or a draft of it: what follows the hellos is encrypted.
    #[must_use]
    pub fn is_13(self) -> bool {
        matches!(self.0, 0x0304 | 0xfefc) || self.is_draft()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0x0000 => "UNDETERMINED",
            0x0002 | 0x0200 => "SSLv2",
            0x0300 => "SSLv3",
            0x0301 => "TLSv1",
            0x0302 => "TLS 1.1",
            0x0303 => "TLS 1.2",
            0x0304 => "TLS 1.3",
            0xfeff | 0x0100 => "DTLS 1.0",
            0xfefd => "DTLS 1.2",
            0xfefc => "DTLS 1.3",
            draft @ 0x7f10..=0x7fff => return write!(f, "TLS 1.3 draft-{:02}", draft & 0xff),
            0xfb17 | 0xfb1a => "TLS 1.3 draft-fb",
            other => return write!(f, "0x{other:04x}"),
        })
    }
}
