//! What rules keep between packets beside flowbits, and what lists say of addresses: bits on hosts, numbers on flows, tags,
//! reputations, countries.

use super::meta::{invalid, text};
use super::{ANYTHING, Keyword, PLAIN, number};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::kept::{
    BitCommand, BitOwner, FlowInt, FlowIntOp, FlowIntOperand, GeoIp, HostBit, IpRep, Order, ScoreTest, Side, Tag,
    TagLength, TagScope, VariableTest,
};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "flowint",
        PLAIN,
        flowint,
        "`flowint:name,op,value`: a number kept on the flow; `+` `-` `=` change it, `<` `<=` `==` `!=` `>=` `>`, `isset` and `notset` test it.",
    ),
    Keyword::new(
        "flowvar",
        ANYTHING,
        flowvar,
        "`flowvar:name,\"…\"`: what an expression captured for the flow (`pcre:\"/…/, flow:name\"`) has these bytes in it.",
    ),
    Keyword::new(
        "pktvar",
        ANYTHING,
        pktvar,
        "`pktvar:name,\"…\"`: what an expression of another rule captured for this packet has these bytes in it.",
    ),
    Keyword::new(
        "xbits",
        PLAIN,
        xbits,
        "`xbits:set|unset|isset|isnotset|toggle,name,track ip_src|ip_dst|ip_pair|tx[,expire N]`: bits kept on hosts, pairs of hosts or a transaction, for 30 seconds unless said.",
    ),
    Keyword::new(
        "hostbits",
        PLAIN,
        hostbits,
        "`hostbits:set|unset|isset|isnotset|toggle,name[,src|dst|both]`: bits kept on a host, for 5 minutes.",
    ),
    Keyword::new(
        "tag",
        PLAIN,
        tag,
        "`tag:session|host,N,packets|seconds|bytes[,src|dst]`: later packets of the flow or host are logged.",
    ),
    Keyword::new(
        "iprep",
        PLAIN,
        iprep,
        "`iprep:src|dst|any|both,category,op,score`: what the configured lists say of an address, 0 to 127; `isset` and `isnotset` in place of op and score ask whether it is listed.",
    ),
    Keyword::new(
        "geoip",
        PLAIN,
        geoip,
        "`geoip:[src|dst|any|both,][!]CC,…`: the country of an address, by the configured database.",
    ),
];

type Outcome = Result<(), RuleError>;

/// Seconds that a bit of `xbits` lasts when its rule does not say (Suricata's user guide, "xbits").
const XBITS_EXPIRE_S: u32 = 30;
/// The same for `hostbits`, which last as long as Suricata knows the host; its default is five minutes.
const HOSTBITS_EXPIRE_S: u32 = 300;

pub(super) fn one_of(name: &'static str, text: Text<'_>, words: &[&[u8]], expected: &'static str) -> Outcome {
    if words.contains(&text.bytes) { Ok(()) } else { Err(invalid(name, text, expected)) }
}

