//! Regular expressions that can backtrack without end: an unbounded repetition inside an unbounded repetition, where text can
//! be shared out between the two in exponentially many ways.
//!
//! Only forms are flagged that are ambiguous for certain: a repeated group of which a branch is nothing but repetitions, as
//! in `(a+)+` and `(\s*\w*)*`, or that holds a repeated dot, as in `(.*,)+`. The engine stops such a search after a number of
//! steps, so what suffers is the rule: it misses what it was written for.

use super::{Kind, Subject, buffers};
use crate::model::{BufferCondition, Pcre};
use crate::report::Severity;

pub(super) fn lint(subject: &mut Subject<'_>) {
    let patterns: Vec<&Pcre> = buffers(subject.signature)
        .flatten()
        .filter_map(|c| match c {
            BufferCondition::Pcre(p) => Some(p),
            _ => None,
        })
        .collect();
    for pcre in patterns {
        let form = read(&pcre.pattern, pcre.extended);
        if form.nested {
            let message = "in this pcre a repetition stands within a repetition, and text can be shared out between them in very \
                           many ways: on some inputs the search is given up and the rule misses them; make the inner one possessive \
                           (a++), or put a byte between that it cannot match";
            let span = at(subject, pcre);
            subject.tell(Kind::RegexBacktracks, Severity::Warning, span, message);
        } else if form.leading_dots && !pcre.relative && !pcre.anchored {
            let message = "this pcre begins with a repeated dot: it finds the same without it, sooner";
            let span = at(subject, pcre);
            subject.tell(Kind::RegexBacktracks, Severity::Info, span, message);
        }
    }
}

/// The option that the expression comes from.
fn at(subject: &Subject<'_>, pcre: &Pcre) -> crate::syntax::Span {
    let options = subject.rule.options.iter().filter(|o| o.name.bytes.eq_ignore_ascii_case(b"pcre"));
    let holds = |o: &&crate::syntax::RuleOption<'_>| {
        o.value.is_some_and(|v| memchr::memmem::find(v.text.bytes, pcre.pattern.as_bytes()).is_some())
    };
    options.clone().find(holds).map_or_else(|| subject.at("pcre"), |o| o.span())
}

/// What was found in an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Form {
    /// A repetition within a repetition that can share out text in many ways.
    nested: bool,
    /// It begins with `.*`.
    leading_dots: bool,
}

/// A group that is open, or the expression itself.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// The branch at hand has something that is there once or a fixed number of times.
    fixed: bool,
    /// It has an unbounded repetition.
    repeats: bool,
    /// A branch that is closed had repetitions and nothing fixed.
    ambiguous: bool,
    /// It has a repeated dot, at any depth.
    dots: bool,
    /// Nothing inside is given back: `(?>…)`.
    atomic: bool,
    /// It takes no text: `(?=…)` and its kin.
    look: bool,
}

impl Group {
    fn close_branch(&mut self) {
        self.ambiguous |= self.repeats && !self.fixed;
        (self.fixed, self.repeats) = (false, false);
    }
}

/// How often something is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Repeat {
    optional: bool,
    /// Very many times, or without an end.
    unbounded: bool,
    /// Without an end.
    endless: bool,
    possessive: bool,
}

/// So many repetitions are as bad as without an end.
const MANY: u32 = 24;

