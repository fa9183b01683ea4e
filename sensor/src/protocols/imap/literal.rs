//! What a line announces: that so many bytes follow it as they are (RFC 9051, 4.3), and whether they are a mail.

/// The literal that ends a line: its length, and what stands before it.
pub(super) fn literal(line: &[u8]) -> Option<(u64, &[u8])> {
    let inner = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let (before, number) = inner.split_at_checked(open)?;
    let number = number.strip_prefix(b"{")?;
    // Without waiting for the server (RFC 7888).
    let number = number.strip_suffix(b"+").or_else(|| number.strip_suffix(b"-")).unwrap_or(number);
    // `~` before it: there may be NUL bytes (RFC 9051, 4.3).
    let before = before.strip_suffix(b"~").unwrap_or(before);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, before))
}

/// Where in a message a part of it begins that a server shows; None if it is not of a whole message.
pub(super) fn fetched(before: &[u8]) -> Option<u64> {
    let is_fetch = before.strip_prefix(b"* ").is_some_and(|rest| {
        let mut words = rest.split(|b| *b == b' ');
        words.next().is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit))
            && words.next().is_some_and(|w| w.eq_ignore_ascii_case(b"FETCH"))
    });
    if !is_fetch {
        return None;
    }
    let item = before.trim_ascii_end().rsplit(|b| matches!(b, b' ' | b'(')).next()?;
    let is = |word: &[u8]| item.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if item.eq_ignore_ascii_case(b"RFC822")
        || item.eq_ignore_ascii_case(b"BODY[]")
        || item.eq_ignore_ascii_case(b"BINARY[]")
    {
        return Some(0);
    }
    if !is(b"BODY[]<") && !is(b"BINARY[]<") {
        return None;
    }
    let origin = item.get(memchr::memchr(b'<', item)? + 1..)?.strip_suffix(b">")?;
    std::str::from_utf8(origin).ok()?.parse().ok()
}

/// Whether a client's command stores a mail with the literal that follows.
pub(super) fn appended(before: &[u8]) -> bool {
    let mut words = before.split(|b| *b == b' ').filter(|w| !w.is_empty());
    let is_append = words.nth(1).is_some_and(|w| w.eq_ignore_ascii_case(b"APPEND"));
    // Without the mailbox's name it is that.
    is_append && words.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_what_they_are() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {12}"), Some((12, &b"* 1 FETCH (BODY[] "[..])));
        assert_eq!(literal(b"a APPEND x {7+}"), Some((7, &b"a APPEND x "[..])));
        assert_eq!(literal(b"a {x}"), None);
        assert_eq!(literal(b"}"), None);
        assert_eq!(fetched(b"* 1 FETCH (UID 7 BODY[] "), Some(0));
        assert_eq!(fetched(b"* 12 fetch (RFC822 "), Some(0));
        assert_eq!(fetched(b"* 12 FETCH (BODY[]<4096> "), Some(4096));
        assert_eq!(fetched(b"* 12 FETCH (BODY[HEADER.FIELDS (DATE)] "), None);
        assert_eq!(fetched(b"* 12 FETCH (BODY[1] "), None);
        assert_eq!(fetched(b"* LIST (BODY[] "), None);
        assert!(appended(b"a1 APPEND INBOX (\\Seen) ") && !appended(b"a1 append ") && !appended(b"a1 LOGIN x "));
    }
}
