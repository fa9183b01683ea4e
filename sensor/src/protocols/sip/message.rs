//! A message: its first line, and the headers that rules can look at.

use crate::protocols::span::Span;
use memchr::{memchr, memmem};

/// Most bytes of a first line and headers.
pub const HEAD_LIMIT: usize = 1 << 15;

/// Header values that are kept of a message.
pub const FIELD_LIMIT: usize = 256;

/// Methods (IANA, "SIP Methods"), by which a flow is recognised; others are read as well.
pub(super) const METHODS: [&[u8]; 14] = [
    b"REGISTER",
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"UPDATE",
    b"REFER",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"MESSAGE",
    b"INFO",
];

/// A header that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    From,
    To,
    Via,
    UserAgent,
    ContentType,
    ContentLength,
}

impl Field {
    /// By its name or its compact form (RFC 3261, 7.3.3).
    fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], &[u8], Field); 6] = [
            (b"from", b"f", Field::From),
            (b"to", b"t", Field::To),
            (b"via", b"v", Field::Via),
            (b"user-agent", b"", Field::UserAgent),
            (b"content-type", b"c", Field::ContentType),
            (b"content-length", b"l", Field::ContentLength),
        ];
        let is = |known: &[u8]| !known.is_empty() && name.eq_ignore_ascii_case(known);
        NAMES.iter().find(|(long, short, _)| is(long) || is(short)).map(|(_, _, field)| *field)
    }
}

/// A first line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    /// It is a status line.
    pub is_response: bool,
    /// All of it, with no line end.
    pub whole: Span,
    /// `SIP/2.0`.
    pub version: Span,
    /// The method, or the status code.
    pub first: Span,
    /// The URI, or the reason.
    pub second: Span,
}

/// What is known of a message; the spans are of its bytes.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The first line.
    pub line: Line,
    /// With its line end.
    pub line_frame: Span,
    /// All headers with their line ends, without the empty line behind them.
    pub headers_frame: Span,
    /// Those that are kept.
    pub fields: Vec<(Field, Span)>,
    /// What is behind the empty line, if there is one.
    pub body: Option<Span>,
}

impl Head {
    /// Reads the message `bytes`; false if it does not begin as one does.
    pub fn read(&mut self, bytes: &[u8]) -> bool {
        let fields = std::mem::take(&mut self.fields);
        *self = Self { fields, ..Self::default() };
        self.fields.clear();
        let (line, frame, mut rest) = next_line(bytes);
        let Some(line) = first_line(bytes, line) else { return false };
        self.line = line;
        self.line_frame = Span::of_part(bytes, frame);
        let headers = rest;
        loop {
            let (line, frame, after) = next_line(rest);
            if frame.is_empty() {
                break;
            }
            if line.is_empty() {
                self.body = Some(Span::of_part(bytes, after));
                break;
            }
            rest = after;
            // A line that begins with a blank goes on with the header before (RFC 3261, 7.3.1).
            let mut value_end = line;
            while matches!(rest.first(), Some(b' ' | b'\t')) {
                let (line, _, after) = next_line(rest);
                (value_end, rest) = (line, after);
            }
            let whole = between(bytes, line, value_end);
            if let Some(colon) = memchr(b':', whole)
                && let Some(field) = Field::from_name(whole[..colon].trim_ascii())
                && self.fields.len() < FIELD_LIMIT
            {
                self.fields.push((field, Span::of_part(bytes, whole[colon + 1..].trim_ascii())));
            }
        }
        let len = headers.len() - rest.len();
        self.headers_frame = Span::of_part(bytes, &headers[..len]);
        true
    }

    /// Value number `index` of a header.
    pub fn field(&self, field: Field, index: usize) -> Option<Span> {
        self.fields.iter().filter(|(f, _)| *f == field).nth(index).map(|(_, span)| *span)
    }
}

/// How many bytes the first line and the headers take, with the empty line; looks on from `from`.
pub fn head_len(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    while let Some(newline) = bytes.get(at..).and_then(|rest| memchr(b'\n', rest)) {
        at += newline + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// A line with no line end, the same with it, and what is behind it.
fn next_line(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let end = memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    let (frame, rest) = bytes.split_at(end);
    let line = frame.strip_suffix(b"\n").unwrap_or(frame);
    (line.strip_suffix(b"\r").unwrap_or(line), frame, rest)
}

/// From the beginning of one slice of `whole` to the end of a later one.
fn between<'a>(whole: &'a [u8], first: &[u8], last: &[u8]) -> &'a [u8] {
    let base = whole.as_ptr() as usize;
    let at = (first.as_ptr() as usize).wrapping_sub(base);
    let end = (last.as_ptr() as usize).wrapping_sub(base).wrapping_add(last.len());
    whole.get(at..end).unwrap_or_default()
}

fn first_line(bytes: &[u8], line: &[u8]) -> Option<Line> {
    let span = |part: &[u8]| Span::of_part(bytes, part);
    if line.starts_with(b"SIP/") {
        let (version, rest) = split(line)?;
        let (code, reason) = split(rest).unwrap_or((rest, &rest[rest.len()..]));
        let is_code = !code.is_empty() && code.iter().all(u8::is_ascii_digit);
        return is_code.then(|| Line {
            is_response: true,
            whole: span(line),
            version: span(version),
            first: span(code),
            second: span(reason),
        });
    }
    let (method, rest) = split(line)?;
    let at = memmem::rfind(rest, b" SIP/")?;
    let (uri, version) = (&rest[..at], &rest[at + 1..]);
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b);
    let good = !method.is_empty() && method.iter().all(is_token) && !uri.is_empty();
    good.then(|| Line {
        is_response: false,
        whole: span(line),
        version: span(version),
        first: span(method),
        second: span(uri),
    })
}

/// What is before the first blank, and what is behind it.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b' ', line)?;
    Some((&line[..at], &line[at + 1..]))
}
