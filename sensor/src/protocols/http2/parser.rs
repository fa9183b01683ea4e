//! Bytes to frames, frames to streams.

use super::body::{Body, FAR_LIMIT};
use super::frame::{Frame, HEADER, flag, kind, unpadded};
use super::headers::Headers;
use super::hpack::{Broken, Decoder};
use super::probe::MAGIC;
use super::streams::Streams;
use super::transaction::{Http2Transaction, MAX_SETTINGS};
use super::{doh, event};
use crate::packet::Direction;
use crate::protocols::dns::DnsTransaction;
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use arrayvec::ArrayVec;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::any::Any;

/// Most bytes of a frame that is no DATA, and of a header block over its frames.
pub const FRAME_LIMIT: usize = 64 * 1024;

/// Frames of types that nobody knows, after which it is not HTTP/2 any more.
const MAX_STRANGE: u8 = 16;

/// The request that asked for HTTP/2, made with HTTP/1: it is the first stream's (RFC 7540, 3.2).
#[derive(Debug)]
pub struct Upgrade {
    /// As a request of HTTP/2 has them.
    pub headers: Headers,
    /// Its `HTTP2-Settings`.
    pub settings: Vec<u8>,
}

/// A header block, which may go over several frames.
#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    open: bool,
    stream: u32,
    /// Whose headers they are: what a server promises are a request's.
    message: Option<Direction>,
    ends_stream: bool,
    too_long: bool,
}

/// One direction of a flow.
#[derive(Debug, Default)]
struct Side {
    /// Bytes of what a client begins with that were seen; more than it has once that is behind.
    magic: usize,
    head: ArrayVec<u8, HEADER>,
    frame: Option<Frame>,
    /// Bytes of the frame's payload that are to come.
    left: usize,
    /// The frame's header and payload, as far as they are kept.
    bytes: Vec<u8>,
    /// Of DATA: the number of padding bytes was read.
    padding_known: bool,
    /// Of DATA: bytes that are to come before its padding.
    data_left: usize,
    block: Block,
    hpack: Decoder,
    strange: u8,
}

/// Reads the HTTP/2 of one flow.
#[derive(Debug)]
pub struct Http2Parser {
    protocol: Protocol,
    streams: Streams,
    sides: [Side; 2],
    /// Memory for headers.
    fields: Headers,
    gave_up: bool,
    /// What was odd about the flow and was told.
    told: ArrayVec<&'static str, 16>,
}

