//! The parser: what both directions share. What a request and a response are made of is in `request.rs` and `response.rs`.

use super::body::Framing;
use super::config::{DecompressLimits, HttpConfig};
use super::decompress::{Coding, Decompressor, codings};
use super::event::Event;
use super::field::{Known, is_word};
use super::files::Files;
use super::transaction::{HttpTransaction, Message};
use crate::packet::Direction;
use crate::protocols::file::{FilePolicy, FileState};
use crate::protocols::http2::Upgrade;
use crate::protocols::{Observer, Parser, Status};
use arrayvec::ArrayVec;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::any::Any;
use std::collections::VecDeque;

/// Reads the HTTP/1 of one flow.
pub struct HttpParser {
    pub(super) config: HttpConfig,
    /// In order; only what is not complete.
    transactions: VecDeque<Box<HttpTransaction>>,
    /// The number of the first of them.
    first: u64,
    /// The number of the one that each direction is at.
    at: [u64; 2],
    /// For reuse.
    spare: Option<Box<HttpTransaction>>,
    pub(super) place: [Place; 2],
    pub(super) decompressor: [Option<Decompressor>; 2],
    pub(super) closed: [bool; 2],
    /// What comes next, once this is no longer HTTP.
    pub(super) outcome: Option<Status>,
    pub(super) unread: [Vec<u8>; 2],
    pub(super) bombs: u8,
    /// That too much is unfinished was noted.
    too_many: bool,
    /// The request that asked for HTTP/2.
    pub(super) upgrade: Option<Box<Upgrade>>,
}

/// Where one direction is.
#[derive(Debug)]
pub(super) enum Place {
    /// Before or in a first line.
    Line,
    /// In bytes before a status line that are none.
    Junk,
    /// Behind a request line without a protocol: HTTP/0.9, if no more than blanks follow.
    Simple(ArrayVec<u8, 16>),
    Fields,
    Body(Framing),
    /// Behind a message, while the bytes last that came with its end: what is no first line there still belongs to it.
    Over,
    Trailer,
    /// Behind a CONNECT request, whose response decides what follows.
    Connect,
    /// Bytes are missing, and the next first line is not found yet: the start of the line.
    Lost(ArrayVec<u8, 24>),
    /// In a line that is none.
    LostInLine,
}

/// So many bombs in a flow, and nothing more is decompressed.
const MAX_BOMBS: u8 = 3;
/// Most bytes kept for the protocol that follows.
pub(super) const MAX_UNREAD: usize = 64 * 1024;

impl HttpParser {
    /// For a new flow.
    #[must_use]
    pub fn new(config: HttpConfig) -> Self {
        Self {
            config,
            transactions: VecDeque::new(),
            first: 0,
            at: [0, 0],
            spare: None,
            place: [Place::Line, Place::Line],
            decompressor: [None, None],
            closed: [false, false],
            outcome: None,
            unread: [Vec::new(), Vec::new()],
            bombs: 0,
            too_many: false,
            upgrade: None,
        }
    }

