//! Lists of files' hashes (`filemd5`, `filesha1`, `filesha256`): loaded with the rules, millions of them, 16 to 32 bytes each.

use super::dataset::BadLine;
use crate::protocols::file::Digests;
use rustc_hash::FxHashMap;
use sekisho_signatures::file::{FileTest, HashKind};
use sekisho_signatures::model::BufferCondition;
use sekisho_signatures::ruleset::Ruleset;
use std::collections::hash_map::Entry;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Wrong lines of one list that are told one by one.
const MAX_TOLD: usize = 20;
/// Bytes of a line that are looked at; what is behind them is skipped.
const LONGEST_LINE: u64 = 4096;

/// A list, sorted.
#[derive(Debug)]
pub enum HashList {
    /// Of MD5.
    Md5(Box<[[u8; 16]]>),
    /// Of SHA-1.
    Sha1(Box<[[u8; 20]]>),
    /// Of SHA-256.
    Sha256(Box<[[u8; 32]]>),
}

impl HashList {
    /// Whether the file's hash of the list's kind is in it; None if the file has none.
    #[must_use]
    pub fn contains(&self, digests: &Digests) -> Option<bool> {
        Some(match self {
            Self::Md5(list) => list.binary_search(digests.md5.as_ref()?).is_ok(),
            Self::Sha1(list) => list.binary_search(digests.sha1.as_ref()?).is_ok(),
            Self::Sha256(list) => list.binary_search(digests.sha256.as_ref()?).is_ok(),
        })
    }

    /// Reads a list. Lines that are wrong are left out, and told.
    fn load(kind: HashKind, file: &Path, bad: &mut Vec<BadLine>) -> std::io::Result<Self> {
        Ok(match kind {
            HashKind::Md5 => Self::Md5(read(file, bad)?),
            HashKind::Sha1 => Self::Sha1(read(file, bad)?),
            HashKind::Sha256 => Self::Sha256(read(file, bad)?),
        })
    }
}

/// The hashes that the lines of a file begin with. Empty lines, and those that begin with `#`, say nothing.
fn read<const N: usize>(file: &Path, bad: &mut Vec<BadLine>) -> std::io::Result<Box<[[u8; N]]>> {
    let mut reader = BufReader::with_capacity(1 << 16, std::fs::File::open(file)?);
    let (mut hashes, mut line, mut number, mut wrong) = (Vec::new(), Vec::new(), 0_usize, 0_usize);
    loop {
        line.clear();
        if (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if !line.ends_with(b"\n") {
            reader.skip_until(b'\n')?;
        }
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        match hash(text) {
            Some(hash) => hashes.push(hash),
            None => {
                wrong += 1;
                if wrong <= MAX_TOLD {
                    let message = format!("a hash of {} hexadecimal digits was expected", 2 * N);
                    bad.push(BadLine { file: file.to_owned(), line: number, message });
                }
            }
        }
    }
    if wrong > MAX_TOLD {
        let message = format!("{} more lines up to here are wrong", wrong - MAX_TOLD);
        bad.push(BadLine { file: file.to_owned(), line: number, message });
    }
    hashes.sort_unstable();
    hashes.dedup();
    Ok(hashes.into())
}

/// The hash that a line begins with, and nothing that would make it longer.
fn hash<const N: usize>(line: &[u8]) -> Option<[u8; N]> {
    let (digits, rest) = line.split_at_checked(2 * N)?;
    if rest.first().is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut hash = [0; N];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(hash)
}

/// The lists that a ruleset names; why, where one cannot be had.
#[derive(Clone, Debug, Default)]
pub struct HashLists(Arc<FxHashMap<(HashKind, PathBuf), Loaded>>);

/// A list, or why it cannot be had.
type Loaded = Result<Arc<HashList>, String>;

impl HashLists {
    /// Loads them, each once. Lines that are wrong are returned.
    pub(super) fn load(ruleset: &Ruleset) -> (Self, Vec<BadLine>) {
        let mut lists = FxHashMap::default();
        let mut bad = Vec::new();
        let conditions = ruleset.signatures.iter().flat_map(|s| &s.buffers).flat_map(|b| &b.conditions);
        for condition in conditions {
            let BufferCondition::File(FileTest::Hash { kind, list, .. }) = condition else { continue };
            if let Entry::Vacant(place) = lists.entry((*kind, list.clone())) {
                let mut wrong = Vec::new();
                let loaded = HashList::load(*kind, list, &mut wrong);
                bad.append(&mut wrong);
                place.insert(loaded.map(Arc::new).map_err(|error| {
                    format!("{}: the list {} cannot be read: {error}", kind.keyword(), list.display())
                }));
            }
        }
        (Self(Arc::new(lists)), bad)
    }

    /// One of them.
    ///
    /// # Errors
    /// Why it is not there.
    pub(super) fn get(&self, kind: HashKind, list: &Path) -> Result<Arc<HashList>, String> {
        match self.0.get(&(kind, list.to_owned())) {
            Some(Ok(list)) => Ok(Arc::clone(list)),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("{}: the list {} is not loaded", kind.keyword(), list.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_what_md5sum_writes_and_tells_what_it_does_not_take() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        let text = "# known\n\n900150983cd24fb0d6963f7d28e17f72  abc.exe\nD41D8CD98F00B204E9800998ECF8427E\n\
                    900150983cd24fb0d6963f7d28e17f72\nzz0150983cd24fb0d6963f7d28e17f72\n900150983cd24fb0d6963f7d28e17f7201\nab";
        std::fs::write(&file, text).unwrap();
        let mut bad = Vec::new();
        let list = HashList::load(HashKind::Md5, &file, &mut bad).unwrap();
        assert!(matches!(&list, HashList::Md5(list) if list.len() == 2));
        assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [6, 7, 8]);
        assert!(bad[0].message.contains("32 hexadecimal digits"));
        let of = |md5| Digests { md5, ..Digests::default() };
        let abc = [0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72];
        assert_eq!(list.contains(&of(Some(abc))), Some(true));
        assert_eq!(list.contains(&of(Some([0; 16]))), Some(false));
        assert_eq!(list.contains(&of(None)), None);
        assert!(HashList::load(HashKind::Md5, &folder.path().join("gone"), &mut bad).is_err());
    }
}