impl Default for Http2Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Http2Parser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self {
            protocol: Protocol::Http2,
            streams: Streams::default(),
            sides: [Side::default(), Side::default()],
            fields: Headers::default(),
            gave_up: false,
            told: ArrayVec::new(),
        }
    }

    /// Tells what is odd about the flow, once.
    fn odd(&mut self, direction: Direction, event: &'static str, observer: &mut dyn Observer) {
        if !self.told.contains(&event) && self.told.try_push(event).is_ok() {
            observer.event(None, direction, event);
        }
    }

    /// What the client begins with; what follows it. A flow that was not seen from its start may go without.
    fn magic<'a>(&mut self, mut bytes: &'a [u8], observer: &mut dyn Observer) -> &'a [u8] {
        let side = &mut self.sides[Direction::ToServer.index()];
        while let Some(expected) = MAGIC.get(side.magic)
            && let Some((byte, rest)) = bytes.split_first()
        {
            if byte == expected {
                side.magic += 1;
                bytes = rest;
            } else if side.magic == 0 {
                side.magic = MAGIC.len();
            } else {
                self.odd(Direction::ToServer, event::INVALID_CLIENT_MAGIC, observer);
                self.gave_up = true;
                return &[];
            }
        }
        bytes
    }

    /// Goes on with `bytes`, which are not empty; what is left of them.
    fn step<'a>(&mut self, direction: Direction, bytes: &'a [u8], observer: &mut dyn Observer) -> &'a [u8] {
        let side = &mut self.sides[direction.index()];
        let Some(frame) = side.frame else {
            let (more, rest) = bytes.split_at(side.head.remaining_capacity().min(bytes.len()));
            side.head.extend(more.iter().copied());
            if let Ok(head) = <&[u8; HEADER]>::try_from(side.head.as_slice()) {
                let frame = Frame::read(head);
                side.bytes.clear();
                side.bytes.extend_from_slice(head);
                side.head.clear();
                side.frame = Some(frame);
                side.left = frame.len;
                side.padding_known = !frame.has(flag::PADDED);
                side.data_left = frame.len;
                self.frame_begins(direction, frame, observer);
            }
            return rest;
        };
        let (more, rest) = bytes.split_at(side.left.min(bytes.len()));
        side.left -= more.len();
        let limit = HEADER + if frame.kind == kind::DATA { MAX_FRAME } else { FRAME_LIMIT };
        let room = limit.saturating_sub(side.bytes.len());
        side.bytes.extend_from_slice(more.get(..room).unwrap_or(more));
        let over = side.left == 0;
        if frame.kind == kind::DATA {
            self.data_bytes(direction, frame, more, observer);
        }
        if over {
            self.frame_ends(direction, frame, observer);
        }
        rest
    }

    fn frame_begins(&mut self, direction: Direction, frame: Frame, observer: &mut dyn Observer) {
        if !frame.is_known() {
            self.odd(direction, event::INVALID_FRAME_HEADER, observer);
            let strange = &mut self.sides[direction.index()].strange;
            *strange = strange.saturating_add(1);
            if *strange > MAX_STRANGE {
                self.give_up(observer);
                return;
            }
        }
        if frame.kind != kind::DATA && frame.len > FRAME_LIMIT {
            self.odd(direction, event::LONG_FRAME_DATA, observer);
        }
        if frame.kind == kind::DATA {
            self.begin(frame.stream, direction, false, observer);
        }
        if frame.len == 0 {
            self.frame_ends(direction, frame, observer);
        }
    }

    /// Bytes of a DATA frame's payload.
    fn data_bytes(&mut self, direction: Direction, frame: Frame, bytes: &[u8], observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        let mut data = bytes;
        if !side.padding_known
            && let Some((&padding, rest)) = bytes.split_first()
        {
            side.padding_known = true;
            data = rest;
            let without = frame.len.checked_sub(1 + usize::from(padding));
            side.data_left = without.unwrap_or_default();
            if without.is_none() {
                self.odd(direction, event::INVALID_FRAME_DATA, observer);
            }
        }
        let side = &mut self.sides[direction.index()];
        let data = data.get(..side.data_left).unwrap_or(data);
        side.data_left -= data.len();
        if !data.is_empty() {
            self.body(frame.stream, direction, data, observer);
        }
    }

    fn body(&mut self, stream: u32, direction: Direction, data: &[u8], observer: &mut dyn Observer) {
        let mut policy = observer.file_policy();
        policy.keep = self.streams.keep(policy.keep);
        let begins = self.streams.get(stream).is_some_and(|t| t.message_ref(direction).body.is_none());
        let far = begins && self.streams.looking_far() < FAR_LIMIT;
        let Some(transaction) = self.streams.get(stream).filter(|t| !t.message_ref(direction).ended) else { return };
        if transaction.message_ref(direction).body.is_none() {
            let name = transaction.file_name(direction);
            let range = transaction.range(direction);
            let coding = transaction.message_ref(direction).headers.get(b"content-encoding");
            // In HTTP/1 forms are requests alone, too.
            let kind = transaction.message_ref(direction).headers.get(b"content-type");
            let kind = kind.filter(|_| direction == Direction::ToServer);
            let body = Body::new(&name, (coding, far), range, policy).of_type(kind);
            let stopped = body.is_stopped();
            transaction.message(direction).body = Some(body);
            if stopped {
                observer.event(Some(transaction), direction, event::FAILED_DECOMPRESSION);
            }
        }
        let is_dns = transaction.doh && doh::is_sent(&transaction.message_ref(direction).headers);
        let message = transaction.message(direction);
        if is_dns && message.dns_body.len() + data.len() <= doh::MESSAGE_LIMIT {
            message.dns_body.extend_from_slice(data);
        }
        if message.body.as_mut().is_some_and(|body| body.push(data, policy)) {
            observer.event(Some(transaction), direction, event::FAILED_DECOMPRESSION);
        }
        tell(transaction, direction, Progress::Headers, observer);
        transaction.message(direction).told = Progress::Body;
        observer.progress(transaction, direction, Progress::Body);
        tell_parts(transaction, direction, observer);
    }

    fn frame_ends(&mut self, direction: Direction, frame: Frame, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        side.frame = None;
        let bytes = std::mem::take(&mut side.bytes);
        let (head, payload) = bytes.split_at_checked(HEADER).unwrap_or_default();
        let shown = |bytes: &'_ [u8]| bytes.len().min(MAX_FRAME);
        observer.frame(None, direction, "hdr", head);
        observer.frame(None, direction, "data", payload.get(..shown(payload)).unwrap_or_default());
        observer.frame(None, direction, "pdu", bytes.get(..shown(&bytes)).unwrap_or_default());
        if frame.kind == kind::DATA || frame.len <= FRAME_LIMIT {
            self.frame(direction, frame, payload, observer);
        }
        let side = &mut self.sides[direction.index()];
        side.bytes = bytes;
        side.bytes.clear();
        side.bytes.shrink_to(MAX_FRAME + HEADER);
    }

    fn frame(&mut self, direction: Direction, frame: Frame, payload: &[u8], observer: &mut dyn Observer) {
        let block = &mut self.sides[direction.index()].block;
        if block.open && (frame.kind != kind::CONTINUATION || frame.stream != block.stream) {
            // Nothing may come between (RFC 9113, 6.10); what was there of the block is lost.
            block.open = false;
            self.odd(direction, event::INVALID_FRAME_DATA, observer);
        }
        match frame.kind {
            kind::DATA if frame.has(flag::END_STREAM) => {
                self.see(direction, frame);
                self.end_message(frame.stream, direction, true, observer);
            }
            kind::DATA => self.see(direction, frame),
            kind::HEADERS | kind::PUSH_PROMISE => self.block_begins(direction, frame, payload, observer),
            kind::CONTINUATION => self.block_goes_on(direction, frame, payload, observer),
            kind::RST_STREAM => self.reset(direction, frame, payload, observer),
            _ => self.single(direction, frame, payload, observer),
        }
    }

    fn see(&mut self, direction: Direction, frame: Frame) {
        if let Some(transaction) = self.streams.get(frame.stream) {
            transaction.see_frame(direction, frame.kind);
        }
    }

    /// Makes sure that a stream is there, if it can be. `anew`: one that is over may begin again, which is odd.
    fn begin(&mut self, stream: u32, direction: Direction, anew: bool, observer: &mut dyn Observer) {
        if stream == 0 {
            self.odd(direction, event::INVALID_FRAME_DATA, observer);
            return;
        }
        if self.streams.get(stream).is_some() {
            return;
        }
        let again = self.streams.is_over(stream);
        if again && !anew {
            return;
        }
        if self.streams.is_full()
            && let Some(oldest) = self.streams.oldest()
        {
            self.odd(direction, event::TOO_MANY_STREAMS, observer);
            self.end_message(oldest, Direction::ToServer, false, observer);
            self.end_message(oldest, Direction::ToClient, false, observer);
        }
        self.streams.begin(stream);
        if again && let Some(transaction) = self.streams.get(stream) {
            observer.event(Some(transaction), direction, event::STREAM_ID_REUSE);
        }
    }

    fn block_begins(&mut self, direction: Direction, frame: Frame, payload: &[u8], observer: &mut dyn Observer) {
        let mut stream = frame.stream;
        let mut message = direction;
        let mut priority = None;
        let body = unpadded(frame, payload).and_then(|body| match frame.kind {
            kind::PUSH_PROMISE => {
                let (promised, rest) = body.split_first_chunk::<4>()?;
                stream = u32::from_be_bytes(*promised) & 0x7fff_ffff;
                message = Direction::ToServer;
                Some(rest)
            }
            _ if frame.has(flag::PRIORITY) => {
                let (fields, rest) = body.split_first_chunk::<5>()?;
                priority = Some(fields[4]);
                Some(rest)
            }
            _ => Some(body),
        });
        let Some(body) = body else {
            self.odd(direction, event::INVALID_FRAME_DATA, observer);
            return;
        };
        // What a server still sends of a stream that is over is no new one; it is read, since the table depends on it.
        self.begin(stream, direction, message == Direction::ToServer, observer);
        if let Some(transaction) = self.streams.get(stream) {
            transaction.see_frame(direction, frame.kind);
            let of = transaction.message(direction);
            of.priority = of.priority.or(priority);
        }
        let block = &mut self.sides[direction.index()].block;
        block.bytes.clear();
        block.open = true;
        block.stream = stream;
        block.message = Some(message);
        block.ends_stream = frame.has(flag::END_STREAM) && frame.kind == kind::HEADERS || message != direction;
        block.too_long = false;
        self.block_goes_on(direction, Frame { stream, ..frame }, body, observer);
    }

    fn block_goes_on(&mut self, direction: Direction, frame: Frame, part: &[u8], observer: &mut dyn Observer) {
        let block = &mut self.sides[direction.index()].block;
        if !block.open {
            self.odd(direction, event::INVALID_FRAME_DATA, observer);
            return;
        }
        if block.bytes.len() + part.len() > FRAME_LIMIT {
            if !std::mem::replace(&mut block.too_long, true) {
                self.odd(direction, event::REASSEMBLY_LIMIT_REACHED, observer);
            }
        } else {
            block.bytes.extend_from_slice(part);
        }
        if frame.kind == kind::CONTINUATION
            && let Some(transaction) = self.streams.get(frame.stream)
        {
            transaction.see_frame(direction, frame.kind);
        }
        if frame.has(flag::END_HEADERS) {
            self.block_ends(direction, observer);
        }
    }

    /// A header block is there.
    fn block_ends(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        side.block.open = false;
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        let result = side.hpack.decode(&side.block.bytes, &mut fields);
        let (stream, ends_stream) = (side.block.stream, side.block.ends_stream);
        let message = side.block.message.unwrap_or(direction);
        let odd = match result {
            Ok(()) => None,
            Err(Broken::Overflow) => Some(event::HEADER_INTEGER_OVERFLOW),
            Err(Broken::Invalid | Broken::TooMany) => Some(event::INVALID_HEADER),
        };
        if let Some(transaction) = self.streams.get(stream) {
            if let Some(odd) = odd {
                observer.event(Some(transaction), message, odd);
            }
            if !is_interim(&fields) {
                self.set_headers(stream, message, &mut fields, observer);
            }
        }
        self.fields = fields;
        if ends_stream {
            self.end_message(stream, message, true, observer);
        }
    }

    /// Headers of a message, or its trailer.
    fn set_headers(&mut self, stream: u32, direction: Direction, fields: &mut Headers, observer: &mut dyn Observer) {
        let Some(transaction) = self.streams.get(stream) else { return };
        let message = transaction.message(direction);
        if message.told >= Progress::Headers {
            for (name, value) in fields.iter() {
                message.headers.push(name, value);
            }
            return;
        }
        std::mem::swap(&mut message.headers, fields);
        let mut odd = ArrayVec::<&'static str, 3>::new();
        if direction == Direction::ToServer {
            transaction.set_host();
            let authority = transaction.request().get(b":authority");
            if authority.is_some_and(|authority| authority.contains(&b'@')) {
                odd.push(event::USERINFO_IN_URI);
            }
            let host = transaction.request().get(b"host");
            if let (Some(authority), Some(host)) = (authority, host)
                && !authority.eq_ignore_ascii_case(host)
            {
                odd.push(event::AUTHORITY_HOST_MISMATCH);
            }
            transaction.doh = doh::is_asked(transaction.request());
        }
        let has_range = transaction.message_ref(direction).headers.get(b"content-range").is_some();
        if has_range && transaction.range(direction).is_none() {
            odd.push(event::INVALID_RANGE);
        }
        if transaction.doh && self.protocol == Protocol::Http2 {
            self.protocol = Protocol::Doh2;
            observer.changed(Protocol::Doh2);
        }
        for odd in odd {
            observer.event(Some(&mut *transaction), direction, odd);
        }
        tell(transaction, direction, Progress::Headers, observer);
    }

    /// A direction of a stream is over; with the other one, the stream is.
    fn end_message(&mut self, stream: u32, direction: Direction, whole: bool, observer: &mut dyn Observer) {
        let Some(transaction) = self.streams.get(stream) else { return };
        if !transaction.message_ref(direction).ended {
            read_dns(transaction, direction);
            let message = transaction.message(direction);
            message.ended = true;
            if let Some(body) = &mut message.body {
                body.end(whole);
            }
            let is_file = message.body.as_ref().is_some_and(|body| !body.is_form());
            tell(transaction, direction, Progress::Complete, observer);
            tell_parts(transaction, direction, observer);
            if is_file {
                observer.file(transaction, direction, 0);
            }
        }
        if transaction.messages.iter().all(|message| message.ended)
            && let Some(mut transaction) = self.streams.remove(stream)
        {
            observer.log(&mut *transaction, Direction::ToServer);
        }
    }

    fn reset(&mut self, direction: Direction, frame: Frame, payload: &[u8], observer: &mut dyn Observer) {
        let Ok(code) = <[u8; 4]>::try_from(payload) else {
            self.odd(direction, event::INVALID_FRAME_LENGTH, observer);
            return;
        };
        let Some(transaction) = self.streams.get(frame.stream) else {
            // Of a stream that is over: what it says can still be asked for.
            return self.single(direction, frame, payload, observer);
        };
        transaction.see_frame(direction, frame.kind);
        transaction.message(direction).error = Some(u32::from_be_bytes(code));
        self.end_message(frame.stream, direction, false, observer);
        self.end_message(frame.stream, direction.reverse(), false, observer);
    }

    /// A frame that is about the connection, or that opens no stream.
    fn single(&mut self, direction: Direction, frame: Frame, payload: &[u8], observer: &mut dyn Observer) {
        if let Some(transaction) = self.streams.get(frame.stream) {
            transaction.see_frame(direction, frame.kind);
            if let Some(odd) = note(transaction, direction, frame, payload) {
                observer.event(Some(transaction), direction, odd);
            }
            return;
        }
        let mut transaction = Http2Transaction::new(self.streams.next_id(), frame.stream);
        transaction.see_frame(direction, frame.kind);
        let odd = note(&mut transaction, direction, frame, payload);
        self.tell_single(transaction, direction, odd, observer);
    }

    fn tell_single(
        &mut self,
        mut transaction: Http2Transaction,
        direction: Direction,
        odd: Option<&'static str>,
        observer: &mut dyn Observer,
    ) {
        if let Some(odd) = odd {
            observer.event(Some(&mut transaction), direction, odd);
        }
        tell(&mut transaction, direction, Progress::Complete, observer);
        if transaction.stream == 0 && transaction.is_worth_logging() {
            observer.log(&mut transaction, direction);
        }
    }

    fn end_all(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let mut from = 0;
        while let Some(stream) = self.streams.next(from) {
            self.end_message(stream, direction, false, observer);
            from = stream + 1;
        }
    }

    fn give_up(&mut self, observer: &mut dyn Observer) {
        self.gave_up = true;
        self.end_all(Direction::ToServer, observer);
        self.end_all(Direction::ToClient, observer);
    }

    fn status(&self) -> Status {
        if self.gave_up { Status::GaveUp } else { Status::More }
    }
}