    /// Transactions that are not complete.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.transactions.len()
    }

    /// The transaction that a direction is at, if it has begun.
    pub(super) fn current(&mut self, direction: Direction) -> Option<&mut HttpTransaction> {
        let index = usize::try_from(self.at[direction.index()].checked_sub(self.first)?).ok()?;
        self.transactions.get_mut(index).map(|t| &mut **t)
    }

    /// The same, made if there is none; false if there are too many.
    pub(super) fn begin(&mut self, direction: Direction) -> bool {
        if self.current(direction).is_some() {
            return true;
        }
        if self.transactions.len() >= self.config.max_transactions {
            self.note_too_many();
            return false;
        }
        let mut transaction = self.spare.take().unwrap_or_else(|| Box::new(HttpTransaction::new()));
        let id = self.first + self.transactions.len() as u64;
        transaction.reset(id, self.config.request_body_limit, self.config.response_body_limit);
        self.transactions.push_back(transaction);
        true
    }

    /// Notes something odd; it is told with the next progress.
    pub(super) fn note(&mut self, direction: Direction, event: Event) {
        if let Some(transaction) = self.current(direction) {
            transaction.events.add(event);
        }
    }

    /// Tells how far a direction got.
    pub(super) fn tell(&mut self, direction: Direction, progress: Progress, observer: &mut dyn Observer) {
        if let Some(transaction) = self.current(direction) {
            tell(transaction, direction, progress, observer);
        }
    }

    /// The message of a direction is over: it is told, and the next one begins.
    pub(super) fn finish(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.mark_cut(direction);
        let side = direction.index();
        self.decompressor[side] = None;
        self.place[side] = Place::Line;
        let closed = self.closed[direction.reverse().index()];
        let Some(transaction) = self.current(direction) else { return };
        complete(transaction, direction, observer);
        // The other side will not answer any more.
        if closed {
            complete(transaction, direction.reverse(), observer);
        }
        self.at[side] += 1;
        self.retire(observer);
        self.keep_within(direction, observer);
    }

    /// Keeps what unfinished transactions hold within bounds: the bodies that rules have looked at go, the oldest first. Where the rest is
    /// still too much, the flow is given up.
    fn keep_within(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let limit = self.config.pending_bytes;
        let mut held: usize = self.transactions.iter().map(|t| t.held()).sum();
        if self.transactions.len() < 2 || held <= limit {
            return;
        }
        for transaction in &mut self.transactions {
            held = held.saturating_sub(transaction.drop_bodies());
            if held <= limit {
                break;
            }
        }
        self.note_too_many();
        if held > limit {
            self.give_up(direction, None, observer);
        }
    }

    /// Notes, once a flow, that too much is unfinished.
    pub(super) fn note_too_many(&mut self) {
        if !std::mem::replace(&mut self.too_many, true)
            && let Some(last) = self.transactions.back_mut()
        {
            last.events.add(Event::TooManyTransactions);
        }
    }

    /// Logs and drops what is complete.
    pub(super) fn retire(&mut self, observer: &mut dyn Observer) {
        while self.transactions.front().is_some_and(|t| t.done()) {
            let Some(mut transaction) = self.transactions.pop_front() else { return };
            observer.log(&mut *transaction, Direction::ToServer);
            self.first += 1;
            self.at = self.at.map(|at| at.max(self.first));
            self.spare = Some(transaction);
        }
    }

    /// All that is unfinished is told as it stands.
    pub(super) fn finish_all(&mut self, observer: &mut dyn Observer) {
        self.mark_cut(Direction::ToServer);
        self.mark_cut(Direction::ToClient);
        for transaction in &mut self.transactions {
            complete(transaction, Direction::ToServer, observer);
            complete(transaction, Direction::ToClient, observer);
        }
        self.retire(observer);
    }

    /// The body that a direction is in ends here, though it should not yet.
    fn mark_cut(&mut self, direction: Direction) {
        let cut = match &self.place[direction.index()] {
            Place::Body(Framing::Length(left)) => *left > 0,
            Place::Body(Framing::Chunked(_)) => true,
            _ => false,
        };
        if cut && let Some(transaction) = self.current(direction) {
            transaction.message(direction).body.cut = true;
        }
    }

    /// It makes no sense any more.
    pub(super) fn give_up(&mut self, direction: Direction, event: Option<Event>, observer: &mut dyn Observer) {
        if let Some(event) = event {
            self.note(direction, event);
        }
        self.finish_all(observer);
        self.outcome = Some(Status::GaveUp);
    }

    /// Undoes the codings that a message's head names.
    pub(super) fn set_codings(&mut self, direction: Direction, observer: &dyn Observer) {
        let limits = DecompressLimits { lzma: observer.file_policy().lzma, ..self.config.decompress };
        let bombs = self.bombs;
        let Some(transaction) = self.current(direction) else { return };
        let Some(value) = transaction.message(direction).head.get(Known::ContentEncoding) else { return };
        let plain = bombs >= MAX_BOMBS || is_word(value, b"none") || is_word(value, b"inflate");
        if plain || is_word(value, b"identity") {
            return;
        }
        let (codings, event): (Vec<Coding>, _) = codings(value, &limits);
        if let Some(event) = event {
            transaction.events.add(event);
        }
        if !codings.is_empty() {
            self.decompressor[direction.index()] = Some(Decompressor::new(&codings));
        }
    }

    /// Bytes of a body, as they came.
    pub(super) fn body(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
        let mut decompressor = self.decompressor[direction.index()].take();
        let limits = self.config.decompress;
        let mut bomb = false;
        // What rules look at is kept with the body.
        let policy = FilePolicy { keep: 0, ..observer.file_policy() };
        if let Some(transaction) = self.current(direction) {
            transaction.follow_body(direction, policy);
            let Message { body, files, .. } = transaction.message(direction);
            body.wire = body.wire.saturating_add(bytes.len() as u64);
            let mut odd = None;
            let mut sink = |bytes: &[u8]| {
                body.push(bytes);
                match &mut *files {
                    Files::Form(form) => odd = odd.or(form.push(bytes, policy)),
                    Files::Body(Some(tracker)) => tracker.push(bytes),
                    Files::Body(None) | Files::None => {}
                }
            };
            let event = match &mut decompressor {
                Some(decompressor) => decompressor.push(bytes, &limits, &mut sink),
                None => {
                    sink(bytes);
                    None
                }
            };
            for event in event.into_iter().chain(odd) {
                bomb |= event == Event::CompressionBomb;
                transaction.events.add(event);
            }
            tell(transaction, direction, Progress::Body, observer);
            tell_parts(transaction, direction, observer);
        }
        self.bombs = self.bombs.saturating_add(u8::from(bomb));
        self.decompressor[direction.index()] = decompressor;
    }
}

/// Tells events that are new, and how far a direction got.
fn tell(transaction: &mut HttpTransaction, direction: Direction, progress: Progress, observer: &mut dyn Observer) {
    let new = transaction.events.without(transaction.told);
    transaction.told = transaction.events;
    for event in new.iter() {
        observer.event(Some(&mut *transaction), direction, event.name());
    }
    transaction.set_told(direction, progress);
    observer.progress(transaction, direction, progress);
}

