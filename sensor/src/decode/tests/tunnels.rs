//! Packets inside packets.

use super::frames::*;
use super::*;

/// GRE version 0 without optional fields.
pub(super) fn gre(protocol: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[0, 0], &protocol.to_be_bytes(), payload])
}

pub(super) fn vxlan(vni: u8, frame: &[u8]) -> Vec<u8> {
    ipv4(17, &udp(4, 55_555, 4789, &join(&[&[8, 0, 0, 0, 0, 0, vni, 0], frame])))
}

fn geneve(protocol: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let head = [(options.len() / 4) as u8, 0];
    ipv4(17, &udp(4, 55_555, 6081, &join(&[&head, &protocol.to_be_bytes(), &[0, 0, 9, 0], options, payload])))
}

/// The inner packet, then the outer one, of a frame with one tunnel.
#[track_caller]
fn two(data: &[u8]) -> (Seen, Seen) {
    let (decoded, mut seen) = decode(data);
    assert_eq!((decoded, seen.len()), (Decoded::Ip, 2), "{seen:?}");
    let outer = seen.pop().unwrap();
    (seen.pop().unwrap(), outer)
}

#[test]
fn every_tunnel_gives_the_inner_packet_first() {
    let (v4, v6) = (tcp4(b"inner"), tcp6(b"inner"));
    let frame = eth4(&v4);
    let erspan2 = join(&[&[0x10, 0, 0, 5], &[0; 4], &frame]);
    let erspan3 = join(&[&[0x20, 0, 0, 5], &[0; 8], &frame]);
    let erspan3_sub = join(&[&[0x20, 0, 0, 5], &[0; 7], &[1], &[0; 8], &frame]);
    let sequence =
        |protocol: u16, payload: &[u8]| ipv4(47, &join(&[&[0x10, 0], &protocol.to_be_bytes(), &[0, 0, 0, 1], payload]));
    let ppp = join(&[&[0xff, 3, 0, 0x21], &v4]);
    let teredo_auth = join(&[&[0, 1, 0, 0], &[0; 9], &[0, 0, 1, 2, 3, 4, 5, 6], &v6]);
    let cases = [
        ("4in4", eth4(&ipv4(4, &v4)), "none"),
        ("6in4", eth4(&ipv4(41, &v6)), "none"),
        ("4in6", eth6(&ipv6(4, &v4)), "none"),
        ("6in6", eth6(&ipv6(41, &v6)), "none"),
        ("gre", eth4(&ipv4(47, &gre(0x0800, &v4))), "none"),
        ("gre over ipv6", eth6(&ipv6(47, &gre(0x86dd, &v6))), "none"),
        ("gre teb", eth4(&ipv4(47, &gre(0x6558, &frame))), "none"),
        ("gre key, checksum, sequence", eth4(&ipv4(47, &join(&[&[0xb0, 0, 8, 0], &[0; 12], &v4]))), "none"),
        ("gre routing", eth4(&ipv4(47, &join(&[&[0x40, 0, 8, 0], &[0; 4], &[8, 0, 0, 4], &A4, &[0; 4], &v4]))), "none"),
        ("pptp", eth4(&ipv4(47, &join(&[&[0x30, 0x81, 0x88, 0x0b], &[0; 12], &ppp]))), "none"),
        ("erspan 1", eth4(&ipv4(47, &gre(0x88be, &frame))), "none"),
        ("erspan 2", eth4(&sequence(0x88be, &erspan2)), "none"),
        ("erspan 3", eth4(&sequence(0x22eb, &erspan3)), "none"),
        ("erspan 3 with subheader", eth4(&sequence(0x22eb, &erspan3_sub)), "none"),
        ("vxlan", eth4(&vxlan(7, &frame)), "udp"),
        ("geneve", eth4(&geneve(0x6558, &[0; 8], &frame)), "udp"),
        ("geneve ip", eth4(&geneve(0x86dd, &[], &v6)), "udp"),
        ("teredo", eth4(&ipv4(17, &udp(4, 3544, 999, &v6))), "udp"),
        ("teredo with indications", eth4(&ipv4(17, &udp(4, 999, 3544, &teredo_auth))), "udp"),
    ];
    for (name, data, outer_transport) in cases {
        let (inner, outer) = two(&data);
        assert_eq!((inner.transport, inner.payload.as_slice(), inner.depth), ("tcp", b"inner".as_slice(), 1), "{name}");
        assert_eq!((outer.transport, outer.depth, outer.tunnel_id), (outer_transport, 0, 0), "{name}");
        assert_ne!(inner.tunnel_id, 0, "{name}");
        assert!(inner.checksum_ok && outer.checksum_ok && inner.events.is_empty() && outer.events.is_empty(), "{name}");
        assert_eq!(outer.data_len, data.len(), "{name}");
    }
}

