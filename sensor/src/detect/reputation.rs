//! What lists say of addresses (`iprep`): a score for each category that an address or network is in.
//!
//! Two kinds of files (Suricata's user guide, "IP Reputation Format"): categories, one `number,short name,description` a line;
//! and lists, one `address[/length],category number,score` a line. Loaded once a ruleset and never changed, so workers read
//! without a lock. The longest network that holds the address is the one that counts, for each category by itself.

use crate::packet::Addr;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The highest number of a category, exclusive (Suricata's user guide: 60).
pub const MAX_CATEGORIES: u8 = 60;
/// The highest score.
pub const MAX_SCORE: u8 = 127;

/// Names a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(u8);

/// A line that is wrong, and is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}", file.display())]
pub struct ReputationProblem {
    /// The file.
    pub file: PathBuf,
    /// 1-based line; 0 when the file could not be read.
    pub line: u32,
    /// 1-based column in bytes; 0 when the file could not be read.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}

/// All categories and lists.
#[derive(Default)]
pub struct Reputation {
    categories: FxHashMap<Box<str>, Category>,
    /// Scores by category and network; a network by its length over 128 bits and its first address.
    scores: FxHashMap<(Category, u8, u128), u8>,
    /// Lengths in use for each category, longest first: so many look-ups at most are needed.
    lengths: Vec<Vec<u8>>,
}

impl Reputation {
    /// Reads the categories, then the lists. What is wrong in them is told and left out.
    #[must_use]
    pub fn load(categories: &Path, lists: &[PathBuf]) -> (Self, Vec<ReputationProblem>) {
        let (mut reputation, mut problems) = (Self::default(), Vec::new());
        let read = |path: &Path, problems: &mut Vec<ReputationProblem>| match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                problems.push(ReputationProblem { file: path.to_owned(), line: 0, column: 0, message });
                None
            }
        };
        if let Some(text) = read(categories, &mut problems) {
            each_line(categories, &text, &mut problems, |line| reputation.category_line(line));
        }
        for list in lists {
            if let Some(text) = read(list, &mut problems) {
                each_line(list, &text, &mut problems, |line| reputation.list_line(line));
            }
        }
        reputation.index();
        (reputation, problems)
    }

    /// The category of this short name.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<Category> {
        self.categories.get(name).copied()
    }

    /// How many addresses and networks are listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Nothing is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The score of an address in a category, 0 to 127; `None` when it is not listed there.
    #[must_use]
    pub fn score(&self, category: Category, address: Addr) -> Option<u8> {
        let lengths = self.lengths.get(usize::from(category.0))?;
        lengths.iter().find_map(|&length| self.scores.get(&(category, length, network(address, length))).copied())
    }

    fn category_line(&mut self, line: &str) -> Result<(), (usize, String)> {
        let mut fields = fields(line);
        let number = fields.next().ok_or_else(|| (0, "a number is missing".to_owned()))?;
        let name = fields.next().filter(|n| !n.1.is_empty());
        let name = name.ok_or_else(|| (line.len(), "a short name is missing after the number".to_owned()))?;
        match number.1.parse::<u8>() {
            Ok(n) if n < MAX_CATEGORIES => match self.categories.get(name.1) {
                Some(before) if before.0 != n => Err((name.0, format!("{} stands for another number before", name.1))),
                _ => {
                    self.categories.insert(name.1.into(), Category(n));
                    Ok(())
                }
            },
            _ => Err((number.0, format!("{} is no category number, 0 to {}", number.1, MAX_CATEGORIES - 1))),
        }
    }

    fn list_line(&mut self, line: &str) -> Result<(), (usize, String)> {
        let all: Vec<(usize, &str)> = fields(line).collect();
        let &[address, category, score] = all.as_slice() else {
            return Err((0, "expected an address, a category number and a score, with commas between".to_owned()));
        };
        let (first, length) = prefix(address.1).map_err(|message| (address.0, message))?;
        let known = category.1.parse().ok().filter(|n| *n < MAX_CATEGORIES).map(Category);
        let known = known.filter(|known| self.categories.values().any(|c| c == known));
        let known = known.ok_or_else(|| (category.0, format!("{} is no category that is defined", category.1)))?;
        let value = score.1.parse().ok().filter(|n| *n <= MAX_SCORE);
        let value = value.ok_or_else(|| (score.0, format!("{} is no score, 0 to {MAX_SCORE}", score.1)))?;
        self.scores.insert((known, length, first), value);
        Ok(())
    }

    fn index(&mut self) {
        let mut lengths = vec![BTreeSet::new(); usize::from(MAX_CATEGORIES)];
        for (category, length, _) in self.scores.keys() {
            if let Some(lengths) = lengths.get_mut(usize::from(category.0)) {
                lengths.insert(*length);
            }
        }
        self.lengths = lengths.into_iter().map(|set| set.into_iter().rev().collect()).collect();
    }
}

/// The fields of a line between commas, each with the byte at which it begins, blanks around it left out.
fn fields(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    line.split(',').map(move |field| {
        let start = next + (field.len() - field.trim_start().len());
        next += field.len() + 1;
        (start, field.trim())
    })
}