/// Tells that a direction is over, what was not told before it first.
fn complete(transaction: &mut HttpTransaction, direction: Direction, observer: &mut dyn Observer) {
    let message = transaction.message(direction);
    if message.done() {
        return;
    }
    message.body.ended = true;
    let state = if message.body.cut { FileState::Truncated } else { FileState::Closed };
    match &mut message.files {
        Files::Form(form) => form.end(state),
        Files::Body(Some(tracker)) => tracker.close(state),
        Files::Body(None) | Files::None => {}
    }
    let told = message.told;
    if told >= Progress::Headers {
        tell(transaction, direction, Progress::Body, observer);
    }
    tell(transaction, direction, Progress::Complete, observer);
    tell_parts(transaction, direction, observer);
    if matches!(transaction.message(direction).files, Files::Body(Some(_))) {
        observer.file(transaction, direction, 0);
    }
}

/// Tells the parts of a form that are over.
fn tell_parts(transaction: &mut HttpTransaction, direction: Direction, observer: &mut dyn Observer) {
    while let Files::Form(form) = &mut transaction.message(direction).files
        && let Some(index) = form.over()
    {
        observer.file(transaction, direction, index);
    }
}

impl Parser for HttpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Http1
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if self.outcome.is_none() {
            match direction {
                Direction::ToServer => self.request(bytes, observer),
                Direction::ToClient => self.response(bytes, observer),
            }
        }
        self.outcome.unwrap_or(Status::More)
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        if self.outcome.is_none() {
            self.missing(direction, len, observer);
        }
        self.outcome.unwrap_or(Status::More)
    }

    fn is_within(&self, direction: Direction) -> bool {
        let side = direction.index();
        let index = self.at[side].checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let at = index.and_then(|index| self.transactions.get(index));
        match self.place[side] {
            Place::Fields => true,
            Place::Line => at.is_some_and(|transaction| transaction.has_begun(direction)),
            _ => false,
        }
    }

    fn hand_over(&mut self) -> Option<Box<dyn Any + Send>> {
        self.upgrade.take().map(|upgrade| upgrade as Box<dyn Any + Send>)
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        &self.unread[direction.index()]
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if self.outcome.is_none() && !self.closed[direction.index()] {
            match direction {
                Direction::ToServer => self.request_end(observer),
                Direction::ToClient => self.response_end(observer),
            }
        }
        self.closed[direction.index()] = true;
        if self.closed[direction.reverse().index()] {
            self.finish_all(observer);
        } else if direction == Direction::ToClient {
            for transaction in self.transactions.iter_mut() {
                complete(transaction, direction, observer);
            }
            self.retire(observer);
        }
    }
}

impl HttpParser {
    /// Bytes are missing: a body of known length goes on, everything else is cut off, and the next first line is looked for.
    fn missing(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) {
        let side = direction.index();
        let (of_body, known) = match &mut self.place[side] {
            Place::Body(Framing::Length(left)) => {
                let of_body = len.min(*left);
                *left -= of_body;
                (of_body, *left > 0 || of_body == len)
            }
            Place::Body(Framing::Chunked(chunked)) => (len, chunked.gap(len)),
            Place::Body(Framing::UntilClose) => (len, true),
            _ => (0, false),
        };
        if let Some(transaction) = self.current(direction) {
            let policy = FilePolicy { keep: 0, ..observer.file_policy() };
            transaction.follow_body(direction, policy);
            let message = transaction.message(direction);
            message.body.missing(of_body);
            message.files.gap(of_body);
        }
        if known && matches!(self.place[side], Place::Body(Framing::Length(0))) {
            self.finish(direction, observer);
            return;
        }
        if known {
            // What is compressed cannot be read on.
            if self.decompressor[side].is_some() {
                self.decompressor[side] = Some(Decompressor::stopped());
            }
            return;
        }
        if self.current(direction).is_some() {
            self.finish(direction, observer);
        }
        self.place[side] = Place::Lost(ArrayVec::new());
    }

    /// Looks for a first line; the bytes of it that came before `input`, and how many bytes of `input` to leave out.
    pub(super) fn resynchronise(
        &mut self,
        direction: Direction,
        input: &[u8],
        is_line: fn(&[u8]) -> Option<bool>,
    ) -> Option<(ArrayVec<u8, 24>, usize)> {
        let side = direction.index();
        let mut taken = 0;
        loop {
            if let Place::Lost(start) = &mut self.place[side] {
                loop {
                    match is_line(start) {
                        Some(true) => {
                            let start = std::mem::take(start);
                            self.place[side] = Place::Line;
                            return Some((start, taken));
                        }
                        None if !start.is_full() => {}
                        _ => break,
                    }
                    let byte = input.get(taken)?;
                    taken += 1;
                    start.push(*byte);
                    if *byte == b'\n' {
                        start.clear();
                    }
                }
                self.place[side] = Place::LostInLine;
            }
            let at = memchr::memchr(b'\n', input.get(taken..)?)?;
            taken += at + 1;
            self.place[side] = Place::Lost(ArrayVec::new());
        }
    }
}
