//! The server's side.

use super::body::{Chunk, Chunked, Framing};
use super::event::Event;
use super::field::{Known, Side, decimal, has_word, is_space, is_word};
use super::files::Files;
use super::line::{Method, Version, is_status_line};
use super::parser::{HttpParser, MAX_UNREAD, Place};
use crate::packet::Direction;
use crate::protocols::{Observer, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Longest line that is left out before a status line, in bytes.
const MAX_JUNK: usize = 1024;
const HERE: Direction = Direction::ToClient;

impl HttpParser {
    /// More from the server.
    pub(super) fn response(&mut self, bytes: &[u8], observer: &mut dyn Observer) {
        self.response_pieces(bytes, observer);
        if self.outcome.is_none() && matches!(self.place[HERE.index()], Place::Over) {
            self.finish(HERE, observer);
        }
    }

    fn response_pieces(&mut self, bytes: &[u8], observer: &mut dyn Observer) {
        let mut input = bytes;
        while !input.is_empty() {
            if self.outcome.is_some() {
                if matches!(self.outcome, Some(Status::Changed(_))) {
                    let room = MAX_UNREAD.saturating_sub(self.unread[HERE.index()].len()).min(input.len());
                    self.unread[HERE.index()].extend_from_slice(input.get(..room).unwrap_or_default());
                }
                return;
            }
            let taken = match &mut self.place[HERE.index()] {
                Place::Line => self.status_line(input, observer),
                Place::Junk => self.junk(input, observer),
                Place::Fields | Place::Trailer => self.response_fields(input, observer),
                Place::Body(_) => self.response_body(input, observer),
                Place::Over => self.behind_response(input, observer),
                Place::Lost(_) | Place::LostInLine => {
                    let Some((start, taken)) = self.resynchronise(HERE, input, is_status_line) else { return };
                    self.response_pieces(&start, observer);
                    taken
                }
                Place::Simple(_) | Place::Connect => input.len(),
            };
            input = input.get(taken..).unwrap_or_default();
        }
    }

    /// A response begins: its transaction, and whether its request is there.
    fn response_begins(&mut self, observer: &mut dyn Observer) -> bool {
        self.finish_simple(observer);
        if self.current(HERE).is_some() {
            return true;
        }
        if !self.begin(HERE) {
            self.give_up(HERE, None, observer);
            return false;
        }
        if let Some(transaction) = self.current(HERE) {
            transaction.request_lost = true;
        }
        // Its request is over before it began.
        let place = std::mem::replace(&mut self.place[0], Place::Line);
        self.finish(Direction::ToServer, observer);
        self.place[0] = place;
        self.note(HERE, Event::UnableToMatch);
        true
    }

    fn status_line(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let started = self.current(HERE).is_some_and(|t| !t.response.head.bytes().is_empty());
        if !started {
            // Empty lines between responses are not the start of one.
            if matches!(input, [b'\r' | b'\n', ..]) {
                return 1;
            }
            if !self.response_begins(observer) {
                return input.len();
            }
        }
        let Some(transaction) = self.current(HERE) else { return input.len() };
        let head = &mut transaction.response.head;
        if head.bytes().len() < 16 || is_status_line(head.bytes()) != Some(true) {
            // Byte by byte, until it is clear what it is.
            let taken = match head.read_line(input.get(..1).unwrap_or_default()) {
                Ok((taken, true)) => taken,
                Ok((taken, false)) if is_status_line(head.bytes()) == Some(false) => {
                    self.place[HERE.index()] = Place::Junk;
                    return taken;
                }
                Ok((taken, false)) => return taken,
                Err(too_much) => {
                    self.give_up(HERE, Some(too_much.0), observer);
                    return input.len();
                }
            };
            self.status_line_done(observer);
            return taken;
        }
        match head.read_line(input) {
            Ok((taken, false)) => taken,
            Ok((taken, true)) => {
                self.status_line_done(observer);
                taken
            }
            Err(too_much) => {
                self.give_up(HERE, Some(too_much.0), observer);
                input.len()
            }
        }
    }

    /// A line that is no status line: it is left out if one follows, and else the body starts with it.
    fn junk(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let Some(transaction) = self.current(HERE) else { return input.len() };
        let head = &mut transaction.response.head;
        if head.bytes().last() == Some(&b'\n') {
            match input.first() {
                Some(b'h' | b'H') => {
                    head.clear();
                    self.place[HERE.index()] = Place::Line;
                    self.note(HERE, Event::ResponseBodyUnexpected);
                }
                _ => self.junk_is_body(observer),
            }
            return 0;
        }
        let len = memchr::memchr(b'\n', input).map_or(input.len(), |at| at + 1);
        head.append(input.get(..len).unwrap_or_default());
        if head.bytes().len() > MAX_JUNK {
            self.junk_is_body(observer);
        }
        len
    }

    fn junk_is_body(&mut self, observer: &mut dyn Observer) {
        let Some(transaction) = self.current(HERE) else { return };
        let junk = transaction.response.head.bytes().to_vec();
        transaction.response.head.clear();
        transaction.response.files = Files::Body(None);
        self.place[HERE.index()] = Place::Body(Framing::UntilClose);
        self.note(HERE, Event::ResponseBodyUnexpected);
        self.body(HERE, &junk, observer);
    }

    /// What comes at once behind a response and is no status line is still of its body, as browsers have it.
    fn behind_response(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let len = memchr::memchr(b'\n', input).map_or(input.len(), |at| at + 1);
        let line = input.get(..len).unwrap_or_default();
        let blank = line.iter().all(|b| is_space(*b) || *b == 0);
        if !blank && is_status_line(line) != Some(false) {
            self.finish(HERE, observer);
            return 0;
        }
        self.note(HERE, Event::ResponseBodyUnexpected);
        self.body(HERE, line, observer);
        len
    }

    fn status_line_done(&mut self, observer: &mut dyn Observer) {
        let Some(transaction) = self.current(HERE) else { return };
        transaction.status_line_done();
        let interim = transaction.status.code.is_some_and(is_interim);
        self.place[HERE.index()] = Place::Fields;
        if !interim {
            self.tell(HERE, Progress::Line, observer);
        }
    }

    fn response_fields(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
        let Some(transaction) = self.current(HERE) else { return input.len() };
        match transaction.response.head.read_fields(input) {
            Ok((taken, None)) => taken,
            Ok((taken, Some(beyond))) => {
                self.response_head_done(observer);
                if !beyond.is_empty() {
                    self.response_pieces(&beyond, observer);
                }
                taken
            }
            Err(too_much) => {
                self.give_up(HERE, Some(too_much.0), observer);
                input.len()
            }
        }
    }

    fn response_head_done(&mut self, observer: &mut dyn Observer) {
        if matches!(self.place[HERE.index()], Place::Trailer) {
            self.response_over(observer);
            return;
        }
        let Some(transaction) = self.current(HERE) else { return };
        transaction.response.head.set_whole();
        let code = transaction.status.code.unwrap_or_default();
        let fields = transaction.response.head.events;
        transaction.events.extend(fields);
        let coding = transaction.response_field(Known::TransferEncoding);
        let length = transaction.response_field(Known::ContentLength);
        let framed = coding.is_some() || length.is_some_and(|l| decimal(l) != Some(0));
        if is_interim(code) && !framed {
            if transaction.interim_seen && code == 100 {
                transaction.events.add(Event::ContinueAlreadySeen);
            }
            transaction.interim_seen = true;
            transaction.response.head.clear();
            self.place[HERE.index()] = Place::Line;
            return;
        }
        if transaction.response.told < Progress::Line {
            self.tell(HERE, Progress::Line, observer);
        }
        let framing = self.response_framing(code);
        if let Some(transaction) = self.current(HERE) {
            transaction.response.files = Files::Body(None);
        }
        self.set_codings(HERE, observer);
        self.tell(HERE, Progress::Headers, observer);
        if code == 101 && !framed {
            self.switch(observer);
            return;
        }
        match framing {
            None | Some(Framing::Length(0)) => self.response_over(observer),
            Some(framing) => self.place[HERE.index()] = Place::Body(framing),
        }
    }

    /// RFC 9112, 6.3, as lenient as browsers are.
    fn response_framing(&mut self, code: u16) -> Option<Framing> {
        let transaction = self.current(HERE)?;
        let kind = transaction.line.kind;
        let coding = transaction.response_field(Known::TransferEncoding);
        let length = transaction.response_field(Known::ContentLength);
        let bodiless = (100..200).contains(&code) || code == 204 || code == 304;
        if kind == Method::Head
            || bodiless && coding.is_none() && length.is_none()
            || kind == Method::Connect && (200..300).contains(&code)
        {
            return None;
        }
        if let Some(coding) = coding.filter(|c| has_word(c, b"chunked")) {
            let odd = !is_word(coding, b"chunked");
            if odd {
                transaction.events.add(Event::ResponseAbnormalTransferEncoding);
            }
            if transaction.status.version < Version::V1_1 {
                transaction.events.add(Event::ResponseChunkedOldProtocol);
            }
            return Some(Framing::Chunked(Chunked::default()));
        }
        let Some(length) = length else { return Some(Framing::UntilClose) };
        let length = decimal(length);
        if length.is_none() {
            transaction.events.add(Event::InvalidResponseLength);
        }
        Some(length.map_or(Framing::UntilClose, Framing::Length))
    }

    fn response_body(&mut self, input: &[u8], observer: &mut dyn Observer) -> usize {
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
                    self.response_over(observer);
                }
                taken
            }
            Framing::Chunked(chunked) => {
                let chunk = chunked.next(Side::Response, input);
                let extension = chunked.extension;
                if extension {
                    self.note(HERE, Side::Response.chunk_extension());
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
                        self.not_chunked(observer);
                        len
                    }
                }
            }
        }
    }

    /// What should have been a chunk's size is none: browsers take it and all that follows for the body.
    fn not_chunked(&mut self, observer: &mut dyn Observer) {
        let place = std::mem::replace(&mut self.place[HERE.index()], Place::Body(Framing::UntilClose));
        self.note(HERE, Side::Response.chunk_length());
        if let Place::Body(Framing::Chunked(chunked)) = place {
            self.body(HERE, chunked.junk(), observer);
        }
    }

    fn response_over(&mut self, observer: &mut dyn Observer) {
        let (connect, code) =
            self.current(HERE).map_or((false, None), |t| (t.line.kind == Method::Connect, t.status.code));
        if connect {
            self.finish(HERE, observer);
            self.connect_answered(code.unwrap_or_default(), observer);
        } else {
            self.place[HERE.index()] = Place::Over;
        }
    }

    /// The answer to CONNECT: from here on it is another protocol, or the client goes on as before.
    fn connect_answered(&mut self, code: u16, observer: &mut dyn Observer) {
        let client = Direction::ToServer.index();
        if (200..300).contains(&code) {
            self.finish_all(observer);
            self.outcome = Some(Status::Changed(None));
        } else if matches!(self.place[client], Place::Connect) {
            self.place[client] = Place::Line;
            let held = std::mem::take(&mut self.unread[client]);
            self.request(&held, observer);
        }
    }

    /// 101: from here on it is what the response names.
    fn switch(&mut self, observer: &mut dyn Observer) {
        let upgrade = self.current(HERE).and_then(|t| t.response_field(Known::Upgrade));
        let protocol = match upgrade {
            Some(u) if has_word(u, b"h2c") => Some(Protocol::Http2),
            Some(u) if has_word(u, b"websocket") => Some(Protocol::Websocket),
            _ => None,
        };
        if protocol == Some(Protocol::Http2) {
            self.upgrade = self.current(HERE).map(|transaction| Box::new(transaction.upgrade()));
        }
        self.finish(HERE, observer);
        self.finish_all(observer);
        self.outcome = Some(Status::Changed(protocol));
    }

    /// The server sends no more.
    pub(super) fn response_end(&mut self, observer: &mut dyn Observer) {
        if let Place::Line = self.place[HERE.index()]
            && let Some(transaction) = self.current(HERE)
            && !transaction.response.head.bytes().is_empty()
        {
            transaction.response.head.line_done();
            self.status_line_done(observer);
        }
        if let Place::Junk = self.place[HERE.index()] {
            self.junk_is_body(observer);
        }
        if let Place::Fields = self.place[HERE.index()]
            && let Some(transaction) = self.current(HERE)
        {
            transaction.response.head.end_fields();
            self.response_head_done(observer);
        }
        if self.outcome.is_none() && matches!(self.place[HERE.index()], Place::Over) {
            self.finish(HERE, observer);
        }
    }
}

/// Another response to the same request follows.
fn is_interim(code: u16) -> bool {
    (100..200).contains(&code) && code != 101
}
