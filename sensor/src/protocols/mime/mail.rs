//! A message, taken apart as it comes: header, parts, and the delimiters between them.

use super::event::Oddities;
use super::field::{Fields, Line, MAX_NAME, MAX_VALUE};
use super::transfer::Transfer;
use super::url::Urls;
use super::uu::Uu;
use crate::protocols::file::{FilePolicy, FileState, FileTracker};
use crate::protocols::text::Hex;
use arrayvec::ArrayVec;
use md5::{Digest, Md5};

/// Bytes of a boundary. RFC 2046 has 70.
pub const MAX_BOUNDARY: usize = 254;
/// Multiparts in each other.
pub const MAX_DEPTH: usize = 32;
/// Files of one message.
pub const MAX_FILES: usize = 128;
/// Bytes of a file's name that are kept.
pub const MAX_FILE_NAME: usize = 255;
/// Bytes of all files of one message that are kept for rules.
pub const MAX_KEPT: usize = 1024 * 1024;

/// Bytes of a line that may be a delimiter: the boundary, hyphens, blanks behind it and the line's end.
pub(super) const MAX_DELIMITER: usize = MAX_BOUNDARY + 66;
/// Bytes of a header's line that are kept.
const MAX_LINE: usize = MAX_NAME + MAX_VALUE + 2;
/// Decoded bytes that wait for more before they are handed on.
pub(super) const MAX_DECODED: usize = 4 * 1024;
/// Longest line that RFC 5322 allows, and longest encoded one of RFC 2045, without their ends.
pub(super) const LINE_LIMIT: usize = 998;
pub(super) const ENCODED_LINE_LIMIT: usize = 76;

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// In its header.
    Header,
    /// Behind it.
    Body,
    /// All of it came.
    Done,
}

impl Stage {
    /// EVE's `email.status`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Header => "HEADER_STARTED",
            Self::Body => "BODY_STARTED",
            Self::Done => "PARSE_DONE",
        }
    }
}

/// Where in the structure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the message's own header.
    Header,
    /// In the header of a part, or of a message in a part.
    PartHeader,
    /// In a part's body, or between parts.
    Body,
}

/// A message.
pub struct Mail {
    pub(super) policy: FilePolicy,
    pub(super) stage: Stage,
    pub(super) place: Place,
    pub(super) fields: Fields,
    pub(super) part_fields: Fields,
    /// The boundaries of the multiparts that it is in, the innermost last.
    pub(super) boundaries: Vec<Box<[u8]>>,
    /// The line at hand: of a header, or one that may be a delimiter.
    pub(super) line: Vec<u8>,
    /// Bytes of the line so far, without its end.
    pub(super) line_len: usize,
    /// The line at hand is no delimiter; its bytes were passed on.
    pub(super) in_content: bool,
    /// Bytes are missing in the header's line at hand.
    pub(super) line_lost: bool,
    /// The end of the line before, which belongs to the delimiter if one follows.
    pub(super) held: ArrayVec<u8, 2>,
    pub(super) transfer: Transfer,
    pub(super) uu: Uu,
    /// What is read is of the last file.
    pub(super) in_file: bool,
    /// What is read is text.
    pub(super) in_text: bool,
    pub(super) files: Vec<FileTracker>,
    /// Files that were told to be over.
    pub(super) told_files: usize,
    pub(super) kept: usize,
    pub(super) urls: Urls,
    /// Of what lies behind the header, where somebody asks for it.
    pub(super) body: Option<Md5>,
    pub(super) body_md5: Option<Box<str>>,
    pub(super) odd: Oddities,
    pub(super) told: Oddities,
    /// What was decoded and not handed on yet: nothing between two calls.
    pub(super) decoded: Vec<u8>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("stage", &self.stage).field("files", &self.files).finish_non_exhaustive()
    }
}

impl Mail {
    /// One of which nothing came yet.
    #[must_use]
    pub fn new(policy: FilePolicy) -> Self {
        Self {
            policy,
            stage: Stage::Header,
            place: Place::Header,
            fields: Fields::default(),
            part_fields: Fields::default(),
            boundaries: Vec::new(),
            line: Vec::new(),
            line_len: 0,
            in_content: false,
            line_lost: false,
            held: ArrayVec::new(),
            transfer: Transfer::Identity,
            uu: Uu::default(),
            in_file: false,
            in_text: false,
            files: Vec::new(),
            told_files: 0,
            kept: 0,
            urls: Urls::default(),
            body: policy.mail_md5.then(Md5::new),
            body_md5: None,
            odd: Oddities::default(),
            told: Oddities::default(),
            decoded: Vec::new(),
        }
    }

