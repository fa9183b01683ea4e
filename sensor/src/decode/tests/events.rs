//! Malformed packets raise the event of that name, and leave the frame in the right outcome.

use super::frames::*;
use super::*;

/// The events of an Ethernet frame's only packet, and whether its IP header could be read.
#[track_caller]
fn expect(data: &[u8], decoded: Decoded, events: &[&str]) {
    let (got, p) = decode_one(data);
    assert_eq!((got, p.events.as_slice()), (decoded, events), "{p:?}");
    let without = [Decoded::Malformed, Decoded::NonIp, Decoded::Truncated];
    assert_eq!(p.ip.is_some(), !without.contains(&decoded));
}

fn changed(mut data: Vec<u8>, at: usize, to: u8) -> Vec<u8> {
    data[at] = to;
    data
}

#[test]
fn ipv4_header() {
    use Decoded::Malformed;
    let good = eth4(&tcp4(b"x"));
    expect(&good[..14 + 19], Malformed, &["ipv4.pkt_too_small"]);
    expect(&changed(good.clone(), 14, 0x55), Malformed, &["ipv4.wrong_ip_version"]);
    expect(&changed(good.clone(), 14, 0x44), Malformed, &["ipv4.hlen_too_small"]);
    expect(&changed(good.clone(), 14 + 3, 19), Malformed, &["ipv4.iplen_smaller_than_hlen"]);
    expect(&good[..good.len() - 1], Decoded::Truncated, &["ipv4.trunc_pkt"]);
    expect(&good[..10], Malformed, &["ethernet.pkt_too_small"]);
    expect(&[], Malformed, &["ethernet.pkt_too_small"]);
}

#[test]
fn ipv4_options() {
    let with = |options: &[u8]| eth4(&ipv4_full(2, 1, 0, options, b"payload."));
    for (options, events) in [
        ([7, 7, 4, 0, 0, 0, 0, 0].as_slice(), [].as_slice()),
        (&[148, 4, 0, 0], &[]),
        (&[1, 1, 1, 0], &[]),
        (&[7, 1, 0, 0], &["ipv4.opt_invalid_len"]),
        (&[7, 9, 4, 0, 0, 0, 0, 0], &["ipv4.opt_invalid_len"]),
        (&[7, 7, 3, 0, 0, 0, 0, 0], &["ipv4.opt_malformed"]),
        (&[148, 4, 0, 0, 148, 4, 0, 0], &["ipv4.opt_duplicate"]),
        (&[200, 4, 0, 0], &["ipv4.opt_unknown"]),
        (&[68, 8, 5, 2, 0, 0, 0, 0], &["ipv4.opt_malformed"]),
        (&[1, 1, 1, 7], &["ipv4.opt_invalid_len"]),
        (&[130, 4, 0, 0], &["ipv4.opt_invalid_len"]),
        (&[134, 8, 0, 0, 0, 0, 9, 2], &["ipv4.opt_malformed"]),
    ] {
        expect(&with(options), Decoded::Ip, events);
    }
}

