//! Keywords about the rule itself: what it is called, how urgent it is, where to read more.

use super::{Keyword, OPTIONAL, PLAIN, QUOTED, QUOTED_OR_NOT, names, number};
use crate::check::{Checker, Warning};
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::Target;
use crate::syntax::{RuleOption, Text};
use crate::variables::nearest;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("msg", QUOTED, msg, "`msg:\"text\"`: what an alert says."),
    Keyword::new("sid", PLAIN, sid, "`sid:N`: the rule's number, 1 to 4294967295; every rule needs one."),
    Keyword::new("gid", PLAIN, gid, "`gid:N`: the group of the sid; 1 unless said."),
    Keyword::new("rev", PLAIN, rev, "`rev:N`: the rule's revision; of two rules with one sid the higher is taken."),
    Keyword::new(
        "classtype",
        PLAIN,
        classtype,
        "`classtype:name`: what kind of activity; gives category and priority.",
    ),
    Keyword::new("priority", PLAIN, priority, "`priority:N`: 1 (highest) to 255; overrules the classtype's."),
    Keyword::new("reference", PLAIN, reference, "`reference:kind,id`: where to read more."),
    Keyword::new("metadata", QUOTED_OR_NOT, metadata, "`metadata:key value, …`: kept and shown with the alert."),
    Keyword::new("target", PLAIN, target, "`target:src_ip|dest_ip`: which side is attacked."),
    Keyword::new(
        "prefilter",
        OPTIONAL,
        prefilter,
        "`prefilter`: a hint to look at the keyword before it first; accepted.",
    ),
    Keyword::new(
        "requires",
        PLAIN,
        requires,
        "`requires:version >= 8, keyword x`: the rule is left out unless this holds.",
    ),
];

type Outcome = Result<(), RuleError>;

/// The value's text; the table has seen to it that there is one.
pub(super) fn text<'a>(option: &RuleOption<'a>) -> Text<'a> {
    option.value.map_or(option.name.to(0), |v| v.text)
}

pub(super) fn invalid(keyword: &'static str, text: Text<'_>, expected: &'static str) -> RuleError {
    let found = if text.bytes.is_empty() { "nothing".to_owned() } else { text.show() };
    RuleError::new(Kind::Invalid { keyword, found, expected }, text.span())
}

fn msg(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.once(name, option.name.span())?;
    let text = text(option);
    checker.signature.msg = if memchr::memchr(b'\\', text.bytes).is_none() {
        text.to_lossy()
    } else {
        let mut plain = Vec::with_capacity(text.bytes.len());
        let mut bytes = text.bytes.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match (byte, bytes.peek()) {
                (b'\\', Some(&escaped @ (b'"' | b';' | b':' | b'\\'))) => {
                    plain.push(escaped);
                    bytes.next();
                }
                _ => plain.push(byte),
            }
        }
        String::from_utf8_lossy(&plain).into()
    };
    Ok(())
}

