//! The head of a message: its first line and its header fields, found in bytes that come cut anywhere.
//!
//! The bytes are kept as they came in one buffer, and everything else is a place in it. What does not lie there as rules want it (a
//! folded value, a repeated field) is made in a second one. Where the head ends is decided as browsers and servers do, not as
//! RFC 9112 would like: a bare LF ends a line, in responses a bare CR as well, and where what follows decides, nothing is
//! decided before it is there, so that the answer does not depend on how the bytes were cut.

use super::event::{Event, Events};
use super::field::{Known, Side, is_space, is_token, trim};

/// Most bytes of a first line, or of a header field with what is folded into it.
pub(super) const MAX_FIELD: usize = 18_000;
/// Most bytes of a head.
pub(super) const MAX_HEAD: usize = 256 * 1024;
/// Most header fields of a message.
pub(super) const MAX_HEADERS: usize = 1_024;
/// Most repetitions of fields in a message that are joined to the first; more are left out.
const MAX_REPEATED: u16 = 64;

/// A place in a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    at: u32,
    len: u32,
}

impl Span {
    /// From `at` to `end`, both at most [`MAX_HEAD`] and in order.
    pub(super) fn new(at: usize, end: usize) -> Self {
        Self { at: at as u32, len: end.saturating_sub(at) as u32 }
    }

    pub(super) fn of(self, buffer: &[u8]) -> &[u8] {
        let at = self.at as usize;
        buffer.get(at..at + self.len as usize).unwrap_or_default()
    }

    pub(super) fn start(self) -> usize {
        self.at as usize
    }

    pub(super) fn end(self) -> usize {
        self.at as usize + self.len as usize
    }

    /// The part of `inner`, which lies in `outer`, the slice that this span stands for.
    pub(super) fn narrow(self, outer: &[u8], inner: &[u8]) -> Self {
        let at = (inner.as_ptr() as usize).saturating_sub(outer.as_ptr() as usize).min(outer.len());
        Self { at: self.at + at as u32, len: inner.len() as u32 }
    }
}

/// A header field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    name: Span,
    value: Span,
    /// The value is in the second buffer.
    made: bool,
    hash: u32,
    repeated: bool,
    pub(super) known: Known,
}

/// How a line ends at a place.
enum LineEnd {
    /// In so many bytes.
    Bytes(usize),
    /// More must be seen to tell.
    Unclear,
}

/// The first line and the header fields of one message.
#[derive(Debug)]
pub(super) struct Head {
    side: Side,
    bytes: Vec<u8>,
    made: Vec<u8>,
    line: Span,
    /// Where the header fields start.
    fields_at: usize,
    /// Where the field that is being read starts.
    field_at: usize,
    /// Where in it to go on.
    scan_at: usize,
    folded: bool,
    whole: bool,
    repetitions: u16,
    fields: Vec<Field>,
    index: [u16; Known::COUNT],
    pub(super) events: Events,
}

/// Too much, or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch(pub(super) Event);

