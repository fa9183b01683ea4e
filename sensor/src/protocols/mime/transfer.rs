//! Content transfer encodings (RFC 2045, 6), undone as the bytes come.

use super::event::Oddities;

/// How a part is encoded, and what is not decoded yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transfer {
    /// Not at all: 7bit, 8bit, binary, and what is not known.
    #[default]
    Identity,
    /// Four characters are three bytes.
    Base64 {
        /// The bits of characters that do not make a whole group yet.
        bits: u32,
        /// How many characters they are, 0 to 3.
        count: u8,
    },
    /// `=3D`, and `=` before a line's end that is none.
    Quoted(Quoted),
    /// Lines of [`uu`](super::uu).
    Uu,
}

/// Where quoted-printable text was cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Quoted {
    #[default]
    Plain,
    /// Behind `=`.
    Equals,
    /// Behind `=` and a hexadecimal digit.
    High(u8),
    /// Behind `=` and blanks or CR, where the line's end is expected.
    Soft,
}

/// The value of a hexadecimal digit.
pub(super) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Values of the base64 alphabet (RFC 4648, 4) by character; what is not in it has a bit above the six.
static SEXTETS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [0x80; 256];
    let mut i = 0;
    while i < alphabet.len() {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table
};

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(SEXTETS[usize::from(byte)])).filter(|value| *value < 64)
}

/// Whole groups at the start of `bytes`, decoded; what follows the last of them.
fn groups<'a>(mut bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    while let [a, b, c, d, rest @ ..] = bytes {
        let [a, b, c, d] = [a, b, c, d].map(|byte| u32::from(SEXTETS[usize::from(*byte)]));
        if (a | b | c | d) & 0x80 != 0 {
            break;
        }
        let bits = a << 18 | b << 12 | c << 6 | d;
        out.extend_from_slice(&[(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
        bytes = rest;
    }
    bytes
}

impl Transfer {
    /// By the value of `Content-Transfer-Encoding`.
    pub(super) fn of(value: Option<&[u8]>) -> Self {
        let word = value.unwrap_or_default().split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        if word.eq_ignore_ascii_case(b"base64") {
            Self::Base64 { bits: 0, count: 0 }
        } else if word.eq_ignore_ascii_case(b"quoted-printable") {
            Self::Quoted(Quoted::Plain)
        } else if [&b"x-uuencode"[..], b"uuencode", b"x-uue"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
            Self::Uu
        } else {
            Self::Identity
        }
    }

    /// The text is encoded.
    pub(super) fn is_coded(&self) -> bool {
        !matches!(self, Self::Identity)
    }

    /// Decodes more; the result is appended to `out`.
    pub(super) fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>, odd: &mut Oddities) {
        match self {
            // What is uuencoded is read by lines.
            Self::Identity | Self::Uu => out.extend_from_slice(bytes),
            Self::Base64 { bits, count } => base64(bits, count, bytes, out, odd),
            Self::Quoted(quoted) => quoted_printable(quoted, bytes, out, odd),
        }
    }

    /// There is no more: what was not decoded yet is, as far as it can be.
    pub(super) fn end(&mut self, out: &mut Vec<u8>, odd: &mut Oddities) {
        match self {
            Self::Identity | Self::Uu => {}
            Self::Base64 { bits, count } => {
                if *count > 0 {
                    odd.add(Oddities::INVALID_BASE64);
                }
                flush(bits, count, out);
            }
            Self::Quoted(quoted) => {
                if matches!(quoted, Quoted::Equals | Quoted::High(_)) {
                    odd.add(Oddities::INVALID_QP);
                }
                *quoted = Quoted::Plain;
            }
        }
    }
}

/// What an unfinished group has in whole bytes.
fn flush(bits: &mut u32, count: &mut u8, out: &mut Vec<u8>) {
    match *count {
        2 => out.push((*bits >> 4) as u8),
        3 => out.extend([(*bits >> 10) as u8, (*bits >> 2) as u8]),
        _ => {}
    }
    (*bits, *count) = (0, 0);
}

