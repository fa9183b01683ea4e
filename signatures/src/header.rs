//! What a header's groups accept: lists, negation and variables resolved to sorted, disjoint ranges.
//!
//! A group is read as Suricata reads it: lists and variables are flattened, every `!` on the way down turns a member
//! from accepted to excluded and back, and what is excluded anywhere is excluded from the whole. A group with nothing but
//! exclusions accepts the rest of the world.

use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{AddressRange, AddressSet, PortSet};
use crate::syntax::{Group, GroupKind, Span, Text};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many variables may stand for each other in a row.
const MAX_EXPANSION: usize = 64;

/// Gives the text of a variable.
pub(crate) trait Definitions {
    /// The group that the variable stands for, or why there is none.
    fn definition(&self, name: &[u8]) -> Result<&[u8], Kind>;
}

/// The addresses that a group accepts.
///
/// # Errors
/// For what is no address, an undefined or circular variable, or when nothing is left.
pub(crate) fn addresses(group: &Group<'_>, variables: &dyn Definitions) -> Result<AddressSet, RuleError> {
    let mut found = Found::default();
    flatten(group, false, None, 0, variables, &mut |item| address_range(item), &mut found)?;
    let (mut include, exclude) = (normalise(found.accepted), normalise(found.excluded));
    if found.accepts_any {
        include.clear();
    }
    if found.excludes_any || (!include.is_empty() && !exclude.is_empty()) {
        include = subtract(&include, &exclude);
        if include.is_empty() || found.excludes_any {
            return Err(RuleError::new(Kind::NothingLeft { what: "address" }, group.span));
        }
        return Ok(AddressSet { include: ranges(&include), exclude: Vec::new() });
    }
    Ok(AddressSet { include: ranges(&include), exclude: ranges(&exclude) })
}

/// The ports that a group accepts.
///
/// # Errors
/// As for [`addresses`].
pub(crate) fn ports(group: &Group<'_>, variables: &dyn Definitions) -> Result<PortSet, RuleError> {
    let mut found = Found::default();
    flatten(group, false, None, 0, variables, &mut |item| port_range(item), &mut found)?;
    let excluded = normalise(found.excluded);
    let all = vec![Range { six: false, first: 0, last: u128::from(u16::MAX) }];
    let accepted = if found.accepts_any || found.accepted.is_empty() { all } else { normalise(found.accepted) };
    let left = subtract(&accepted, &excluded);
    if left.is_empty() || found.excludes_any {
        return Err(RuleError::new(Kind::NothingLeft { what: "port" }, group.span));
    }
    let port = |n: u128| u16::try_from(n).unwrap_or(u16::MAX);
    Ok(PortSet { ranges: left.iter().map(|r| (port(r.first), port(r.last))).collect() })
}

/// A range of addresses (as numbers, of one IP version) or of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    six: bool,
    first: u128,
    last: u128,
}

#[derive(Default)]
struct Found {
    accepted: Vec<Range>,
    excluded: Vec<Range>,
    accepts_any: bool,
    excludes_any: bool,
}

