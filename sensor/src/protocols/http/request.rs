//! The client's side.

use super::body::{Chunk, Chunked, Framing};
use super::event::Event;
use super::field::{Known, Side, decimal, has_word, is_space};
use super::files::Files;
use super::line::{METHODS, Method, Version, is_request_line};
use super::parser::{HttpParser, MAX_UNREAD, Place};
use crate::packet::Direction;
use crate::protocols::Observer;
use sekisho_signatures::buffers::Progress;

const HERE: Direction = Direction::ToServer;

impl HttpParser {
    /// More from the client.
    pub(super) fn request(&mut self, bytes: &[u8], observer: &mut dyn Observer) {
        self.request_pieces(bytes, observer);
        if self.outcome.is_none() && matches!(self.place[HERE.index()], Place::Over) {
            self.finish(HERE, observer);
        }
    }

    fn request_pieces(&mut self, bytes: &[u8], observer: &mut dyn Observer) {
        let mut input = bytes;
        while !input.is_empty() && self.outcome.is_none() {
            let taken = match &mut self.place[HERE.index()] {
                Place::Line | Place::Junk => self.request_line(input, observer),
                Place::Simple(_) => self.after_simple_line(input, observer),
                Place::Fields | Place::Trailer => self.request_fields(input, observer),
                Place::Body(_) => self.request_body(input, observer),
                Place::Over => self.behind_request(input, observer),
                Place::Connect => {
                    let room = MAX_UNREAD.saturating_sub(self.unread[HERE.index()].len()).min(input.len());
                    self.unread[HERE.index()].extend_from_slice(input.get(..room).unwrap_or_default());
                    input.len()
                }
                Place::Lost(_) | Place::LostInLine => {
                    let Some((start, taken)) = self.resynchronise(HERE, input, is_request_line) else { return };
                    self.request_line(&start, observer);
                    taken
                }
            };
            input = input.get(taken..).unwrap_or_default();
        }
    }

    fn request_line(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        // Empty lines between requests are not the start of one.
        if self.current(HERE).is_none_or(|t| t.request.head.bytes().is_empty()) && matches!(input, [b'\r' | b'\n', ..])
        {
            return 1;
        }
        if !self.begin(HERE) {
            self.give_up(HERE, None, observer);
            return input.len();
        }
        let Some(transaction) = self.current(HERE) else { return input.len() };
        match transaction.request.head.read_line(input) {
            Ok((taken, false)) => taken,
            Ok((taken, true)) => {
                self.request_line_done(observer);
                taken
            }
            Err(too_much) => {
                self.give_up(HERE, Some(too_much.0), observer);
                input.len()
            }
        }
    }

    fn request_line_done(&mut self, observer: &mut dyn Observer) {
        let Some(transaction) = self.current(HERE) else { return };
        transaction.request_line_done();
        let simple = transaction.line.is_simple();
        self.place[HERE.index()] = if simple { Place::Simple(Default::default()) } else { Place::Fields };
        self.tell(HERE, Progress::Line, observer);
    }

    /// Behind a line without a protocol: if more than blanks follow, they are header fields all the same.
    fn after_simple_line(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let Place::Simple(blanks) = &mut self.place[HERE.index()] else { return 0 };
        let mut taken = 0;
        for byte in input {
            if !is_space(*byte) || blanks.is_full() {
                let blanks = std::mem::take(blanks);
                self.place[HERE.index()] = Place::Fields;
                self.note(HERE, Event::RequestLineNoProtocol);
                self.request_pieces(&blanks, observer);
                return taken;
            }
            blanks.push(*byte);
            taken += 1;
        }
        taken
    }

    /// The request line was all: HTTP/0.9.
    pub(super) fn finish_simple(&mut self, observer: &mut dyn Observer) {
        if matches!(self.place[HERE.index()], Place::Simple(_)) {
            self.finish(HERE, observer);
        }
    }

    fn request_fields(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let Some(transaction) = self.current(HERE) else { return input.len() };
        match transaction.request.head.read_fields(input) {
            Ok((taken, None)) => taken,
            Ok((taken, Some(beyond))) => {
                self.request_head_done(observer);
                if !beyond.is_empty() {
                    self.request_pieces(&beyond, observer);
                }
                taken
            }
            Err(too_much) => {
                self.give_up(HERE, Some(too_much.0), observer);
                input.len()
            }
        }
    }

