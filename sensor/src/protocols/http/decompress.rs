//! Content codings undone: gzip, deflate with or without zlib's header, Brotli, one on another.
//!
//! Servers label what they send badly, and browsers are lenient: what is called deflate may be zlib or gzip, and the other
//! way round. So long as nothing came out of a coding, the bytes are kept (within bounds) and tried as each of the others,
//! and as plain bytes at last. What comes out is bounded: see [`Limits`].

use super::config::DecompressLimits as Limits;
use super::event::Event;
use super::field::{has_word, is_word};
use flate2::{Decompress, FlushDecompress, Status};

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Zlib,
}

impl Coding {
    /// What is tried after this one.
    fn other(self) -> Self {
        match self {
            Self::Gzip => Self::Deflate,
            Self::Deflate => Self::Zlib,
            Self::Zlib => Self::Gzip,
        }
    }
}

/// Most bytes kept for another try.
const MAX_HELD: usize = 16 * 1024;
/// So many codings are tried besides the one that was named.
const TRIES: u8 = 3;
/// Bytes that a layer hands on at once.
const PIECE: usize = 8 * 1024;

/// One coding being undone.
#[derive(Debug)]
struct Layer {
    coding: Coding,
    state: State,
    /// Its first bytes, until something came out.
    held: Vec<u8>,
    tries: u8,
    inflate: Option<Decompress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The header is not complete.
    Header,
    /// Nothing came out yet.
    Silent,
    Running,
    /// It was no coding after all.
    Plain,
    /// What follows does not belong to it.
    Ended,
    Failed,
}

/// A body's codings, the one to undo first in front.
#[derive(Debug, Default)]
pub(super) struct Decompressor {
    layers: Vec<Layer>,
    taken: u64,
    given: u64,
    bomb: bool,
}

/// What a `Content-Encoding` asks for, in the order in which it was applied, and what is odd about it.
pub(super) fn codings(value: &[u8], limits: &Limits) -> (Vec<Coding>, Option<Event>) {
    let mut found = Vec::new();
    let mut event = None;
    let tokens = value.split(|b| matches!(b, b',' | b' ')).filter(|t| !t.is_empty());
    for (count, token) in tokens.enumerate() {
        if count >= limits.layers {
            event = Some(Event::TooManyEncodingLayers);
            break;
        }
        let exact = |words: [&[u8]; 2]| words.iter().any(|w| is_word(token, w));
        let (coding, odd) = if has_word(token, b"gzip") {
            (Some(Coding::Gzip), !exact([b"gzip", b"x-gzip"]))
        } else if has_word(token, b"deflate") {
            (Some(Coding::Deflate), !exact([b"deflate", b"x-deflate"]))
        } else {
            (None, !exact([b"identity", b"none"]) && !exact([b"inflate", b"identity"]))
        };
        if odd && event.is_none() {
            event = Some(Event::AbnormalContentEncoding);
        }
        found.extend(coding);
    }
    (found, event)
}

impl Decompressor {
    /// For codings in the order in which they were applied.
    pub(super) fn new(codings: &[Coding]) -> Self {
        Self { layers: codings.iter().rev().map(|c| Layer::new(*c)).collect(), ..Self::default() }
    }

    /// One that swallows all: what is compressed cannot be read on behind a gap.
    pub(super) fn stopped() -> Self {
        Self { bomb: true, ..Self::default() }
    }

    /// Undoes more of the body; what is odd about it.
    pub(super) fn push(&mut self, input: &[u8], limits: &Limits, sink: &mut dyn FnMut(&[u8])) -> Option<Event> {
        if self.bomb {
            return None;
        }
        self.taken = self.taken.saturating_add(input.len() as u64);
        let (taken, mut given) = (self.taken, self.given);
        let mut bomb = false;
        let failed = feed(&mut self.layers, input, &mut |bytes| {
            given = given.saturating_add(bytes.len() as u64);
            bomb = given > limits.bomb_bytes && given > taken.saturating_mul(limits.bomb_ratio);
            sink(bytes);
            !bomb
        });
        self.given = given;
        self.bomb = bomb;
        match (bomb, failed) {
            (true, _) => Some(Event::CompressionBomb),
            (_, true) => Some(Event::DecompressionFailed),
            _ => None,
        }
    }
}

/// Runs `input` through the layers; whether one failed.
fn feed(layers: &mut [Layer], input: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let Some((layer, rest)) = layers.split_first_mut() else {
        sink(input);
        return false;
    };
    let mut failed = false;
    let own = layer.push(input, &mut |bytes| {
        let mut go_on = true;
        failed |= feed(rest, bytes, &mut |b| {
            go_on = sink(b);
            go_on
        });
        go_on
    });
    failed | own
}

