//! The values of the transforms' keywords.

use super::{Base64Mode, CaptureFirst, FromBase64, MAX_INFLATED, Subslice, Transform};
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::keywords::number;
use crate::syntax::{Text, show};

/// The most digits of an `xor` key (Suricata's user guide).
const MAX_XOR_DIGITS: usize = 256;
/// What `gunzip` and `zlib_deflate` give at most, unless said.
const DEFAULT_INFLATED: u32 = 1024;
/// The most that `bytes` and `offset` of base64 may say.
const MAX_BASE64: u64 = 65_535;

impl Transform {
    /// The keyword's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::DotPrefix => "dotprefix",
            Self::Domain => "domain",
            Self::Tld => "tld",
            Self::StripWhitespace => "strip_whitespace",
            Self::CompressWhitespace => "compress_whitespace",
            Self::ToLowercase => "to_lowercase",
            Self::ToUppercase => "to_uppercase",
            Self::ToMd5 => "to_md5",
            Self::ToSha1 => "to_sha1",
            Self::ToSha256 => "to_sha256",
            Self::PcreXform(_) => "pcrexform",
            Self::UrlDecode => "url_decode",
            Self::Xor(_) => "xor",
            Self::HeaderLowercase => "header_lowercase",
            Self::StripPseudoHeaders => "strip_pseudo_headers",
            Self::FromBase64(_) => "from_base64",
            Self::Subslice(_) => "subslice",
            Self::Gunzip { .. } => "gunzip",
            Self::ZlibDeflate { .. } => "zlib_deflate",
        }
    }

    /// The transform of this name with this value; whether a value may stand is the caller's to check. `None` for a name
    /// that is no transform's.
    ///
    /// # Errors
    /// When the value is not right, with the place of what is wrong in it.
    pub fn parse(name: &str, value: Text<'_>) -> Option<Result<Self, RuleError>> {
        Some(match name {
            "dotprefix" => Ok(Self::DotPrefix),
            "domain" => Ok(Self::Domain),
            "tld" => Ok(Self::Tld),
            "strip_whitespace" => Ok(Self::StripWhitespace),
            "compress_whitespace" => Ok(Self::CompressWhitespace),
            "to_lowercase" => Ok(Self::ToLowercase),
            "to_uppercase" => Ok(Self::ToUppercase),
            "to_md5" => Ok(Self::ToMd5),
            "to_sha1" => Ok(Self::ToSha1),
            "to_sha256" => Ok(Self::ToSha256),
            "url_decode" => Ok(Self::UrlDecode),
            "header_lowercase" => Ok(Self::HeaderLowercase),
            "strip_pseudo_headers" => Ok(Self::StripPseudoHeaders),
            "pcrexform" => CaptureFirst::parse(value).map(Self::PcreXform),
            "xor" => xor(value),
            "from_base64" => from_base64("from_base64", value).map(Self::FromBase64),
            "subslice" => subslice(value),
            "gunzip" => max_size("gunzip", value).map(|max_size| Self::Gunzip { max_size }),
            "zlib_deflate" => max_size("zlib_deflate", value).map(|max_size| Self::ZlibDeflate { max_size }),
            _ => return None,
        })
    }
}

fn invalid(keyword: &'static str, text: Text<'_>, expected: &'static str) -> RuleError {
    let found = if text.bytes.is_empty() { "nothing".to_owned() } else { show(text.bytes) };
    RuleError::new(Kind::Invalid { keyword, found, expected }, text.span())
}

fn xor(value: Text<'_>) -> Result<Transform, RuleError> {
    let text = value.trim();
    let expected = "a key of 2 to 256 hexadecimal digits, as in \"0d0ac8ff\"";
    if text.bytes.is_empty() || text.bytes.len() > MAX_XOR_DIGITS {
        return Err(invalid("xor", text, expected));
    }
    if let Some(at) = text.bytes.iter().position(|b| !b.is_ascii_hexdigit()) {
        let wrong = text.from(at).to(1);
        return Err(RuleError::new(Kind::BadHex { found: wrong.show() }, wrong.span()));
    }
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0);
    let (pairs, odd) = text.bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(RuleError::new(Kind::OddHex, text.span()));
    }
    Ok(Transform::Xor(pairs.iter().map(|&[high, low]| digit(high) << 4 | digit(low)).collect()))
}

/// `[bytes N][, offset N][, mode M]`, in any order.
fn from_base64(name: &'static str, value: Text<'_>) -> Result<FromBase64, RuleError> {
    let mut options = FromBase64::default();
    if value.trim().bytes.is_empty() {
        return Ok(options);
    }
    let (mut offset, mut mode) = (None, None);
    for part in value.split(b',') {
        let (word, rest) = part.split_word();
        let word = if word.bytes == b"mode:" { word.to(4) } else { word };
        let given = match word.bytes {
            b"bytes" => {
                let bytes = number::unsigned(name, rest, MAX_BASE64)?;
                if bytes == 0 {
                    return Err(invalid(name, rest, "1 to 65535 bytes"));
                }
                options.bytes.replace(u16::try_from(bytes).unwrap_or(u16::MAX)).is_some()
            }
            b"offset" => {
                let skip = number::unsigned(name, rest, MAX_BASE64)?;
                offset.replace(u16::try_from(skip).unwrap_or(u16::MAX)).is_some()
            }
            b"mode" => {
                let known = Base64Mode::from_name(rest.bytes);
                mode.replace(known.ok_or_else(|| invalid(name, rest, "rfc4648, rfc2045 or strict"))?).is_some()
            }
            _ => return Err(invalid(name, part, "bytes, offset or mode, each with a value")),
        };
        if given {
            return Err(invalid(name, part, "each of bytes, offset and mode once"));
        }
    }
    options.offset = offset.unwrap_or_default();
    options.mode = mode.unwrap_or_default();
    Ok(options)
}

/// `offset[,nbytes][,truncate]`.
fn subslice(value: Text<'_>) -> Result<Transform, RuleError> {
    const NAME: &str = "subslice";
    const LIMIT: i64 = i32::MAX as i64;
    let signed =
        |text: Text<'_>| number::signed(NAME, text, -LIMIT, LIMIT).map(|n| i32::try_from(n).unwrap_or_default());
    let mut parts = value.split(b',').peekable();
    let offset = signed(parts.next().unwrap_or(value))?;
    let mut nbytes = None;
    if let Some(part) = parts.next_if(|p| p.bytes != b"truncate") {
        let n = signed(part)?;
        if n == 0 {
            return Err(invalid(NAME, part, "a number of bytes other than 0"));
        }
        nbytes = Some(n);
    }
    let truncate = parts.next_if(|p| p.bytes == b"truncate").is_some();
    if let Some(extra) = parts.next() {
        return Err(invalid(NAME, extra, "offset, number of bytes and truncate, in this order"));
    }
    Ok(Transform::Subslice(Subslice { offset, nbytes, truncate }))
}

/// `[max-size N[unit]]`.
fn max_size(name: &'static str, value: Text<'_>) -> Result<u32, RuleError> {
    let value = value.trim();
    if value.bytes.is_empty() {
        return Ok(DEFAULT_INFLATED);
    }
    let (word, size) = value.split_word();
    if word.bytes != b"max-size" {
        return Err(invalid(name, value, "max-size and a number of bytes"));
    }
    match number::with_unit(name, size, u64::from(MAX_INFLATED))? {
        0 => Err(invalid(name, size, "1 byte to 16 MiB")),
        bytes => Ok(u32::try_from(bytes).unwrap_or(MAX_INFLATED)),
    }
}