impl Head {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            bytes: Vec::new(),
            made: Vec::new(),
            line: Span::default(),
            fields_at: 0,
            field_at: 0,
            scan_at: 0,
            folded: false,
            whole: false,
            repetitions: 0,
            fields: Vec::new(),
            index: [u16::MAX; Known::COUNT],
            events: Events::default(),
        }
    }

    /// For another message; memory is kept, within bounds.
    pub(super) fn clear(&mut self) {
        const KEEP: usize = 8 * 1024;
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.made.clear();
        self.made.shrink_to(KEEP);
        self.fields.clear();
        self.line = Span::default();
        (self.fields_at, self.field_at, self.scan_at) = (0, 0, 0);
        self.folded = false;
        self.whole = false;
        self.repetitions = 0;
        self.index = [u16::MAX; Known::COUNT];
        self.events = Events::default();
    }

    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.made.capacity() + self.fields.capacity() * size_of::<Field>()
    }

    /// The bytes, as they came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The second buffer.
    pub(super) fn made(&mut self) -> &mut Vec<u8> {
        &mut self.made
    }

    /// What a span of the second buffer stands for.
    pub(super) fn made_bytes(&self, span: Span) -> &[u8] {
        span.of(&self.made)
    }

    /// The first line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        self.line.of(&self.bytes)
    }

    /// The place of the first line.
    pub(super) fn line_span(&self) -> Span {
        self.line
    }

    /// The header fields as they came, with the empty line; those of a trailer are behind.
    pub(super) fn raw_fields(&self) -> &[u8] {
        self.bytes.get(self.fields_at..).unwrap_or_default()
    }

    /// The fields, in order.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(super) fn name(&self, field: &Field) -> &[u8] {
        field.name.of(&self.bytes)
    }

    pub(super) fn value(&self, field: &Field) -> &[u8] {
        field.value.of(if field.made { &self.made } else { &self.bytes })
    }

    /// The value of a field by its name.
    pub(super) fn get(&self, known: Known) -> Option<&[u8]> {
        self.field(known).map(|f| self.value(f))
    }

    /// The value of the Host field, while the second buffer is elsewhere.
    pub(super) fn host_value<'a>(&'a self, made: &'a [u8]) -> Option<&'a [u8]> {
        self.field(Known::Host).map(|f| f.value.of(if f.made { made } else { &self.bytes }))
    }

    fn field(&self, known: Known) -> Option<&Field> {
        let at = *self.index.get(known as usize)?;
        self.fields.get(at as usize)
    }

    /// Reads on in the first line. The number of bytes taken, and whether the line is there. Empty lines before it are left out.
    pub(super) fn read_line(&mut self, input: &[u8]) -> Result<(usize, bool), TooMuch> {
        let mut taken = 0;
        while let Some(rest) = input.get(taken..).filter(|r| !r.is_empty()) {
            let (len, ended) = match self.line_end(rest) {
                Some(len) => (len, true),
                None => (rest.len(), false),
            };
            self.bytes.extend_from_slice(rest.get(..len).unwrap_or_default());
            taken += len;
            if self.bytes.len() > MAX_FIELD {
                return Err(TooMuch(self.side.too_long()));
            }
            if !ended {
                return Ok((taken, false));
            }
            if self.line_is_empty() {
                self.bytes.clear();
                continue;
            }
            self.line_done();
            return Ok((taken, true));
        }
        Ok((taken, false))
    }

    /// Where the first line ends in what follows it.
    fn line_end(&self, rest: &[u8]) -> Option<usize> {
        if self.side == Side::Request {
            return memchr::memchr(b'\n', rest).map(|at| at + 1);
        }
        if self.bytes.last() == Some(&b'\r') {
            return Some(usize::from(rest.first() == Some(&b'\n')));
        }
        let at = memchr::memchr2(b'\r', b'\n', rest)?;
        match (rest.get(at), rest.get(at + 1)) {
            (Some(b'\n'), _) => Some(at + 1),
            (_, Some(b'\n')) => Some(at + 2),
            (_, Some(_)) => Some(at + 1),
            // It is clear with the next byte.
            (_, None) => None,
        }
    }

    fn line_is_empty(&self) -> bool {
        self.bytes.iter().all(|b| is_space(*b))
    }

    /// Adds bytes that are no first line, to be looked at later.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What there is of a first line is all of it.
    pub(super) fn line_done(&mut self) {
        let end = self.bytes.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |at| at + 1);
        self.line = Span::new(0, end);
        self.fields_at = self.bytes.len();
        self.start_fields();
    }

    /// Header fields, or those of a trailer, start here.
    pub(super) fn start_fields(&mut self) {
        self.field_at = self.bytes.len();
        self.scan_at = self.field_at;
        self.folded = false;
    }

    /// All of the head is there.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Nothing more comes of the head.
    pub(super) fn set_whole(&mut self) {
        self.whole = true;
    }

    /// Whether there is a first line.
    pub(super) fn has_line(&self) -> bool {
        self.fields_at != 0
    }

    /// Reads on in the header fields. The number of bytes taken, and where their end was found, the bytes behind it, which are
    /// no longer of the head. Those may have come before `input`.
    pub(super) fn read_fields(&mut self, input: &[u8]) -> Result<(usize, Option<Vec<u8>>), TooMuch> {
        let mut taken = 0;
        while let Some(rest) = input.get(taken..).filter(|r| !r.is_empty()) {
            let len = self.piece(rest);
            self.bytes.extend_from_slice(rest.get(..len).unwrap_or_default());
            taken += len;
            if let Some(end) = self.scan(false)? {
                return Ok((taken, Some(self.bytes.split_off(end.min(self.bytes.len())))));
            }
        }
        Ok((taken, None))
    }

    /// So many bytes, of which at most the last one or two can be beyond the head's end.
    fn piece(&self, rest: &[u8]) -> usize {
        if self.side == Side::Request {
            return memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        }
        let Some(at) = memchr::memchr2(b'\r', b'\n', rest) else { return rest.len() };
        at + 1 + usize::from(rest.get(at) == Some(&b'\r') && rest.get(at + 1) == Some(&b'\n'))
    }

    /// No more bytes come: what there is of the fields is all.
    pub(super) fn end_fields(&mut self) {
        if let Ok(None) = self.scan(true) {
            // A client's line counts once it ended; a server's, as browsers have it, also if the connection did.
            let end = if self.side == Side::Response { self.bytes.len() } else { self.field_at };
            if self.field_at < end {
                // Too many fields cannot be told any more.
                let _ = self.add_field(self.field_at, end);
                self.field_at = end;
            }
        }
    }

    /// Goes on where it stopped; the end of the head if it is there.
    fn scan(&mut self, closed: bool) -> Result<Option<usize>, TooMuch> {
        if self.bytes.len() > MAX_HEAD || self.bytes.len() - self.field_at.min(self.bytes.len()) > 2 * MAX_FIELD {
            return Err(TooMuch(self.side.too_long()));
        }
        if self.line_ends_in_lfcr() {
            match self.bytes.get(self.field_at + 1) {
                None if !closed => return Ok(None),
                None | Some(b'\r' | b'\n') => {}
                Some(_) => {
                    self.field_at += 1;
                    self.scan_at += 1;
                }
            }
        }
        loop {
            if self.scan_at == self.field_at
                && let Some(end) = self.empty_line(self.field_at, closed)
            {
                return Ok(end.or(if closed { Some(self.bytes.len()) } else { None }));
            }
            let Some(rest) = self.bytes.get(self.scan_at..).filter(|r| !r.is_empty()) else { return Ok(None) };
            let found = match self.side {
                Side::Request => memchr::memchr(b'\n', rest),
                Side::Response => memchr::memchr2(b'\r', b'\n', rest),
            };
            let Some(mut at) = found.map(|f| f + self.scan_at) else { return Ok(None) };
            if self.bytes.get(at) == Some(&b'\n') && at > self.scan_at && self.bytes.get(at - 1) == Some(&b'\r') {
                at -= 1;
            }
            if at - self.field_at > MAX_FIELD {
                return Err(TooMuch(self.side.too_long()));
            }
            let LineEnd::Bytes(len) = self.end_at(at, closed) else { return Ok(None) };
            let next = at + len;
            match self.bytes.get(next) {
                None if !closed => return Ok(None),
                Some(b' ' | b'\t' | 0) => match self.is_new_field(next + 1, closed) {
                    None => return Ok(None),
                    Some(true) => {}
                    Some(false) => {
                        if self.folded && self.scan_at == at && len == 1 {
                            // A line of one space and a bare line end: it is taken for the empty line.
                            self.add_field(self.field_at, at)?;
                            return Ok(Some(next));
                        }
                        self.folded = true;
                        self.scan_at = next + 1;
                        continue;
                    }
                },
                _ => {}
            }
            if self.folded && self.scan_at == at && len == 1 {
                // The empty line may still follow.
                let end = match self.empty_line(next, closed) {
                    None => next,
                    Some(Some(end)) => end,
                    Some(None) => return Ok(None),
                };
                self.add_field(self.field_at, at)?;
                return Ok(Some(end));
            }
            // The empty line must be told from this field before the field is done: a lone CR may still become CRLF.
            if matches!(self.empty_line(next, closed), Some(None)) {
                return Ok(None);
            }
            self.add_field(self.field_at, at)?;
            self.field_at = next;
            self.scan_at = next;
            self.folded = false;
        }
    }

    /// Behind the status line, and it may be that its LF has the CR behind it.
    fn line_ends_in_lfcr(&self) -> bool {
        let (line, fields) = self.bytes.split_at(self.fields_at.min(self.bytes.len()));
        self.side == Side::Response
            && self.scan_at == self.fields_at
            && fields.first() == Some(&b'\r')
            && matches!(line, [.., last, b'\n'] if *last != b'\r')
    }

    /// The end of an empty line at `at`: None if there is none, Some(None) if that cannot be told yet.
    fn empty_line(&self, at: usize, closed: bool) -> Option<Option<usize>> {
        match (self.bytes.get(at)?, self.bytes.get(at + 1)) {
            (b'\n', _) => Some(Some(at + 1)),
            (b'\r', Some(b'\n')) => Some(Some(at + 2)),
            (b'\r', None) if !closed => Some(None),
            (b'\r', _) if self.side == Side::Response => Some(Some(at + 1)),
            _ => None,
        }
    }

    /// How the line ends whose end begins at `at`.
    fn end_at(&mut self, at: usize, closed: bool) -> LineEnd {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let unclear = |len: usize| if closed { LineEnd::Bytes(len) } else { LineEnd::Unclear };
        match (self.side, rest) {
            // CRLF, then CRs and blanks and an LF on a line of their own, which is not the empty line if a field follows.
            (Side::Response, [b'\r', b'\n', b'\r', b'\r' | b' ' | b'\t', ..]) => {
                let blanks = rest.iter().skip(3).position(|b| !matches!(b, b'\r' | b' ' | b'\t'));
                let Some(blanks) = blanks.map(|p| p + 3) else { return unclear(2) };
                let len = blanks + usize::from(rest.get(blanks) == Some(&b'\n'));
                match rest.get(len..) {
                    Some([b'\n', ..] | [b'\r', b'\n', ..]) => LineEnd::Bytes(2),
                    Some([] | [b'\r']) | None => unclear(2),
                    Some(_) => LineEnd::Bytes(len),
                }
            }
            (Side::Response, [b'\r', b'\n', b'\r']) | (Side::Response, [b'\r']) => unclear(rest.len().min(2)),
            (_, [b'\r', b'\n', ..]) => LineEnd::Bytes(2),
            // LF CR CR LF before an empty line.
            (_, [b'\n', b'\r', b'\r', b'\n', b'\n', ..]) => LineEnd::Bytes(4),
            (_, [b'\n', b'\r', b'\r', b'\n', b'\r', b'\n', ..]) => LineEnd::Bytes(4),
            (_, [b'\n', b'\r', b'\r', b'\n'] | [b'\n', b'\r', b'\r', b'\n', b'\r'])
            | (_, [b'\n', b'\r', b'\r'] | [b'\n', b'\r'])
                if !closed =>
            {
                LineEnd::Unclear
            }
            (Side::Request, [b'\n', b'\r', b'\r', b'\n', ..]) => LineEnd::Bytes(2),
            (Side::Response, [b'\n', b'\r', b'\n', ..]) => LineEnd::Bytes(1),
            (Side::Response, [b'\n', b'\r', ..]) => LineEnd::Bytes(2),
            (_, [b'\n']) => unclear(1),
            _ => LineEnd::Bytes(1),
        }
    }

    /// Whether the line at `at`, behind a blank, is a field of its own and not the rest of the one before: browsers take
    /// ` name: value` for one. None if that cannot be told yet.
    fn is_new_field(&self, at: usize, closed: bool) -> Option<bool> {
        if self.side == Side::Request {
            return Some(false);
        }
        let rest = self.bytes.get(at..).unwrap_or_default();
        let blank = |b: &u8| !matches!(b, b' ' | b'\t');
        let unclear = if closed { Some(false) } else { None };
        let Some(name) = rest.iter().position(blank) else { return unclear };
        let Some(len) = rest.iter().skip(name).position(|b| !is_token(*b)) else { return unclear };
        let Some(colon) = rest.iter().skip(name + len).find(|b| blank(b)) else { return unclear };
        Some(len > 0 && *colon == b':')
    }

    /// The field from `at` to `end`, its line end not included.
    fn add_field(&mut self, at: usize, end: usize) -> Result<(), TooMuch> {
        let raw = Span::new(at, end);
        let bytes = raw.of(&self.bytes);
        let first_line =
            if self.folded { memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len()) } else { bytes.len() };
        let mut colon = memchr::memchr(b':', bytes.get(..first_line).unwrap_or_default());
        if colon.is_none() && self.folded {
            colon = memchr::memchr(b':', bytes).filter(|c| folds_are_spaces(bytes.get(..*c).unwrap_or_default()));
        }
        let (name, value) = match colon {
            Some(colon) => {
                let raw_name = bytes.get(..colon).unwrap_or_default();
                let name = trim(raw_name);
                self.events.extend(self.side.name_events(raw_name, name));
                (raw.narrow(bytes, name), bytes.get(colon + 1..).unwrap_or_default())
            }
            None => {
                self.events.add(self.side.colon_missing());
                (Span::new(at, at), bytes)
            }
        };
        let (value, made) = if self.folded && value.iter().any(|b| matches!(b, b'\r' | b'\n')) {
            let span = unfold(value, self.side, &mut self.made);
            (span, true)
        } else {
            (raw.narrow(bytes, trim(value)), false)
        };
        self.store(name, value, made)
    }

    fn store(&mut self, name: Span, value: Span, made: bool) -> Result<(), TooMuch> {
        let bytes = name.of(&self.bytes);
        let known = Known::of(bytes);
        let hash = name_hash(bytes);
        let same = |f: &&mut Field| f.hash == hash && f.name.of(&self.bytes).eq_ignore_ascii_case(bytes);
        let Some(field) = self.fields.iter_mut().find(same) else {
            if self.fields.len() >= MAX_HEADERS {
                return Err(TooMuch(self.side.too_many()));
            }
            if let Some(slot) = self.index.get_mut(known as usize).filter(|s| **s == u16::MAX && known != Known::Other)
            {
                *slot = self.fields.len() as u16;
            }
            self.fields.push(Field { name, value, made, hash, repeated: false, known });
            return Ok(());
        };
        let first = !std::mem::replace(&mut field.repeated, true);
        if first {
            self.events.add(self.side.repetition());
        } else if self.repetitions >= MAX_REPEATED {
            return Ok(());
        } else {
            self.repetitions += 1;
        }
        if known == Known::ContentLength {
            let old = field.value.of(if field.made { &self.made } else { &self.bytes });
            let new = value.of(if made { &self.made } else { &self.bytes });
            let (old, new) = (super::field::decimal(old), super::field::decimal(new));
            if old.is_none() || old != new {
                self.events.add(self.side.length_repeated());
            }
            return Ok(());
        }
        if self.made.len() + field.value.end() - field.value.start() > MAX_HEAD {
            return Err(TooMuch(self.side.too_long()));
        }
        let start = if field.made && field.value.end() == self.made.len() {
            field.value.start()
        } else {
            let start = self.made.len();
            if field.made {
                self.made.extend_from_within(field.value.start()..field.value.end());
            } else {
                self.made.extend_from_slice(field.value.of(&self.bytes));
            }
            start
        };
        self.made.extend_from_slice(b", ");
        if made {
            self.made.extend_from_within(value.start()..value.end());
        } else {
            self.made.extend_from_slice(value.of(&self.bytes));
        }
        field.value = Span::new(start, self.made.len());
        field.made = true;
        Ok(())
    }
}

