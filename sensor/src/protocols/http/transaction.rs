//! A request and its response, and what rules may look at of them.

use super::body::Body;
use super::event::{Event, Events};
use super::field::{Known, Side};
use super::files::{Files, parameter};
use super::head::{Head, Span};
use super::line::{Method, RequestLine, StatusLine, Version};
use super::record::{HttpRecord, content_range};
use super::uri::{self, Target};
use crate::packet::Direction;
use crate::protocols::file::{FileInfo, FilePolicy, FileTracker};
use crate::protocols::http2::{Headers, Upgrade};
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};

/// One of the two messages.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) files: Files,
    /// What was told of it.
    pub(super) told: Progress,
}

impl Message {
    fn new(side: Side) -> Self {
        Self { head: Head::new(side), body: Body::default(), files: Files::None, told: Progress::Start }
    }

    fn clear(&mut self, body_limit: usize) {
        self.head.clear();
        self.body.clear(body_limit);
        self.files = Files::None;
        self.told = Progress::Start;
    }

    /// All of it was told.
    pub(super) fn done(&self) -> bool {
        self.told == Progress::Complete
    }
}

/// A request and its response.
#[derive(Debug)]
pub struct HttpTransaction {
    state: TransactionState,
    pub(super) events: Events,
    /// Events that were told.
    pub(super) told: Events,
    pub(super) request: Message,
    pub(super) response: Message,
    pub(super) line: RequestLine,
    pub(super) status: StatusLine,
    /// The request was not seen: the response came alone.
    pub(super) request_lost: bool,
    pub(super) interim_seen: bool,
    /// In the second buffer of the request's head.
    uri: Option<Span>,
    /// Its path, in the same place.
    path: Option<Span>,
    host: Option<Span>,
    host_in_uri: bool,
    pub(super) port: Option<u16>,
}

impl HttpTransaction {
    pub(super) fn new() -> Self {
        Self {
            state: TransactionState::default(),
            events: Events::default(),
            told: Events::default(),
            request: Message::new(Side::Request),
            response: Message::new(Side::Response),
            line: RequestLine::default(),
            status: StatusLine::default(),
            request_lost: false,
            interim_seen: false,
            uri: None,
            path: None,
            host: None,
            host_in_uri: false,
            port: None,
        }
    }

    /// Makes it that of another exchange.
    pub(super) fn reset(&mut self, id: u64, request_limit: usize, response_limit: usize) {
        self.state = TransactionState::new(id);
        self.events = Events::default();
        self.told = Events::default();
        self.request.clear(request_limit);
        self.response.clear(response_limit);
        self.line = RequestLine::default();
        self.status = StatusLine::default();
        self.request_lost = false;
        self.interim_seen = false;
        self.uri = None;
        self.path = None;
        self.host = None;
        self.host_in_uri = false;
        self.port = None;
    }

    /// Bytes of its messages that it holds.
    pub(super) fn held(&self) -> usize {
        [&self.request, &self.response].into_iter().map(|message| message.head.held() + message.body.held()).sum()
    }

    /// Keeps no bodies of messages that are complete; how many bytes they held.
    pub(super) fn drop_bodies(&mut self) -> usize {
        let done = [&mut self.request, &mut self.response].into_iter().filter(|message| message.done());
        done.map(|message| message.body.drop_data()).sum()
    }

    pub(super) fn message(&mut self, direction: Direction) -> &mut Message {
        match direction {
            Direction::ToServer => &mut self.request,
            Direction::ToClient => &mut self.response,
        }
    }

    /// Something of the message is there.
    pub(super) fn has_begun(&self, direction: Direction) -> bool {
        !self.message_ref(direction).head.bytes().is_empty()
    }

    fn message_ref(&self, direction: Direction) -> &Message {
        match direction {
            Direction::ToServer => &self.request,
            Direction::ToClient => &self.response,
        }
    }

    /// The request line is there.
    pub(super) fn request_line_done(&mut self) {
        let mut head = std::mem::replace(&mut self.request.head, Head::new(Side::Request));
        let mut made = std::mem::take(head.made());
        self.line = RequestLine::parse(head.line(), head.line_span(), &mut self.events);
        if let Some(target) = self.line.target {
            self.read_target(target.of(head.bytes()), &mut made);
        }
        *head.made() = made;
        self.request.head = head;
    }

