//! Parts of packets that have no family of their own: checksums, and fields of ICMPv6, IGMP and VXLAN.

use super::meta::{invalid, text};
use super::{Keyword, PLAIN, QUOTED_OR_NOT, number};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{ChecksumOf, NumberTest, PacketCondition, RpcCall};
use crate::syntax::RuleOption;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("ipv4-csum", QUOTED_OR_NOT, ipv4, "`ipv4-csum:valid|invalid`: the IPv4 header's checksum."),
    Keyword::new("tcpv4-csum", QUOTED_OR_NOT, tcpv4, "`tcpv4-csum:valid|invalid`: the TCP checksum over IPv4."),
    Keyword::new("tcpv6-csum", QUOTED_OR_NOT, tcpv6, "`tcpv6-csum:valid|invalid`: the TCP checksum over IPv6."),
    Keyword::new("udpv4-csum", QUOTED_OR_NOT, udpv4, "`udpv4-csum:valid|invalid`: the UDP checksum over IPv4."),
    Keyword::new("udpv6-csum", QUOTED_OR_NOT, udpv6, "`udpv6-csum:valid|invalid`: the UDP checksum over IPv6."),
    Keyword::new("icmpv4-csum", QUOTED_OR_NOT, icmpv4, "`icmpv4-csum:valid|invalid`: the ICMP checksum."),
    Keyword::new("icmpv6-csum", QUOTED_OR_NOT, icmpv6, "`icmpv6-csum:valid|invalid`: the ICMPv6 checksum."),
    Keyword::new("icmpv6.mtu", PLAIN, mtu, "`icmpv6.mtu:[op]N`: the MTU of a packet too big message."),
    Keyword::new("igmp.type", PLAIN, igmp, "`igmp.type:[op]N`: the type of an IGMP message."),
    Keyword::new(
        "rpc",
        PLAIN,
        rpc,
        "`rpc:PROGRAM,VERSION|*,PROCEDURE|*`: the packet begins with such a call of ONC RPC.",
    ),
    Keyword::new("l3_proto", PLAIN, l3_proto, "`l3_proto:ipv4|ipv6`: the network protocol."),
    Keyword::new(
        "vxlan_vni",
        PLAIN,
        vni,
        "`vxlan_vni:[op]N`: the network identifier of the VXLAN header that the packet carries.",
    ),
];

type Outcome = Result<(), RuleError>;

fn checksum(checker: &mut Checker<'_>, name: &'static str, of: ChecksumOf, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let right = match value.bytes.to_ascii_lowercase().as_slice() {
        b"valid" => true,
        b"invalid" => false,
        _ => return Err(invalid(name, value, "valid or invalid")),
    };
    checker.packet(PacketCondition::Checksum { of, right });
    Ok(())
}

fn ipv4(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checksum(checker, name, ChecksumOf::Ipv4, option)
}

fn tcpv4(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checksum(checker, name, ChecksumOf::Tcpv4, option)
}

fn tcpv6(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checksum(checker, name, ChecksumOf::Tcpv6, option)
}

fn udpv4(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checksum(checker, name, ChecksumOf::Udpv4, option)
}

fn udpv6(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checksum(checker, name, ChecksumOf::Udpv6, option)
}

fn icmpv4(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checksum(checker, name, ChecksumOf::Icmpv4, option)
}

fn icmpv6(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checksum(checker, name, ChecksumOf::Icmpv6, option)
}

fn rpc(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let mut parts = text(option).split(b',');
    let mut part = || parts.next().filter(|part| part.bytes != b"*");
    let one = |text| number::unsigned(name, text, u64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let Some(program) = part() else {
        return Err(invalid(name, text(option), "a program's number, as in 100000,2,3"));
    };
    let (program, version, procedure) = (one(program)?, part().map(one).transpose()?, part().map(one).transpose()?);
    if let Some(more) = parts.next() {
        return Err(invalid(name, more, "program, version and procedure, and no more"));
    }
    checker.packet(PacketCondition::Rpc(RpcCall { program, version, procedure }));
    Ok(())
}

fn number(
    checker: &mut Checker<'_>,
    name: &'static str,
    option: &RuleOption<'_>,
    max: u64,
    condition: fn(NumberTest) -> PacketCondition,
) -> Outcome {
    match number::test(name, text(option), max)? {
        Some(test) => checker.packet(condition(test)),
        None => checker.skip(format!("{name} with a bit mask"), option.name.span()),
    }
    Ok(())
}

fn mtu(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    number(checker, name, option, u64::from(u32::MAX), PacketCondition::Icmpv6Mtu)
}

fn igmp(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    number(checker, name, option, u64::from(u8::MAX), PacketCondition::IgmpType)
}

fn vni(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    number(checker, name, option, (1 << 24) - 1, PacketCondition::VxlanVni)
}

fn l3_proto(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let version = match value.bytes.to_ascii_lowercase().as_slice() {
        b"4" | b"ip4" | b"ipv4" => 4,
        b"6" | b"ip6" | b"ipv6" => 6,
        _ => return Err(invalid(name, value, "ipv4 or ipv6")),
    };
    match checker.signature.header.ip_version.replace(version) {
        Some(other) if other != version => {
            let why = format!("the rule is on IPv{other}");
            Err(RuleError::new(Kind::CannotMatch { why }, value.span()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    #[test]
    fn calls() {
        let call = |option| match &good(option).packet[..] {
            [PacketCondition::Rpc(call)] => *call,
            other => panic!("{other:?}"),
        };
        let any = RpcCall { program: 100_000, version: None, procedure: None };
        assert_eq!((call("rpc:100000,*,*;"), call("rpc:100000;")), (any, any));
        assert_eq!(call("rpc:100000, 2, *;"), RpcCall { version: Some(2), ..any });
        assert_eq!(call("rpc:100000,*,3;"), RpcCall { procedure: Some(3), ..any });
        assert!(matches!(bad("rpc:*,1,2;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("rpc:1,2,3,4;"), (Kind::Invalid { .. }, at) if at == "4"));
        assert!(matches!(bad("rpc:portmap;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn checksums_and_fields() {
        let packet =
            good("ipv4-csum:invalid; tcpv6-csum:\"valid\"; icmpv6.mtu:<1280; igmp.type:17; vxlan_vni:10;").packet;
        assert_eq!(packet[0], PacketCondition::Checksum { of: ChecksumOf::Ipv4, right: false });
        assert_eq!(packet[1], PacketCondition::Checksum { of: ChecksumOf::Tcpv6, right: true });
        assert!(matches!(&packet[2], PacketCondition::Icmpv6Mtu(t) if t.holds(1279) && !t.holds(1280)));
        assert_eq!(good("l3_proto:ipv6;").header.ip_version, Some(6));
        assert!(matches!(bad("l3_proto:ipv6; l3_proto:4;").0, Kind::CannotMatch { .. }));
        assert!(matches!(bad("udpv4-csum:wrong;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("igmp.type:256;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("vxlan_vni:16777216;").0, Kind::OutOfRange { .. }));
    }
}
