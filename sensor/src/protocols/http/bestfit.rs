//! Characters beyond ASCII in a request's path, each made the byte of code page 1252 that Windows takes for it ("best fit").
//!
//! Servers on Windows do so with `%u` escapes and UTF-8, and attackers use it to write a slash as U+FF0F; Suricata's rules
//! expect it undone. The table is Microsoft's, without what it maps to itself; what is not in it becomes a question mark.

/// Runs of characters: the first one's number, and what each becomes. In rising order.
#[rustfmt::skip]
static TABLE: &[(u16, &[u8])] = &[
    (0x0100, b"AaAaAaCcCcCcCcDd"),
    (0x0111, b"dEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi"),
    (0x0134, b"JjKk"),
    (0x0139, b"LlLlLl"),
    (0x0141, b"LlNnNnNn"),
    (0x014c, b"OoOoOo"),
    (0x0154, b"RrRrRrSsSsSs"),
    (0x0162, b"TtTtTtUuUuUuUuUuUuWwYy"),
    (0x0179, b"Z"),
    (0x017b, b"Zz"),
    (0x0180, b"b"),
    (0x0197, b"I"),
    (0x019a, b"l"),
    (0x019f, b"OOo"),
    (0x01ab, b"t"),
    (0x01ae, b"TUu"),
    (0x01b6, b"z"),
    (0x01c0, b"|"),
    (0x01c3, b"!"),
    (0x01cd, b"AaIiOoUuUuUuUuUu"),
    (0x01de, b"Aa"),
    (0x01e4, b"GgGgKkOoOo"),
    (0x01f0, b"j"),
    (0x0261, b"g"),
    (0x02b9, b"'\""),
    (0x02bc, b"'"),
    (0x02c4, b"^"),
    (0x02c8, b"'"),
    (0x02cb, b"`"),
    (0x02cd, b"_"),
    (0x0300, b"`"),
    (0x0302, b"^~"),
    (0x030e, b"\""),
    (0x0331, b"__"),
    (0x037e, b";"),
    (0x0393, b"G"),
    (0x0398, b"T"),
    (0x03a3, b"S"),
    (0x03a6, b"F"),
    (0x03a9, b"O"),
    (0x03b1, b"a"),
    (0x03b4, b"de"),
    (0x03c0, b"p"),
    (0x03c3, b"st"),
    (0x03c6, b"f"),
    (0x04bb, b"h"),
    (0x0589, b":"),
    (0x066a, b"%"),
    (0x2000, b"       "),
    (0x2010, b"--"),
    (0x2017, b"="),
    (0x2032, b"'"),
    (0x2035, b"`"),
    (0x2044, b"/"),
    (0x2074, b"45678"),
    (0x207f, b"n0123456789"),
    (0x20a7, b"P"),
    (0x2102, b"C"),
    (0x2107, b"E"),
    (0x210a, b"gHHHh"),
    (0x2110, b"IILl"),
    (0x2115, b"N"),
    (0x2118, b"PPQRRR"),
    (0x2124, b"Z"),
    (0x2128, b"Z"),
    (0x212a, b"K"),
    (0x212c, b"BCeeEF"),
    (0x2133, b"Mo"),
    (0x2212, b"-"),
    (0x2215, b"/\\*"),
    (0x221a, b"v"),
    (0x221e, b"8"),
    (0x2223, b"|"),
    (0x2229, b"n"),
    (0x2236, b":"),
    (0x223c, b"~"),
    (0x2261, b"="),
    (0x2264, b"=="),
    (0x2303, b"^"),
    (0x2320, b"()"),
    (0x2329, b"<>"),
    (0x2500, b"-"),
    (0x250c, b"+"),
    (0x2510, b"+"),
    (0x2514, b"+"),
    (0x2518, b"+"),
    (0x251c, b"+"),
    (0x252c, b"-"),
    (0x2534, b"-"),
    (0x253c, b"+"),
    (0x2550, b"-"),
    (0x2552, b"++++++++++++"),
    (0x2564, b"------+++"),
    (0x2584, b"_"),
    (0x2758, b"|"),
    (0x3000, b" "),
    (0x3008, b"<>"),
    (0x301a, b"[]"),
    (0xff01, b"!\"#$%&'()*+,-./0123456789:;<=>"),
    (0xff20, b"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"),
];

/// The byte that a character becomes.
pub(super) fn byte(character: u16) -> u8 {
    if character < 0x100 {
        return character as u8;
    }
    fit(character)
}

fn fit(character: u16) -> u8 {
    let run = TABLE.partition_point(|(first, _)| *first <= character).wrapping_sub(1);
    let of_run = TABLE.get(run).and_then(|(first, bytes)| bytes.get(usize::from(character - first)));
    of_run.copied().unwrap_or(b'?')
}

/// Makes each UTF-8 sequence from `start` on one byte, overlong ones as well; broken ones become a question mark.
pub(super) fn fold_utf8(out: &mut Vec<u8>, start: usize) {
    let Some(first) = out.get(start..).and_then(|p| p.iter().position(|b| !b.is_ascii())) else { return };
    let (mut read, mut write) = (start + first, start + first);
    while let Some(rest) = out.get(read..).filter(|r| !r.is_empty()) {
        let (byte, len) = next(rest);
        if let Some(slot) = out.get_mut(write) {
            *slot = byte;
        }
        write += 1;
        read += len;
    }
    out.truncate(write);
}

/// What the first character of `rest` becomes, and the number of bytes that it takes.
fn next(rest: &[u8]) -> (u8, usize) {
    let Some(&lead) = rest.first() else { return (b'?', 1) };
    let (len, bits) = match lead {
        0..=0x7f => return (lead, 1),
        0xc0..=0xdf => (2, lead & 0x1f),
        0xe0..=0xef => (3, lead & 0x0f),
        0xf0..=0xf4 => (4, lead & 0x07),
        _ => return (b'?', 1),
    };
    let tail = rest.iter().skip(1).take(len - 1);
    let continued = tail.clone().take_while(|b| **b & 0xc0 == 0x80).count();
    if continued + 1 < len {
        return (b'?', continued + 1);
    }
    let character = tail.fold(u32::from(bits), |c, b| c << 6 | u32::from(b & 0x3f));
    (u16::try_from(character).map_or(b'?', byte), len)
}
