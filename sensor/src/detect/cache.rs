//! Compiled sets of literals, kept in a folder, so that a start or a reload with rules that were compiled before need not
//! compile them again.
//!
//! One file a set, named by a hash of all that the compiled form depends on: the literals, the mode, Hyperscan's version, the
//! processor's features and the form of the file. So a rule that changes costs the sets that it is in, and no file is ever
//! wrong for its name. Files are written whole (a temporary file, synced, renamed).
//!
//! What it promises: whatever lies in the folder, the sets are right. A file that is torn, damaged, foreign, of another
//! owner or writable for others is told once in the log, ignored, and replaced. A folder that cannot be used costs one
//! warning, and then nothing is kept. The folder stays below a size; the files that were used longest ago go first.

use super::compiler::Compiler;
use super::hyperscan::{HyperscanError, Keep, Literal, platform};
use nix::fcntl::OFlag;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The form of the files: to be counted up when it changes.
const FORM: u8 = 1;
const MAGIC: [u8; 8] = *b"SKHSDB\n\x01";
/// Magic, key, length, checksum.
const HEADER_LEN: usize = 8 + 32 + 8 + 32;
/// A smaller set is compiled faster than its file is read, checked and looked after.
const WORTH_KEEPING: usize = 48;
/// Bytes of all files together; about five rulesets of 30,000 rules.
const MAX_BYTES: u64 = 512 << 20;
/// A file of one set is never larger.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// How old a temporary file is that nobody can still be writing.
const ABANDONED: Duration = Duration::from_secs(3600);
/// A file that was used is marked as used at most so often.
const MARK_EVERY: Duration = Duration::from_secs(3600);
const SUFFIX: &str = "hsdb";

/// What the cache did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Sets that came from the folder.
    pub loaded: u64,
    /// Sets that were compiled.
    pub compiled: u64,
    /// Files that were written.
    pub written: u64,
    /// Files that were there and could not be used.
    pub refused: u64,
}

#[derive(Default)]
struct Counts {
    loaded: AtomicU64,
    compiled: AtomicU64,
    written: AtomicU64,
    refused: AtomicU64,
}

