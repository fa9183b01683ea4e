//! A stream, or a frame about the connection, as rules see it.

use super::body::Body;
use super::headers::Headers;
use super::record::Http2Record;
use crate::packet::Direction;
use crate::protocols::dns::DnsTransaction;
use crate::protocols::file::{FileInfo, FileTracker};
use crate::protocols::http::content_range;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};
use sekisho_signatures::question::Question;

/// Frames of each direction whose types are remembered one by one.
const MAX_FRAMES: usize = 256;

/// Settings of each direction that are remembered.
pub(super) const MAX_SETTINGS: usize = 64;

/// What went in one direction.
#[derive(Debug, Default)]
pub struct Message {
    pub(super) headers: Headers,
    pub(super) body: Option<Body>,
    /// All that is to come of it is there.
    pub(super) ended: bool,
    pub(super) told: Progress,
    /// Types of frames, each once.
    frames: Vec<u8>,
    pub(super) windows: Vec<u32>,
    pub(super) settings: Vec<(u16, u32)>,
    pub(super) priority: Option<u8>,
    pub(super) error: Option<u32>,
    /// A message of DNS as it comes.
    pub(super) dns_body: Vec<u8>,
    pub(super) dns: Option<Box<DnsTransaction>>,
}

/// A stream, or one frame of the connection.
#[derive(Debug)]
pub struct Http2Transaction {
    state: TransactionState,
    pub(super) stream: u32,
    pub(super) messages: [Message; 2],
    /// Made of the request's `:authority` or Host: in lower case, without user and port.
    host: Vec<u8>,
    /// It asks for DNS.
    pub(super) doh: bool,
}

impl Http2Transaction {
    pub(super) fn new(id: u64, stream: u32) -> Self {
        Self {
            state: TransactionState::new(id),
            stream,
            messages: [Message::default(), Message::default()],
            host: Vec::new(),
            doh: false,
        }
    }

    pub(super) fn message(&mut self, direction: Direction) -> &mut Message {
        &mut self.messages[direction.index()]
    }

    pub(super) fn message_ref(&self, direction: Direction) -> &Message {
        &self.messages[direction.index()]
    }

    /// The bodies of its messages, as far as there are any.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.messages.iter().filter_map(|message| message.body.as_ref())
    }

    pub(super) fn request(&self) -> &Headers {
        &self.messages[Direction::ToServer.index()].headers
    }

    pub(super) fn response(&self) -> &Headers {
        &self.messages[Direction::ToClient.index()].headers
    }

    /// A frame of this type was seen.
    pub(super) fn see_frame(&mut self, direction: Direction, kind: u8) {
        let frames = &mut self.message(direction).frames;
        if frames.len() < MAX_FRAMES && !frames.contains(&kind) {
            frames.push(kind);
        }
    }

    /// An increment of the window.
    pub(super) fn see_window(&mut self, direction: Direction, increment: u32) {
        let windows = &mut self.message(direction).windows;
        if windows.len() < MAX_FRAMES && !windows.contains(&increment) {
            windows.push(increment);
        }
    }

    /// Whether there is anything to say of it.
    pub(super) fn is_worth_logging(&self) -> bool {
        self.stream != 0 || self.messages.iter().any(|m| m.error.is_some() || !m.settings.is_empty())
    }

    /// The request's headers are there.
    pub(super) fn set_host(&mut self) {
        let Some(raw) = self.raw_host() else { return };
        let raw = raw.iter().rposition(|b| *b == b'@').map_or(raw, |at| raw.get(at + 1..).unwrap_or_default());
        self.host = without_port(raw).to_ascii_lowercase();
    }

    /// As it came.
    pub(super) fn raw_host(&self) -> Option<&[u8]> {
        self.request().get(b":authority").or_else(|| self.request().get(b"host"))
    }

    /// In lower case, without user and port.
    pub(super) fn host(&self) -> Option<&[u8]> {
        Some(&self.host[..]).filter(|host| !host.is_empty())
    }

    /// The name of a file: what the response says, or the path that was asked for.
    pub(super) fn file_name(&self, direction: Direction) -> Vec<u8> {
        let disposition = self.response().get(b"content-disposition").filter(|_| direction == Direction::ToClient);
        let named = disposition.and_then(|d| crate::protocols::http::parameter(d, b"filename"));
        let path = self.request().get(b":path").unwrap_or_default();
        let path = path.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default();
        named.filter(|name| !name.is_empty()).unwrap_or(path).to_vec()
    }

    /// First and last byte of the part of a file that a message says to carry.
    pub(super) fn range(&self, direction: Direction) -> Option<(u64, u64)> {
        let value = self.message_ref(direction).headers.get(b"content-range")?;
        content_range(value).map(|(first, last, _)| (first, last))
    }

    /// Fields of one name, several with commas between them.
    fn joined<'a>(&'a self, direction: Direction, name: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let mut values = self.message_ref(direction).headers.all(name);
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(first) };
        scratch.extend_from_slice(first);
        for value in std::iter::once(second).chain(values) {
            scratch.extend_from_slice(b", ");
            scratch.extend_from_slice(value);
        }
        Some(scratch)
    }

    fn field(&self, buffer: Buffer, direction: Direction) -> Option<&'static [u8]> {
        let to_server = direction == Direction::ToServer;
        Some(match buffer {
            Buffer::HttpMethod => b":method",
            Buffer::HttpUri | Buffer::HttpUriRaw => b":path",
            Buffer::HttpStatCode => b":status",
            Buffer::HttpAccept => b"accept",
            Buffer::HttpAcceptEnc => b"accept-encoding",
            Buffer::HttpAcceptLang => b"accept-language",
            Buffer::HttpContentLen => b"content-length",
            Buffer::HttpContentType => b"content-type",
            Buffer::HttpCookie if to_server => b"cookie",
            Buffer::HttpCookie => b"set-cookie",
            Buffer::HttpReferer => b"referer",
            Buffer::HttpUserAgent => b"user-agent",
            Buffer::HttpLocation => b"location",
            Buffer::HttpServer => b"server",
            _ => return None,
        })
    }

    /// Buffers that are put together when asked for.
    fn made(&self, buffer: Buffer, direction: Direction, index: usize, out: &mut Vec<u8>) -> Option<()> {
        let headers = &self.message_ref(direction).headers;
        if headers.is_empty() {
            return None;
        }
        match buffer {
            Buffer::HttpHeader | Buffer::HttpHeaderRaw if index == 0 => {
                headers
                    .iter()
                    .for_each(|(name, value)| out.extend([name, b": ", value, b"\r\n"].into_iter().flatten()));
            }
            Buffer::HttpHeaderNames if index == 0 => {
                out.extend_from_slice(b"\r\n");
                headers.iter().for_each(|(name, _)| out.extend([name, b"\r\n"].into_iter().flatten()));
                out.extend_from_slice(b"\r\n");
            }
            Buffer::HttpRequestHeader | Buffer::HttpResponseHeader => {
                let (name, value) = headers.nth(index)?;
                out.extend([name, b": ", value].into_iter().flatten());
            }
            _ => return None,
        }
        Some(())
    }

    fn body_part(&self, buffer: Buffer, direction: Direction) -> Option<Part<'_>> {
        let to_server = direction == Direction::ToServer;
        let wanted = match buffer {
            Buffer::HttpRequestBody => to_server,
            Buffer::HttpResponseBody => !to_server,
            _ => false,
        };
        let file = &self.message_ref(direction).body.as_ref().filter(|_| wanted)?.file;
        Some(file.data()).filter(|part| !part.data.is_empty())
    }
}