fn flatten(
    group: &Group<'_>,
    negated: bool,
    outer: Option<Span>,
    depth: usize,
    variables: &dyn Definitions,
    range: &mut dyn FnMut(Text<'_>) -> Result<Option<Range>, Kind>,
    found: &mut Found,
) -> Result<(), RuleError> {
    let negated = negated != group.negated;
    // An error inside a variable's text is pointed at where the rule names the variable.
    let place = |span: Span| outer.unwrap_or(span);
    match &group.kind {
        GroupKind::Item(item) => {
            let read = range(*item).map_err(|kind| RuleError::new(kind, place(item.span())))?;
            match (read, negated) {
                (Some(range), false) => found.accepted.push(range),
                (Some(range), true) => found.excluded.push(range),
                (None, false) => found.accepts_any = true,
                (None, true) => found.excludes_any = true,
            }
            Ok(())
        }
        GroupKind::List(members) => {
            members.iter().try_for_each(|m| flatten(m, negated, outer, depth, variables, range, found))
        }
        GroupKind::Variable(name) => {
            let at = place(group.span);
            let fail = |kind| RuleError::new(kind, at);
            if depth >= MAX_EXPANSION {
                return Err(fail(Kind::CircularVariable { name: name.show() }));
            }
            let within = |kind: Kind| match kind {
                kind @ (Kind::CircularVariable { .. } | Kind::InVariable { .. } | Kind::UndefinedVariable { .. }) => {
                    kind
                }
                kind => Kind::InVariable { name: name.show(), source: Box::new(kind) },
            };
            let text = variables.definition(name.bytes).map_err(fail)?;
            let inner = crate::syntax::parse_group(text).map_err(|e| fail(within(e.kind)))?;
            flatten(&inner, negated, Some(at), depth + 1, variables, range, found)
                .map_err(|e| RuleError::new(within(e.kind), e.span))
        }
    }
}

/// Sorted, and ranges that touch joined.
fn normalise(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut out: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if last.six == range.six && range.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(range.last);
            }
            _ => out.push(range),
        }
    }
    out
}

/// What of `from` is not in `without`; both normalised.
fn subtract(from: &[Range], without: &[Range]) -> Vec<Range> {
    let mut out = Vec::with_capacity(from.len());
    for &range in from {
        let mut rest = Some(range);
        for cut in without.iter().filter(|w| w.six == range.six) {
            let Some(r) = rest else { break };
            if cut.last < r.first || cut.first > r.last {
                continue;
            }
            if cut.first > r.first {
                out.push(Range { last: cut.first - 1, ..r });
            }
            rest = (cut.last < r.last).then(|| Range { first: cut.last + 1, ..r });
        }
        out.extend(rest);
    }
    out
}

fn ranges(of: &[Range]) -> Vec<AddressRange> {
    let address = |six: bool, n: u128| match u32::try_from(n) {
        Ok(n) if !six => IpAddr::V4(Ipv4Addr::from_bits(n)),
        _ => IpAddr::V6(Ipv6Addr::from_bits(n)),
    };
    of.iter().map(|r| AddressRange { first: address(r.six, r.first), last: address(r.six, r.last) }).collect()
}

fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(a) => (false, u128::from(a.to_bits())),
        IpAddr::V6(a) => (true, a.to_bits()),
    }
}

/// `any` (None), an address, a prefix, an address with a netmask, or a range.
fn address_range(item: Text<'_>) -> Result<Option<Range>, Kind> {
    let bad = |why| Kind::BadAddress { text: item.show(), why };
    if item.bytes.eq_ignore_ascii_case(b"any") {
        return Ok(None);
    }
    let text = std::str::from_utf8(item.bytes).map_err(|_| bad("it is not ASCII"))?;
    let parse = |t: &str| t.parse::<IpAddr>().map(number).map_err(|_| bad("expected any, an IPv4 or an IPv6 address"));
    if let Some((address, mask)) = text.split_once('/') {
        let (six, bits) = parse(address)?;
        let width = if six { 128 } else { 32 };
        let len = match mask.parse::<Ipv4Addr>() {
            Ok(mask) if !six => {
                let mask = mask.to_bits();
                if mask.leading_ones() + mask.trailing_zeros() < 32 {
                    return Err(bad("the netmask has holes"));
                }
                mask.leading_ones()
            }
            _ => mask.parse::<u32>().ok().filter(|&n| n <= width).ok_or_else(|| {
                bad(if six { "the prefix length must be 0 to 128" } else { "the prefix length must be 0 to 32" })
            })?,
        };
        let host = if len == 0 { u128::MAX } else { (1_u128 << (width - len)) - 1 } & (u128::MAX >> (128 - width));
        return Ok(Some(Range { six, first: bits & !host, last: bits | host }));
    }
    if let Some((first, last)) = text.split_once('-') {
        let ((six, first), (six_too, last)) = (parse(first)?, parse(last)?);
        if six != six_too {
            return Err(bad("the range mixes IPv4 and IPv6"));
        }
        if first > last {
            return Err(bad("the range is reversed"));
        }
        return Ok(Some(Range { six, first, last }));
    }
    let (six, bits) = parse(text)?;
    Ok(Some(Range { six, first: bits, last: bits }))
}

