//! From a rule's text to its tree. Quotes do not hide a semicolon: as in Suricata, only a backslash before it does.

use super::{Direction, Group, GroupKind, MAX_NESTING, OptionValue, Rule, RuleOption, Span, Text};
use crate::error::{RuleError, RuleErrorKind as Kind};

/// Parses one rule, as [`super::lines`] delivers it.
///
/// # Errors
/// The first thing that is not a rule's shape, with its place.
pub fn parse(text: &[u8]) -> Result<Rule<'_>, RuleError> {
    let mut cursor = Cursor { text, at: 0 };
    let action = cursor.word("an action such as alert")?;
    let protocol = cursor.word("a protocol such as tcp")?;
    let source = cursor.side("a source address")?;
    let source_ports = cursor.side("a source port")?;
    let arrow = cursor.word("a direction: ->, <> or =>")?;
    let direction = match arrow.bytes {
        b"->" => Direction::Forward,
        b"<>" => Direction::Both,
        b"=>" => Direction::Transaction,
        _ => return Err(RuleError::new(Kind::BadDirection { found: arrow.show() }, arrow.span())),
    };
    let destination = cursor.side("a destination address")?;
    let destination_ports = cursor.side("a destination port")?;
    cursor.skip_blanks();
    if cursor.peek() != Some(b'(') {
        return Err(cursor.expected("( before the options"));
    }
    let body = Text::new(text, 0).from(cursor.at + 1);
    let options = options(body)?;
    Ok(Rule {
        action,
        protocol,
        source,
        source_ports,
        direction,
        direction_span: arrow.span(),
        destination,
        destination_ports,
        options,
    })
}

pub(super) fn lone_group(text: &[u8]) -> Result<Group<'_>, RuleError> {
    let mut cursor = Cursor { text, at: 0 };
    let group = cursor.side("a group")?;
    cursor.skip_blanks();
    if cursor.peek().is_some() { Err(cursor.expected("nothing more")) } else { Ok(group) }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn expected(&self, what: &'static str) -> RuleError {
        let rest = Text::new(self.text, 0).from(self.at).split_word().0;
        let found = if rest.bytes.is_empty() { "the end of the rule".to_owned() } else { rest.show() };
        let end = self.at + rest.bytes.len().max(1);
        RuleError::new(Kind::Expected { expected: what, found }, Span::new(self.at, end))
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> Text<'a> {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
        Text::new(self.text, 0).from(start).to(self.at - start)
    }

    fn word(&mut self, what: &'static str) -> Result<Text<'a>, RuleError> {
        self.skip_blanks();
        let word = self.take_while(|b| !b.is_ascii_whitespace() && b != b'(');
        if word.bytes.is_empty() { Err(self.expected(what)) } else { Ok(word) }
    }

    /// A header's group; a list there may go without brackets, as in `!80,!443`.
    fn side(&mut self, what: &'static str) -> Result<Group<'a>, RuleError> {
        let first = self.group(0, what)?;
        if self.peek() != Some(b',') {
            return Ok(first);
        }
        let start = first.span.start as usize;
        let mut members = vec![first];
        while self.peek() == Some(b',') {
            self.at += 1;
            members.push(self.group(1, "a member of the list")?);
        }
        Ok(Group { negated: false, kind: GroupKind::List(members), span: Span::new(start, self.at) })
    }

    fn group(&mut self, depth: usize, what: &'static str) -> Result<Group<'a>, RuleError> {
        self.skip_blanks();
        let start = self.at;
        if depth > MAX_NESTING {
            return Err(RuleError::new(Kind::TooDeep { limit: MAX_NESTING }, Span::new(start, start + 1)));
        }
        let negated = self.peek() == Some(b'!');
        if negated {
            self.at += 1;
            self.skip_blanks();
        }
        let kind = match self.peek() {
            Some(b'[') => GroupKind::List(self.list(depth)?),
            Some(b'$') => {
                self.at += 1;
                let name = self.item();
                if name.bytes.is_empty() {
                    return Err(self.expected("a variable's name after $"));
                }
                GroupKind::Variable(name)
            }
            _ => {
                let item = self.item();
                if item.bytes.is_empty() {
                    return Err(self.expected(what));
                }
                GroupKind::Item(item)
            }
        };
        Ok(Group { negated, kind, span: Span::new(start, self.at) })
    }

    fn item(&mut self) -> Text<'a> {
        self.take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b',' | b'[' | b']' | b'(' | b')' | b'!' | b'$'))
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Group<'a>>, RuleError> {
        let start = self.at;
        self.at += 1;
        let mut members = Vec::new();
        loop {
            members.push(self.group(depth + 1, "a member of the list")?);
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(members);
                }
                None => return Err(RuleError::new(Kind::ListNotClosed, Span::new(start, start + 1))),
                Some(_) => return Err(self.expected(", or ] in the list")),
            }
        }
    }
}