/// Another response to the same request follows.
fn is_interim(fields: &Headers) -> bool {
    fields.get(b":status").is_some_and(|status| matches!(status, [b'1', _, _]))
}

/// What a frame that carries neither headers nor a body says; what is odd about it.
fn note(
    transaction: &mut Http2Transaction,
    direction: Direction,
    frame: Frame,
    payload: &[u8],
) -> Option<&'static str> {
    let message = transaction.message(direction);
    let word = |at: usize| payload.get(at..).and_then(|p| p.first_chunk()).map(|word| u32::from_be_bytes(*word));
    let of_connection = matches!(frame.kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
    if of_connection && frame.stream != 0 {
        return Some(event::INVALID_FRAME_DATA);
    }
    let right = match frame.kind {
        kind::PRIORITY => {
            message.priority = payload.get(4).copied().or(message.priority);
            payload.len() == 5
        }
        kind::RST_STREAM => {
            message.error = word(0);
            payload.len() == 4
        }
        kind::SETTINGS => {
            read_settings(payload, &mut message.settings);
            payload.len().is_multiple_of(6)
        }
        kind::PING => payload.len() == 8,
        kind::GOAWAY => {
            message.error = word(4);
            payload.len() >= 8
        }
        kind::WINDOW_UPDATE => {
            if let Some(increment) = word(0) {
                transaction.see_window(direction, increment & 0x7fff_ffff);
            }
            payload.len() == 4
        }
        _ => true,
    };
    (!right).then_some(event::INVALID_FRAME_LENGTH)
}

