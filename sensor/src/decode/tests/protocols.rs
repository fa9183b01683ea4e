//! Well-formed packets of every protocol.

use super::frames::*;
use super::*;

#[test]
fn ethernet_ipv4_tcp() {
    let options = [2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6];
    let data = join(&[&eth4(&ipv4(6, &tcp(4, 0x12, &options, b"hello"))), b"padding"]);
    with_packet(&data, |p| {
        assert_eq!(p.ether, Some(([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])));
        let ip = p.ip.unwrap();
        assert_eq!((ip.version, ip.src, ip.dst), (4, Addr::v4(A4), Addr::v4(B4)));
        assert_eq!((ip.ttl, ip.id, ip.header.len()), (64, 0x1234, 20));
        assert_eq!((p.src_port, p.dst_port), (4000, 80));
        let Tcp { seq, ack, window, mss, window_scale, sack_permitted, timestamps, flags, .. } = *p.tcp().unwrap();
        assert_eq!((seq, ack, window), (7, 9, 0x1000));
        assert_eq!((mss, window_scale, sack_permitted, timestamps), (Some(1460), Some(7), true, Some((5, 6))));
        assert!(flags.all(0x12) && !flags.any(0x01));
        assert_eq!(p.payload, b"hello", "the link's padding is not payload");
        assert!(p.events.is_empty() && p.checksum_ok);
    });
}

#[test]
fn timestamps_in_the_usual_place_are_read_too() {
    let options = [1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6];
    with_packet(&eth4(&ipv4(6, &tcp(4, 0x10, &options, b""))), |p| {
        assert_eq!(p.tcp().unwrap().timestamps, Some((5, 6)));
    });
}

#[test]
fn ipv6_udp() {
    let (decoded, p) = decode_one(&eth6(&ipv6(17, &udp(6, 1000, 53, b"query"))));
    assert_eq!(decoded, Decoded::Ip);
    assert_eq!(p.ip, Some((Addr::v6(A6), Addr::v6(B6), IpProto::UDP)));
    assert_eq!((p.ports, p.transport, p.payload.as_slice()), ((1000, 53), "udp", b"query".as_slice()));
    assert!(p.events.is_empty() && p.checksum_ok);
}

