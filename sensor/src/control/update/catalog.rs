//! Which rules a set of files holds, and what another set changes.

use sekisho_signatures::syntax::{Rule, parse};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How a rule is told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Numbers {
    /// Its generator; 1 if it names none.
    pub gid: u32,
    /// Its signature.
    pub sid: u32,
}

/// A rule in a file, in use or commented out.
#[derive(Debug)]
pub struct Found {
    /// Its numbers.
    pub numbers: Numbers,
    /// Its revision.
    pub rev: u32,
    /// Its message.
    pub msg: String,
    /// Not commented out.
    pub enabled: bool,
    /// Its text on one line, without comment marks.
    pub text: Vec<u8>,
    /// Where it stands, with its line ends.
    pub bytes: Range<usize>,
}

/// Calls `with` for each rule in `file` that has a sid. What cannot be read as a rule is passed over: loading tells of it.
pub fn each_rule(file: &[u8], mut with: impl FnMut(Found)) {
    let mut at = 0;
    while at < file.len() {
        let start = at;
        let mut text = Vec::new();
        let mut commented = None;
        loop {
            let rest = file.get(at..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let line = rest.get(..end).unwrap_or_default();
            at += end;
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            let content = content.strip_suffix(b"\r").unwrap_or(content);
            let is_comment = content.trim_ascii_start().first() == Some(&b'#');
            let commented = *commented.get_or_insert(is_comment);
            let content = if commented {
                let marks = content.iter().take_while(|b| **b == b'#' || b.is_ascii_whitespace()).count();
                content.get(marks..).unwrap_or_default()
            } else {
                content
            };
            match content.strip_suffix(b"\\") {
                Some(more) if at < file.len() => text.extend_from_slice(more),
                _ => {
                    text.extend_from_slice(content);
                    break;
                }
            }
        }
        let Ok(rule) = parse(&text) else { continue };
        let Some(sid) = number(&rule, b"sid") else { continue };
        let numbers = Numbers { gid: number(&rule, b"gid").unwrap_or(1), sid };
        let (rev, msg) = (number(&rule, b"rev").unwrap_or(0), words(&rule, b"msg"));
        with(Found { numbers, rev, msg, enabled: commented != Some(true), text, bytes: start..at });
    }
}

fn value<'r>(rule: &'r Rule<'_>, name: &[u8]) -> Option<&'r [u8]> {
    rule.options.iter().find(|o| o.name.bytes == name)?.value.as_ref().map(|value| value.text.bytes)
}

fn number(rule: &Rule<'_>, name: &[u8]) -> Option<u32> {
    std::str::from_utf8(value(rule, name)?).ok()?.trim().parse().ok()
}

fn words(rule: &Rule<'_>, name: &[u8]) -> String {
    String::from_utf8_lossy(value(rule, name).unwrap_or_default()).into_owned()
}

/// What is known of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    rev: u32,
    msg: String,
    enabled: bool,
    text: Vec<u8>,
}

/// The rules of a set of files.
#[derive(Debug, Default)]
pub struct Catalog(BTreeMap<Numbers, Known>);

impl Catalog {
    /// Reads the rules of all files that end in `.rules`.
    #[must_use]
    pub fn of(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let mut all: BTreeMap<Numbers, Known> = BTreeMap::new();
        for (name, bytes) in files {
            if name.extension().is_none_or(|extension| extension != "rules") {
                continue;
            }
            each_rule(bytes, |Found { numbers, rev, msg, enabled, text, .. }| {
                let known = Known { rev, msg, enabled, text: text.trim_ascii().to_vec() };
                // Of two with the same numbers the one that is in use counts, and then the newer.
                match all.get(&numbers) {
                    Some(there) if (there.enabled, there.rev) >= (enabled, rev) => {}
                    _ => drop(all.insert(numbers, known)),
                }
            });
        }
        Self(all)
    }

    /// Reads an installed folder; an empty catalog if there is none.
    #[must_use]
    pub fn of_folder(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let files =
            entries.filter_map(|entry| Some((PathBuf::from(entry.file_name()), std::fs::read(entry.path()).ok()?)));
        Self::of(&files.collect())
    }

