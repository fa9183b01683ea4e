//! Mirrors that come in a tunnel, and packets that are cut.

use super::frames::*;
use super::tunnels::{gre, vxlan};
use super::*;

fn decoder(mirror: MirrorKind, truncated: Truncated) -> Decoder {
    Decoder::new(DecodeConfig { mirror: Some(mirror), truncated, ..DecodeConfig::default() })
}

/// ERSPAN type II: VLAN, then class, T bit and session.
fn erspan(vlan: u8, flags: u8, frame: &[u8]) -> Vec<u8> {
    let header = [0x10, vlan, flags, 5, 0, 0, 0, 0];
    ipv4(47, &join(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &header, frame]))
}

#[test]
fn the_frame_inside_takes_the_place_of_the_one_that_carried_it() {
    let frame = eth4(&tcp4(b"inner"));
    for (kind, data, vlans) in [
        (MirrorKind::Erspan, eth4(&ipv4(47, &gre(0x88be, &frame))), vec![]),
        (MirrorKind::Erspan, eth4(&erspan(7, 0, &frame)), vec![7]),
        (MirrorKind::Gre, eth4(&ipv4(47, &gre(0x6558, &frame))), vec![]),
        (MirrorKind::Gre, eth6(&ipv6(47, &gre(0x6558, &frame))), vec![]),
        (MirrorKind::Vxlan, eth4(&vxlan(9, &frame)), vec![]),
    ] {
        let (decoded, seen) = decode_with(&mut decoder(kind, Truncated::Known), LinkType::ETHERNET, &data);
        assert_eq!((decoded, seen.len()), (Decoded::Ip, 1), "{kind:?}: {seen:?}");
        let p = &seen[0];
        assert_eq!((p.transport, p.payload.as_slice(), p.depth, p.tunnel_id), ("tcp", b"inner".as_slice(), 0, 0));
        assert_eq!((p.data_len, &p.vlans), (frame.len(), &vlans), "{kind:?}");
        // As a tunnel like any other it gives both.
        assert_eq!(decode(&data).1.len(), 2);
    }
}

#[test]
fn what_the_mirror_saw_is_what_the_ledger_tells() {
    let arp = ethernet(0x88cc, b"LLDP");
    let broken = ethernet(0x0800, b"\x45");
    for (frame, expected) in [(arp, Decoded::NonIp), (broken, Decoded::Malformed)] {
        let (decoded, seen) = decode_with(
            &mut decoder(MirrorKind::Erspan, Truncated::Known),
            LinkType::ETHERNET,
            &eth4(&erspan(0, 0, &frame)),
        );
        assert_eq!((decoded, seen.len()), (expected, 1));
    }
}

#[test]
fn what_is_not_the_mirrors_is_taken_as_it_is() {
    let mut erspans = decoder(MirrorKind::Erspan, Truncated::Known);
    let vxlan = eth4(&vxlan(1, &eth4(&tcp4(b"x"))));
    assert_eq!(decode_with(&mut erspans, LinkType::ETHERNET, &vxlan).1.len(), 2);
    let plain = eth4(&tcp4(b"x"));
    assert_eq!(decode_with(&mut erspans, LinkType::ETHERNET, &plain).1.len(), 1);
    // A mirrored frame that is itself a mirror's: the traffic's own tunnel.
    let twice = eth4(&erspan(0, 0, &eth4(&erspan(0, 0, &plain))));
    let (_, seen) = decode_with(&mut erspans, LinkType::ETHERNET, &twice);
    assert_eq!(seen.iter().map(|p| p.depth).collect::<Vec<_>>(), [1, 0]);
    // And what is odd about the tunnel is told.
    let cut = eth4(&ipv4(47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10]));
    let (_, seen) = decode_with(&mut erspans, LinkType::ETHERNET, &cut);
    assert_eq!(seen[0].events, ["erspan.header_too_small"]);
}