impl Layer {
    fn new(coding: Coding) -> Self {
        Self { coding, state: State::Header, held: Vec::new(), tries: 0, inflate: None }
    }

    /// Undoes more; whether it failed just now.
    fn push(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        match self.state {
            State::Plain => {
                sink(input);
                false
            }
            State::Ended | State::Failed => false,
            State::Running => self.inflate(input, sink).is_err(),
            State::Header | State::Silent => {
                let start = self.held.len();
                self.held.extend_from_slice(input);
                let mut held = std::mem::take(&mut self.held);
                let failed = self.begin(&held, start, sink);
                if matches!(self.state, State::Header | State::Silent) {
                    if held.len() > MAX_HELD {
                        held = Vec::new();
                        self.state = State::Failed;
                    }
                    self.held = held;
                }
                failed
            }
        }
    }

    /// `held` is all there is, and nothing came out yet; from `new` on it was not looked at.
    fn begin(&mut self, held: &[u8], new: usize, sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let mut new = new;
        loop {
            if self.state == State::Header {
                match self.header(held) {
                    Header::Incomplete => return false,
                    Header::Bytes(len) => {
                        self.state = State::Silent;
                        self.inflate = Some(Decompress::new(self.coding == Coding::Zlib));
                        new = len;
                    }
                    Header::Other => {
                        if self.retry(held, sink) {
                            return true;
                        }
                        continue;
                    }
                }
            }
            let rest = held.get(new..).unwrap_or_default();
            if self.inflate(rest, sink).is_ok() {
                return false;
            }
            if self.state == State::Failed {
                return true;
            }
            if self.retry(held, sink) {
                return true;
            }
        }
    }

    /// Tries the next coding; true if there is none left.
    fn retry(&mut self, held: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.inflate = None;
        if self.tries >= TRIES {
            self.state = State::Plain;
            sink(held);
            return true;
        }
        self.tries += 1;
        self.coding = self.coding.other();
        self.state = State::Header;
        false
    }

    fn header(&self, held: &[u8]) -> Header {
        match self.coding {
            Coding::Gzip => gzip_header(held),
            Coding::Zlib | Coding::Deflate => Header::Bytes(0),
        }
    }

    fn inflate(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), ()> {
        let Some(inflate) = self.inflate.as_mut() else { return Ok(()) };
        let mut rest = input;
        let mut piece = [0; PIECE];
        loop {
            let (taken, given) = (inflate.total_in(), inflate.total_out());
            let result = inflate.decompress(rest, &mut piece, FlushDecompress::None);
            let out = (inflate.total_out() - given) as usize;
            let used = (inflate.total_in() - taken) as usize;
            rest = rest.get(used..).unwrap_or_default();
            let mut go_on = true;
            if out > 0 {
                self.state = State::Running;
                go_on = sink(piece.get(..out).unwrap_or_default());
            }
            match result {
                Ok(Status::StreamEnd) => {
                    self.state = State::Ended;
                    self.inflate = None;
                    return Ok(());
                }
                Ok(_) if !go_on => {
                    self.state = State::Ended;
                    self.inflate = None;
                    return Ok(());
                }
                // All is taken, and all that came of it is handed on.
                Ok(_) if out < PIECE && (rest.is_empty() || used == 0 && out == 0) => return Ok(()),
                Ok(_) => {}
                Err(_) => {
                    if self.state == State::Running {
                        self.state = State::Failed;
                        self.inflate = None;
                    }
                    return Err(());
                }
            }
        }
    }
}

/// What there is of a coding's header.
enum Header {
    Bytes(usize),
    Incomplete,
    Other,
}

/// RFC 1952, 2.3, without its checksums: browsers do not look at them.
fn gzip_header(bytes: &[u8]) -> Header {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    if bytes.iter().zip(MAGIC).any(|(b, m)| *b != m) {
        return Header::Other;
    }
    let Some(flags) = bytes.get(3).copied().filter(|_| bytes.len() >= 10) else { return Header::Incomplete };
    let mut at = 10;
    if flags & 4 != 0 {
        let Some(&[low, high]) = bytes.get(at..at + 2) else { return Header::Incomplete };
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let Some(len) = bytes.get(at..).and_then(|b| memchr::memchr(0, b)) else { return Header::Incomplete };
            at += len + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    if bytes.len() < at { Header::Incomplete } else { Header::Bytes(at) }
}
