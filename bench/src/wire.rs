//! The Internet checksum, whole and mended (RFC 1071, RFC 1624), for frames that the bench builds or changes.

/// Ones' complement sum of `bytes` as big-endian words, folded to 16 bits. An odd last byte counts as the high half.
#[must_use]
pub fn sum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<2>();
    let total: u64 = words.iter().map(|&w| u64::from(u16::from_be_bytes(w))).sum();
    fold(total + rest.first().map_or(0, |&b| u64::from(b) << 8))
}

/// Folds carries until 16 bits are left.
#[must_use]
pub fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    total as u16
}

/// The checksum of something that summed to `old` and now sums to `new`, given what it was (RFC 1624, equation 3).
#[must_use]
pub fn mended(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(u64::from(!checksum) + u64::from(!old) + u64::from(new))
}

/// Checksum of an IPv4 header, or of an ICMP message, whose checksum field is zero.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    !sum(bytes)
}

/// Checksum of a TCP, UDP or ICMPv6 segment with its pseudo header; the segment's own field is zero.
#[must_use]
pub fn transport_checksum(src: &[u8], dst: &[u8], proto: u8, segment: &[u8]) -> u16 {
    let pseudo = u64::from(sum(src)) + u64::from(sum(dst)) + u64::from(proto) + segment.len() as u64;
    !fold(pseudo + u64::from(sum(segment)))
}

/// Big-endian word at `at`, if it is there.
#[must_use]
pub fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Writes a big-endian word at `at`, if there is room.
pub fn set_word(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(slot) = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut()) {
        *slot = value.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_1071_example() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    proptest! {
        #[test]
        fn mending_equals_computing_anew(mut bytes in prop::collection::vec(any::<u8>(), 8..64), at in 1usize..4, new in any::<u16>()) {
            // A sum of all zeros has two spellings; a header never is all zeros.
            bytes[0] = 0x45;
            set_word(&mut bytes, 2, 0);
            let before = checksum(&bytes);
            let at = 2 * (at + usize::from(at == 1));
            prop_assume!(at + 2 <= bytes.len());
            let old = word(&bytes, at).unwrap_or(0);
            set_word(&mut bytes, at, new);
            prop_assert_eq!(mended(before, old, new), checksum(&bytes));
        }
    }
}
