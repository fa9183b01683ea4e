//! Transforms of text: white space, URL encoding, header names, exclusive or.

/// C's `isspace` in the C locale: blank, tab, line feed, vertical tab, form feed, carriage return.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d)
}

pub(super) fn strip_whitespace(input: &[u8], out: &mut Vec<u8>) {
    out.extend(input.iter().copied().filter(|b| !is_space(*b)));
}

pub(super) fn compress_whitespace(input: &[u8], out: &mut Vec<u8>) {
    let mut in_run = false;
    for &byte in input {
        let space = is_space(byte);
        if !space {
            out.push(byte);
        } else if !in_run {
            out.push(b' ');
        }
        in_run = space;
    }
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// `+` is a blank, `%HH` the byte of that value; any other `%` stays.
pub(super) fn url_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => match (hex(after.first()), hex(after.get(1))) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after.get(2..).unwrap_or_default();
                }
                _ => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
}

pub(super) fn xor(input: &[u8], key: &[u8], out: &mut Vec<u8>) {
    out.extend(input.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// Letters become small from the start of each line to its colon.
pub(super) fn header_lowercase(input: &[u8], out: &mut Vec<u8>) {
    let mut in_name = true;
    for &byte in input {
        match byte {
            b':' => in_name = false,
            b'\n' => in_name = true,
            _ => {}
        }
        out.push(if in_name { byte.to_ascii_lowercase() } else { byte });
    }
}

/// Lines that begin with a colon are left out, their line end included.
pub(super) fn strip_pseudo_headers(input: &[u8], out: &mut Vec<u8>) {
    for line in input.split_inclusive(|b| *b == b'\n') {
        if line.first() != Some(&b':') {
            out.extend_from_slice(line);
        }
    }
}
