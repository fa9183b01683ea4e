//! Bytes of one direction to records (RFC 8446, 5.1; the SSL 2.0 specification for the oldest).

use super::event::Oddities;
use super::version::Version;

/// Bytes before a record's payload.
const HEADER: usize = 5;
/// Most bytes of a payload: 2^14 and what encryption may add (RFC 5246, 6.2.3).
const PAYLOAD_LIMIT: u16 = (1 << 14) + 2048;

/// What a record carries (IANA, "TLS ContentType").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Content {
    #[default]
    ChangeCipherSpec,
    Alert,
    Handshake,
    Application,
    Heartbeat,
    /// A message of SSL 2.0.
    V2,
}

impl Content {
    fn from_wire(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::Application,
            24 => Self::Heartbeat,
            _ => return None,
        })
    }
}

/// A piece of a record's payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) content: Content,
    pub(super) version: Version,
    /// Of the whole payload.
    pub(super) len: u32,
    pub(super) bytes: &'a [u8],
    /// The first of the record.
    pub(super) first: bool,
    /// The last of the record.
    pub(super) last: bool,
    /// What comes before `bytes`: payload of an SSL 2.0 record that was read as the header of a later version's.
    spill: [u8; HEADER],
    spill_from: usize,
}

impl Piece<'_> {
    /// What comes before `bytes`.
    pub(super) fn spill(&self) -> &[u8] {
        self.spill.get(self.spill_from..).unwrap_or_default()
    }
}

/// Cuts one direction into records.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: [u8; HEADER],
    header_len: usize,
    content: Content,
    version: Version,
    len: u32,
    left: u32,
    /// At least one record began.
    begun: bool,
}

impl Records {
    /// A record is not all there.
    pub(super) fn is_within(&self) -> bool {
        self.header_len > 0 || self.left > 0
    }

    /// The next piece of `bytes`, which it leaves behind; None when more bytes are needed. `v2`: the direction speaks SSL 2.0.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8], v2: bool) -> Result<Option<Piece<'a>>, Oddities> {
        let mut first = false;
        let mut spill_from = HEADER;
        if self.left == 0 {
            let (more, rest) = bytes.split_at((HEADER - self.header_len).min(bytes.len()));
            self.header[self.header_len..self.header_len + more.len()].copy_from_slice(more);
            self.header_len += more.len();
            *bytes = rest;
            if self.header_len < HEADER {
                return Ok(None);
            }
            self.header_len = 0;
            spill_from = self.begin(v2)?;
            first = true;
        } else if bytes.is_empty() {
            return Ok(None);
        }
        let (payload, rest) = bytes.split_at((self.left as usize).min(bytes.len()));
        *bytes = rest;
        self.left -= payload.len() as u32;
        Ok(Some(Piece {
            content: self.content,
            version: self.version,
            len: self.len,
            bytes: payload,
            first,
            last: self.left == 0,
            spill: self.header,
            spill_from,
        }))
    }

    /// Bytes that are missing, as far as they only shorten the record that they fall in; what is left of them.
    pub(super) fn skip(&mut self, missing: u64) -> u64 {
        let skipped = u64::from(self.left).min(missing);
        self.left -= skipped as u32;
        missing - skipped
    }

    /// The content of the record that is being read, if it is not over.
    pub(super) fn inside(&self) -> Option<Content> {
        (self.left > 0).then_some(self.content)
    }

    /// Reads a header; returns where in it the payload began already.
    fn begin(&mut self, v2: bool) -> Result<usize, Oddities> {
        let [kind, major, minor, high, low] = self.header;
        let is_first = !std::mem::replace(&mut self.begun, true);
        if v2 || is_first && kind & 0x80 != 0 && matches!(minor, 0 | 1 | 4) {
            return self.begin_v2();
        }
        let Some(content) = Content::from_wire(kind) else {
            return Err(Oddities::INVALID_RECORD_TYPE);
        };
        let version = Version(u16::from_be_bytes([major, minor]));
        if !version.is_known() {
            return Err(Oddities::INVALID_RECORD_VERSION);
        }
        let len = u16::from_be_bytes([high, low]);
        if len > PAYLOAD_LIMIT {
            return Err(Oddities::INVALID_TLS_HEADER);
        }
        self.content = content;
        self.version = version;
        self.len = u32::from(len);
        self.left = self.len;
        Ok(HEADER)
    }
    /// Two bytes of header, or three with padding at the end, which is read as part of the message.
    fn begin_v2(&mut self) -> Result<usize, Oddities> {
        let [high, low, ..] = self.header;
        let (mask, header) = if high & 0x80 != 0 { (0x7f, 2) } else { (0x3f, 3) };
        let len = u16::from_be_bytes([high & mask, low]);
        // A shorter message has no meaning, and its end would lie in what was taken for the header.
        if usize::from(len) < HEADER - header {
            return Err(Oddities::INVALID_SSLV2_HEADER);
        }
        self.content = Content::V2;
        self.version = Version::SSL2;
        self.len = u32::from(len);
        self.left = self.len - (HEADER - header) as u32;
        Ok(header)
    }
}
