//! The store of files: a folder in which each file lies once, named by its SHA-256 (`ab/abcd…`), written by a thread of its own.
//!
//! A worker hands a file over whole, and never waits for the disk (unless it reads capture files): where the queue has no room, the
//! file is not kept, and that is counted. A file is written under another name and moved to its place when it is all there, so that
//! what lies in the folder is never half a file; it is readable by its owner and group, and never executable. A disk that is full
//! is said once, and counted. Certificates go the same way ([`super::certificates`]).

use super::certificates::StoredChain;
use super::eve::text::Clock;
use super::files_config::StoreConfig;
use super::sources::Sample;
use crate::control::privilege::{self, Task};
use bytes::Bytes;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// Files that may wait, whatever their size.
const QUEUE: usize = 1024;
/// Readable by the owner and the group.
const MODE: u32 = 0o440;
/// What the names of files end in that are being written.
const UNFINISHED: &str = "part";
/// The folder of certificates in the store's.
const CERTIFICATES: &str = "certs";

/// The store cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its folder.
    #[error("cannot use the folder for files {}: {source}. Make it writable for this user, or set files.store.folder", path.display())]
    Folder {
        /// As configured.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its thread.
    #[error("cannot start the thread that stores files: {0}")]
    Thread(io::Error),
}

/// What became of files.
#[derive(Debug, Default)]
struct Counts {
    ids: AtomicU64,
    queued_bytes: AtomicU64,
    written: AtomicU64,
    written_bytes: AtomicU64,
    known: AtomicU64,
    queue_full: AtomicU64,
    over_total: AtomicU64,
    disk_full: AtomicU64,
    failed: AtomicU64,
}

/// A worker's end of the store.
#[derive(Clone, Debug)]
pub struct FileStore {
    sender: Sender<Option<Waiting>>,
    counts: Arc<Counts>,
    queue_bytes: u64,
    waits: bool,
}

/// What is on its way to the disk.
#[derive(Debug)]
enum Waiting {
    File { bytes: Bytes, sha256: [u8; 32] },
    Chain(Box<StoredChain>),
}

impl Waiting {
    fn len(&self) -> u64 {
        match self {
            Self::File { bytes, .. } => bytes.len() as u64,
            Self::Chain(chain) => chain.len() as u64,
        }
    }
}

