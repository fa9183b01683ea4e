//! Streams to records of NetBIOS sessions (RFC 1002, 4.3), and these to messages.

use super::header::{Family, Header, SMB2};
use super::session::Session;
use super::smb1::{self, READ_ANDX, WRITE_ANDX};
use super::smb2::{self, Message, Related, Sink};
use crate::packet::Direction;
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;

/// Bytes that are kept of one message.
pub const MAX_KEPT: usize = 64 * 1024;

/// Bytes before each message: its kind and its length.
const NETBIOS: usize = 4;
/// Bytes by which it is known whether a message's data may pass through.
const TELLING: usize = NETBIOS + SMB2;
/// Messages of one record.
const MAX_CHAIN: usize = 64;

/// One direction.
#[derive(Debug, Default)]
struct Side {
    /// A record, as far as it came.
    bytes: Vec<u8>,
    /// Bytes of the record at hand that are still to pass.
    passing: u64,
    /// The file that they are of, as far as they are of one.
    sink: Option<Sink>,
    /// It is not known where the next record begins.
    lost: bool,
}

/// Reads a stream.
#[derive(Debug, Default)]
pub struct SmbParser {
    session: Session,
    sides: [Side; 2],
}

/// Bytes of the record that begins so.
fn record_len(bytes: &[u8]) -> Option<usize> {
    let [_, high, mid, low] = *bytes.first_chunk::<NETBIOS>()?;
    Some(NETBIOS + u32::from_be_bytes([0, high, mid, low]) as usize)
}

/// How many bytes of the record that begins so are needed to go on.
fn wanted(bytes: &[u8]) -> usize {
    let Some(whole) = record_len(bytes) else { return NETBIOS };
    if bytes.len() < TELLING {
        return whole.min(TELLING);
    }
    let message = bytes.get(NETBIOS..).unwrap_or_default();
    let passes = match Family::of(message) {
        Some(Family::Smb1) => Header::smb1(message)
            .is_some_and(|h| h.command == u16::from(if h.response { READ_ANDX } else { WRITE_ANDX })),
        Some(Family::Smb2) => Header::smb2(message)
            .is_some_and(|h| h.next == 0 && h.command == if h.response { smb2::READ } else { smb2::WRITE }),
        Some(Family::Transformed) | None => true,
    };
    whole.min(NETBIOS + if passes { MAX_FRAME } else { MAX_KEPT })
}

/// What is needed of the record that begins so, if all of it is there; and bytes of the record.
fn whole_record(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let len = record_len(bytes)?;
    let own = bytes.get(..len).unwrap_or(bytes);
    own.get(..wanted(own)).map(|record| (record, len))
}

/// Whether a record can begin so.
fn is_likely(bytes: &[u8]) -> bool {
    match bytes {
        [0, _, _, _, message @ ..] => {
            message.is_empty()
                || matches!(message[0], 0xfc..=0xff) && b"SMB".starts_with(&message[1..message.len().min(4)])
        }
        [0 | 0x81..=0x85, ..] | [] => true,
        _ => false,
    }
}

