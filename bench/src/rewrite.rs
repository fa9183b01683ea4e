//! Exchanges the IP addresses of a captured frame in place and mends every checksum that covers them.
//!
//! Checksums are mended, not computed anew (RFC 1624), so a wrong one stays wrong, and frames that were cut while being
//! captured come out right. Addresses are exchanged in IPv4, IPv6, ARP and neighbour discovery, in the packets that ICMP errors
//! quote, and inside VLAN, PPPoE, MPLS, GRE, ERSPAN, IP-in-IP, VXLAN, GENEVE and Teredo. Addresses that application
//! payload spells out are left alone.

use crate::wire::{mended, set_word, sum, word};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Headers within headers that are followed.
const DEPTH: u8 = 8;

/// Says what each address becomes.
pub trait AddressMap {
    /// The new name of `addr`; `addr` itself to leave it.
    fn map(&mut self, addr: IpAddr) -> IpAddr;
}

impl<F: FnMut(IpAddr) -> IpAddr> AddressMap for F {
    fn map(&mut self, addr: IpAddr) -> IpAddr {
        self(addr)
    }
}

/// Exchanges the addresses of one frame. `link` is a number of tcpdump.org/linktypes.html; frames of others are left as they are.
pub fn frame(link: u32, data: &mut [u8], map: &mut impl AddressMap) {
    match link {
        1 => ethernet(data, map, DEPTH),
        12 | 14 | 101 | 228 | 229 => ip(data, map, DEPTH),
        113 => tagged(data, 14, map, DEPTH),
        276 => {
            if let Some(ethertype) = word(data, 0) {
                network(ethertype, data.get_mut(20..).unwrap_or_default(), map, DEPTH);
            }
        }
        0 | 108 => ip(data.get_mut(4..).unwrap_or_default(), map, DEPTH),
        _ => {}
    }
}

fn ethernet(data: &mut [u8], map: &mut impl AddressMap, depth: u8) {
    tagged(data, 12, map, depth);
}

/// An EtherType at `at`, VLAN tags before it or not, and what it names behind it.
fn tagged(data: &mut [u8], mut at: usize, map: &mut impl AddressMap, depth: u8) {
    for _ in 0..4 {
        match word(data, at) {
            Some(0x8100 | 0x88a8 | 0x9100) => at += 4,
            Some(ethertype) => return network(ethertype, data.get_mut(at + 2..).unwrap_or_default(), map, depth),
            None => return,
        }
    }
}

fn network(ethertype: u16, data: &mut [u8], map: &mut impl AddressMap, depth: u8) {
    match ethertype {
        0x0800 | 0x86dd => ip(data, map, depth),
        0x0806 => arp(data, map),
        0x8864 if matches!(word(data, 6), Some(0x0021 | 0x0057)) => {
            ip(data.get_mut(8..).unwrap_or_default(), map, depth)
        }
        0x8847 | 0x8848 => {
            let bottom = data.as_chunks::<4>().0.iter().position(|label| label[2] & 1 != 0);
            if let Some(labels) = bottom {
                ip(data.get_mut(4 * (labels + 1)..).unwrap_or_default(), map, depth);
            }
        }
        0x6558 => ethernet(data, map, depth),
        _ => {}
    }
}

/// IPv4 or IPv6, by the version that the header says.
fn ip(data: &mut [u8], map: &mut impl AddressMap, depth: u8) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match data.first().map(|b| b >> 4) {
        Some(4) => ipv4(data, map, depth),
        Some(6) => ipv6(data, map, depth),
        _ => {}
    }
}

fn exchange4(slot: &mut [u8; 4], map: &mut impl AddressMap) {
    if let IpAddr::V4(new) = map.map(IpAddr::V4(Ipv4Addr::from(*slot))) {
        *slot = new.octets();
    }
}

fn exchange6(slot: &mut [u8; 16], map: &mut impl AddressMap) {
    if let IpAddr::V6(new) = map.map(IpAddr::V6(Ipv6Addr::from(*slot))) {
        *slot = new.octets();
    }
}

/// Ethernet and IPv4 ARP (RFC 826).
fn arp(data: &mut [u8], map: &mut impl AddressMap) {
    if data.len() >= 28 && data[..6] == [0, 1, 8, 0, 6, 4] {
        for at in [14, 24] {
            if let Some(slot) = data[at..].first_chunk_mut() {
                exchange4(slot, map);
            }
        }
    }
}

/// What the pseudo header's addresses summed to before and after.
#[derive(Clone, Copy)]
struct Change {
    old: u16,
    new: u16,
}

impl Change {
    fn mend(self, data: &mut [u8], at: usize) {
        if let Some(checksum) = word(data, at) {
            set_word(data, at, mended(checksum, self.old, self.new));
        }
    }
}