fn end(value: Text<'_>) -> Text<'_> {
    value.from(value.bytes.len())
}

pub(super) fn named(name: &'static str, text: Text<'_>) -> Result<Box<str>, RuleError> {
    if text.bytes.is_empty() || text.bytes.iter().any(u8::is_ascii_whitespace) {
        return Err(invalid(name, text, "a name without blanks"));
    }
    Ok(text.to_lossy())
}

pub(super) fn order(sign: &[u8]) -> Option<Order> {
    Some(match sign {
        b"<" => Order::Less,
        b"<=" => Order::LessOrEqual,
        b"=" | b"==" => Order::Equal,
        b"!=" | b"!" => Order::NotEqual,
        b">=" => Order::GreaterOrEqual,
        b">" => Order::Greater,
        _ => return None,
    })
}

fn variable(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>, of_packet: bool) -> Outcome {
    let expected = "a variable's name and a content between quotes";
    let value = text(option);
    let Some((variable, content)) = value.split_once(b',') else { return Err(invalid(name, value, expected)) };
    let inner = content.bytes.strip_prefix(b"\"").and_then(|c| c.strip_suffix(b"\""));
    let content = match inner {
        Some(inner) => content.from(1).to(inner.len()),
        None => return Err(invalid(name, content, expected)),
    };
    if variable.bytes.is_empty() {
        return Err(invalid(name, value, expected));
    }
    let test = VariableTest { of_packet, name: variable.to_lossy(), content: super::content::bytes(content)? };
    checker.signature.kept.variables.push(test);
    Ok(())
}

fn flowvar(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    variable(checker, name, option, false)
}

fn pktvar(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    variable(checker, name, option, true)
}

fn flowint(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let expected = "a name, an operator and a value, as in count,+,1, or a name and isset or notset";
    let parts: Vec<Text<'_>> = value.split(b',').collect();
    let (variable, op, operand) = match parts[..] {
        [variable, operator] => match operator.bytes {
            b"isset" => (variable, FlowIntOp::IsSet, FlowIntOperand::Number(0)),
            b"isnotset" | b"notset" => (variable, FlowIntOp::NotSet, FlowIntOperand::Number(0)),
            _ => return Err(invalid(name, value, expected)),
        },
        [variable, operator, operand] => {
            let op = match operator.bytes {
                b"+" => FlowIntOp::Add,
                b"-" => FlowIntOp::Subtract,
                b"=" => FlowIntOp::Assign,
                sign => FlowIntOp::Compare(order(sign).ok_or_else(|| invalid(name, value, expected))?),
            };
            let operand = if operand.bytes.first().is_some_and(u8::is_ascii_digit) {
                let number = number::unsigned(name, operand, u64::from(u32::MAX))?;
                FlowIntOperand::Number(u32::try_from(number).unwrap_or(u32::MAX))
            } else {
                FlowIntOperand::Name(named(name, operand)?)
            };
            (variable, op, operand)
        }
        _ => return Err(invalid(name, value, expected)),
    };
    let flow_int = FlowInt { name: named(name, variable)?, op, operand };
    checker.signature.kept.flow_ints.push(flow_int);
    Ok(())
}

fn command(text: Text<'_>) -> Option<BitCommand> {
    Some(match text.bytes {
        b"set" => BitCommand::Set,
        b"unset" => BitCommand::Unset,
        b"toggle" => BitCommand::Toggle,
        b"isset" => BitCommand::IsSet,
        b"isnotset" => BitCommand::IsNotSet,
        _ => return None,
    })
}

fn xbits(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    if value.bytes == b"noalert" {
        checker.signature.noalert = true;
        return Ok(());
    }
    let expected = "set, unset, isset, isnotset or toggle, a name and what to track by";
    let mut all = value.split(b',');
    let (Some(what), Some(bit), Some(track)) = (all.next(), all.next(), all.next()) else {
        return Err(invalid(name, value, expected));
    };
    let command = command(what).ok_or_else(|| invalid(name, what, expected))?;
    let (word, by) = track.split_word();
    one_of(name, word, &[b"track"], "track and ip_src, ip_dst, ip_pair or tx")?;
    let owner = match by.bytes {
        b"ip_src" => BitOwner::Source,
        b"ip_dst" => BitOwner::Destination,
        b"ip_pair" => BitOwner::Pair,
        b"tx" => BitOwner::Transaction,
        _ => return Err(invalid(name, by, "ip_src, ip_dst, ip_pair or tx")),
    };
    let mut expire_s = XBITS_EXPIRE_S;
    for part in all {
        let (word, seconds) = part.split_word();
        one_of(name, word, &[b"expire"], "expire and a number of seconds")?;
        let seconds = number::signed(name, seconds, 1, i64::from(u32::MAX))?;
        expire_s = u32::try_from(seconds).unwrap_or(u32::MAX);
    }
    let bit = HostBit { command, name: named(name, bit)?, owner, expire_s };
    checker.signature.kept.host_bits.push(bit);
    Ok(())
}

fn hostbits(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    if value.bytes == b"noalert" {
        checker.signature.noalert = true;
        return Ok(());
    }
    let expected = "set, unset, isset, isnotset or toggle, a name, and perhaps src, dst or both";
    let mut all = value.split(b',');
    let (what, bit) = (all.next().unwrap_or(value), all.next().unwrap_or(end(value)));
    let command = command(what).ok_or_else(|| invalid(name, value, expected))?;
    let owner = match all.next().map(|side| side.bytes) {
        None | Some(b"src") => BitOwner::Source,
        Some(b"dst") => BitOwner::Destination,
        Some(b"both") => BitOwner::Both,
        Some(_) => return Err(invalid(name, value, expected)),
    };
    if all.next().is_some() {
        return Err(invalid(name, value, expected));
    }
    let bit = HostBit { command, name: named(name, bit)?, owner, expire_s: HOSTBITS_EXPIRE_S };
    checker.signature.kept.host_bits.push(bit);
    Ok(())
}

fn tag(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let mut all = value.split(b',');
    let kind = all.next().unwrap_or(value);
    one_of(name, kind, &[b"session", b"host"], "session or host")?;
    let mut tag = Tag {
        scope: if kind.bytes == b"session" { TagScope::Session } else { TagScope::Source },
        length: TagLength::Unlimited,
    };
    if let Some(count) = all.next() {
        let number = number::unsigned(name, count, u64::from(u32::MAX))?;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let unit = all.next().unwrap_or(end(value));
        tag.length = match unit.bytes {
            b"packets" => TagLength::Packets(number),
            b"seconds" => TagLength::Seconds(number),
            b"bytes" => TagLength::Bytes(number),
            _ => return Err(invalid(name, unit, "packets, seconds or bytes after the number")),
        };
        match all.next().map(|side| (side, side.bytes)) {
            None | Some((_, b"src")) => {}
            Some((_, b"dst")) if tag.scope == TagScope::Source => tag.scope = TagScope::Destination,
            Some((_, b"dst")) => {}
            Some((side, _)) => return Err(invalid(name, side, "src or dst")),
        }
    } else if tag.scope != TagScope::Session {
        return Err(invalid(name, value, "a number and packets, seconds or bytes: only a session ends by itself"));
    }
    if let Some(extra) = all.next() {
        return Err(invalid(name, extra, "nothing more"));
    }
    checker.signature.kept.tags.push(tag);
    Ok(())
}

fn side(word: &[u8]) -> Option<Side> {
    Some(match word {
        b"src" => Side::Source,
        b"dst" => Side::Destination,
        b"any" => Side::Any,
        b"both" => Side::Both,
        _ => return None,
    })
}

/// The highest score of a reputation.
const MAX_SCORE: u8 = 127;

fn iprep(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let expected = "a side, a category, an operator and a score, as in src,BadHosts,>,10";
    let parts: Vec<Text<'_>> = value.split(b',').collect();
    let (whose, category, test) = match parts[..] {
        [whose, category, word] if word.bytes == b"isset" => (whose, category, ScoreTest::Listed),
        [whose, category, word] if word.bytes == b"isnotset" => (whose, category, ScoreTest::NotListed),
        [whose, category, sign, score] => {
            let order = order(sign.bytes).filter(|o| *o != Order::NotEqual);
            let order = order.ok_or_else(|| invalid(name, sign, "<, <=, =, >= or >"))?;
            let score = number::unsigned(name, score, u64::from(MAX_SCORE))?;
            (whose, category, ScoreTest::Score(order, u8::try_from(score).unwrap_or(MAX_SCORE)))
        }
        _ => return Err(invalid(name, value, expected)),
    };
    let side = side(whose.bytes).ok_or_else(|| invalid(name, whose, "src, dst, any or both"))?;
    let condition = IpRep { side, category: named(name, category)?, test };
    checker.signature.kept.reputations.push(condition);
    Ok(())
}

fn geoip(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let mut all = text(option).split(b',').peekable();
    let side = match all.peek().and_then(|first| side(first.bytes)) {
        Some(side) => {
            all.next();
            side
        }
        None => Side::Any,
    };
    let mut negated = None;
    let mut countries = Vec::new();
    for word in all {
        let (not, code) = word.strip(b"!").map_or((false, word), |code| (true, code));
        match code.bytes {
            &[a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                countries.push([a.to_ascii_uppercase(), b.to_ascii_uppercase()]);
            }
            _ => return Err(invalid(name, code, "a country's two letters (ISO 3166)")),
        }
        // One ! counts for all that follow it.
        if negated.is_some_and(|before: bool| !before && not) {
            let other = "countries that are not negated";
            return Err(RuleError::new(Kind::Conflict { keyword: "!", other }, word.span()));
        }
        negated = Some(not || negated.unwrap_or(false));
    }
    if countries.is_empty() {
        return Err(invalid(name, end(text(option)), "a country's two letters (ISO 3166)"));
    }
    let condition = GeoIp { side, countries: countries.into(), negated: negated.unwrap_or(false) };
    checker.signature.kept.countries.push(condition);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    #[test]
    fn bits_on_hosts() {
        let kept =
            good("xbits:set,a.b,track ip_pair,expire 10; xbits:isset, c, track tx; hostbits:toggle,d,both;").kept;
        assert_eq!(
            kept.host_bits,
            [
                HostBit { command: BitCommand::Set, name: "a.b".into(), owner: BitOwner::Pair, expire_s: 10 },
                HostBit { command: BitCommand::IsSet, name: "c".into(), owner: BitOwner::Transaction, expire_s: 30 },
                HostBit { command: BitCommand::Toggle, name: "d".into(), owner: BitOwner::Both, expire_s: 300 },
            ]
        );
        assert!(good("hostbits:noalert;").noalert && good("xbits:noalert;").noalert);
        for option in [
            "xbits:set,a",
            "xbits:set,a,track by_src",
            "xbits:set,a,track ip_src,expires 1",
            "hostbits:put,a",
            "hostbits:set,a,left",
            "hostbits:set",
            "hostbits:set,a,src,dst",
        ] {
            assert!(matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }), "{option}");
        }
        assert!(matches!(bad("xbits:set,a,track ip_src,expire 0;").0, Kind::OutOfRange { .. }));
    }

    #[test]
    fn numbers_on_flows() {
        let kept = good("flowint:a.b, +, 1; flowint:a.b,notset; flowint:a.b,>=,c;").kept;
        let int = |op, operand| FlowInt { name: "a.b".into(), op, operand };
        assert_eq!(
            kept.flow_ints,
            [
                int(FlowIntOp::Add, FlowIntOperand::Number(1)),
                int(FlowIntOp::NotSet, FlowIntOperand::Number(0)),
                int(FlowIntOp::Compare(Order::GreaterOrEqual), FlowIntOperand::Name("c".into())),
            ]
        );
        for option in ["flowint:a", "flowint:a,+", "flowint:a b,+,1", "flowint:a,~,1", "flowint:a,+,1,2"] {
            assert!(matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }), "{option}");
        }
        assert!(matches!(bad("flowint:a,+,4294967296;").0, Kind::OutOfRange { .. }));
    }

    #[test]
    fn what_was_captured() {
        let tests = good("flowvar:ua,\"Moz|69|lla\"; pktvar:id,\"a b\";").kept.variables;
        let expected = [
            VariableTest { of_packet: false, name: "ua".into(), content: b"Mozilla"[..].into() },
            VariableTest { of_packet: true, name: "id".into(), content: b"a b"[..].into() },
        ];
        assert_eq!(tests, expected);
        for option in ["flowvar:ua", "flowvar:ua,Mozilla", "pktvar:,\"x\"", "flowvar:ua,!\"x\""] {
            assert!(matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }), "{option}");
        }
        assert!(matches!(bad("flowvar:ua,\"\";").0, Kind::EmptyContent));
    }

    #[test]
    fn tags() {
        let tags = |o: &str| good(o).kept.tags;
        assert_eq!(tags("tag:session;"), [Tag { scope: TagScope::Session, length: TagLength::Unlimited }]);
        assert_eq!(
            tags("tag:host, 300, seconds, dst;"),
            [Tag { scope: TagScope::Destination, length: TagLength::Seconds(300) }]
        );
        for option in ["tag:packets", "tag:session,5", "tag:session,5,packets,src,x", "tag:host", "tag:host,1,bytes,up"]
        {
            assert!(matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }), "{option}");
        }
    }

    #[test]
    fn what_lists_say_of_addresses() {
        let kept = good("iprep:src,BadHosts,>,10; iprep:both,CnC,isset; geoip:dst,!us,!de; geoip:JP;").kept;
        assert_eq!(kept.reputations[0].test, ScoreTest::Score(Order::Greater, 10));
        assert_eq!((kept.reputations[1].side, kept.reputations[1].test), (Side::Both, ScoreTest::Listed));
        assert!(ScoreTest::NotListed.holds(None) && !ScoreTest::Score(Order::Less, 5).holds(None));
        assert_eq!(
            kept.countries[0],
            GeoIp { side: Side::Destination, countries: [*b"US", *b"DE"].into(), negated: true }
        );
        assert_eq!((kept.countries[1].side, kept.countries[1].negated), (Side::Any, false));
        for option in ["iprep:src,x", "iprep:up,x,>,1", "iprep:src,x,~,1", "geoip:src", "geoip:USA", "geoip:U1"] {
            assert!(matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }), "{option}");
        }
        assert!(matches!(bad("iprep:src,x,>,128;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("geoip:us,!de;").0, Kind::Conflict { .. }));
    }
}
