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

/// What is no character of the alphabet, in [`PLACES`].
const BAD: u32 = 1 << 31;

/// The bits of a group's first, second, third and fourth character, each where they lie in the three bytes that the group is,
/// the first of these lowest.
static PLACES: [[u32; 256]; 4] = [places(18), places(12), places(6), places(0)];

const fn places(shift: u32) -> [u32; 256] {
    let mut table = [BAD; 256];
    let mut i = 0;
    while i < table.len() {
        if SEXTETS[i] < 64 {
            table[i] = ((SEXTETS[i] as u32) << shift).swap_bytes() >> 8;
        }
        i += 1;
    }
    table
}

/// Groups that are decoded at once. Where one of them is none, room was made for the others in vain.
const BLOCK: usize = 32;

/// Whole groups at the start of `bytes`, decoded; what follows the last of them.
fn groups<'a>(bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let (groups, _) = bytes.as_chunks::<4>();
    let mut taken = 0;
    for block in groups.chunks(BLOCK) {
        let done = whole_groups(block, out);
        taken += done;
        if done < block.len() {
            break;
        }
    }
    bytes.get(taken * 4..).unwrap_or_default()
}

/// The same of one block: how many of its groups were decoded.
fn whole_groups(block: &[[u8; 4]], out: &mut Vec<u8>) -> usize {
    let before = out.len();
    out.resize(before + block.len() * 3, 0);
    let (room, _) = out.get_mut(before..).unwrap_or_default().as_chunks_mut::<3>();
    let [first, second, third, fourth] = &PLACES;
    let mut done = 0;
    for ([a, b, c, d], room) in block.iter().zip(room) {
        let [a, b] = [first[usize::from(*a)], second[usize::from(*b)]];
        let bits = a | b | third[usize::from(*c)] | fourth[usize::from(*d)];
        if bits & BAD != 0 {
            break;
        }
        let [x, y, z, _] = bits.to_le_bytes();
        *room = [x, y, z];
        done += 1;
    }
    out.truncate(before + done * 3);
    done
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

    proptest::proptest! {
        #[test]
        fn base64_is_what_its_characters_say_whatever_lies_between(
            text in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
            plain in 0_u8..4,
            size in 1_usize..100,
        ) {
            // Mostly of the alphabet, so that there are whole groups.
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let text: Vec<u8> = text
                .iter()
                .enumerate()
                .map(|(i, b)| if i % 16 < usize::from(plain) * 5 { alphabet[usize::from(*b) % 64] } else { *b })
                .collect();
            let (mut bits, mut expected) = (vec![], vec![]);
            for byte in text.iter().copied().chain([b'=']) {
                match alphabet.iter().position(|a| *a == byte) {
                    Some(value) => bits.extend((0..6).rev().map(|i| value >> i & 1)),
                    // Padding ends a text; what does not make a byte is left out.
                    None if byte == b'=' => {
                        let bytes = bits.chunks_exact(8).map(|c| c.iter().fold(0, |n, bit| n << 1 | *bit as u8));
                        expected.extend(bytes);
                        bits.clear();
                    }
                    None => {}
                }
                if bits.len() == 24 {
                    expected.extend(bits.chunks(8).map(|c| c.iter().fold(0, |n, bit| n << 1 | *bit as u8)));
                    bits.clear();
                }
            }
            proptest::prop_assert_eq!(decode(b"base64", &text, size).0, expected);
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
