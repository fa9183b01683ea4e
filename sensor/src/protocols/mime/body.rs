//! What lies behind a message's header: parts, nested or not, and the lines that part them (RFC 2046, 5.1).

use super::event::Oddities;
use super::mail::{
    ENCODED_LINE_LIMIT, LINE_LIMIT, MAX_BOUNDARY, MAX_DECODED, MAX_DELIMITER, MAX_DEPTH, MAX_FILE_NAME, MAX_FILES,
    MAX_KEPT, Mail, Place, Stage,
};
use super::parameter::parameter;
use super::transfer::Transfer;
use crate::protocols::file::{FileState, FileTracker};

impl Mail {
    /// A header is over: what follows is as it says.
    pub(super) fn begin_body(&mut self) {
        self.stage = Stage::Body;
        let fields = if self.place == Place::Header { &self.fields } else { &self.part_fields };
        self.place = Place::Body;
        self.in_content = false;
        self.held.clear();
        let content_type = fields.get("content-type").unwrap_or_default();
        let kind = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let is_of = |start: &[u8]| kind.get(..start.len()).is_some_and(|k| k.eq_ignore_ascii_case(start));
        let in_text = kind.is_empty() || is_of(b"text/");
        let in_message = is_of(b"message/rfc822");
        let boundary = is_of(b"multipart/").then(|| parameter(content_type, b"boundary")).flatten();
        let transfer = Transfer::of(fields.get("content-transfer-encoding"));
        let disposition = fields.get("content-disposition").unwrap_or_default();
        let name = parameter(disposition, b"filename").or_else(|| parameter(content_type, b"name"));
        if let Some(boundary) = boundary
            && self.begin_multipart(boundary)
        {
            return;
        }
        self.transfer = transfer;
        if in_message && !transfer.is_coded() {
            self.place = Place::PartHeader;
            self.part_fields.clear();
            return;
        }
        self.in_text = in_text;
        if let Some(name) = name.filter(|n| !n.is_empty()) {
            self.begin_file(&name);
        }
    }

    /// Parts follow, once a delimiter came; false if they cannot be told apart.
    fn begin_multipart(&mut self, boundary: Vec<u8>) -> bool {
        if boundary.is_empty() {
            self.odd.add(Oddities::MALFORMED_MSG);
            return false;
        }
        if boundary.len() > MAX_BOUNDARY {
            self.odd.add(Oddities::LONG_BOUNDARY);
            return false;
        }
        if self.boundaries.len() >= MAX_DEPTH {
            self.odd.add(Oddities::MALFORMED_MSG);
            return false;
        }
        self.boundaries.push(boundary.into());
        self.transfer = Transfer::Identity;
        self.in_text = false;
        true
    }

    pub(super) fn begin_file(&mut self, name: &[u8]) {
        if self.files.len() >= MAX_FILES {
            self.odd.add(Oddities::MALFORMED_MSG);
            return;
        }
        let name = match name.get(..MAX_FILE_NAME) {
            Some(start) if name.len() > MAX_FILE_NAME => {
                self.odd.add(Oddities::LONG_FILENAME);
                start
            }
            _ => name,
        };
        let mut policy = self.policy;
        policy.keep = policy.keep.min(MAX_KEPT.saturating_sub(self.kept));
        self.files.push(FileTracker::new(name, policy));
        self.in_file = true;
    }

    /// What is in hand of a part is over.
    pub(super) fn end_part(&mut self, state: FileState) {
        self.held.clear();
        self.uu_end();
        if self.in_file || self.in_text {
            self.transfer.end(&mut self.decoded, &mut self.odd);
        }
        self.hand_on();
        if self.in_text {
            self.urls.end();
        }
        self.end_file(state);
        self.in_text = false;
        self.transfer = Transfer::Identity;
    }

    /// The file in hand, if there is one, is over.
    pub(super) fn end_file(&mut self, state: FileState) {
        if std::mem::take(&mut self.in_file)
            && let Some(file) = self.files.last_mut()
        {
            file.close(state);
            self.kept = self.kept.saturating_add(file.data().data.len());
        }
    }

