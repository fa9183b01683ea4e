//! Which literal of a signature stands guard for it.
//!
//! The rule: `fast_pattern` is obeyed. Otherwise, of all contents that must be present, the one that is rarest in traffic
//! is taken, by an estimate of how many bits of surprise its bytes carry; one in a body only where no other is rare enough. Of a long content only [`MAX_LEN`] bytes
//! are searched for, those that end with the most telling few, since the whole rule is judged anyway where they occur, and short
//! literals keep the search's tables in the cache.

use crate::buffers::{Kind, Source};
use crate::model::{BufferCondition, Content, FastPattern as Asked, NumberFormat, Signature, Value};
use std::sync::OnceLock;

/// Longest literal that is searched for, in bytes.
pub const MAX_LEN: usize = 16;
/// So many last bytes of a literal are what the search itself looks at (Hyperscan's FDR); the rest is compared where these occur.
const SUFFIX: usize = 8;

/// A part of one of the signature's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastPattern {
    /// Index in [`Signature::buffers`]; none for the raw payload.
    pub buffer: Option<usize>,
    /// Index of the content in the buffer's conditions, or in [`Signature::payload`].
    pub condition: usize,
    /// Where the part starts within the content's pattern.
    pub from: usize,
    /// Its length in bytes.
    pub len: usize,
    /// How rare it is: an estimate of -log2 of the chance to meet it at a given place in office traffic.
    pub bits: u32,
    /// Where the content may start, counted from the start of the packet, stream or buffer.
    pub starts: (u32, u32),
    bytes: [u8; MAX_LEN],
    nocase: bool,
}

impl FastPattern {
    /// The content that it is a part of.
    ///
    /// # Panics
    /// If `signature` is not the one that it was chosen for.
    #[must_use]
    pub fn content<'a>(&self, signature: &'a Signature) -> &'a Content {
        let conditions = match self.buffer {
            None => &signature.payload,
            Some(buffer) => &signature.buffers[buffer].conditions,
        };
        match &conditions[self.condition] {
            BufferCondition::Content(c) => c,
            other => unreachable!("the fast pattern is a content, not {other:?}"),
        }
    }

    /// The bytes to search for, and whether in either case.
    #[must_use]
    pub fn literal(&self) -> (&[u8], bool) {
        (&self.bytes[..self.len], self.nocase)
    }
}

/// Anywhere.
const ANYWHERE: (u32, u32) = (0, u32::MAX);

/// Where the content at `conditions[index]` may start, as far as the rule says it in numbers: a content that is relative starts so far behind
/// where the one before it may end.
fn possible_starts(conditions: &[BufferCondition], index: usize) -> (u32, u32) {
    // Where the match before may end.
    let mut ends = (0, 0);
    for (i, condition) in conditions.iter().enumerate() {
        match condition {
            BufferCondition::Content(content) if i == index || !content.negated => {
                let starts = starts_of(content, ends).unwrap_or(ANYWHERE);
                if i == index {
                    return starts;
                }
                let len = content.pattern.len() as u32;
                ends = (starts.0.saturating_add(len), starts.1.saturating_add(len));
            }
            BufferCondition::ByteExtract(extract) if !matches!(extract.format, NumberFormat::String(_)) => {
                let before = if extract.relative { ends } else { (0, 0) };
                let behind = i64::from(extract.offset) + i64::from(extract.bytes);
                ends = (moved(before.0, behind), moved(before.1, behind));
            }
            // None of these moves the place that the next is relative to.
            BufferCondition::Content(_)
            | BufferCondition::ByteTest(_)
            | BufferCondition::IsDataAt(_)
            | BufferCondition::Size(_) => {}
            _ => ends = ANYWHERE,
        }
    }
    ANYWHERE
}

/// `place` and `by` bytes; no end stays none.
fn moved(place: u32, by: i64) -> u32 {
    if place == u32::MAX { place } else { u32::try_from((i64::from(place) + by).max(0)).unwrap_or(u32::MAX) }
}