/// Characters that are not of the alphabet are passed over, as RFC 2045 asks; behind padding another text may begin.
fn base64(bits: &mut u32, count: &mut u8, mut bytes: &[u8], out: &mut Vec<u8>, odd: &mut Oddities) {
    loop {
        if *count == 0 {
            bytes = groups(bytes, out);
        }
        let Some((&byte, rest)) = bytes.split_first() else { return };
        bytes = rest;
        match sextet(byte) {
            Some(value) => {
                *bits = *bits << 6 | value;
                *count += 1;
                if *count == 4 {
                    out.extend([(*bits >> 16) as u8, (*bits >> 8) as u8, *bits as u8]);
                    (*bits, *count) = (0, 0);
                }
            }
            None if byte == b'=' => flush(bits, count, out),
            None if byte.is_ascii_whitespace() => {}
            None => odd.add(Oddities::INVALID_BASE64),
        }
    }
}

fn quoted_printable(state: &mut Quoted, bytes: &[u8], out: &mut Vec<u8>, odd: &mut Oddities) {
    for &byte in bytes {
        *state = match (*state, byte) {
            (Quoted::Plain, b'=') => Quoted::Equals,
            (Quoted::Plain, _) => {
                out.push(byte);
                Quoted::Plain
            }
            (Quoted::Equals | Quoted::Soft, b'\n') => Quoted::Plain,
            (Quoted::Equals | Quoted::Soft, b' ' | b'\t' | b'\r') => Quoted::Soft,
            (Quoted::Equals, _) => match hex(byte) {
                Some(_) => Quoted::High(byte),
                None => literal(&[b'=', byte], out, odd),
            },
            (Quoted::Soft, _) => literal(&[byte], out, odd),
            (Quoted::High(high), _) => match (hex(high), hex(byte)) {
                (Some(h), Some(l)) => {
                    out.push(h << 4 | l);
                    Quoted::Plain
                }
                _ => literal(&[b'=', high, byte], out, odd),
            },
        };
    }
}

/// What only looked like a code.
fn literal(bytes: &[u8], out: &mut Vec<u8>, odd: &mut Oddities) -> Quoted {
    odd.add(Oddities::INVALID_QP);
    out.extend_from_slice(bytes);
    Quoted::Plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(kind: &[u8], text: &[u8], size: usize) -> (Vec<u8>, Vec<&'static str>) {
        let mut transfer = Transfer::of(Some(kind));
        let (mut out, mut odd) = (vec![], Oddities::default());
        for piece in text.chunks(size) {
            transfer.decode(piece, &mut out, &mut odd);
        }
        transfer.end(&mut out, &mut odd);
        (out, odd.names().collect())
    }

    #[test]
    fn base64_however_it_is_cut() {
        for size in 1..12 {
            assert_eq!(decode(b" Base64 ", b"aGVs\r\nbG8=\r\n", size), (b"hello".to_vec(), vec![]));
            assert_eq!(decode(b"base64", b"aGVsbG8=IQ==", size), (b"hello!".to_vec(), vec![]));
            assert_eq!(decode(b"base64", b"aG-Vs", size), (b"hel".to_vec(), vec!["mime_invalid_base64"]));
            assert_eq!(decode(b"base64", b"aGVsbG8", size), (b"hello".to_vec(), vec!["mime_invalid_base64"]));
        }
    }

    #[test]
    fn quoted_printable_however_it_is_cut() {
        for size in 1..12 {
            assert_eq!(decode(b"quoted-printable", b"a=3Db=\r\nc=  \r\nd\r\n", size), (b"a=bcd\r\n".to_vec(), vec![]));
            assert_eq!(decode(b"Quoted-Printable", b"a=zz =4z", size), (b"a=zz =4z".to_vec(), vec!["mime_invalid_qp"]));
        }
    }

    #[test]
    fn what_is_not_encoded_stays() {
        for kind in [&b"7bit"[..], b"8bit", b"binary", b"x-unknown", b""] {
            assert_eq!(decode(kind, b"a=3D\r\n", 2), (b"a=3D\r\n".to_vec(), vec![]));
        }
    }
}
