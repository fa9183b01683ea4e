//! Fields of IP, ICMP and VLAN headers.

use super::meta::{invalid, text};
use super::{Keyword, NO_VALUE, PLAIN, QUOTED_OR_NOT, number};
use crate::check::{Checker, Warning};
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{FlagsMode, FlagsTest, HeaderProto, NumberTest, PacketCondition};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("ttl", PLAIN, ttl, "`ttl:[<|>|!]N`: time to live, or IPv6's hop limit."),
    Keyword::new("tos", PLAIN, tos, "`tos:[!]N`: the type of service byte."),
    Keyword::new("id", PLAIN, id, "`id:N`: IPv4's identification."),
    Keyword::new("ip_proto", PLAIN, ip_proto, "`ip_proto:[!|<|>]N` or a name: the protocol in the IP header."),
    Keyword::new("ipopts", PLAIN, ipopts, "`ipopts:name`: this IPv4 option is there; `any` for any of them."),
    Keyword::new("fragbits", PLAIN, fragbits, "`fragbits:[+|*|!]MDR`: more fragments, do not fragment, reserved."),
    Keyword::new("fragoffset", PLAIN, fragoffset, "`fragoffset:[<|>|!]N`: fragment offset in units of 8 bytes."),
    Keyword::new("sameip", NO_VALUE, sameip, "`sameip`: source and destination address are the same."),
    Keyword::new("itype", PLAIN, itype, "`itype:[<|>]N` or `itype:N<>M`: ICMP type."),
    Keyword::new("icode", PLAIN, icode, "`icode:[<|>]N` or `icode:N<>M`: ICMP code."),
    Keyword::new("icmp_id", QUOTED_OR_NOT, icmp_id, "`icmp_id:N`: identifier of an ICMP message."),
    Keyword::new("icmp_seq", QUOTED_OR_NOT, icmp_seq, "`icmp_seq:N`: sequence number of an ICMP message."),
    Keyword::new(
        "vlan.id",
        PLAIN,
        vlan_id,
        "`vlan.id:[op]N[,layer]`: a VLAN tag's id; a layer counts from the outermost, 0.",
    ),
    Keyword::new("vlan.layers", PLAIN, vlan_layers, "`vlan.layers:[op]N`: so many VLAN tags."),
];

type Outcome = Result<(), RuleError>;

/// Adds a test of a number that can be 0 to `max`.
pub(super) fn add(
    checker: &mut Checker<'_>,
    name: &'static str,
    text: Text<'_>,
    max: u64,
    condition: impl FnOnce(NumberTest) -> PacketCondition,
) -> Outcome {
    match number::test(name, text, max)? {
        Some(test) => checker.packet(condition(test)),
        None => checker.skip(format!("{name} with a bit mask"), text.span()),
    }
    Ok(())
}

fn word(name: &'static str, option: &RuleOption<'_>) -> Result<u16, RuleError> {
    number::unsigned(name, text(option), u64::from(u16::MAX)).map(|n| u16::try_from(n).unwrap_or(u16::MAX))
}

fn ttl(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, text(option), 255, PacketCondition::Ttl)
}

fn tos(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, text(option), 255, PacketCondition::Tos)
}

fn id(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let id = word(name, option)?;
    checker.packet(PacketCondition::IpId(id));
    Ok(())
}