fn read(pattern: &str, extended: bool) -> Form {
    let bytes = pattern.as_bytes();
    let mut form = Form::default();
    let mut stack = vec![Group::default()];
    let mut at = 0;
    let mut first = true;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let mut group = None;
        let mut dot = false;
        match byte {
            b'(' => {
                let (opened, next) = open(bytes, at);
                at = next;
                stack.extend(opened);
                continue;
            }
            b')' => {
                // The expression compiled, so there is a group to close; if not, there is nothing more to learn.
                let Some(mut closed) = stack.pop().filter(|_| !stack.is_empty()) else { break };
                closed.close_branch();
                group = Some(closed);
            }
            b'|' => {
                if let Some(top) = stack.last_mut() {
                    top.close_branch();
                }
                first = stack.len() == 1;
                continue;
            }
            b'[' => at = class(bytes, at),
            b'\\' => {
                let Some(next) = escape(bytes, at) else { continue };
                at = next;
            }
            b'^' | b'$' => {
                first = false;
                continue;
            }
            b'.' => dot = true,
            b'#' if extended => {
                at = bytes.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)).map_or(bytes.len(), |n| at + n + 1);
                continue;
            }
            _ if extended && byte.is_ascii_whitespace() => continue,
            _ => {}
        }
        let (repeat, next) = quantifier(bytes, at);
        at = next;
        let Some(top) = stack.last_mut() else { break };
        if group.is_some_and(|g| g.look) {
            continue;
        }
        let free = repeat.unbounded && !repeat.possessive;
        match group {
            Some(inner) => {
                form.nested |= free && !inner.atomic && (inner.ambiguous || inner.dots);
                top.dots |= inner.dots && !inner.atomic && !repeat.possessive;
                if free || (inner.ambiguous && !inner.atomic && !repeat.possessive) {
                    top.repeats = true;
                } else if !repeat.optional {
                    top.fixed = true;
                }
            }
            None => {
                top.dots |= dot && free;
                form.leading_dots |= first && dot && free && repeat.endless && repeat.optional && stack.len() == 1;
                if let Some(top) = stack.last_mut() {
                    top.repeats |= free;
                    top.fixed |= !free && !repeat.optional;
                }
            }
        }
        first = false;
    }
    form
}

/// After `(`: the group that begins, if it is one that holds anything, and where its inside begins.
fn open(bytes: &[u8], at: usize) -> (Option<Group>, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut group = Group::default();
    // (*VERB)
    if rest.first() == Some(&b'*') {
        return (None, memchr::memchr(b')', rest).map_or(bytes.len(), |n| at + n + 1));
    }
    let Some(rest) = rest.strip_prefix(b"?") else { return (Some(group), at) };
    let inside = at + 1;
    match rest {
        [b'#', ..] => (None, memchr::memchr(b')', rest).map_or(bytes.len(), |n| inside + n + 1)),
        [b'=' | b'!', ..] | [b'<', b'=' | b'!', ..] => {
            group.look = true;
            (Some(group), inside + if rest.first() == Some(&b'<') { 2 } else { 1 })
        }
        [b'>', ..] => {
            group.atomic = true;
            (Some(group), inside + 1)
        }
        _ => {
            // (?<name>…), (?P<name>…), (?'name'…), (?i:…); (?i) has no inside.
            let name = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'^' | b'|');
            let skipped = rest.iter().take_while(|c| name(c) || matches!(c, b'<' | b'\'')).count();
            match rest.get(skipped) {
                Some(b')') => (None, inside + skipped + 1),
                Some(b':' | b'>') => (Some(group), inside + skipped + 1),
                _ => (Some(group), inside + skipped),
            }
        }
    }
}

/// After `[`: behind the class.
fn class(bytes: &[u8], mut at: usize) -> usize {
    if bytes.get(at) == Some(&b'^') {
        at += 1;
    }
    // A ] that stands first is itself.
    if bytes.get(at) == Some(&b']') {
        at += 1;
    }
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b']' => return at,
            b'\\' => at += 1,
            b'[' if bytes.get(at) == Some(&b':') => {
                let rest = bytes.get(at..).unwrap_or_default();
                at = memchr::memmem::find(rest, b":]").map_or(at, |n| at + n + 2);
            }
            _ => {}
        }
    }
    at
}

/// After `\`: behind the escape; None for one that takes no text, such as `\b`.
fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    let letter = bytes.get(at).copied()?;
    let next = bytes.get(at + 1).copied();
    Some(match letter {
        b'x' if next == Some(b'{') => {
            at + 2 + bytes.get(at + 2..).and_then(|r| memchr::memchr(b'}', r)).map_or(0, |n| n + 1)
        }
        b'x' => {
            at + 1
                + bytes.get(at + 1..).unwrap_or_default().iter().take(2).take_while(|b| b.is_ascii_hexdigit()).count()
        }
        b'p' | b'P' | b'o' | b'g' | b'k' | b'N' if next == Some(b'{') => {
            at + 2 + bytes.get(at + 2..).and_then(|r| memchr::memchr(b'}', r)).map_or(0, |n| n + 1)
        }
        b'Q' => at + 1 + bytes.get(at + 1..).and_then(|r| memchr::memmem::find(r, b"\\E")).map_or(0, |n| n + 2),
        _ => at + 1,
    })
}