/// Whether each line end is followed by a space.
fn folds_are_spaces(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        if let [b'\n', tail @ ..] = rest {
            rest = tail;
        }
        if !matches!(rest, [b' ', ..]) {
            return false;
        }
    }
    true
}

/// Joins the lines of a value by the first blank of each.
fn unfold(value: &[u8], side: Side, made: &mut Vec<u8>) -> Span {
    let start = made.len();
    let mut rest = value;
    loop {
        let at = match side {
            Side::Request => memchr::memchr(b'\n', rest),
            Side::Response => memchr::memchr2(b'\r', b'\n', rest),
        };
        let Some(at) = at else { break };
        let (line, tail) = rest.split_at(at);
        made.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        let skip = tail.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(tail.len());
        rest = tail.get(skip..).unwrap_or_default();
        if let [blank, tail @ ..] = rest {
            if made.iter().skip(start).any(|b| !is_space(*b)) {
                made.push(*blank);
            }
            rest = tail;
        }
    }
    made.extend_from_slice(rest);
    let span = Span::new(start, made.len());
    let bytes = span.of(made);
    span.narrow(bytes, trim(bytes))
}

/// Of a name without regard to case.
fn name_hash(name: &[u8]) -> u32 {
    name.iter().fold(name.len() as u32, |hash, b| hash.rotate_left(5).wrapping_mul(0x9e37_79b1) ^ u32::from(b | 0x20))
}