fn ipv4(data: &mut [u8], map: &mut impl AddressMap, depth: u8) {
    let header_len = usize::from(data[0] & 0x0f) * 4;
    if header_len < 20 || data.len() < header_len {
        return;
    }
    let (header, body) = data.split_at_mut(header_len);
    let old = sum(&header[12..20]);
    let (src, rest) = header[12..].split_at_mut(4);
    for slot in [src.first_chunk_mut(), rest.first_chunk_mut()].into_iter().flatten() {
        exchange4(slot, map);
    }
    let change = Change { old, new: sum(&header[12..20]) };
    change.mend(header, 10);
    let offset = word(header, 6).unwrap_or(0) & 0x1fff;
    if offset == 0 {
        // A length of 0 is how segmentation offload shows in a capture.
        let len =
            usize::from(word(header, 2).unwrap_or(0)).checked_sub(header_len).unwrap_or(body.len()).min(body.len());
        transport(header[9], &mut body[..len], change, map, depth);
    }
}

fn ipv6(data: &mut [u8], map: &mut impl AddressMap, depth: u8) {
    if data.len() < 40 {
        return;
    }
    let (header, body) = data.split_at_mut(40);
    let old = [sum(&header[8..24]), sum(&header[24..40])];
    let (src, dst) = header[8..].split_at_mut(16);
    for slot in [src.first_chunk_mut(), dst.first_chunk_mut()].into_iter().flatten() {
        exchange6(slot, map);
    }
    let new = [sum(&header[8..24]), sum(&header[24..40])];
    let both = |[src, dst]: [u16; 2]| crate::wire::fold(u64::from(src) + u64::from(dst));
    let mut change = Change { old: both(old), new: both(new) };

    let len = match word(header, 4) {
        Some(n @ 1..) => usize::from(n).min(body.len()),
        _ => body.len(),
    };
    let mut rest = &mut body[..len];
    let mut next = header[6];
    for _ in 0..DEPTH {
        let skip = match (next, &*rest) {
            (0 | 60, [_, n, ..]) => 8 * (usize::from(*n) + 1),
            (43, [_, n, _, left, ..]) => {
                if *left > 0 {
                    // The pseudo header holds the last hop, which is in the routing header (RFC 8200 §8.1).
                    change = Change { old: old[0], new: new[0] };
                }
                8 * (usize::from(*n) + 1)
            }
            (44, [_, _, high, low, ..]) => {
                if u16::from_be_bytes([*high, *low]) & 0xfff8 != 0 {
                    return;
                }
                8
            }
            (51, [_, n, ..]) => 4 * (usize::from(*n) + 2),
            _ => return transport(next, rest, change, map, depth),
        };
        let Some(&following) = rest.first() else { return };
        let Some(behind) = std::mem::take(&mut rest).get_mut(skip..) else { return };
        (next, rest) = (following, behind);
    }
}

fn transport(proto: u8, data: &mut [u8], change: Change, map: &mut impl AddressMap, depth: u8) {
    match proto {
        6 => change.mend(data, 16),
        17 => udp(data, change, map, depth),
        1 if matches!(data.first(), Some(3 | 4 | 5 | 11 | 12)) => covered(data, 2, 8, |quoted| ip(quoted, map, depth)),
        58 => {
            change.mend(data, 2);
            match data.first() {
                Some(1..=4) => covered(data, 2, 8, |quoted| ip(quoted, map, depth)),
                Some(135 | 136) => covered(data, 2, 8, |target| {
                    if let Some(slot) = target.first_chunk_mut() {
                        exchange6(slot, map);
                    }
                }),
                _ => {}
            }
        }
        4 | 41 => ip(data, map, depth),
        47 => gre(data, map, depth),
        _ => {}
    }
}

/// Runs `change` on what lies behind `start`, and mends the checksum at `at`, which covers it.
fn covered(data: &mut [u8], at: usize, start: usize, change: impl FnOnce(&mut [u8])) {
    let Some(behind) = data.get_mut(start..) else { return };
    let old = sum(behind);
    change(behind);
    let new = sum(behind);
    Change { old, new }.mend(data, at);
}

fn udp(data: &mut [u8], change: Change, map: &mut impl AddressMap, depth: u8) {
    let (Some(port), Some(checksum)) = (word(data, 2), word(data, 6)) else { return };
    change.mend(data, 6);
    covered(data, 6, 8, |payload| match port {
        4789 => ethernet(payload.get_mut(8..).unwrap_or_default(), map, depth),
        6081 => {
            let options = payload.first().map_or(0, |b| usize::from(b & 0x3f) * 4);
            if let Some(ethertype) = word(payload, 2) {
                network(ethertype, payload.get_mut(8 + options..).unwrap_or_default(), map, depth);
            }
        }
        3544 => ip(payload, map, depth),
        _ => {}
    });
    // None stays none, and a sum of 0 is spelled 0xffff (RFC 768).
    match (checksum, word(data, 6)) {
        (0, _) => set_word(data, 6, 0),
        (_, Some(0)) => set_word(data, 6, 0xffff),
        _ => {}
    }
}

