//! What rules ask of one file in transfer as a whole, and what they have done with it. All that a rule asks by these keywords must
//! hold of the same file. Plain data, as [`crate::model`]; meanings are those of Suricata 8's user guide.

use crate::model::NumberTest;
use std::fmt;
use std::path::PathBuf;

/// Text that must, or must not, be there; letters match in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FileText {
    pub pattern: Box<[u8]>,
    pub negated: bool,
}

/// Which hash of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HashKind {
    Md5,
    Sha1,
    Sha256,
}

impl HashKind {
    /// Its length in bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The keyword.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Md5 => "filemd5",
            Self::Sha1 => "filesha1",
            Self::Sha256 => "filesha256",
        }
    }
}

/// One condition on a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileTest {
    /// There is one: what `filestore` alone asks.
    Any,
    /// `filename`: somewhere in its name.
    Name(FileText),
    /// `fileext`: its name ends so, with a dot before it.
    Extension(FileText),
    /// `filemagic`: somewhere in what libmagic says of it.
    Magic(FileText),
    /// `filesize`: known when it is over; more than a number already before.
    Size(NumberTest),
    /// `filemd5` and its kin: its hash is, or is not, in a list.
    Hash {
        /// Which.
        kind: HashKind,
        /// A hash a line, in hexadecimal; what stands behind it does not matter. Relative to the rule's file.
        list: PathBuf,
        /// It must not be there.
        negated: bool,
    },
}

/// As the rule asks it.
impl fmt::Display for FileTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |negated: bool| if negated { "!" } else { "" };
        let text = |f: &mut fmt::Formatter<'_>, keyword: &str, text: &FileText| {
            write!(f, "{keyword}:{}\"{}\"", mark(text.negated), text.pattern.escape_ascii())
        };
        match self {
            Self::Any => f.write_str("filestore"),
            Self::Name(name) => text(f, "filename", name),
            Self::Extension(extension) => text(f, "fileext", extension),
            Self::Magic(magic) => text(f, "filemagic", magic),
            Self::Size(test) => {
                f.write_str("filesize ")?;
                for (i, range) in test.ranges.iter().enumerate() {
                    let between = if i == 0 { "" } else { " or " };
                    match (*range.start(), *range.end()) {
                        (first, u64::MAX) => write!(f, "{between}at least {first}")?,
                        (first, last) if first == last => write!(f, "{between}{first}")?,
                        (first, last) => write!(f, "{between}{first} to {last}")?,
                    }
                }
                Ok(())
            }
            Self::Hash { kind, list, negated } => write!(f, "{}:{}{}", kind.keyword(), mark(*negated), list.display()),
        }
    }
}

/// Files of which direction are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum StoreSide {
    /// That in which the rule matched.
    #[default]
    Matched,
    ToServer,
    ToClient,
    Both,
}

/// Which files are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StoreScope {
    /// Those of which the rule's conditions hold.
    #[default]
    File,
    /// All of the transaction.
    Transaction,
    /// All of the flow, from here on.
    Flow,
}

/// `filestore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Filestore {
    pub side: StoreSide,
    pub scope: StoreScope,
}
