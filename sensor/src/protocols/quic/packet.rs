//! Headers of packets (RFC 9000, 17.2; RFC 8999; draft-tsvwg-quic-protocol-02 for Google's).

use super::version::{Form, Version};

/// Most bytes of a connection's name (RFC 9000, 17.2).
const MAX_ID: usize = 20;

/// What a packet with a long header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first of each side, with its hello.
    Initial,
    /// What a client sends before it has an answer.
    ZeroRtt,
    /// The rest of the handshake.
    Handshake,
    /// The server asks the client to come again with a token.
    Retry,
    /// The server names the versions that it speaks.
    VersionNegotiation,
}

/// One packet of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The version it is of.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// The connection's name with its receiver, as the receiver chose it; at first the client makes one up.
    pub dcid: &'a [u8],
    /// All of it, with the header.
    pub whole: &'a [u8],
    /// Where the number of the packet begins, or in clear packets what comes behind it.
    pub body_at: usize,
    /// What stands behind it in the datagram.
    pub rest: &'a [u8],
}

/// Goes through a header.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|b| u32::from_be_bytes(*b))
    }

    fn id(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.u8()?);
        self.take(len).filter(|id| id.len() <= MAX_ID)
    }

    fn varint(&mut self) -> Option<usize> {
        let (value, len) = varint(self.bytes.get(self.at..)?)?;
        self.at += len;
        usize::try_from(value).ok()
    }
}

/// An integer of variable length and the bytes it takes (RFC 9000, 16).
#[must_use]
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = 1usize << (first >> 6);
    let value = bytes.get(1..len)?.iter().fold(u64::from(first & 0x3f), |n, byte| n << 8 | u64::from(*byte));
    Some((value, len))
}

/// What the first byte of a datagram says: a packet that names its version follows.
#[must_use]
pub fn names_version(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x80 != 0 || is_public(*first))
}

/// Public flags with the version and a connection's name of eight bytes, and none of the others but the number's length.
fn is_public(first: u8) -> bool {
    first & !0x30 == 0x09
}

impl<'a> Packet<'a> {
    /// The one that begins here; None if it is cut off, has a short header or breaks a rule.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor { bytes, at: 0 };
        let first = cursor.u8()?;
        if is_public(first) {
            return Self::public(first, cursor);
        }
        if first & 0x80 == 0 {
            return None;
        }
        let version = Version(cursor.u32()?);
        match version.form() {
            Form::Long => Self::long(first, version, cursor),
            Form::ClearLong => Self::clear(first, version, cursor),
            Form::Public => None,
        }
    }

    fn long(first: u8, version: Version, mut cursor: Cursor<'a>) -> Option<Self> {
        let whole = cursor.bytes;
        let dcid = cursor.id()?;
        cursor.id()?;
        // RFC 9369, 3.2: the codes are turned by one.
        let code = if version == Version::V2 { (first >> 4).wrapping_sub(1) } else { first >> 4 };
        let kind = match (code & 3, version) {
            (_, Version::NEGOTIATION) => Kind::VersionNegotiation,
            (0, _) => Kind::Initial,
            (1, _) => Kind::ZeroRtt,
            (2, _) => Kind::Handshake,
            _ => Kind::Retry,
        };
        if matches!(kind, Kind::Retry | Kind::VersionNegotiation) {
            return Some(Self { version, kind, dcid, whole, body_at: cursor.at, rest: &[] });
        }
        if kind == Kind::Initial {
            let token = cursor.varint()?;
            cursor.take(token)?;
        }
        let len = cursor.varint()?;
        let body_at = cursor.at;
        cursor.take(len)?;
        let (whole, rest) = whole.split_at(cursor.at);
        Some(Self { version, kind, dcid, whole, body_at, rest })
    }

    /// Both lengths of the names in one byte, 0 for none and otherwise 3 less than they are; no length of its own.
    fn clear(first: u8, version: Version, mut cursor: Cursor<'a>) -> Option<Self> {
        let whole = cursor.bytes;
        let lens = cursor.u8()?;
        let len = |half: u8| if half == 0 { 0 } else { usize::from(half) + 3 };
        let dcid = cursor.take(len(lens >> 4))?;
        cursor.take(len(lens & 15))?;
        // Q044 and Q045 have the codes of the drafts of their time, 0x7f for the first.
        let kind = match first {
            0xff => Kind::Initial,
            _ if version.0 < 0x5130_3436 => Kind::Handshake,
            _ => match first >> 4 & 3 {
                0 => Kind::Initial,
                1 => Kind::ZeroRtt,
                2 => Kind::Handshake,
                _ => Kind::Retry,
            },
        };
        let number = if version.0 < 0x5130_3436 { 4 } else { usize::from(first & 3) + 1 };
        cursor.take(number)?;
        Some(Self { version, kind, dcid, whole, body_at: cursor.at, rest: &[] })
    }

    fn public(first: u8, mut cursor: Cursor<'a>) -> Option<Self> {
        let whole = cursor.bytes;
        let dcid = cursor.take(8)?;
        let version = Version(cursor.u32()?);
        if version.form() != Form::Public {
            return None;
        }
        let number = [1, 2, 4, 6][usize::from(first >> 4 & 3)];
        cursor.take(number)?;
        Some(Self { version, kind: Kind::Initial, dcid, whole, body_at: cursor.at, rest: &[] })
    }

    /// The versions that a server names.
    pub fn versions(&self) -> impl Iterator<Item = Version> {
        let list = if self.kind == Kind::VersionNegotiation { self.whole.get(self.body_at..) } else { None };
        list.unwrap_or_default().as_chunks::<4>().0.iter().map(|v| Version(u32::from_be_bytes(*v)))
    }
}
