//! Whatever the bytes are: no panic, and every slice of every packet lies where it should.

use super::frames::*;
use super::*;
use proptest::prelude::*;

/// Whether `part` lies within `whole` in memory.
fn lies_within(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || {
        let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
        whole.start <= part.start && part.end <= whole.end
    }
}

fn check(frame_data: &[u8], p: &Packet<'_>) {
    // A reassembled datagram, and what is inside it, lies in a buffer of the defragmenter.
    let is_borrowed_from_frame = lies_within(frame_data, p.data);
    assert!(is_borrowed_from_frame || p.reassembled || p.tunnel_depth > 0);
    assert!(lies_within(p.data, p.payload));
    assert!(p.vlans.count <= 3);
    assert_eq!(p.tunnel_depth == 0, p.tunnel_id == 0);
    let Some(ip) = p.ip else {
        assert!(p.payload.is_empty() && matches!(p.transport, Transport::None));
        return;
    };
    assert!(lies_within(p.data, ip.header) && lies_within(p.data, ip.payload) && lies_within(ip.payload, p.payload));
    assert!(ip.header.len() >= if ip.version == 4 { 20 } else { 40 });
    assert!(matches!(ip.version, 4 | 6));
    assert_eq!(ip.is_fragment, ip.fragment_offset != 0 || ip.flags & 1 != 0);
    let header_len = match &p.transport {
        Transport::Tcp(tcp) => {
            assert!(lies_within(ip.payload, tcp.options));
            20 + tcp.options.len()
        }
        Transport::Udp | Transport::Icmp(_) | Transport::Icmpv6(_) => 8,
        Transport::Sctp => 12,
        Transport::None => 0,
    };
    assert!(header_len + p.payload.len() <= ip.payload.len());
    assert!(!ip.is_fragment || matches!(p.transport, Transport::None));
    assert!(!(p.reassembled && ip.is_fragment));
}

/// Decodes frames one after another with one decoder.
fn run<'a>(link: LinkType, frames: impl IntoIterator<Item = &'a [u8]>) {
    let mut decoder = Decoder::new(DecodeConfig::default());
    for data in frames {
        let mut count = 0;
        decoder.decode(&frame(link, data), &mut |p: &Packet<'_>| {
            count += 1;
            check(data, p);
        });
        assert!(count >= 1, "a frame gives at least one packet");
    }
}

/// Well-formed frames to start from, tunnels and fragments among them.
fn seeds() -> Vec<Vec<u8>> {
    let (v4, v6) = (tcp4(b"some payload"), tcp6(b"some payload"));
    let frame = eth4(&v4);
    let hop = join(&[&[60, 0, 5, 2, 0, 0, 1, 0], &[6, 0, 1, 4, 0, 0, 0, 0], &v6[40..]]);
    vec![
        eth4(&ipv4(6, &tcp(4, 2, &[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0], b""))),
        eth6(&ipv6(0, &hop)),
        eth6(&ipv6(44, &join(&[&fragment_header(17, 0, true, 7), &[1; 48]]))),
        eth4(&ipv4_full(17, 7, 0x2000, &[148, 4, 0, 0], &[1; 48])),
        eth4(&ipv4(47, &join(&[&[0x30, 0, 0x88, 0xbe], &[0; 8], &[0x10; 8], &frame]))),
        eth4(&ipv4(47, &join(&[&[0x40, 0, 8, 0], &[0; 4], &[8, 0, 0, 4], &A4, &[0; 4], &v4]))),
        eth4(&ipv4(47, &join(&[&[0x30, 0x81, 0x88, 0x0b], &[0; 12], &[0xff, 3, 0, 0x21], &v4]))),
        eth4(&ipv4(17, &udp(4, 1, 4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &frame])))),
        eth4(&ipv4(17, &udp(4, 1, 6081, &join(&[&[2, 0, 0x65, 0x58, 0, 0, 1, 0], &[0; 8], &frame])))),
        eth4(&ipv4(17, &udp(4, 3544, 1, &join(&[&[0, 1, 2, 2], &[0; 13], &[0; 8], &v6])))),
        eth4(&ipv4(4, &ipv4(41, &ipv6(4, &ipv4(1, &icmp(4, 3, 1, [0; 4], &v4)))))),
        ethernet(0x88a8, &join(&[&[0, 1, 0x81, 0, 0, 2, 0x88, 0x64], &[0x11, 0, 0, 1, 0, 99, 0, 0x21], &v4])),
        ethernet(0x8847, &join(&[&[0, 1, 0, 64, 0, 1, 1, 64], &[0; 4], &frame])),
        ethernet(0x894f, &join(&[&[0, 6, 1, 3], &[0; 20], &frame])),
        eth6(&ipv6(58, &icmp(6, 1, 0, [0; 4], &v6))),
    ]
}

const LINKS: [u32; 15] = [0, 1, 9, 12, 14, 50, 101, 104, 108, 113, 228, 229, 276, 147, u32::MAX];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(link in prop::sample::select(&LINKS), data in prop::collection::vec(any::<u8>(), 0..300)) {
        run(LinkType(link), [data.as_slice()]);
    }

    #[test]
    fn mutated_frames(
        picks in prop::collection::vec((0usize..15, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            any::<prop::sample::Index>(), prop::bool::weighted(0.2)), 1..6),
    ) {
        let seeds = seeds();
        let frames: Vec<Vec<u8>> = picks.into_iter().map(|(pick, changes, cut, is_cut)| {
            let mut data = seeds[pick % seeds.len()].clone();
            for (at, to) in changes {
                let at = at.index(data.len());
                data[at] = to;
            }
            if is_cut {
                data.truncate(cut.index(data.len() + 1));
            }
            data
        }).collect();
        run(LinkType::ETHERNET, frames.iter().map(Vec::as_slice));
    }

    /// EtherTypes and IP protocols that are known, so that random bytes get past the first header.
    #[test]
    fn random_bytes_behind_known_headers(
        ethertype in prop::sample::select(&[0x0800u16, 0x0806, 0x6558, 0x8100, 0x86dd, 0x880b, 0x8847, 0x8863, 0x8864, 0x88a8, 0x88e7, 0x8926, 0x894f, 0x8903]),
        proto in prop::sample::select(&[0u8, 1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135]),
        data in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        run(LinkType::ETHERNET, [
            ethernet(ethertype, &data).as_slice(),
            &eth4(&ipv4(proto, &data)),
            &eth6(&ipv6(proto, &data)),
        ]);
    }
}

#[test]
fn every_seed_cut_at_every_byte() {
    for seed in seeds() {
        for len in 0..=seed.len() {
            run(LinkType::ETHERNET, [&seed[..len]]);
        }
    }
}

#[test]
fn every_seed_with_every_byte_at_its_extremes() {
    for seed in seeds() {
        for at in 0..seed.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut data = seed.clone();
                data[at] = value;
                run(LinkType::ETHERNET, [data.as_slice()]);
            }
        }
    }
}
