//! ASN.1 elements in BER (ITU-T X.690), as LDAP and SNMP use them: tags of one byte, definite lengths.
//!
//! Nothing is copied, nothing panics, and nothing recurses: whoever reads goes down one level at a time.

/// What the first bytes of an element say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Its tag, how many bytes tag and length take, and how many the contents.
    Is {
        /// The tag's byte.
        tag: u8,
        /// Bytes before the contents.
        head: usize,
        /// Bytes of the contents.
        len: usize,
    },
    /// There are too few.
    More,
    /// They begin none, or one whose length cannot be told.
    Not,
}

/// Looks at the beginning of an element.
#[must_use]
pub fn begin(bytes: &[u8]) -> Begin {
    let Some((&tag, rest)) = bytes.split_first() else { return Begin::More };
    if tag & 0x1f == 0x1f {
        return Begin::Not;
    }
    match rest.split_first() {
        None => Begin::More,
        Some((&len @ 0..=0x7f, _)) => Begin::Is { tag, head: 2, len: len.into() },
        Some((&width @ 0x81..=0x84, digits)) => {
            let width = usize::from(width & 0x7f);
            let Some(digits) = digits.get(..width) else { return Begin::More };
            let len = digits.iter().fold(0_u32, |n, &d| n << 8 | u32::from(d));
            Begin::Is { tag, head: 2 + width, len: len as usize }
        }
        Some(_) => Begin::Not,
    }
}

/// An element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag's byte.
    pub tag: u8,
    /// Its contents.
    pub content: &'a [u8],
}

impl<'a> Element<'a> {
    /// Its contents as elements.
    #[must_use]
    pub fn inside(self) -> Elements<'a> {
        Elements(self.content)
    }

    /// Its contents as an integer that is not negative and has at most 8 bytes.
    #[must_use]
    pub fn unsigned(self) -> Option<u64> {
        let digits = self.content.iter().skip_while(|b| **b == 0);
        let fits = matches!(self.content, [first, ..] if *first < 0x80) && digits.clone().count() <= 8;
        fits.then(|| digits.fold(0, |n, &d| n << 8 | u64::from(d)))
    }
}

/// Elements one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a>(pub &'a [u8]);

impl<'a> Elements<'a> {
    /// The next, if it has this tag.
    pub fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|e| e.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// The next as an integer.
    pub fn integer(&mut self) -> Option<u64> {
        self.expect(tag::INTEGER)?.unsigned()
    }

    /// The next as a string of bytes.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        Some(self.expect(tag::OCTET_STRING)?.content)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let Begin::Is { tag, head, len } = begin(self.0) else { return None };
        let (content, rest) = self.0.get(head..)?.split_at_checked(len)?;
        self.0 = rest;
        Some(Element { tag, content })
    }
}

/// Tags of the universal class.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// OBJECT IDENTIFIER.
    pub const OID: u8 = 0x06;
    /// ENUMERATED.
    pub const ENUMERATED: u8 = 0x0a;
    /// SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;
    /// SET.
    pub const SET: u8 = 0x31;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let mut elements = Elements(b"\x02\x02\x01\x00\x04\x81\x03abc\x02\x01\xff\x30\x05x");
        assert_eq!(elements.integer(), Some(256));
        assert_eq!(elements.expect(tag::SEQUENCE), None);
        assert_eq!(elements.string(), Some(&b"abc"[..]));
        assert_eq!(elements.integer(), None, "negative");
        assert_eq!(elements.next(), None, "longer than what is there");
        assert_eq!(begin(b"\x30\x84\x00\x00"), Begin::More);
        assert_eq!(begin(b"\x30\x84\x00\x00\x01\x00"), Begin::Is { tag: 0x30, head: 6, len: 256 });
        assert_eq!((begin(b"\x30\x80"), begin(b"\x30\x85"), begin(b"\x1f\x01")), (Begin::Not, Begin::Not, Begin::Not));
        assert_eq!(
            Element { tag: 2, content: &[0, 0xff, 1, 2, 3, 4, 5, 6, 7] }.unsigned(),
            Some(0xff01_0203_0405_0607)
        );
    }
}
