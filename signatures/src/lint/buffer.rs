//! Conditions on a buffer that it can never meet: messages of the other side only, letters that it never holds.

use super::Subject;
use crate::buffers::Buffer;
use crate::model::{BufferCondition, BufferConditions};
use crate::syntax::Span;
use crate::transform::Transform;

pub(super) fn lint(subject: &mut Subject<'_>) {
    let mut found: Vec<(Span, String)> = Vec::new();
    for buffer in &subject.signature.buffers {
        if super::is_optional(&buffer.conditions) {
            continue;
        }
        found.extend(other_side(subject, buffer));
        found.extend(capitals(subject, buffer));
    }
    for (span, why) in found {
        subject.never(span, why);
    }
}

/// `flow` asks for the side whose messages do not have the buffer.
fn other_side(subject: &Subject<'_>, buffer: &BufferConditions) -> Option<(Span, String)> {
    let to_server = subject.signature.flow.to_server?;
    let declaration = buffer.buffer.declaration();
    if buffer.side().has(to_server) {
        return None;
    }
    let (only, asked) = if to_server { ("to_client", "to_server") } else { ("to_server", "to_client") };
    Some((subject.at("flow"), format!("{} is of messages {only}, flow wants {asked}", declaration.name)))
}

/// A content with a capital letter where all letters are small.
fn capitals(subject: &Subject<'_>, buffer: &BufferConditions) -> Option<(Span, String)> {
    let small = buffer.buffer == Buffer::HttpHost && buffer.transforms.is_empty()
        || matches!(buffer.transforms.last(), Some(Transform::ToLowercase));
    buffer.conditions.iter().filter(|_| small).find_map(|condition| match condition {
        BufferCondition::Content(c) if !c.nocase && !c.negated && c.pattern.iter().any(u8::is_ascii_uppercase) => {
            let name = buffer.buffer.name();
            let why = format!("{name} holds small letters only here: write the content in small letters");
            Some((subject.at_content(c), why))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::testing::found_if_built;

    fn never(options: &str) -> Option<Vec<String>> {
        let found = found_if_built(&format!("alert http any any -> any any (msg:\"m\"; {options} sid:1; rev:1;)"))?;
        Some(found.into_iter().filter(|f| f.0 == Kind::NeverMatches).map(|f| f.1).collect())
    }

    #[test]
    fn buffers_of_the_other_side() {
        let Some(found) = never("flow:to_client; http.uri; content:\"abcd\";") else { return };
        assert_eq!(found, ["flow:to_client"]);
        assert_eq!(never("flow:to_server; http.uri; content:\"abcd\";"), Some(vec![]));
        assert_eq!(never("flow:to_client; http.stat_code; content:\"200\";"), Some(vec![]));
        assert_eq!(never("flow:to_server; http.stat_code; content:\"200\";"), Some(vec!["flow:to_server".to_owned()]));
    }

    #[test]
    fn capital_letters_that_are_never_there() {
        let Some(found) = never("http.host; content:\"Example.org\";") else { return };
        assert_eq!(found, ["content:\"Example.org\""]);
        assert_eq!(never("http.host; content:\"example.org\";"), Some(vec![]));
        assert_eq!(never("http.host; content:\"Example.org\"; nocase;"), Some(vec![]));
        assert_eq!(never("http.uri; to_lowercase; content:\"/Abc\";").map(|f| f.len()), Some(1));
        assert_eq!(never("http.uri; content:\"/Abc\";"), Some(vec![]));
    }
}
