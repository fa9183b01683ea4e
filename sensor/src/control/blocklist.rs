//! Block lists: addresses and prefixes from files, built into maps of the kernel beside those that are in use.
//!
//! One address or prefix a line (`192.0.2.1`, `198.51.100.0/24`, `2001:db8::/32`), blanks around it, and comments behind `#`. A
//! line that is wrong is told with its place and left out. Addresses go into hash tables, which one look-up answers however many they
//! are; prefixes into tries. Maps are made as large as the list is.

use crate::capture::early_config::{BlockAction, BlocklistConfig};
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{HashMap, MapData, MapError};
use sekisho_ebpf::early::ListAction;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// BPF_F_NO_PREALLOC: tries know no other way.
const NO_PREALLOC: u32 = 1;
/// Lines that are told, for each list; the rest is counted.
const TOLD: usize = 20;
/// Longest line in bytes; an address has 49 at most with its length.
const LONGEST_LINE: usize = 4096;

/// A line that is wrong, and is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", file.display())]
pub struct BlocklistProblem {
    /// The file.
    pub file: PathBuf,
    /// 1-based line.
    pub line: u64,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum BlocklistError {
    /// A file.
    #[error("cannot read the block list {}: {source}; mend capture.blocklist.files", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel.
    #[error("the kernel does not take a block list of {entries} entries: {why}")]
    Kernel {
        /// Addresses and prefixes.
        entries: usize,
        /// The error.
        why: String,
    },
}

/// What files say, each address and prefix once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocklist {
    hosts4: Vec<[u8; 4]>,
    hosts6: Vec<[u8; 16]>,
    nets4: Vec<([u8; 4], u8)>,
    nets6: Vec<([u8; 16], u8)>,
    /// Lines that are wrong, the first of them.
    pub problems: Vec<BlocklistProblem>,
    /// How many more lines are wrong.
    pub more_problems: u64,
}

impl Blocklist {
    /// Reads all files.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(files: &[PathBuf]) -> Result<Self, BlocklistError> {
        let mut list = Self::default();
        for file in files {
            list.read_file(file).map_err(|source| BlocklistError::Unreadable { file: file.clone(), source })?;
        }
        list.settle();
        Ok(list)
    }

    /// Addresses and prefixes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts4.len() + self.hosts6.len() + self.nets4.len() + self.nets6.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read_file(&mut self, file: &Path) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(file)?);
        let mut line = Vec::with_capacity(64);
        for number in 1.. {
            line.clear();
            // Whatever the file is, a line takes no more memory than this.
            let read = io::Read::take(&mut reader, LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let said = text.split('#').next().unwrap_or_default().trim();
            if line.len() > LONGEST_LINE && !line.ends_with(b"\n") {
                skip_line(&mut reader)?;
                if !text.contains('#') {
                    self.tell(file, number, format!("a line of more than {LONGEST_LINE} bytes is no address"));
                    continue;
                }
            }
            if !said.is_empty()
                && let Err(message) = self.add(said)
            {
                self.tell(file, number, message);
            }
        }
        Ok(())
    }

    #[cold]
    fn tell(&mut self, file: &Path, line: u64, message: String) {
        if self.problems.len() < TOLD {
            self.problems.push(BlocklistProblem { file: file.to_owned(), line, message });
        } else {
            self.more_problems += 1;
        }
    }

    /// Adds an address or prefix.
    fn add(&mut self, text: &str) -> Result<(), String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address.trim_end(), Some(length.trim_start())),
            None => (text, None),
        };
        let wrong = || format!("`{}` is no address or prefix, such as 192.0.2.1 or 2001:db8::/32", shown(text));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(length) => length
                .parse::<u8>()
                .ok()
                .filter(|n| *n <= most)
                .ok_or_else(|| format!("`{}`: the length of a prefix is 1 to {most} here", shown(text)))?,
        };
        if length == 0 {
            return Err(format!("`{}` is every address there is: a prefix is at least 1 long", shown(text)));
        }
        match address {
            IpAddr::V4(address) if length == 32 => self.hosts4.push(address.octets()),
            IpAddr::V4(address) => {
                let first = u32::from(address) & (u32::MAX << (32 - length));
                self.nets4.push((Ipv4Addr::from(first).octets(), length));
            }
            IpAddr::V6(address) if length == 128 => self.hosts6.push(address.octets()),
            IpAddr::V6(address) => {
                let first = u128::from(address) & (u128::MAX << (128 - length));
                self.nets6.push((Ipv6Addr::from(first).octets(), length));
            }
        }
        Ok(())
    }

    fn settle(&mut self) {
        fn once<T: Ord>(list: &mut Vec<T>) {
            list.sort_unstable();
            list.dedup();
        }
        once(&mut self.hosts4);
        once(&mut self.hosts6);
        once(&mut self.nets4);
        once(&mut self.nets6);
    }
}

/// As much of a text as a message takes.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn skip_line(reader: &mut impl io::BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|&b| b == b'\n');
        let (taken, done) = end.map_or((buffer.len(), buffer.is_empty()), |at| (at + 1, true));
        reader.consume(taken);
        if done {
            return Ok(());
        }
    }
}

