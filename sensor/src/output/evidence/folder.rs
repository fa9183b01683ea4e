//! A folder of evidence within its limits: bytes, number and age of files, and what stays free on the disk. The oldest files make room
//! for new ones. A file is written under an unfinished name and renamed when it is complete, so that what has its name is whole.

use super::counts::{Counts, Loss, add};
use super::name::{EXTENSION, UNFINISHED};
use super::pcapng;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

/// Readable by owner and group.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;
/// What a small file takes on disk.
const BLOCK: u64 = 4096;

/// Why something was not written.
#[derive(Debug)]
pub enum Refusal {
    /// Less is free than should be.
    DiskFull,
    /// The limit is used up by files in the making.
    OverTotal,
    /// Anything else.
    Failed(io::Error),
}

impl Refusal {
    /// Under which reason it is counted.
    #[must_use]
    pub const fn loss(&self) -> Loss {
        match self {
            Self::DiskFull => Loss::DiskFull,
            Self::OverTotal => Loss::OverTotal,
            Self::Failed(_) => Loss::Failed,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Failed(error),
        }
    }
}

/// The limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub total_bytes: u64,
    pub total_files: usize,
    pub max_age_s: u64,
    pub min_free_bytes: u64,
}

#[derive(Debug)]
struct Kept {
    modified: SystemTime,
    name: String,
    /// On disk.
    bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The section of the configuration, for what is said.
    section: &'static str,
    limits: Limits,
    /// Oldest first.
    files: VecDeque<Kept>,
    /// Bytes of `files`, and of files in the making.
    kept_bytes: u64,
    unfinished_bytes: u64,
    counts: Arc<Counts>,
    trouble: bool,
}

/// A file in the making. It holds no descriptor, so that there may be many.
#[derive(Debug)]
pub struct Unfinished {
    name: String,
    path: PathBuf,
    /// Bytes that are written and whole.
    pub bytes: u64,
}

impl Folder {
    /// Makes the folder if need be, and sees what is in it. What a sensor that died was writing gets its name.
    ///
    /// # Errors
    /// It cannot be made, or not written to.
    pub fn open(path: &Path, section: &'static str, limits: Limits, counts: Arc<Counts>) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
        let probe = path.join(format!(".{}.probe", std::process::id()));
        create(&probe)?;
        std::fs::remove_file(&probe)?;
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path)?.flatten() {
            let (Ok(mut name), Ok(about)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
            if !about.is_file() {
                continue;
            }
            let mut bytes = about.len();
            if let Some(whole) = name.strip_suffix(UNFINISHED).and_then(|rest| rest.strip_suffix('.')) {
                let whole = whole.to_owned();
                bytes = match complete(&entry.path(), &path.join(&whole)) {
                    Ok(bytes @ 1..) => bytes,
                    Ok(0) | Err(_) => continue,
                };
                name = whole;
            }
            if Path::new(&name).extension().is_some_and(|end| end == EXTENSION) {
                let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push(Kept { modified, name, bytes: on_disk(bytes) });
            }
        }
        files.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        let kept_bytes = files.iter().map(|file| file.bytes).sum();
        let files = VecDeque::from(files);
        let mut folder = Self {
            path: path.to_owned(),
            section,
            limits,
            files,
            kept_bytes,
            unfinished_bytes: 0,
            counts,
            trouble: false,
        };
        folder.tick(SystemTime::now());
        // No error if the limits are met; else it is told when there is something to write.
        let _ = folder.make_room(0);
        folder.publish();
        Ok(folder)
    }