/// Names that rules use, from IANA's registry of protocol numbers.
const PROTOCOLS: &[(&str, u8)] = &[
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("eigrp", 88),
    ("encap", 98),
    ("esp", 50),
    ("etherip", 97),
    ("ggp", 3),
    ("gre", 47),
    ("hopopt", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("igp", 9),
    ("ip", 0),
    ("ipcomp", 108),
    ("ipencap", 4),
    ("ipip", 94),
    ("ipv4", 4),
    ("ipv6", 41),
    ("ipv6-frag", 44),
    ("ipv6-icmp", 58),
    ("icmpv6", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("isis", 124),
    ("l2tp", 115),
    ("mpls-in-ip", 137),
    ("ospf", 89),
    ("pim", 103),
    ("rsvp", 46),
    ("sctp", 132),
    ("skip", 57),
    ("tcp", 6),
    ("udp", 17),
    ("udplite", 136),
    ("vrrp", 112),
];

fn ip_proto(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let at = value.bytes.iter().take_while(|b| matches!(b, b'!' | b'<' | b'>' | b'=' | b' ')).count();
    let (operator, rest) = (value.to(at).trim(), value.from(at));
    if rest.bytes.first().is_none_or(u8::is_ascii_digit) {
        return add(checker, name, value, 255, PacketCondition::IpProto);
    }
    let named = PROTOCOLS.iter().find(|p| p.0.as_bytes().eq_ignore_ascii_case(rest.bytes));
    let Some(&(_, number)) = named else { return Err(invalid(name, rest, "a protocol's number or name")) };
    let n = u64::from(number);
    let ranges = match operator.bytes {
        b"" | b"=" => vec![n..=n],
        b"!" | b"!=" => {
            let below = n.checked_sub(1).map(|last| 0..=last);
            below.into_iter().chain(std::iter::once(n + 1..=255)).collect()
        }
        b"<" if n > 0 => vec![0..=n - 1],
        b">" => vec![n + 1..=255],
        _ => return Err(invalid(name, operator, "! < > or nothing before the protocol")),
    };
    checker.packet(PacketCondition::IpProto(NumberTest { ranges }));
    Ok(())
}

/// Option numbers, RFC 791 and IANA's registry of IP options.
const IP_OPTIONS: &[(&str, Option<u8>)] = &[
    ("any", None),
    ("eol", Some(0)),
    ("nop", Some(1)),
    ("rr", Some(7)),
    ("qs", Some(25)),
    ("ts", Some(68)),
    ("sec", Some(130)),
    ("lsrr", Some(131)),
    ("esec", Some(133)),
    ("cipso", Some(134)),
    ("satid", Some(136)),
    ("ssrr", Some(137)),
    ("rtralt", Some(148)),
];

fn ipopts(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let Some((_, number)) = IP_OPTIONS.iter().find(|o| o.0.as_bytes().eq_ignore_ascii_case(value.bytes)) else {
        let expected = "any, eol, nop, rr, qs, ts, sec, lsrr, esec, cipso, satid, ssrr or rtralt";
        return Err(invalid(name, value, expected));
    };
    checker.packet(PacketCondition::IpOption(*number));
    Ok(())
}

/// Splits off the one modifier that may stand before the letters, or among them.
pub(super) fn mode<'a>(
    name: &'static str,
    value: Text<'a>,
) -> Result<(FlagsMode, impl Iterator<Item = Text<'a>>), RuleError> {
    let mut mode = FlagsMode::Exact;
    let letters = (0..value.bytes.len()).map(move |at| value.from(at).to(1)).filter(|l| l.bytes != b" ");
    for letter in letters.clone() {
        let this = match letter.bytes {
            b"+" => FlagsMode::All,
            b"*" => FlagsMode::Any,
            b"!" => FlagsMode::Not,
            _ => continue,
        };
        if mode != FlagsMode::Exact {
            return Err(invalid(name, letter, "only one of + * !"));
        }
        mode = this;
    }
    Ok((mode, letters.filter(|l| !matches!(l.bytes, b"+" | b"*" | b"!"))))
}

fn fragbits(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let (mode, letters) = mode(name, value)?;
    let mut flags = 0;
    for letter in letters {
        flags |= match letter.bytes {
            b"M" => 1,
            b"D" => 2,
            b"R" => 4,
            _ => return Err(invalid(name, letter, "letters out of M, D and R")),
        };
    }
    if flags == 0 {
        return Err(invalid(name, value, "letters out of M, D and R"));
    }
    checker.packet(PacketCondition::FragBits(FlagsTest { flags, ignored: 0, mode }));
    Ok(())
}

fn fragoffset(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, text(option), u64::from(u16::MAX), PacketCondition::FragOffset)
}

