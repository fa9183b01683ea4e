//! Tests of numbers that no number passes: two tests of one field that exclude each other, a `byte_test` beyond what its
//! bytes can hold, a size that leaves no room.

use super::{Subject, buffers, is_optional};
use crate::keywords::content::needed;
use crate::model::{BufferCondition, ByteTest, Comparison, NumberFormat, NumberTest, PacketCondition, Value};
use crate::syntax::Span;
use std::ops::RangeInclusive;

pub(super) fn lint(subject: &mut Subject<'_>) {
    fields(subject);
    sizes(subject);
    byte_tests(subject);
}

/// A field of the packet with the numbers that a condition accepts.
fn field(condition: &PacketCondition) -> Option<(&'static str, Vec<RangeInclusive<u64>>)> {
    use PacketCondition as C;
    let one = |n: u64| vec![n..=n];
    Some(match condition {
        C::Dsize(t) => ("dsize", t.ranges.clone()),
        C::TcpSeq(n) => ("seq", one(u64::from(*n))),
        C::TcpAck(n) => ("ack", one(u64::from(*n))),
        C::TcpWindow(t) => ("window", t.ranges.clone()),
        C::TcpMss(t) => ("tcp.mss", t.ranges.clone()),
        C::Ttl(t) => ("ttl", t.ranges.clone()),
        C::Tos(t) => ("tos", t.ranges.clone()),
        C::IpProto(t) => ("ip_proto", t.ranges.clone()),
        C::IpId(n) => ("id", one(u64::from(*n))),
        C::FragOffset(t) => ("fragoffset", t.ranges.clone()),
        C::IcmpType(t) => ("itype", t.ranges.clone()),
        C::IcmpCode(t) => ("icode", t.ranges.clone()),
        C::IcmpId(n) => ("icmp_id", one(u64::from(*n))),
        C::IcmpSeq(n) => ("icmp_seq", one(u64::from(*n))),
        _ => return None,
    })
}

/// The numbers that both lists of ranges hold.
fn both(a: &[RangeInclusive<u64>], b: &[RangeInclusive<u64>]) -> Vec<RangeInclusive<u64>> {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| *x.start().max(y.start())..=*x.end().min(y.end())));
    pairs.filter(|r| !r.is_empty()).collect()
}