#[test]
fn ipv6_extension_headers_are_walked() {
    // Hop-by-hop with a router alert, routing of type 2, destination options with a home address, authentication.
    let hop = [43, 0, 5, 2, 0, 0, 0, 0];
    let routing = join(&[&[60, 2, 2, 1, 0, 0, 0, 0], &A6]);
    let destination = join(&[&[51, 2, 0xc9, 16], &B6, &[1, 2, 0, 0]]);
    let authentication = [6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let segment = tcp(6, 0x18, &[], b"data");
    let data = eth6(&ipv6(0, &join(&[&hop, &routing, &destination, &authentication, &segment])));
    with_packet(&data, |p| {
        let ip = p.ip.unwrap();
        assert_eq!(ip.proto, IpProto::TCP);
        assert_eq!(ip.header.len(), 40 + 8 + 24 + 24 + 24);
        assert_eq!(p.payload, b"data");
        assert!(p.events.is_empty(), "{:?}", p.events.iter().collect::<Vec<_>>());
    });
}

#[test]
fn vlan_tags_are_kept_outermost_first() {
    let inner = tcp4(b"x");
    let data = ethernet(0x88a8, &join(&[&[0x20, 10, 0x81, 0], &[0, 20, 0x81, 0], &[0x0f, 0xff, 0x08, 0], &inner]));
    let (decoded, p) = decode_one(&data);
    assert_eq!((decoded, p.vlans.as_slice(), p.ethertype), (Decoded::Ip, [10, 20, 0xfff].as_slice(), 0x0800));
    let four = ethernet(0x8100, &[0, 1, 0x81, 0].repeat(4));
    let (decoded, p) = decode_one(&four);
    assert_eq!((decoded, p.events.as_slice()), (Decoded::Malformed, ["vlan.too_many_layers"].as_slice()));
}

#[test]
fn icmp_echo_and_the_packet_that_an_error_quotes() {
    with_packet(&eth4(&ipv4(1, &icmp(4, 8, 0, [0, 7, 0, 9], b"ping"))), |p| {
        let Transport::Icmp(icmp) = p.transport else { panic!() };
        assert_eq!((icmp.kind, icmp.code, icmp.id, icmp.seq), (8, 0, Some(7), Some(9)));
        assert_eq!(p.payload, b"ping");
    });
    let quoted = &tcp4(b"")[..28];
    with_packet(&eth4(&ipv4(1, &icmp(4, 3, 1, [0; 4], quoted))), |p| {
        let Transport::Icmp(icmp) = p.transport else { panic!() };
        let embedded = icmp.embedded.unwrap();
        assert_eq!((embedded.src, embedded.dst), (Addr::v4(A4), Addr::v4(B4)));
        assert_eq!((embedded.src_port, embedded.dst_port, embedded.proto), (4000, 80, IpProto::TCP));
    });
    let quoted = &tcp6(b"")[..48];
    with_packet(&eth6(&ipv6(58, &icmp(6, 1, 4, [0; 4], quoted))), |p| {
        let Transport::Icmpv6(icmp) = p.transport else { panic!() };
        let embedded = icmp.embedded.unwrap();
        assert_eq!((embedded.src, embedded.src_port, embedded.dst_port), (Addr::v6(A6), 4000, 80));
        assert!(p.checksum_ok && p.events.is_empty());
    });
}

#[test]
fn sctp_esp_and_unknown_protocols() {
    let (_, p) = decode_one(&eth4(&ipv4(132, &[0, 5, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8, 9])));
    assert_eq!((p.transport, p.ports, p.payload.as_slice()), ("sctp", (5, 6), [9].as_slice()));
    let (_, p) = decode_one(&eth4(&ipv4(50, &[0; 16])));
    assert_eq!((p.transport, p.payload.len(), p.events.len()), ("none", 16, 0));
    let (decoded, p) = decode_one(&eth4(&ipv4(2, b"igmp....")));
    assert_eq!((decoded, p.payload.as_slice()), (Decoded::Ip, b"igmp....".as_slice()));
}

#[test]
fn mpls_under_any_number_of_labels() {
    for labels in 1..20 {
        let mut stack = [0, 1, 0x40, 64].repeat(labels);
        stack[4 * labels - 2] |= 1;
        let (decoded, p) = decode_one(&ethernet(0x8847, &join(&[&stack, &tcp4(b"m")])));
        assert_eq!((decoded, p.transport), (Decoded::Ip, "tcp"));
    }
    // A pseudowire: control word, then Ethernet.
    let (_, p) = decode_one(&ethernet(0x8847, &join(&[&[0, 1, 0x41, 64], &[0; 4], &eth4(&tcp4(b"m"))])));
    assert_eq!(p.transport, "tcp");
}

#[test]
fn pppoe_and_ppp() {
    let ppp = join(&[&[0, 0x21], &tcp4(b"p")]);
    let session = join(&[&[0x11, 0, 0, 1], &(ppp.len() as u16).to_be_bytes(), &ppp]);
    let (decoded, p) = decode_one(&ethernet(0x8864, &session));
    assert_eq!((decoded, p.transport), (Decoded::Ip, "tcp"));
    let discovery = [0x11, 9, 0, 0, 0, 8, 1, 1, 0, 0, 1, 3, 0, 0];
    let (decoded, p) = decode_one(&ethernet(0x8863, &discovery));
    assert_eq!((decoded, p.events.len()), (Decoded::NonIp, 0));
    let with_hdlc = join(&[&[0xff, 3], &ppp]);
    let compressed = join(&[&[0x21], &tcp4(b"p")]);
    for data in [ppp, with_hdlc, compressed] {
        let (decoded, seen) = decode_with(&mut Decoder::new(DecodeConfig::default()), LinkType::PPP, &data);
        assert_eq!((decoded, seen[0].transport), (Decoded::Ip, "tcp"));
    }
}

#[test]
fn every_link_type_leads_to_the_segment() {
    let (v4, v6) = (tcp4(b"s"), tcp6(b"s"));
    let frames = [
        (12, v4.clone()),
        (14, v6.clone()),
        (101, v4.clone()),
        (101, v6.clone()),
        (228, v4.clone()),
        (229, v6.clone()),
        (113, join(&[&[0; 14], &[8, 0], &v4])),
        (276, join(&[&[0x86, 0xdd], &[0; 18], &v6])),
        (0, join(&[&[2, 0, 0, 0], &v4])),
        (0, join(&[&[0, 0, 0, 30], &v6])),
        (108, join(&[&[0, 0, 0, 2], &v4])),
        (104, join(&[&[0x0f, 0, 8, 0], &v4])),
        (50, join(&[&[0xff, 3, 0, 0x57], &v6])),
    ];
    for (link, data) in frames {
        let (decoded, seen) = decode_with(&mut Decoder::new(DecodeConfig::default()), LinkType(link), &data);
        assert_eq!(
            (decoded, seen[0].transport, seen[0].payload.as_slice()),
            (Decoded::Ip, "tcp", b"s".as_slice()),
            "{link}"
        );
    }
    let mut decoder = Decoder::new(DecodeConfig::default());
    let (decoded, seen) = decode_with(&mut decoder, LinkType(147), &v4);
    assert_eq!((decoded, seen.len(), decoder.counters.unknown_link_type), (Decoded::NonIp, 1, 1));
}

#[test]
fn arp_is_let_by() {
    let arp = join(&[&[0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]]);
    let (decoded, p) = decode_one(&ethernet(0x0806, &arp));
    assert_eq!((decoded, p.ip, p.ethertype, p.events.len()), (Decoded::NonIp, None, 0x0806, 0));
}

#[test]
fn rare_link_headers() {
    let inner = tcp4(b"r");
    let customer = eth4(&inner);
    let nsh = [0, 6, 1, 1, 0, 0, 1, 255];
    for data in [
        ethernet(0x88e7, &join(&[&[0, 0, 0, 1], &customer])),
        ethernet(0x8926, &join(&[&[0; 4], &[8, 0], &inner])),
        ethernet(0x8903, &join(&[&[0, 0], &customer])),
        ethernet(0x894f, &join(&[&nsh, &[0; 16], &inner])),
    ] {
        let (decoded, p) = decode_one(&data);
        assert_eq!((decoded, p.transport, p.payload.as_slice()), (Decoded::Ip, "tcp", b"r".as_slice()));
    }
}

#[test]
fn checksums_are_verified_only_when_asked() {
    let mut bad_header = eth4(&tcp4(b"x"));
    bad_header[14 + 8] ^= 1;
    let mut bad_tcp = eth4(&tcp4(b"x"));
    *bad_tcp.last_mut().unwrap() ^= 1;
    let mut bad_udp = eth6(&ipv6(17, &udp(6, 1, 2, b"odd")));
    *bad_udp.last_mut().unwrap() ^= 1;
    let mut bad_icmp = eth4(&ipv4(1, &icmp(4, 8, 0, [0; 4], b"abc")));
    *bad_icmp.last_mut().unwrap() ^= 1;
    for (data, is_tcp) in [(bad_header, true), (bad_tcp, true), (bad_udp, false), (bad_icmp, false)] {
        let (decoded, p) = decode_one(&data);
        // No stream takes a segment; datagrams are looked at, and marked.
        assert_eq!((decoded, p.checksum_ok), (if is_tcp { Decoded::Checksum } else { Decoded::Ip }, false));
        let config = DecodeConfig { verify_checksums: false, ..DecodeConfig::default() };
        let (decoded, seen) = decode_with(&mut Decoder::new(config), LinkType::ETHERNET, &data);
        assert_eq!((decoded, seen[0].checksum_ok), (Decoded::Ip, true));
    }
    // UDP over IPv4 may have none.
    let mut none = udp(4, 1, 2, b"odd");
    none[6..8].fill(0);
    assert_eq!(decode_one(&eth4(&ipv4(17, &none))).0, Decoded::Ip);
}

#[test]
fn counters_count_by_protocol() {
    let mut decoder = Decoder::new(DecodeConfig::default());
    for data in [eth4(&tcp4(b"")), eth6(&tcp6(b"")), ethernet(0x0806, &[0; 28])] {
        decode_with(&mut decoder, LinkType::ETHERNET, &data);
    }
    let c = decoder.counters;
    assert_eq!((c.frames, c.ethernet, c.ipv4, c.ipv6, c.tcp, c.arp), (3, 3, 1, 1, 2, 1));
    assert_eq!(decoder.events.iter().sum::<u64>(), 1);
    assert_eq!(decoder.events[DecodeEvent::ArpUnsupportedHardware.index()], 1);
    assert_eq!(c.invalid, 1);
}

#[test]
fn header_and_payload_of_ip_are_what_the_length_field_says() {
    with_packet(&join(&[&eth6(&tcp6(b"body")), &[0xaa; 9]]), |p| {
        let Ip { header, payload, .. } = p.ip.unwrap();
        assert_eq!((header.len(), payload.len()), (40, 24));
    });
}