fn sameip(checker: &mut Checker<'_>, _: &'static str, _: &RuleOption<'_>) -> Outcome {
    checker.packet(PacketCondition::SameIp);
    Ok(())
}

fn itype(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, text(option), 255, PacketCondition::IcmpType)
}

fn icode(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, text(option), 255, PacketCondition::IcmpCode)
}

fn icmp_id(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let id = word(name, option)?;
    checker.packet(PacketCondition::IcmpId(id));
    Ok(())
}

fn icmp_seq(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let seq = word(name, option)?;
    checker.packet(PacketCondition::IcmpSeq(seq));
    Ok(())
}

/// The highest VLAN id (12 bits).
const VLAN_MAX: u64 = 4095;

fn vlan_id(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let Some((number, layer)) = value.split_once(b',') else {
        return add(checker, name, value, VLAN_MAX, |test| PacketCondition::VlanId { layer: None, test });
    };
    match layer.bytes {
        b"any" => add(checker, name, number, VLAN_MAX, |test| PacketCondition::VlanId { layer: None, test }),
        b"all" => add(checker, name, number, VLAN_MAX, PacketCondition::VlanIdAll),
        _ => {
            let layer = match number::signed(name, layer, -3, 2) {
                Ok(layer) => layer,
                Err(_) => return Err(invalid(name, layer, "a layer from -3 to 2, any or all")),
            };
            let index = u8::try_from(layer.unsigned_abs()).unwrap_or(u8::MAX);
            add(checker, name, number, VLAN_MAX, |test| {
                if layer < 0 {
                    PacketCondition::VlanIdFromEnd { layer: index, test }
                } else {
                    PacketCondition::VlanId { layer: Some(index), test }
                }
            })
        }
    }
}

fn vlan_layers(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    add(checker, name, value, 3, PacketCondition::VlanLayers).map_err(|mut error| {
        if let Kind::CannotMatch { why } = &mut error.kind {
            why.push_str(" (there are at most 3 layers)");
        }
        error
    })
}