#[test]
fn ipv6_header_and_extensions() {
    use Decoded::{Ip, Malformed};
    let good = eth6(&tcp6(b"x"));
    expect(&good[..14 + 39], Malformed, &["ipv6.pkt_too_small"]);
    expect(&changed(good.clone(), 14, 0x40), Malformed, &["ipv6.wrong_ip_version"]);
    expect(&good[..good.len() - 1], Decoded::Truncated, &["ipv6.trunc_pkt"]);
    let v6 = |next: u8, payload: &[u8]| eth6(&ipv6(next, payload));
    let none = [59, 0, 5, 2, 0, 0, 0, 0];
    for (data, events) in [
        (v6(59, b""), [].as_slice()),
        (v6(59, b"x"), &["ipv6.data_after_none_header"]),
        (v6(0, &[59]), &["ipv6.trunc_exthdr"]),
        (v6(0, &[59, 1, 0, 0, 0, 0, 0, 0]), &["ipv6.trunc_exthdr"]),
        (v6(0, &join(&[&[0], &none[1..], &none])), &["ipv6.exthdr_dupl_hh"]),
        (v6(0, &[59, 0, 1, 4, 0, 0, 0, 0]), &["ipv6.hopopts_only_padding"]),
        (v6(60, &[59, 0, 1, 4, 0, 0, 0, 0]), &["ipv6.dstopts_only_padding"]),
        (v6(60, &[59, 0, 1, 0, 5, 2, 0, 0]), &["ipv6.zero_len_padn"]),
        (v6(0, &[59, 0, 99, 4, 0, 0, 0, 0]), &["ipv6.hopopts_unknown_opt"]),
        (v6(60, &[59, 0, 99, 4, 0, 0, 0, 0]), &["ipv6.dstopts_unknown_opt"]),
        (v6(0, &[59, 0, 1, 5, 0, 0, 0, 0]), &["ipv6.exthdr_invalid_optlen"]),
        (v6(43, &[59, 0, 0, 0, 0, 0, 0, 0]), &["ipv6.rh_type_0"]),
        (v6(51, &join(&[&[59, 1, 0, 1], &[0; 8]])), &["ipv6.exthdr_ah_res_not_null"]),
        (v6(44, &[59, 0, 0, 0, 0, 0, 0, 1]), &["ipv6.exthdr_useless_fh"]),
        (v6(44, &[6, 0, 0, 0, 0, 0, 0, 1, 9]), &["ipv6.exthdr_useless_fh", "ipv6.trunc_exthdr"]),
        (v6(44, &[59, 7, 0, 0, 0, 0, 0, 1]), &["ipv6.exthdr_useless_fh", "ipv6.fh_non_zero_reserved_field"]),
        (v6(99, b"????????"), &["ipv6.unknown_next_header"]),
        (v6(1, &icmp(4, 8, 0, [0; 4], b"")), &["ipv6.icmpv4"]),
        (v6(4, &[0x45]), &["ipv6.ipv4_in_ipv6_too_small"]),
        (v6(4, &[0; 20]), &["ipv6.ipv4_in_ipv6_wrong_version"]),
        (v6(41, &[0x60]), &["ipv6.ipv6_in_ipv6_too_small"]),
        (v6(41, &[0; 40]), &["ipv6.ipv6_in_ipv6_wrong_version"]),
    ] {
        expect(&data, Ip, events);
    }
}

#[test]
fn transport_headers() {
    let v4 = |proto: u8, payload: &[u8]| eth4(&ipv4(proto, payload));
    let segment = tcp(4, 0x10, &[], b"");
    let datagram = udp(4, 1, 2, b"abc");
    for (data, events) in [
        (v4(6, &segment[..19]), ["tcp.pkt_too_small"].as_slice()),
        (v4(6, &changed(segment.clone(), 12, 0x60)), &["tcp.hlen_too_small"]),
        (v4(6, &changed(segment.clone(), 12, 0x40)), &["tcp.invalid_optlen"]),
        (v4(6, &tcp(4, 2, &[2, 5, 0, 0], b"")), &["tcp.opt_invalid_len"]),
        (v4(6, &tcp(4, 2, &[2, 3, 0, 0], b"")), &["tcp.opt_invalid_len"]),
        (v4(6, &tcp(4, 2, &[99, 0, 0, 0], b"")), &["tcp.opt_invalid_len"]),
        (v4(6, &tcp(4, 2, &[2, 4, 5, 0xb4, 2, 4, 5, 0xb4], b"")), &["tcp.opt_duplicate"]),
        (v4(6, &tcp(4, 2, &[4, 2, 4, 2], b"")), &["tcp.opt_duplicate"]),
        (v4(6, &tcp(4, 0x10, &[5, 2, 1, 1], b"")), &[]),
        (v4(6, &tcp(4, 0x10, &[5, 3, 1, 1], b"")), &["tcp.opt_invalid_len"]),
        (v4(17, &datagram[..7]), &["udp.hlen_too_small"]),
        (v4(17, &datagram[..10]), &["udp.pkt_too_small"]),
        (v4(17, &changed(datagram.clone(), 5, 7)), &["udp.len_invalid"]),
        (v4(132, &[0; 11]), &["sctp.pkt_too_small"]),
        (v4(50, &[0; 7]), &["esp.pkt_too_small"]),
        (v4(58, &icmp(6, 128, 0, [0; 4], b"")), &["ipv4.icmpv6"]),
        (v4(1, &[8; 7]), &["icmpv4.pkt_too_small"]),
        (v4(1, &icmp(4, 200, 0, [0; 4], b"")), &["icmpv4.unknown_type"]),
        (v4(1, &icmp(4, 8, 1, [0; 4], b"")), &["icmpv4.unknown_code"]),
        (v4(1, &icmp(4, 3, 0, [0; 4], &[0x45; 19])), &["icmpv4.ipv4_trunc_pkt"]),
        (v4(1, &icmp(4, 3, 0, [0; 4], &[0x65; 20])), &["icmpv4.ipv4_unknown_ver"]),
    ] {
        expect(&data, Decoded::Ip, events);
    }
    let v6 = |payload: &[u8]| eth6(&ipv6(58, payload));
    for (data, events) in [
        (v6(&[128; 7]), ["icmpv6.pkt_too_small"].as_slice()),
        (v6(&icmp(6, 128, 1, [0; 4], b"")), &["icmpv6.unknown_code"]),
        (v6(&icmp(6, 160, 1, [0; 4], b"")), &[]),
        (v6(&icmp(6, 170, 0, [0; 4], b"")), &["icmpv6.unassigned_type"]),
        (v6(&icmp(6, 200, 0, [0; 4], b"")), &["icmpv6.experimentation_type"]),
        (v6(&icmp(6, 255, 0, [0; 4], b"")), &["icmpv6.unknown_type"]),
        (v6(&icmp(6, 130, 0, [0; 4], &[0; 16])), &["icmpv6.mld_message_with_invalid_hl"]),
        (v6(&icmp(6, 1, 0, [0; 4], &[0x60; 39])), &["icmpv6.ipv6_trunc_pkt"]),
        (v6(&icmp(6, 1, 0, [0; 4], &[0x45; 40])), &["icmpv6.ipv6_unknown_version"]),
    ] {
        expect(&data, Decoded::Ip, events);
    }
}

