//! Configuration text to checked values: every mistake is found in one go, each with its place.
//!
//! A file is parsed once into a tree that keeps positions. Each leaf is then tried alone, so that one bad key does not hide
//! the next; what only makes sense together is caught when the whole is read. A `--set` is a document of one key, judged the same
//! way, then laid over the file.

use super::problem::{ConfigProblem, explain, is_missing_field};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

/// One text of configuration and the tree that was read from it.
pub(super) struct Source<'t> {
    name: String,
    text: &'t str,
    tree: DeTable<'t>,
}

impl<'t> Source<'t> {
    /// Parses a file's text.
    ///
    /// # Errors
    /// Every syntax error that the parser could recover from, with its place.
    pub(super) fn parse(name: &str, text: &'t str) -> Result<Self, Vec<ConfigProblem>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (tree, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let problem = |e: toml::de::Error| {
                ConfigProblem::at(name, text, e.span().unwrap_or(0..0), e.message().trim_end().to_owned())
            };
            return Err(errors.into_iter().map(problem).collect());
        }
        Ok(Self { name: name.to_owned(), text, tree: tree.into_inner() })
    }

    /// Lays another text's keys over this one's; tables are merged, anything else is replaced.
    pub(super) fn overlay(&mut self, over: &Source<'t>) {
        merge(&mut self.tree, &over.tree);
    }

    /// The value of the whole.
    ///
    /// # Errors
    /// Every leaf that is wrong, or what is wrong with the whole.
    pub(super) fn read<C: DeserializeOwned>(&self) -> Result<C, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut leaves = Vec::new();
        collect_leaves(&self.tree, &mut Vec::new(), &mut leaves);
        for leaf in leaves {
            if let Err(e) = C::deserialize(Deserializer::from(Spanned::new(0..0, leaf)))
                && !is_missing_field(e.message())
            {
                problems.push(self.problem(e.span(), explain(e.message())));
            }
        }
        if problems.is_empty() {
            match C::deserialize(Deserializer::from(Spanned::new(0..0, self.tree.clone()))) {
                Ok(config) => return Ok(config),
                Err(e) => problems.push(self.problem(e.span(), explain(e.message()))),
            }
        }
        problems.sort_by_key(|p| (p.line, p.column));
        problems.dedup();
        Err(problems)
    }

    /// A mistake in the value of a dotted key that this text may or may not hold.
    pub(super) fn problem_at_key(&self, key: &[&str], message: String) -> ConfigProblem {
        self.problem(self.locate(key), message)
    }

    fn problem(&self, span: Option<Range<usize>>, message: String) -> ConfigProblem {
        match span {
            // What came from a `--set` has positions of another text: it was judged there already.
            Some(span) if span.end <= self.text.len() && !span.is_empty() => {
                ConfigProblem::at(&self.name, self.text, span, message)
            }
            _ => ConfigProblem::without_place(&self.name, message),
        }
    }

    /// A number among the keys is a place in a list. A key that is not there is looked for where it should be.
    fn locate(&self, key: &[&str]) -> Option<Range<usize>> {
        let (first, rest) = key.split_first()?;
        let mut at = self.tree.get(*first)?;
        for key in rest {
            let inner = match at.get_ref() {
                DeValue::Table(table) => table.get(*key),
                DeValue::Array(list) => list.get(key.parse::<usize>().ok()?),
                _ => None,
            };
            match inner {
                Some(inner) => at = inner,
                // The table of the list that lacks it.
                None if at.get_ref().is_table() && !at.span().is_empty() => break,
                None => return None,
            }
        }
        Some(at.span())
    }
}

/// Reads `key=value` and writes it as a document. What is no TOML value is taken as a text, and where a list is wanted,
/// as a list of texts.
///
/// # Errors
/// A sentence that names the `--set`.
pub(super) fn set_to_document<C: DeserializeOwned>(set: &str) -> Result<String, ConfigProblem> {
    let name = format!("--set {set}");
    let refuse = |message: String| Err(ConfigProblem::without_place(&name, message));
    let Some((key, value)) = set.split_once('=') else {
        return refuse("give it as --set section.key=value, for example --set eve.types=alert".into());
    };
    let (key, value) = (key.trim(), value.trim());
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list: Vec<String> = value.split(',').map(|item| quote(item.trim())).collect();
    let mut first_error = None;
    // The first reading that the key accepts is meant; where none is, the plainest one explains best.
    for reading in [value.to_owned(), quote(value), format!("[{}]", list.join(","))] {
        let document = format!("{key} = {reading}");
        let Ok(source) = Source::parse(&name, &document) else { continue };
        match source.read::<C>() {
            Ok(_) => return Ok(document),
            Err(problems) => first_error = first_error.or(problems.into_iter().next()),
        }
    }
    refuse(first_error.map_or_else(|| format!("`{key}` is not a dotted key"), |p| p.message))
}

