//! Elements of DER (ITU-T X.690), without copying: a tag of one byte, a definite length, a body.

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag, class and form included.
    pub tag: u8,
    /// What it holds.
    pub body: &'a [u8],
}

/// `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;
/// `INTEGER`.
pub const INTEGER: u8 = 0x02;

/// `[n]`, constructed.
#[must_use]
pub const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// Tag, length of the header and length of the body, as far as the first bytes tell: None if they are too few, or no element.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return Some((tag, 2, first.into()));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let len = rest.get(..count)?.iter().fold(0, |len: usize, byte| len << 8 | usize::from(*byte));
    Some((tag, 2 + count, len))
}

impl<'a> Element<'a> {
    /// The first element, and what is behind it.
    #[must_use]
    pub fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (tag, head, len) = header(bytes)?;
        let (body, rest) = bytes.get(head..)?.split_at_checked(len)?;
        Some((Self { tag, body }, rest))
    }

    /// The elements in it.
    pub fn elements(self) -> impl Iterator<Item = Element<'a>> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let (element, behind) = Self::first(rest)?;
            rest = behind;
            Some(element)
        })
    }

    /// The first element in it, if it has this tag.
    #[must_use]
    pub fn inner(self, tag: u8) -> Option<Element<'a>> {
        Self::first(self.body).map(|(element, _)| element).filter(|element| element.tag == tag)
    }

    /// What stands under `[n]` in it.
    #[must_use]
    pub fn under(self, n: u8) -> Option<Element<'a>> {
        self.elements().find(|element| element.tag == context(n))
    }

    /// The integer in it, as far as 32 bits go.
    #[must_use]
    pub fn integer(self) -> Option<i32> {
        let body = self.inner(INTEGER)?.body;
        let negative = body.first()? & 0x80 != 0;
        let start = if negative { -1i64 } else { 0 };
        let value = body.get(..body.len().min(5))?.iter().fold(start, |n, byte| n << 8 | i64::from(*byte));
        i32::try_from(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_what_their_lengths_say() {
        let (element, rest) = Element::first(b"\x30\x05\x02\x01\x85\x04\x00more").unwrap();
        assert_eq!((element.tag, rest), (SEQUENCE, &b"more"[..]));
        assert_eq!(element.integer(), Some(-123));
        assert_eq!(element.elements().count(), 2);
        assert_eq!(header(b"\x30\x82\x01\x02"), Some((0x30, 4, 0x102)));
        for none in [&b""[..], b"\x30", b"\x30\x80", b"\x30\x85\0\0\0\0\0", b"\x30\x82\x01"] {
            assert_eq!(header(none), None);
        }
        assert_eq!(Element::first(b"\x30\x05abcd"), None);
    }
}