#[test]
fn a_mirrored_frame_that_comes_in_fragments_is_one_frame() {
    let frame = eth4(&tcp4(&[b'f'; 60]));
    let outer = join(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10, 0, 0, 5, 0, 0, 0, 0], &frame]);
    let (head, rest) = outer.split_at(48);
    let mut decoder = decoder(MirrorKind::Erspan, Truncated::Known);
    let first = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&ipv4_full(47, 10, 0x2000, &[], head)));
    assert_eq!((first.0, first.1.len()), (Decoded::FragmentHeld, 0));
    let (decoded, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&ipv4_full(47, 10, 6, &[], rest)));
    assert_eq!((decoded, seen.len()), (Decoded::Ip, 1), "{seen:?}");
    assert_eq!((seen[0].transport, seen[0].depth, seen[0].payload.as_slice()), ("tcp", 0, [b'f'; 60].as_slice()));
    // Fragments that the mirror saw are put together as ever.
    let segment = tcp(4, 0x18, &[], &[b'g'; 60]);
    let mirrored = |packet: &[u8]| eth4(&erspan(0, 0, &eth4(packet)));
    let (_, seen) =
        decode_with(&mut decoder, LinkType::ETHERNET, &mirrored(&ipv4_full(6, 9, 0x2000, &[], &segment[..40])));
    assert_eq!((seen.len(), seen[0].is_fragment), (1, true));
    let (_, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &mirrored(&ipv4_full(6, 9, 5, &[], &segment[40..])));
    assert_eq!(seen.iter().map(|p| (p.transport, p.reassembled)).collect::<Vec<_>>(), [("tcp", true), ("none", false)]);
}

#[test]
fn two_sessions_that_mirror_the_same_frame_give_a_duplicate() {
    let frame = eth4(&tcp4(b"twice"));
    let mut decoder = decoder(MirrorKind::Erspan, Truncated::Known);
    let config = DuplicatesConfig { mode: DuplicatesMode::Exact, ..DuplicatesConfig::default() };
    decoder.recognise_duplicates(&config, 3);
    assert_eq!(decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&erspan(1, 0, &frame))).0, Decoded::Ip);
    let (decoded, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&erspan(2, 8, &frame)));
    assert_eq!((decoded, seen.len()), (Decoded::Duplicate, 0));
}

#[test]
fn a_packet_that_is_known_to_be_cut_is_inspected_as_far_as_it_goes() {
    const T: u8 = 4;
    let (whole4, whole6) = (eth4(&tcp4(&[b'x'; 100])), eth6(&tcp6(&[b'x'; 100])));
    let datagram = eth4(&ipv4(17, &udp(4, 1000, 2000, &[b'y'; 100])));
    for (whole, event, transport, header) in [
        (&whole4, "ipv4.trunc_pkt", "tcp", 14 + 20 + 20),
        (&whole6, "ipv6.trunc_pkt", "tcp", 14 + 40 + 20),
        (&datagram, "ipv4.trunc_pkt", "udp", 14 + 20 + 8),
    ] {
        let cut = &whole[..header + 10];
        for (truncated, flags, inspected) in [
            (Truncated::Known, T, true),
            (Truncated::Known, 0, false),
            (Truncated::Always, 0, true),
            (Truncated::Never, T, false),
        ] {
            let mut decoder = decoder(MirrorKind::Erspan, truncated);
            let (decoded, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&erspan(0, flags, cut)));
            assert_eq!((seen.len(), seen[0].events.as_slice()), (1, [event].as_slice()));
            assert_eq!(decoder.counters.cut, 1);
            let expected = if inspected { (Decoded::Ip, transport, 10) } else { (Decoded::Truncated, "none", 0) };
            assert_eq!((decoded, seen[0].transport, seen[0].payload.len()), expected, "{truncated:?} {flags}");
            assert!(seen[0].checksum_ok);
        }
        // Cut into the transport header: ports are not known.
        let mut decoder = decoder(MirrorKind::Erspan, Truncated::Always);
        for len in 0..header {
            decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&erspan(0, T, &whole[..len])));
        }
    }
}

#[test]
fn a_capture_that_cut_its_frames_is_inspected_as_far_as_it_goes() {
    let whole = eth4(&tcp4(&[b'x'; 100]));
    let cut = Frame { wire_len: whole.len() as u32, ..frame(LinkType::ETHERNET, &whole[..60]) };
    let mut payloads = Vec::new();
    Decoder::new(DecodeConfig::default()).decode(&cut, &mut |p: &Packet<'_>| {
        assert!(p.is_truncated());
        payloads.push(p.payload.to_vec());
    });
    assert_eq!(payloads, [b"xxxxxx".to_vec()]);
    // A frame as long as on the wire whose sender lies about the packet's length is not believed.
    let (decoded, seen) = decode(&whole[..60]);
    assert_eq!((decoded, seen[0].ip), (Decoded::Truncated, None));
    assert_eq!(decoded.outcome(), Outcome::Dropped(DropReason::Truncated));
}