    /// What becomes of these rules when `next` takes their place.
    #[must_use]
    pub fn changes(&self, next: &Self) -> Changes {
        let mut changes = Changes::default();
        for (numbers, new) in &next.0 {
            let change = |old: u32| Change { numbers: *numbers, old_rev: old, rev: new.rev, msg: new.msg.clone() };
            match self.0.get(numbers) {
                None if new.enabled => changes.added.push(change(0)),
                None => {}
                Some(old) => match (old.enabled, new.enabled) {
                    (false, true) => changes.enabled.push(change(old.rev)),
                    (true, false) => changes.disabled.push(change(old.rev)),
                    (true, true) if old.text != new.text => changes.changed.push(change(old.rev)),
                    _ => {}
                },
            }
        }
        let gone = self.0.iter().filter(|(numbers, old)| old.enabled && !next.0.contains_key(numbers));
        changes.removed = gone
            .map(|(numbers, old)| Change { numbers: *numbers, old_rev: old.rev, rev: 0, msg: old.msg.clone() })
            .collect();
        changes
    }
}

/// One rule that is another, or not there, afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The rule.
    #[serde(flatten)]
    pub numbers: Numbers,
    /// Its revision before; 0 if there was none.
    pub old_rev: u32,
    /// Its revision afterwards; 0 if there is none.
    pub rev: u32,
    /// Its message.
    pub msg: String,
}

/// What an update changes. Rules that are and were commented out are in none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// New, and in use.
    pub added: Vec<Change>,
    /// Were in use, and are gone.
    pub removed: Vec<Change>,
    /// In use as before, with another text.
    pub changed: Vec<Change>,
    /// Were commented out, and are in use.
    pub enabled: Vec<Change>,
    /// Were in use, and are commented out.
    pub disabled: Vec<Change>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(text: &str) -> Catalog {
        Catalog::of(&[(PathBuf::from("a.rules"), text.as_bytes().to_vec())].into())
    }

    fn rule(sid: u32, rest: &str) -> String {
        format!("alert ip any any -> any any (msg:\"rule {sid}\"; {rest}sid:{sid}; rev:2;)\n")
    }

    fn sids(changes: &[Change]) -> Vec<u32> {
        changes.iter().map(|change| change.numbers.sid).collect()
    }

    #[test]
    fn every_kind_of_change_is_told_once() {
        let before = [
            rule(1, ""),
            rule(2, ""),
            format!("#{}", rule(3, "")),
            rule(4, ""),
            rule(5, ""),
            format!("# {}", rule(6, "")),
        ];
        let after = [
            rule(1, ""),
            rule(2, "ttl:1; "),
            rule(3, ""),
            format!("#{}", rule(4, "")),
            rule(7, ""),
            format!("#{}", rule(8, "")),
        ];
        let changes = catalog(&before.concat()).changes(&catalog(&after.concat()));
        assert_eq!(sids(&changes.added), [7]);
        assert_eq!(sids(&changes.removed), [5]);
        assert_eq!(sids(&changes.changed), [2]);
        assert_eq!(sids(&changes.enabled), [3]);
        assert_eq!(sids(&changes.disabled), [4]);
        let same = catalog(&before.concat());
        assert_eq!(same.changes(&catalog(&before.concat())), Changes::default());
    }

    #[test]
    fn a_rule_on_several_lines_is_one() {
        let text = "# alert ip any any -> any any \\\n#   (msg:\"a\"; sid:9;)\r\nalert ip any any -> any any \\\r\n (gid:3; sid:9;)";
        let mut found = Vec::new();
        each_rule(text.as_bytes(), |rule| found.push((rule.numbers.gid, rule.enabled, rule.bytes)));
        let second = text.find("alert ip any any -> any any \\\r").unwrap();
        assert_eq!(found, [(1, false, 0..second), (3, true, second..text.len())]);
    }

    #[test]
    fn any_bytes_are_read_to_their_end() {
        for text in [&b"\\"[..], b"#\\\n", b"\xff\xfe\\\n\\\n#", b"alert", b"\n\n#####\n"] {
            each_rule(text, |rule| panic!("{rule:?}"));
        }
    }
}
