//! Contents that exclude one another by their places: two that must begin at the same byte and differ, one that must be
//! there and must not.

use super::{Subject, buffers, is_optional};
use crate::model::{BufferCondition, Content, Value};
use crate::syntax::Span;

pub(super) fn lint(subject: &mut Subject<'_>) {
    let mut found: Vec<(Span, String)> = Vec::new();
    for conditions in buffers(subject.signature).filter(|c| !is_optional(c)) {
        let contents: Vec<&Content> = conditions
            .iter()
            .filter_map(|c| match c {
                BufferCondition::Content(c) => Some(c),
                _ => None,
            })
            .collect();
        let size = exact_size(conditions);
        // Few rules have more than a dozen; one with thousands is not compared pair by pair.
        let contents = contents.get(..contents.len().min(64)).unwrap_or_default();
        for (index, later) in contents.iter().enumerate() {
            for earlier in contents.get(..index).unwrap_or_default() {
                if let Some(why) = clash(earlier, later, size) {
                    found.push((subject.at_content(later), why));
                    break;
                }
            }
        }
    }
    for (span, why) in found {
        subject.never(span, why);
    }
}

/// The size of the buffer, if `bsize` allows only one.
fn exact_size(conditions: &[BufferCondition]) -> Option<i64> {
    conditions.iter().find_map(|c| match c {
        BufferCondition::Size(test) => match &test.ranges[..] {
            [only] if only.start() == only.end() => i64::try_from(*only.start()).ok(),
            _ => None,
        },
        _ => None,
    })
}

fn len(content: &Content) -> i64 {
    i64::try_from(content.pattern.len()).unwrap_or(i64::MAX)
}

/// The one place where a content can begin, if there is only one.
fn fixed(content: &Content, size: Option<i64>) -> Option<i64> {
    if content.is_relative() {
        return None;
    }
    if content.startswith {
        return Some(0);
    }
    if let (true, Some(size)) = (content.endswith, size) {
        return Some(size - len(content));
    }
    let offset = match content.offset {
        None => 0,
        Some(Value::Literal(n)) => n,
        Some(Value::Variable(_)) => return None,
    };
    (content.depth == Some(Value::Literal(len(content)))).then_some(offset)
}

fn clash(a: &Content, b: &Content, size: Option<i64>) -> Option<String> {
    if a.negated && b.negated {
        return None;
    }
    if a.negated != b.negated {
        let (wanted, excluded) = if a.negated { (b, a) } else { (a, b) };
        return holds(wanted, excluded, size)
            .then(|| "a content that must not be there is part of one that must be".to_owned());
    }
    let (at_a, at_b) = (fixed(a, size)?, fixed(b, size)?);
    let start = at_a.max(at_b);
    let end = (at_a + len(a)).min(at_b + len(b));
    let byte =
        |c: &Content, at: i64, place: i64| usize::try_from(place - at).ok().and_then(|i| c.pattern.get(i)).copied();
    let differs = (start..end).find(|&place| match (byte(a, at_a, place), byte(b, at_b, place)) {
        (Some(x), Some(y)) if a.nocase || b.nocase => !x.eq_ignore_ascii_case(&y),
        (x, y) => x != y,
    })?;
    Some(format!("two contents of this rule want different bytes at {differs}"))
}

/// Whether every buffer in which `wanted` is found has `excluded` where that looks.
fn holds(wanted: &Content, excluded: &Content, size: Option<i64>) -> bool {
    // A pattern in one case only is not implied by one in either case.
    if wanted.nocase && !excluded.nocase && excluded.pattern.iter().any(u8::is_ascii_alphabetic) {
        return false;
    }
    let same = |x: &[u8]| {
        if excluded.nocase { x.eq_ignore_ascii_case(&excluded.pattern) } else { *x == *excluded.pattern }
    };
    let n = excluded.pattern.len();
    match (fixed(wanted, size), fixed(excluded, size)) {
        (Some(wanted_at), Some(excluded_at)) => usize::try_from(excluded_at - wanted_at)
            .ok()
            .and_then(|at| wanted.pattern.get(at..at.checked_add(n)?))
            .is_some_and(same),
        _ => {
            let anywhere = !excluded.is_relative()
                && excluded.offset.is_none()
                && excluded.depth.is_none()
                && !excluded.startswith
                && !excluded.endswith;
            anywhere && wanted.pattern.windows(n.max(1)).any(same)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::testing::found_in;

    fn never(options: &str) -> Vec<String> {
        found_in(options).into_iter().filter(|f| f.0 == Kind::NeverMatches).map(|f| f.1).collect()
    }
    const NONE: [&str; 0] = [];

    #[test]
    fn different_bytes_in_one_place() {
        assert_eq!(never("content:\"GET \"; startswith; content:\"POST\"; depth:4;"), ["content:\"POST\""]);
        assert_eq!(never("content:\"abcd\"; offset:2; depth:4; content:\"dx\"; offset:5; depth:2;"), NONE);
        assert_eq!(never("content:\"abcd\"; offset:2; depth:4; content:\"xx\"; offset:5; depth:2;").len(), 1);
        assert_eq!(never("content:\"abcd\"; startswith; content:\"ABCD\"; startswith; nocase;"), NONE);
        assert_eq!(never("content:\"abcd\"; startswith; content:\"cd\"; offset:2; depth:2;"), NONE);
        assert_eq!(never("content:\"abcd\"; depth:5; content:\"x\"; startswith;"), NONE);
        assert_eq!(never("bsize:4; content:\"abc\"; startswith; content:\"xd\"; endswith;"), ["content:\"xd\""]);
        assert_eq!(never("bsize:4; content:\"abc\"; startswith; content:\"cd\"; endswith;"), NONE);
    }

    #[test]
    fn wanted_and_excluded() {
        assert_eq!(never("content:\"abcd\"; content:!\"bc\";"), ["content:!\"bc\""]);
        assert_eq!(never("content:\"abcd\"; content:!\"BC\"; nocase;").len(), 1);
        assert_eq!(never("content:\"abcd\"; nocase; content:!\"bc\";"), NONE);
        assert_eq!(never("content:\"abcd\"; content:!\"bc\"; depth:9;"), NONE);
        assert_eq!(never("content:\"abcd\"; content:!\"bc\"; within:9;"), NONE);
        assert_eq!(never("content:\"abcd\"; startswith; content:!\"bc\"; offset:1; depth:2;").len(), 1);
        assert_eq!(never("content:\"abcd\"; startswith; content:!\"bc\"; offset:2; depth:2;"), NONE);
    }

    #[test]
    fn very_many_contents_are_no_burden() {
        let many: String = (0..5_000).map(|i| format!("content:\"{i:05}\"; ")).collect();
        assert_eq!(never(&many), NONE);
    }
}