fn merge<'t>(base: &mut DeTable<'t>, over: &DeTable<'t>) {
    for (key, value) in over.iter() {
        if let DeValue::Table(over) = value.get_ref()
            && let Some(existing) = base.get_mut(key.get_ref().as_ref())
            && let DeValue::Table(base) = existing.get_mut()
        {
            merge(base, over);
            continue;
        }
        base.insert(key.clone(), value.clone());
    }
}

type Key<'t> = Spanned<std::borrow::Cow<'t, str>>;

/// Each leaf as a document of its own. A list is a leaf: its items may need one another.
fn collect_leaves<'t>(table: &DeTable<'t>, path: &mut Vec<Key<'t>>, out: &mut Vec<DeTable<'t>>) {
    for (key, value) in table.iter() {
        path.push(key.clone());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => collect_leaves(inner, path, out),
            _ => {
                let mut document = value.clone();
                for key in path.iter().rev() {
                    let mut table = DeTable::new();
                    let span = document.span();
                    table.insert(key.clone(), document);
                    document = Spanned::new(span, DeValue::Table(table));
                }
                if let DeValue::Table(table) = document.into_inner() {
                    out.push(table);
                }
            }
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        eve: Eve,
        list: Vec<Item>,
        pair: Option<Pair>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Eve {
        types: Vec<String>,
        size: u16,
        name: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Item {
        name: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        a: u8,
        b: u8,
    }

    fn read(text: &str) -> Result<Sample, Vec<String>> {
        Source::parse("f.toml", text)
            .and_then(|s| s.read())
            .map_err(|problems| problems.iter().map(|p| format!("{}:{} {}", p.line, p.column, p.message)).collect())
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let problems = read("[eve]\ntypos = []\nsize = \"big\"\nname = \"ok\"\n[evil]\nx = 1\n").unwrap_err();
        assert_eq!(
            problems,
            [
                "2:1 unknown key `typos`; did you mean `types`?",
                "3:8 expected a whole number from 0 to 65535, found string \"big\"",
                "5:2 unknown key `evil`; the keys here are `eve`, `list` or `pair`",
            ]
        );
    }

    #[test]
    fn keys_that_need_one_another_are_judged_together() {
        assert_eq!(read("[pair]\na = 1\nb = 2\n").unwrap().pair, Some(Pair { a: 1, b: 2 }));
        let problems = read("[pair]\na = 1\n").unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("missing field `b`"), "{problems:?}");
        let problems = read("[[list]]\nname = \"a\"\n[[list]]\nnam = \"b\"\n").unwrap_err();
        assert_eq!(problems, ["4:1 unknown key `nam`; did you mean `name`?"]);
    }

    #[test]
    fn all_syntax_errors_are_told() {
        let problems = read("a = \nb = [1\n[c\n").unwrap_err();
        assert!(problems.len() > 1, "{problems:?}");
    }

    fn set(texts: &[&str]) -> Result<Sample, String> {
        let documents: Result<Vec<String>, _> = texts.iter().map(|t| set_to_document::<Sample>(t)).collect();
        let documents = documents.map_err(|p| p.to_string())?;
        let mut base = Source::parse("f.toml", "[eve]\nname = \"file\"\nsize = 7\n").unwrap();
        for document in &documents {
            base.overlay(&Source::parse("--set", document).unwrap());
        }
        Ok(base.read().unwrap())
    }

    #[test]
    fn set_takes_the_reading_that_the_key_wants() {
        assert_eq!(set(&["eve.types=alert"]).unwrap().eve.types, ["alert"]);
        assert_eq!(set(&["eve.types=alert,flow"]).unwrap().eve.types, ["alert", "flow"]);
        assert_eq!(set(&["eve.types=[]"]).unwrap().eve.types, Vec::<String>::new());
        assert_eq!(set(&["eve.types=[\"a\"]"]).unwrap().eve.types, ["a"]);
        assert_eq!(set(&["eve.name=12"]).unwrap().eve.name, "12");
        assert_eq!(set(&["eve.name=a\"b\\"]).unwrap().eve.name, "a\"b\\");
        let both = set(&["eve.size=1", "eve.size=9"]).unwrap().eve;
        assert_eq!((both.size, both.name.as_str()), (9, "file"));
    }

    #[test]
    fn a_bad_set_is_named() {
        assert_eq!(
            set(&["eve.typs=alert"]).unwrap_err(),
            "--set eve.typs=alert: error: unknown key `typs`; did you mean `types`?"
        );
        assert!(set(&["eve.size=70000"]).unwrap_err().contains("0 to 65535"));
        assert!(set(&["eve.types"]).unwrap_err().contains("--set section.key=value"));
        assert!(set(&["=x"]).unwrap_err().contains("not a dotted key"));
        assert!(set(&["a b=x"]).unwrap_err().contains("not a dotted key"));
    }
}
