//! What a match does beside its action: whether it is told, what is not looked at or logged any more.

use super::meta::{invalid, text};
use super::{Keyword, NO_VALUE, PLAIN, QUOTED, number};
use crate::check::{Checker, Warning};
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::kept::Quiet;
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
    Keyword::later(
        "replace",
        QUOTED,
        super::Effect::Checked(replace),
        "`replace:\"…\"`: changes the content before it. Packets are passed on as they came, so such a rule is left out.",
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
    let replacement = super::content::bytes(text(option))?;
    let len = checker.content(name, option.name.span())?.pattern.len();
    if replacement.len() != len {
        return Err(invalid(name, text(option), "as many bytes as the content before it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good, skipped};
    use super::*;

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
    fn replace_is_checked_and_leaves_the_rule_out() {
        assert_eq!(skipped("content:\"abc\"; replace:\"x|00|z\";").as_deref(), Some("replace"));
        assert!(matches!(bad("content:\"abc\"; replace:\"x\";").0, Kind::Invalid { .. }));
        assert!(matches!(bad("replace:\"x\";").0, Kind::NoContent { .. }));
    }
}