    fn read_target(&mut self, raw: &[u8], made: &mut Vec<u8>) {
        let start = made.len();
        let (host, port) = if self.line.kind == Method::Connect {
            let (host, port, _) = uri::split_host(raw);
            (Some(host), port)
        } else {
            let parts = Target::parse(raw);
            let path_end = parts.normalise(made);
            if made.len() > start {
                self.uri = Some(Span::new(start, made.len()));
                self.path = Some(Span::new(start, path_end));
            }
            (parts.host, parts.port)
        };
        let Some(host) = host.filter(|h| !h.is_empty()) else { return };
        let start = made.len();
        uri::decode(host, made);
        made.make_ascii_lowercase_from(start);
        while made.len() > start && made.last() == Some(&b'.') {
            made.pop();
        }
        let host = Span::new(start, made.len());
        self.host = Some(host);
        self.host_in_uri = true;
        self.port = port.and_then(uri::port_number);
        if port.is_some() && self.port.is_none() || !uri::host_is_valid(host.of(made)) {
            self.events.add(Event::UriHostInvalid);
        }
    }

    /// The request's header fields are there.
    pub(super) fn request_fields_done(&mut self) {
        let head = &mut self.request.head;
        self.events.extend(head.events);
        let mut made = std::mem::take(head.made());
        let Some(value) = head.host_value(&made) else {
            *head.made() = made;
            if self.line.version == Version::V1_1 {
                self.events.add(Event::HostMissing);
            }
            return;
        };
        let (host, port, rest) = uri::split_host(value);
        let number = port.map(uri::port_number);
        if number == Some(None) || port.is_none() && !rest.is_empty() || !uri::host_is_valid(host) {
            self.events.add(Event::HostHeaderInvalid);
        }
        match self.host {
            None if !host.is_empty() => {
                let host = host.to_ascii_lowercase();
                let start = made.len();
                made.extend_from_slice(&host);
                self.host = Some(Span::new(start, made.len()));
                self.port = number.flatten();
            }
            None => {}
            Some(own) => {
                let port_differs = self.port.is_some() && number.is_some_and(|n| n != self.port);
                if !own.of(&made).eq_ignore_ascii_case(host) || port_differs {
                    self.events.add(Event::HostAmbiguous);
                }
            }
        }
        *self.request.head.made() = made;
    }

    /// The host, in lower case, without its port.
    pub(super) fn host(&self) -> Option<&[u8]> {
        self.host.map(|h| self.request.head.made_bytes(h))
    }

    /// The target as it came.
    pub(super) fn raw_uri(&self) -> Option<&[u8]> {
        self.line.target.map(|t| t.of(self.request.head.bytes()))
    }

    pub(super) fn status_line_done(&mut self) {
        let head = &self.response.head;
        self.status = StatusLine::parse(head.line(), head.line_span(), &mut self.events);
    }

    /// All that comes of it was told.
    pub(super) fn done(&self) -> bool {
        self.request.done() && self.response.done()
    }

    pub(super) fn set_told(&mut self, direction: Direction, progress: Progress) {
        self.message(direction).told = progress;
    }

    /// Of the request: what its head says by a name.
    pub(super) fn request_field(&self, known: Known) -> Option<&[u8]> {
        self.request.head.get(known)
    }

    /// Of the response.
    pub(super) fn response_field(&self, known: Known) -> Option<&[u8]> {
        self.response.head.get(known)
    }

    /// The request as HTTP/2 has it, which goes on with it (RFC 7540, 3.2).
    pub(super) fn upgrade(&self) -> Upgrade {
        let head = &self.request.head;
        let mut headers = Headers::default();
        headers.push(b":method", self.line.method.of(head.bytes()));
        headers.push(b":path", self.raw_uri().unwrap_or_default());
        if let Some(host) = self.request_field(Known::Host) {
            headers.push(b":authority", host);
        }
        let mut settings = Vec::new();
        for field in head.fields().iter().filter(|field| field.known != Known::Host) {
            let (name, value) = (head.name(field), head.value(field));
            if name.eq_ignore_ascii_case(b"http2-settings") {
                settings = value.to_vec();
            } else {
                headers.push(name, value);
            }
        }
        Upgrade { headers, settings }
    }