/// None if a number of it is not known before.
fn starts_of(content: &Content, ends: (u32, u32)) -> Option<(u32, u32)> {
    let number = |value: Option<Value>| match value {
        None => Some(None),
        Some(Value::Literal(n)) => Some(Some(n)),
        Some(Value::Variable(_)) => None,
    };
    let len = content.pattern.len() as u32;
    if content.is_relative() {
        let distance = number(content.distance)?.unwrap_or(0);
        let (first, last) = (moved(ends.0, distance), moved(ends.1, distance));
        let room = number(content.within)?.map(|within| (within - i64::from(len)).max(0));
        return Some((first, room.map_or(u32::MAX, |room| moved(last, room))));
    }
    let literal = |value| match number(value)? {
        None => Some(None),
        Some(n) => u32::try_from(n).ok().map(Some),
    };
    let first = literal(content.offset)?.unwrap_or(0);
    let depth = if content.startswith { Some(len) } else { literal(content.depth)? };
    Some((first, depth.map_or(u32::MAX, |d| first.saturating_add(d).saturating_sub(len))))
}

/// A content that could stand guard.
#[derive(Clone, Copy)]
struct Choice<'a> {
    buffer: Option<usize>,
    condition: usize,
    content: &'a Content,
    /// Bodies are long, and searched as they grow: another buffer is better if it is rare enough.
    body: bool,
}

/// Bits from which on a literal is rare enough for a short buffer.
const ENOUGH_BITS: u32 = 24;

impl<'a> Choice<'a> {
    fn all(conditions: &'a [BufferCondition], buffer: Option<usize>, body: bool) -> impl Iterator<Item = Self> {
        conditions.iter().enumerate().filter_map(move |(condition, c)| match c {
            BufferCondition::Content(content) if !content.negated => Some(Self { buffer, condition, content, body }),
            _ => None,
        })
    }

    fn rank(&self) -> (bool, u32, std::cmp::Reverse<(Option<usize>, usize)>) {
        let bits = best_part(self.content, 0, self.content.pattern.len()).2;
        (!self.body && bits >= ENOUGH_BITS, bits, std::cmp::Reverse((self.buffer, self.condition)))
    }
}

/// Chooses for one signature: of the raw payload's contents, or of the transactions' if it looks at these.
#[must_use]
pub fn choose(signature: &Signature) -> Option<FastPattern> {
    let (transactions, frames) = (signature.inspects_transactions(), signature.inspects_frames());
    let mut choices: Vec<Choice<'_>> = vec![];
    if !transactions {
        choices.extend(Choice::all(&signature.payload, None, false));
    }
    for (i, buffer) in signature.buffers.iter().enumerate() {
        let optional = matches!(buffer.conditions.first(), Some(BufferCondition::Absent { .. }));
        let guards = match buffer.buffer.declaration().source {
            Source::Transaction(_) => !frames,
            Source::Frame => true,
            Source::Packet | Source::Rule => false,
        };
        if !optional && guards {
            let body = buffer.buffer.declaration().kind == Kind::Grows;
            choices.extend(Choice::all(&buffer.conditions, Some(i), body));
        }
    }
    let asked = choices.iter().find(|c| c.content.fast_pattern != Asked::Unspecified);
    let Choice { buffer, condition, content, .. } = *asked.or_else(|| choices.iter().max_by_key(|c| c.rank()))?;
    let (from, len) = match content.fast_pattern {
        Asked::Part(from, len) if usize::from(from) + usize::from(len) <= content.pattern.len() && len > 0 => {
            (usize::from(from), usize::from(len))
        }
        _ => (0, content.pattern.len()),
    };
    let (from, len, bits) = best_part(content, from, len);
    let mut bytes = [0; MAX_LEN];
    bytes[..len].copy_from_slice(&content.pattern[from..from + len]);
    let starts = match buffer {
        None => possible_starts(&signature.payload, condition),
        Some(buffer) => possible_starts(&signature.buffers[buffer].conditions, condition),
    };
    Some(FastPattern { buffer, condition, from, len, bits, starts, bytes, nocase: content.nocase })
}

/// The stretch of at most [`MAX_LEN`] bytes of `pattern[from..from + len]` that ends last of those whose last [`SUFFIX`] bytes tell at least
/// three quarters of what any can: (from, len, bits).
fn best_part(content: &Content, from: usize, len: usize) -> (usize, usize, u32) {
    let bits = surprise(&content.pattern[from..from + len], content.nocase);
    let sum = |stretch: &[u8]| stretch.iter().map(|&b| u32::from(b)).sum::<u32>();
    let suffix = len.min(SUFFIX);
    let telling = |start: usize| sum(&bits[start..start + suffix]);
    let best = (0..=len - suffix).map(telling).max().unwrap_or(0);
    let last = (0..=len - suffix).rev().find(|&start| 4 * telling(start) >= 3 * best);
    let end = last.map_or(len, |start| start + suffix);
    let end = from_its_end(&content.pattern[from..from + end], content.nocase);
    let first = end.saturating_sub(MAX_LEN);
    (from + first, end - first, sum(&bits[first..end]))
}

