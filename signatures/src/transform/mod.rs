//! Transforms: what turns the bytes of a buffer into other bytes before a rule looks at them.
//!
//! They are pure functions of their input, so that equal chains on equal buffers can be worked out once and shared, and
//! so that they are tested with no engine. A chain works between two buffers of a [`Workspace`] that a worker keeps: once
//! those have grown to the size in use, nothing is allocated. Output is at most as long as the input plus one byte, or 64
//! bytes, or what `max-size` says; time is linear in input and output.
//!
//! Meanings are those of Suricata 8's user guide, "Transformations". Where a transform cannot do its work (an expression that
//! does not match, base64 that is none, data that is not compressed) the buffer goes on as it was.

mod base64;
mod digest;
mod domain;
mod inflate;
mod parse;
mod regex;
mod text;

pub use base64::{Base64Mode, FromBase64, decode as decode_base64};
pub use inflate::MAX_INFLATED;
pub use regex::CaptureFirst;

use std::fmt;

/// One transform, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    /// `dotprefix`: a dot before it.
    DotPrefix,
    /// `domain`: the registered domain (public suffix and one label).
    Domain,
    /// `tld`: the public suffix.
    Tld,
    /// `strip_whitespace`: without white space, as C's `isspace` has it.
    StripWhitespace,
    /// `compress_whitespace`: each run of white space becomes one blank.
    CompressWhitespace,
    /// `to_lowercase`: ASCII letters.
    ToLowercase,
    /// `to_uppercase`: ASCII letters.
    ToUppercase,
    /// `to_md5`: the digest's 16 bytes.
    ToMd5,
    /// `to_sha1`: the digest's 20 bytes.
    ToSha1,
    /// `to_sha256`: the digest's 32 bytes.
    ToSha256,
    /// `pcrexform`: what the expression's first group captured.
    PcreXform(CaptureFirst),
    /// `url_decode`: `%HH` and `+` resolved.
    UrlDecode,
    /// `xor`: with this key, over and over; never empty.
    Xor(Box<[u8]>),
    /// `header_lowercase`: header names, up to each line's colon.
    HeaderLowercase,
    /// `strip_pseudo_headers`: without lines that begin with a colon.
    StripPseudoHeaders,
    /// `from_base64`.
    FromBase64(FromBase64),
    /// `subslice`: a part of it.
    Subslice(Subslice),
    /// `gunzip`: at most so many bytes out of a gzip member (RFC 1952).
    Gunzip {
        /// Bytes, 1 to [`MAX_INFLATED`].
        max_size: u32,
    },
    /// `zlib_deflate`: at most so many bytes out of a zlib stream (RFC 1950).
    ZlibDeflate {
        /// Bytes, 1 to [`MAX_INFLATED`].
        max_size: u32,
    },
}

/// A part of a buffer, `subslice:offset[,nbytes][,truncate]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subslice {
    /// Where it begins; below 0, counted from the buffer's end.
    pub offset: i32,
    /// How many bytes; below 0, so many before the offset. Never 0.
    pub nbytes: Option<i32>,
    /// A part that reaches beyond the end is cut there; without this it is empty.
    pub truncate: bool,
}

impl Subslice {
    fn cut<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        let len = i64::try_from(input.len()).unwrap_or(i64::MAX);
        let offset = i64::from(self.offset);
        let start = if offset < 0 { len.saturating_add(offset) } else { offset };
        let (start, end) = match self.nbytes.map(i64::from) {
            None => (start, len),
            Some(n) if n < 0 => (start.saturating_add(n), start),
            Some(n) => (start, start.saturating_add(n)),
        };
        let (start, end) = if self.truncate { (start.max(0), end.min(len)) } else { (start, end) };
        match (usize::try_from(start), usize::try_from(end)) {
            (Ok(start), Ok(end)) => input.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// What a worker keeps so that transforms need not allocate.
#[derive(Default)]
pub struct Workspace {
    front: Vec<u8>,
    back: Vec<u8>,
    inflater: inflate::Inflater,
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("front", &self.front.len()).field("back", &self.back.len()).finish()
    }
}

impl Transform {
    /// Writes what becomes of `input` to `out`, which is emptied first.
    pub fn apply(&self, input: &[u8], out: &mut Vec<u8>, inflater: &mut inflate::Inflater) {
        out.clear();
        match self {
            Self::DotPrefix => {
                out.push(b'.');
                out.extend_from_slice(input);
            }
            Self::Domain => out.extend_from_slice(domain::registered(input)),
            Self::Tld => out.extend_from_slice(domain::suffix(input)),
            Self::StripWhitespace => text::strip_whitespace(input, out),
            Self::CompressWhitespace => text::compress_whitespace(input, out),
            Self::ToLowercase => out.extend(input.iter().map(u8::to_ascii_lowercase)),
            Self::ToUppercase => out.extend(input.iter().map(u8::to_ascii_uppercase)),
            Self::ToMd5 => digest::md5(input, out),
            Self::ToSha1 => digest::sha1(input, out),
            Self::ToSha256 => digest::sha256(input, out),
            Self::PcreXform(expression) => out.extend_from_slice(expression.first(input).unwrap_or(input)),
            Self::UrlDecode => text::url_decode(input, out),
            Self::Xor(key) => text::xor(input, key, out),
            Self::HeaderLowercase => text::header_lowercase(input, out),
            Self::StripPseudoHeaders => text::strip_pseudo_headers(input, out),
            Self::FromBase64(options) => {
                if !options.decode(input, out) {
                    out.clear();
                    out.extend_from_slice(input);
                }
            }
            Self::Subslice(part) => out.extend_from_slice(part.cut(input)),
            Self::Gunzip { max_size } => keep(inflater.gunzip(input, *max_size, out), input, out),
            Self::ZlibDeflate { max_size } => keep(inflater.zlib(input, *max_size, out), input, out),
        }
    }
}

/// Leaves the buffer as it was where nothing came out of it.
fn keep(worked: bool, input: &[u8], out: &mut Vec<u8>) {
    if !worked {
        out.clear();
        out.extend_from_slice(input);
    }
}

/// Applies a chain in order. An empty chain gives the input itself.
pub fn apply_all<'a>(chain: &[Transform], input: &'a [u8], workspace: &'a mut Workspace) -> &'a [u8] {
    let Some((first, rest)) = chain.split_first() else { return input };
    let Workspace { front, back, inflater } = workspace;
    first.apply(input, front, inflater);
    for transform in rest {
        transform.apply(front, back, inflater);
        std::mem::swap(front, back);
    }
    front
}

impl fmt::Display for Transform {
    /// As it stands in a rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PcreXform(expression) => write!(f, "pcrexform:\"{}\"", expression.source()),
            Self::Xor(key) => {
                f.write_str("xor:\"")?;
                key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("\"")
            }
            Self::FromBase64(options) => write!(f, "{options}"),
            Self::Subslice(part) => {
                write!(f, "subslice:{}", part.offset)?;
                if let Some(nbytes) = part.nbytes {
                    write!(f, ",{nbytes}")?;
                }
                if part.truncate { f.write_str(",truncate") } else { Ok(()) }
            }
            Self::Gunzip { max_size } => write!(f, "gunzip:max-size {max_size}"),
            Self::ZlibDeflate { max_size } => write!(f, "zlib_deflate:max-size {max_size}"),
            plain => f.write_str(plain.name()),
        }
    }
}

#[cfg(test)]
mod tests;
