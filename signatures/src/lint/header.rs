//! Headers that no packet has: address lists of different IP versions, a port of 0, ports where there are none.

use super::{Kind, Subject};
use crate::model::{AddressSet, HeaderProto, PacketCondition, PortSet};
use crate::report::Severity;
use crate::syntax::{Group, GroupKind, Span};
use std::fmt::Write;

pub(super) fn lint(subject: &mut Subject<'_>) {
    versions(subject);
    ports(subject);
    protocol(subject);
    same_address(subject);
}

/// The only IP version that a list has addresses of, if it is one.
fn version(set: &AddressSet) -> Option<u8> {
    let first = set.include.first()?.first.is_ipv4();
    set.include.iter().all(|r| r.first.is_ipv4() == first).then_some(if first { 4 } else { 6 })
}

fn versions(subject: &mut Subject<'_>) {
    let header = &subject.signature.header;
    let protocol = match header.proto {
        HeaderProto::Icmpv4 => Some(4),
        HeaderProto::Icmpv6 => Some(6),
        _ => header.ip_version,
    };
    let (source, destination) = (version(&header.src), version(&header.dst));
    let spans = [subject.rule.source.span, subject.rule.destination.span];
    for (of, span) in [source, destination].into_iter().zip(spans) {
        if let (Some(wanted), Some(of)) = (protocol, of)
            && wanted != of
        {
            let message = format!("the protocol is of IPv{wanted}, all these addresses are of IPv{of}");
            subject.never(span, message);
            return;
        }
    }
    if let (Some(source), Some(destination)) = (source, destination)
        && source != destination
    {
        let mut message = format!("the sources are all IPv{source}, the destinations all IPv{destination}");
        // The list that the person can add to is most often a variable.
        let variable = [(&subject.rule.source, destination), (&subject.rule.destination, source)].into_iter().find_map(
            |(group, other)| match &group.kind {
                GroupKind::Variable(name) => Some((name.to_lossy(), other)),
                _ => None,
            },
        );
        if let Some((name, other)) = variable {
            let _ = write!(message, "; add IPv{other} addresses to ${name} if there are any");
        }
        subject.never(spans[1], message);
    }
}

fn ports(subject: &mut Subject<'_>) {
    let header = &subject.signature.header;
    let none = matches!(
        header.proto,
        HeaderProto::Icmp | HeaderProto::Icmpv4 | HeaderProto::Icmpv6 | HeaderProto::PacketHeader
    );
    let sides: [(&PortSet, &Group<'_>); 2] =
        [(&header.src_ports, &subject.rule.source_ports), (&header.dst_ports, &subject.rule.destination_ports)];
    let found: Vec<(Span, bool)> = sides
        .iter()
        .filter_map(|(set, group)| match set.ranges[..] {
            _ if none && !set.is_any() => Some((group.span, true)),
            [(0, 0)] if !none => Some((group.span, false)),
            _ => None,
        })
        .collect();
    for (span, without) in found {
        if without {
            subject.never(span, "packets of this protocol have no ports; write any");
        } else {
            let message = "only port 0, which no service uses; write any if every port is meant";
            subject.tell(Kind::NeverMatches, Severity::Warning, span, message);
        }
    }
}

/// `ip_proto` against the protocol of the header.
fn protocol(subject: &mut Subject<'_>) {
    let numbers: &[u64] = match subject.signature.header.proto {
        HeaderProto::Tcp | HeaderProto::TcpPacket | HeaderProto::TcpStream => &[6],
        HeaderProto::Udp => &[17],
        HeaderProto::Icmp => &[1, 58],
        HeaderProto::Icmpv4 => &[1],
        HeaderProto::Icmpv6 => &[58],
        HeaderProto::Sctp => &[132],
        HeaderProto::Ip | HeaderProto::PacketHeader | HeaderProto::App => return,
    };
    let excluded = subject
        .signature
        .packet
        .iter()
        .any(|c| matches!(c, PacketCondition::IpProto(test) if !numbers.iter().any(|&n| test.holds(n))));
    if excluded {
        subject.never(subject.at("ip_proto"), "the header's protocol has another number");
    }
}

fn same_address(subject: &mut Subject<'_>) {
    let header = &subject.signature.header;
    let same = subject.signature.packet.contains(&PacketCondition::SameIp);
    if !same || header.src.include.is_empty() || header.dst.include.is_empty() {
        return;
    }
    let overlap = header.src.include.iter().any(|a| {
        header
            .dst
            .include
            .iter()
            .any(|b| a.first.is_ipv4() == b.first.is_ipv4() && a.first <= b.last && b.first <= a.last)
    });
    if !overlap {
        subject.never(subject.at("sameip"), "no address is both in the sources and in the destinations");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    fn kinds(header: &str, options: &str) -> Vec<(Kind, String)> {
        found(&format!(
            "{header} (msg:\"m\"; {options} threshold:type limit, track by_src, count 1, seconds 9; sid:1; rev:1;)"
        ))
        .into_iter()
        .filter(|(kind, _)| *kind == Kind::NeverMatches)
        .collect()
    }

    #[test]
    fn ip_versions_that_exclude_one_another() {
        let never = |at: &str| vec![(Kind::NeverMatches, at.to_owned())];
        assert_eq!(kinds("alert ip 10.0.0.1 any -> 2001:db8::1 any", ""), never("2001:db8::1"));
        assert_eq!(kinds("alert ip6 any any -> 10.0.0.1 any", ""), never("10.0.0.1"));
        assert_eq!(kinds("alert icmpv6 10.0.0.1 any -> any any", ""), never("10.0.0.1"));
        assert_eq!(kinds("alert ip [10.0.0.1,2001:db8::2] any -> 2001:db8::1 any", ""), []);
        assert_eq!(kinds("alert ip !10.0.0.1 any -> 2001:db8::1 any", ""), []);
    }

    #[test]
    fn ports_that_say_nothing() {
        assert_eq!(kinds("alert icmp any 80 -> any any", "itype:8;"), [(Kind::NeverMatches, "80".to_owned())]);
        assert_eq!(kinds("alert udp any any -> any 0", ""), [(Kind::NeverMatches, "0".to_owned())]);
        assert_eq!(kinds("alert udp any any -> any [0,53]", ""), []);
        assert_eq!(kinds("alert icmp any any -> any any", "itype:8;"), []);
    }

    #[test]
    fn protocol_numbers_and_equal_addresses() {
        assert_eq!(
            kinds("alert udp any any -> any any", "ip_proto:6;"),
            [(Kind::NeverMatches, "ip_proto:6".to_owned())]
        );
        assert_eq!(kinds("alert icmp any any -> any any", "ip_proto:58;"), []);
        let (apart, near) = ("alert ip 10.0.0.0/8 any -> 11.0.0.0/8 any", "alert ip 10.0.0.0/8 any -> 10.9.0.0/16 any");
        assert_eq!(kinds(apart, "sameip;"), [(Kind::NeverMatches, "sameip".to_owned())]);
        assert_eq!(kinds(near, "sameip;"), []);
    }
}