#[test]
fn link_headers() {
    use Decoded::{Malformed, NonIp};
    for (ethertype, payload, decoded, events) in [
        (0x88cc, [1].as_slice(), NonIp, ["ethernet.unknown_ethertype"].as_slice()),
        (0x8100, &[0, 1, 0x88, 0xcc], NonIp, &["vlan.unknown_type"]),
        (0x8100, &[0, 1, 8], Malformed, &["vlan.header_too_small"]),
        (0x8847, &[0, 1, 0], Malformed, &["mpls.header_too_small"]),
        (0x8847, &[0, 0, 0x31, 64, 0x45], Malformed, &["mpls.bad_label_implicit_null"]),
        (0x8847, &[0, 0, 0x51, 64, 0x45], Malformed, &["mpls.bad_label_reserved"]),
        (0x8847, &[0, 1, 0x01, 64, 0xf0], Malformed, &["mpls.unknown_payload_type"]),
        (0x8847, &[0, 1, 0x01, 64], Malformed, &["mpls.pkt_too_small"]),
        (0x8864, &[0x11, 0, 0, 0, 0], Malformed, &["pppoe.pkt_too_small"]),
        (0x8864, &[0x11, 9, 0, 0, 0, 0], Malformed, &["pppoe.wrong_code"]),
        (0x8863, &[0x11, 1, 0, 0, 0, 0], Malformed, &["pppoe.wrong_code"]),
        (0x8863, &[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 9], Malformed, &["pppoe.malformed_tags"]),
        (0x8863, &[0x11, 9, 0, 0, 0, 9, 1, 1, 0, 0], Malformed, &["pppoe.malformed_tags"]),
        (0x8864, &[0x11, 0, 0, 0, 0, 1, 0], Malformed, &["ppp.pkt_too_small"]),
        (0x8864, &[0x11, 0, 0, 0, 0, 3, 0, 0x21, 0x45], Malformed, &["ppp.ip4_pkt_too_small"]),
        (0x8864, &[0x11, 0, 0, 0, 0, 3, 0, 0x57, 0x60], Malformed, &["ppp.ip6_pkt_too_small"]),
        (0x8864, &[0x11, 0, 0, 0, 0, 3, 0, 0x2f, 0x45], Malformed, &["ppp.vju_pkt_too_small"]),
        (0x8864, &[0x11, 0, 0, 0, 0, 3, 0, 0x2b, 1], NonIp, &["ppp.unsup_proto"]),
        (0x8864, &[0x11, 0, 0, 0, 0, 3, 0xc0, 0x21, 1], NonIp, &[]),
        (0x8864, &[0x11, 0, 0, 0, 0, 3, 0x80, 0x57, 1], NonIp, &[]),
        (0x8864, &[0x11, 0, 0, 0, 0, 3, 0x7f, 0xfe, 1], Malformed, &["ppp.wrong_type"]),
        (0x0806, &[0; 7], Malformed, &["arp.pkt_too_small"]),
        (0x0806, &[0, 1, 8, 1, 6, 4, 0, 1], Malformed, &["arp.unsupported_protocol"]),
        (0x0806, &[0, 1, 8, 0, 7, 4, 0, 1], Malformed, &["arp.invalid_hardware_size"]),
        (0x0806, &[0, 1, 8, 0, 6, 5, 0, 1], Malformed, &["arp.invalid_protocol_size"]),
        (0x0806, &[0, 1, 8, 0, 6, 4, 0, 1], Malformed, &["arp.invalid_pkt"]),
        (0x88e7, &[0; 17], Malformed, &["ieee8021ah.header_too_small"]),
        (0x8926, &[0; 5], Malformed, &["vntag.header_too_small"]),
        (0x8903, &[0; 15], Malformed, &["dce.pkt_too_small"]),
        (0x894f, &[0; 7], Malformed, &["nsh.header_too_small"]),
        (0x894f, &[0x40, 6, 1, 1, 0, 0, 0, 0], Malformed, &["nsh.unsupported_version"]),
        (0x894f, &[0, 6, 0, 1, 0, 0, 0, 0], Malformed, &["nsh.reserved_type"]),
        (0x894f, &[0, 6, 3, 1, 0, 0, 0, 0], Malformed, &["nsh.unsupported_type"]),
        (0x894f, &[0, 5, 1, 1, 0, 0, 0, 0], Malformed, &["nsh.bad_header_length"]),
        (0x894f, &[0, 2, 2, 9, 0, 0, 0, 0, 0], Malformed, &["nsh.unknown_payload"]),
    ] {
        expect(&ethernet(ethertype, payload), decoded, events);
    }
    for (link, data, event) in [
        (113, [0; 15].as_slice(), "sll.pkt_too_small"),
        (276, &[0; 19], "sll2.pkt_too_small"),
        (0, &[0; 3], "ltnull.pkt_too_small"),
        (0, &[0, 0, 0, 99, 0x45], "ltnull.unsupported_type"),
        (101, &[0x55; 40], "ipraw.invalid_ip_version"),
        (104, &[0; 3], "chdlc.pkt_too_small"),
    ] {
        let (decoded, seen) = decode_with(&mut Decoder::new(DecodeConfig::default()), LinkType(link), data);
        assert_eq!((decoded, seen[0].events.as_slice()), (Decoded::Malformed, [event].as_slice()));
    }
}

#[test]
fn a_frame_cut_by_the_capture_is_truncated() {
    let whole = eth4(&tcp4(&[b'x'; 100]));
    let mut decoder = Decoder::new(DecodeConfig::default());
    let cut = Frame { wire_len: whole.len() as u32, ..frame(LinkType::ETHERNET, &whole[..60]) };
    let mut events = Vec::new();
    let decoded = decoder.decode(&cut, &mut |p: &Packet<'_>| events.extend(p.events.iter()));
    assert_eq!((decoded, events.as_slice()), (Decoded::Ip, [DecodeEvent::Ipv4TruncPkt].as_slice()));
    assert_eq!((decoder.counters.truncated, decoder.counters.cut), (1, 1));
}

#[test]
fn ethernet_in_pseudowires_without_end_is_given_up() {
    let mut data = eth4(&tcp4(b"deep"));
    for _ in 0..40 {
        data = ethernet(0x8847, &join(&[&[0, 1, 0x01, 64], &[0; 4], &data]));
    }
    expect(&data, Decoded::Malformed, &["too_many_layers"]);
}