/// The options, from after the opening parenthesis to the rule's end.
fn options(body: Text<'_>) -> Result<Vec<RuleOption<'_>>, RuleError> {
    let trimmed = body.trim();
    let Some((&last, inner)) = trimmed.bytes.split_last() else {
        return Err(RuleError::new(Kind::NotClosed, Span::new(body.start as usize, body.start as usize + 1)));
    };
    if last != b')' {
        return Err(unclosed(trimmed));
    }
    let mut rest = trimmed.to(inner.len());
    let mut options = Vec::with_capacity(16);
    loop {
        rest = rest.trim();
        if rest.bytes.is_empty() {
            return Ok(options);
        }
        let Some(end) = option_end(rest.bytes) else {
            return Err(RuleError::new(Kind::NoSemicolon { found: rest.show() }, rest.span()));
        };
        options.push(option(rest.to(end))?);
        rest = rest.from(end + 1);
    }
}

/// The rule does not end in `)`: points at what follows the last one, or at the end.
fn unclosed(body: Text<'_>) -> RuleError {
    match memchr::memmem::rfind(body.bytes, b";)") {
        Some(at) => {
            let extra = body.from(at + 2).trim();
            RuleError::new(Kind::TrailingText { found: extra.show() }, extra.span())
        }
        None => {
            let end = body.span().end as usize;
            RuleError::new(Kind::NotClosed, Span::new(end.saturating_sub(1), end))
        }
    }
}

/// The semicolon that ends the option at the front of `text`.
fn option_end(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b';', text).find(|&at| at == 0 || text[at - 1] != b'\\')
}