    /// Bytes of a body, up to the end of a line at most; how many were taken.
    pub(super) fn body(&mut self, bytes: &[u8]) -> usize {
        let len = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
        let line = bytes.get(..len).unwrap_or(bytes);
        let may_part = !self.boundaries.is_empty() && (!self.line.is_empty() || line.first() == Some(&b'-'));
        if self.in_content || !may_part {
            self.in_content = true;
            self.content(line);
            return len;
        }
        let taken = len.min(MAX_DELIMITER.saturating_sub(self.line.len()).max(1));
        self.line.extend_from_slice(line.get(..taken).unwrap_or(line));
        let whole = self.line.ends_with(b"\n");
        let hopeless = self.line.len() >= MAX_DELIMITER || (self.line.len() > 1 && !self.line.starts_with(b"--"));
        if whole || hopeless {
            let mut line = std::mem::take(&mut self.line);
            if !whole || !self.delimiter(&line) {
                self.in_content = true;
                self.content(&line);
            }
            line.clear();
            self.line = line;
        }
        taken
    }

    /// Whether a line parts two parts; if it does, the one before is over. The longest boundary counts: an inner one often begins
    /// as the outer one does.
    pub(super) fn delimiter(&mut self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(b"--") else { return false };
        let fits = self.boundaries.iter().enumerate().filter(|(_, b)| rest.starts_with(b));
        let Some((level, boundary)) = fits.max_by_key(|(level, b)| (b.len(), *level)) else { return false };
        let last = rest.get(boundary.len()..).is_some_and(|behind| behind.starts_with(b"--"));
        self.end_part(FileState::Closed);
        self.line_len = 0;
        self.in_content = false;
        self.boundaries.truncate(if last { level } else { level + 1 });
        if last {
            self.place = Place::Body;
        } else {
            self.place = Place::PartHeader;
            self.part_fields.clear();
        }
        true
    }

    /// Bytes of a line that is no delimiter, up to its end at most.
    pub(super) fn content(&mut self, piece: &[u8]) {
        let whole = piece.ends_with(b"\n");
        if self.is_uu() {
            self.line_len = self.line_len.saturating_add(piece.len() - usize::from(whole));
        } else if piece == b"\n" && self.held.as_slice() == b"\r" {
            self.held.push(b'\n');
        } else {
            if !piece.is_empty() {
                let held = std::mem::take(&mut self.held);
                // There, line ends mean nothing.
                if !matches!(self.transfer, Transfer::Base64 { .. }) {
                    self.part_bytes(&held);
                }
            }
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            self.part_bytes(text);
            self.held.extend(piece.get(text.len()..).unwrap_or_default().iter().copied());
            self.line_len = self.line_len.saturating_add(text.len());
        }
        self.uu_content(piece);
        if whole {
            if self.line_len > LINE_LIMIT {
                self.odd.add(Oddities::LONG_LINE);
            }
            if self.line_len > ENCODED_LINE_LIMIT && self.transfer.is_coded() {
                self.odd.add(Oddities::LONG_ENC_LINE);
            }
            self.line_len = 0;
            self.in_content = false;
        }
    }

    /// Bytes of the part in hand. Those that must be decoded are handed on later, many lines at once.
    fn part_bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || !(self.in_file || self.in_text) {
            return;
        }
        if !self.transfer.is_coded() {
            return self.sink(bytes);
        }
        self.transfer.decode(bytes, &mut self.decoded, &mut self.odd);
        if self.decoded.len() >= MAX_DECODED {
            self.hand_on();
        }
    }

    /// Hands on what was decoded.
    pub(super) fn hand_on(&mut self) {
        let mut decoded = std::mem::take(&mut self.decoded);
        self.sink(&decoded);
        decoded.clear();
        self.decoded = decoded;
    }

    /// Bytes of the part in hand, decoded.
    fn sink(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.in_text {
            self.urls.push(bytes);
        }
        if self.in_file
            && let Some(file) = self.files.last_mut()
        {
            file.push(bytes);
        }
    }
}
