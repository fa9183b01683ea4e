//! The forms of keywords that are not evaluated yet, so that a rule that misuses one is an error today already.

use super::meta::{invalid, text};
use super::number;
use crate::check::Checker;
use crate::error::RuleError;
use crate::syntax::{RuleOption, Text};

type Outcome = Result<(), RuleError>;

/// `[op]N`, 32 bits.
pub(super) fn number32(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    number::test(name, text(option), u64::from(u32::MAX)).map(drop)
}

/// `[op]N`, 64 bits.
pub(super) fn number64(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    number::test(name, text(option), u64::MAX).map(drop)
}

/// `side,op,N`.
pub(super) fn stream_size(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let parts = parts::<3>(name, text(option), "a side, an operator and a number, as in server,>,100")?;
    one_of(name, parts[0], &[b"server", b"client", b"both", b"either"], "server, client, both or either")?;
    one_of(name, parts[1], &[b"<", b">", b"=", b"!=", b"<=", b">="], "< > = != <= or >=")?;
    number::unsigned(name, parts[2], u64::from(u32::MAX)).map(drop)
}

/// `side,[op]N`.
pub(super) fn either_way(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let parts = parts::<2>(name, text(option), "a direction and a number, as in toserver,>10")?;
    one_of(name, parts[0], &[b"toserver", b"toclient", b"both", b"either"], "toserver, toclient, both or either")?;
    number::test(name, parts[1], u64::MAX).map(drop)
}

/// `name,op,value`, or `name,isset`.
pub(super) fn flowint(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let mut all = value.split(b',');
    let (variable, operator, operand) = (all.next(), all.next(), all.next());
    let named = variable.is_some_and(|v| !v.bytes.is_empty() && !v.bytes.iter().any(u8::is_ascii_whitespace));
    let whole = match (operator.map(|o| o.bytes), operand) {
        (Some(b"isset" | b"isnotset" | b"notset"), None) => true,
        (Some(b"+" | b"-" | b"=" | b">" | b"<" | b">=" | b"<=" | b"==" | b"!="), Some(operand)) => {
            !operand.bytes.is_empty()
        }
        _ => false,
    };
    if named && whole && all.next().is_none() {
        return Ok(());
    }
    Err(invalid(name, value, "a name, an operator and a value, as in count,+,1, or a name and isset or notset"))
}

const BIT_COMMANDS: &[&[u8]] = &[b"set", b"unset", b"isset", b"isnotset", b"toggle"];

/// `command,name,track by[,expire N]`.
pub(super) fn xbits(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    if value.bytes == b"noalert" {
        return Ok(());
    }
    let expected = "set, unset, isset, isnotset or toggle, a name and what to track by";
    let mut all = value.split(b',');
    let (Some(command), Some(bit), Some(track)) = (all.next(), all.next(), all.next()) else {
        return Err(invalid(name, value, expected));
    };
    one_of(name, command, BIT_COMMANDS, expected)?;
    if bit.bytes.is_empty() {
        return Err(invalid(name, value, expected));
    }
    let by = track.split_word();
    one_of(name, by.0, &[b"track"], "track and ip_src, ip_dst, ip_pair or tx")?;
    one_of(name, by.1, &[b"ip_src", b"ip_dst", b"ip_pair", b"tx"], "ip_src, ip_dst, ip_pair or tx")?;
    for part in all {
        let (word, seconds) = part.split_word();
        one_of(name, word, &[b"expire"], "expire and a number of seconds")?;
        number::signed(name, seconds, 1, i64::from(u32::MAX))?;
    }
    Ok(())
}

/// `command,name[,side]`.
pub(super) fn hostbits(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let mut all = value.split(b',');
    let (command, bit, side) = (all.next(), all.next(), all.next());
    let expected = "set, unset, isset, isnotset or toggle, a name, and perhaps src, dst or both";
    let known = command.is_some_and(|c| BIT_COMMANDS.contains(&c.bytes)) && bit.is_some_and(|b| !b.bytes.is_empty());
    let sided = side.is_none_or(|s| matches!(s.bytes, b"src" | b"dst" | b"both"));
    if known && sided && all.next().is_none() { Ok(()) } else { Err(invalid(name, value, expected)) }
}

/// `session|host,N,packets|seconds|bytes[,src|dst]`, or `session` alone.
pub(super) fn tag(_: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let mut all = value.split(b',');
    let kind = all.next().unwrap_or(value);
    one_of(name, kind, &[b"session", b"host"], "session or host")?;
    if let Some(count) = all.next() {
        number::unsigned(name, count, u64::from(u32::MAX))?;
        let unit = all.next().unwrap_or(value.from(value.bytes.len()));
        one_of(name, unit, &[b"packets", b"seconds", b"bytes"], "packets, seconds or bytes after the number")?;
        if let Some(side) = all.next() {
            one_of(name, side, &[b"src", b"dst"], "src or dst")?;
        }
    }
    match all.next() {
        Some(extra) => Err(invalid(name, extra, "nothing more")),
        None => Ok(()),
    }
}

fn one_of(name: &'static str, text: Text<'_>, words: &[&[u8]], expected: &'static str) -> Outcome {
    if words.contains(&text.bytes) { Ok(()) } else { Err(invalid(name, text, expected)) }
}

/// Exactly N parts, none empty.
fn parts<'a, const N: usize>(
    name: &'static str,
    value: Text<'a>,
    expected: &'static str,
) -> Result<[Text<'a>; N], RuleError> {
    let mut all = value.split(b',');
    let mut parts = [value; N];
    for part in &mut parts {
        *part = all.next().filter(|p| !p.bytes.is_empty()).ok_or_else(|| invalid(name, value, expected))?;
    }
    if all.next().is_some() { Err(invalid(name, value, expected)) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, skipped};
    use crate::error::RuleErrorKind as Kind;

    #[test]
    fn right_forms_leave_the_rule_out() {
        for option in [
            "stream_size:server, =, 1",
            "flowint:a.b, +, 1",
            "flowint:a,notset",
            "xbits:set,ET.a,track ip_src,expire 10",
            "xbits:isset, ET.a, track ip_pair",
            "hostbits:set,a",
            "hostbits:isset,a,dst",
            "tag:session",
            "tag:session, 20, packets",
            "tag:host,300,seconds,src",
            "filesize:>1mb",
            "flow.age:>3600",
            "flow.pkts:toserver,>10",
        ] {
            assert!(skipped(&format!("{option};")).is_some(), "{option}");
        }
    }

    #[test]
    fn wrong_forms_are_errors() {
        for option in [
            "urilen:x",
            "urilen:5,big",
            "stream_size:server,1",
            "stream_size:middle,=,1",
            "stream_size:server,~,1",
            "flowint:a",
            "flowint:a,+",
            "flowint:a b,+,1",
            "xbits:set,a",
            "xbits:set,a,track by_src",
            "xbits:set,a,track ip_src,expires 1",
            "hostbits:put,a",
            "hostbits:set,a,left",
            "tag:packets",
            "tag:session,5",
            "tag:session,5,packets,src,x",
            "filesize:big",
            "flow.pkts:>10",
        ] {
            assert!(
                matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }),
                "{option}: {:?}",
                bad(&format!("{option};"))
            );
        }
    }
}