#[test]
fn tunnels_are_told_apart_by_key_and_ends_but_not_by_direction() {
    let frame = eth4(&tcp4(b""));
    let id = |packet: &[u8]| two(&eth4(packet)).0.tunnel_id;
    let swapped = |packet: &[u8]| {
        let mut packet = packet.to_vec();
        packet[12..16].copy_from_slice(&B4);
        packet[16..20].copy_from_slice(&A4);
        packet
    };
    let (one, other) = (vxlan(1, &frame), vxlan(2, &frame));
    assert_ne!(id(&one), id(&other));
    assert_eq!(id(&one), id(&swapped(&one)));
    assert_ne!(id(&one), id(&geneve(0x6558, &[], &frame)));
    // PPTP's call identifiers differ by direction.
    let pptp = |call: u8| ipv4(47, &join(&[&[0x20, 1, 0x88, 0x0b, 0, 0, 0, call, 0, 0x21], &tcp4(b"")]));
    assert_eq!(id(&pptp(1)), id(&swapped(&pptp(2))));
    let gre_key = |key: u8| ipv4(47, &join(&[&[0x20, 0, 8, 0, 0, 0, 0, key], &tcp4(b"")]));
    assert_ne!(id(&gre_key(1)), id(&gre_key(2)));
}

#[test]
fn tags_inside_a_tunnel_are_the_inner_networks() {
    let tagged = ethernet(0x8100, &join(&[&[0, 5, 8, 0], &tcp4(b"")]));
    let (inner, outer) = two(&ethernet(0x8100, &join(&[&[0, 9, 8, 0], &vxlan(1, &tagged)])));
    assert_eq!((inner.vlans, outer.vlans), (vec![5], vec![9]));
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |levels: usize| {
        let mut packet = tcp4(b"core");
        for _ in 0..levels {
            packet = ipv4(4, &packet);
        }
        eth4(&packet)
    };
    let (_, seen) = decode(&nested(16));
    assert_eq!((seen.len(), seen[0].transport, seen[0].depth), (17, "tcp", 16));
    assert!(seen.iter().all(|p| p.events.is_empty()));
    let (decoded, seen) = decode(&nested(17));
    assert_eq!((decoded, seen.len()), (Decoded::Ip, 17));
    assert_eq!(seen[0].events, ["too_many_layers"]);
    let mut off = Decoder::new(DecodeConfig { tunnel_limit: 0, ..DecodeConfig::default() });
    let (_, seen) = decode_with(&mut off, LinkType::ETHERNET, &nested(1));
    assert_eq!((seen.len(), off.counters.too_many_layers), (1, 1));
    // The most that can be set, and a frame that has more.
    let mut deepest = Decoder::new(DecodeConfig { tunnel_limit: u8::MAX, ..DecodeConfig::default() });
    let (_, seen) = decode_with(&mut deepest, LinkType::ETHERNET, &nested(300));
    assert_eq!(seen.len(), 65);
}

#[test]
fn malformed_tunnel_headers() {
    let gre4 = |payload: &[u8]| eth4(&ipv4(47, payload));
    let frame = ethernet(0x1234, b"?");
    for (data, event) in [
        (gre4(&[0, 0, 8]), "gre.pkt_too_small"),
        (gre4(&[0, 2, 8, 0]), "gre.wrong_version"),
        (gre4(&[1, 0, 8, 0]), "gre.version0_recur"),
        (gre4(&[0, 8, 8, 0]), "gre.version0_flags"),
        (gre4(&[0x80, 0, 8, 0, 0]), "gre.version0_hdr_too_big"),
        (gre4(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 9, 1]), "gre.version0_malformed_sre_hdr"),
        (gre4(&[0xa0, 1, 0x88, 0x0b]), "gre.version1_chksum"),
        (gre4(&[0x60, 1, 0x88, 0x0b]), "gre.version1_route"),
        (gre4(&[0x28, 1, 0x88, 0x0b]), "gre.version1_ssr"),
        (gre4(&[0x21, 1, 0x88, 0x0b]), "gre.version1_recur"),
        (gre4(&[0x20, 9, 0x88, 0x0b]), "gre.version1_flags"),
        (gre4(&[0x20, 1, 8, 0]), "gre.version1_wrong_protocol"),
        (gre4(&[0, 1, 0x88, 0x0b]), "gre.version1_no_key"),
        (gre4(&[0x20, 1, 0x88, 0x0b, 0]), "gre.version1_hdr_too_big"),
        (gre4(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10]), "erspan.header_too_small"),
        (gre4(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x70, 0, 0, 0, 0, 0, 0, 0]), "erspan.unsupported_version"),
        (eth4(&vxlan(1, &frame)), "vxlan.unknown_payload_type"),
        (eth4(&geneve(0x1234, &[], b"")), "geneve.unknown_payload_type"),
    ] {
        let (decoded, p) = decode_one(&data);
        assert_eq!((decoded, p.events.as_slice()), (Decoded::Ip, [event].as_slice()));
    }
}

