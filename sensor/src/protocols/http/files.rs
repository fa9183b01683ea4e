//! The files that a message carries: its body as a whole, or the parts of a form (RFC 7578) that have a file name.
//!
//! The parts lie in the body that is kept anyway, so that what rules look at is no more than a place in it; trackers follow the rest.
//! A form is read as it comes, cut anywhere; of what may still become a delimiter, nothing is handed out.

use super::event::Event;
use crate::protocols::Part;
use crate::protocols::file::{FilePolicy, FileState, FileTracker};

/// Parts of a form with a file name that are told; more are left out.
const MAX_PARTS: usize = 64;
/// Most bytes of a part's header.
const MAX_HEADER: usize = 8 * 1024;
/// Longest delimiter: RFC 2046 has 70, browsers stay below; Suricata takes 200.
const MAX_BOUNDARY: usize = 200;

/// What of a body are files.
#[derive(Debug, Default)]
pub(super) enum Files {
    /// Nothing.
    #[default]
    None,
    /// All of it, one; followed from its first byte on.
    Body(Option<Box<FileTracker>>),
    /// Parts of it.
    Form(Box<Form>),
}

/// A file in a form.
#[derive(Debug)]
pub(in crate::protocols) struct FilePart {
    pub(in crate::protocols) tracker: FileTracker,
    /// Where in the body it starts.
    pub(super) start: u64,
    /// Where it ends, once that is known.
    pub(super) end: Option<u64>,
}

/// A form, as far as it was read.
#[derive(Debug)]
pub(in crate::protocols) struct Form {
    /// Two hyphens and the boundary.
    delimiter: Box<[u8]>,
    place: Place,
    /// What is not decided yet; it ends where the body does.
    pending: Vec<u8>,
    /// Where in the body `pending` ends.
    at: u64,
    pub(in crate::protocols) parts: Vec<FilePart>,
    /// Parts that were told to be over.
    pub(super) told: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first delimiter, or in a part without a file name.
    Skipping,
    /// Behind a delimiter, in its line and the header that follows.
    Header,
    /// In the last part of `parts`.
    File,
    /// Behind the last delimiter, or where nothing makes sense any more.
    Over,
}

impl Files {
    /// Of a request, by its content type: a form, or all of it.
    pub(super) fn of_request(content_type: Option<&[u8]>) -> Self {
        match content_type.and_then(Form::of) {
            Some(form) => Self::Form(Box::new(form)),
            None => Self::Body(None),
        }
    }

    /// Who follows a file.
    pub(super) fn tracker(&self, index: usize) -> Option<&FileTracker> {
        match self {
            Self::None => None,
            Self::Body(tracker) => tracker.as_deref().filter(|_| index == 0),
            Self::Form(form) => form.parts.get(index).map(|p| &p.tracker),
        }
    }

    pub(super) fn tracker_mut(&mut self, index: usize) -> Option<&mut FileTracker> {
        match self {
            Self::None => None,
            Self::Body(tracker) => tracker.as_deref_mut().filter(|_| index == 0),
            Self::Form(form) => form.parts.get_mut(index).map(|p| &mut p.tracker),
        }
    }

    /// Bytes of the body are missing.
    pub(super) fn gap(&mut self, len: u64) {
        match self {
            Self::None => {}
            Self::Body(tracker) => {
                if let Some(tracker) = tracker {
                    tracker.gap(len);
                }
            }
            Self::Form(form) => form.gap(len),
        }
    }
}

/// The boundary that a content type of forms names.
fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let (kind, parameters) = content_type.split_at(content_type.iter().position(|b| *b == b';')?);
    if !kind.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data") {
        return None;
    }
    parameter(parameters, b"boundary").filter(|b| !b.is_empty() && b.len() <= MAX_BOUNDARY)
}

/// The value of a parameter of a header field: `…; name=value` or `…; name="value"`. Escapes in it stay.
pub(in crate::protocols) fn parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = value;
    loop {
        let at = memchr::memchr2(b';', b'"', rest)?;
        if rest.get(at) == Some(&b'"') {
            rest = behind_quotes(rest.get(at + 1..)?);
            continue;
        }
        rest = rest.get(at + 1..)?.trim_ascii_start();
        let Some((start, tail)) = rest.split_at_checked(name.len()).filter(|(s, _)| s.eq_ignore_ascii_case(name))
        else {
            continue;
        };
        debug_assert_eq!(start.len(), name.len());
        let Some(found) = tail.trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { continue };
        return Some(match found.strip_prefix(b"\"") {
            Some(quoted) => {
                let len = quoted.len() - behind_quotes(quoted).len();
                let quoted = quoted.get(..len).unwrap_or_default();
                quoted.strip_suffix(b"\"").unwrap_or(quoted)
            }
            None => found.split(|b| *b == b';').next().unwrap_or_default().trim_ascii_end(),
        });
    }
}

