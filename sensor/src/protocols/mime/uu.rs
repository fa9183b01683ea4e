//! Files in uuencoded form (POSIX, `uuencode`): older than MIME, and still read by mail programs wherever they stand in a text.
//!
//! `begin`, a mode and a name open one; each line's first character says how many bytes it holds; `end` closes it.

use super::event::Oddities;
use super::mail::{MAX_FILE_NAME, Mail};
use super::transfer::Transfer;
use crate::protocols::file::FileState;

/// Bytes of a line that are looked at: a name may be long, a line of data is not.
const MAX_UU_LINE: usize = MAX_FILE_NAME + 64;

/// Where in an encoded file a text is.
#[derive(Debug, Default)]
pub(super) struct Uu {
    /// Between `begin` and `end`.
    inside: bool,
    /// The line at hand.
    line: Vec<u8>,
    /// The rest of the line at hand is not looked at.
    dull: bool,
}

impl Uu {
    /// Between `begin` and `end`.
    pub(super) fn is_inside(&self) -> bool {
        self.inside
    }

    /// Bytes are missing.
    pub(super) fn gap(&mut self) {
        self.line.clear();
        self.dull = true;
    }
}

/// What a line of data holds.
enum Data {
    Bytes(Vec<u8>),
    /// Nothing: it is the last.
    Last,
    /// It is none.
    Not,
}

/// Undoes a line: six bits to a character, counted from the blank.
fn undo(line: &[u8]) -> Data {
    // A last line of a blank is often lost but for its end.
    let Some((&first, text)) = line.split_first() else { return Data::Last };
    // A grave accent often stands for a blank.
    let value = |byte: u8| byte.checked_sub(0x20).filter(|v| *v <= 0x40).map(|v| v & 0x3f);
    let Some(len) = value(first).map(usize::from) else { return Data::Not };
    if len == 0 {
        return Data::Last;
    }
    let mut out = Vec::with_capacity(len + 2);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for i in 0..4 {
            // Blanks at a line's end are often lost.
            let Some(six) = group.get(i).map_or(Some(0), |byte| value(*byte)) else { return Data::Not };
            bits = bits << 6 | u32::from(six);
        }
        let [_, a, b, c] = bits.to_be_bytes();
        out.extend_from_slice(&[a, b, c]);
    }
    out.resize(len, 0);
    Data::Bytes(out)
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The name that a first line gives.
fn begins(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"begin ")?;
    let (mode, name) = rest.split_at(rest.iter().position(|b| *b == b' ')?);
    let is_mode = (3..=4).contains(&mode.len()) && mode.iter().all(|b| (b'0'..=b'7').contains(b));
    Some(name.trim_ascii()).filter(|name| is_mode && !name.is_empty())
}

impl Mail {
    /// What comes is of an encoded file, or about it, and no text.
    pub(super) fn is_uu(&self) -> bool {
        self.uu.inside || self.transfer == Transfer::Uu
    }

    /// Looks at bytes of a text or an encoded file, up to the end of a line at most.
    pub(super) fn uu_content(&mut self, piece: &[u8]) {
        let may_begin = self.is_uu() || (self.in_text && !self.in_file && !self.transfer.is_coded());
        if !may_begin {
            return;
        }
        let whole = piece.ends_with(b"\n");
        if !self.uu.dull {
            let room = MAX_UU_LINE.saturating_sub(self.uu.line.len());
            self.uu.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            let start = self.uu.line.get(..6).unwrap_or(&self.uu.line);
            // Most lines of a text are told at their first byte.
            self.uu.dull = !self.uu.inside && !b"begin ".starts_with(start);
        }
        if whole {
            let mut line = std::mem::take(&mut self.uu.line);
            if !std::mem::take(&mut self.uu.dull) {
                self.uu_line(without_end(&line));
            }
            line.clear();
            self.uu.line = line;
        }
    }

    /// The text is over, perhaps within a line or a file.
    pub(super) fn uu_end(&mut self) {
        let uu = std::mem::take(&mut self.uu);
        if uu.inside && !uu.dull && !uu.line.is_empty() {
            self.uu.inside = true;
            self.uu_line(without_end(&uu.line));
            self.uu.inside = false;
        }
    }

    fn uu_line(&mut self, line: &[u8]) {
        if !self.uu.inside {
            let Some(name) = begins(line) else { return };
            // A part that is a file has its name already.
            if !self.in_file {
                self.begin_file(name);
            }
            self.uu.inside = true;
            return;
        }
        let state = match undo(line) {
            Data::Bytes(bytes) => {
                if self.in_file
                    && let Some(file) = self.files.last_mut()
                {
                    file.push(&bytes);
                }
                return;
            }
            Data::Last => FileState::Closed,
            Data::Not if line.trim_ascii_end() == b"end" => FileState::Closed,
            Data::Not => {
                self.odd.add(Oddities::MALFORMED_MSG);
                FileState::Truncated
            }
        };
        self.uu.inside = false;
        self.end_file(state);
    }
}
