//! From a tree back to a rule's text, blanks made uniform.

use super::{Direction, Group, GroupKind, Rule, Span};

impl Rule<'_> {
    /// The rule's text: one blank between the header's parts, one after each semicolon, none inside lists. Parses back to
    /// the same tree, places apart.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        for part in [self.action.bytes, b" ", self.protocol.bytes, b" "] {
            out.extend_from_slice(part);
        }
        print_group(&self.source, &mut out);
        out.push(b' ');
        print_group(&self.source_ports, &mut out);
        out.extend_from_slice(match self.direction {
            Direction::Forward => b" -> ",
            Direction::Both => b" <> ",
            Direction::Transaction => b" => ",
        });
        print_group(&self.destination, &mut out);
        out.push(b' ');
        print_group(&self.destination_ports, &mut out);
        out.extend_from_slice(b" (");
        for (index, option) in self.options.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(option.name.bytes);
            if let Some(value) = &option.value {
                out.push(b':');
                if value.negated {
                    out.push(b'!');
                }
                let quote: &[u8] = if value.quoted { b"\"" } else { b"" };
                for part in [quote, value.text.bytes, quote] {
                    out.extend_from_slice(part);
                }
            }
            // A backslash there would take the semicolon with it; blanks before the semicolon mean nothing.
            if out.ends_with(b"\\") {
                out.push(b' ');
            }
            out.push(b';');
        }
        out.push(b')');
        out
    }

    /// The same tree with all places 0, to compare trees by shape.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        fn clear(group: &mut Group<'_>) {
            group.span = Span::default();
            match &mut group.kind {
                GroupKind::Item(text) | GroupKind::Variable(text) => text.start = 0,
                GroupKind::List(members) => members.iter_mut().for_each(clear),
            }
        }
        self.action.start = 0;
        self.protocol.start = 0;
        self.direction_span = Span::default();
        for group in [&mut self.source, &mut self.source_ports, &mut self.destination, &mut self.destination_ports] {
            clear(group);
        }
        for option in &mut self.options {
            option.name.start = 0;
            if let Some(value) = &mut option.value {
                value.text.start = 0;
            }
        }
        self
    }
}

fn print_group(group: &Group<'_>, out: &mut Vec<u8>) {
    if group.negated {
        out.push(b'!');
    }
    match &group.kind {
        GroupKind::Item(text) => out.extend_from_slice(text.bytes),
        GroupKind::Variable(name) => {
            out.push(b'$');
            out.extend_from_slice(name.bytes);
        }
        GroupKind::List(members) => {
            out.push(b'[');
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                print_group(member, out);
            }
            out.push(b']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use proptest::prelude::*;

    #[test]
    fn prints_what_it_read() {
        let text = b"drop tcp [ !$A , [1.2.3.4 ,10.0.0.0/8]] 1: =>  any !80 ( content : ! \"a\\;|00|\" ;nocase ; x: ;)";
        let rule = parse(text).unwrap();
        let printed = rule.print();
        assert_eq!(
            String::from_utf8_lossy(&printed),
            "drop tcp [!$A,[1.2.3.4,10.0.0.0/8]] 1: => any !80 (content:!\"a\\;|00|\"; nocase; x;)"
        );
        assert_eq!(parse(&printed).unwrap().without_places(), rule.without_places());
    }

    #[test]
    fn a_backslash_at_the_end_does_not_take_the_semicolon_with_it() {
        for text in
            [&b"alert tcp any any -> any any (a\\ ; b; sid:1;)"[..], b"alert tcp any any -> any any (msg:x\\ ; sid:1;)"]
        {
            let rule = parse(text).unwrap();
            assert_eq!(parse(&rule.print()).unwrap().without_places(), rule.without_places());
        }
    }

    fn blanks() -> impl Strategy<Value = String> {
        "[ \t]{0,2}"
    }

    fn group() -> impl Strategy<Value = String> {
        let leaf = ("!?", "any|\\$[A-Z]{1,4}|[0-9]{1,3}(:|[.:/-][0-9]{1,3}){0,3}").prop_map(|(n, t)| n + &t);
        leaf.prop_recursive(4, 24, 4, |inner| {
            ("!?", blanks(), prop::collection::vec((inner, blanks()), 1..4)).prop_map(|(n, b, members)| {
                let members: Vec<String> = members.into_iter().map(|(m, b)| b.clone() + &m + &b).collect();
                format!("{n}{b}[{}]", members.join(","))
            })
        })
    }

    fn option() -> impl Strategy<Value = Vec<u8>> {
        let value = prop_oneof![
            Just(Vec::new()),
            "[a-z0-9,<> =.()!:\"|]{0,12}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..20),
        ];
        ("[a-z][a-z_.]{0,8}", blanks(), any::<bool>(), any::<bool>(), value).prop_map(
            |(name, b, quote, negate, value)| {
                let mut out = name.into_bytes();
                out.extend_from_slice(b.as_bytes());
                out.push(b':');
                out.extend_from_slice(b.as_bytes());
                out.extend_from_slice(if negate { b"!" } else { b"" });
                out.extend_from_slice(if quote { b"\"" } else { b"" });
                out.extend(value.into_iter().filter(|b| !matches!(b, b';' | b'\\' | b'\n' | b'\r')));
                out.extend_from_slice(if quote { b"\"" } else { b"" });
                out.extend_from_slice(b.as_bytes());
                out.push(b';');
                out
            },
        )
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(
            header in (group(), group(), "->|<>|=>", group(), group()),
            options in prop::collection::vec(option(), 0..6),
            b in blanks(),
        ) {
            let (s, sp, arrow, d, dp) = header;
            let mut text = format!("{b}alert{b} tcp {b}{s} {sp}\t{arrow}{b} {d} {dp}{b} (").into_bytes();
            options.iter().for_each(|o| text.extend_from_slice(o));
            text.extend_from_slice(b" ) ");
            let rule = parse(&text).map_err(|e| TestCaseError::fail(format!("{e}: {}", String::from_utf8_lossy(&text))))?;
            let printed = rule.print();
            let again = parse(&printed).map_err(|e| TestCaseError::fail(format!("{e}: {}", String::from_utf8_lossy(&printed))))?;
            prop_assert_eq!(again.print(), printed.clone());
            prop_assert_eq!(again.without_places(), rule.without_places());
        }

        #[test]
        fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
