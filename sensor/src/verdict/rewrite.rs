//! What a rule with `replace` overwrites in a frame before it leaves, and the checksum that goes with it.
//!
//! The checksum is not computed anew but changed by what changed (RFC 1624): one that was right stays right, and one that was wrong stays as
//! wrong as it was, so that its receiver still throws the packet away. TCP, UDP and ICMP have such a sum, right behind the IP header's end;
//! packets of other protocols are left as they are, since nobody would know what else in them depends on their bytes.

use crate::packet::IpProto;
use std::sync::Arc;

/// Bytes of a frame that become others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    at: usize,
    bytes: Arc<[u8]>,
    /// Where the transport header begins: sums are over pairs of bytes from there on.
    transport: usize,
    /// Where the checksum stands.
    sum: usize,
    /// A sum of 0 says that there is none (UDP, RFC 768).
    may_be_absent: bool,
}

impl Rewrite {
    /// Of a packet whose transport header and all behind it lie at `transport` (offset and length in the frame), and its payload at `payload`:
    /// from byte `at` of the payload on. None if the packet cannot be changed.
    #[must_use]
    pub fn new(
        proto: IpProto,
        transport: (u32, u32),
        payload: (u32, u32),
        at: usize,
        bytes: &Arc<[u8]>,
    ) -> Option<Self> {
        let (sum, header, may_be_absent) = match proto {
            IpProto::TCP => (16, 20, false),
            IpProto::UDP => (6, 8, true),
            IpProto::ICMP | IpProto::ICMPV6 => (2, 4, false),
            _ => return None,
        };
        let (from, len) = (transport.0 as usize, transport.1 as usize);
        let at_in_frame = (payload.0 as usize).checked_add(at)?;
        // Within the payload, and behind the fields of the header that the sum is in.
        let fits = at.checked_add(bytes.len())? <= payload.1 as usize;
        let behind = at_in_frame >= from + header && at_in_frame + bytes.len() <= from + len;
        (fits && behind).then(|| Self {
            at: at_in_frame,
            bytes: Arc::clone(bytes),
            transport: from,
            sum: from + sum,
            may_be_absent,
        })
    }

    /// Overwrites the bytes. False if the frame is too short, and is as it was.
    pub fn apply(&self, frame: &mut [u8]) -> bool {
        let Some(old_sum) = frame.get(self.sum..).and_then(|rest| rest.first_chunk::<2>()).copied() else {
            return false;
        };
        let Some(place) = self.at.checked_add(self.bytes.len()).and_then(|end| frame.get_mut(self.at..end)) else {
            return false;
        };
        // RFC 1624 §3: HC' = ~(~HC + ~m + m').
        let mut sum = u64::from(!u16::from_be_bytes(old_sum));
        for (n, (old, new)) in place.iter_mut().zip(&*self.bytes).enumerate() {
            let shift = if (self.at - self.transport + n).is_multiple_of(2) { 8 } else { 0 };
            sum += u64::from(!(u16::from(*old) << shift)) + (u64::from(*new) << shift);
            *old = *new;
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let absent = self.may_be_absent && old_sum == [0, 0];
        let mut new_sum = !(sum as u16);
        if self.may_be_absent && new_sum == 0 {
            new_sum = 0xffff;
        }
        if let Some(field) = frame.get_mut(self.sum..self.sum + 2)
            && !absent
        {
            field.copy_from_slice(&new_sum.to_be_bytes());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::checksum::checksum;
    use proptest::prelude::*;

    /// A UDP or TCP segment behind an odd number of bytes, its pseudo header left out, with its sum.
    fn frame(proto: IpProto, payload: &[u8]) -> (Vec<u8>, usize) {
        let (header, sum_at) = if proto == IpProto::TCP { (20, 16) } else { (8, 6) };
        let mut segment: Vec<u8> = (0..header).map(|n| n as u8).collect();
        segment[sum_at..sum_at + 2].fill(0);
        segment.extend(payload);
        let sum = checksum(&[&segment]);
        segment[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
        (segment, header)
    }

    fn rewrite(proto: IpProto, header: usize, len: usize, at: usize, bytes: &[u8]) -> Option<Rewrite> {
        let transport = (3, (header + len) as u32);
        Rewrite::new(proto, transport, (3 + header as u32, len as u32), at, &bytes.into())
    }

    proptest! {
        #[test]
        fn the_sum_stays_right(payload in prop::collection::vec(any::<u8>(), 1..60), at in 0usize..60, new in prop::collection::vec(any::<u8>(), 1..20), tcp: bool) {
            let proto = if tcp { IpProto::TCP } else { IpProto::UDP };
            let (segment, header) = frame(proto, &payload);
            let mut bytes = [&[9, 9, 9][..], &segment].concat();
            let before = bytes.clone();
            match rewrite(proto, header, payload.len(), at, &new) {
                None => prop_assert!(at + new.len() > payload.len()),
                Some(rewrite) => {
                    prop_assert!(rewrite.apply(&mut bytes));
                    prop_assert_eq!(&bytes[3 + header + at..][..new.len()], &new);
                    prop_assert!(matches!(checksum(&[&bytes[3..]]), 0 | 0xffff));
                    prop_assert_eq!(before.len(), bytes.len());
                }
            }
        }
    }

    #[test]
    fn a_sum_that_is_absent_stays_absent_and_a_wrong_one_wrong() {
        let (segment, header) = frame(IpProto::UDP, b"payload");
        let apply = |sum: [u8; 2]| {
            let mut bytes = [&[9, 9, 9][..], &segment].concat();
            bytes[9..11].copy_from_slice(&sum);
            assert!(rewrite(IpProto::UDP, header, 7, 1, b"XYZ").unwrap().apply(&mut bytes));
            assert_eq!(&bytes[3 + header..], b"pXYZoad");
            (bytes[9..11].to_vec(), checksum(&[&bytes[3..]]))
        };
        assert_eq!(apply([0, 0]).0, [0, 0]);
        let right = u16::from_be_bytes([segment[6], segment[7]]);
        assert_eq!(apply(right.to_be_bytes()).1, 0);
        assert_ne!(apply((right ^ 0x0100).to_be_bytes()).1, 0);
    }

    #[test]
    fn what_cannot_be_changed_is_not() {
        assert!(rewrite(IpProto(132), 12, 10, 0, b"x").is_none());
        assert!(rewrite(IpProto::TCP, 20, 10, 9, b"xy").is_none());
        let mut short = [0; 25];
        assert!(!rewrite(IpProto::TCP, 20, 10, 5, b"xy").unwrap().apply(&mut short));
        assert_eq!(short, [0; 25]);
    }
}