fn read_settings(payload: &[u8], settings: &mut Vec<(u16, u32)>) {
    for [i0, i1, v0, v1, v2, v3] in payload.as_chunks::<6>().0.iter().take(MAX_SETTINGS) {
        settings.push((u16::from_be_bytes([*i0, *i1]), u32::from_be_bytes([*v0, *v1, *v2, *v3])));
    }
}

/// A message of DNS, where one came.
fn read_dns(transaction: &mut Http2Transaction, direction: Direction) {
    if !transaction.doh {
        return;
    }
    let path = transaction.request().get(b":path").filter(|_| direction == Direction::ToServer);
    let in_path = path.and_then(doh::in_path);
    let message = transaction.message(direction);
    let body = std::mem::take(&mut message.dns_body);
    let dns = if body.is_empty() { in_path } else { Some(body) };
    message.dns = dns.and_then(|bytes| DnsTransaction::within(direction, &bytes)).map(Box::new);
}

/// Tells the parts of a form that are over.
fn tell_parts(transaction: &mut Http2Transaction, direction: Direction, observer: &mut dyn Observer) {
    while let Some(index) = transaction.message(direction).body.as_mut().and_then(Body::next_over) {
        observer.file(transaction, direction, index);
    }
}

/// Tells how far a direction got, by way of all levels between.
fn tell(transaction: &mut Http2Transaction, direction: Direction, level: Progress, observer: &mut dyn Observer) {
    for step in [Progress::Line, Progress::Headers, Progress::Body, Progress::Complete] {
        // The end of a body is told even if more of it was told before.
        let again = step == Progress::Body && level == Progress::Complete;
        let message = transaction.message(direction);
        if step <= level && (message.told < step || again && message.told == Progress::Body) {
            message.told = step;
            observer.progress(transaction, direction, step);
        }
    }
}

