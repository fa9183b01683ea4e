//! Content codings undone: gzip, deflate with or without zlib's header, Brotli (RFC 7932), one on another.
//!
//! Servers label what they send badly, and browsers are lenient: what is called deflate may be zlib or gzip, and the other
//! way round. So long as nothing came out of a coding, the bytes are kept (within bounds) and tried as each of the others,
//! and as plain bytes at last. What comes out is bounded: see [`Limits`]. While a body is read, Brotli looks back at up to 16 MiB of
//! it, the others at 32 KiB; what those take is kept for the next bodies, of four at most by each worker.

use super::config::DecompressLimits as Limits;
use super::event::Event;
use super::field::{has_word, is_word};
use arrayvec::ArrayVec;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use std::cell::RefCell;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocols) enum Coding {
    Gzip,
    Deflate,
    Zlib,
    Brotli,
}

impl Coding {
    /// What is tried after this one.
    fn other(self) -> Self {
        match self {
            Self::Gzip => Self::Deflate,
            Self::Deflate => Self::Zlib,
            Self::Zlib | Self::Brotli => Self::Gzip,
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
    engine: Option<Engine>,
}

/// What undoes a coding, and where what it gives is put.
enum Engine {
    Inflate(Inflate),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>, Box<[u8; PIECE]>),
}

/// Inflating takes 50 KiB, which are used again.
struct Inflate(Option<Box<Inflater>>);

struct Inflater {
    state: Decompress,
    out: [u8; PIECE],
}

/// Inflaters that a worker keeps for the next bodies.
const SPARE: usize = 4;

thread_local! {
    /// Those of this thread: a worker is a thread.
    static INFLATERS: RefCell<ArrayVec<Box<Inflater>, SPARE>> = const { RefCell::new(ArrayVec::new_const()) };
}

impl Inflate {
    /// `zlib`: there is a header of zlib.
    fn new(zlib: bool) -> Self {
        let spare = INFLATERS.try_with(|spare| spare.try_borrow_mut().ok()?.pop()).ok().flatten();
        Self(Some(match spare {
            Some(mut inflater) => {
                // What another body left in the window is overwritten.
                inflater.state.reset(zlib);
                inflater
            }
            None => Box::new(Inflater { state: Decompress::new(zlib), out: [0; PIECE] }),
        }))
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        let Some(inflater) = self.0.take() else { return };
        // Where there is no room, or the thread ends, it is dropped.
        let _ = INFLATERS.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut() {
                let _ = spare.try_push(inflater);
            }
        });
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inflate(_) => "Inflate",
            Self::Brotli(..) => "Brotli",
        })
    }
}

/// What came of a step.
enum Step {
    /// There may be more.
    More,
    /// It is over.
    End,
    Failed,
}

impl Engine {
    fn of(coding: Coding) -> Self {
        match coding {
            Coding::Gzip | Coding::Deflate => Self::Inflate(Inflate::new(false)),
            Coding::Zlib => Self::Inflate(Inflate::new(true)),
            Coding::Brotli => {
                let memory = StandardAlloc::default();
                Self::Brotli(Box::new(BrotliState::new_strict(memory, memory, memory)), Box::new([0; PIECE]))
            }
        }
    }

    /// How many bytes were taken, what was given for them, at most [`PIECE`] bytes, and how it goes on.
    fn step(&mut self, input: &[u8]) -> (usize, &[u8], Step) {
        match self {
            Self::Inflate(Inflate(None)) => (0, &[], Step::End),
            Self::Inflate(Inflate(Some(inflater))) => {
                let Inflater { state, out } = &mut **inflater;
                let (taken, given) = (state.total_in(), state.total_out());
                let step = match state.decompress(input, out, FlushDecompress::None) {
                    Ok(Status::StreamEnd) => Step::End,
                    Ok(_) => Step::More,
                    Err(_) => Step::Failed,
                };
                let given = (state.total_out() - given) as usize;
                ((state.total_in() - taken) as usize, out.get(..given).unwrap_or_default(), step)
            }
            Self::Brotli(state, out) => {
                let (mut left, mut taken, mut room, mut given, mut total) = (input.len(), 0, PIECE, 0, 0);
                let result = BrotliDecompressStream(
                    &mut left, &mut taken, input, &mut room, &mut given, &mut **out, &mut total, state,
                );
                let step = match result {
                    BrotliResult::ResultSuccess => Step::End,
                    BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Step::More,
                    BrotliResult::ResultFailure => Step::Failed,
                };
                (taken, out.get(..given).unwrap_or_default(), step)
            }
        }
    }
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
pub(in crate::protocols) struct Decompressor {
    layers: Vec<Layer>,
    taken: u64,
    given: u64,
    bomb: bool,
}

/// What a `Content-Encoding` asks for, in the order in which it was applied, and what is odd about it.
pub(in crate::protocols) fn codings(value: &[u8], limits: &Limits) -> (Vec<Coding>, Option<Event>) {
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
        } else if is_word(token, b"br") {
            (Some(Coding::Brotli), false)
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
    pub(in crate::protocols) fn new(codings: &[Coding]) -> Self {
        Self { layers: codings.iter().rev().map(|c| Layer::new(*c)).collect(), ..Self::default() }
    }

    /// One that swallows all: what is compressed cannot be read on behind a gap.
    pub(in crate::protocols) fn stopped() -> Self {
        Self { bomb: true, ..Self::default() }
    }

    /// Undoes more of the body; what is odd about it.
    pub(in crate::protocols) fn push(
        &mut self,
        input: &[u8],
        limits: &Limits,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<Event> {
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
        Self { coding, state: State::Header, held: Vec::new(), tries: 0, engine: None }
    }

    /// Undoes more; whether it failed just now.
    fn push(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        match self.state {
            State::Plain => {
                sink(input);
                false
            }
            State::Ended | State::Failed => false,
            State::Running => self.undo(input, sink).is_err(),
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
                        self.engine = Some(Engine::of(self.coding));
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
            if self.undo(rest, sink).is_ok() {
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
        self.engine = None;
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
            Coding::Zlib | Coding::Deflate | Coding::Brotli => Header::Bytes(0),
        }
    }

    fn undo(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), ()> {
        let Some(engine) = self.engine.as_mut() else { return Ok(()) };
        let mut rest = input;
        loop {
            let (used, given, step) = engine.step(rest);
            let out = given.len();
            rest = rest.get(used..).unwrap_or_default();
            let mut go_on = true;
            if out > 0 {
                self.state = State::Running;
                go_on = sink(given);
            }
            match step {
                Step::End => {
                    self.state = State::Ended;
                    self.engine = None;
                    return Ok(());
                }
                Step::More if !go_on => {
                    self.state = State::Ended;
                    self.engine = None;
                    return Ok(());
                }
                // All is taken, and all that came of it is handed on.
                Step::More if out < PIECE && (rest.is_empty() || used == 0 && out == 0) => return Ok(()),
                Step::More => {}
                Step::Failed => {
                    if self.state == State::Running {
                        self.state = State::Failed;
                        self.engine = None;
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
