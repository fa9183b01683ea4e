//! A rule file's lines: comments set aside, lines that end in `\` joined, and the way back from a byte of a joined rule to
//! its line and column in the file.

use std::borrow::Cow;

/// One rule's text, with what is needed to find its bytes in the file.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The rule, `\` and line ends taken out.
    pub text: Cow<'a, [u8]>,
    /// 1-based line on which it begins.
    pub first_line: u32,
    /// For each line after the first: the byte of `text` at which it begins.
    joints: Vec<u32>,
}

impl Line<'_> {
    /// 1-based line and column, in bytes, of a byte of the text.
    #[must_use]
    pub fn position(&self, offset: u32) -> (u32, u32) {
        let lines = self.joints.partition_point(|&joint| joint <= offset);
        let start = lines.checked_sub(1).and_then(|i| self.joints.get(i)).copied().unwrap_or(0);
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        (self.first_line.saturating_add(lines), offset.saturating_sub(start).saturating_add(1))
    }

    /// The part of the text that stands on the same line of the file as the byte at `offset`.
    #[must_use]
    pub fn around(&self, offset: u32) -> &[u8] {
        let after = self.joints.partition_point(|&joint| joint <= offset);
        let start = after.checked_sub(1).and_then(|i| self.joints.get(i)).copied().unwrap_or(0) as usize;
        let end = self.joints.get(after).map_or(self.text.len(), |&end| end as usize);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// The rules of a file, one after the other.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    next_line: u32,
    disabled: usize,
}

/// Splits a file into rules. A byte-order mark is left out.
#[must_use]
pub fn lines(file: &[u8]) -> Lines<'_> {
    Lines { rest: file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file), next_line: 1, disabled: 0 }
}

/// How much of the beginning of a file is whole rules, in bytes: a file can be read piece by piece, and each piece be split up to there.
#[must_use]
pub fn whole_rules(piece: &[u8]) -> usize {
    let ends = memchr::memrchr_iter(b'\n', piece);
    let is_over = |end: &usize| {
        let line = piece.get(..*end).unwrap_or_default();
        !line.strip_suffix(b"\r").unwrap_or(line).ends_with(b"\\")
    };
    ends.into_iter().find(is_over).map_or(0, |end| end + 1)
}

impl<'a> Lines<'a> {
    /// Splits the next piece of a file, which begins on the line `first_line`.
    #[must_use]
    pub fn of_piece(piece: &'a [u8], first_line: u32) -> Self {
        if first_line == 1 { lines(piece) } else { Self { rest: piece, next_line: first_line, disabled: 0 } }
    }

    /// The line on which what is not split yet begins.
    #[must_use]
    pub fn next_line(&self) -> u32 {
        self.next_line
    }

    /// Rules seen so far that are commented out.
    #[must_use]
    pub fn disabled(&self) -> usize {
        self.disabled
    }

    fn physical(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match memchr::memchr(b'\n', self.rest) {
            Some(at) => (&self.rest[..at], &self.rest[at + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        self.next_line = self.next_line.saturating_add(1);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let first_line = self.next_line;
            let line = self.physical()?;
            let content = line.trim_ascii_start();
            if content.first() == Some(&b'#') {
                self.disabled += usize::from(is_disabled_rule(content));
                continue;
            }
            if content.is_empty() {
                continue;
            }
            let Some(first) = line.strip_suffix(b"\\") else {
                return Some(Line { text: Cow::Borrowed(line), first_line, joints: Vec::new() });
            };
            let mut text = first.to_vec();
            let mut joints = Vec::new();
            while let Some(line) = self.physical() {
                joints.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
                match line.strip_suffix(b"\\") {
                    Some(more) => text.extend_from_slice(more),
                    None => {
                        text.extend_from_slice(line);
                        break;
                    }
                }
            }
            return Some(Line { text: Cow::Owned(text), first_line, joints });
        }
    }
}

/// A comment that would be a rule without its number signs: an action, an arrow, an opening parenthesis.
fn is_disabled_rule(comment: &[u8]) -> bool {
    let text = comment.trim_ascii_start();
    let at = text.iter().take_while(|&&b| b == b'#' || b.is_ascii_whitespace()).count();
    let text = &text[at..];
    let action = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    crate::check::is_action(&text[..action])
        && text.get(action).is_some_and(u8::is_ascii_whitespace)
        && memchr::memchr(b'(', text).is_some_and(|open| {
            [&b"->"[..], b"<>", b"=>"].iter().any(|arrow| memchr::memmem::find(&text[..open], arrow).is_some())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        lines(file).map(|l| (l.first_line, l.text.into_owned())).collect()
    }

    #[test]
    fn comments_and_blanks_are_not_rules() {
        assert_eq!(
            texts(b"\xef\xbb\xbf# one\r\n\r\n  \t\r\nalert x\r\n\t# two\nalert y"),
            [(4, b"alert x".to_vec()), (6, b"alert y".to_vec())]
        );
        assert_eq!(texts(b""), []);
    }

    #[test]
    fn disabled_rules_are_counted() {
        let mut all = lines(b"#alert tcp any any -> any any (sid:1;)\n## drop ip any any <> any any (x;)\n# alert me -> soon\n#(c) alert tcp -> (\n");
        assert!(all.next().is_none());
        assert_eq!(all.disabled(), 2);
    }

    #[test]
    fn a_backslash_joins_lines_and_places_survive() {
        let file = b"\nab\\\r\ncde\\\nf\ng";
        let all: Vec<_> = lines(file).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].text.as_ref(), b"abcdef");
        assert_eq!(all[0].position(0), (2, 1));
        assert_eq!(all[0].position(1), (2, 2));
        assert_eq!(all[0].position(2), (3, 1));
        assert_eq!(all[0].position(4), (3, 3));
        assert_eq!(all[0].position(5), (4, 1));
        assert_eq!(all[0].position(6), (4, 2));
        assert_eq!(all[0].around(3), b"cde");
        assert_eq!(all[0].around(6), b"f");
        assert_eq!(all[1].position(0), (5, 1));
    }

    #[test]
    fn a_file_may_be_split_piece_by_piece() {
        let file = b"\xef\xbb\xbfa\nb\\\r\nc\n# d\\\ne\r\n\nf\\\n\\\ng\nh\\";
        let whole = texts(file);
        for size in 1..=file.len() {
            let (mut at, mut line, mut found) = (0, 1, vec![]);
            let mut read = 0;
            while at < file.len() {
                read = (read + size).min(file.len());
                let last = read == file.len();
                let end = if last { file.len() } else { at + whole_rules(&file[at..read]) };
                let mut piece = Lines::of_piece(&file[at..end], line);
                found.extend(piece.by_ref().map(|l| (l.first_line, l.text.into_owned())));
                (at, line) = (end, piece.next_line());
            }
            assert_eq!(found, whole, "pieces of {size} bytes");
        }
        assert_eq!(whole_rules(b"a\\\nb"), 0);
    }

    #[test]
    fn a_backslash_on_the_last_line_joins_nothing() {
        assert_eq!(texts(b"ab\\"), [(1, b"ab".to_vec())]);
    }
}
