//! Bytes to frames, frames to messages.

use super::event::{REASSEMBLY_LIMIT_REACHED, SKIP_END_OF_PAYLOAD};
use super::inflate::{Inflate, Outcome};
use super::transaction::{WebsocketTransaction, opcode};
use crate::packet::Direction;
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use arrayvec::ArrayVec;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of a payload or message that are looked at.
pub const PAYLOAD_LIMIT: usize = 64 * 1024;

/// Bytes of the longest header of a frame.
const MAX_HEADER: usize = 14;

const FIN: u8 = 0x80;
/// The message is compressed.
const COMPRESSED: u8 = 0x40;

/// A frame's header (RFC 6455, 5.2).
#[derive(Clone, Copy, Debug)]
struct Header {
    first: u8,
    mask: Option<[u8; 4]>,
    len: u64,
}

impl Header {
    /// How many bytes it takes; 2 as long as that is not known.
    fn wanted(bytes: &[u8]) -> usize {
        let Some(second) = bytes.get(1) else { return 2 };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        2 + mask
            + match second & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            }
    }

    /// From as many bytes as [`Self::wanted`] says.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
        let (len, rest) = match second & 0x7f {
            126 => rest.split_first_chunk().map(|(len, rest)| (u64::from(u16::from_be_bytes(*len)), rest))?,
            127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len), rest))?,
            len => (u64::from(len), rest),
        };
        Some(Self { first, mask: rest.first_chunk().copied(), len })
    }

    fn is_control(self) -> bool {
        self.first & 0x0f >= opcode::CONTROL
    }
}

/// One direction of a flow.
#[derive(Debug, Default)]
struct Side {
    head: ArrayVec<u8, MAX_HEADER>,
    header: Option<Header>,
    /// Bytes of the payload that are to come.
    left: u64,
    /// The payload, unmasked, as far as it is kept.
    payload: Vec<u8>,
    /// Frames of a message that is not over.
    message: Vec<u8>,
    /// The first byte of its first frame.
    message_first: Option<u8>,
    message_cut: bool,
    inflate: Inflate,
}

/// Reads one flow.
#[derive(Debug, Default)]
pub struct WebsocketParser {
    transaction: WebsocketTransaction,
    transactions: u64,
    sides: [Side; 2],
    gave_up: bool,
}

impl WebsocketParser {
    /// For a flow that changed to it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with `bytes`, which are not empty; what is left of them.
    fn step<'a>(&mut self, direction: Direction, bytes: &'a [u8], observer: &mut dyn Observer) -> &'a [u8] {
        let side = &mut self.sides[direction.index()];
        let Some(header) = side.header else {
            let missing = Header::wanted(&side.head).saturating_sub(side.head.len());
            let (more, rest) = bytes.split_at(missing.min(bytes.len()));
            side.head.extend(more.iter().copied().take(MAX_HEADER - side.head.len()));
            if side.head.len() == Header::wanted(&side.head)
                && let Some(header) = Header::read(&side.head)
            {
                side.header = Some(header);
                side.left = header.len;
                side.payload.clear();
                if header.len == 0 {
                    self.frame(direction, header, observer);
                }
            }
            return rest;
        };
        let take = usize::try_from(side.left).unwrap_or(usize::MAX).min(bytes.len());
        let (more, rest) = bytes.split_at(take);
        let done = header.len - side.left;
        side.left -= take as u64;
        let room = PAYLOAD_LIMIT.saturating_sub(side.payload.len()).min(more.len());
        let mask = header.mask.unwrap_or_default();
        let kept = more.get(..room).unwrap_or_default();
        let unmasked = kept.iter().enumerate().map(|(i, byte)| byte ^ mask[(done as usize).wrapping_add(i) & 3]);
        side.payload.extend(unmasked);
        if side.left == 0 {
            self.frame(direction, header, observer);
        }
        rest
    }

    /// A frame is over.
    fn frame(&mut self, direction: Direction, header: Header, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        let transaction = &mut self.transaction;
        transaction.begin(self.transactions, direction, header.first, header.mask.map(u32::from_be_bytes));
        self.transactions += 1;
        side.header = None;
        let shown = side.payload.get(..MAX_FRAME).unwrap_or(&side.payload);
        observer.frame(Some(&mut *transaction), direction, "header", &side.head);
        observer.frame(Some(&mut *transaction), direction, "data", shown);
        let room = MAX_FRAME.saturating_sub(side.head.len()).min(shown.len());
        let pdu: Vec<u8> = side.head.iter().chain(shown.get(..room).unwrap_or_default()).copied().collect();
        observer.frame(Some(&mut *transaction), direction, "pdu", &pdu);
        side.head.clear();
        let mut odd = (side.payload.len() as u64) < header.len;
        let mut reassembly = false;
        if header.is_control() {
            transaction.payload.extend_from_slice(&side.payload);
        } else {
            reassembly = side.data_frame(header, transaction, &mut odd);
        }
        side.payload.clear();
        side.payload.shrink_to(MAX_FRAME);
        for (is, name) in [(odd, SKIP_END_OF_PAYLOAD), (reassembly, REASSEMBLY_LIMIT_REACHED)] {
            if is {
                observer.event(Some(transaction), direction, name);
            }
        }
        observer.progress(transaction, direction, Progress::Complete);
        observer.log(transaction, direction);
        transaction.payload.shrink_to(MAX_FRAME);
    }
}

