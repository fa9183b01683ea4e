//! Rules on a file in transfer as a whole: all that one rule asks must hold of the same file, some of it only once the file is over.

use super::evaluate::Judgement;
use super::explain::account::Step;
use super::hashlist::{HashList, HashLists};
use super::program::{Needle, ProgramError};
use crate::packet::Direction;
use crate::protocols::Transaction;
use crate::protocols::file::{FileTracker, Hashes};
use sekisho_signatures::file::{FileTest, FileText, HashKind};
use sekisho_signatures::model::NumberTest;
use std::sync::Arc;

/// Files of one transaction and direction that are looked at for one rule.
pub(super) const MAX_FILES: usize = 1024;

/// What rules ask of files, which must be made ready as they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileNeeds {
    /// Hashes that rules ask for.
    pub hashes: Hashes,
    /// Some rule asks what kind of file it is.
    pub magic: bool,
    /// Some rule asks for the MD5 of mails' bodies.
    pub mail_md5: bool,
    /// Some rule has files stored.
    pub store: bool,
    /// Some rule asks something of files as a whole.
    pub any: bool,
}

/// A text that must, or must not, be there.
#[derive(Debug)]
pub(super) struct TextOp {
    needle: Needle,
    len: usize,
    negated: bool,
}

impl TextOp {
    fn new(text: &FileText) -> Self {
        Self { needle: Needle::new(&text.pattern, true), len: text.pattern.len(), negated: text.negated }
    }

    fn within(&self, text: &[u8]) -> bool {
        self.needle.find(text).is_some() != self.negated
    }

    fn at_end(&self, text: &[u8]) -> bool {
        let tail = text.len().checked_sub(self.len).and_then(|at| text.get(at..));
        tail.is_some_and(|tail| self.needle.find(tail).is_some()) != self.negated
    }
}

/// A condition on a file, compiled.
#[derive(Debug)]
pub(super) enum FileOp {
    Any,
    Name(TextOp),
    Extension(TextOp),
    Magic(TextOp),
    Size(NumberTest),
    Hash { list: Arc<HashList>, negated: bool },
}

impl FileOp {
    /// Compiles it.
    ///
    /// # Errors
    /// Its list of hashes could not be loaded.
    pub(super) fn new(test: &FileTest, lists: &HashLists) -> Result<Self, ProgramError> {
        Ok(match test {
            FileTest::Any => Self::Any,
            FileTest::Name(text) => Self::Name(TextOp::new(text)),
            FileTest::Extension(text) => Self::Extension(TextOp::new(text)),
            FileTest::Magic(text) => Self::Magic(TextOp::new(text)),
            FileTest::Size(test) => Self::Size(test.clone()),
            FileTest::Hash { kind, list, negated } => {
                let list = lists.get(*kind, list).map_err(ProgramError::NoHashes)?;
                Self::Hash { list, negated: *negated }
            }
        })
    }

    /// Notes what files must have ready for it.
    pub(super) fn needs(&self, needs: &mut FileNeeds) {
        needs.any = true;
        needs.magic |= matches!(self, Self::Magic(_));
        if let Self::Hash { list, .. } = self {
            let kind = match **list {
                HashList::Md5(_) => HashKind::Md5,
                HashList::Sha1(_) => HashKind::Sha1,
                HashList::Sha256(_) => HashKind::Sha256,
            };
            needs.hashes.md5 |= kind == HashKind::Md5;
            needs.hashes.sha1 |= kind == HashKind::Sha1;
            needs.hashes.sha256 |= kind == HashKind::Sha256;
        }
    }

    /// Whether it holds; None if that is not known yet.
    fn holds(&self, file: &FileTracker) -> Option<bool> {
        match self {
            Self::Any => Some(true),
            Self::Name(text) => Some(text.within(file.name())),
            Self::Extension(text) => Some(text.at_end(file.name())),
            Self::Magic(text) => match file.magic() {
                Some(magic) => Some(text.within(magic.as_bytes())),
                None => file.knows_head().then_some(false),
            },
            Self::Size(test) => {
                let size = file.size();
                // It can only grow.
                if test.ranges.iter().any(|r| *r.end() == u64::MAX && size >= *r.start()) {
                    return Some(true);
                }
                file.is_over().then(|| file.is_whole() && test.holds(size))
            }
            Self::Hash { list, negated } => {
                file.is_over().then(|| list.contains(file.digests()).is_some_and(|found| found != *negated))
            }
        }
    }
}

/// Whether all of them hold of a file; None if that is not known yet.
pub(super) fn all_hold(ops: &[FileOp], file: &FileTracker) -> Option<bool> {
    let mut known = Some(true);
    for op in ops {
        match op.holds(file) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = None,
        }
    }
    known
}