/// Why a file of the cache was not used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it belongs to user {0}, neither to this one nor to root")]
    Owner(u32),
    #[error("others may write to it (mode {:o})", .0 & 0o7777)]
    Writable(u32),
    #[error("it is no regular file")]
    NotAFile,
    #[error("it is not of this form, or was made for something else")]
    Foreign,
    #[error("it is torn or damaged")]
    Damaged,
    #[error("{0}")]
    Refused(#[from] HyperscanError),
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// See the module. Can be used by several threads at once.
pub struct DatabaseCache {
    folder: Option<PathBuf>,
    compiler: Compiler,
    /// Hyperscan and the processor.
    platform: String,
    counts: Counts,
    /// Writing failed: not to be tried, nor told, again.
    read_only: AtomicBool,
    /// For the names of temporary files.
    files: AtomicU64,
    max_bytes: u64,
    started: SystemTime,
}

impl DatabaseCache {
    /// Compiles always, keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            folder: None,
            compiler: Compiler::new(),
            platform: String::new(),
            counts: Counts::default(),
            read_only: AtomicBool::new(true),
            files: AtomicU64::new(0),
            max_bytes: 0,
            started: SystemTime::UNIX_EPOCH,
        }
    }

    /// Keeps sets in `folder`, which is made if need be. One that cannot be used is told in the log, and the cache is off.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let usable = platform().map_err(Unusable::from).and_then(|platform| {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let meta = fs::metadata(folder)?;
            // In a sticky folder nobody can put a file in the place of ours; what they add is refused by its owner.
            let sticky = meta.mode() & 0o1000 != 0;
            trusted(&meta).or_else(|why| if sticky { Ok(()) } else { Err(why) })?;
            Ok(platform)
        });
        match usable {
            Ok(platform) => Self {
                folder: Some(folder.to_owned()),
                compiler: Compiler::new(),
                platform,
                counts: Counts::default(),
                read_only: AtomicBool::new(false),
                files: AtomicU64::new(0),
                max_bytes: MAX_BYTES,
                started: SystemTime::now(),
            },
            Err(why) => {
                tracing::warn!(
                    "compiled rules are not kept in {}: {why}. Make it a folder of this user's own, or set rules.cache",
                    folder.display()
                );
                Self::off()
            }
        }
    }

    /// The set, from the folder if it is there, else compiled, and then kept.
    ///
    /// # Errors
    /// As [`Keep::compile`]. What is wrong in the folder is never an error.
    pub fn set<S: Keep>(&self, literals: &[Literal]) -> Result<S, HyperscanError> {
        let folder = self.folder.as_deref().filter(|_| literals.len() >= WORTH_KEEPING);
        let Some(folder) = folder else {
            self.counts.compiled.fetch_add(1, Ordering::Relaxed);
            return self.compiler.compile(literals);
        };
        let key = key::<S>(&self.platform, literals);
        let path = folder.join(file_name(&key));
        match read::<S>(&path, &key, literals) {
            Ok(Some(set)) => {
                self.counts.loaded.fetch_add(1, Ordering::Relaxed);
                return Ok(set);
            }
            Ok(None) => {}
            Err(why) => {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("{} is not used: {why}. It is made anew", path.display());
            }
        }
        let set = self.compiler.compile(literals)?;
        self.counts.compiled.fetch_add(1, Ordering::Relaxed);
        if !self.read_only.load(Ordering::Relaxed) {
            match self.write(folder, &path, &key, &set) {
                Ok(()) => drop(self.counts.written.fetch_add(1, Ordering::Relaxed)),
                Err(error) => {
                    if !self.read_only.swap(true, Ordering::Relaxed) {
                        tracing::warn!(
                            "compiled rules cannot be kept in {}: {error}. Set rules.cache to a folder of this user's own",
                            folder.display()
                        );
                    }
                }
            }
        }
        Ok(set)
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counts { loaded, compiled, written, refused } = &self.counts;
        CacheCounts { loaded: read(loaded), compiled: read(compiled), written: read(written), refused: read(refused) }
    }

    fn write<S: Keep>(&self, folder: &Path, path: &Path, key: &[u8; 32], set: &S) -> Result<(), Unusable> {
        let bytes = set.to_bytes()?;
        if bytes.len() as u64 > MAX_FILE_BYTES.min(self.max_bytes) {
            return Ok(());
        }
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{}-{}-{number}.tmp", hex(&key[..8]), std::process::id()));
        let result = write_whole(&temporary, &header(key, &bytes), &bytes).and_then(|()| fs::rename(&temporary, path));
        if result.is_err() {
            // It may never have been made.
            let _ = fs::remove_file(&temporary);
        }
        Ok(result?)
    }

    /// Deletes what was used longest ago until the folder is small enough, and what a run that was cut off left. To be called when
    /// all sets of a ruleset are there.
    pub fn prune(&self) {
        let Some(folder) = &self.folder else { return };
        if self.counts().written == 0 {
            return;
        }
        if let Err(error) = prune(folder, self.max_bytes, self.started) {
            tracing::debug!("{} cannot be cleared up: {error}", folder.display());
        }
    }
}

/// All that a compiled set depends on.
fn key<S: Keep>(platform: &str, literals: &[Literal]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([FORM]);
    for text in [S::MODE, platform] {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    for literal in literals {
        hasher.update((literal.bytes.len() as u64).to_le_bytes());
        hasher.update([u8::from(literal.nocase)]);
        hasher.update(&literal.bytes);
    }
    hasher.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file_name(key: &[u8; 32]) -> String {
    format!("{}.{SUFFIX}", hex(key))
}

fn header(key: &[u8; 32], bytes: &[u8]) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(&MAGIC);
    header[8..40].copy_from_slice(key);
    header[40..48].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    header[48..].copy_from_slice(&Sha256::digest(bytes));
    header
}

fn write_whole(path: &Path, header: &[u8], bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(header)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Only this user or root can have written it.
fn trusted(meta: &fs::Metadata) -> Result<(), Unusable> {
    let me = nix::unistd::geteuid().as_raw();
    if meta.uid() != me && meta.uid() != 0 {
        return Err(Unusable::Owner(meta.uid()));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Unusable::Writable(meta.mode()));
    }
    Ok(())
}

/// The set in the file; `None` if there is no file.
fn read<S: Keep>(path: &Path, key: &[u8; 32], literals: &[Literal]) -> Result<Option<S>, Unusable> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(Unusable::NotAFile);
    }
    trusted(&meta)?;
    if meta.len() > MAX_FILE_BYTES + HEADER_LEN as u64 {
        return Err(Unusable::Foreign);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    let Some((head, body)) = bytes.split_first_chunk::<HEADER_LEN>() else { return Err(Unusable::Damaged) };
    if head[..8] != MAGIC || head[8..40] != *key {
        return Err(Unusable::Foreign);
    }
    if *head != header(key, body) {
        return Err(Unusable::Damaged);
    }
    let set = S::from_bytes(body, literals)?;
    mark_used(&file, &meta);
    Ok(Some(set))
}

