//! DTLS: records in datagrams, messages in fragments that may come in any order, several times or never (RFC 6347, 4.1 and 4.2).
//! What the messages say is read as that of TLS is.

use super::event::Oddities;
use super::parser::TlsParser;
use super::version::Version;
use crate::packet::Direction;
use crate::protocols::quic::Pieces;
use crate::protocols::registry::Likeness;
use crate::protocols::{Observer, Parser, Status};
use arrayvec::ArrayVec;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Messages of a direction that may be unfinished at once.
const MAX_PARTIAL: usize = 4;

/// Bytes before a record's payload.
const RECORD: usize = 13;

/// Bytes before a fragment.
const FRAGMENT: usize = 12;

/// A record's header.
struct Record<'a> {
    content: u8,
    version: Version,
    /// 0 as long as nothing is encrypted.
    epoch: u16,
    payload: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[content, v0, v1, e0, e1, _, _, _, _, _, _, l0, l1], rest) = bytes.split_first_chunk::<RECORD>()?;
        let (payload, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        let version = Version(u16::from_be_bytes([v0, v1]));
        Some(Self { content, version, epoch: u16::from_be_bytes([e0, e1]), payload, rest })
    }
}

/// A piece of a handshake message.
struct Fragment<'a> {
    kind: u8,
    len: usize,
    sequence: u16,
    offset: usize,
    bytes: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2], rest) = bytes.split_first_chunk::<FRAGMENT>()?;
        let number = |a: u8, b: u8, c: u8| usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let (bytes, rest) = rest.split_at_checked(number(f0, f1, f2))?;
        let sequence = u16::from_be_bytes([s0, s1]);
        Some(Self { kind, len: number(l0, l1, l2), sequence, offset: number(o0, o1, o2), bytes, rest })
    }
}

/// A message that is not all there yet.
#[derive(Debug)]
struct Partial {
    sequence: u16,
    kind: u8,
    len: usize,
    pieces: Pieces,
}

/// Reads a flow's handshake.
#[derive(Debug)]
pub struct DtlsParser {
    tls: TlsParser,
    partial: [ArrayVec<Partial, MAX_PARTIAL>; 2],
    /// For a whole message with the header that TLS gives it.
    message: Vec<u8>,
}

impl Default for DtlsParser {
    fn default() -> Self {
        Self::new()
    }
}

/// A datagram: a record that says to be the first of a handshake, and a hello in it.
#[must_use]
pub fn probe_datagram(direction: Direction, bytes: &[u8]) -> Likeness {
    let hello = |record: &Record<'_>| {
        Fragment::read(record.payload).is_some_and(|fragment| match direction {
            Direction::ToServer => fragment.kind == 1 && fragment.offset + fragment.bytes.len() <= fragment.len,
            Direction::ToClient => matches!(fragment.kind, 2 | 3),
        })
    };
    let fits = Record::read(bytes)
        .is_some_and(|record| record.content == 22 && record.version.is_dtls() && record.epoch == 0 && hello(&record));
    if fits { Likeness::Yes } else { Likeness::No }
}

impl DtlsParser {
    /// For a flow that begins with DTLS.
    #[must_use]
    pub fn new() -> Self {
        Self { tls: TlsParser::over_datagrams(), partial: Default::default(), message: Vec::new() }
    }

    fn record(&mut self, record: &Record<'_>, direction: Direction, observer: &mut dyn Observer) {
        if record.epoch > 0 {
            return self.tls.reach(Progress::Complete, direction, observer);
        }
        if record.content != 22 {
            return;
        }
        let mut rest = record.payload;
        while !rest.is_empty() {
            let Some(fragment) = Fragment::read(rest) else {
                return self.tls.tell_odd(Oddities::HANDSHAKE_INVALID_LENGTH, direction, observer);
            };
            rest = fragment.rest;
            if fragment.offset + fragment.bytes.len() > fragment.len {
                return self.tls.tell_odd(Oddities::HANDSHAKE_INVALID_LENGTH, direction, observer);
            }
            self.fragment(&fragment, direction, observer);
        }
    }

    fn fragment(&mut self, fragment: &Fragment<'_>, direction: Direction, observer: &mut dyn Observer) {
        if fragment.bytes.len() == fragment.len {
            return self.whole(fragment.kind, fragment.bytes, direction, observer);
        }
        let all = &mut self.partial[direction.index()];
        let same = |partial: &Partial| partial.sequence == fragment.sequence && partial.len == fragment.len;
        let at = all.iter().position(same).unwrap_or_else(|| {
            if all.is_full() {
                all.remove(0);
            }
            let (sequence, kind, len) = (fragment.sequence, fragment.kind, fragment.len);
            all.push(Partial { sequence, kind, len, pieces: Pieces::default() });
            all.len() - 1
        });
        let Some(partial) = all.get_mut(at) else { return };
        if partial.pieces.add(fragment.offset as u64, fragment.bytes).is_err() {
            self.tls.tell_odd(Oddities::HANDSHAKE_INVALID_LENGTH, direction, observer);
        } else if partial.pieces.start().len() >= partial.len {
            let partial = all.remove(at);
            let body = partial.pieces.start().get(..partial.len).unwrap_or_default();
            self.whole(partial.kind, body, direction, observer);
        }
    }

    fn whole(&mut self, kind: u8, body: &[u8], direction: Direction, observer: &mut dyn Observer) {
        // HelloVerifyRequest: TLS has no such message. The client comes again with what it says.
        if kind == 3 {
            return;
        }
        let len = (body.len() as u32).to_be_bytes();
        self.message.clear();
        self.message.extend_from_slice(&[kind, len[1], len[2], len[3]]);
        self.message.extend_from_slice(body);
        self.tls.message(&self.message, direction, observer);
    }
}

impl Parser for DtlsParser {
    fn protocol(&self) -> Protocol {
        Protocol::Dtls
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            // The short header of DTLS 1.3, which is all encrypted (RFC 9147, 4).
            if first & 0xe0 == 0x20 {
                self.tls.reach(Progress::Complete, direction, observer);
                break;
            }
            let Some(record) = Record::read(rest).filter(|record| record.version.is_dtls()) else {
                self.tls.tell_odd(Oddities::INVALID_TLS_HEADER, direction, observer);
                break;
            };
            self.record(&record, direction, observer);
            rest = record.rest;
        }
        self.tls.status()
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        self.tls.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.tls.end(direction, observer);
    }
}