impl FileStore {
    /// Hands a file over; the number under which it is told, or None if there is no room for it.
    #[must_use]
    pub fn store(&self, bytes: Bytes, sha256: [u8; 32]) -> Option<u64> {
        let sent = self.hand_over(Waiting::File { bytes, sha256 });
        sent.then(|| self.counts.ids.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Hands a chain of certificates over; if there is no room for it, that is counted.
    pub fn store_chain(&self, chain: StoredChain) {
        self.hand_over(Waiting::Chain(Box::new(chain)));
    }

    fn hand_over(&self, waiting: Waiting) -> bool {
        let counts = &self.counts;
        let len = waiting.len();
        while self.waits && counts.queued_bytes.load(Ordering::Relaxed) > 0 && !self.has_room(len) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if !self.has_room(len) {
            counts.queue_full.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        counts.queued_bytes.fetch_add(len, Ordering::Relaxed);
        let file = Some(waiting);
        let sent = if self.waits {
            self.sender.send(file).is_ok()
        } else {
            !matches!(self.sender.try_send(file), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
        };
        if !sent {
            counts.queued_bytes.fetch_sub(len, Ordering::Relaxed);
            counts.queue_full.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    fn has_room(&self, len: u64) -> bool {
        self.counts.queued_bytes.load(Ordering::Relaxed).saturating_add(len) <= self.queue_bytes
    }

    /// What became of files, for metrics.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let counts = &self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let results = [
            ("written", &counts.written),
            ("known", &counts.known),
            ("queue_full", &counts.queue_full),
            ("over_total", &counts.over_total),
            ("disk_full", &counts.disk_full),
            ("failed", &counts.failed),
        ];
        let help = "Files and certificates that were to be stored, by what became of them; known: was there already.";
        let mut samples: Vec<Sample> = results
            .into_iter()
            .map(|(result, count)| Sample::counter("file_store_files_total", help, read(count)).label("result", result))
            .collect();
        let bytes = read(&counts.written_bytes);
        samples.push(Sample::counter("file_store_written_bytes_total", "Bytes of stored files.", bytes));
        samples
    }
}

/// The thread that writes.
#[derive(Debug)]
pub struct StoreThread {
    store: FileStore,
    handle: JoinHandle<()>,
}

impl StoreThread {
    /// Makes the folder ready and starts the thread. `waits`: workers wait where the queue is full.
    ///
    /// # Errors
    /// The folder cannot be written to, or no thread can be started.
    pub fn start(config: &StoreConfig, waits: bool) -> Result<Self, StoreError> {
        let folder = &config.folder;
        let unusable = |source| StoreError::Folder { path: folder.clone(), source };
        let unfinished = folder.join("tmp");
        std::fs::create_dir_all(&unfinished).map_err(unusable)?;
        // What was being written when a sensor before this one died.
        for entry in std::fs::read_dir(&unfinished).map_err(unusable)?.flatten() {
            if entry.path().extension().is_some_and(|end| end == UNFINISHED) {
                std::fs::remove_file(entry.path()).map_err(unusable)?;
            }
        }
        let (sender, receiver) = bounded(QUEUE);
        let counts = Arc::new(Counts::default());
        let store = FileStore { sender, counts: Arc::clone(&counts), queue_bytes: config.queue_bytes, waits };
        let writer = Writer {
            config: config.clone(),
            counts,
            unfinished,
            clock: Clock::local(),
            stored_bytes: 0,
            trouble: false,
        };
        let work = move || {
            privilege::keep(Task::Files);
            writer.run(&receiver)
        };
        let handle = std::thread::Builder::new().name("files".to_owned()).spawn(work).map_err(StoreError::Thread)?;
        Ok(Self { store, handle })
    }

    /// An end for a worker.
    #[must_use]
    pub fn store(&self) -> FileStore {
        self.store.clone()
    }

    /// Writes what still waits, and ends.
    pub fn finish(self) {
        let Self { store, handle } = self;
        // Fails only if the thread is gone already.
        let _ = store.sender.send(None);
        if handle.join().is_err() {
            tracing::error!("the thread that stores files failed; this is a defect");
        }
    }
}

/// Why a file is not in the store.
enum Refusal {
    OverTotal,
    DiskFull,
    Failed(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::DiskFull
        } else {
            Self::Failed(error)
        }
    }
}

struct Writer {
    config: StoreConfig,
    counts: Arc<Counts>,
    unfinished: PathBuf,
    clock: Clock,
    /// Bytes of all files in the folder.
    stored_bytes: u64,
    /// The last file could not be stored, and that was said.
    trouble: bool,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Option<Waiting>>) {
        self.stored_bytes = bytes_in(&self.config.folder);
        while let Ok(Some(file)) = receiver.recv() {
            let outcome = self.write(&file);
            self.counts.queued_bytes.fetch_sub(file.len(), Ordering::Relaxed);
            self.count(outcome);
        }
    }

    /// Whether it is new.
    fn write(&mut self, waiting: &Waiting) -> Result<bool, Refusal> {
        match waiting {
            Waiting::File { bytes, sha256 } => {
                let name: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
                self.write_once(name.get(..2).unwrap_or_default(), &name, bytes)
            }
            Waiting::Chain(chain) => {
                let name = chain.name();
                let new = self.write_once(CERTIFICATES, &format!("{name}.pem"), chain.pem().as_bytes())?;
                if new {
                    let meta = chain.meta(&mut self.clock);
                    self.write_once(CERTIFICATES, &format!("{name}.meta"), meta.as_bytes())?;
                }
                Ok(new)
            }
        }
    }

    /// Puts bytes into a file of a folder in the store, unless there is one of that name.
    fn write_once(&mut self, folder: &str, name: &str, bytes: &[u8]) -> Result<bool, Refusal> {
        let folder = self.config.folder.join(folder);
        let path = folder.join(name);
        if let Ok(known) = File::open(&path) {
            // When it was last seen; that its time cannot be set does not matter.
            let _ = known.set_modified(SystemTime::now());
            return Ok(false);
        }
        let len = bytes.len() as u64;
        if self.stored_bytes.saturating_add(len) > self.config.total_bytes {
            return Err(Refusal::OverTotal);
        }
        if free_bytes(&self.config.folder)? < len.saturating_add(self.config.min_free_bytes) {
            return Err(Refusal::DiskFull);
        }
        std::fs::create_dir_all(&folder)?;
        let unfinished = self.unfinished.join(format!("{name}.{UNFINISHED}"));
        let written = put(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, &path));
        if let Err(error) = written {
            // It may not even have come to be.
            let _ = std::fs::remove_file(&unfinished);
            return Err(error.into());
        }
        self.stored_bytes = self.stored_bytes.saturating_add(len);
        self.counts.written_bytes.fetch_add(len, Ordering::Relaxed);
        Ok(true)
    }

    fn count(&mut self, outcome: Result<bool, Refusal>) {
        let counts = &self.counts;
        let (count, trouble) = match outcome {
            Ok(true) => (&counts.written, None),
            Ok(false) => (&counts.known, None),
            Err(Refusal::OverTotal) => {
                (&counts.over_total, Some("files.store.total_bytes is reached; make room or raise it".to_owned()))
            }
            Err(Refusal::DiskFull) => {
                (&counts.disk_full, Some("the disk has less free than files.store.min_free_bytes".to_owned()))
            }
            Err(Refusal::Failed(error)) => (&counts.failed, Some(error.to_string())),
        };
        count.fetch_add(1, Ordering::Relaxed);
        let before = std::mem::replace(&mut self.trouble, trouble.is_some());
        if let Some(trouble) = trouble.filter(|_| !before) {
            let folder = self.config.folder.display();
            tracing::error!("a file is not stored in {folder}: {trouble}. Until that ends, this is only counted");
        }
    }
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
    file.write_all(bytes)
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// Bytes of the files that lie in the folders of a folder.
fn bytes_in(folder: &Path) -> u64 {
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = folders.flat_map(|f| std::fs::read_dir(f.path()).into_iter().flatten().flatten());
    files.filter_map(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn config(folder: &Path) -> StoreConfig {
        StoreConfig { enabled: true, folder: folder.to_owned(), min_free_bytes: 0, ..StoreConfig::default() }
    }

    fn give(store: &FileStore, bytes: &[u8]) -> Option<u64> {
        store.store(Bytes::copy_from_slice(bytes), Sha256::digest(bytes).into())
    }

    fn result(store: &FileStore, result: &str) -> f64 {
        let samples = store.samples();
        samples.iter().find(|s| s.labels.iter().any(|(_, value)| value == result)).unwrap().value
    }

    #[test]
    fn a_file_is_there_once_whole_and_not_executable() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("tmp")).unwrap();
        std::fs::write(folder.path().join("tmp/left.part"), "half").unwrap();
        let thread = StoreThread::start(&config(folder.path()), true).unwrap();
        let store = thread.store();
        assert_eq!([give(&store, b"abc"), give(&store, b"abc"), give(&store, b"")], [Some(1), Some(2), Some(3)]);
        thread.finish();
        let path = folder.path().join("ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o440);
        assert_eq!((result(&store, "written"), result(&store, "known")), (2.0, 1.0));
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
        assert_eq!(bytes_in(folder.path()), 3);
    }

    #[test]
    fn limits_are_kept_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let thread = StoreThread::start(&StoreConfig { total_bytes: 4, ..config(folder.path()) }, true).unwrap();
        let store = thread.store();
        assert!(give(&store, b"abc").is_some() && give(&store, b"de").is_some() && give(&store, b"f").is_some());
        thread.finish();
        assert_eq!((result(&store, "written"), result(&store, "over_total")), (2.0, 1.0));

        let full = StoreConfig { min_free_bytes: u64::MAX, ..config(folder.path()) };
        let thread = StoreThread::start(&full, true).unwrap();
        let store = thread.store();
        assert!(give(&store, b"ghi").is_some());
        thread.finish();
        assert_eq!(result(&store, "disk_full"), 1.0);

        let small = StoreConfig { queue_bytes: 2, ..config(folder.path()) };
        let thread = StoreThread::start(&small, false).unwrap();
        let store = thread.store();
        assert_eq!(give(&store, b"jkl"), None);
        thread.finish();
        assert_eq!((result(&store, "queue_full"), result(&store, "written")), (1.0, 0.0));
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = StoreThread::start(&config(&file), false).unwrap_err().to_string();
        assert!(error.contains("files.store.folder"), "{error}");
    }
}
