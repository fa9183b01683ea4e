//! The header and the chain of payloads, which both versions share.

use crate::protocols::cursor::Cursor;

/// Payloads of a message that are looked at.
pub const PAYLOAD_LIMIT: usize = 64;

/// The header (RFC 7296, 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub init_spi: [u8; 8],
    pub resp_spi: [u8; 8],
    /// The first payload's type.
    pub next: u8,
    pub major: u8,
    pub minor: u8,
    pub exchange: u8,
    pub flags: u8,
    pub message_id: u32,
    /// Bytes of the message, with the header.
    pub len: usize,
}

impl Header {
    /// Reads it, and what is behind it; None if it is none of a version that is known.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut c = Cursor::big(bytes);
        let (init_spi, resp_spi, next) = (c.array()?, c.array()?, c.u8()?);
        let (version, exchange, flags, message_id) = (c.u8()?, c.u8()?, c.u8()?, c.u32()?);
        let len = c.u32()? as usize;
        let (major, minor) = (version >> 4, version & 0x0f);
        let header = Self { init_spi, resp_spi, next, major, minor, exchange, flags, message_id, len };
        matches!(major, 1 | 2).then(|| (header, c.rest()))
    }

    /// Version 1: what is behind it is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.major == 1 && self.flags & 1 != 0
    }

    /// Version 2: who began the association sent it.
    #[must_use]
    pub fn is_from_initiator(&self) -> bool {
        self.flags & 8 != 0
    }
}

/// A payload.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// Its type.
    pub kind: u8,
    /// What is in it.
    pub data: &'a [u8],
}

/// The payloads of a message, to the first that is encrypted, or broken.
#[derive(Clone, Copy, Debug)]
pub struct Payloads<'a> {
    /// The type of the next; 0 behind the last.
    pub next: u8,
    rest: &'a [u8],
    left: usize,
    /// They end before the last.
    pub broken: bool,
}

impl<'a> Payloads<'a> {
    /// Behind a header.
    #[must_use]
    pub fn new(header: &Header, rest: &'a [u8]) -> Self {
        let next = if header.is_encrypted() { 0 } else { header.next };
        Self { next, rest, left: PAYLOAD_LIMIT, broken: false }
    }
}

impl<'a> Iterator for Payloads<'a> {
    type Item = Payload<'a>;

    fn next(&mut self) -> Option<Payload<'a>> {
        // Version 2's encrypted payloads.
        const ENCRYPTED: [u8; 2] = [46, 53];
        const HEAD: usize = 4;
        if self.next == 0 || self.left == 0 || self.broken {
            return None;
        }
        self.left -= 1;
        let whole = match self.rest {
            [_, _, high, low, ..] => self.rest.split_at_checked(u16::from_be_bytes([*high, *low]).into()),
            _ => None,
        };
        let Some((&[next, _, _, _, ref data @ ..], rest)) = whole.filter(|(payload, _)| payload.len() >= HEAD) else {
            self.broken = true;
            return None;
        };
        let kind = std::mem::replace(&mut self.next, next);
        if ENCRYPTED.contains(&kind) {
            self.next = 0;
        }
        self.rest = rest;
        Some(Payload { kind, data })
    }
}
