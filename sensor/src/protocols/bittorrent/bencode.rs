//! Bencode (BEP 3): integers, strings, lists and dictionaries, read where they lie.

/// Elements inside one another; deeper ones are taken for broken.
const DEPTH_LIMIT: usize = 32;

/// A value. Of lists and dictionaries: what is between their brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `i42e`
    Integer(i64),
    /// `4:spam`
    Bytes(&'a [u8]),
    /// `l…e`
    List(Values<'a>),
    /// `d…e`
    Dictionary(Values<'a>),
}

impl<'a> Value<'a> {
    /// A string.
    #[must_use]
    pub fn bytes(self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// An integer.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(number) } else { None }
    }

    /// A list's values.
    #[must_use]
    pub fn list(self) -> Option<Values<'a>> {
        if let Self::List(values) = self { Some(values) } else { None }
    }

    /// A dictionary's keys and values.
    #[must_use]
    pub fn dictionary(self) -> Option<Values<'a>> {
        if let Self::Dictionary(values) = self { Some(values) } else { None }
    }
}

/// Values one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a>(pub &'a [u8]);

impl<'a> Values<'a> {
    /// The value of a key.
    #[must_use]
    pub fn get(self, wanted: &[u8]) -> Option<Value<'a>> {
        let mut rest = self;
        while let Some(key) = rest.next() {
            let value = rest.next()?;
            if key == Value::Bytes(wanted) {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (value, rest) = match self.0.first()? {
            b'l' | b'd' => {
                let len = nested_len(self.0)?;
                let (whole, rest) = self.0.split_at_checked(len)?;
                let inside = Values(whole.get(1..len - 1)?);
                (if whole.starts_with(b"l") { Value::List(inside) } else { Value::Dictionary(inside) }, rest)
            }
            _ => plain(self.0)?,
        };
        self.0 = rest;
        Some(value)
    }
}

/// An integer or a string, and what is behind it.
fn plain(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    if let Some(rest) = bytes.strip_prefix(b"i") {
        let end = memchr::memchr(b'e', rest.get(..21).unwrap_or(rest))?;
        let number = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        return Some((Value::Integer(number), &rest[end + 1..]));
    }
    let colon = memchr::memchr(b':', bytes.get(..8).unwrap_or(bytes))?;
    let digits = &bytes[..colon];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let len = digits.iter().fold(0, |n, d| n * 10 + usize::from(d - b'0'));
    let (text, rest) = bytes.get(colon + 1..)?.split_at_checked(len)?;
    Some((Value::Bytes(text), rest))
}

/// How many bytes a list or a dictionary takes.
fn nested_len(bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut depth) = (bytes, 0);
    loop {
        match rest.first()? {
            b'l' | b'd' => {
                depth += 1;
                rest = &rest[1..];
                if depth > DEPTH_LIMIT {
                    return None;
                }
            }
            b'e' => {
                depth -= 1;
                rest = &rest[1..];
            }
            _ => rest = plain(rest)?.1,
        }
        if depth == 0 {
            return Some(bytes.len() - rest.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let mut values = Values(b"i-42e4:spaml1:ai1eed1:kd1:x0:ee");
        assert_eq!(values.next(), Some(Value::Integer(-42)));
        assert_eq!(values.next(), Some(Value::Bytes(b"spam")));
        let list: Vec<Value<'_>> = values.next().and_then(Value::list).into_iter().flatten().collect();
        assert_eq!(list, [Value::Bytes(b"a"), Value::Integer(1)]);
        let inner = values.next().and_then(Value::dictionary).and_then(|d| d.get(b"k")).and_then(Value::dictionary);
        assert_eq!(inner.and_then(|d| d.get(b"x")), Some(Value::Bytes(b"")));
        assert_eq!(values.next(), None);
        for broken in [&b"ie"[..], b"5:spam", b":a", b"l", b"d1:a", b"i12", b"x", b"99999999:a"] {
            assert_eq!(Values(broken).next(), None);
        }
        let deep = [&[b'l'; DEPTH_LIMIT + 1][..], &[b'e'; DEPTH_LIMIT + 1]].concat();
        assert_eq!(Values(&deep).next(), None);
        assert!(Values(&deep[1..2 * DEPTH_LIMIT + 1]).next().is_some());
    }
}