fn fields(subject: &mut Subject<'_>) {
    let mut known: Vec<(&'static str, Vec<RangeInclusive<u64>>)> = Vec::new();
    let mut empty: Vec<&'static str> = Vec::new();
    for (name, ranges) in subject.signature.packet.iter().filter_map(field) {
        match known.iter_mut().find(|k| k.0 == name) {
            Some((_, left)) => {
                *left = both(left, &ranges);
                if left.is_empty() && !empty.contains(&name) {
                    empty.push(name);
                }
            }
            None => known.push((name, ranges)),
        }
    }
    for name in empty {
        let span = subject.all_at(name).nth(1).unwrap_or_else(|| subject.at(name));
        subject.never(span, format!("no number passes all the tests of {name} in this rule"));
    }
}

/// The largest size that is allowed, and by which keyword.
fn largest(tests: &[(&'static str, &NumberTest)]) -> Option<(&'static str, u64)> {
    let most = |t: &NumberTest| t.ranges.iter().map(|r| *r.end()).max();
    tests.iter().filter_map(|(name, t)| Some((*name, most(t)?))).min_by_key(|m| m.1)
}

/// `isdataat` against the contents and the sizes.
fn sizes(subject: &mut Subject<'_>) {
    let mut found: Vec<(Span, String)> = Vec::new();
    for (index, conditions) in buffers(subject.signature).enumerate() {
        if is_optional(conditions) {
            continue;
        }
        let mut tests: Vec<(&'static str, &NumberTest)> = Vec::new();
        for condition in conditions {
            if let BufferCondition::Size(test) = condition {
                tests.push(("bsize", test));
            }
        }
        if index == 0 {
            let dsizes = subject.signature.packet.iter().filter_map(|c| match c {
                PacketCondition::Dsize(test) => Some(("dsize", test)),
                _ => None,
            });
            tests.extend(dsizes);
        }
        let ranges = tests.iter().map(|t| t.1.ranges.clone()).reduce(|a, b| both(&a, &b));
        if tests.iter().any(|t| t.0 == "bsize") && ranges.is_some_and(|r| r.is_empty()) {
            found.push((subject.at("bsize"), "no size passes all the tests of the size in this rule".to_owned()));
        }
        let needed = needed(conditions);
        for condition in conditions {
            let BufferCondition::IsDataAt(at) = condition else { continue };
            let (Value::Literal(position), false) = (at.position, at.relative) else { continue };
            let position = u64::try_from(position).unwrap_or(0);
            if at.negated && needed > position {
                let why = format!("the contents need {needed} bytes, and isdataat wants none at {position}");
                found.push((subject.at("isdataat"), why));
            } else if let (false, Some((name, most))) = (at.negated, largest(&tests))
                && most <= position
            {
                let why = format!("isdataat wants a byte at {position}, {name} allows {most} bytes");
                found.push((subject.at("isdataat"), why));
            }
        }
    }
    for (span, why) in found {
        subject.never(span, why);
    }
}

fn byte_tests(subject: &mut Subject<'_>) {
    let mut tests = Vec::new();
    for condition in buffers(subject.signature).flatten() {
        if let BufferCondition::ByteTest(test) = condition
            && let Some(why) = impossible(test)
        {
            tests.push(why);
        }
    }
    // One place is enough when there are several: the words name the numbers.
    for why in tests {
        subject.never(subject.at("byte_test"), why);
    }
}

/// Why no bytes can pass the test.
fn impossible(test: &ByteTest) -> Option<String> {
    let (Value::Literal(bytes @ 1..=8), Value::Literal(value), false) = (test.bytes, test.value, test.negated) else {
        return None;
    };
    if matches!(test.format, NumberFormat::String(_)) {
        return None;
    }
    let bits = u32::try_from(bytes * 8).ok()?;
    let all = if bits >= 64 { u64::MAX } else { (1_u64 << bits) - 1 };
    let most = match test.bitmask {
        Some(mask) if mask != 0 => (all & u64::from(mask)) >> mask.trailing_zeros(),
        _ => all,
    };
    let value = u64::try_from(value).ok()?;
    let impossible = match test.comparison {
        Comparison::Greater => value >= most,
        Comparison::GreaterOrEqual | Comparison::Equal => value > most,
        Comparison::Less => value == 0,
        Comparison::And => value & most == 0,
        Comparison::LessOrEqual | Comparison::Or => false,
    };
    impossible.then(|| format!("{bytes} bytes hold at most {most}; compared with {value}, this byte_test always fails"))
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::testing::found_in;

    fn never(options: &str) -> Vec<String> {
        found_in(options).into_iter().filter(|f| f.0 == Kind::NeverMatches).map(|f| f.1).collect()
    }

    #[test]
    fn tests_of_one_field_that_exclude_each_other() {
        assert_eq!(never("ttl:<5; ttl:>9;"), ["ttl:>9"]);
        assert_eq!(never("ttl:<5; ttl:>2;"), [""; 0]);
        assert_eq!(never("id:1; id:2;"), ["id:2"]);
    }

    #[test]
    fn data_where_the_size_leaves_none() {
        assert_eq!(never("content:\"abcdef\"; isdataat:!4;"), ["isdataat:!4"]);
        assert_eq!(never("content:\"abcdef\"; isdataat:!6;"), [""; 0]);
        assert_eq!(never("dsize:10; isdataat:10;"), ["isdataat:10"]);
        assert_eq!(never("dsize:10; isdataat:9;"), [""; 0]);
        assert_eq!(never("content:\"a\"; bsize:4; bsize:5;"), ["bsize:4"]);
    }

    #[test]
    fn numbers_beyond_their_bytes() {
        assert_eq!(never("content:\"abcd\"; byte_test:1,>,255,0;"), ["byte_test:1,>,255,0"]);
        assert_eq!(never("content:\"abcd\"; byte_test:1,=,300,0;").len(), 1);
        assert_eq!(never("content:\"abcd\"; byte_test:2,<,0,0;").len(), 1);
        assert_eq!(never("content:\"abcd\"; byte_test:2,=,16,0,bitmask 0xf0;").len(), 1);
        assert_eq!(never("content:\"abcd\"; byte_test:2,=,15,0,bitmask 0xf0;"), [""; 0]);
        assert_eq!(never("content:\"abcd\"; byte_test:1,>,254,0;"), [""; 0]);
        assert_eq!(never("content:\"abcd\"; byte_test:3,>,255,0,string,dec;"), [""; 0]);
        assert_eq!(never("content:\"abcd\"; byte_test:1,!>,255,0;"), [""; 0]);
        assert_eq!(never("content:\"abcd\"; byte_test:8,>,5,0;"), [""; 0]);
    }
}