/// What follows the quotation mark that ends a quoted string.
fn behind_quotes(bytes: &[u8]) -> &[u8] {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return bytes.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    &[]
}

impl Form {
    /// The form that a content type says to follow.
    pub(in crate::protocols) fn of(content_type: &[u8]) -> Option<Self> {
        boundary(content_type).map(Self::new)
    }

    /// What is there of the bytes of a file, out of the body that is kept; `complete`: no more of it comes.
    pub(in crate::protocols) fn file_part<'a>(&self, index: usize, body: &'a [u8], complete: bool) -> Option<Part<'a>> {
        let part = self.parts.get(index)?;
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
        let end = part.end.unwrap_or_else(|| self.sure().max(part.start));
        let data = body.get(place(part.start)..place(end))?;
        Some(Part { data, complete: part.end.is_some() || complete })
    }

    fn new(boundary: &[u8]) -> Self {
        Self {
            delimiter: [b"--", boundary].concat().into(),
            place: Place::Skipping,
            pending: Vec::new(),
            at: 0,
            parts: Vec::new(),
            told: 0,
        }
    }

    /// More of the body, decoded; what is odd about it. Files that begin in it are followed by `policy`.
    pub(in crate::protocols) fn push(&mut self, bytes: &[u8], policy: FilePolicy) -> Option<Event> {
        self.at = self.at.saturating_add(bytes.len() as u64);
        if self.place == Place::Over {
            return None;
        }
        self.pending.extend_from_slice(bytes);
        let mut done = 0;
        let mut event = None;
        while let Some(taken) = self.step(done, policy, &mut event) {
            done += taken;
        }
        self.pending.drain(..done.min(self.pending.len()));
        if self.place == Place::Over {
            self.pending = Vec::new();
        }
        event
    }

    /// Where in the body the byte `index` of what is pending lies.
    fn position(&self, index: usize) -> u64 {
        self.at.saturating_sub(self.pending.len().saturating_sub(index) as u64)
    }

    /// Reads on from `from` of what is pending; the number of bytes that are done with, None if more are needed.
    fn step(&mut self, from: usize, policy: FilePolicy, event: &mut Option<Event>) -> Option<usize> {
        let rest = self.pending.get(from..).unwrap_or_default();
        match self.place {
            Place::Over => None,
            Place::Header => {
                let Some((header, len)) = header(rest) else {
                    if rest.len() > MAX_HEADER {
                        *event = Some(Event::MultipartInvalidHeader);
                        self.place = Place::Over;
                    }
                    return None;
                };
                let start = self.position(from + len);
                if header.starts_with(b"--") {
                    self.place = Place::Over;
                    return None;
                }
                let name = disposition(header).and_then(|d| parameter(d, b"filename"));
                self.place = match name {
                    Some(name) if self.parts.len() < MAX_PARTS => {
                        self.parts.push(FilePart { tracker: FileTracker::new(name, policy), start, end: None });
                        Place::File
                    }
                    _ => Place::Skipping,
                };
                Some(len)
            }
            Place::Skipping | Place::File => match memchr::memmem::find(rest, &self.delimiter) {
                Some(at) => {
                    let line_end = match rest.get(..at) {
                        Some([.., b'\r', b'\n']) => 2,
                        Some([.., b'\n']) => 1,
                        _ => 0,
                    };
                    let end = self.position(from + at - line_end);
                    if self.place == Place::File
                        && let Some(part) = self.parts.last_mut()
                    {
                        part.tracker.push(rest.get(..at - line_end).unwrap_or_default());
                    }
                    self.close(end, FileState::Closed);
                    self.place = Place::Header;
                    Some(at + self.delimiter.len())
                }
                None => {
                    let keep = (self.delimiter.len() + 1).min(rest.len());
                    let taken = rest.len() - keep;
                    if self.place == Place::File
                        && let Some(part) = self.parts.last_mut()
                    {
                        part.tracker.push(rest.get(..taken).unwrap_or_default());
                    }
                    Some(taken).filter(|taken| *taken > 0)
                }
            },
        }
    }

    fn close(&mut self, end: u64, state: FileState) {
        if self.place == Place::File
            && let Some(part) = self.parts.last_mut()
        {
            part.end = Some(end.max(part.start));
            part.tracker.close(state);
        }
    }

    /// The body is over, or what follows makes no sense: a file without an end ends here.
    pub(in crate::protocols) fn end(&mut self, state: FileState) {
        if self.place == Place::File
            && let Some(part) = self.parts.last_mut()
        {
            part.tracker.push(&self.pending);
        }
        self.close(self.at, state);
        self.place = Place::Over;
        self.pending = Vec::new();
    }

    /// Bytes of the body are missing: those of the file that it is in.
    pub(in crate::protocols) fn gap(&mut self, len: u64) {
        if self.place == Place::File
            && let Some(part) = self.parts.last_mut()
        {
            part.tracker.gap(len);
        }
    }

    /// How far into the body the bytes are known to be of the file.
    fn sure(&self) -> u64 {
        self.position(0)
    }

    /// The number of a part that is over and was not told.
    pub(in crate::protocols) fn over(&mut self) -> Option<usize> {
        let index = self.told;
        self.parts.get(index)?.end?;
        self.told += 1;
        Some(index)
    }
}