fn small(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Result<u32, RuleError> {
    checker.once(name, option.name.span())?;
    let number = number::unsigned(name, text(option), u64::from(u32::MAX))?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

fn sid(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.signature.sid = small(checker, name, option)?;
    if checker.signature.sid == 0 {
        let text = text(option);
        let kind = Kind::OutOfRange { keyword: name, found: text.show(), min: 1, max: i64::from(u32::MAX) };
        return Err(RuleError::new(kind, text.span()));
    }
    Ok(())
}

fn gid(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.signature.gid = small(checker, name, option)?;
    Ok(())
}

fn rev(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.signature.rev = small(checker, name, option)?;
    Ok(())
}

fn classtype(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    let text = text(option);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !text.bytes.iter().all(plain) {
        return Err(invalid("classtype", text, "a name of letters, digits, - and _"));
    }
    let name = text.to_lossy();
    match checker.classifications.get(&name) {
        Some(class) => {
            checker.signature.category = class.description.clone().into();
            if checker.given_at("priority").is_none() {
                checker.signature.priority = class.priority;
            }
        }
        None => {
            let near = nearest(&name, checker.classifications.names());
            let hint = near.map_or_else(String::new, |n| format!("; did you mean {n}?"));
            let message = format!("{name} is no known classtype, its priority is taken as 3{hint}");
            checker.warnings.push(Warning { message, span: text.span() });
        }
    }
    if checker.once("classtype", option.name.span()).is_err() {
        let message = "classtype stands here for the second time; the last one counts".to_owned();
        checker.warnings.push(Warning { message, span: option.name.span() });
    }
    checker.signature.classtype = Some(name.into());
    Ok(())
}

fn priority(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let text = text(option);
    let number = number::signed(name, text, 1, 255)?;
    checker.given.push(("priority", option.name.span()));
    checker.signature.priority = u8::try_from(number).unwrap_or(u8::MAX);
    Ok(())
}

fn reference(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let text = text(option);
    let Some((kind, id)) = text.split_once(b',').filter(|(kind, id)| !kind.bytes.is_empty() && !id.bytes.is_empty())
    else {
        return Err(invalid(name, text, "a kind and an id, as in url,example.com/x"));
    };
    checker.signature.references.push((kind.to_lossy().into(), id.to_lossy().into()));
    Ok(())
}

fn metadata(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    for entry in text(option).split(b',').filter(|e| !e.bytes.is_empty()) {
        let (key, value) = entry.split_word();
        checker.signature.metadata.push((key.to_lossy().into(), value.to_lossy().into()));
    }
    Ok(())
}

fn target(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let target = match text(option).bytes {
        b"src_ip" => Target::Source,
        b"dest_ip" => Target::Destination,
        _ => return Err(invalid(name, text(option), "src_ip or dest_ip")),
    };
    match checker.signature.target.replace(target) {
        Some(other) if other != target => Err(RuleError::new(
            Kind::Conflict { keyword: name, other: "a target of the other side" },
            text(option).span(),
        )),
        _ => Ok(()),
    }
}

/// Looking at headers first is the engine's own choice, so the hint changes no answer.
fn prefilter(_: &mut Checker<'_>, _: &'static str, _: &RuleOption<'_>) -> Outcome {
    Ok(())
}

/// Whether it holds was found before the other options were read.
fn requires(_: &mut Checker<'_>, _: &'static str, _: &RuleOption<'_>) -> Outcome {
    Ok(())
}

/// The version of Suricata whose rule language this is.
const LANGUAGE: [u64; 3] = [8, 0, 6];

/// How two versions relate.
type Compare = fn(&[u64; 3], &[u64; 3]) -> bool;

/// Whether this engine is what a `requires` asks for.
///
/// # Errors
/// When it is no requirement at all.
pub(crate) fn requirement_met(text: Text<'_>) -> Result<bool, RuleError> {
    let mut met = true;
    for part in text.split(b',') {
        let (what, rest) = part.split_word();
        met &= match what.bytes {
            b"version" => version_met(rest)?,
            b"keyword" => names().any(|name| name.as_bytes() == rest.bytes),
            // No optional feature of Suricata's build is promised.
            b"feature" => false,
            _ if what.bytes.first().is_some_and(|b| matches!(b, b'<' | b'>' | b'=')) => {
                return Err(invalid("requires", part, "version, keyword or feature before the comparison"));
            }
            // A later version's word: this is not that version.
            _ => false,
        };
    }
    Ok(met)
}

/// `>= 7.0.3 < 8`, alternatives parted by `|`.
fn version_met(text: Text<'_>) -> Result<bool, RuleError> {
    let mut any = false;
    for alternative in text.split(b'|') {
        let mut all = true;
        let mut rest = alternative;
        loop {
            // The longer signs first.
            let (sign, compare): (&[u8], Compare) = match rest.bytes {
                [b'>', b'=', ..] => (b">=", |a, b| a >= b),
                [b'<', b'=', ..] => (b"<=", |a, b| a <= b),
                [b'>', ..] => (b">", |a, b| a > b),
                [b'<', ..] => (b"<", |a, b| a < b),
                _ => return Err(invalid("requires", rest, "a comparison such as >= 8.0.0")),
            };
            rest = rest.from(sign.len()).trim();
            let len = rest.bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
            let mut wanted = [0; 3];
            let version = rest.to(len);
            for (index, part) in version.split(b'.').enumerate() {
                let Some(slot) = wanted.get_mut(index) else {
                    return Err(invalid("requires", version, "a version of at most three numbers"));
                };
                *slot = number::unsigned("requires", part, u64::from(u32::MAX))?;
            }
            all &= compare(&LANGUAGE, &wanted);
            rest = rest.from(len).trim();
            if rest.bytes.is_empty() {
                break;
            }
        }
        any |= all;
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good, skipped};
    use super::*;

    #[test]
    fn what_a_rule_says_about_itself() {
        let s = good(
            "msg:\"a \\\"b\\\"\\; c \\\\ d \\x\"; gid:3; rev:7; classtype:trojan-activity; reference:url,x.example/a,b; \
             metadata:created_at 2020, flag, a b c; target:src_ip; noalert;",
        );
        assert_eq!(&*s.msg, "a \"b\"; c \\ d \\x");
        assert_eq!((s.gid, s.sid, s.rev, s.priority), (3, 1, 7, 1));
        assert_eq!(&*s.category, "A Network Trojan was detected");
        assert_eq!(s.references, [("url".into(), "x.example/a,b".into())]);
        assert_eq!(s.metadata[0], ("created_at".into(), "2020".into()));
        assert_eq!(s.metadata[1], ("flag".into(), "".into()));
        assert_eq!(s.metadata[2], ("a".into(), "b c".into()));
        assert_eq!(s.target, Some(Target::Source));
        assert!(s.noalert);
    }

    #[test]
    fn priority_overrules_the_classtype_wherever_it_stands() {
        assert_eq!(good("priority:9; classtype:trojan-activity;").priority, 9);
        assert_eq!(good("classtype:trojan-activity; priority:9;").priority, 9);
        assert_eq!(good("msg:\"x\";").priority, 3);
        assert_eq!(good("classtype:made-up;").priority, 3);
    }

    #[test]
    fn bad_values() {
        assert!(matches!(bad("sid:2;").0, Kind::Duplicate { keyword: "sid" }));
        assert!(matches!(bad("rev:x;"), (Kind::Invalid { keyword: "rev", .. }, at) if at == "x"));
        assert!(matches!(bad("rev:1; rev:1;").0, Kind::Duplicate { .. }));
        assert!(matches!(bad("gid:4294967296;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("priority:0;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("priority:256;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("reference:url;"), (Kind::Invalid { .. }, at) if at == "url"));
        assert!(matches!(bad("target:me;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("target:src_ip; target:dest_ip;").0, Kind::Conflict { .. }));
        good("target:src_ip; target:src_ip;");
        assert!(matches!(bad("msg:x;").0, Kind::QuotesNeeded { .. }));
        assert!(matches!(bad("classtype:a b;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn requirements() {
        for met in [
            "version >= 8",
            "version  >= 8.0.0",
            "version >= 7 < 8 | > 8",
            "keyword content",
            "version > 7, keyword http.uri",
        ] {
            assert_eq!(skipped(&format!("requires:{met};")), None, "{met}");
        }
        for unmet in ["version >= 9", "version >= 7 < 8", "feature lua", "keyword foobar", "weather good"] {
            assert_eq!(skipped(&format!("requires:{unmet}; unheard_of:1;")).as_deref(), Some("requires"), "{unmet}");
        }
        assert!(matches!(bad("requires:>= 8;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("requires:version 8;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("requires:version >= 8.x;").0, Kind::Invalid { .. }));
    }
}
