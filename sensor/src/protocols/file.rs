//! Files in transfer: what is known of one, and its EVE record `fileinfo`.
//!
//! Whatever protocol carries a file, a [`FileTracker`] follows it: the parser pushes the bytes as they come, in order, and says
//! where some are missing and where the file ends. What rules look at, what is logged and what is stored comes from there.

mod digest;
mod magic;
mod record;
mod spool;

pub use digest::{Digests, Hashes};
pub use magic::MAGIC_BYTES;
pub use record::{FileEntry, FileRecord};

use super::transaction::Part;
use bytes::Bytes;
use digest::Hasher;
use serde::Serialize;
use spool::Spool;
use std::cell::OnceCell;

/// What is wanted of files: by the rules in force and the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePolicy {
    /// First bytes of each file that are kept for rules to look at.
    pub keep: usize,
    /// Hashes that somebody asks for.
    pub hashes: Hashes,
    /// Somebody asks what kind of file it is.
    pub magic: bool,
    /// Somebody asks for the MD5 of the bodies of mails, whose parts are files.
    pub mail_md5: bool,
    /// Files may have to be stored.
    pub store: Option<HoldPolicy>,
    /// Files are scanned once they are over.
    pub scan: Option<HoldPolicy>,
    /// Bodies of HTTP in LZMA are undone, as those in other codings are.
    pub lzma: bool,
}

/// How much of files is held until it is known what is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldPolicy {
    /// Bytes of one file; what is behind is not taken.
    pub file: usize,
    /// Bytes of all files that a worker has in hand; a file that does not fit is left out. Of two policies the larger counts.
    pub all: usize,
}

impl Default for FilePolicy {
    fn default() -> Self {
        Self {
            keep: 100 * 1024,
            hashes: Hashes::default(),
            magic: false,
            mail_md5: true,
            store: None,
            scan: None,
            lzma: false,
        }
    }
}

/// A file as it comes.
#[derive(Debug)]
pub struct FileTracker {
    name: Box<[u8]>,
    policy: FilePolicy,
    /// Its first bytes, as many as rules or its magic want.
    kept: Vec<u8>,
    size: u64,
    gaps: bool,
    state: Option<FileState>,
    range: Option<(u64, u64)>,
    hasher: Option<Box<Hasher>>,
    digests: Digests,
    magic: OnceCell<Option<Box<str>>>,
    /// Of few files, and large.
    spool: Option<Box<Spool>>,
    /// The SHA-256 of what may be stored of it, where that is not all.
    spooled: Option<[u8; 32]>,
    scanned: bool,
    wanted: bool,
    stored: Option<u64>,
    sids: Vec<u32>,
}

/// Signatures that may be named as having a file stored.
const MAX_SIDS: usize = 32;

impl FileTracker {
    /// One of this name, empty if it has none, of which no byte came yet.
    #[must_use]
    pub fn new(name: &[u8], policy: FilePolicy) -> Self {
        let mut hashes = policy.hashes;
        hashes.sha256 |= policy.store.is_some();
        Self {
            name: name.into(),
            policy,
            kept: Vec::new(),
            size: 0,
            gaps: false,
            state: None,
            range: None,
            hasher: Hasher::new(hashes),
            digests: Digests::default(),
            magic: OnceCell::new(),
            spool: None,
            spooled: None,
            scanned: false,
            wanted: false,
            stored: None,
            sids: Vec::new(),
        }
    }

    /// What is transferred is only a part of the file: its first and last byte, counted from its start.
    pub fn set_range(&mut self, first: u64, last: u64) {
        self.range = Some((first, last));
    }

