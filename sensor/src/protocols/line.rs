//! Lines of text protocols, put together from bytes that may be cut anywhere, and bounded.

/// A line as far as it came.
#[derive(Debug, Default)]
pub(super) struct PartLine {
    bytes: Vec<u8>,
    /// It is longer than what is kept.
    cut: bool,
    /// Its start is missing.
    lost: bool,
}

/// What became of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// So many of them are of the line.
    pub(super) len: usize,
    /// The line is whole.
    pub(super) whole: bool,
    /// With them it became longer than what is kept.
    pub(super) cut: bool,
}

/// A whole line.
#[derive(Debug)]
pub(super) struct Line {
    bytes: Vec<u8>,
    /// It was longer than what is kept.
    pub(super) cut: bool,
    /// Its start is missing.
    pub(super) lost: bool,
}

impl PartLine {
    /// Takes bytes up to the end of the line; `most` of a line are kept, its end included.
    pub(super) fn take(&mut self, bytes: &[u8], most: usize) -> Taken {
        let end = memchr::memchr(b'\n', bytes);
        let len = end.map_or(bytes.len(), |at| at + 1);
        let room = most.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(bytes.get(..len.min(room)).unwrap_or_default());
        let cut = len > room && !std::mem::replace(&mut self.cut, true);
        Taken { len, whole: end.is_some(), cut: cut && !self.lost }
    }

    /// What follows begins in the middle of a line.
    pub(super) fn lose(&mut self) {
        self.bytes.clear();
        self.cut = false;
        self.lost = true;
    }

    /// The whole line; another begins.
    pub(super) fn finish(&mut self) -> Line {
        let Self { bytes, cut, lost } = std::mem::take(self);
        Line { bytes, cut, lost }
    }

    /// Takes a line's memory back.
    pub(super) fn reuse(&mut self, line: Line) {
        if self.bytes.is_empty() {
            self.bytes = line.bytes;
            self.bytes.clear();
        }
    }
}

impl Line {
    /// With its end.
    pub(super) fn whole(&self) -> &[u8] {
        &self.bytes
    }

    /// Without its end.
    pub(super) fn text(&self) -> &[u8] {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        if self.cut { text } else { text.strip_suffix(b"\r").unwrap_or(text) }
    }
}

/// Where in a text it is that ends with a line of nothing but a dot, and whose lines that begin with a dot have one more put before
/// (RFC 5321, 4.5.2; RFC 1939, 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dotted {
    #[default]
    LineStart,
    /// Behind a dot that began the line.
    Dot,
    /// Behind such a dot and CR.
    DotCr,
    InLine,
}

impl Dotted {
    /// Hands the text to `sink`, as much of it at once as lies together. How many of the bytes are of it if it is over with them; None if all are, and
    /// it goes on.
    pub(super) fn take(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Option<usize> {
        let mut rest = bytes;
        while let Some((&first, behind)) = rest.split_first() {
            (*self, rest) = match (*self, first) {
                (Self::LineStart, b'.') => (Self::Dot, behind),
                (Self::Dot, b'\r') => (Self::DotCr, behind),
                (Self::Dot | Self::DotCr, b'\n') => {
                    *self = Self::LineStart;
                    return Some(bytes.len() - behind.len());
                }
                (Self::Dot, _) => (Self::InLine, rest),
                (Self::DotCr, _) => {
                    sink(b"\r");
                    (Self::InLine, rest)
                }
                (Self::LineStart | Self::InLine, _) => {
                    let begins_line = |at: &usize| at.checked_sub(1).and_then(|at| rest.get(at)) == Some(&b'\n');
                    let dot = memchr::memchr_iter(b'.', rest).find(begins_line);
                    let (lines, behind) = rest.split_at_checked(dot.unwrap_or(rest.len())).unwrap_or((rest, &[]));
                    sink(lines);
                    (if lines.ends_with(b"\n") { Self::LineStart } else { Self::InLine }, behind)
                }
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_bounded() {
        let mut part = PartLine::default();
        assert_eq!(part.take(b"ab", 4), Taken { len: 2, whole: false, cut: false });
        assert_eq!(part.take(b"\r\ncd", 4), Taken { len: 2, whole: true, cut: false });
        let line = part.finish();
        assert_eq!((line.text(), line.whole(), line.cut), (&b"ab"[..], &b"ab\r\n"[..], false));
        part.reuse(line);
        assert_eq!(part.take(b"abc\r\n", 4), Taken { len: 5, whole: true, cut: true });
        assert_eq!(part.finish().text(), b"abc\r");
        part.lose();
        assert_eq!(part.take(b"abcdefg", 4), Taken { len: 7, whole: false, cut: false });
        assert!(part.take(b"\n", 4).whole && part.finish().lost && !part.finish().lost);
    }

    #[test]
    fn dotted_text_however_it_is_cut() {
        let text = b"..a\r\n.\rb\r\nc.\r\n.\r\nnext";
        for size in 1..=text.len() {
            let (mut dotted, mut out) = (Dotted::default(), vec![]);
            let (mut at, mut over) = (0, None);
            for piece in text.chunks(size) {
                over = dotted.take(piece, |line| out.extend_from_slice(line)).map(|len| at + len);
                at += piece.len();
                if over.is_some() {
                    break;
                }
            }
            assert_eq!((out.as_slice(), over), (&b".a\r\n\rb\r\nc.\r\n"[..], Some(text.len() - 4)), "{size}");
        }
    }
}