    fn request_head_done(&mut self, observer: &mut dyn Observer) {
        let trailer = matches!(self.place[HERE.index()], Place::Trailer);
        if trailer {
            self.place[HERE.index()] = Place::Over;
            return;
        }
        let Some(transaction) = self.current(HERE) else { return };
        transaction.request.head.set_whole();
        transaction.request_fields_done();
        let (kind, version) = (transaction.line.kind, transaction.line.version);
        let coding = transaction.request_field(Known::TransferEncoding);
        let length = transaction.request_field(Known::ContentLength);
        let mut events = [None; 2];
        let framing = match (coding, length) {
            (Some(coding), _) if has_word(coding, b"chunked") => {
                if version < Version::V1_1 {
                    events[0] = Some(Event::InvalidRequestTransferEncoding);
                }
                Some(Framing::Chunked(Chunked::default()))
            }
            (Some(_), length) => {
                events[0] = Some(Event::InvalidRequestTransferEncoding);
                length.and_then(decimal).map(Framing::Length)
            }
            (None, Some(length)) => {
                let length = decimal(length);
                if length.is_none() {
                    events[1] = Some(Event::InvalidRequestLength);
                }
                length.map(Framing::Length)
            }
            (None, None) => None,
        };
        for event in events.into_iter().flatten() {
            transaction.events.add(event);
        }
        if matches!(kind, Method::Post | Method::Put) {
            transaction.request.files = Files::of_request(transaction.request_field(Known::ContentType));
        }
        if transaction.request_field(Known::Authorization).is_some_and(|value| !is_known_authorization(value)) {
            transaction.events.add(Event::AuthUnrecognized);
        }
        self.set_codings(HERE, observer);
        self.tell(HERE, Progress::Headers, observer);
        match framing {
            _ if kind == Method::Connect => {
                self.finish(HERE, observer);
                if self.outcome.is_none() {
                    self.place[HERE.index()] = Place::Connect;
                }
            }
            None | Some(Framing::Length(0)) => self.place[HERE.index()] = Place::Over,
            Some(framing) => self.place[HERE.index()] = Place::Body(framing),
        }
    }

    fn request_body(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let Place::Body(framing) = &mut self.place[HERE.index()] else { return input.len() };
        match framing {
            Framing::UntilClose => {
                self.body(HERE, input, observer);
                input.len()
            }
            Framing::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= taken as u64;
                let over = *left == 0;
                self.body(HERE, input.get(..taken).unwrap_or_default(), observer);
                if over {
                    self.place[HERE.index()] = Place::Over;
                }
                taken
            }
            Framing::Chunked(chunked) => {
                let chunk = chunked.next(Side::Request, input);
                let extension = chunked.extension;
                if extension {
                    self.note(HERE, Side::Request.chunk_extension());
                }
                match chunk {
                    Chunk::Data(len) => {
                        self.body(HERE, input.get(..len).unwrap_or_default(), observer);
                        len
                    }
                    Chunk::Skip(len) => len,
                    Chunk::Last(len) => {
                        self.trailer(HERE);
                        len
                    }
                    Chunk::Invalid(len) => {
                        self.give_up(HERE, Some(Side::Request.chunk_length()), observer);
                        len
                    }
                }
            }
        }
    }

    /// What comes at once behind a request and does not start with a method is still of its body.
    fn behind_request(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let len = memchr::memchr(b'\n', input).map_or(input.len(), |at| at + 1);
        let line = input.get(..len).unwrap_or_default();
        let start = line.iter().position(|b| !is_space(*b)).unwrap_or(line.len());
        let rest = line.get(start..).unwrap_or_default();
        // Empty lines may stand between requests; within what goes on unexpectedly they belong to it.
        let goes_on = self.current(HERE).is_some_and(|t| t.events.has(Event::RequestBodyUnexpected));
        if rest.is_empty() && line.ends_with(b"\n") {
            if goes_on {
                self.body(HERE, line, observer);
            }
            return len;
        }
        let word = rest.split(|b| is_space(*b)).next().unwrap_or_default();
        let cut = word.len() == rest.len();
        if METHODS.iter().any(|m| *m == word || cut && m.starts_with(word)) || word.is_empty() {
            self.finish(HERE, observer);
            return 0;
        }
        self.note(HERE, Event::RequestBodyUnexpected);
        self.body(HERE, line, observer);
        len
    }

    /// A trailer follows.
    pub(super) fn trailer(&mut self, direction: Direction) {
        self.place[direction.index()] = Place::Trailer;
        if let Some(transaction) = self.current(direction) {
            transaction.message(direction).head.start_fields();
        }
    }

    /// The client sends no more.
    pub(super) fn request_end(&mut self, observer: &mut dyn Observer) {
        if let Place::Line = self.place[HERE.index()]
            && let Some(transaction) = self.current(HERE)
            && !transaction.request.head.bytes().is_empty()
        {
            transaction.request.head.line_done();
            self.request_line_done(observer);
        }
        if let Place::Fields = self.place[HERE.index()]
            && let Some(transaction) = self.current(HERE)
        {
            // Of a head that never came to its end the fields are there, but nothing is made of them: no host, no body.
            transaction.request.head.end_fields();
            transaction.request.head.set_whole();
            self.tell(HERE, Progress::Headers, observer);
        }
        if self.outcome.is_none() && self.current(HERE).is_some_and(|t| t.request.head.has_line()) {
            self.finish(HERE, observer);
        }
    }
}

/// The schemes of RFC 7617, 7616 and 6750.
fn is_known_authorization(value: &[u8]) -> bool {
    let scheme = value.split(|b| is_space(*b)).find(|w| !w.is_empty()).unwrap_or_default();
    [&b"basic"[..], b"digest", b"bearer"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}
