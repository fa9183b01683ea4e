//! The first lines of messages.

use super::event::{Event, Events};
use super::field::{is_space, trim};
use super::head::Span;

/// A request line's parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) kind: Method,
    pub(super) target: Option<Span>,
    pub(super) protocol: Option<Span>,
    pub(super) version: Version,
}

/// The methods that change how messages are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    #[default]
    Unknown,
    Connect,
    Head,
    Put,
    Post,
    /// Any other that is known.
    Known,
}

impl Method {
    fn of(name: &[u8]) -> Self {
        match name {
            b"CONNECT" => Self::Connect,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"POST" => Self::Post,
            _ if METHODS.contains(&name) => Self::Known,
            _ => Self::Unknown,
        }
    }
}

/// Methods of HTTP and WebDAV.
pub(super) static METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"VERSION-CONTROL",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"CHECKIN",
    b"UPDATE",
    b"LABEL",
    b"REPORT",
    b"MKWORKSPACE",
    b"MKACTIVITY",
    b"BASELINE-CONTROL",
    b"MERGE",
    b"INVALID",
];

/// The protocol version that a line names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// None, or one that does not exist.
    #[default]
    Unknown,
    V0_9,
    V1_0,
    V1_1,
}

impl Version {
    /// Blanks around the slash and zeros before the number are let through.
    fn of(protocol: &[u8]) -> Self {
        let bytes = trim(protocol);
        let Some((name, rest)) = bytes.split_at_checked(4) else { return Self::Unknown };
        let rest = trim(rest);
        let Some(rest) = rest.strip_prefix(b"/").filter(|_| name.eq_ignore_ascii_case(b"http")) else {
            return Self::Unknown;
        };
        let digits = rest.iter().position(|b| !is_space(*b) && *b != b'0').unwrap_or(rest.len());
        match rest.get(digits..) {
            Some(b".9") => Self::V0_9,
            Some(b"1.0") => Self::V1_0,
            Some(b"1.1") => Self::V1_1,
            _ => Self::Unknown,
        }
    }
}

/// Splits at white space; what is before it, it, and what is behind.
fn word(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (word, rest) = bytes.split_at(bytes.iter().position(|b| is_space(*b)).unwrap_or(bytes.len()));
    let (space, rest) = rest.split_at(rest.iter().position(|b| !is_space(*b)).unwrap_or(rest.len()));
    (word, space, rest)
}

impl RequestLine {
    /// Reads a line, which lies at `span`.
    pub(super) fn parse(line: &[u8], span: Span, events: &mut Events) -> Self {
        let mut parsed = Self::default();
        let (before, _, rest) = word(line);
        let (method, space, rest) = if before.is_empty() && !line.is_empty() {
            events.add(Event::RequestLineLeadingSpace);
            word(rest)
        } else {
            word(line)
        };
        parsed.method = span.narrow(line, method);
        parsed.kind = Method::of(method);
        if space.iter().any(|b| *b != b' ') {
            events.add(Event::MethodDelimiter);
        }
        let rest = trim(rest);
        // The target may hold spaces: the protocol is behind the last one.
        let (mut target, mut protocol) = match memchr::memrchr(b' ', rest) {
            Some(at) => rest.split_at(at),
            None => (rest, &[][..]),
        };
        if target.iter().any(|b| is_space(*b) && *b != b' ') {
            events.add(Event::UriDelimiter);
            if protocol.is_empty()
                && let Some(at) = rest.iter().rposition(|b| is_space(*b))
            {
                (target, protocol) = rest.split_at(at);
            }
        }
        let protocol = trim(protocol);
        if !target.is_empty() {
            parsed.target = Some(span.narrow(line, trim(target)));
        }
        if protocol.is_empty() {
            parsed.version = Version::V0_9;
        } else {
            parsed.protocol = Some(span.narrow(line, protocol));
            parsed.version = Version::of(protocol);
        }
        if parsed.kind == Method::Unknown && matches!(parsed.version, Version::Unknown | Version::V0_9) {
            events.add(Event::RequestLineInvalid);
        }
        parsed
    }

    /// Whether the line is that of HTTP/0.9, if no header fields follow.
    pub(super) fn is_simple(&self) -> bool {
        self.protocol.is_none()
    }
}

/// A status line's parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StatusLine {
    pub(super) protocol: Option<Span>,
    pub(super) version: Version,
    pub(super) status: Option<Span>,
    pub(super) code: Option<u16>,
    pub(super) message: Option<Span>,
}

impl StatusLine {
    /// Reads a line, which lies at `span`.
    pub(super) fn parse(line: &[u8], span: Span, events: &mut Events) -> Self {
        let mut parsed = Self::default();
        let start = line.iter().position(|b| !is_space(*b) && *b != 0).unwrap_or(line.len());
        let (protocol, _, rest) = word(line.get(start..).unwrap_or_default());
        let (status, space, message) = word(rest);
        if !protocol.is_empty() {
            parsed.protocol = Some(span.narrow(line, protocol));
            parsed.version = Version::of(protocol);
        }
        if !status.is_empty() {
            parsed.status = Some(span.narrow(line, status));
            let code = std::str::from_utf8(status).ok().filter(|s| s.bytes().all(|b| b.is_ascii_digit()));
            parsed.code = code.and_then(|s| s.parse().ok()).filter(|c| (100..=999).contains(c));
            if !space.is_empty() {
                parsed.message = Some(span.narrow(line, message));
            }
        }
        if parsed.version == Version::Unknown {
            events.add(Event::ResponseInvalidProtocol);
        }
        if parsed.code.is_none() {
            events.add(Event::ResponseInvalidStatus);
        }
        parsed
    }
}

/// Whether a response that starts with these bytes has a status line; None if more bytes are needed to tell.
pub(super) fn is_status_line(bytes: &[u8]) -> Option<bool> {
    let start = bytes.iter().position(|b| !is_space(*b) && *b != 0)?;
    let word = bytes.get(start..).unwrap_or_default();
    let len = word.len().min(4);
    let same = word.get(..len).unwrap_or_default().eq_ignore_ascii_case(b"http".get(..len).unwrap_or_default());
    if same && len < 4 { None } else { Some(same) }
}

/// Whether a line that starts with these bytes is a request's, by its method; None if more bytes are needed to tell.
pub(super) fn is_request_line(bytes: &[u8]) -> Option<bool> {
    let mut partial = false;
    for method in METHODS {
        match bytes.get(..method.len()) {
            Some(start) if start == *method => match bytes.get(method.len()) {
                Some(b' ') => return Some(true),
                None => partial = true,
                Some(_) => {}
            },
            None if method.starts_with(bytes) => partial = true,
            _ => {}
        }
    }
    if partial { None } else { Some(false) }
}
