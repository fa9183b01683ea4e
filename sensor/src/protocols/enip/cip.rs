//! CIP messages (volume 1, 2-4): requests with a path, answers with a status, and those that hold others.

use crate::protocols::cursor::Cursor;
use arrayvec::ArrayVec;

/// CIP messages that are read of one message.
pub const CIP_LIMIT: usize = 64;
/// How deep they may stand in each other.
const DEPTH_LIMIT: usize = 4;

/// In a service: it is an answer.
const ANSWER: u8 = 0x80;
const MULTIPLE: u8 = 0x0a;
/// Of the connection manager.
const UNCONNECTED_SEND: u8 = 0x52;
const CONNECTION_MANAGER: u32 = 6;

/// What a logical segment names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logical {
    Class,
    Instance,
    Attribute,
}

/// A segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its first byte.
    pub(super) kind: u8,
    pub(super) value: u32,
}

impl Segment {
    pub(super) fn logical(self) -> Option<Logical> {
        match self.kind & 0xfc {
            0x20 => Some(Logical::Class),
            0x24 => Some(Logical::Instance),
            0x30 => Some(Logical::Attribute),
            _ => None,
        }
    }
}

/// The segments of a padded path (volume 1, C-1.4); ends with the first that is not understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'a>(Cursor<'a>);

impl Iterator for Path<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let kind = self.0.u8()?;
        let value = match kind {
            // A logical segment: of 8, 16 or 32 bits, the wider ones behind a pad.
            0x20..=0x3f => match kind & 3 {
                0 => self.0.u8()?.into(),
                1 => {
                    self.0.skip(1)?;
                    self.0.u16()?.into()
                }
                2 => {
                    self.0.skip(1)?;
                    self.0.u32()?
                }
                _ => return None,
            },
            // A symbol: its name, filled up to even length.
            0x91 => {
                let len = self.0.u8()?;
                self.0.skip(usize::from(len) + usize::from(len % 2))?;
                len.into()
            }
            // A port, whose link address may be longer.
            0x01..=0x0f => self.0.u8()?.into(),
            _ => return None,
        };
        Some(Segment { kind, value })
    }
}

/// A CIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cip<'a> {
    Request {
        service: u8,
        path: &'a [u8],
    },
    Answer {
        /// Without the mark of an answer.
        service: u8,
        status: u8,
        /// Words that say more of the status.
        extended: &'a [u8],
    },
}

impl<'a> Cip<'a> {
    /// Reads one, and what stands behind its head.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut at = Cursor::little(bytes);
        let service = at.u8()?;
        if service & ANSWER == 0 {
            let words = usize::from(at.u8()?);
            return Some((Self::Request { service, path: at.take(2 * words)? }, at.rest()));
        }
        at.skip(1)?;
        let (status, words) = (at.u8()?, usize::from(at.u8()?));
        Some((Self::Answer { service: service & !ANSWER, status, extended: at.take(2 * words)? }, at.rest()))
    }

    pub(super) fn service(&self) -> u8 {
        match self {
            Self::Request { service, .. } | Self::Answer { service, .. } => *service,
        }
    }

    /// The path of a request.
    pub(super) fn path(&self) -> Path<'a> {
        Path(Cursor::little(if let Self::Request { path, .. } = self { path } else { &[] }))
    }

    /// What its path says of a kind.
    pub(super) fn values(&self, wanted: Logical) -> impl Iterator<Item = u32> + 'a {
        self.path().filter(move |segment| segment.logical() == Some(wanted)).map(|segment| segment.value)
    }

    pub(super) fn status(&self) -> Option<u8> {
        if let Self::Answer { status, .. } = self { Some(*status) } else { None }
    }

    /// The first word that says more of the status.
    pub(super) fn extended(&self) -> Option<u16> {
        let Self::Answer { extended, .. } = self else { return None };
        extended.first_chunk::<2>().map(|word| u16::from_le_bytes(*word))
    }
}

/// CIP messages of one.
pub(super) type All<'a> = ArrayVec<Cip<'a>, CIP_LIMIT>;

/// All CIP messages of one, those that hold others before these; and whether none of them is broken.
pub(super) fn all(bytes: &[u8]) -> (All<'_>, bool) {
    let mut out = All::new();
    let is_sound = gather(bytes, 0, &mut out);
    (out, is_sound)
}

fn gather<'a>(bytes: &'a [u8], depth: usize, out: &mut All<'a>) -> bool {
    let Some((cip, data)) = Cip::read(bytes) else { return false };
    if out.try_push(cip).is_err() || depth >= DEPTH_LIMIT {
        return true;
    }
    match cip {
        Cip::Request { service: UNCONNECTED_SEND, .. }
            if cip.values(Logical::Class).next() == Some(CONNECTION_MANAGER) =>
        {
            embedded(data).is_some_and(|inner| gather(inner, depth + 1, out))
        }
        Cip::Request { service: MULTIPLE, .. } => several(data, depth, out),
        Cip::Answer { service: MULTIPLE, status: 0 | 0x1e, .. } => several(data, depth, out),
        _ => true,
    }
}

/// The message in an unconnected send (volume 1, 3-5.5.2): two bytes of time-outs and its length before it.
fn embedded(data: &[u8]) -> Option<&[u8]> {
    let mut at = Cursor::little(data);
    at.skip(2)?;
    let len = at.u16()?;
    at.take(len.into())
}

/// The messages in a multiple service packet (volume 1, A-4.10): how many, where each begins, and they.
fn several<'a>(data: &'a [u8], depth: usize, out: &mut All<'a>) -> bool {
    let mut at = Cursor::little(data);
    let Some(count) = at.u16() else { return false };
    for _ in 0..count {
        if out.is_full() {
            return true;
        }
        let inner = at.u16().and_then(|from| data.get(usize::from(from)..));
        if !inner.is_some_and(|inner| gather(inner, depth + 1, out)) {
            return false;
        }
    }
    true
}