    /// A new file; an empty one of that name is begun anew.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn create(&mut self, name: String) -> Result<Unfinished, Refusal> {
        self.make_room(BLOCK)?;
        while self.files.len() >= self.limits.total_files && self.remove_oldest() {
            add(&self.counts.removed_size, 1);
        }
        let path = self.path.join(format!("{name}.{UNFINISHED}"));
        create(&path)?;
        Ok(Unfinished { name, path, bytes: 0 })
    }

    /// Adds whole blocks to a file. On an error it is as it was.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn append(&mut self, file: &mut Unfinished, bytes: &[u8]) -> Result<(), Refusal> {
        self.make_room(bytes.len() as u64)?;
        let mut open = OpenOptions::new().append(true).open(&file.path)?;
        if let Err(error) = open.write_all(bytes) {
            open.set_len(file.bytes)?;
            return Err(error.into());
        }
        file.bytes += bytes.len() as u64;
        self.unfinished_bytes += bytes.len() as u64;
        add(&self.counts.bytes, bytes.len() as u64);
        Ok(())
    }

    /// The file is complete and gets its name; an empty one goes.
    pub fn finish(&mut self, file: Unfinished) {
        let Unfinished { name, path, bytes } = file;
        self.unfinished_bytes = self.unfinished_bytes.saturating_sub(bytes);
        if bytes == 0 {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
            return;
        }
        let whole = self.path.join(&name);
        // Looked for only where there is one: reading the same capture anew writes the same names.
        let replaced = whole.exists().then(|| self.files.iter().position(|file| file.name == name)).flatten();
        match std::fs::rename(&path, whole) {
            Ok(()) => {
                if let Some(old) = replaced.and_then(|at| self.files.remove(at)) {
                    self.kept_bytes = self.kept_bytes.saturating_sub(old.bytes);
                }
                add(&self.counts.files, 1);
                self.kept_bytes += on_disk(bytes);
                self.files.push_back(Kept { modified: SystemTime::now(), name, bytes: on_disk(bytes) });
                self.publish();
            }
            Err(error) => self.tell(Some(Refusal::Failed(error))),
        }
    }

    /// Removes files that are too old.
    pub fn tick(&mut self, now: SystemTime) {
        if self.limits.max_age_s == 0 {
            return;
        }
        let age = Duration::from_secs(self.limits.max_age_s);
        while self.files.front().is_some_and(|file| now.duration_since(file.modified).is_ok_and(|old| old > age)) {
            self.remove_oldest();
            add(&self.counts.removed_age, 1);
        }
        self.publish();
    }

    /// Says once that something is wrong, and once that it is well again.
    pub fn tell(&mut self, trouble: Option<Refusal>) {
        let before = std::mem::replace(&mut self.trouble, trouble.is_some());
        let section = self.section;
        let what = match trouble {
            None if before => return tracing::info!("evidence is written to {} again", self.path.display()),
            None => return,
            Some(_) if before => return,
            Some(Refusal::DiskFull) => format!("its disk has less free than {section}.min_free_bytes"),
            Some(Refusal::OverTotal) => format!("{section}.total_bytes is used up by files in the making; raise it"),
            Some(Refusal::Failed(error)) => error.to_string(),
        };
        tracing::error!(
            "no evidence is written to {}: {what}. Until that ends, lost packets are only counted",
            self.path.display()
        );
    }

    /// Room for so many bytes.
    fn make_room(&mut self, bytes: u64) -> Result<(), Refusal> {
        let wanted = self.unfinished_bytes.saturating_add(bytes);
        while self.kept_bytes.saturating_add(wanted) > self.limits.total_bytes {
            if !self.remove_oldest() {
                return Err(Refusal::OverTotal);
            }
            add(&self.counts.removed_size, 1);
        }
        if free_bytes(&self.path)? < bytes.saturating_add(self.limits.min_free_bytes) {
            return Err(Refusal::DiskFull);
        }
        Ok(())
    }

    fn remove_oldest(&mut self) -> bool {
        let Some(file) = self.files.pop_front() else { return false };
        self.kept_bytes = self.kept_bytes.saturating_sub(file.bytes);
        match std::fs::remove_file(self.path.join(&file.name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.tell(Some(Refusal::Failed(error))),
            _ => {}
        }
        true
    }

    fn publish(&self) {
        self.counts.stored_bytes.store(self.kept_bytes, Ordering::Relaxed);
        self.counts.stored_files.store(self.files.len() as u64, Ordering::Relaxed);
    }
}