fn each_line(
    file: &Path,
    text: &str,
    problems: &mut Vec<ReputationProblem>,
    mut read: impl FnMut(&str) -> Result<(), (usize, String)>,
) {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if let Err((at, message)) = read(line) {
            let (line, column) = (number(index + 1), number(at + 1));
            problems.push(ReputationProblem { file: file.to_owned(), line, column, message });
        }
    }
}

/// An address or network: its first address, and its length over 128 bits.
fn prefix(text: &str) -> Result<(u128, u8), String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address: IpAddr = address.parse().map_err(|_| format!("{address} is no address"))?;
    let (width, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    let length = match length {
        None => width,
        Some(text) => {
            let length = text.parse::<u8>().ok().filter(|n| *n <= width);
            length.ok_or_else(|| format!("{text} is no prefix length, 0 to {width}"))?
        }
    };
    let length = length + offset;
    Ok((network(Addr::from(address), length), length))
}

/// The first address of the network of this length that holds the address.
fn network(address: Addr, length: u8) -> u128 {
    let host_bits = 128_u32.saturating_sub(u32::from(length));
    address.0 & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(categories: &str, list: &str) -> (Reputation, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let (c, l) = (folder.path().join("c.txt"), folder.path().join("l.txt"));
        std::fs::write(&c, categories).unwrap();
        std::fs::write(&l, list).unwrap();
        let (reputation, problems) = Reputation::load(&c, &[l]);
        let told = problems
            .iter()
            .map(|p| format!("{}:{}:{} {}", p.file.file_name().unwrap().display(), p.line, p.column, p.message));
        (reputation, told.collect())
    }

    fn score(reputation: &Reputation, category: &str, address: &str) -> Option<u8> {
        let address: IpAddr = address.parse().unwrap();
        reputation.score(reputation.category(category)?, address.into())
    }

    #[test]
    fn the_longest_network_of_each_category_counts() {
        let list = "1.2.3.4,1,101\r\n# c\n1.2.3.0/24, 1 ,50\n0.0.0.0/0,2,7\n2001:db8::/32,1,3\n\n2001:db8::1,1,127\n";
        let (r, told) = load("1,BadHosts,Known bad hosts\n2,Any,All, of them\n", list);
        assert_eq!(told, [""; 0]);
        assert_eq!(score(&r, "BadHosts", "1.2.3.4"), Some(101));
        assert_eq!(score(&r, "BadHosts", "1.2.3.5"), Some(50));
        assert_eq!(score(&r, "BadHosts", "1.2.4.5"), None);
        assert_eq!(score(&r, "Any", "1.2.3.4"), Some(7));
        assert_eq!(score(&r, "Any", "2001:db8::2"), None);
        assert_eq!(score(&r, "BadHosts", "2001:db8::2"), Some(3));
        assert_eq!(score(&r, "BadHosts", "2001:db8::1"), Some(127));
        assert_eq!(r.category("Unknown"), None);
    }

    #[test]
    fn wrong_lines_are_told_and_left_out() {
        let list = "1.2.3,1,5\n1.2.3.4/33,1,5\n1.2.3.4,9,5\n1.2.3.4,1,128\n1.2.3.4,1\n1.2.3.4,1,5";
        let (r, told) = load("1,A,a\n60,B,b\nx\n2,A,again", list);
        assert_eq!(told.len(), 8, "{told:?}");
        for (told, start) in told.iter().zip([
            "c.txt:2:1 60",
            "c.txt:3:2 a short",
            "c.txt:4:3 A stands",
            "l.txt:1:1 1.2.3",
            "l.txt:2:1 33",
            "l.txt:3:9 9",
            "l.txt:4:11 128",
            "l.txt:5:1 expected",
        ]) {
            assert!(told.starts_with(start), "{told} / {start}");
        }
        assert_eq!(r.len(), 1);
        let (_, problems) = Reputation::load(Path::new("/nowhere/c"), &["/nowhere/l".into()]);
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [0, 0]);
    }

    proptest! {
        #[test]
        fn as_a_walk_over_all_networks(networks in prop::collection::vec((any::<u8>(), 24_u8..=32, 0..=MAX_SCORE), 0..30), address in any::<u8>()) {
            let text: String = networks.iter().map(|(a, l, s)| format!("10.0.0.{a}/{l},1,{s}\n")).collect();
            let (r, told) = load("1,A,a", &text);
            prop_assert!(told.is_empty());
            let holds = |a: u8, l: u8| u32::from(a ^ address) >> (32 - l) == 0;
            let best = networks.iter().filter(|(a, l, _)| holds(*a, *l)).max_by_key(|n| n.1);
            prop_assert_eq!(score(&r, "A", &format!("10.0.0.{address}")).is_some(), best.is_some());
            if let Some(best) = best {
                // Of equal networks the last line counts.
                let last = networks.iter().rev().find(|n| n.1 == best.1 && holds(n.0, n.1)).unwrap();
                prop_assert_eq!(score(&r, "A", &format!("10.0.0.{address}")), Some(last.2));
            }
        }
    }
}
