//! The Huffman code of HPACK (RFC 7541, appendix B). Its codes ascend with length and then symbol, so that the lengths say all.

/// Bits of each symbol's code; the last is the end of a string.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];

/// Bits of the longest code.
const LONGEST: usize = 30;

/// The codes of each length.
struct Code {
    /// The first code of each length.
    first: [u32; LONGEST + 1],
    /// How many there are.
    count: [u16; LONGEST + 1],
    /// Where their symbols begin.
    at: [u16; LONGEST + 1],
    symbols: [u16; 257],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Self {
        let mut code =
            Self { first: [0; LONGEST + 1], count: [0; LONGEST + 1], at: [0; LONGEST + 1], symbols: [0; 257] };
        let (mut len, mut next, mut placed) = (1, 0u32, 0);
        while len <= LONGEST {
            next <<= 1;
            code.first[len] = next;
            code.at[len] = placed as u16;
            let mut symbol = 0;
            while symbol < 257 {
                if LENGTHS[symbol] as usize == len {
                    code.symbols[placed] = symbol as u16;
                    placed += 1;
                    code.count[len] += 1;
                    next += 1;
                }
                symbol += 1;
            }
            len += 1;
        }
        code
    }
}

/// Decodes a string into `out`; None if it is none (RFC 7541, 5.2).
pub fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut code, mut len) = (0u32, 0usize);
    for byte in bytes {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(byte >> bit & 1);
            len += 1;
            let (first, count) = (CODE.first.get(len)?, CODE.count.get(len)?);
            let index = code.wrapping_sub(*first);
            if index < u32::from(*count) {
                let symbol = *CODE.symbols.get(usize::from(*CODE.at.get(len)?) + index as usize)?;
                out.push(u8::try_from(symbol).ok()?);
                (code, len) = (0, 0);
            }
        }
    }
    // What is left is less than a byte of the end's code, all ones.
    (len < 8 && code == (1 << len) - 1).then_some(())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_examples_of_the_standard() {
        // RFC 7541, C.4.1, C.4.3 and C.6.1.
        let cases: [(&[u8], &[u8]); 3] = [
            (b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", b"www.example.com"),
            (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", b"custom-value"),
            (b"\xae\xc3\x77\x1a\x4b", b"private"),
        ];
        for (coded, text) in cases {
            let mut out = Vec::new();
            assert!(decode(coded, &mut out).is_some());
            assert_eq!(out, text);
        }
        assert!(decode(b"\xff\xff\xff\xff", &mut Vec::new()).is_none(), "the end does not stand in a string");
        assert!(decode(b"\x00", &mut Vec::new()).is_none(), "zeros do not fill up a byte");
    }
}