/// What a sensor that died was writing: gets its name, less a block that is not whole. Bytes that are left; one with none is removed.
fn complete(unfinished: &Path, whole: &Path) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(unfinished)?;
    let bytes = pcapng::whole_blocks(&file)?;
    if bytes == 0 {
        std::fs::remove_file(unfinished)?;
        return Ok(0);
    }
    if bytes < file.metadata()?.len() {
        file.set_len(bytes)?;
    }
    std::fs::rename(unfinished, whole)?;
    Ok(bytes)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)
}

fn on_disk(bytes: u64) -> u64 {
    bytes.max(1).div_ceil(BLOCK).saturating_mul(BLOCK)
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::LinkType;
    use crate::time::Timestamp;

    const LIMITS: Limits = Limits { total_bytes: 1 << 30, total_files: 100, max_age_s: 0, min_free_bytes: 0 };

    fn open(path: &Path, limits: Limits) -> (Folder, Arc<Counts>) {
        let counts = Arc::<Counts>::default();
        (Folder::open(path, "evidence", limits, Arc::clone(&counts)).unwrap(), counts)
    }

    fn put(folder: &mut Folder, name: &str, bytes: usize) -> Result<(), Refusal> {
        let mut file = folder.create(format!("{name}.pcapng"))?;
        let done = folder.append(&mut file, &vec![1; bytes]);
        folder.finish(file);
        done
    }

    /// All that is there, without the ending.
    fn names(path: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = entries.map(|name| name.trim_end_matches(".pcapng").to_owned()).collect();
        names.sort();
        names
    }

    fn stored(counts: &Counts) -> (u64, u64) {
        (counts.stored_files.load(Ordering::Relaxed), counts.stored_bytes.load(Ordering::Relaxed))
    }

    #[test]
    fn the_oldest_make_room_by_bytes() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        let (mut folder, counts) = open(path, Limits { total_bytes: 5 * BLOCK, ..LIMITS });
        for name in ["f", "e", "d", "c", "b", "a"] {
            put(&mut folder, name, BLOCK as usize).unwrap();
        }
        assert_eq!(names(path), ["a", "b", "c", "d", "e"]);
        assert_eq!(counts.removed_size.load(Ordering::Relaxed), 1);
        assert_eq!(stored(&counts), (5, 5 * BLOCK));
        // Small files take a block each, and one of more bytes than all others takes all their places.
        put(&mut folder, "small", 1).unwrap();
        assert_eq!(names(path), ["a", "b", "c", "d", "small"]);
        put(&mut folder, "large", 4 * BLOCK as usize).unwrap();
        assert_eq!(names(path), ["large", "small"]);
        // What is in the making is not given up for more of it.
        let mut file = folder.create("more.pcapng".to_owned()).unwrap();
        folder.append(&mut file, &vec![1; 5 * BLOCK as usize]).unwrap();
        assert!(matches!(folder.append(&mut file, &[1]), Err(Refusal::OverTotal)));
        folder.finish(file);
        assert_eq!(names(path), ["more"]);
        assert_eq!(std::fs::metadata(path.join("more.pcapng")).unwrap().len(), 5 * BLOCK);
        // A sensor that starts with a lower limit keeps it at once.
        put(&mut folder, "last", 1).unwrap();
        drop(folder);
        let (_, counts) = open(path, Limits { total_bytes: 1, ..LIMITS });
        assert_eq!((names(path).len(), stored(&counts)), (0, (0, 0)));
    }

    #[test]
    fn the_oldest_make_room_by_number() {
        let temporary = tempfile::tempdir().unwrap();
        let (mut folder, counts) = open(temporary.path(), Limits { total_files: 3, ..LIMITS });
        for name in ["e", "d", "c", "b", "a"] {
            put(&mut folder, name, 10).unwrap();
        }
        assert_eq!(names(temporary.path()), ["a", "b", "c"]);
        assert_eq!((counts.removed_size.load(Ordering::Relaxed), stored(&counts).0), (2, 3));
    }

    #[test]
    fn old_files_go_and_foreign_ones_stay() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        for (name, age) in [("old.pcapng", 7200), ("new.pcapng", 60), ("notes.txt", 7200)] {
            let file = File::create(path.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        let (mut folder, counts) = open(path, Limits { max_age_s: 3600, ..LIMITS });
        assert_eq!(names(path), ["new", "notes.txt"]);
        assert_eq!((counts.removed_age.load(Ordering::Relaxed), stored(&counts)), (1, (1, BLOCK)));
        let later = |seconds| SystemTime::now() + Duration::from_secs(seconds);
        folder.tick(later(3500));
        assert_eq!(names(path), ["new", "notes.txt"]);
        folder.tick(later(3600));
        assert_eq!((names(path), stored(&counts)), (vec!["notes.txt".to_owned()], (0, 0)));
        // A clock that was put back removes nothing.
        put(&mut folder, "newest", 1).unwrap();
        folder.tick(SystemTime::UNIX_EPOCH);
        assert_eq!(names(path), ["newest", "notes.txt"]);
    }

    #[test]
    fn what_should_stay_free_stays_free() {
        let temporary = tempfile::tempdir().unwrap();
        let (mut folder, _) = open(temporary.path(), Limits { min_free_bytes: u64::MAX / 2, ..LIMITS });
        assert!(matches!(put(&mut folder, "a", 1), Err(Refusal::DiskFull)));
        assert_eq!(names(temporary.path()), [""; 0]);
    }

    #[test]
    fn the_same_name_again_replaces_the_file() {
        let temporary = tempfile::tempdir().unwrap();
        let (mut folder, counts) = open(temporary.path(), LIMITS);
        put(&mut folder, "a", 3 * BLOCK as usize).unwrap();
        put(&mut folder, "b", 1).unwrap();
        put(&mut folder, "a", 1).unwrap();
        assert_eq!((names(temporary.path()), stored(&counts)), (vec!["a".into(), "b".into()], (2, 2 * BLOCK)));
    }

    #[test]
    fn what_a_sensor_left_when_it_died_is_cut_to_whole_blocks() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        let mut bytes = Vec::new();
        pcapng::section(&mut bytes, "");
        pcapng::interface(&mut bytes, LinkType::ETHERNET, "", 0);
        let whole = bytes.len();
        let head = pcapng::PacketHead { interface: 0, ts: Timestamp(1), wire_len: 99 };
        pcapng::packet(&mut bytes, head, &[7; 99], &[]);
        for cut in [whole, whole + 1, whole + 9, bytes.len() - 1, bytes.len()] {
            std::fs::write(path.join(format!("{cut}.pcapng.part")), &bytes[..cut]).unwrap();
        }
        std::fs::write(path.join("empty.pcapng.part"), []).unwrap();
        std::fs::write(path.join("head.pcapng.part"), &bytes[..20]).unwrap();
        let (_, counts) = open(path, LIMITS);
        assert_eq!(stored(&counts), (5, 5 * BLOCK));
        for name in names(path) {
            let len = std::fs::metadata(path.join(format!("{name}.pcapng"))).unwrap().len() as usize;
            let expected = if name == bytes.len().to_string() { bytes.len() } else { whole };
            assert_eq!(len, expected, "{name}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("file");
        std::fs::write(&file, []).unwrap();
        assert!(Folder::open(&file.join("evidence"), "evidence", LIMITS, Arc::default()).is_err());
        assert!(Folder::open(&file, "evidence", LIMITS, Arc::default()).is_err());
    }
}