/// `any` (None), a port, or `first:last` with either left out.
fn port_range(item: Text<'_>) -> Result<Option<Range>, Kind> {
    let bad = |why| Kind::BadPort { text: item.show(), why };
    if item.bytes.eq_ignore_ascii_case(b"any") {
        return Ok(None);
    }
    let port = |t: &[u8], default: u16| -> Result<u16, Kind> {
        if t.is_empty() {
            return Ok(default);
        }
        let digits = t.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(t).unwrap_or_default();
        match text.parse::<u16>() {
            Ok(port) if digits => Ok(port),
            _ => Err(bad("expected any, 0 to 65535, or a range such as 1024:2048")),
        }
    };
    let (first, last) = match memchr::memchr(b':', item.bytes) {
        Some(_) if item.bytes == b":" => return Err(bad("the range has no end")),
        Some(at) => (port(&item.bytes[..at], 0)?, port(&item.bytes[at + 1..], u16::MAX)?),
        None => {
            let only = port(item.bytes, 0)?;
            (only, only)
        }
    };
    if first > last {
        return Err(bad("the range is reversed"));
    }
    Ok(Some(Range { six: false, first: u128::from(first), last: u128::from(last) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_group;
    use proptest::prelude::*;

    struct Named;
    impl Definitions for Named {
        fn definition(&self, name: &[u8]) -> Result<&[u8], Kind> {
            match name {
                b"HOME" => Ok(b"[10.0.0.0/8,192.168.0.0/16]"),
                b"OUT" => Ok(b"!$HOME"),
                b"LOOP" => Ok(b"[1.1.1.1,$LOOP]"),
                b"BAD" => Ok(b"[1.1.1.300]"),
                b"WEB" => Ok(b"[80,8080]"),
                _ => Err(Kind::UndefinedVariable { name: String::from_utf8_lossy(name).into(), nearest: None }),
            }
        }
    }

    fn a(text: &str) -> Result<AddressSet, RuleError> {
        addresses(&parse_group(text.as_bytes()).unwrap(), &Named)
    }
    fn p(text: &str) -> Result<Vec<(u16, u16)>, RuleError> {
        ports(&parse_group(text.as_bytes()).unwrap(), &Named).map(|p| p.ranges)
    }
    fn holds(text: &str, address: &str) -> bool {
        a(text).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn address_forms() {
        assert!(a("any").unwrap().is_any());
        assert!(holds("10.0.0.0/8", "10.255.255.255") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("10.1.2.3/255.255.0.0", "10.1.9.9") && !holds("10.1.2.3/255.255.0.0", "10.2.0.0"));
        assert!(holds("1.1.1.1-1.1.1.9", "1.1.1.9") && !holds("1.1.1.1-1.1.1.9", "1.1.1.10"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "32.1.13.184"));
        assert!(holds("::/0", "::1") && holds("0.0.0.0/0", "8.8.8.8") && !holds("::/0", "8.8.8.8"));
    }

    #[test]
    fn groups_negation_and_variables() {
        assert!(holds("!$HOME", "8.8.8.8") && !holds("!$HOME", "10.1.1.1") && holds("!$HOME", "2001::1"));
        assert_eq!(a("$OUT").unwrap(), a("!$HOME").unwrap());
        assert_eq!(a("!$OUT").unwrap(), a("$HOME").unwrap());
        assert!(holds("[10.0.0.0/8,!10.1.0.0/16]", "10.2.0.0") && !holds("[10.0.0.0/8,!10.1.0.0/16]", "10.1.9.9"));
        assert!(holds("[1.1.1.1,[2.2.2.2,![3.3.3.3]]]", "2.2.2.2"));
        assert!(holds("[any,!1.1.1.1]", "::1") && !holds("[any,!1.1.1.1]", "1.1.1.1"));
        let one = a("[10.0.0.0/9,10.128.0.0/9]").unwrap();
        assert_eq!(one.include.len(), 1);
    }

    #[test]
    fn bad_addresses() {
        let kind = |t: &str| a(t).unwrap_err();
        assert!(matches!(kind("1.2.3").kind, Kind::BadAddress { .. }));
        assert!(matches!(kind("1.2.3.4/33").kind, Kind::BadAddress { .. }));
        assert!(matches!(kind("1.2.3.4/255.0.255.0").kind, Kind::BadAddress { .. }));
        assert!(matches!(kind("2.0.0.0-1.0.0.0").kind, Kind::BadAddress { why: "the range is reversed", .. }));
        assert!(matches!(kind("!any").kind, Kind::NothingLeft { .. }));
        assert!(matches!(kind("[10.1.1.1,!10.0.0.0/8]").kind, Kind::NothingLeft { .. }));
        assert!(matches!(kind("$LOOP").kind, Kind::CircularVariable { .. }));
        assert!(matches!(kind("[1.1.1.1,$NONE]").kind, Kind::UndefinedVariable { .. }));
        assert_eq!(kind("[1.1.1.1, $NONE]").span, Span { start: 10, end: 15 });
        let inner = kind("[1.1.1.1, $BAD]");
        assert!(matches!(inner.kind, Kind::InVariable { .. }));
        assert_eq!(inner.span, Span { start: 10, end: 14 });
    }

    #[test]
    fn port_forms() {
        assert_eq!(p("any").unwrap(), [(0, 65535)]);
        assert_eq!(p("80").unwrap(), [(80, 80)]);
        assert_eq!(p("1024:").unwrap(), [(1024, 65535)]);
        assert_eq!(p(":1024").unwrap(), [(0, 1024)]);
        assert_eq!(p("!80").unwrap(), [(0, 79), (81, 65535)]);
        assert_eq!(p("[80,81,90:100,!95]").unwrap(), [(80, 81), (90, 94), (96, 100)]);
        assert_eq!(p("![$WEB,0]").unwrap(), [(1, 79), (81, 8079), (8081, 65535)]);
    }

    #[test]
    fn bad_ports() {
        for text in ["65536", "-1", "+1", "x", "1:2:3", ":", "9:1"] {
            assert!(matches!(p(text).unwrap_err().kind, Kind::BadPort { .. }), "{text}");
        }
        for text in ["!any", "[80,!80]", "!0:65535", "[any,!any]"] {
            assert!(matches!(p(text).unwrap_err().kind, Kind::NothingLeft { .. }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ports_hold_what_the_members_say(members in prop::collection::vec((any::<bool>(), 0_u16..50, 0_u16..20), 1..8)) {
            let text: Vec<String> =
                members.iter().map(|(n, f, l)| format!("{}{f}:{}", if *n { "!" } else { "" }, f + l)).collect();
            let member = |negated: bool, port: u16| members.iter().any(|&(n, f, l)| n == negated && (f..=f + l).contains(&port));
            let positive = members.iter().any(|m| !m.0);
            let text = format!("[{}]", text.join(","));
            let group = parse_group(text.as_bytes()).unwrap();
            match ports(&group, &Named) {
                Ok(set) => {
                    for port in 0..100 {
                        prop_assert_eq!(set.contains(port), (member(false, port) || !positive) && !member(true, port));
                    }
                    prop_assert!(set.ranges.windows(2).all(|w| w[0].1 + 1 < w[1].0));
                }
                Err(_) => prop_assert!((0..100).all(|port| !((member(false, port) || !positive) && !member(true, port)))),
            }
        }
    }
}