#[test]
fn what_only_uses_a_tunnels_port_is_plain_udp() {
    for (port, payload) in [
        (3544, b"not teredo, but long enough to be looked at as ipv6 anyway".as_slice()),
        (4789, b"\0\0\0\0\0\0\0\0no valid identifier"),
        (6081, b"\xff version 3"),
    ] {
        let (_, p) = decode_one(&eth4(&ipv4(17, &udp(4, 1, port, payload))));
        assert_eq!((p.transport, p.events.len(), p.payload.as_slice()), ("udp", 0, payload));
    }
    let mut other_port = DecodeConfig { vxlan_ports: vec![8472], ..DecodeConfig::default() };
    let packet = eth4(&vxlan(1, &eth4(&tcp4(b""))));
    let (_, seen) = decode_with(&mut Decoder::new(other_port.clone()), LinkType::ETHERNET, &packet);
    assert_eq!(seen.len(), 1);
    other_port.vxlan_ports.push(4789);
    let (_, seen) = decode_with(&mut Decoder::new(other_port), LinkType::ETHERNET, &packet);
    assert_eq!(seen.len(), 2);
}

#[test]
fn fragments_inside_a_tunnel_and_a_tunnel_inside_fragments() {
    let segment = tcp(4, 0x18, &[], &[b'f'; 60]);
    let first = ipv4_full(6, 9, 0x2000, &[], &segment[..40]);
    let last = ipv4_full(6, 9, 5, &[], &segment[40..]);
    let mut decoder = Decoder::new(DecodeConfig::default());
    let (decoded, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&ipv4(4, &first)));
    assert_eq!((decoded, seen.len(), seen[0].is_fragment), (Decoded::Ip, 2, true));
    let (_, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&ipv4(4, &last)));
    assert_eq!(seen.len(), 3);
    assert_eq!((seen[0].transport, seen[0].reassembled, seen[0].depth), ("tcp", true, 1));
    assert_eq!(seen[0].payload, [b'f'; 60]);

    let tunnel = ipv4_full(4, 10, 0, &[], &tcp4(&[b'g'; 60]));
    let (head, rest) = tunnel[20..].split_at(48);
    let (decoded, _) = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&ipv4_full(4, 10, 6, &[], rest)));
    assert_eq!(decoded, Decoded::FragmentHeld);
    let (decoded, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &eth4(&ipv4_full(4, 10, 0x2000, &[], head)));
    assert_eq!(decoded, Decoded::Ip);
    let what: Vec<_> = seen.iter().map(|p| (p.transport, p.depth, p.reassembled, p.is_fragment)).collect();
    assert_eq!(what, [("tcp", 1, false, false), ("none", 0, true, false), ("none", 0, false, true)]);
}

#[test]
fn a_fragment_header_in_a_reassembled_datagram_is_not_followed() {
    // Otherwise datagrams that contain fragments could nest reassembly as deep as there are datagrams.
    let inner = join(&[&fragment_header(6, 0, true, 2), &[0; 24]]);
    let (a, b) = inner.split_at(16);
    let mut decoder = Decoder::new(DecodeConfig::default());
    let first = eth6(&ipv6(44, &join(&[&fragment_header(44, 0, true, 1), a])));
    let last = eth6(&ipv6(44, &join(&[&fragment_header(44, 16, false, 1), b])));
    decode_with(&mut decoder, LinkType::ETHERNET, &first);
    let (_, seen) = decode_with(&mut decoder, LinkType::ETHERNET, &last);
    assert_eq!((seen.len(), seen[0].reassembled), (2, true));
    assert!(seen[0].events.contains(&"ipv6.exthdr_dupl_fh"));
    assert_eq!(decoder.defrag.counters.datagrams, 0);
}
