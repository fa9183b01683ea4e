//! The Internet checksum (RFC 1071).

use crate::packet::Ip;

/// The ones' complement sum of `data` as big-endian 16-bit words, a zero byte added when the length is odd; folded.
/// `data` is at most 65,535 bytes on every path that calls this, so nothing overflows.
fn sum(data: &[u8]) -> u64 {
    let (words, tail) = data.as_chunks::<4>();
    // Byte order does not matter until the end (RFC 1071 §2 (B)), nor does the size of the words, so that the loop is one
    // that compilers turn into vector instructions.
    let mut total: u64 = words.iter().map(|w| u64::from(u32::from_le_bytes(*w))).sum();
    total += match *tail {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u16::from_le_bytes([a, b])) + u64::from(c),
        _ => 0,
    };
    u64::from(fold(total).swap_bytes())
}

fn fold(total: u64) -> u16 {
    let total = (total & 0xffff_ffff) + (total >> 32);
    let total = (total & 0xffff) + ((total >> 16) & 0xffff) + (total >> 32);
    let total = (total & 0xffff) + (total >> 16);
    ((total & 0xffff) + (total >> 16)) as u16
}

/// Whether `data`, its checksum field included, sums to what a correct one does.
pub(crate) fn is_valid(data: &[u8]) -> bool {
    fold(sum(data)) == 0xffff
}

/// What goes into the checksum field of `parts` joined, each but the last of an even length, with the field itself as zero.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    !fold(parts.iter().map(|part| sum(part)).sum())
}

/// Whether a transport segment sums to what a correct one does, under the pseudo header of its IP version (RFC 9293 §3.1, RFC 8200 §8.1).
/// Both versions sum alike: the upper bytes of a length below 65,536 are zero, as is the prefix of an IPv4 address once
/// it is left out.
pub(crate) fn is_transport_valid(ip: &Ip<'_>, segment: &[u8]) -> bool {
    let mut total = sum(segment) + u64::from(ip.proto.0) + segment.len() as u64;
    if ip.version == 4 {
        total += u64::from(ip.src.0 as u32) + u64::from(ip.dst.0 as u32);
    } else {
        total += sum(&ip.src.0.to_be_bytes()) + sum(&ip.dst.0.to_be_bytes());
    }
    fold(total) == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_as_the_rfc_does() {
        // RFC 1071 §3: 0001 f203 f4f5 f6f7 sums to ddf2.
        assert_eq!(fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        assert_eq!(fold(sum(&[0xab])), 0xab00);
        assert_eq!(fold(sum(&[1, 2, 3])), 0x0102 + 0x0300);
    }

    proptest::proptest! {
        #[test]
        fn is_the_plain_sum_of_16_bit_words(data in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let plain: u64 = data.chunks(2).map(|w| u64::from(w[0]) << 8 | u64::from(w.get(1).copied().unwrap_or(0))).sum();
            proptest::prop_assert_eq!(fold(sum(&data)), fold(plain));
        }
    }
}
