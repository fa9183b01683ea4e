//! Which literal of a signature stands guard for it.
//!
//! The rule: `fast_pattern` is obeyed. Otherwise, of all contents that must be present, the one that is rarest in traffic
//! is taken, by an estimate of how many bits of surprise its bytes carry; one in a body only where no other is rare enough. Of a long content only [`MAX_LEN`] bytes
//! are searched for, those that end with the most telling few, since the whole rule is judged anyway where they occur, and short
//! literals keep the search's tables in the cache.

use crate::buffers::{Kind, Source};
use crate::model::{BufferCondition, Content, FastPattern as Asked, Signature, Value};
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

/// Where a content may start, as far as the rule says it in numbers.
fn possible_starts(content: &Content) -> (u32, u32) {
    if content.is_relative() {
        return (0, u32::MAX);
    }
    starts_of(content).unwrap_or((0, u32::MAX))
}

fn starts_of(content: &Content) -> Option<(u32, u32)> {
    let literal = |value: Option<Value>| match value {
        None => Some(None),
        Some(Value::Literal(n)) => u32::try_from(n).ok().map(Some),
        Some(Value::Variable(_)) => None,
    };
    let len = content.pattern.len() as u32;
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
    let starts = possible_starts(content);
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
    let first = end.saturating_sub(MAX_LEN);
    (from + first, end - first, sum(&bits[first..end]))
}

/// For each byte an estimate of -log2 of the chance to meet it, where the one before it was met, in office traffic.
fn surprise(bytes: &[u8], nocase: bool) -> Vec<u8> {
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