/// A host without its port; an IPv6 address keeps its brackets.
fn without_port(host: &[u8]) -> &[u8] {
    let port = host.iter().rposition(|b| *b == b':').filter(|at| {
        host.get(at + 1..).is_some_and(|port| port.iter().all(u8::is_ascii_digit))
            && (host.first() != Some(&b'[') || host.get(at - 1) == Some(&b']'))
    });
    port.and_then(|at| host.get(..at)).unwrap_or(host)
}

impl Transaction for Http2Transaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        if !buffer.declaration().side.has(direction == Direction::ToServer) {
            return None;
        }
        let message = self.message_ref(direction);
        if let Some(dns) = &message.dns
            && buffer.declaration().protocols == sekisho_signatures::app::Protocols::DNS
        {
            return dns.bytes(buffer, direction, index, scratch);
        }
        if buffer == Buffer::Http2HeaderName {
            return message.headers.nth(index).map(|(name, _)| Part::whole(name));
        }
        if self.made(buffer, direction, index, scratch).is_some() {
            return Some(Part::whole(scratch));
        }
        match buffer {
            Buffer::FileData => return message.body.as_ref()?.file_part(index),
            Buffer::FileName => {
                let name = message.body.as_ref()?.tracker(index)?.name();
                return Some(Part::whole(name)).filter(|part| !part.data.is_empty());
            }
            _ => {}
        }
        if index > 0 {
            return None;
        }
        if let Some(part) = self.body_part(buffer, direction) {
            return Some(part);
        }
        match buffer {
            Buffer::HttpHost => self.host().map(Part::whole),
            Buffer::HttpHostRaw => self.raw_host().map(Part::whole),
            Buffer::HttpProtocol => Some(Part::whole(b"HTTP/2")),
            _ => {
                let name = self.field(buffer, direction)?;
                self.joined(direction, name, scratch).map(Part::whole)
            }
        }
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let message = self.message_ref(direction);
        match buffer {
            Buffer::Http2Frametype => message.frames.get(index).map(|kind| u64::from(*kind)),
            Buffer::Http2Window => message.windows.get(index).map(|increment| u64::from(*increment)),
            Buffer::Http2SizeUpdate => message.headers.size_updates.get(index).copied(),
            Buffer::Http2Priority if index == 0 => message.priority.map(u64::from),
            Buffer::Http2Errorcode if index == 0 => message.error.map(u64::from),
            _ => message.dns.as_ref().and_then(|dns| dns.number(buffer, direction, index)),
        }
    }

    fn answer(&self, question: &Question, direction: Direction) -> bool {
        match question {
            Question::Http2Setting { id, value } => {
                let settings = &self.message_ref(direction).settings;
                let fits = |test: u32| value.as_ref().is_none_or(|v| v.holds(u64::from(test)));
                settings.iter().any(|(known, set)| known == id && fits(*set))
            }
            _ => false,
        }
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.message_ref(direction).body.as_ref()?.tracker(index)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.message(direction).body.as_mut()?.tracker_mut(index)
    }

    fn file(&self, direction: Direction, index: usize) -> Option<FileInfo> {
        let body = self.message_ref(direction).body.as_ref()?;
        body.tracker(index)?.info().filter(|file| body.is_form() || file.size > 0)
    }

    fn record(&self, direction: Direction, alert: bool) -> Option<Box<dyn Record>> {
        let sides = [direction, direction.reverse()];
        let answered = [Direction::ToClient, Direction::ToServer];
        let order = if alert { sides } else { answered };
        let dns = order.into_iter().find_map(|side| {
            let message = self.message_ref(side);
            message.dns.as_ref().and_then(|dns| dns.record(side, alert))
        });
        Some(Box::new(Http2Record::of(self, dns)))
    }
}
