//! Which receive queue a NIC would give a frame to: the Toeplitz hash with a symmetric key, and an indirection table.
//!
//! Microsoft's "Verifying the RSS hash calculation" defines the hash; the key 6d:5a repeated makes it symmetric (Woo and Park, "Scalable TCP Session
//! Monitoring with Symmetric Receive-side Scaling", 2012). Addresses and ports of TCP and UDP over IPv4 and IPv6 are hashed, addresses alone of
//! fragments and other protocols; what is no IP goes to queue 0, as on NICs. Extension headers of IPv6 are not passed over.

use sekisho::decode::{Frame, LinkType};

/// Entries of the indirection table of most NICs, filled in turns.
const TABLE: usize = 128;
const KEY: [u8; 2] = [0x6d, 0x5a];

/// Toeplitz hash of `input` under the key 6d:5a, as long as need be.
#[must_use]
pub fn toeplitz(input: &[u8]) -> u32 {
    let mut hash = 0;
    // The key repeats itself every 16 bits, so the window at bit n is that at bit n mod 16.
    let key = u64::from_be_bytes([KEY[0], KEY[1], KEY[0], KEY[1], KEY[0], KEY[1], KEY[0], KEY[1]]);
    for (i, byte) in input.iter().enumerate() {
        for bit in 0..8 {
            if byte & (0x80 >> bit) != 0 {
                hash ^= (key >> (32 - (i % 2 * 8 + bit))) as u32;
            }
        }
    }
    hash
}

/// The queue of `queues` for this frame.
#[must_use]
pub fn queue_of(frame: &Frame<'_>, queues: usize) -> usize {
    let hash = network_header(frame.link, frame.data).and_then(hash).unwrap_or(0);
    hash as usize % TABLE % queues.max(1)
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// What follows the link header and VLAN tags.
fn network_header(link: LinkType, data: &[u8]) -> Option<&[u8]> {
    let mut at = match link.0 {
        1 => 12,
        113 => 14,
        0 | 108 => return data.get(4..),
        12 | 14 | 101 | 228 | 229 => return Some(data),
        _ => return None,
    };
    loop {
        match be16(data, at)? {
            0x8100 | 0x88a8 | 0x9100 => at += 4,
            0x0800 | 0x86dd => return data.get(at + 2..),
            _ => return None,
        }
    }
}

fn hash(ip: &[u8]) -> Option<u32> {
    let (addresses, protocol, fragment, payload) = match ip.first()? >> 4 {
        4 => {
            let header = usize::from(ip.first()? & 15) * 4;
            (ip.get(12..20)?, *ip.get(9)?, be16(ip, 6)? & 0x3fff != 0, ip.get(header..)?)
        }
        6 => (ip.get(8..40)?, *ip.get(6)?, false, ip.get(40..)?),
        _ => return None,
    };
    let ports = payload.get(..4).filter(|_| matches!(protocol, 6 | 17) && !fragment).unwrap_or_default();
    let mut input = [0; 36];
    let len = addresses.len() + ports.len();
    input.get_mut(..addresses.len())?.copy_from_slice(addresses);
    input.get_mut(addresses.len()..len)?.copy_from_slice(ports);
    Some(toeplitz(input.get(..len)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Mix, Options, generate};
    use proptest::prelude::*;
    use sekisho::time::Timestamp;

    /// The hash as its definition says it, bit by bit over the whole key.
    fn by_definition(input: &[u8]) -> u32 {
        let key: Vec<u8> = KEY.iter().copied().cycle().take(input.len() + 4).collect();
        let bit = |bytes: &[u8], n: usize| bytes[n / 8] >> (7 - n % 8) & 1;
        let mut hash = 0;
        for n in (0..input.len() * 8).filter(|n| bit(input, *n) == 1) {
            hash ^= (0..32).fold(0, |window, i| window << 1 | u32::from(bit(&key, n + i)));
        }
        hash
    }

    proptest! {
        #[test]
        fn it_is_the_hash_of_the_definition(input in prop::collection::vec(any::<u8>(), 0..37)) {
            prop_assert_eq!(toeplitz(&input), by_definition(&input));
        }

        #[test]
        fn both_directions_have_one_queue(src: [u8; 4], dst: [u8; 4], ports: [u16; 2], queues in 1usize..17) {
            let frame = |src: [u8; 4], dst: [u8; 4], from: u16, to: u16| {
                let mut data = vec![0; 12];
                data.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
                data.extend(src.iter().chain(&dst).chain(&from.to_be_bytes()).chain(&to.to_be_bytes()));
                data
            };
            let queue = |data: &[u8]| {
                let frame = Frame { ts: Timestamp(0), number: 1, interface: 0, link: LinkType(1), data, wire_len: 0 };
                queue_of(&frame, queues)
            };
            let there = queue(&frame(src, dst, ports[0], ports[1]));
            prop_assert_eq!(there, queue(&frame(dst, src, ports[1], ports[0])));
            prop_assert!(there < queues);
        }

        #[test]
        fn any_bytes_have_a_queue(link in prop::sample::select(vec![0u32, 1, 12, 113, 276]), data in prop::collection::vec(any::<u8>(), 0..60)) {
            let frame = Frame { ts: Timestamp(0), number: 1, interface: 0, link: LinkType(link), data: &data, wire_len: 0 };
            prop_assert!(queue_of(&frame, 4) < 4);
        }
    }

    #[test]
    fn flows_are_spread() {
        let options = Options {
            mix: Mix::Uniform,
            flows: Some(4000),
            segments: Some(1),
            frame_size: 100,
            udp_share: 0.5,
            leave_open: true,
            ..Options::default()
        };
        let mut frames = [0u32; 8];
        generate(&options, |_, data| {
            let frame = Frame { ts: Timestamp(0), number: 1, interface: 0, link: LinkType(1), data, wire_len: 0 };
            frames[queue_of(&frame, 8)] += 1;
            Ok(())
        })
        .unwrap();
        let all: u32 = frames.iter().sum();
        assert!(frames.iter().all(|n| (all / 10..all * 3 / 20).contains(n)), "{frames:?}");
    }
}