/// A list as the kernel has it, which any number of interfaces can use.
pub struct BuiltList {
    pub(super) hosts4: HashMap<MapData, [u8; 4], u8>,
    pub(super) hosts6: HashMap<MapData, [u8; 16], u8>,
    pub(super) nets4: LpmTrie<MapData, [u8; 4], u8>,
    pub(super) nets6: LpmTrie<MapData, [u8; 16], u8>,
    pub(super) action: ListAction,
    entries: usize,
}

impl std::fmt::Debug for BuiltList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltList")
            .field("entries", &self.entries)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

impl BuiltList {
    /// Puts the list into maps of its own.
    ///
    /// # Errors
    /// The kernel's: memory, most likely.
    pub fn new(list: &Blocklist, action: BlockAction) -> Result<Self, BlocklistError> {
        let action = match action {
            BlockAction::Drop => ListAction::Drop,
            BlockAction::Count => ListAction::Count,
        };
        let entries = list.len();
        Self::build(list, action, entries)
            .map_err(|error| BlocklistError::Kernel { entries, why: super::interface::chain(&error) })
    }

    /// No address: what takes the place of a list that is not used any more.
    pub(super) fn empty() -> Result<Self, MapError> {
        Self::build(&Blocklist::default(), ListAction::Count, 0)
    }

    fn build(list: &Blocklist, action: ListAction, entries: usize) -> Result<Self, MapError> {
        let room = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let mut built = Self {
            hosts4: HashMap::create(room(list.hosts4.len()), 0)?,
            hosts6: HashMap::create(room(list.hosts6.len()), 0)?,
            nets4: LpmTrie::create(room(list.nets4.len()), NO_PREALLOC)?,
            nets6: LpmTrie::create(room(list.nets6.len()), NO_PREALLOC)?,
            action,
            entries,
        };
        for host in &list.hosts4 {
            built.hosts4.insert(host, 1, 0)?;
        }
        for host in &list.hosts6 {
            built.hosts6.insert(host, 1, 0)?;
        }
        for &(first, length) in &list.nets4 {
            built.nets4.insert(&Key::new(u32::from(length), first), 1, 0)?;
        }
        for &(first, length) in &list.nets6 {
            built.nets6.insert(&Key::new(u32::from(length), first), 1, 0)?;
        }
        Ok(built)
    }

    /// Addresses and prefixes.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }
}

/// What the configuration names, read and built; nothing if it names nothing. What is wrong in it is told in the log.
///
/// # Errors
/// A file cannot be read, or the kernel does not take it.
pub fn load(config: &BlocklistConfig) -> Result<Option<(BuiltList, Blocklist)>, BlocklistError> {
    if config.files.is_empty() {
        return Ok(None);
    }
    let list = Blocklist::read(&config.files)?;
    for problem in &list.problems {
        tracing::warn!("block list: {problem}");
    }
    if list.more_problems > 0 {
        tracing::warn!("block list: and {} more lines are wrong", list.more_problems);
    }
    let built = BuiltList::new(&list, config.action)?;
    Ok(Some((built, list)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Blocklist {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        std::fs::write(&file, text).unwrap();
        let mut list = Blocklist::read(std::slice::from_ref(&file)).unwrap();
        for problem in &mut list.problems {
            problem.file = "list".into();
        }
        list
    }

    #[test]
    fn addresses_and_prefixes_are_read_once_each() {
        let list = read(
            "# a list\n192.0.2.1\n 192.0.2.1/32 # again\n198.51.100.77/24\n198.51.100.0/24\r\n\n2001:db8::1\n2001:db8::ff/32\n",
        );
        assert_eq!(list.hosts4, [[192, 0, 2, 1]]);
        assert_eq!(list.nets4, [([198, 51, 100, 0], 24)]);
        assert_eq!(list.hosts6, ["2001:db8::1".parse::<Ipv6Addr>().unwrap().octets()]);
        assert_eq!(list.nets6, [("2001:db8::".parse::<Ipv6Addr>().unwrap().octets(), 32)]);
        assert_eq!((list.len(), list.problems.len()), (4, 0));
    }

    #[test]
    fn wrong_lines_are_told_with_their_place_and_the_good_ones_kept() {
        let list = read("192.0.2.1\n192.0.2.300\n10.0.0.0/33\n0.0.0.0/0\nexample.org\n192.0.2.2\n");
        assert_eq!(list.hosts4.len(), 2);
        let told: Vec<String> = list.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "list:2: `192.0.2.300` is no address or prefix, such as 192.0.2.1 or 2001:db8::/32",
                "list:3: `10.0.0.0/33`: the length of a prefix is 1 to 32 here",
                "list:4: `0.0.0.0/0` is every address there is: a prefix is at least 1 long",
                "list:5: `example.org` is no address or prefix, such as 192.0.2.1 or 2001:db8::/32",
            ]
        );
    }

    #[test]
    fn a_file_of_anything_is_bounded_and_its_good_lines_are_found() {
        let long = format!("{}\n192.0.2.7\n# {}\n192.0.2.8", "x".repeat(100_000), "y".repeat(100_000));
        let list = read(&long);
        assert_eq!(list.hosts4, [[192, 0, 2, 7], [192, 0, 2, 8]]);
        assert_eq!(list.problems.len(), 1);
        let list = read(&"nonsense\n".repeat(100));
        assert_eq!((list.problems.len(), list.more_problems), (TOLD, 80));
        assert!(Blocklist::read(&["/no/such/list".into()]).unwrap_err().to_string().contains("/no/such/list"));
    }
}