/// Where a literal ends best: of a run of one byte at its end (padding, most often of zeros) three bytes are enough, if there is something before
/// it. Each place of a longer run of that byte would seem the literal's end.
fn from_its_end(literal: &[u8], nocase: bool) -> usize {
    const RUN: usize = 3;
    let same = |a: u8, b: u8| a == b || nocase && a.eq_ignore_ascii_case(&b);
    let run = literal.last().map_or(0, |last| literal.iter().rev().take_while(|b| same(**b, *last)).count());
    if run < literal.len() { literal.len() - run.saturating_sub(RUN) } else { literal.len() }
}

/// For each byte an estimate of -log2 of the chance to meet it, where the one before it was met, in office traffic.
#[must_use]
pub fn surprise(bytes: &[u8], nocase: bool) -> Vec<u8> {
    let mut bits: Vec<u8> = bytes.iter().map(|&byte| byte_surprise(byte, nocase)).collect();
    for i in 1..bytes.len() {
        // Runs of one byte (padding, sleds, dashes) are common: a repetition says little.
        if bytes[i] == bytes[i - 1] {
            bits[i] = 1;
        }
    }
    for i in 0..bytes.len() {
        for word in common_words(bytes[i]) {
            if bytes[i..].get(..word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word)) {
                bits[i + 1..i + word.len()].fill(1);
            }
        }
    }
    bits
}

/// What is in most messages of some common protocol: after its first byte the rest says little.
const COMMON_WORDS: &[&[u8]] = &[
    b"user-agent: ",
    b"host: ",
    b"accept: ",
    b"accept-encoding: ",
    b"accept-language: ",
    b"accept",
    b"content-type: ",
    b"content-length: ",
    b"content-disposition: ",
    b"content-transfer-encoding: ",
    b"connection: ",
    b"keep-alive",
    b"close\r\n",
    b"cookie: ",
    b"set-cookie: ",
    b"referer: ",
    b"cache-control: ",
    b"no-cache",
    b"pragma: ",
    b"server: ",
    b"date: ",
    b"transfer-encoding: ",
    b"chunked",
    b"gzip",
    b"location: ",
    b"authorization: ",
    b"http/1.1\r\n",
    b"http/1.0\r\n",
    b"get",
    b"post",
    b"200",
    b"http/",
    b" 200 ok\r\n",
    b"get /",
    b"post /",
    b"http://",
    b"https://",
    b"www.",
    b".com",
    b".php",
    b".html",
    b".exe",
    b"index",
    b"mozilla/",
    b"compatible; ",
    b"msie ",
    b"windows nt",
    b"gecko",
    b"application/",
    b"x-www-form-urlencoded",
    b"octet-stream",
    b"multipart/",
    b"form-data",
    b"boundary=",
    b"name=\"",
    b"filename=",
    b"text/html",
    b"text/plain",
    b"charset=",
    b"utf-8",
    b"<html",
    b"<head",
    b"<title>",
    b"</title>",
    b"<script",
    b"<body",
    b"<form",
    b"javascript",
    b"function",
    b"document",
    b"window",
    b"method=",
    b"input",
    b"return",
    b"this.",
    b"type",
    b"class",
    b"content",
    b"version",
    b"description",
    b"object",
    b"display",
    b"position",
    b"element",
    b"tion",
    b"ment",
    b"sion",
    b"ing ",
    b"ound",
    b"</div>",
    b"<div",
    b"</a>",
    b"href=",
    b"text",
    b"data",
    b"name",
    b"file",
    b"page",
    b"form",
    b"true",
    b"false",
    b"null",
    b"width",
    b"height",
    b"color",
    b"image",
    b"title",
    b"value",
    b"string",
    b"error",
    b"style",
    b"class",
    b"/wp-content/",
    b"/wp-admin/",
    b"plugins/",
    b"login",
    b"password",
    b"username",
    b"microsoft",
    b"this program cannot be run in dos mode",
    b"\r\n",
    b"\r\n\r\n",
    b"%20",
    b"from: ",
    b"to: ",
    b"subject: ",
    b"\xffsmb",
    b"\xfesmb",
    b"\\\0p\0i\0p\0e\0\\\0",
    b"\\pipe\\",
    b"\x06\x03\x55\x04",
    b"\x30\x09\x06\x03\x55\x04\x06\x13\x02",
    b"\x2a\x86\x48\x86\xf7\x0d\x01",
    b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01",
    b"\x16\x03\x01",
    b"\x16\x03\x03",
    b"\x30\x82",
    b"\x03com\0",
];

