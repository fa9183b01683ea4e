//! What a match does beside its action: whether it is told, what is not looked at or logged any more.

use super::meta::{invalid, text};
use super::{Keyword, NO_VALUE, PLAIN, QUOTED, number};
use crate::check::{Checker, Warning};
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::kept::Quiet;
use crate::model::{HeaderProto, Replacement};
use crate::syntax::RuleOption;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "alert",
        NO_VALUE,
        alert,
        "`alert`: raises an alert, also where the action (`pass`, `config`) would not.",
    ),
    Keyword::new("noalert", NO_VALUE, noalert, "`noalert`: matches, sets flowbits and the like, but raises no alert."),
    Keyword::new("bypass", NO_VALUE, bypass, "`bypass`: from here on the flow is not looked at any more."),
    Keyword::new(
        "config",
        PLAIN,
        config,
        "`config:logging disable, type tx, scope tx`: the transaction's records are not written; `scope flow`: nor those of later ones.",
    ),
    Keyword::new(
        "nfq_set_mark",
        PLAIN,
        mark,
        "`nfq_set_mark:value/mask`: accepted, with no effect: packets do not come by netfilter.",
    ),
    Keyword::new(
        "replace",
        QUOTED,
        replace,
        "`replace:\"…\"`: in line, overwrites what the content before it found in the packet's payload with as many other bytes, and mends the \
         checksum (TCP, UDP, ICMP). The rule is judged on single packets: what is cut over two stays. Elsewhere nothing is changed.",
    ),
];

type Outcome = Result<(), RuleError>;

fn alert(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    if checker.signature.noalert {
        return Err(RuleError::new(Kind::Conflict { keyword: name, other: "noalert" }, option.name.span()));
    }
    checker.signature.alert = true;
    Ok(())
}

fn noalert(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    if checker.signature.alert {
        return Err(RuleError::new(Kind::Conflict { keyword: name, other: "alert" }, option.name.span()));
    }
    checker.signature.noalert = true;
    Ok(())
}

fn bypass(checker: &mut Checker<'_>, _: &'static str, _: &RuleOption<'_>) -> Outcome {
    checker.signature.bypass = true;
    Ok(())
}

fn config(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let expected = "logging disable, type tx, scope tx or flow";
    let mut parts = value.split(b',');
    let what = parts.next().unwrap_or(value);
    let (subject, change) = what.split_word();
    match (subject.bytes, change.bytes) {
        (b"logging", b"disable") => {}
        (b"tracking", b"disable") => checker.skip("config:tracking", what.span()),
        _ => return Err(invalid(name, what, expected)),
    }
    let (mut of, mut scope) = (false, None);
    for part in parts {
        let (word, rest) = part.split_word();
        match (word.bytes, rest.bytes) {
            (b"type", b"tx" | b"flow") => of = true,
            (b"scope", b"tx") => scope = Some(Quiet::Transaction),
            (b"scope", b"flow" | b"packet") => scope = Some(Quiet::Flow),
            _ => return Err(invalid(name, part, expected)),
        }
    }
    match scope.filter(|_| of) {
        Some(quiet) => checker.signature.quiet = Some(quiet),
        None => return Err(invalid(name, value, expected)),
    }
    Ok(())
}

fn mark(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let (mark, mask) = value.split_once(b'/').unwrap_or((value, value));
    for number in [mark, mask] {
        number::unsigned(name, number, u64::from(u32::MAX))?;
    }
    let message = "nfq_set_mark has no effect: packets do not come by netfilter".to_owned();
    checker.warnings.push(Warning { message, span: option.name.span() });
    Ok(())
}

fn replace(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let bytes = super::content::bytes(text(option))?;
    let content = checker.content(name, option.name.span())?;
    if bytes.len() != content.pattern.len() {
        return Err(invalid(name, text(option), "as many bytes as the content before it"));
    }
    let conflict = |other| Err(RuleError::new(Kind::Conflict { keyword: name, other }, option.name.span()));
    if content.negated {
        return conflict("a negated content: there is nothing to overwrite");
    }
    let Some((0, condition)) = checker.last_content else {
        return conflict("a content of a buffer: only bytes of the packet's payload can be overwritten");
    };
    checker.given.push((name, option.name.span()));
    checker.signature.replacements.push(Replacement { condition, bytes });
    Ok(())
}

/// What is overwritten must be in the packet at hand, so the rule must be about it.
pub(super) fn whole_rule(checker: &Checker<'_>) -> Result<(), RuleError> {
    let Some(span) = checker.given_at("replace") else { return Ok(()) };
    let signature = &checker.signature;
    let of_stream = signature.flow.stream == Some(true) || signature.header.proto == HeaderProto::TcpStream;
    let other = if of_stream {
        "only_stream or tcp-stream: only packets can be changed"
    } else if checker.buffers.iter().skip(1).any(|buffer| !buffer.conditions.is_empty()) {
        "buffers: only bytes of the packet's payload can be overwritten"
    } else {
        return Ok(());
    };
    Err(RuleError::new(Kind::Conflict { keyword: "replace", other }, span))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;
    use crate::ruleset::Inspection;

    #[test]
    fn what_a_match_does() {
        let signature = good("bypass; config:logging disable, type tx, scope tx; alert;");
        assert!(signature.bypass && signature.alert && !signature.noalert);
        assert_eq!(signature.quiet, Some(Quiet::Transaction));
        assert!(good("noalert; nfq_set_mark:0x8/0xf;").noalert);
        assert!(matches!(bad("alert; noalert;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("noalert; alert;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("config:logging enable, type tx, scope tx;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("config:logging disable;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("nfq_set_mark:x;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn replace_goes_with_a_content_of_the_payload() {
        let signature = good("content:\"first\"; content:\"abc\"; replace:\"x|00|z\";");
        assert_eq!(signature.replacements, [Replacement { condition: 1, bytes: b"x\0z"[..].into() }]);
        assert_eq!(Inspection::of(&signature), Inspection { packet: true, stream: false });
        for conflict in [
            "content:!\"abc\"; replace:\"xyz\";",
            "http.uri; content:\"abc\"; replace:\"xyz\";",
            "content:\"abc\"; replace:\"xyz\"; http.uri; content:\"d\";",
            "content:\"abc\"; replace:\"xyz\"; http_uri;",
            "flow:only_stream; content:\"abc\"; replace:\"xyz\";",
        ] {
            assert!(matches!(bad(conflict).0, Kind::Conflict { keyword: "replace", .. }), "{conflict}");
        }
        assert!(matches!(bad("content:\"abc\"; replace:\"x\";").0, Kind::Invalid { .. }));
        assert!(matches!(bad("replace:\"x\";").0, Kind::NoContent { .. }));
    }
}