    /// How far it got.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The fields of its header.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The files in it, in order, the last one perhaps unfinished.
    #[must_use]
    pub fn files(&self) -> &[FileTracker] {
        &self.files
    }

    /// The same, to have them stored.
    pub fn files_mut(&mut self) -> &mut [FileTracker] {
        &mut self.files
    }

    /// The URLs in its texts, without their scheme, in order.
    #[must_use]
    pub fn urls(&self) -> &[Box<[u8]>] {
        self.urls.found()
    }

    /// The MD5 of all behind its header, in hexadecimal, once all of it came, where the policy wants it.
    #[must_use]
    pub fn body_md5(&self) -> Option<&str> {
        self.body_md5.as_deref()
    }

    /// The number of a file that is over and was not told.
    pub fn next_over(&mut self) -> Option<usize> {
        let index = self.told_files;
        self.files.get(index).filter(|f| f.is_over())?;
        self.told_files += 1;
        Some(index)
    }

    /// What is odd and was not told.
    pub fn new_oddities(&mut self) -> Oddities {
        let new = self.odd.without(self.told);
        self.told = self.odd;
        new
    }

    /// The next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.stage != Stage::Done {
            let in_body = self.stage == Stage::Body;
            let taken = match self.place {
                Place::Header | Place::PartHeader => self.header(bytes),
                Place::Body => self.body(bytes),
            };
            let (done, rest) = bytes.split_at_checked(taken).unwrap_or((bytes, &[]));
            if in_body && let Some(body) = &mut self.body {
                body.update(done);
            }
            bytes = rest;
        }
        self.hand_on();
    }

    /// `len` bytes are missing here.
    pub fn gap(&mut self, len: u64) {
        if self.stage == Stage::Done || len == 0 {
            return;
        }
        self.line.clear();
        self.held.clear();
        self.uu.gap();
        match self.place {
            Place::Header | Place::PartHeader => self.line_lost = true,
            Place::Body => self.in_content = true,
        }
        let decoded = match &mut self.transfer {
            Transfer::Base64 { bits, count } => {
                (*bits, *count) = (0, 0);
                (len / 4).saturating_mul(3).max(1)
            }
            // Of 62 bytes that a line has with its end, 45 are data.
            _ if self.uu.is_inside() => (len / 62).saturating_mul(45).max(1),
            _ => len,
        };
        if self.in_file
            && let Some(file) = self.files.last_mut()
        {
            file.gap(decoded);
        }
    }

    /// It is over; `whole`: all of it came.
    pub fn end(&mut self, whole: bool) {
        if self.stage == Stage::Done {
            return;
        }
        let line = std::mem::take(&mut self.line);
        if self.place == Place::Body {
            if !line.is_empty() && !self.delimiter(&line) {
                self.content(&line);
            }
        } else {
            self.header_line(&line);
            if self.stage == Stage::Header && whole {
                self.stage = Stage::Body;
            }
        }
        self.end_part(if whole { FileState::Closed } else { FileState::Truncated });
        if whole {
            self.stage = Stage::Done;
            self.body_md5 = self.body.take().map(|body| Hex(&body.finalize(), "").to_string().into());
        }
    }

    /// Bytes of a header, up to the end of a line at most; how many were taken.
    fn header(&mut self, bytes: &[u8]) -> usize {
        let end = memchr::memchr(b'\n', bytes);
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = MAX_LINE.saturating_sub(self.line.len());
        if part.len() > room {
            self.odd.add(Oddities::LONG_HEADER_VALUE);
        }
        self.line.extend_from_slice(part.get(..room).unwrap_or(part));
        self.line_len = self.line_len.saturating_add(part.len());
        let Some(end) = end else { return bytes.len() };
        // One for CR.
        if self.line_len > LINE_LIMIT + 1 {
            self.odd.add(Oddities::LONG_LINE);
        }
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.line_lost) {
            line.clear();
        } else {
            self.whole_header_line(&line);
        }
        line.clear();
        self.line = line;
        self.line_len = 0;
        end + 1
    }

    fn whole_header_line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.begin_body();
        } else {
            self.header_line(line);
        }
    }

    fn header_line(&mut self, line: &[u8]) {
        if line.is_empty() || (line.starts_with(b"--") && self.delimiter(line)) {
            return;
        }
        let top = self.place == Place::Header;
        let fields = if top { &mut self.fields } else { &mut self.part_fields };
        let was_empty = fields.is_empty();
        if fields.push(line, &mut self.odd) == Line::Other && top && was_empty && !line.starts_with(b"From ") {
            // A message without any header: this is its text.
            self.begin_body();
            if let Some(body) = &mut self.body {
                body.update(line);
                body.update(b"\r\n");
            }
            self.content(line);
            self.content(b"\r\n");
        }
    }
}