/// Those that begin with `byte`, in either case.
fn common_words(byte: u8) -> &'static [&'static [u8]] {
    static BY_FIRST: OnceLock<Vec<Vec<&'static [u8]>>> = OnceLock::new();
    let by_first = BY_FIRST.get_or_init(|| {
        let mut table = vec![vec![]; 256];
        for &word in COMMON_WORDS {
            table[usize::from(word[0].to_ascii_lowercase())].push(word);
        }
        table
    });
    &by_first[usize::from(byte.to_ascii_lowercase())]
}

/// Bits of one byte, coarse: zeros and text are frequent, most other binary values are not.
fn byte_surprise(byte: u8, nocase: bool) -> u8 {
    match byte {
        0 => 3,
        b' ' | 0xff | b'e' | b'a' | b't' | b'o' | b'i' | b'n' => 4,
        b'\r' | b'\n' | b'/' | b'.' | b'=' | b':' | b'-' | b'0'..=b'9' | 1 => 5,
        b'a'..=b'z' => 5,
        b'A'..=b'Z' if nocase => 5,
        b'A'..=b'Z' => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keywords::testing::good;

    /// Where the fast pattern's content may start.
    fn starts(options: &str) -> (u32, u32) {
        choose(&good(options)).unwrap().starts
    }

    #[test]
    fn a_relative_content_starts_behind_the_one_before() {
        assert_eq!(starts("content:\"ab\"; offset:2; depth:4;"), (2, 4));
        assert_eq!(starts("content:\"a\"; content:\"Zebra\"; distance:3;"), (4, u32::MAX));
        assert_eq!(starts("content:\"a\"; startswith; content:\"Zebra\"; distance:3; within:6;"), (4, 5));
        assert_eq!(
            starts("content:\"ab\"; offset:1; depth:3; content:!\"x\"; within:5; content:\"Zebra\"; within:5;"),
            (3, 4)
        );
        assert_eq!(starts("content:\"abcdef\"; depth:6; content:\"Zebra1\"; distance:-9; within:99;"), (0, 93));
    }

    #[test]
    fn what_is_read_as_a_binary_number_moves_the_place_and_the_unknown_ends_all_knowledge() {
        let extract = "byte_extract:2,1,size,relative;";
        assert_eq!(starts(&format!("content:\"a\"; depth:1; {extract} content:\"Zebra\"; within:5;")), (4, 4));
        assert_eq!(starts(&format!("content:\"a\"; depth:1; {extract} content:\"Zebra\"; distance:size;")), ANYWHERE);
        let text = "byte_extract:2,1,size,relative,string,dec;";
        assert_eq!(starts(&format!("content:\"a\"; depth:1; {text} content:\"Zebra\"; within:5;")), ANYWHERE);
        assert_eq!(starts("content:\"a\"; depth:1; pcre:\"/b+/R\"; content:\"Zebra\"; within:5;"), ANYWHERE);
        assert_eq!(starts("content:\"a\"; depth:1; byte_jump:1,0,relative; content:\"Zebra\"; within:5;"), ANYWHERE);
    }

    #[test]
    fn a_run_at_the_end_is_cut() {
        let literal = |options: &str| {
            let pattern = choose(&good(options)).unwrap();
            (pattern.literal().0.to_vec(), pattern.from, pattern.len)
        };
        assert_eq!(literal("content:\"|14 00 00 00 00 00 00|\";"), (b"\x14\0\0\0".to_vec(), 0, 4));
        assert_eq!(literal("content:\"|00 00 00 00 00 00|\";"), (vec![0; 6], 0, 6));
        assert_eq!(literal("content:\"keyAaaAa\"; nocase;"), (b"keyAaa".to_vec(), 0, 6));
        assert_eq!(literal("content:\"ab|00 00 00|\";"), (b"ab\0\0\0".to_vec(), 0, 5));
    }
}