fn option(text: Text<'_>) -> Result<RuleOption<'_>, RuleError> {
    let (name, value) = match text.split_once(b':') {
        Some((name, value)) => (name, value),
        None => (text.trim(), text.from(text.bytes.len())),
    };
    if name.bytes.is_empty() {
        return Err(RuleError::new(Kind::EmptyOption, Span::new(text.start as usize, text.start as usize + 1)));
    }
    Ok(RuleOption { name, value: (!value.bytes.is_empty()).then(|| option_value(value)) })
}

fn option_value(text: Text<'_>) -> OptionValue<'_> {
    let (negated, inner) = match text.strip(b"!") {
        Some(after) if after.bytes.first() == Some(&b'"') => (true, after),
        _ => (false, text),
    };
    match inner.bytes {
        [b'"', between @ .., b'"'] => OptionValue { negated, quoted: true, text: inner.from(1).to(between.len()) },
        _ => OptionValue { negated: false, quoted: false, text },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (Kind, u32) {
        let e = parse(text.as_bytes()).expect_err(text);
        (e.kind, e.span.start)
    }

    #[test]
    fn every_part_has_its_place() {
        let text =
            b"alert  tcp [ $A , ![1.2.3.4, 10.0.0.0/8] ] any <> !$B :1024 (msg:\"a\\;b\"; content: ! \"x\" ;nocase;)";
        let rule = parse(text).unwrap();
        assert_eq!(rule.action.bytes, b"alert");
        assert_eq!(rule.protocol.start, 7);
        assert_eq!(rule.direction, Direction::Both);
        let GroupKind::List(members) = &rule.source.kind else { panic!("{rule:?}") };
        assert_eq!(members.len(), 2);
        assert!(matches!(&members[0].kind, GroupKind::Variable(t) if t.bytes == b"A" && t.start == 14));
        assert!(members[1].negated && matches!(&members[1].kind, GroupKind::List(l) if l.len() == 2));
        assert!(rule.destination.negated);
        assert_eq!(rule.options.len(), 3);
        let msg = rule.options[0].value.unwrap();
        assert_eq!((msg.quoted, msg.text.bytes), (true, &b"a\\;b"[..]));
        let content = rule.options[1].value.unwrap();
        assert_eq!((content.negated, content.quoted, content.text.bytes), (true, true, &b"x"[..]));
        assert_eq!(&text[content.text.start as usize..][..1], b"x");
        assert_eq!(rule.options[2].value, None);
    }

    #[test]
    fn a_list_may_go_without_brackets() {
        let rule = parse(b"alert tcp 1.1.1.1,2.2.2.2 any -> any !5800,!445 (sid:1;)").unwrap();
        assert!(matches!(&rule.source.kind, GroupKind::List(l) if l.len() == 2));
        assert!(matches!(&rule.destination_ports.kind, GroupKind::List(l) if l.iter().all(|m| m.negated)));
        assert_eq!(rule.destination_ports.span, Span::new(37, 47));
        assert!(matches!(error("alert tcp any any -> any 1,"), (Kind::Expected { .. }, 27)));
    }

    #[test]
    fn quotes_do_not_hide_a_semicolon() {
        let rule = parse(b"alert tcp any any -> any any (a:\"b; c\";)").unwrap();
        assert_eq!(rule.options.len(), 2);
        assert!(!rule.options[0].value.unwrap().quoted);
    }

    #[test]
    fn a_closing_parenthesis_may_stand_in_a_value() {
        let rule = parse(b"alert tcp any any -> any any (a:b (c) d; e; )  ").unwrap();
        assert_eq!(rule.options.len(), 2);
    }

    #[test]
    fn what_is_not_a_rule_is_pointed_at() {
        assert!(matches!(error(""), (Kind::Expected { .. }, 0)));
        assert!(matches!(error("alert"), (Kind::Expected { .. }, 5)));
        assert!(matches!(error("alert tcp any any <- any any (sid:1;)"), (Kind::BadDirection { .. }, 18)));
        assert!(matches!(error("alert tcp any any -> any (sid:1;)"), (Kind::Expected { .. }, 25)));
        assert!(matches!(error("alert tcp [any any -> any any (sid:1;)"), (Kind::Expected { .. }, 15)));
        assert!(matches!(error("alert tcp [1.2.3.4"), (Kind::ListNotClosed, 10)));
        assert!(matches!(error("alert tcp [] any -> any any (sid:1;)"), (Kind::Expected { .. }, 11)));
        assert!(matches!(error("alert tcp [1.1.1.1,] any -> any any (sid:1;)"), (Kind::Expected { .. }, 19)));
        assert!(matches!(error("alert tcp any any -> any any"), (Kind::Expected { .. }, 28)));
        assert!(matches!(error("alert tcp any any -> any any (sid:1;"), (Kind::NotClosed, 35)));
        assert!(matches!(error("alert tcp any any -> any any (sid:1;) x"), (Kind::TrailingText { .. }, 38)));
        assert!(matches!(error("alert tcp any any -> any any (sid:1)"), (Kind::NoSemicolon { .. }, 30)));
        assert!(matches!(error("alert tcp any any -> any any (sid:1;;)"), (Kind::EmptyOption, 36)));
        assert!(matches!(error("alert tcp any any -> any any ( :1;)"), (Kind::EmptyOption, 31)));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |n: usize| format!("alert ip {}any{} any -> any any (sid:1;)", "[".repeat(n), "]".repeat(n));
        assert!(parse(deep(MAX_NESTING).as_bytes()).is_ok());
        assert!(matches!(error(&deep(MAX_NESTING + 1)), (Kind::TooDeep { .. }, _)));
        assert!(matches!(error(&deep(1_000_000)), (Kind::TooDeep { .. }, _)));
    }

    #[test]
    fn a_long_rule_is_a_rule() {
        let text = format!("alert ip any any -> any any (content:\"{}\"; sid:1;)", "a".repeat(2_000_000));
        assert_eq!(parse(text.as_bytes()).unwrap().options.len(), 2);
    }
}
