//! DNS over HTTPS (RFC 8484): a message in the query of a GET, or in a body.

use super::headers::Headers;

/// Most bytes of a message.
pub const MESSAGE_LIMIT: usize = 65_535;

const MEDIA_TYPE: &[u8] = b"application/dns-message";

/// The headers say that what is asked for, or is sent, is a message of DNS.
#[must_use]
pub fn is_asked(headers: &Headers) -> bool {
    [&b"accept"[..], b"content-type"].iter().any(|name| headers.all(name).any(is_dns))
}

/// The body is one.
#[must_use]
pub fn is_sent(headers: &Headers) -> bool {
    headers.get(b"content-type").is_some_and(is_dns)
}

fn is_dns(value: &[u8]) -> bool {
    let value = value.split(|b| *b == b';').next().unwrap_or_default();
    value.trim_ascii().eq_ignore_ascii_case(MEDIA_TYPE)
}

/// The message in the query of a path (`?dns=…`).
#[must_use]
pub fn in_path(path: &[u8]) -> Option<Vec<u8>> {
    let query = path.split(|b| *b == b'?').nth(1)?;
    let coded = query.split(|b| *b == b'&').find_map(|part| part.strip_prefix(b"dns="))?;
    base64url(coded).filter(|message| message.len() <= MESSAGE_LIMIT)
}

/// Base64 with the alphabet of URLs (RFC 4648, 5), padded or not; None if it is something else.
#[must_use]
pub fn base64url(coded: &[u8]) -> Option<Vec<u8>> {
    let end = coded.iter().rposition(|b| *b != b'=').map_or(0, |at| at + 1);
    let digits = coded.get(..end)?;
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_found_in_the_path() {
        assert_eq!(in_path(b"/dns-query?ct=x&dns=aGVsbG8_-w==&z").unwrap(), b"hello?\xfb");
        assert_eq!(in_path(b"/dns-query?dns=AA").unwrap(), b"\0");
        assert_eq!(in_path(b"/dns-query?dns=A*"), None);
        assert_eq!(in_path(b"/dns=AA"), None);
    }
}