/// The file's time says when it was used last: by it the folder is kept small.
fn mark_used(file: &File, meta: &fs::Metadata) {
    let now = SystemTime::now();
    let age = meta.modified().ok().and_then(|then| now.duration_since(then).ok());
    if age.is_none_or(|age| age > MARK_EVERY) {
        // Root's file cannot be marked by another user; then it goes a little early.
        let _ = file.set_modified(now);
    }
}

fn prune(folder: &Path, max_bytes: u64, started: SystemTime) -> io::Result<()> {
    let now = SystemTime::now();
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let has_suffix = |suffix: &str| path.extension().is_some_and(|e| e == suffix);
        if has_suffix("tmp") && now.duration_since(used).is_ok_and(|age| age > ABANDONED) {
            fs::remove_file(&path)?;
        } else if has_suffix(SUFFIX) {
            kept.push((used, meta.len(), path));
        }
    }
    kept.sort();
    let mut sum: u64 = kept.iter().map(|(_, len, _)| len).sum();
    for (used, len, path) in kept {
        // What this run used may be marked an hour old; what it wrote is the newest.
        if sum <= max_bytes || used >= started {
            break;
        }
        fs::remove_file(&path)?;
        sum -= len;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::hyperscan::{BlockSet, ScanScratch, StreamSet};
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn literals(n: usize) -> Vec<Literal> {
        (0..n)
            .map(|i| Literal { bytes: format!("literal number {i}").into_bytes().into(), nocase: i % 2 == 0 })
            .collect()
    }

    fn hits(set: &BlockSet) -> Vec<(u32, u64)> {
        let mut scratch = ScanScratch::default();
        scratch.cover_block(set).unwrap();
        let mut hits = vec![];
        set.scan(b"a LITERAL number 4 and a literal number 17.", &scratch, |id, to| hits.push((id, to)));
        hits.sort_unstable();
        hits
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files
    }

    fn counts(cache: &DatabaseCache) -> (u64, u64, u64, u64) {
        let CacheCounts { loaded, compiled, written, refused } = cache.counts();
        (loaded, compiled, written, refused)
    }

    /// A folder with one file, and what the set in it finds.
    fn filled() -> (tempfile::TempDir, PathBuf, Vec<(u32, u64)>) {
        let folder = tempfile::tempdir().unwrap();
        let cache = DatabaseCache::open(folder.path());
        let found = hits(&cache.set::<BlockSet>(&literals(60)).unwrap());
        assert_eq!(counts(&cache), (0, 1, 1, 0));
        let file = files(folder.path()).remove(0);
        (folder, file, found)
    }

    #[test]
    fn what_was_compiled_once_is_read_from_then_on() {
        let (folder, _, found) = filled();
        assert_eq!(found, [(1, 41), (4, 18), (17, 42)]);
        let cache = DatabaseCache::open(folder.path());
        assert_eq!(hits(&cache.set::<BlockSet>(&literals(60)).unwrap()), found);
        assert_eq!(counts(&cache), (1, 0, 0, 0));
        // Another mode, another literal, another order, another flag: another set.
        cache.set::<StreamSet>(&literals(60)).unwrap();
        cache.set::<BlockSet>(&literals(61)).unwrap();
        let mut other = literals(60);
        other.swap(0, 1);
        cache.set::<BlockSet>(&other).unwrap();
        other[0].nocase ^= true;
        cache.set::<BlockSet>(&other).unwrap();
        assert_eq!(counts(&cache), (1, 4, 4, 0));
        assert_eq!(files(folder.path()).len(), 5);
    }

    #[test]
    fn small_sets_are_not_kept_and_without_a_folder_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DatabaseCache::open(folder.path());
        cache.set::<BlockSet>(&literals(WORTH_KEEPING - 1)).unwrap();
        assert!(files(folder.path()).is_empty());
        let off = DatabaseCache::off();
        off.set::<BlockSet>(&literals(60)).unwrap();
        assert_eq!(counts(&off), (0, 1, 0, 0));
        assert!(off.set::<BlockSet>(&[]).is_err());
    }

    #[test]
    fn whatever_lies_there_the_set_is_right_and_the_file_is_made_anew() {
        let (folder, file, found) = filled();
        let good = fs::read(&file).unwrap();
        let mut bad: Vec<Vec<u8>> = [0, 1, HEADER_LEN - 1, HEADER_LEN, HEADER_LEN + 1, good.len() / 2, good.len() - 1]
            .map(|len| good[..len].to_vec())
            .to_vec();
        for at in [0, 7, 8, 39, 40, 47, 48, 79, 80, good.len() / 2, good.len() - 1] {
            let mut bytes = good.clone();
            bytes[at] ^= 0x40;
            bad.push(bytes);
        }
        bad.push([&good[..], b"x"].concat());
        // Right by its header, but nothing that Hyperscan made.
        let key: [u8; 32] = good[8..40].try_into().unwrap();
        bad.push([&header(&key, b"nonsense")[..], b"nonsense"].concat());
        for bytes in bad {
            fs::write(&file, &bytes).unwrap();
            let cache = DatabaseCache::open(folder.path());
            assert_eq!(hits(&cache.set::<BlockSet>(&literals(60)).unwrap()), found);
            assert_eq!(counts(&cache), (0, 1, 1, 1), "{} bytes", bytes.len());
            assert_eq!(fs::read(&file).unwrap(), good);
        }
        assert_eq!(files(folder.path()).len(), 1, "no temporary file is left");
    }

    #[test]
    fn a_file_that_others_could_have_written_is_not_trusted() {
        let (folder, file, found) = filled();
        let again = || {
            let cache = DatabaseCache::open(folder.path());
            assert_eq!(hits(&cache.set::<BlockSet>(&literals(60)).unwrap()), found);
            counts(&cache)
        };
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(again(), (0, 1, 1, 1));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        assert_eq!(again(), (0, 1, 1, 1), "a link is not followed");
        fs::remove_file(&file).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(again(), (0, 1, 1, 1), "a pipe that nobody writes to stops nobody");
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&file, Some(12_345), None).unwrap();
            assert_eq!(again(), (0, 1, 1, 1));
        }
        assert_eq!(again(), (1, 0, 0, 0));
    }

    #[test]
    fn threads_that_make_the_same_set_do_not_get_in_each_others_way() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DatabaseCache::open(folder.path());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| cache.set::<BlockSet>(&literals(60)).unwrap());
            }
        });
        let (loaded, compiled, written, refused) = counts(&cache);
        assert_eq!((loaded + compiled, compiled, refused), (8, written, 0));
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        for path in [file.as_path(), &file.join("below"), &open, Path::new("/proc/no/such")] {
            let cache = DatabaseCache::open(path);
            cache.set::<BlockSet>(&literals(60)).unwrap();
            assert_eq!(counts(&cache), (0, 1, 0, 0), "{}", path.display());
        }
        assert!(files(&open).is_empty());
        // It vanishes while it is used.
        let cache = DatabaseCache::open(&folder.path().join("gone"));
        fs::remove_dir(folder.path().join("gone")).unwrap();
        cache.set::<BlockSet>(&literals(60)).unwrap();
        cache.set::<BlockSet>(&literals(61)).unwrap();
        assert_eq!(counts(&cache), (0, 2, 0, 0));
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (folder, file, _) = filled();
        let len = fs::metadata(&file).unwrap().len();
        let day = Duration::from_secs(86_400);
        let aged = |name: &str, days: u32| {
            let path = folder.path().join(name);
            fs::write(&path, vec![0; len as usize]).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() - days * day).unwrap();
        };
        for (name, days) in [("a.hsdb", 3), ("b.hsdb", 1), ("c.hsdb", 2), (".d.tmp", 1), ("note.txt", 9)] {
            aged(name, days);
        }
        fs::write(folder.path().join(".e.tmp"), "being written").unwrap();
        let mut cache = DatabaseCache::open(folder.path());
        cache.max_bytes = 2 * len;
        cache.prune();
        assert_eq!(files(folder.path()).len(), 7, "nothing was written, so nothing can have become too much");
        cache.set::<StreamSet>(&literals(60)).unwrap();
        cache.max_bytes = 3 * len + len / 2;
        cache.prune();
        let left = files(folder.path());
        let has = |name: &str| left.contains(&folder.path().join(name));
        assert!(!has("a.hsdb") && has("b.hsdb") && left.contains(&file));
        assert!(!has(".d.tmp") && has(".e.tmp") && has("note.txt"));
        assert!(left.iter().filter(|p| p.extension().is_some_and(|e| e == SUFFIX)).count() <= 4);
    }
}
