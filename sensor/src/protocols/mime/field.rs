//! The header fields of a message or a part: unfolded (RFC 5322, 2.2.3), otherwise as they came.

use super::event::Oddities;

/// Bytes of a field's value that are kept.
pub const MAX_VALUE: usize = 2000;
/// Bytes of a field's name: the longest line that there should be.
pub const MAX_NAME: usize = 998;
/// Fields of one header.
pub const MAX_FIELDS: usize = 256;
/// Bytes of all fields of one header.
pub const MAX_HEADER: usize = 64 * 1024;

/// Where a field lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    /// Where its name ends and its value begins.
    value: usize,
    end: usize,
}

/// The fields of one header, in order.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    places: Vec<Place>,
    /// The last line belongs to a field that was left out: so does what continues it.
    left_out: bool,
}

/// What a line of a header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A field, or one more line of it.
    Field,
    /// No field.
    Other,
}

impl Fields {
    /// None, in the same memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.left_out = false;
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// One more line of the header, without its end. It is not empty.
    pub(super) fn push(&mut self, line: &[u8], odd: &mut Oddities) -> Line {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if !self.places.is_empty() && !self.left_out {
                self.extend(line.trim_ascii_end(), odd);
            }
            return Line::Field;
        }
        let Some(colon) = memchr::memchr(b':', line) else { return Line::Other };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii();
        if name.is_empty() || name.iter().any(|b| b.is_ascii_whitespace()) {
            return Line::Other;
        }
        self.left_out = true;
        if name.len() > MAX_NAME {
            odd.add(Oddities::LONG_HEADER_NAME);
            return Line::Field;
        }
        if self.places.len() >= MAX_FIELDS || self.bytes.len() + name.len() > MAX_HEADER {
            odd.add(Oddities::MALFORMED_MSG);
            return Line::Field;
        }
        self.left_out = false;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let at = self.bytes.len();
        self.places.push(Place { start, value: at, end: at });
        self.extend(value.get(1..).unwrap_or_default().trim_ascii(), odd);
        Line::Field
    }

    /// More of the last field's value.
    fn extend(&mut self, more: &[u8], odd: &mut Oddities) {
        let Some(last) = self.places.last_mut() else { return };
        let room = MAX_VALUE.saturating_sub(last.end - last.value);
        let kept = more.get(..room).unwrap_or(more);
        if kept.len() < more.len() {
            odd.add(Oddities::LONG_HEADER_VALUE);
        }
        if self.bytes.len() + kept.len() > MAX_HEADER {
            odd.add(Oddities::MALFORMED_MSG);
            return;
        }
        // The line that begins a value may be empty: what follows is then its start.
        let kept = if last.end == last.value { kept.trim_ascii_start() } else { kept };
        self.bytes.extend_from_slice(kept);
        last.end = self.bytes.len();
    }

    /// The values of the fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let named = move |p: &&Place| self.bytes.get(p.start..p.value).is_some_and(|n| n.eq_ignore_ascii_case(name));
        self.places.iter().filter(named).filter_map(|p| self.bytes.get(p.value..p.end))
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let name = name.as_bytes();
        let named = |p: &&Place| self.bytes.get(p.start..p.value).is_some_and(|n| n.eq_ignore_ascii_case(name));
        self.places.iter().find(named).and_then(|p| self.bytes.get(p.value..p.end))
    }
}