/// What stands after an atom: how often it is repeated, and where the next begins.
fn quantifier(bytes: &[u8], at: usize) -> (Repeat, usize) {
    let once = Repeat { optional: false, unbounded: false, endless: false, possessive: false };
    let (mut repeat, mut next) = match bytes.get(at) {
        Some(b'*') => (Repeat { optional: true, unbounded: true, endless: true, possessive: false }, at + 1),
        Some(b'+') => (Repeat { optional: false, unbounded: true, endless: true, possessive: false }, at + 1),
        Some(b'?') => (Repeat { optional: true, unbounded: false, endless: false, possessive: false }, at + 1),
        Some(b'{') => match braces(bytes, at + 1) {
            Some((least, most, next)) => {
                let unbounded = least != most && most.is_none_or(|most| most >= MANY);
                (Repeat { optional: least == Some(0), unbounded, endless: most.is_none(), possessive: false }, next)
            }
            None => return (once, at),
        },
        _ => return (once, at),
    };
    match bytes.get(next) {
        Some(b'+') => {
            repeat.possessive = true;
            next += 1;
        }
        Some(b'?') => next += 1,
        _ => {}
    }
    (repeat, next)
}

/// `n}`, `n,}`, `n,m}`: least, most, behind it. What has another form stands for itself.
fn braces(bytes: &[u8], at: usize) -> Option<(Option<u32>, Option<u32>, usize)> {
    let rest = bytes.get(at..)?;
    let end = memchr::memchr(b'}', rest)?;
    let text = std::str::from_utf8(rest.get(..end)?).ok()?;
    let next = at + end + 1;
    match text.split_once(',') {
        None => {
            let n = text.parse().ok()?;
            Some((Some(n), Some(n), next))
        }
        Some((least, "")) => Some((Some(least.parse().ok()?), None, next)),
        Some((least, most)) => Some((Some(least.parse().ok()?), Some(most.parse().ok()?), next)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found_in;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nested_repetitions() {
        for bad in [
            "(a+)+",
            "(a*)*$",
            "(?:a+)*b",
            "((a+))+",
            "(\\s*\\w*)*",
            "(a|b+)+",
            "(.*,)+",
            "(?:x.+y){2,}",
            "([^,]+)+",
            "(a+){30}b?(c+){2,40}",
            "(?<n>a+)+",
            "(?i:a+)+",
            "(\\x41+)+",
            "(?:(?:a+)|b)*",
            "([\\]a]+)+",
        ] {
            assert!(read(bad, false).nested, "{bad}");
        }
    }

    #[test]
    fn repetitions_that_are_told_apart() {
        for good in [
            "(a+b)+",
            "(?:ba*)+",
            "([^,]*,)+",
            "(?>a+)+",
            "(a++)+",
            "(a+)++",
            "(a+)?",
            "(a+){3}",
            "(?=a+)+b",
            "a+b*c+",
            "(a{2})+",
            "\\(a+\\)+",
            "[(a+)]+",
            "(?#(a+)+)x",
            "(\\d{1,3}\\.){3}",
            "(?i)a+",
            "(a?b)+",
            "(\\Q(a+)+\\E)",
            "(*ANYCRLF)a+",
        ] {
            assert!(!read(good, false).nested, "{good}");
        }
        assert!(!read("a # (b+)+\n c", true).nested && read("( a+ # x\n )+", true).nested);
    }

    #[test]
    fn what_is_told() {
        let bad = "content:\"abcd\"; pcre:\"/^(a+)+$/R\";";
        assert_eq!(found_in(bad), [(Kind::RegexBacktracks, "pcre:\"/^(a+)+$/R\"".to_owned())]);
        assert_eq!(found_in("content:\"abcd\"; pcre:\"/.*x/\";").len(), 1);
        assert_eq!(found_in("content:\"abcd\"; pcre:\"/.*x/R\";").len(), 0);
        assert_eq!(found_in("content:\"abcd\"; pcre:\"/a.*x/\";").len(), 0);
        assert_eq!(found_in("content:\"abcd\"; pcre:\"/^.*x/\";").len(), 0);
        assert_eq!(found_in("content:\"abcd\"; pcre:\"/.{9,40}x/\";").len(), 0);
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "[a(){}\\[\\]\\\\*+?.,0-9|^:=!<>QEx#-]{0,40}", extended: bool) {
            read(&text, extended);
        }
    }
}
