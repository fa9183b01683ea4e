//! Streams and datagrams to calls and replies.

use super::event;
use super::rpc::{Call, Reply};
use super::session::Session;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;

/// Bytes of a call or reply: the most that is read or written at once, and what stands around it.
pub const MAX_RECORD: usize = 1024 * 1024 + 16 * 1024;

/// How calls and replies are told from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One to a datagram.
    Datagram,
    /// In fragments, each with a mark before it (RFC 5531, 11).
    Stream,
}

/// What is unfinished in one direction of a stream.
#[derive(Debug, Default)]
struct Unfinished {
    /// The mark of the fragment at hand, as far as it came.
    mark: Vec<u8>,
    /// The record, as far as it came.
    bytes: Vec<u8>,
    /// Bytes of the fragment at hand that are still to come.
    left: u64,
    /// It is the record's last.
    last: bool,
    /// The record is not kept: it is too long, or bytes of it are missing.
    dropped: bool,
    /// It is not known where the next record begins.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct NfsParser {
    transport: Transport,
    session: Session,
    unfinished: [Unfinished; 2],
    ended: [bool; 2],
}

impl NfsParser {
    /// For a flow of this kind.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            session: Session::default(),
            unfinished: [Unfinished::default(), Unfinished::default()],
            ended: [false; 2],
        }
    }

    fn message(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
        if let Some(call) = Call::read(bytes) {
            if !(2..=4).contains(&call.heading.version) {
                return observer.event(None, direction, event::NONEXISTENT_VERSION);
            }
            if self.session.call(&call, direction, observer).is_none() {
                observer.event(None, direction, event::MALFORMED_DATA);
            }
        } else if let Some(reply) = Reply::read(bytes) {
            // A reply to a call that was not seen is no defect.
            self.session.reply(&reply, direction, observer);
        } else {
            observer.event(None, direction, event::MALFORMED_DATA);
        }
    }

    fn stream(&mut self, direction: Direction, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() {
            let side = &mut self.unfinished[direction.index()];
            if side.left == 0 {
                // Records mostly begin where segments do.
                if side.lost && !bytes.starts_with(&[0x80]) {
                    return;
                }
                side.lost = false;
                let (more, rest) = bytes.split_at((4 - side.mark.len()).min(bytes.len()));
                side.mark.extend_from_slice(more);
                bytes = rest;
                let Some(mark) = side.mark.first_chunk::<4>().map(|mark| u32::from_be_bytes(*mark)) else { return };
                side.mark.clear();
                side.last = mark & 0x8000_0000 != 0;
                side.left = u64::from(mark & 0x7fff_ffff);
                if side.bytes.len() as u64 + side.left > MAX_RECORD as u64 && !side.dropped {
                    side.dropped = true;
                    side.bytes = Vec::new();
                    observer.event(None, direction, event::MALFORMED_DATA);
                }
            }
            let side = &mut self.unfinished[direction.index()];
            let len = usize::try_from(side.left).unwrap_or(usize::MAX).min(bytes.len());
            let (more, rest) = bytes.split_at(len);
            bytes = rest;
            side.left -= len as u64;
            if !side.dropped {
                side.bytes.extend_from_slice(more);
            }
            if side.left == 0 && side.last {
                let record = std::mem::take(&mut side.bytes);
                if !std::mem::take(&mut side.dropped) {
                    self.message(direction, &record, observer);
                }
            }
        }
    }
}

impl Parser for NfsParser {
    fn protocol(&self) -> Protocol {
        Protocol::Nfs
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        match self.transport {
            Transport::Datagram => self.message(direction, bytes, observer),
            Transport::Stream => self.stream(direction, bytes, observer),
        }
        Status::More
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.unfinished[direction.index()];
        side.bytes = Vec::new();
        side.mark.clear();
        if len > side.left || side.left == 0 || len == side.left && !side.last {
            *side = Unfinished { lost: true, ..Unfinished::default() };
        } else {
            side.left -= len;
            side.dropped = side.left > 0;
        }
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.unfinished[direction.index()] = Unfinished { lost: true, ..Unfinished::default() };
        self.ended[direction.index()] = true;
        if self.ended == [true; 2] {
            self.session.end(observer);
        }
    }
}
