//! A set that rules change while workers ask it.

use super::fixed::ENTRY_OVERHEAD;
use super::{DatasetError, key, load};
use sekisho_signatures::kept::SetKind;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 32;

type Values = HashSet<Box<[u8]>>;

/// Values of one kind, in shards with a lock each.
pub struct Shared {
    kind: SetKind,
    // Values come from the wire: the hasher is seeded, so that nobody can choose values that meet in one slot.
    shards: Box<[Mutex<Values>]>,
    hasher: RandomState,
    bytes: AtomicU64,
    memcap: u64,
    refused: AtomicU64,
    file: Option<PathBuf>,
    dirty: AtomicBool,
}

impl Shared {
    /// An empty set; `file` is where it is saved.
    pub(super) fn new(kind: SetKind, memcap: u64, file: Option<PathBuf>) -> Self {
        Self {
            kind,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            bytes: AtomicU64::new(0),
            memcap,
            refused: AtomicU64::new(0),
            file,
            dirty: AtomicBool::new(false),
        }
    }

    pub(super) fn kind(&self) -> SetKind {
        self.kind
    }

    /// Values not added because the set has used up its memory.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        (0..SHARDS).map(|i| self.shard(i).len()).sum()
    }

    /// It holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, index: usize) -> MutexGuard<'_, Values> {
        // A worker that panicked while it held the lock left the table whole: each change is one call.
        self.shards[index % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard_of(&self, key: &[u8]) -> MutexGuard<'_, Values> {
        self.shard(self.hasher.hash_one(key) as usize % SHARDS)
    }

    /// Whether it holds a value.
    #[must_use]
    pub fn contains(&self, data: &[u8]) -> bool {
        key(self.kind, data).is_some_and(|key| self.shard_of(key.as_ref()).contains(key.as_ref()))
    }

    /// Adds a value; whether it is new and found room. Allocates for a new value only.
    pub fn insert(&self, data: &[u8]) -> bool {
        let Some(key) = key(self.kind, data) else { return false };
        let key = key.as_ref();
        let mut shard = self.shard_of(key);
        if shard.contains(key) {
            return false;
        }
        let size = key.len() as u64 + ENTRY_OVERHEAD;
        if self.bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size) > self.memcap {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.dirty.store(true, Ordering::Relaxed);
        shard.insert(key.into())
    }

    /// Takes a value out; whether it was there.
    pub fn remove(&self, data: &[u8]) -> bool {
        let Some(key) = key(self.kind, data) else { return false };
        let removed = self.shard_of(key.as_ref()).remove(key.as_ref());
        if removed {
            self.bytes.fetch_sub(key.as_ref().len() as u64 + ENTRY_OVERHEAD, Ordering::Relaxed);
            self.dirty.store(true, Ordering::Relaxed);
        }
        removed
    }

    /// What was just loaded need not be saved.
    pub(super) fn is_saved(&self) {
        self.dirty.store(false, Ordering::Relaxed);
    }

    /// Writes it to its file, if it has one and has changed: first beside it, then moved into place.
    pub(super) fn save(&self, name: &str) -> Result<(), DatasetError> {
        let Some(file) = &self.file else { return Ok(()) };
        if !self.dirty.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        self.write(file).map_err(|source| {
            self.dirty.store(true, Ordering::Relaxed);
            DatasetError::Write { name: name.into(), file: file.clone(), source }
        })
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".new");
        let mut out = std::io::BufWriter::new(std::fs::File::create(&beside)?);
        let mut line = String::new();
        for index in 0..SHARDS {
            // One shard at a time: workers wait for no more than a copy of its values.
            let values: Vec<Box<[u8]>> = self.shard(index).iter().cloned().collect();
            for value in values {
                line.clear();
                load::print(self.kind, &value, &mut line);
                line.push('\n');
                out.write_all(line.as_bytes())?;
            }
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&beside, file)
    }
}