impl SmbParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what is there of a record; the rest of it, `len` bytes in all, passes.
    fn record(&mut self, direction: Direction, bytes: &[u8], len: usize, observer: &mut dyn Observer) {
        let message = bytes.get(NETBIOS..).unwrap_or_default();
        let frame = |bytes: &'_ [u8]| -> usize { bytes.len().min(MAX_FRAME) };
        observer.frame(None, direction, "nbss.pdu", &bytes[..frame(bytes)]);
        observer.frame(None, direction, "nbss.hdr", &bytes[..NETBIOS.min(bytes.len())]);
        observer.frame(None, direction, "nbss.data", &message[..frame(message)]);
        if bytes.first() != Some(&0) {
            return;
        }
        let len = len.saturating_sub(NETBIOS);
        let sink = match Family::of(message) {
            Some(Family::Smb1) => self.smb1(direction, message, len, observer),
            Some(Family::Smb2) => self.smb2(direction, message, len, observer),
            Some(Family::Transformed) => {
                let header = message.len().min(52);
                observer.frame(None, direction, "smb3.pdu", &message[..frame(message)]);
                observer.frame(None, direction, "smb3.hdr", &message[..header]);
                observer.frame(None, direction, "smb3.data", &message[header..frame(message).max(header)]);
                None
            }
            None => {
                observer.event(None, direction, super::event::MALFORMED_DATA);
                None
            }
        };
        self.sides[direction.index()].sink = sink;
    }

    fn smb1(&mut self, direction: Direction, bytes: &[u8], len: usize, observer: &mut dyn Observer) -> Option<Sink> {
        let Some(header) = Header::smb1(bytes) else {
            observer.event(None, direction, super::event::MALFORMED_DATA);
            return None;
        };
        tell_frames(direction, ["smb1.pdu", "smb1.hdr", "smb1.data"], bytes, super::header::SMB1, observer);
        smb1::message(&mut self.session, Message { header, bytes, len, direction, observer })
    }

    fn smb2(&mut self, direction: Direction, bytes: &[u8], len: usize, observer: &mut dyn Observer) -> Option<Sink> {
        let (mut rest, mut left) = (bytes, len);
        let mut related = Related::default();
        let mut sink = None;
        for _ in 0..MAX_CHAIN {
            let header = Some(rest).filter(|rest| Family::of(rest) == Some(Family::Smb2)).and_then(Header::smb2);
            let Some(header) = header else {
                observer.event(None, direction, super::event::MALFORMED_DATA);
                break;
            };
            let next = header.next as usize;
            let own = if next == 0 { left } else { next.min(left) };
            let bytes = rest.get(..own).unwrap_or(rest);
            tell_frames(direction, ["smb2.pdu", "smb2.hdr", "smb2.data"], bytes, SMB2, observer);
            let message = Message { header, bytes, len: own, direction, observer: &mut *observer };
            sink = smb2::message(&mut self.session, message, &mut related);
            let Some(behind) = rest.get(next..).filter(|_| next >= SMB2) else { break };
            (rest, left) = (behind, left.saturating_sub(next));
        }
        sink
    }

    fn stream(&mut self, direction: Direction, mut bytes: &[u8], observer: &mut dyn Observer) -> Option<()> {
        while !bytes.is_empty() {
            let side = &mut self.sides[direction.index()];
            if side.passing > 0 {
                let len = usize::try_from(side.passing).unwrap_or(usize::MAX).min(bytes.len());
                let (passed, rest) = bytes.split_at(len);
                bytes = rest;
                side.passing -= len as u64;
                self.pass(direction, passed, observer);
                continue;
            }
            if side.lost {
                // Records mostly begin where segments do.
                if bytes.first() != Some(&0) || bytes.get(NETBIOS..).and_then(Family::of).is_none() {
                    return Some(());
                }
                side.lost = false;
            }
            if side.bytes.is_empty()
                && let Some((record, len)) = whole_record(bytes)
            {
                if !is_likely(record) {
                    return None;
                }
                side.passing = len.saturating_sub(record.len()) as u64;
                self.record(direction, record, len, observer);
                bytes = bytes.get(record.len()..).unwrap_or_default();
                continue;
            }
            let missing = wanted(&side.bytes).saturating_sub(side.bytes.len());
            let (more, rest) = bytes.split_at(missing.min(bytes.len()));
            side.bytes.extend_from_slice(more);
            bytes = rest;
            if !is_likely(&side.bytes) {
                return None;
            }
            let Some(len) = record_len(&side.bytes).filter(|_| side.bytes.len() >= wanted(&side.bytes)) else {
                continue;
            };
            let whole = std::mem::take(&mut side.bytes);
            side.passing = len.saturating_sub(whole.len()) as u64;
            self.record(direction, &whole, len, observer);
            let side = &mut self.sides[direction.index()];
            side.bytes = whole;
            side.bytes.clear();
            if side.bytes.capacity() > MAX_FRAME {
                side.bytes = Vec::new();
            }
        }
        Some(())
    }

    /// Bytes of a record that are not kept: those of a file go there.
    fn pass(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        let Some(sink) = &mut side.sink else { return };
        let len = usize::try_from(sink.left).unwrap_or(usize::MAX).min(bytes.len());
        let at = *sink;
        sink.left -= len as u64;
        sink.offset = sink.offset.saturating_add(len as u64);
        if sink.left == 0 {
            side.sink = None;
        }
        let bytes = bytes.get(..len).unwrap_or_default();
        self.session.file_data(&at.header, direction, (at.id, at.read, at.offset), bytes, observer);
    }
}

fn tell_frames(
    direction: Direction,
    names: [&'static str; 3],
    message: &[u8],
    header: usize,
    observer: &mut dyn Observer,
) {
    let shown = message.get(..MAX_FRAME).unwrap_or(message);
    let (head, data) = shown.split_at(header.min(shown.len()));
    for (name, bytes) in names.into_iter().zip([shown, head, data]) {
        observer.frame(None, direction, name, bytes);
    }
}

impl Parser for SmbParser {
    fn protocol(&self) -> Protocol {
        Protocol::Smb
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        match self.stream(direction, bytes, observer) {
            Some(()) => Status::More,
            None => {
                observer.event(None, direction, super::event::MALFORMED_DATA);
                self.session.end(observer);
                Status::GaveUp
            }
        }
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        // What is there of a record is taken, if its header is.
        if side.passing == 0
            && let Some(whole) = record_len(&side.bytes).filter(|_| side.bytes.len() >= TELLING)
        {
            let bytes = std::mem::take(&mut side.bytes);
            side.passing = whole.saturating_sub(bytes.len()) as u64;
            self.record(direction, &bytes, whole, observer);
        }
        let side = &mut self.sides[direction.index()];
        side.bytes.clear();
        let inside = side.passing.min(len);
        side.lost |= inside < len || side.passing == 0;
        side.passing -= inside;
        if let Some(sink) = &mut side.sink {
            let lost = sink.left.min(inside);
            let at = *sink;
            sink.left -= lost;
            sink.offset = sink.offset.saturating_add(lost);
            if sink.left == 0 {
                side.sink = None;
            }
            self.session.file_lost(at.id, at.read, at.offset, lost);
        }
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        side.bytes = Vec::new();
        side.sink = None;
        side.lost = true;
        if self.sides.iter().all(|side| side.lost) {
            self.session.end(observer);
        }
    }
}