/// The files of a transaction in one direction.
pub(super) fn files(transaction: &dyn Transaction, direction: Direction) -> impl Iterator<Item = &FileTracker> {
    (0..MAX_FILES).map_while(move |index| transaction.tracker(direction, index))
}

/// Whether there is a file of which all of them hold.
pub(super) fn judge(ops: &[FileOp], transaction: &dyn Transaction, direction: Direction) -> Judgement {
    let mut open = false;
    for file in files(transaction, direction) {
        match all_hold(ops, file) {
            Some(true) => return Judgement::Match,
            Some(false) => {}
            None => open = true,
        }
    }
    if open { Judgement::NeedMore } else { Judgement::NoMatch }
}

/// The same, condition by condition, for who wants to know which of them failed: of the file that came nearest.
pub(super) fn steps(
    ops: &[FileOp],
    conditions: impl Iterator<Item = String>,
    transaction: &dyn Transaction,
    direction: Direction,
) -> Vec<Step> {
    let held = |file: &&FileTracker| ops.iter().take_while(|op| op.holds(file) == Some(true)).count();
    let nearest = files(transaction, direction).max_by_key(held);
    let step = |(condition, op): (String, &FileOp)| match nearest {
        None => Step::new(condition, false, "the transaction has no file"),
        Some(file) => {
            let found = match op {
                FileOp::Any => String::new(),
                FileOp::Name(_) | FileOp::Extension(_) => format!("\"{}\"", file.name().escape_ascii()),
                FileOp::Magic(_) => file.magic().unwrap_or("not known").to_owned(),
                FileOp::Size(_) if !file.is_over() => format!("{} bytes so far", file.size()),
                FileOp::Size(_) => format!("{} bytes", file.size()),
                FileOp::Hash { .. } if !file.is_over() => "not over yet".to_owned(),
                FileOp::Hash { .. } if !file.is_whole() => "some of the file is missing".to_owned(),
                FileOp::Hash { .. } => String::new(),
            };
            Step::new(condition, op.holds(file) == Some(true), found)
        }
    };
    conditions.zip(ops).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::file::{FilePolicy, FileState};

    fn op(test: FileTest) -> FileOp {
        FileOp::new(&test, &HashLists::default()).unwrap()
    }

    fn text(pattern: &str, negated: bool) -> FileText {
        FileText { pattern: pattern.as_bytes().into(), negated }
    }

    #[test]
    fn a_size_is_known_at_the_end_or_once_it_is_exceeded() {
        let more = op(FileTest::Size(NumberTest { ranges: vec![5..=u64::MAX] }));
        let less = op(FileTest::Size(NumberTest { ranges: vec![0..=9] }));
        let mut file = FileTracker::new(b"", FilePolicy::default());
        file.push(b"1234");
        assert_eq!((more.holds(&file), less.holds(&file)), (None, None));
        file.push(b"5");
        assert_eq!((more.holds(&file), less.holds(&file)), (Some(true), None));
        file.close(FileState::Closed);
        assert_eq!((more.holds(&file), less.holds(&file)), (Some(true), Some(true)));
        let mut cut = FileTracker::new(b"", FilePolicy::default());
        cut.close(FileState::Truncated);
        assert_eq!(less.holds(&cut), Some(false));
    }

    #[test]
    fn names_in_any_case_and_what_must_not_be_there() {
        let file = FileTracker::new(b"Cables/Report.PDF.exe", FilePolicy::default());
        let holds = |test| op(test).holds(&file).unwrap();
        assert!(holds(FileTest::Name(text("report", false))) && !holds(FileTest::Name(text("report", true))));
        assert!(holds(FileTest::Extension(text(".EXE", false))) && !holds(FileTest::Extension(text(".pdf", false))));
        assert!(holds(FileTest::Extension(text(".longer than the whole name of it", true))));
        assert_eq!(op(FileTest::Magic(text("pdf", false))).holds(&file), None);
        let all = [op(FileTest::Name(text("report", false))), op(FileTest::Magic(text("pdf", false)))];
        assert_eq!(all_hold(&all, &file), None);
        let all = [op(FileTest::Magic(text("pdf", false))), op(FileTest::Name(text("other", false)))];
        assert_eq!(all_hold(&all, &file), Some(false));
    }

    #[test]
    fn a_list_that_is_not_there_refuses_the_rule() {
        let test = FileTest::Hash { kind: HashKind::Sha1, list: "gone".into(), negated: false };
        assert!(matches!(FileOp::new(&test, &HashLists::default()), Err(ProgramError::NoHashes(_))));
    }
}