/// GRE versions 0 and 1 (RFC 2784, RFC 2890, RFC 2637), and ERSPAN in it.
fn gre(data: &mut [u8], map: &mut impl AddressMap, depth: u8) {
    let (Some(flags), Some(ethertype)) = (word(data, 0), word(data, 2)) else { return };
    let has = |bit: u16| usize::from(flags & bit != 0) * 4;
    let routing = flags & 0x4000 != 0;
    if routing {
        return;
    }
    let header = 4 + has(0x8000) + has(0x2000) + has(0x1000) + if flags & 7 == 1 { has(0x0080) } else { 0 };
    let mut inner = |payload: &mut [u8]| match ethertype {
        0x880b if matches!(payload, [0xff, 0x03, 0, 0x21 | 0x57, ..]) => ip(&mut payload[4..], map, depth),
        0x880b if matches!(payload, [0, 0x21 | 0x57, ..]) => ip(&mut payload[2..], map, depth),
        0x88be => {
            let erspan = if flags & 0x1000 != 0 { 8 } else { 0 };
            ethernet(payload.get_mut(erspan..).unwrap_or_default(), map, depth);
        }
        0x22eb => {
            let subheader = payload.get(11).map_or(0, |b| usize::from(b & 1) * 8);
            ethernet(payload.get_mut(12 + subheader..).unwrap_or_default(), map, depth);
        }
        _ => network(ethertype, payload, map, depth),
    };
    if flags & 0x8000 != 0 {
        covered(data, 4, header, inner);
    } else if let Some(payload) = data.get_mut(header..) {
        inner(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{checksum, transport_checksum};
    use proptest::prelude::*;

    fn ipv4_packet(src: [u8; 4], dst: [u8; 4], proto: u8, body: &[u8]) -> Vec<u8> {
        let mut p = vec![0x45, 0];
        p.extend((20 + body.len() as u16).to_be_bytes());
        p.extend([0, 1, 0, 0, 64, proto, 0, 0]);
        p.extend(src);
        p.extend(dst);
        let ck = checksum(&p);
        set_word(&mut p, 10, ck);
        p.extend(body);
        p
    }

    fn ipv6_packet(src: [u8; 16], dst: [u8; 16], next: u8, body: &[u8]) -> Vec<u8> {
        let mut p = vec![0x60, 0, 0, 0];
        p.extend((body.len() as u16).to_be_bytes());
        p.extend([next, 64]);
        p.extend(src);
        p.extend(dst);
        p.extend(body);
        p
    }

    fn segment(proto: u8, at: usize, src: &[u8], dst: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut s = vec![0; if proto == 6 { 20 } else { 8 }];
        s[1] = 7;
        s.extend(payload);
        if proto == 17 {
            let len = s.len() as u16;
            set_word(&mut s, 4, len);
        }
        let ck = transport_checksum(src, dst, proto, &s);
        set_word(&mut s, at, if proto == 17 && ck == 0 { 0xffff } else { ck });
        s
    }

    /// A change that is its own inverse.
    fn shifted(addr: IpAddr) -> IpAddr {
        match addr {
            IpAddr::V4(a) => IpAddr::V4((u32::from(a) ^ 0x0005_3100).into()),
            IpAddr::V6(a) => IpAddr::V6((u128::from(a) ^ (0x7a3c << 64)).into()),
        }
    }

    fn ethernet_frame(ethertype: u16, packet: &[u8]) -> Vec<u8> {
        let mut f = vec![2; 12];
        f.extend(ethertype.to_be_bytes());
        f.extend(packet);
        f
    }

    const A: [u8; 4] = [10, 1, 2, 3];
    const B: [u8; 4] = [93, 184, 216, 34];

    fn new4(a: [u8; 4]) -> [u8; 4] {
        match shifted(a.into()) {
            IpAddr::V4(a) => a.octets(),
            IpAddr::V6(_) => unreachable!(),
        }
    }

    proptest! {
        #[test]
        fn the_same_as_building_it_anew(payload in prop::collection::vec(any::<u8>(), 0..100), src in any::<[u8; 4]>(), dst in any::<[u8; 4]>(),
                                        (proto, at) in prop_oneof![Just((6u8, 16usize)), Just((17, 6))]) {
            let build = |src, dst| ethernet_frame(0x0800, &ipv4_packet(src, dst, proto, &segment(proto, at, &src, &dst, &payload)));
            let mut frame = build(src, dst);
            super::frame(1, &mut frame, &mut shifted);
            prop_assert_eq!(frame, build(new4(src), new4(dst)));
        }

        #[test]
        fn the_same_in_ipv6(payload in prop::collection::vec(any::<u8>(), 0..100), src in any::<[u8; 16]>(), dst in any::<[u8; 16]>(),
                            (proto, at) in prop_oneof![Just((6u8, 16usize)), Just((17, 6)), Just((58, 2))]) {
            let new6 = |a: [u8; 16]| match shifted(a.into()) { IpAddr::V6(a) => a.octets(), IpAddr::V4(_) => unreachable!() };
            let build = |src, dst| ethernet_frame(0x86dd, &ipv6_packet(src, dst, proto, &segment(proto, at, &src, &dst, &payload)));
            let mut frame = build(src, dst);
            super::frame(1, &mut frame, &mut shifted);
            prop_assert_eq!(frame, build(new6(src), new6(dst)));
        }

        #[test]
        fn any_bytes_are_safe(link in prop_oneof![Just(1u32), Just(101), Just(113), Just(276), Just(0), any::<u32>()],
                          ethertype in prop_oneof![Just([8u8, 0]), Just([0x86, 0xdd]), Just([0x88, 0x47]), Just([0x88, 0x64]), any::<[u8; 2]>()],
                          mut data in prop::collection::vec(any::<u8>(), 0..200)) {
            // Nothing panics, and the length is the same, whatever the bytes.
            if data.len() > 14 { data[12..14].copy_from_slice(&ethertype); data[14] = if ethertype[0] == 8 { 0x45 } else { 0x60 }; }
            let len = data.len();
            super::frame(link, &mut data, &mut shifted);
            prop_assert_eq!(data.len(), len);
        }
    }

    #[test]
    fn icmp_errors_quote_the_new_addresses() {
        let build = |a: [u8; 4], b: [u8; 4]| {
            let quoted = ipv4_packet(a, b, 17, &segment(17, 6, &a, &b, b"0123"));
            let mut error = vec![3, 3, 0, 0, 0, 0, 0, 0];
            error.extend(quoted);
            let ck = checksum(&error);
            set_word(&mut error, 2, ck);
            ethernet_frame(0x0800, &ipv4_packet(b, a, 1, &error))
        };
        let mut frame = build(A, B);
        super::frame(1, &mut frame, &mut shifted);
        assert_eq!(frame, build(new4(A), new4(B)));
    }

    #[test]
    fn tunnels_are_followed() {
        let inner = |a: [u8; 4], b: [u8; 4]| ipv4_packet(a, b, 6, &segment(6, 16, &a, &b, b"payload"));
        let gre = |a, b| {
            let mut g = vec![0, 0, 8, 0];
            g.extend(inner(a, b));
            ipv4_packet(a, b, 47, &g)
        };
        let vxlan = |a: [u8; 4], b: [u8; 4]| {
            let mut v = vec![8, 0, 0, 0, 0, 0, 9, 0];
            v.extend(ethernet_frame(0x0800, &inner(a, b)));
            let mut s = vec![0xc0, 0, 0x12, 0xb5, 0, 0, 0, 0];
            s.extend(v);
            let len = s.len() as u16;
            set_word(&mut s, 4, len);
            let ck = transport_checksum(&a, &b, 17, &s);
            set_word(&mut s, 6, ck);
            ipv4_packet(a, b, 17, &s)
        };
        let ipip = |a, b| ipv4_packet(a, b, 4, &inner(a, b));
        for build in [&gre as &dyn Fn([u8; 4], [u8; 4]) -> Vec<u8>, &vxlan, &ipip] {
            let mut frame = ethernet_frame(0x0800, &build(A, B));
            super::frame(1, &mut frame, &mut shifted);
            assert_eq!(frame, ethernet_frame(0x0800, &build(new4(A), new4(B))));
        }
    }

    #[test]
    fn a_udp_checksum_of_none_stays_none() {
        let mut packet = ipv4_packet(A, B, 17, &[0, 1, 0, 2, 0, 8, 0, 0]);
        super::frame(101, &mut packet, &mut shifted);
        assert_eq!(word(&packet, 26), Some(0));
    }

    #[test]
    fn later_fragments_keep_their_payload() {
        let mut packet = ipv4_packet(A, B, 6, &[0xaa; 40]);
        set_word(&mut packet, 6, 5);
        super::frame(101, &mut packet, &mut shifted);
        assert_eq!(packet[20..], [0xaa; 40]);
    }
}