impl Side {
    /// A frame of a message: its payload to the transaction, or the message's if it ends it; whether the message is too long to be
    /// put together.
    fn data_frame(&mut self, header: Header, transaction: &mut WebsocketTransaction, odd: &mut bool) -> bool {
        let last = header.first & FIN != 0;
        let continues = header.first & 0x0f == opcode::CONTINUATION && self.message_first.is_some();
        if !continues {
            self.message.clear();
            self.message_cut = false;
            self.message_first = Some(header.first);
        }
        let message_first = self.message_first.unwrap_or(header.first);
        if continues {
            transaction.message = Some(message_first & 0x0f);
        }
        let alone = last && !continues;
        let mut too_long = false;
        if !alone {
            let room = PAYLOAD_LIMIT.saturating_sub(self.message.len()).min(self.payload.len());
            self.message.extend_from_slice(self.payload.get(..room).unwrap_or_default());
            too_long = room < self.payload.len() && !std::mem::replace(&mut self.message_cut, true);
        }
        if !last {
            transaction.payload.extend_from_slice(&self.payload);
            return too_long;
        }
        let whole = if alone { &self.payload } else { &self.message };
        if message_first & COMPRESSED == 0 {
            transaction.payload.extend_from_slice(whole);
        } else {
            match self.inflate.message(whole, &mut transaction.payload) {
                Outcome::Whole => {}
                Outcome::Cut => *odd = true,
                Outcome::Broken => {
                    // It may stand there as it is.
                    transaction.payload.clear();
                    transaction.payload.extend_from_slice(whole);
                }
            }
        }
        self.message.clear();
        self.message.shrink_to(MAX_FRAME);
        self.message_first = None;
        too_long
    }
}

impl Parser for WebsocketParser {
    fn protocol(&self) -> Protocol {
        Protocol::Websocket
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let mut rest = bytes;
        while !rest.is_empty() && !self.gave_up {
            rest = self.step(direction, rest, observer);
        }
        if self.gave_up { Status::GaveUp } else { Status::More }
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        match side.header.filter(|_| len <= side.left) {
            Some(header) => {
                // What stands behind the gap is not told as if it stood before.
                side.left -= len;
                side.message_cut = true;
                let room = PAYLOAD_LIMIT.saturating_sub(side.payload.len());
                let zeros = usize::try_from(len).unwrap_or(usize::MAX).min(room);
                side.payload.resize(side.payload.len() + zeros, 0);
                if side.left == 0 {
                    self.frame(direction, header, observer);
                }
            }
            None => self.gave_up = true,
        }
        if self.gave_up { Status::GaveUp } else { Status::More }
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if let Some(header) = self.sides[direction.index()].header.filter(|_| !self.gave_up) {
            self.frame(direction, header, observer);
        }
    }
}
