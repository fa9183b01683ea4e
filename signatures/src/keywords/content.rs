//! `content`, the pattern, and the options after it that say where it may stand.

use super::meta::text;
use super::{Keyword, NO_VALUE, OPTIONAL, PATTERN, PLAIN, number};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{BufferCondition, Content, FastPattern, PacketCondition, Value};
use crate::syntax::{RuleOption, Span, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("content", PATTERN, content, "`content:[!]\"bytes |00 01| more\"`: these bytes are (not) there."),
    Keyword::new("nocase", NO_VALUE, nocase, "`nocase`: the content's letters match in either case."),
    Keyword::new("offset", PLAIN, offset, "`offset:N`: the content starts at byte N or later."),
    Keyword::new("depth", PLAIN, depth, "`depth:N`: the content ends within N bytes after the offset."),
    Keyword::new(
        "distance",
        PLAIN,
        distance,
        "`distance:N`: the content starts N bytes or more after the previous match.",
    ),
    Keyword::new("within", PLAIN, within, "`within:N`: the content ends within N bytes after the previous match."),
    Keyword::new("startswith", NO_VALUE, startswith, "`startswith`: the buffer starts with the content."),
    Keyword::new("endswith", NO_VALUE, endswith, "`endswith`: the buffer ends with the content."),
    Keyword::new("rawbytes", NO_VALUE, rawbytes, "`rawbytes`: has no effect; older rules have it."),
    Keyword::new(
        "fast_pattern",
        OPTIONAL,
        fast_pattern,
        "`fast_pattern[:only|:offset,length]`: look for this content first.",
    ),
];

type Outcome = Result<(), RuleError>;

/// The longest pattern that is accepted.
const LONGEST: usize = 65_535;
/// The widest `distance` and `within` (Suricata's user guide: 1 MiB).
const FARTHEST: i64 = 1_048_576;

pub(crate) fn content(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.buffer(BufferCondition::Content(Content {
        pattern: bytes(text(option))?,
        nocase: false,
        negated: option.value.is_some_and(|v| v.negated),
        offset: None,
        depth: None,
        distance: None,
        within: None,
        startswith: false,
        endswith: false,
        fast_pattern: FastPattern::Unspecified,
    }));
    Ok(())
}

/// Resolves escapes and `|hex|`.
pub(crate) fn bytes(text: Text<'_>) -> Result<Box<[u8]>, RuleError> {
    if text.bytes.is_empty() {
        // Points at the quotes.
        let at = text.start as usize;
        return Err(RuleError::new(Kind::EmptyContent, Span::new(at.saturating_sub(1), at + 1)));
    }
    let mut out = Vec::with_capacity(text.bytes.len());
    let mut rest = text;
    while let Some(at) = rest.bytes.iter().position(|b| matches!(b, b'|' | b'\\' | b'"')) {
        out.extend_from_slice(&rest.bytes[..at]);
        let special = rest.from(at);
        rest = match special.bytes.first() {
            Some(b'|') => hex(special, &mut out)?,
            Some(b'\\') => match special.bytes.get(1) {
                Some(&escaped @ (b'\\' | b'"' | b';' | b':')) => {
                    out.push(escaped);
                    special.from(2)
                }
                _ => {
                    let found = special.from(1).to(1).show();
                    return Err(RuleError::new(Kind::BadEscape { found }, special.to(2).span()));
                }
            },
            _ => return Err(RuleError::new(Kind::BareQuote, special.to(1).span())),
        };
    }
    out.extend_from_slice(rest.bytes);
    if out.is_empty() {
        return Err(RuleError::new(Kind::EmptyContent, text.span()));
    }
    if out.len() > LONGEST {
        return Err(RuleError::new(Kind::ContentTooLong { limit: LONGEST }, text.span()));
    }
    Ok(out.into())
}