impl Parser for Http2Parser {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn take_over(&mut self, from: Box<dyn Any + Send>, observer: &mut dyn Observer) {
        let Ok(upgrade) = from.downcast::<Upgrade>() else { return };
        let Upgrade { mut headers, settings } = *upgrade;
        let to_server = Direction::ToServer;
        self.streams.begin(1);
        self.set_headers(1, to_server, &mut headers, observer);
        self.end_message(1, to_server, true, observer);
        let mut transaction = Http2Transaction::new(self.streams.next_id(), 0);
        let payload = doh::base64url(settings.trim_ascii());
        let right = payload.as_ref().is_some_and(|payload| payload.len().is_multiple_of(6));
        read_settings(payload.as_deref().unwrap_or_default(), &mut transaction.message(to_server).settings);
        let odd = (!right).then_some(event::INVALID_HTTP1_SETTINGS);
        self.tell_single(transaction, to_server, odd, observer);
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let mut rest = if direction == Direction::ToServer { self.magic(bytes, observer) } else { bytes };
        while !rest.is_empty() && !self.gave_up {
            rest = self.step(direction, rest, observer);
        }
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        match side.frame.filter(|frame| frame.kind == kind::DATA && len <= side.left) {
            Some(frame) => {
                let of_data = len.min(side.data_left);
                side.left -= len;
                side.data_left -= of_data;
                side.padding_known = true;
                let over = side.left == 0;
                let body = self.streams.get(frame.stream).and_then(|t| t.message(direction).body.as_mut());
                if let Some(body) = body {
                    body.gap(of_data as u64);
                }
                if over {
                    self.frame_ends(direction, frame, observer);
                }
            }
            None => self.give_up(observer),
        }
        self.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !self.gave_up {
            self.end_all(direction, observer);
        }
    }
}