    /// The next bytes. Those behind the end are not of it.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state.is_some() {
            return;
        }
        let before = self.size;
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.gaps {
            return;
        }
        let keep = if self.policy.magic { self.policy.keep.max(MAGIC_BYTES) } else { self.policy.keep };
        let room = keep.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let holds = [self.policy.store, self.policy.scan];
        let most = |of: fn(HoldPolicy) -> usize| holds.into_iter().flatten().map(of).max();
        if let (Some(file), Some(all)) = (most(|hold| hold.file), most(|hold| hold.all)) {
            self.spool.get_or_insert_default().push(bytes, file, all);
        }
        // Where it goes beyond what may be stored, the hash so far is that of what is.
        if let Some(room) = self.policy.store.and_then(|store| (store.file as u64).checked_sub(before))
            && room < bytes.len() as u64
            && let Some(hasher) = &self.hasher
        {
            let mut of_stored = hasher.clone();
            of_stored.update(usize::try_from(room).ok().and_then(|room| bytes.get(..room)).unwrap_or(bytes));
            self.spooled = self.spooled.or(of_stored.sha256());
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
    }

    /// `len` bytes of it are missing here.
    pub fn gap(&mut self, len: u64) {
        if self.state.is_some() || len == 0 {
            return;
        }
        self.size = self.size.saturating_add(len);
        if !std::mem::replace(&mut self.gaps, true)
            && let Some(hasher) = self.hasher.take()
        {
            // What came before may still be stored.
            self.spooled = self.spooled.or(hasher.sha256());
        }
    }

    /// It is over: all of it came, or the transfer was cut short. Only the first call counts.
    pub fn close(&mut self, state: FileState) {
        if self.state.is_some() {
            return;
        }
        let state = if self.gaps { FileState::Truncated } else { state };
        self.state = Some(state);
        let Some(hasher) = self.hasher.take() else { return };
        if state == FileState::Closed {
            self.digests = hasher.finish();
        } else {
            self.spooled = self.spooled.or(hasher.sha256());
        }
    }

    /// Its name; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Bytes so far, those that are missing counted.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// It is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.is_some()
    }

    /// It is over, and all of it was seen.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.state == Some(FileState::Closed)
    }

    /// What rules look at: its first bytes.
    #[must_use]
    pub fn data(&self) -> Part<'_> {
        Part { data: self.kept.get(..self.policy.keep).unwrap_or(&self.kept), complete: self.is_over() }
    }

    /// What kind of file it is, in libmagic's words; once enough of it came to tell, and only where the policy wants it.
    #[must_use]
    pub fn magic(&self) -> Option<&str> {
        let head = self.kept.get(..MAGIC_BYTES).or(Some(&*self.kept).filter(|k| self.knows_head() && !k.is_empty()))?;
        self.magic.get_or_init(|| if self.policy.magic { magic::describe(head) } else { None }).as_deref()
    }

    /// As much of its start is there as will come.
    #[must_use]
    pub fn knows_head(&self) -> bool {
        self.gaps || self.is_over() || self.kept.len() >= MAGIC_BYTES
    }

    /// Its hashes, as far as they were wanted: once it is over, if it is whole.
    #[must_use]
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// It is to be stored, since signature `sid` says so, or the configuration.
    pub fn want_stored(&mut self, sid: Option<u32>) {
        self.wanted = true;
        if let Some(sid) = sid.filter(|sid| self.sids.len() < MAX_SIDS && !self.sids.contains(sid)) {
            self.sids.push(sid);
        }
    }

    /// It is to be stored.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// What is to be stored of it: once it is over, and once.
    pub fn take_wanted(&mut self) -> Wanted {
        if !self.wanted || self.state.is_none() || self.policy.store.is_none() || self.stored.is_some() {
            return Wanted::Nothing;
        }
        let Some(spool) = &mut self.spool else { return Wanted::Nothing };
        if std::mem::take(&mut spool.lost) {
            return Wanted::NoRoom;
        }
        let mut bytes = spool.take();
        bytes.truncate(self.policy.store.map_or(0, |store| store.file));
        match self.spooled.or(self.digests.sha256).filter(|_| !bytes.is_empty()) {
            Some(sha256) => Wanted::File { bytes, sha256 },
            None => Wanted::Nothing,
        }
    }

    /// What is to be scanned of it: once it is over, and once.
    pub fn take_scanned(&mut self) -> Scanned {
        let Some(HoldPolicy { file, .. }) = self.policy.scan else { return Scanned::Nothing };
        if self.state.is_none() || std::mem::replace(&mut self.scanned, true) {
            return Scanned::Nothing;
        }
        let Some(spool) = &mut self.spool else { return Scanned::Nothing };
        if spool.lost {
            return Scanned::NoRoom;
        }
        // A rule may yet have it stored.
        let mut bytes = if self.policy.store.is_some() { spool.share() } else { spool.take() };
        if bytes.is_empty() {
            return Scanned::Nothing;
        }
        let cut = spool.cut || bytes.len() > file;
        bytes.truncate(file);
        Scanned::Start { bytes, cut }
    }

    /// It was handed to the store under this number.
    pub fn set_stored(&mut self, id: u64) {
        self.stored = Some(id);
    }

    /// What is logged, once it is over. Where less of it is stored than there was, that is what the hash is of.
    #[must_use]
    pub fn info(&self) -> Option<FileInfo> {
        self.state.map(|_| self.so_far())
    }

    /// The same as it stands, also while it comes.
    #[must_use]
    pub fn so_far(&self) -> FileInfo {
        let stored = self.spooled.filter(|_| self.stored.is_some());
        let state = if stored.is_some() { FileState::Truncated } else { self.state.unwrap_or(FileState::Unknown) };
        let digests = stored.map_or(self.digests, |hash| Digests { sha256: Some(hash), ..Digests::default() });
        FileInfo {
            name: self.name.clone(),
            state,
            gaps: self.gaps,
            size: self.size,
            range: self.range,
            digests,
            magic: self.magic().map(Into::into),
            stored: self.stored,
            sids: self.sids.clone(),
        }
    }
}