    fn line_part(&self, buffer: Buffer, direction: Direction) -> Option<&[u8]> {
        let to_server = direction == Direction::ToServer;
        let request = self.request.head.bytes();
        let response = self.response.head.bytes();
        match buffer {
            Buffer::HttpMethod => Some(self.line.method.of(request)).filter(|m| !m.is_empty()),
            Buffer::HttpUriRaw => self.raw_uri(),
            Buffer::HttpUri => self.uri.map(|u| self.request.head.made_bytes(u)),
            Buffer::HttpProtocol if to_server => self.line.protocol.map(|p| p.of(request)),
            Buffer::HttpProtocol => self.status.protocol.map(|p| p.of(response)),
            Buffer::HttpRequestLine => Some(self.request.head.line()).filter(|l| !l.is_empty()),
            Buffer::HttpResponseLine => Some(self.response.head.line()).filter(|l| !l.is_empty()),
            Buffer::HttpStatCode => self.status.status.map(|s| s.of(response)),
            Buffer::HttpStatMsg => self.status.message.map(|m| m.of(response)),
            _ => None,
        }
    }

    fn field_part(&self, buffer: Buffer, direction: Direction) -> Option<&[u8]> {
        let head = &self.message_ref(direction).head;
        if !head.is_whole() {
            return None;
        }
        let known = match buffer {
            Buffer::HttpAccept => Known::Accept,
            Buffer::HttpAcceptEnc => Known::AcceptEncoding,
            Buffer::HttpAcceptLang => Known::AcceptLanguage,
            Buffer::HttpConnection => Known::Connection,
            Buffer::HttpContentLen => Known::ContentLength,
            Buffer::HttpContentType => Known::ContentType,
            Buffer::HttpCookie if direction == Direction::ToServer => Known::Cookie,
            Buffer::HttpCookie => Known::SetCookie,
            Buffer::HttpReferer => Known::Referer,
            Buffer::HttpUserAgent => Known::UserAgent,
            Buffer::HttpLocation => Known::Location,
            Buffer::HttpServer => Known::Server,
            Buffer::HttpHost => return self.host(),
            Buffer::HttpHostRaw if self.host_in_uri => return self.host(),
            Buffer::HttpHostRaw => Known::Host,
            Buffer::HttpHeaderRaw => return Some(head.raw_fields()).filter(|r| !r.is_empty()),
            _ => return None,
        };
        head.get(known)
    }

    /// Buffers that are put together when asked for.
    fn made_part(&self, buffer: Buffer, direction: Direction, index: usize, out: &mut Vec<u8>) -> Option<()> {
        let head = &self.message_ref(direction).head;
        if !head.is_whole() {
            return None;
        }
        match buffer {
            Buffer::HttpHeader => {
                let cookie = if direction == Direction::ToServer { Known::Cookie } else { Known::SetCookie };
                for field in head.fields().iter().filter(|f| f.known != cookie) {
                    push_field(head, field, out);
                    out.extend_from_slice(b"\r\n");
                }
            }
            Buffer::HttpHeaderNames if !head.fields().is_empty() => {
                out.extend_from_slice(b"\r\n");
                for field in head.fields() {
                    out.extend_from_slice(head.name(field));
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"\r\n");
            }
            Buffer::HttpStart if !head.line().is_empty() => {
                out.extend_from_slice(head.line());
                out.extend_from_slice(b"\r\n");
                for field in head.fields() {
                    push_field(head, field, out);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"\r\n");
            }
            Buffer::HttpRequestHeader | Buffer::HttpResponseHeader => {
                push_field(head, head.fields().get(index)?, out);
            }
            _ => return None,
        }
        Some(()).filter(|()| !out.is_empty())
    }

