//! `asn1`: walks a BER encoding (ITU-T X.690) and looks for lengths and values that decoders have stumbled over.
//!
//! No recursion and no allocation: elements are visited in the order in which they stand, and what is constructed is entered
//! by going on behind its header. At most [`MAX_ELEMENTS`] are looked at, so that the cost is bounded whatever the bytes.

use sekisho_signatures::model::Asn1;

/// Elements that are looked at.
pub const MAX_ELEMENTS: usize = 256;

/// Bytes of a real number in digits from which on it overflows what decoders set aside for one.
const DOUBLE_BYTES: u64 = 256;

/// What a walk found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// One of the things that were asked for.
    Yes,
    /// None, and more bytes would not change that.
    No,
    /// None so far; the encoding goes on beyond the bytes that are there.
    Starved,
}

/// An element's header.
struct Element {
    /// Of the universal class, and primitive: its number.
    primitive: Option<u8>,
    constructed: bool,
    /// Bytes of its contents; none if that is left open.
    len: Option<u64>,
    /// Bytes of the header itself.
    header: usize,
}

impl Element {
    /// Reads the header at the start of `data`; `None` if it is not all there. A length too large for 64 bits counts as the
    /// largest.
    fn read(data: &[u8]) -> Option<Self> {
        const CONSTRUCTED: u8 = 0x20;
        const LONG_TAG: u8 = 0x1f;
        let (&tag, mut rest) = data.split_first()?;
        let mut number = Some(tag & LONG_TAG);
        if tag & LONG_TAG == LONG_TAG {
            number = None;
            loop {
                let (&more, after) = rest.split_first()?;
                rest = after;
                if more & 0x80 == 0 {
                    break;
                }
            }
        }
        let (&first, after) = rest.split_first()?;
        let (len, rest) = match first {
            0..0x80 => (Some(u64::from(first)), after),
            0x80 => (None, after),
            _ => {
                let (octets, after) = after.split_at_checked(usize::from(first & 0x7f))?;
                let len = octets.iter().try_fold(0_u64, |n, b| Some(n.checked_mul(256)? | u64::from(*b)));
                (Some(len.unwrap_or(u64::MAX)), after)
            }
        };
        let constructed = tag & CONSTRUCTED != 0;
        let universal = tag & 0xc0 == 0 && !constructed;
        Some(Self { primitive: number.filter(|_| universal), constructed, len, header: data.len() - rest.len() })
    }
}

/// Looks for what `asked` asks in the encoding at the start of `data`.
#[must_use]
pub fn walk(asked: &Asn1, mut data: &[u8]) -> Found {
    const BIT_STRING: u8 = 3;
    const REAL: u8 = 9;
    for _ in 0..MAX_ELEMENTS {
        let Some(element) = Element::read(data) else { return Found::Starved };
        let contents = data.get(element.header..).unwrap_or_default();
        if let Some(len) = element.len {
            if asked.oversize_length.is_some_and(|most| len > u64::from(most)) {
                return Found::Yes;
            }
            let first = contents.first().filter(|_| len > 0);
            match (element.primitive, first) {
                (Some(BIT_STRING), Some(unused))
                    if asked.bitstring_overflow && u64::from(*unused) > (len - 1).saturating_mul(8) =>
                {
                    return Found::Yes;
                }
                // The two top bits say that digits follow (X.690 §8.5.6).
                (Some(REAL), Some(form)) if asked.double_overflow && form & 0xc0 == 0 && len > DOUBLE_BYTES => {
                    return Found::Yes;
                }
                _ => {}
            }
        }
        let skip = if element.constructed { 0 } else { element.len.unwrap_or(0) };
        let Some(next) = usize::try_from(skip).ok().and_then(|skip| contents.get(skip..)) else {
            return Found::Starved;
        };
        data = next;
    }
    Found::No
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> Asn1 {
        Asn1 { oversize_length: Some(1000), bitstring_overflow: true, double_overflow: true, ..Asn1::default() }
    }

    #[test]
    fn finds_what_is_odd_and_nothing_else() {
        let bits = |content: &[u8]| [&[0x30, 2 + content.len() as u8, 0x03, content.len() as u8][..], content].concat();
        assert_eq!(walk(&all(), &bits(&[9, 0xff])), Found::Yes);
        assert_eq!(walk(&all(), &bits(&[8])), Found::Yes);
        assert_eq!(walk(&all(), &bits(&[7, 0x80])), Found::Starved);
        assert_eq!(walk(&Asn1 { bitstring_overflow: false, ..all() }, &bits(&[9, 0xff])), Found::Starved);
        // In a constructed one the first byte of the contents is a tag.
        assert_eq!(walk(&all(), &[0x23, 0x02, 0x09, 0x00]), Found::Starved);
        let real = |form: u8| [&[0x09, 0x82, 0x01, 0x10, form][..], &[b'1'; 0x10f]].concat();
        assert_eq!(walk(&all(), &real(0x03)), Found::Yes);
        assert_eq!(walk(&all(), &real(0x80)), Found::Starved);
        assert_eq!(walk(&all(), &[0x30, 0x80, 0x04, 0x82, 0x03, 0xe9]), Found::Yes);
        assert_eq!(walk(&all(), &[0x04, 0x82, 0x03, 0xe8]), Found::Starved);
        assert_eq!(walk(&all(), &[0x04, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Found::Yes);
        assert_eq!(walk(&all(), &[0x1f, 0x85, 0x01, 0x84, 0xff, 0xff, 0xff, 0xff]), Found::Yes);
    }

    #[test]
    fn the_walk_ends() {
        assert_eq!(walk(&all(), &[0x30, 0x00].repeat(10_000)), Found::No);
        assert_eq!(walk(&all(), &[0x30, 0x80].repeat(10_000)), Found::No);
        assert_eq!(walk(&all(), b""), Found::Starved);
    }

    proptest! {
        #[test]
        fn more_bytes_change_an_answer_only_where_there_were_too_few(
            data in proptest::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>(),
        ) {
            let part = walk(&all(), &data[..cut.index(data.len() + 1)]);
            prop_assert!(part == Found::Starved || part == walk(&all(), &data));
        }
    }
}