/// From a bar to the next; what follows it is returned.
fn hex<'a>(bar: Text<'a>, out: &mut Vec<u8>) -> Result<Text<'a>, RuleError> {
    let inner = bar.from(1);
    let mut high: Option<u8> = None;
    for (index, &byte) in inner.bytes.iter().enumerate() {
        match byte {
            b'|' if high.is_some() => return Err(RuleError::new(Kind::OddHex, bar.to(index + 2).span())),
            b'|' => return Ok(inner.from(index + 1)),
            b' ' => {}
            _ => {
                let Some(digit) = char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok()) else {
                    let at = inner.from(index).to(1);
                    return Err(RuleError::new(Kind::BadHex { found: at.show() }, at.span()));
                };
                match high.take() {
                    Some(first) => out.push(first << 4 | digit),
                    None => high = Some(digit),
                }
            }
        }
    }
    Err(RuleError::new(Kind::HexNotClosed, bar.span()))
}

fn nocase(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let content = checker.content(name, option.name.span())?;
    if content.nocase {
        return Err(RuleError::new(Kind::Duplicate { keyword: name }, option.name.span()));
    }
    content.nocase = true;
    Ok(())
}

fn rawbytes(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.content(name, option.name.span()).map(drop)
}

/// Refuses an option where another of the content's options stands already.
fn conflict(option: &RuleOption<'_>, keyword: &'static str, others: &[(bool, &'static str)]) -> Outcome {
    match others.iter().find(|(stands, _)| *stands) {
        Some(&(_, other)) if other == keyword => Err(RuleError::new(Kind::Duplicate { keyword }, option.name.span())),
        Some(&(_, other)) => Err(RuleError::new(Kind::Conflict { keyword, other }, option.name.span())),
        None => Ok(()),
    }
}

fn offset(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = checker.value(name, text(option), 0, 65_535)?;
    let c = checker.content(name, option.name.span())?;
    let others = [
        (c.offset.is_some(), "offset"),
        (c.distance.is_some(), "distance"),
        (c.within.is_some(), "within"),
        (c.startswith, "startswith"),
        (c.fast_pattern == FastPattern::Only, "fast_pattern:only"),
    ];
    conflict(option, name, &others)?;
    c.offset = Some(value);
    Ok(())
}

fn depth(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = checker.value(name, text(option), 0, 65_535)?;
    let c = checker.content(name, option.name.span())?;
    let others = [
        (c.depth.is_some(), "depth"),
        (c.distance.is_some(), "distance"),
        (c.within.is_some(), "within"),
        (c.startswith, "startswith"),
        (c.fast_pattern == FastPattern::Only, "fast_pattern:only"),
    ];
    conflict(option, name, &others)?;
    c.depth = Some(value);
    long_enough(c, name, value, text(option))
}

fn distance(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = checker.value(name, text(option), -FARTHEST, FARTHEST)?;
    let c = checker.content(name, option.name.span())?;
    relative(c, name, option, c.distance.is_some())?;
    c.distance = Some(value);
    Ok(())
}

fn within(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = checker.value(name, text(option), -FARTHEST, FARTHEST)?;
    let c = checker.content(name, option.name.span())?;
    relative(c, name, option, c.within.is_some())?;
    c.within = Some(value);
    long_enough(c, name, value, text(option))
}

fn relative(c: &Content, name: &'static str, option: &RuleOption<'_>, given: bool) -> Outcome {
    let others = [
        (given, name),
        (c.offset.is_some(), "offset"),
        (c.depth.is_some(), "depth"),
        (c.startswith, "startswith"),
        (c.fast_pattern == FastPattern::Only, "fast_pattern:only"),
    ];
    conflict(option, name, &others)
}

fn long_enough(c: &Content, keyword: &'static str, value: Value, text: Text<'_>) -> Outcome {
    let len = c.pattern.len();
    match value {
        Value::Literal(found) if found < i64::try_from(len).unwrap_or(i64::MAX) => {
            Err(RuleError::new(Kind::ShorterThanContent { keyword, found, len }, text.span()))
        }
        _ => Ok(()),
    }
}

fn startswith(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let c = checker.content(name, option.name.span())?;
    let others = [
        (c.startswith, "startswith"),
        (c.offset.is_some(), "offset"),
        (c.depth.is_some(), "depth"),
        (c.distance.is_some(), "distance"),
        (c.within.is_some(), "within"),
    ];
    conflict(option, name, &others)?;
    c.startswith = true;
    Ok(())
}

fn endswith(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let c = checker.content(name, option.name.span())?;
    conflict(option, name, &[(c.endswith, "endswith")])?;
    c.endswith = true;
    Ok(())
}

fn fast_pattern(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.content(name, option.name.span())?;
    checker.once(name, option.name.span())?;
    let c = checker.content(name, option.name.span())?;
    let placed = [
        (c.offset.is_some(), "offset"),
        (c.depth.is_some(), "depth"),
        (c.distance.is_some(), "distance"),
        (c.within.is_some(), "within"),
    ];
    let value = text(option);
    c.fast_pattern = match value.bytes {
        b"" => FastPattern::Yes,
        b"only" => {
            conflict(option, "fast_pattern:only", &placed)?;
            conflict(option, "fast_pattern:only", &[(c.negated, "a negated content")])?;
            FastPattern::Only
        }
        _ => {
            let Some((offset, length)) = value.split_once(b',') else {
                return Err(super::meta::invalid(name, value, "only, or an offset and a length as in 2,8"));
            };
            let start = number::unsigned(name, offset, 65_535)?;
            let len = number::unsigned(name, length, 65_535)?;
            if len == 0 || start + len > c.pattern.len() as u64 {
                let why = format!("the part reaches beyond the content's {} bytes", c.pattern.len());
                return Err(RuleError::new(Kind::CannotMatch { why }, value.span()));
            }
            FastPattern::Part(u16::try_from(start).unwrap_or(u16::MAX), u16::try_from(len).unwrap_or(u16::MAX))
        }
    };
    Ok(())
}

/// What only shows when all options are known: a fast pattern that cannot serve as one, contents that the sizes leave no
/// room for.
pub(super) fn whole_rule(checker: &mut Checker<'_>) -> Outcome {
    for buffer in &checker.buffers {
        for condition in &buffer.conditions {
            let BufferCondition::Content(c) = condition else { continue };
            let placed = c.is_relative() || c.offset.is_some() || c.depth.is_some();
            if c.fast_pattern != FastPattern::Unspecified && c.negated && placed {
                let kind = Kind::Conflict { keyword: "fast_pattern", other: "a negated content that has a place" };
                return Err(RuleError::new(kind, checker.given_at("fast_pattern").unwrap_or_default()));
            }
        }
        fits(&buffer.conditions, checker, buffer.chosen.is_none())?;
    }
    Ok(())
}

/// Whether the contents of a buffer fit into what `bsize` and `dsize` allow.
fn fits(conditions: &[BufferCondition], checker: &Checker<'_>, raw: bool) -> Outcome {
    let sizes = conditions.iter().filter_map(|c| match c {
        BufferCondition::Size(size) => Some(("bsize", size)),
        _ => None,
    });
    let dsizes = checker.signature.packet.iter().filter_map(|c| match c {
        PacketCondition::Dsize(size) if raw => Some(("dsize", size)),
        _ => None,
    });
    for (keyword, size) in sizes.chain(dsizes) {
        let most = size.ranges.iter().map(|r| *r.end()).max().unwrap_or(0);
        let needed = needed(conditions);
        if needed > most {
            let why = format!("the contents need {needed} bytes, {keyword} allows {most}");
            let at = checker.given_at(keyword).unwrap_or_default();
            return Err(RuleError::new(Kind::CannotMatch { why }, at));
        }
    }
    Ok(())
}

/// The least size of a buffer in which all contents can be found.
pub(crate) fn needed(conditions: &[BufferCondition]) -> u64 {
    let literal = |v: Option<Value>| match v {
        Some(Value::Literal(n)) => n,
        _ => 0,
    };
    let (mut most, mut previous_end) = (0_i64, Some(0_i64));
    for condition in conditions {
        match condition {
            BufferCondition::Content(c) if !c.negated => {
                let len = i64::try_from(c.pattern.len()).unwrap_or(i64::MAX);
                let start = if c.is_relative() {
                    previous_end.map(|end| (end + literal(c.distance)).max(0)).unwrap_or(0)
                } else {
                    literal(c.offset)
                };
                let end = start.saturating_add(len);
                most = most.max(end);
                previous_end = Some(end);
            }
            BufferCondition::Content(_) | BufferCondition::Size(_) | BufferCondition::IsDataAt(_) => {}
            // The cursor may be anywhere after these, also further back.
            _ => previous_end = None,
        }
    }
    u64::try_from(most).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    fn contents(options: &str) -> Vec<Content> {
        let only = |c: BufferCondition| match c {
            BufferCondition::Content(c) => Some(c),
            _ => None,
        };
        good(options).payload.into_iter().filter_map(only).collect()
    }

    #[test]
    fn patterns_are_bytes() {
        let c = contents("content:!\"a|00 0D0a|\\;\\\"\\\\\\:|7c|é\";");
        assert_eq!(&*c[0].pattern, b"a\x00\x0d\x0a;\"\\:|\xc3\xa9");
        assert!(c[0].negated);
    }

    #[test]
    fn bad_patterns_are_pointed_at() {
        assert!(matches!(bad("content:\"ab|0g|\";"), (Kind::BadHex { .. }, at) if at == "g"));
        assert!(matches!(bad("content:\"ab|012|\";"), (Kind::OddHex, at) if at == "|012|"));
        assert!(matches!(bad("content:\"ab|01\";"), (Kind::HexNotClosed, at) if at == "|01"));
        assert!(matches!(bad("content:\"a\\nb\";"), (Kind::BadEscape { .. }, at) if at == "\\n"));
        assert!(matches!(bad("content:\"a\"b\";"), (Kind::BareQuote, at) if at == "\""));
        assert!(matches!(bad("content:\"\";"), (Kind::EmptyContent, at) if at == "\"\""));
        assert!(matches!(bad("content:\"||\";").0, Kind::EmptyContent));
        let long = format!("content:\"{}\";", "a".repeat(LONGEST + 1));
        assert!(matches!(bad(&long).0, Kind::ContentTooLong { .. }));
    }

    #[test]
    fn places() {
        let c = contents(
            "content:\"ab\"; offset:3; depth:9; nocase; content:\"cd\"; distance:-4; within:2; \
             content:\"e\"; startswith; content:\"f\"; endswith; rawbytes;",
        );
        assert_eq!((c[0].offset, c[0].depth), (Some(Value::Literal(3)), Some(Value::Literal(9))));
        assert!(c[0].nocase && !c[1].nocase && c[1].is_relative());
        assert_eq!((c[1].distance, c[1].within), (Some(Value::Literal(-4)), Some(Value::Literal(2))));
        assert!(c[2].startswith && c[2].offset.is_none() && c[3].endswith);
    }

    #[test]
    fn places_from_variables() {
        let c = contents(
            "byte_extract:1,0,len; content:\"a\"; offset:len; depth:len; content:\"b\"; distance:len; within:len;",
        );
        assert_eq!((c[0].offset, c[1].within), (Some(Value::Variable(0)), Some(Value::Variable(0))));
        let (kind, at) = bad("byte_extract:1,0,length; content:\"a\"; offset:lenght;");
        assert_eq!(kind, Kind::UnknownByteVariable { name: "lenght".into(), nearest: Some("length".into()) });
        assert_eq!(at, "lenght");
    }

    #[test]
    fn a_place_too_small_for_the_pattern() {
        assert!(
            matches!(bad("content:\"abc\"; depth:2;"), (Kind::ShorterThanContent { keyword: "depth", found: 2, len: 3 }, at) if at == "2")
        );
        assert!(matches!(
            bad("content:\"a\"; content:\"abc\"; within:2;").0,
            Kind::ShorterThanContent { keyword: "within", .. }
        ));
        assert!(matches!(bad("content:\"a\"; content:\"b\"; within:0;").0, Kind::ShorterThanContent { .. }));
        good("content:\"abc\"; depth:3;");
    }

    #[test]
    fn places_that_exclude_each_other() {
        for (options, keyword) in [
            ("content:\"a\"; distance:1; offset:1;", "offset"),
            ("content:\"a\"; within:1; depth:1;", "depth"),
            ("content:\"a\"; offset:1; distance:1;", "distance"),
            ("content:\"a\"; depth:1; within:1;", "within"),
            ("content:\"a\"; depth:1; startswith;", "startswith"),
            ("content:\"a\"; startswith; distance:1;", "distance"),
            ("content:\"a\"; fast_pattern:only; depth:4;", "depth"),
            ("content:\"a\"; depth:4; fast_pattern:only;", "fast_pattern:only"),
            ("content:!\"a\"; fast_pattern:only;", "fast_pattern:only"),
            ("content:!\"a\"; depth:4; fast_pattern;", "fast_pattern"),
        ] {
            assert!(
                matches!(bad(options).0, Kind::Conflict { keyword: k, .. } if k == keyword),
                "{options}: {:?}",
                bad(options)
            );
        }
    }

    #[test]
    fn nothing_is_said_twice() {
        for twice in
            ["nocase", "offset:1", "depth:1", "distance:1", "within:1", "startswith", "endswith", "fast_pattern"]
        {
            let (kind, _) = bad(&format!("content:\"a\"; {twice}; {twice};"));
            assert!(matches!(kind, Kind::Duplicate { .. }), "{twice}: {kind:?}");
        }
        assert!(matches!(
            bad("content:\"a\"; fast_pattern; content:\"b\"; fast_pattern:only;").0,
            Kind::Duplicate { .. }
        ));
    }

    #[test]
    fn a_modifier_needs_a_content() {
        for option in [
            "nocase",
            "offset:1",
            "depth:1",
            "distance:1",
            "within:1",
            "startswith",
            "endswith",
            "fast_pattern",
            "rawbytes",
        ] {
            let (kind, at) = bad(&format!("{option};"));
            assert!(matches!(kind, Kind::NoContent { .. }), "{option}: {kind:?}");
            assert_eq!(at, option.split(':').next().unwrap());
        }
        assert!(matches!(bad("content:\"a\"; pkt_data; nocase;").0, Kind::NoContent { .. }));
    }

    #[test]
    fn fast_patterns() {
        let fast = |o: &str| contents(&format!("content:\"abcdef\"; {o};"))[0].fast_pattern;
        assert_eq!(fast("fast_pattern"), FastPattern::Yes);
        assert_eq!(fast("fast_pattern:only"), FastPattern::Only);
        assert_eq!(fast("fast_pattern:2,4"), FastPattern::Part(2, 4));
        for wrong in ["fast_pattern:2,5", "fast_pattern:0,0"] {
            assert!(matches!(bad(&format!("content:\"abcdef\"; {wrong};")).0, Kind::CannotMatch { .. }));
        }
        assert!(matches!(bad("content:\"abcdef\"; fast_pattern:2;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn contents_must_fit_the_sizes() {
        assert!(matches!(bad("content:\"abc\"; bsize:2;"), (Kind::CannotMatch { .. }, at) if at == "2"));
        assert!(matches!(bad("content:\"abc\"; content:\"d\"; distance:4; bsize:<8;").0, Kind::CannotMatch { .. }));
        assert!(matches!(bad("content:\"abc\"; offset:3; dsize:5;").0, Kind::CannotMatch { .. }));
        assert!(matches!(bad("dsize:<4; content:\"abcd\";").0, Kind::CannotMatch { .. }));
        good("content:\"abc\"; content:\"d\"; distance:4; bsize:8;");
        good("content:\"abc\"; content:\"abcd\"; bsize:4;");
        good("content:!\"abcdefgh\"; bsize:4;");
        good("content:\"abcd\"; byte_jump:1,0; content:\"a\"; within:1; bsize:4;");
    }
}