/// Warns of conditions on a header that no packet of the rule's protocol has.
pub(super) fn whole_rule(checker: &mut Checker<'_>) {
    use HeaderProto as P;
    let proto = checker.signature.header.proto;
    let tcp = matches!(proto, P::Ip | P::Tcp | P::TcpPacket | P::TcpStream | P::PacketHeader);
    let icmp = matches!(proto, P::Ip | P::Icmp | P::Icmpv4 | P::Icmpv6 | P::PacketHeader);
    for condition in &checker.signature.packet {
        use PacketCondition as C;
        let (looks_at, has) = match condition {
            C::TcpFlags(_) | C::TcpSeq(_) | C::TcpAck(_) | C::TcpWindow(_) | C::TcpMss(_) => ("TCP", tcp),
            C::IcmpType(_) | C::IcmpCode(_) | C::IcmpId(_) | C::IcmpSeq(_) => ("ICMP", icmp),
            _ => continue,
        };
        // A protocol that is not built stands as `ip`, so it is not judged here.
        if !has {
            let message =
                format!("the rule looks at {looks_at} headers, but its protocol has none: it can never match");
            checker.warnings.push(Warning { message, span: checker.protocol });
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    fn one(option: &str) -> PacketCondition {
        let mut all = good(option).packet;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
    fn is(n: u64) -> NumberTest {
        NumberTest { ranges: vec![n..=n] }
    }

    #[test]
    fn header_fields() {
        assert_eq!(one("ttl:10;"), PacketCondition::Ttl(is(10)));
        assert_eq!(one("tos:!0;"), PacketCondition::Tos(NumberTest { ranges: vec![1..=255] }));
        assert_eq!(one("id:13330;"), PacketCondition::IpId(13330));
        assert_eq!(one("fragoffset:>0;"), PacketCondition::FragOffset(NumberTest { ranges: vec![1..=65535] }));
        assert_eq!(one("sameip;"), PacketCondition::SameIp);
        assert_eq!(one("itype:7<>20;"), PacketCondition::IcmpType(NumberTest { ranges: vec![8..=19] }));
        assert_eq!(one("icode:0;"), PacketCondition::IcmpCode(is(0)));
        assert_eq!(one("icmp_id:\"512\";"), PacketCondition::IcmpId(512));
        assert_eq!(one("icmp_seq:0;"), PacketCondition::IcmpSeq(0));
    }

    #[test]
    fn ip_protocols() {
        assert_eq!(one("ip_proto:47;"), PacketCondition::IpProto(is(47)));
        assert_eq!(one("ip_proto:PIM;"), PacketCondition::IpProto(is(103)));
        assert_eq!(one("ip_proto:!tcp;"), PacketCondition::IpProto(NumberTest { ranges: vec![0..=5, 7..=255] }));
        assert_eq!(one("ip_proto:>udp;"), PacketCondition::IpProto(NumberTest { ranges: vec![18..=255] }));
        assert!(matches!(bad("ip_proto:nope;"), (Kind::Invalid { .. }, at) if at == "nope"));
        assert!(matches!(bad("ip_proto:256;").0, Kind::OutOfRange { .. }));
    }

    #[test]
    fn ip_options_and_fragment_bits() {
        assert_eq!(one("ipopts:lsrr;"), PacketCondition::IpOption(Some(131)));
        assert_eq!(one("ipopts:any;"), PacketCondition::IpOption(None));
        assert!(matches!(bad("ipopts:x;").0, Kind::Invalid { .. }));
        assert_eq!(
            one("fragbits:+MD;"),
            PacketCondition::FragBits(FlagsTest { flags: 3, ignored: 0, mode: FlagsMode::All })
        );
        assert_eq!(
            one("fragbits:R;"),
            PacketCondition::FragBits(FlagsTest { flags: 4, ignored: 0, mode: FlagsMode::Exact })
        );
        assert!(matches!(bad("fragbits:+!M;"), (Kind::Invalid { .. }, at) if at == "!"));
        assert!(matches!(bad("fragbits:MX;"), (Kind::Invalid { .. }, at) if at == "X"));
        assert!(matches!(bad("fragbits:!;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn vlans() {
        assert_eq!(one("vlan.id:300;"), PacketCondition::VlanId { layer: None, test: is(300) });
        assert_eq!(one("vlan.id:300,any;"), PacketCondition::VlanId { layer: None, test: is(300) });
        assert_eq!(one("vlan.id:300,1;"), PacketCondition::VlanId { layer: Some(1), test: is(300) });
        assert_eq!(one("vlan.id:300,-1;"), PacketCondition::VlanIdFromEnd { layer: 1, test: is(300) });
        assert_eq!(one("vlan.id:300,all;"), PacketCondition::VlanIdAll(is(300)));
        assert_eq!(one("vlan.layers:>1;"), PacketCondition::VlanLayers(NumberTest { ranges: vec![2..=3] }));
        assert!(matches!(bad("vlan.id:4096;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("vlan.id:1,3;"), (Kind::Invalid { .. }, at) if at == "3"));
        assert!(matches!(bad("vlan.layers:>3;").0, Kind::CannotMatch { .. }));
    }

    #[test]
    fn values_that_are_none() {
        assert!(matches!(bad("ttl:<0;"), (Kind::CannotMatch { .. }, at) if at == "<0"));
        assert!(matches!(bad("ttl:256;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("itype:20<>7;").0, Kind::CannotMatch { .. }));
        assert!(matches!(bad("id:x;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("icmp_id:65536;").0, Kind::OutOfRange { .. }));
    }
}