/// What of a file is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: nobody wants it, there is nothing of it, or it was taken already.
    Nothing,
    /// It is wanted, and there was no room for it.
    NoRoom,
    /// This.
    File {
        /// As much of it as is stored.
        bytes: Bytes,
        /// Of these bytes.
        sha256: [u8; 32],
    },
}

/// What of a file is to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Nothing: nobody wants it, there is nothing of it, or it was taken already.
    Nothing,
    /// There was no room for it.
    NoRoom,
    /// Its start, up to where it was cut or has a gap.
    Start {
        /// As much of it as is scanned.
        bytes: Bytes,
        /// It was longer.
        cut: bool,
    },
}

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileState {
    /// All of it was seen.
    Closed,
    /// Some of it was not.
    Truncated,
    /// It has not ended.
    Unknown,
}

/// A file that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its name, as it came; empty if it has none.
    pub name: Box<[u8]>,
    /// How it ended.
    pub state: FileState,
    /// Bytes are missing in it.
    pub gaps: bool,
    /// Bytes, those that are missing counted.
    pub size: u64,
    /// First and last byte of a part of a file, counted from its start.
    pub range: Option<(u64, u64)>,
    /// Its hashes.
    pub digests: Digests,
    /// What kind of file it is, in libmagic's words.
    pub magic: Option<Box<str>>,
    /// The number under which it was handed to the store.
    pub stored: Option<u64>,
    /// Signatures that had it stored.
    pub sids: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Hashes = Hashes { md5: true, sha1: true, sha256: true };

    fn policy(keep: usize) -> FilePolicy {
        FilePolicy { keep, ..FilePolicy::default() }
    }

    #[test]
    fn a_file_is_counted_whole_and_kept_up_to_a_bound() {
        let mut file = FileTracker::new(b"a.exe", policy(5));
        file.push(b"abc");
        file.push(b"defg");
        assert_eq!((file.data(), file.info()), (Part { data: b"abcde", complete: false }, None));
        assert_eq!((file.so_far().state, file.so_far().size), (FileState::Unknown, 7));
        file.close(FileState::Closed);
        file.push(b"behind");
        file.close(FileState::Truncated);
        let info = file.info().unwrap();
        assert_eq!((info.size, info.state, info.gaps), (7, FileState::Closed, false));
        assert_eq!(file.data(), Part { data: b"abcde", complete: true });
    }

    #[test]
    fn a_file_with_a_gap_is_not_whole() {
        let mut file = FileTracker::new(b"", FilePolicy { hashes: ALL, ..FilePolicy::default() });
        file.push(b"ab");
        file.gap(3);
        file.push(b"fg");
        file.close(FileState::Closed);
        let info = file.info().unwrap();
        assert_eq!((info.size, info.state, info.gaps), (7, FileState::Truncated, true));
        assert_eq!((file.data().data, info.digests), (&b"ab"[..], Digests::default()));
    }

    #[test]
    fn hashes_are_of_the_whole_however_it_is_cut() {
        for size in 1..=3 {
            let mut file = FileTracker::new(b"", FilePolicy { hashes: ALL, keep: 0, ..FilePolicy::default() });
            b"abc".chunks(size).for_each(|piece| file.push(piece));
            file.close(FileState::Closed);
            let digests = file.info().unwrap().digests;
            // RFC 1321 A.5, FIPS 180 examples.
            assert_eq!(digests.md5.unwrap()[..4], [0x90, 0x01, 0x50, 0x98]);
            assert_eq!(digests.sha1.unwrap()[..4], [0xa9, 0x99, 0x3e, 0x36]);
            assert_eq!(digests.sha256.unwrap()[..4], [0xba, 0x78, 0x16, 0xbf]);
        }
    }

    #[test]
    fn what_is_wanted_is_handed_out_once_with_the_hash_of_what_there_is() {
        use sha2::{Digest as _, Sha256};
        let store = Some(HoldPolicy { file: 4, all: 100 });
        let policy = FilePolicy { store, ..FilePolicy::default() };
        for (pieces, gap, expected) in
            [(&["ab", "c"][..], 0, "abc"), (&["abc", "def", "g"], 0, "abcd"), (&["ab"], 5, "ab")]
        {
            let mut file = FileTracker::new(b"", policy);
            pieces.iter().for_each(|piece| file.push(piece.as_bytes()));
            file.gap(gap);
            file.want_stored(Some(7));
            file.want_stored(Some(7));
            assert_eq!(file.take_wanted(), Wanted::Nothing);
            file.close(FileState::Closed);
            let hash: [u8; 32] = Sha256::digest(expected).into();
            assert_eq!(file.take_wanted(), Wanted::File { bytes: expected.into(), sha256: hash });
            assert_eq!(file.take_wanted(), Wanted::Nothing);
            file.set_stored(3);
            let info = file.info().unwrap();
            assert_eq!((info.digests.sha256, info.stored, info.sids), (Some(hash), Some(3), vec![7]));
            assert_eq!(info.state == FileState::Closed, expected == "abc");
        }
        let mut file = FileTracker::new(b"", policy);
        file.push(b"abc");
        file.close(FileState::Closed);
        assert_eq!(file.take_wanted(), Wanted::Nothing);
        let small = FilePolicy { store: Some(HoldPolicy { file: 4, all: 2 }), ..FilePolicy::default() };
        let mut file = FileTracker::new(b"", small);
        file.push(b"abc");
        file.close(FileState::Closed);
        file.want_stored(None);
        assert_eq!((file.take_wanted(), file.take_wanted()), (Wanted::NoRoom, Wanted::Nothing));
    }

    #[test]
    fn what_is_scanned_may_be_stored_as_well() {
        let hold = |file, all| Some(HoldPolicy { file, all });
        let start = |text: &str, cut| Scanned::Start { bytes: Bytes::copy_from_slice(text.as_bytes()), cut };
        for (store, scan, scanned, stored) in [
            (None, hold(4, 9), start("abcd", true), None),
            (hold(2, 9), hold(9, 9), start("abcdefg", false), Some("ab")),
            (hold(9, 9), hold(2, 9), start("ab", true), Some("abcdefg")),
            (None, hold(9, 3), Scanned::NoRoom, None),
            (hold(9, 9), None, Scanned::Nothing, Some("abcdefg")),
        ] {
            let mut file = FileTracker::new(b"", FilePolicy { store, scan, ..FilePolicy::default() });
            file.want_stored(None);
            file.push(b"abc");
            file.push(b"defg");
            assert_eq!(file.take_scanned(), Scanned::Nothing, "it is not over");
            file.close(FileState::Closed);
            assert_eq!((file.take_scanned(), file.take_scanned()), (scanned, Scanned::Nothing));
            match (file.take_wanted(), stored) {
                (Wanted::File { bytes, sha256 }, Some(stored)) => {
                    use sha2::{Digest as _, Sha256};
                    let hash: [u8; 32] = Sha256::digest(stored).into();
                    assert_eq!((&*bytes, sha256), (stored.as_bytes(), hash));
                }
                (wanted, stored) => assert_eq!((wanted, stored), (Wanted::Nothing, None)),
            }
        }
        let mut file = FileTracker::new(b"", FilePolicy { scan: hold(9, 9), ..FilePolicy::default() });
        file.push(b"abc");
        file.gap(3);
        file.push(b"def");
        file.close(FileState::Closed);
        assert_eq!(file.take_scanned(), start("abc", false));
    }

    proptest::proptest! {
        #[test]
        fn what_is_known_does_not_depend_on_how_it_is_cut(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
            cuts in proptest::collection::vec(1_usize..40, 1..20),
            gap in proptest::option::of((0_usize..300, 1_u64..50)),
            (keep, most) in (0_usize..200, 0_usize..200),
        ) {
            let store = Some(HoldPolicy { file: most, all: 1 << 20 });
            let policy = FilePolicy { keep, hashes: ALL, store, ..FilePolicy::default() };
            let (at, missing) = gap.map_or((bytes.len(), 0), |(at, len)| (at.min(bytes.len()), len));
            let follow = |sizes: &[usize]| {
                let mut file = FileTracker::new(b"n", policy);
                for (part, missing) in [(&bytes[..at], missing), (&bytes[at..], 0)] {
                    let (mut rest, mut sizes) = (part, sizes.iter().cycle());
                    while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
                        let (piece, behind) = rest.split_at((*size).min(rest.len()));
                        file.push(piece);
                        rest = behind;
                    }
                    file.gap(missing);
                }
                file.close(FileState::Closed);
                file.want_stored(None);
                let wanted = file.take_wanted();
                if matches!(wanted, Wanted::File { .. }) {
                    file.set_stored(1);
                }
                (file.data().data.to_vec(), wanted, file.info())
            };
            let whole = follow(&[usize::MAX]);
            proptest::prop_assert!(whole.0.len() <= keep);
            let too_much = matches!(&whole.1, Wanted::File { bytes, .. } if bytes.len() > most);
            proptest::prop_assert!(!too_much);
            proptest::prop_assert_eq!(follow(&cuts), whole);
        }
    }

    #[test]
    fn its_kind_is_known_once_enough_of_it_came() {
        let mut file = FileTracker::new(b"", FilePolicy { magic: true, keep: 4, ..FilePolicy::default() });
        file.push(b"%PDF-1.5\n%");
        assert_eq!((file.magic(), file.data().data), (None, &b"%PDF"[..]));
        file.close(FileState::Closed);
        assert!(file.magic().unwrap().starts_with("PDF document, version 1.5"), "{:?}", file.magic());
        let mut unasked = FileTracker::new(b"", FilePolicy::default());
        unasked.push(b"%PDF-1.5\n%");
        unasked.close(FileState::Closed);
        assert_eq!(unasked.magic(), None);
    }
}