/// The rest of a delimiter's line and the header behind it, with the empty line that ends it, and their length.
fn header(bytes: &[u8]) -> Option<(&[u8], usize)> {
    // Behind the last delimiter there is none.
    if bytes.starts_with(b"--") {
        return Some((bytes, bytes.len()));
    }
    let mut at = 0;
    let mut first = true;
    loop {
        let len = memchr::memchr(b'\n', bytes.get(at..)?)? + 1;
        let line = bytes.get(at..at + len)?;
        at += len;
        if !first && matches!(line, b"\n" | b"\r\n") {
            return Some((bytes.get(..at)?, at));
        }
        first = false;
    }
}

/// The value of `Content-Disposition` in a part's header.
fn disposition(header: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"content-disposition:";
    header.split(|b| *b == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then(|| value.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"pre\r\n--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--X\r\nContent-Type: b\r\n\
        content-disposition: form-data; name=\"f; filename=no\"; filename=\"a \\\"b;c.txt\"\r\n\r\none\r\n--tw\r\no\r\n--X\r\n\
        Content-Disposition: form-data; filename=z.bin ;x=y\r\n\r\n\r\n--X--\r\nbehind --X\r\n\r\n";

    fn files(form: &Form) -> Vec<(&[u8], &[u8])> {
        let part = |p: &FilePart| &BODY[p.start as usize..p.end.unwrap() as usize];
        form.parts.iter().map(|p| (p.tracker.name(), part(p))).collect()
    }

    #[test]
    fn parts_with_a_file_name_are_files_however_they_are_cut() {
        for size in 1..BODY.len() {
            let Files::Form(mut form) = Files::of_request(Some(b"multipart/form-data; x; boundary=X")) else {
                panic!()
            };
            for piece in BODY.chunks(size) {
                assert_eq!(form.push(piece, FilePolicy::default()), None);
                assert!(form.parts.iter().all(|p| p.end.is_some() || form.sure() <= form.at));
            }
            form.end(FileState::Closed);
            let followed: Vec<_> = form.parts.iter().map(|p| (p.tracker.name(), p.tracker.data().data)).collect();
            assert_eq!(followed, files(&form));
            assert_eq!(files(&form), [(&b"a \\\"b;c.txt"[..], &b"one\r\n--tw\r\no"[..]), (b"z.bin", b"")], "{size}");
            assert_eq!((form.over(), form.over(), form.over()), (Some(0), Some(1), None));
        }
    }

    #[test]
    fn a_file_without_an_end_ends_with_the_body() {
        let Files::Form(mut form) = Files::of_request(Some(b"Multipart/Form-Data;boundary=\"X\"")) else { panic!() };
        form.push(b"--X\nContent-Disposition: form-data; filename=f\n\nabc", FilePolicy::default());
        assert_eq!((form.parts[0].end, form.sure() - form.parts[0].start), (None, 0));
        form.end(FileState::Truncated);
        assert_eq!(form.parts[0].tracker.size(), 3);
        assert!(!form.parts[0].tracker.is_whole());
        assert_eq!(form.parts[0].end.map(|end| end - form.parts[0].start), Some(3));
    }

    #[test]
    fn other_bodies_are_one_file() {
        assert!(matches!(Files::of_request(None), Files::Body(_)));
        assert!(matches!(Files::of_request(Some(b"multipart/form-data")), Files::Body(_)));
        assert!(matches!(Files::of_request(Some(b"text/plain; boundary=X")), Files::Body(_)));
    }

    #[test]
    fn a_header_without_end_is_given_up() {
        let Files::Form(mut form) = Files::of_request(Some(b"multipart/form-data; boundary=X")) else { panic!() };
        let mut event = form.push(b"--X\r\n", FilePolicy::default());
        for _ in 0..MAX_HEADER {
            event = event.or(form.push(b"a: b\r\n", FilePolicy::default()));
            assert!(form.pending.len() <= MAX_HEADER + 16);
        }
        assert_eq!(event, Some(Event::MultipartInvalidHeader));
    }
}
