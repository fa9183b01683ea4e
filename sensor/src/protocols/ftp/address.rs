//! The ports that commands and replies announce. The hosts that they name beside are not used: behind address translation they
//! are wrong, and whoever names another host than its own would have that host's connections taken for data.

/// `h1,h2,h3,h4,p1,p2` (RFC 959): of PORT, and somewhere in the reply to PASV.
pub(super) fn six_numbers(text: &[u8]) -> Option<u16> {
    let start = text.iter().position(u8::is_ascii_digit)?;
    let text = text.get(start..)?;
    let mut numbers = [0u8; 6];
    let mut parts = text.split(|b| *b == b',');
    for (i, number) in numbers.iter_mut().enumerate() {
        let part = parts.next()?.trim_ascii();
        // Behind the last one, anything may follow.
        let digits = part.iter().position(|b| !b.is_ascii_digit()).unwrap_or(part.len());
        if i < 5 && digits != part.len() {
            return None;
        }
        *number = std::str::from_utf8(part.get(..digits)?).ok()?.parse().ok()?;
    }
    let [.., high, low] = numbers;
    Some(u16::from_be_bytes([high, low])).filter(|port| *port > 0)
}

/// `(|||port|)` in the reply to EPSV (RFC 2428, 3), with any delimiter.
pub(super) fn extended_passive(text: &[u8]) -> Option<u16> {
    let inner = text.get(memchr::memchr(b'(', text)? + 1..)?;
    let (&delimiter, _) = inner.split_first()?;
    let rest = inner.strip_prefix(&[delimiter; 3])?;
    number(rest.split(|b| *b == delimiter).next()?)
}

/// `|2|address|port|` of EPRT (RFC 2428, 2), with any delimiter.
pub(super) fn extended_active(text: &[u8]) -> Option<u16> {
    let (&delimiter, rest) = text.trim_ascii().split_first()?;
    number(rest.split(|b| *b == delimiter).nth(2)?)
}

fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read() {
        assert_eq!(six_numbers(b"192,168,0,13,234,10"), Some(59_914));
        assert_eq!(six_numbers(b"Entering Passive Mode (10,0,0,1,4,1)."), Some(1025));
        for bad in ["1,2,3,4,5", "1,2,3,4,256,1", "1,2,x,4,5,6", "", "no digits", "1,2,3,4,0,0"] {
            assert_eq!(six_numbers(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(extended_passive(b"Entering Extended Passive Mode (|||58612|)"), Some(58_612));
        assert_eq!(extended_passive(b"(!!!7!)"), Some(7));
        assert_eq!(extended_passive(b"(|||70000|)"), None);
        assert_eq!(extended_passive(b"("), None);
        assert_eq!(extended_active(b"|2|2001:db8::1|5282|"), Some(5282));
        assert_eq!(extended_active(b"|1|"), None);
    }
}
