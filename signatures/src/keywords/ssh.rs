//! The older keywords on SSH banners, which are conditions on the buffers that came after them.

use super::meta::{invalid, text};
use super::{EXPRESSION, Keyword, PLAIN};
use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::RuleError;
use crate::model::{BufferCondition, Content, FastPattern, Pcre};
use crate::syntax::RuleOption;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "ssh.protoversion",
        PLAIN,
        version,
        "`ssh.protoversion:N.N|2_compat`: the banner's protocol version; `2_compat` is 2, with or without a minor number, and 1.99.",
    ),
    Keyword::new(
        "ssh.softwareversion",
        EXPRESSION,
        software,
        "`ssh.softwareversion:[!]NAME`: in the banner's software version.",
    ),
];

type Outcome = Result<(), RuleError>;

fn version(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let condition = if value.bytes == b"2_compat" {
        BufferCondition::Pcre(Pcre {
            captures: vec![],
            pattern: r"^(?:2(?:\.|\z)|1\.99\z)".into(),
            negated: false,
            relative: false,
            caseless: false,
            multi_line: false,
            dot_all: false,
            extended: false,
            anchored: false,
            dollar_end_only: false,
            ungreedy: false,
        })
    } else {
        let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if value.bytes.split(|b| *b == b'.').count() > 2 || !value.bytes.split(|b| *b == b'.').all(is_number) {
            return Err(invalid(name, value, "a version such as 2.0, or 2_compat"));
        }
        let whole = Content { startswith: true, endswith: true, ..content(value.bytes.into(), false) };
        BufferCondition::Content(whole)
    };
    checker.beside(Buffer::SshProto, condition, option.name.span());
    Ok(())
}

fn software(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    let pattern = super::content::bytes(text(option))?;
    let condition = content(pattern, option.value.is_some_and(|v| v.negated));
    checker.beside(Buffer::SshSoftware, BufferCondition::Content(condition), option.name.span());
    Ok(())
}

fn content(pattern: Box<[u8]>, negated: bool) -> Content {
    Content {
        pattern,
        nocase: false,
        negated,
        offset: None,
        depth: None,
        distance: None,
        within: None,
        startswith: false,
        endswith: false,
        fast_pattern: FastPattern::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, checked};
    use crate::error::RuleErrorKind as Kind;

    #[test]
    fn versions() {
        for good in ["ssh.protoversion:2_compat;", "ssh.protoversion:1.10;", "ssh.softwareversion:\"Open\";"] {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        assert!(matches!(bad("ssh.protoversion:2.x;"), (Kind::Invalid { .. }, at) if at == "2.x"));
        assert!(matches!(bad("ssh.protoversion:1.2.3;").0, Kind::Invalid { .. }));
    }
}