    /// What is there of a file's bytes.
    fn file_part(&self, direction: Direction, index: usize) -> Option<Part<'_>> {
        let message = self.message_ref(direction);
        let body = &message.body;
        match &message.files {
            Files::None => None,
            Files::Body(_) => {
                let part = Part { data: body.data(), complete: body.complete() };
                Some(part).filter(|p| index == 0 && !p.data.is_empty())
            }
            Files::Form(form) => form.file_part(index, body.data(), body.complete()),
        }
    }

    /// The name of a file: what the message says, or the path that was asked for.
    fn file_name(&self, direction: Direction, index: usize) -> Option<&[u8]> {
        let message = self.message_ref(direction);
        match &message.files {
            Files::None => None,
            Files::Form(form) => form.parts.get(index).map(|p| p.tracker.name()),
            Files::Body(_) if index > 0 => None,
            Files::Body(_) => {
                let disposition = message.head.get(Known::ContentDisposition);
                let named = disposition.filter(|_| direction == Direction::ToClient);
                let named = named.and_then(|d| parameter(d, b"filename")).filter(|n| !n.is_empty());
                named.or_else(|| self.path.map(|p| self.request.head.made_bytes(p)))
            }
        }
    }

    /// A body that is a file is followed from here on. What rules look at lies in the body.
    pub(super) fn follow_body(&mut self, direction: Direction, policy: FilePolicy) {
        if !matches!(self.message_ref(direction).files, Files::Body(None)) {
            return;
        }
        let mut tracker = FileTracker::new(self.file_name(direction, 0).unwrap_or_default(), policy);
        let range = self.message_ref(direction).head.get(Known::ContentRange);
        let range = range.filter(|_| direction == Direction::ToClient).and_then(content_range);
        if let Some((first, last, _)) = range {
            tracker.set_range(first, last);
        }
        self.message(direction).files = Files::Body(Some(Box::new(tracker)));
    }

    fn body_part(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<Part<'_>> {
        let body = &self.message_ref(direction).body;
        let wanted = match buffer {
            Buffer::HttpRequestBody => direction == Direction::ToServer,
            Buffer::HttpResponseBody => direction == Direction::ToClient,
            Buffer::FileData => return self.file_part(direction, index),
            _ => false,
        };
        let part = Part { data: body.data(), complete: body.complete() };
        Some(part).filter(|p| wanted && index == 0 && !p.data.is_empty())
    }
}

fn push_field(head: &Head, field: &super::head::Field, out: &mut Vec<u8>) {
    out.extend_from_slice(head.name(field));
    out.extend_from_slice(b": ");
    out.extend_from_slice(head.value(field));
}

/// Whose messages have a buffer.
fn has(buffer: Buffer, direction: Direction) -> bool {
    buffer.declaration().side.has(direction == Direction::ToServer)
}

impl Transaction for HttpTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn only_grows(&self, buffer: Buffer, direction: Direction) -> bool {
        match buffer {
            Buffer::HttpRequestBody | Buffer::HttpResponseBody => true,
            Buffer::FileData => !matches!(self.message_ref(direction).files, Files::Form(_)),
            _ => false,
        }
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        if !has(buffer, direction) {
            return None;
        }
        if let Some(part) = self.body_part(buffer, direction, index) {
            return Some(part);
        }
        if buffer == Buffer::FileName {
            return self.file_name(direction, index).map(Part::whole);
        }
        let found = self.line_part(buffer, direction).or_else(|| self.field_part(buffer, direction));
        if let Some(data) = found {
            return (index == 0).then(|| Part::whole(data));
        }
        let many = matches!(buffer, Buffer::HttpRequestHeader | Buffer::HttpResponseHeader);
        if index > 0 && !many {
            return None;
        }
        self.made_part(buffer, direction, index, scratch)?;
        Some(Part::whole(scratch))
    }

    fn number(&self, _: Buffer, _: Direction, _: usize) -> Option<u64> {
        None
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.message_ref(direction).files.tracker(index)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.message(direction).files.tracker_mut(index)
    }

    fn file(&self, direction: Direction, index: usize) -> Option<FileInfo> {
        self.tracker(direction, index)?.info().filter(|file| file.size > 0)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(HttpRecord::of(self)))
    }
}

/// What `Vec` lacks.
trait Lower {
    fn make_ascii_lowercase_from(&mut self, start: usize);
}

impl Lower for Vec<u8> {
    fn make_ascii_lowercase_from(&mut self, start: usize) {
        if let Some(tail) = self.get_mut(start..) {
            tail.make_ascii_lowercase();
        }
    }
}
