//! Rotation of the event log by the sensor itself: by size and by age; and the housekeeper, a thread of lowest priority that
//! compresses what was rotated and deletes what is beyond its limits.
//!
//! A full file `eve.json` becomes `eve.json-20261123T215355Z`, then `…Z.gz` or `…Z.zst`. It is renamed between two lines, by the thread
//! that writes, so no line is lost or cut. Only names of this form are ever compressed or deleted. A compressed file
//! appears under its name when it is whole; what a crash left half done is done again at the next start.

use jiff::tz::TimeZone;
use serde::Deserialize;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

/// After a rename that failed.
const RETRY: Duration = Duration::from_secs(60);
/// How often files are held against their limits when none was rotated.
const LOOK: Duration = Duration::from_secs(60);
/// The housekeeper's nice value: the lowest priority.
const NICE: i32 = 19;
const PART: &str = ".part";

/// How rotated files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// They stay as they are.
    None,
    /// `.gz`
    Gzip,
    /// `.zst`: smaller than gzip, in a fifth of the time.
    #[default]
    Zstd,
}

impl Compression {
    const fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// Section `[eve.rotate]`: when the sensor itself begins a new file, and what becomes of the old ones.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct RotateConfig {
    /// A file of so many bytes is full. Default: 0, never.
    pub size_bytes: u64,
    /// A file of so many seconds is full. Default: 0, never.
    pub age_s: u64,
    /// `zstd` (the default), `gzip` or `none`.
    pub compress: Compression,
    /// Rotated files that are kept at most. Default: 0, no limit.
    pub keep_files: usize,
    /// Rotated files older than so many seconds are deleted. Default: 0, none.
    pub keep_age_s: u64,
    /// Bytes of rotated files together; the oldest are deleted. Default: 0, no limit.
    pub keep_bytes: u64,
}

impl RotateConfig {
    /// Whether the sensor rotates at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.size_bytes > 0 || self.age_s > 0
    }
}

/// The state of the file at hand.
#[derive(Debug)]
pub(super) struct Rotation {
    config: RotateConfig,
    size: u64,
    /// A named pipe is not rotated.
    is_file: bool,
    due_at: Option<Instant>,
    retry_at: Option<Instant>,
    /// Wakes the housekeeper, who ends when this is dropped.
    bell: SyncSender<()>,
}

impl Rotation {
    /// With its housekeeper, if the configuration asks for rotation.
    ///
    /// # Errors
    /// No thread could be started.
    pub(super) fn start(config: &RotateConfig, path: &Path) -> io::Result<Option<Self>> {
        if !config.is_on() {
            return Ok(None);
        }
        let (bell, rung) = sync_channel(1);
        let keeper = Housekeeper { config: config.clone(), path: path.to_owned(), told: None };
        std::thread::Builder::new().name("housekeeper".to_owned()).spawn(move || keeper.run(&rung))?;
        Ok(Some(Self { config: config.clone(), size: 0, is_file: false, due_at: None, retry_at: None, bell }))
    }

    /// A file was opened. Its age counts from when it was made, as far as the file system knows that.
    pub(super) fn begin(&mut self, file: &File) {
        let facts = file.metadata().ok();
        self.is_file = facts.as_ref().is_some_and(std::fs::Metadata::is_file);
        self.size = facts.as_ref().map_or(0, std::fs::Metadata::len);
        let made = facts.filter(|facts| facts.len() > 0).and_then(|facts| facts.created().ok());
        let age = made.and_then(|made| made.elapsed().ok()).unwrap_or_default();
        let left = Duration::from_secs(self.config.age_s).saturating_sub(age);
        self.due_at = (self.config.age_s > 0).then(|| Instant::now().checked_add(left)).flatten();
    }

    pub(super) const fn wrote(&mut self, bytes: u64) {
        self.size = self.size.saturating_add(bytes);
    }

    /// It is large or old enough. An empty file never is.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let full = self.config.size_bytes > 0 && self.size >= self.config.size_bytes;
        let old = self.due_at.is_some_and(|due| now >= due);
        self.is_file && self.size > 0 && (full || old) && self.retry_at.is_none_or(|at| now >= at)
    }

    /// Gives the file the name of a rotated one.
    pub(super) fn rename(&mut self, path: &Path, now: Instant) -> io::Result<()> {
        self.retry_at = Some(now + RETRY);
        std::fs::rename(path, free_name(path))?;
        self.retry_at = None;
        // It is awake already if this finds no room.
        let _ = self.bell.try_send(());
        Ok(())
    }
}

/// `eve.json-20261123T215355Z`, and `-1` behind it if that is taken, compressed or not.
fn free_name(path: &Path) -> PathBuf {
    let stamp = jiff::Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let name = |n: u32| {
        let mut name = path.file_name().map_or_else(OsString::new, ToOwned::to_owned);
        name.push(format!("-{stamp}"));
        if n > 0 {
            // Of one width, so that names sort as they came about.
            name.push(format!("-{n:04}"));
        }
        name
    };
    let taken = |name: &OsString| {
        [Compression::None, Compression::Gzip, Compression::Zstd].iter().any(|compression| {
            let mut name = name.clone();
            name.push(compression.suffix());
            path.with_file_name(name).exists()
        })
    };
    let free = (0..u32::MAX).map(name).find(|name| !taken(name)).unwrap_or_else(|| name(u32::MAX));
    path.with_file_name(free)
}

/// Compresses and deletes.
struct Housekeeper {
    config: RotateConfig,
    path: PathBuf,
    /// What was last said to have failed: said once.
    told: Option<String>,
}

/// A file that was rotated.
#[derive(Debug)]
struct Rotated {
    path: PathBuf,
    /// The name without the compression's suffix: sorts by time.
    stem: String,
    compressed: bool,
    bytes: u64,
    modified: SystemTime,
}

impl Housekeeper {
    fn run(mut self, bell: &Receiver<()>) {
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::warn!("the housekeeper of the event log runs at full priority: {error}");
        }
        loop {
            let done = self.look();
            match done {
                Ok(()) => self.told = None,
                Err(error) => {
                    let text = error.to_string();
                    if self.told.as_ref() != Some(&text) {
                        tracing::error!("rotated files of {}: {text}; it is tried again", self.path.display());
                    }
                    self.told = Some(text);
                }
            }
            if let Err(std::sync::mpsc::RecvTimeoutError::Disconnected) = bell.recv_timeout(LOOK) {
                // What was rotated last is compressed at the next start: the sensor's end does not wait for it.
                return;
            }
        }
    }

    /// First what is beyond the limits, which makes room for the rest.
    fn look(&self) -> io::Result<()> {
        self.delete(self.find()?)?;
        for file in self.find()?.iter().filter(|file| !file.compressed) {
            self.compress(file)?;
        }
        self.delete(self.find()?)
    }

    /// All rotated files, the newest first. Unfinished ones are deleted.
    fn find(&self) -> io::Result<Vec<Rotated>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Some(own) = self.path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Some((name, stem)) =
                entry.file_name().to_str().and_then(|name| Some((name.to_owned(), stem(name, own)?)))
            else {
                continue;
            };
            // Another process may have taken it away meanwhile.
            let Ok(facts) = entry.metadata() else { continue };
            if !facts.is_file() {
                continue;
            }
            if name.ends_with(PART) {
                std::fs::remove_file(entry.path())?;
                continue;
            }
            let compressed = name.ends_with(".gz") || name.ends_with(".zst");
            let modified = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(Rotated { path: entry.path(), stem, compressed, bytes: facts.len(), modified });
        }
        found.sort_by(|a, b| b.stem.cmp(&a.stem));
        Ok(found)
    }

    fn delete(&self, files: Vec<Rotated>) -> io::Result<()> {
        let RotateConfig { keep_files, keep_age_s, keep_bytes, .. } = self.config;
        let mut bytes = 0u64;
        for (i, file) in files.iter().enumerate() {
            bytes = bytes.saturating_add(file.bytes);
            let age = file.modified.elapsed().unwrap_or_default().as_secs();
            let beyond = (keep_files > 0 && i >= keep_files)
                || (keep_age_s > 0 && age > keep_age_s)
                || (keep_bytes > 0 && bytes > keep_bytes);
            if beyond {
                std::fs::remove_file(&file.path)?;
                tracing::debug!("deleted {}: beyond what [eve.rotate] keeps", file.path.display());
            }
        }
        Ok(())
    }

    fn compress(&self, file: &Rotated) -> io::Result<()> {
        let compression = self.config.compress;
        if compression == Compression::None {
            return Ok(());
        }
        let with = |suffix: &str| {
            let mut name = file.path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let whole = with(compression.suffix());
        let part = with(&format!("{}{PART}", compression.suffix()));
        let written = squeeze(&file.path, &part, compression);
        if let Err(error) = written.and_then(|()| std::fs::rename(&part, &whole)) {
            // It may not be there at all.
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
        std::fs::remove_file(&file.path)
    }
}

fn squeeze(from: &Path, to: &Path, compression: Compression) -> io::Result<()> {
    let mut source = File::open(from)?;
    let facts = source.metadata()?;
    let target = File::create(to)?;
    target.set_permissions(facts.permissions())?;
    let target = if compression == Compression::Gzip {
        let mut encoder = flate2::write::GzEncoder::new(target, flate2::Compression::default());
        io::copy(&mut source, &mut encoder)?;
        encoder.finish()?
    } else {
        let mut encoder = zstd::stream::write::Encoder::new(target, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        io::copy(&mut source, &mut encoder)?;
        encoder.finish()?
    };
    // Its age stays that of its last event.
    target.set_modified(facts.modified()?)?;
    target.sync_all()
}

/// The part of a rotated file's name that tells when it was rotated; none if it is not one of `own`.
fn stem(name: &str, own: &str) -> Option<String> {
    let rest = name.strip_prefix(own)?.strip_prefix('-')?;
    let rest = rest.strip_suffix(PART).unwrap_or(rest);
    let rest = rest.strip_suffix(".gz").or_else(|| rest.strip_suffix(".zst")).unwrap_or(rest);
    let (stamp, number) = rest.split_once('-').unwrap_or((rest, "0"));
    let pattern = |at: usize, byte: u8| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    let is_stamp = stamp.len() == 16 && stamp.bytes().enumerate().all(|(at, byte)| pattern(at, byte));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_stamp && is_number).then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn only_names_that_rotation_gave_are_its_own() {
        for name in
            ["eve.json-20261123T215355Z", "eve.json-20261123T215355Z-0001.zst", "eve.json-20261123T215355Z.gz.part"]
        {
            assert!(stem(name, "eve.json").is_some(), "{name}");
        }
        for name in [
            "eve.json",
            "eve.json.1",
            "eve.json-20261123.gz",
            "eve.json-20261123T215355Z.txt",
            "other-20261123T215355Z",
        ] {
            assert_eq!(stem(name, "eve.json"), None, "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let mut names: Vec<PathBuf> = Vec::new();
        for _ in 0..3 {
            let name = free_name(&path);
            std::fs::write(&name, "x").unwrap();
            assert!(stem(name.file_name().unwrap().to_str().unwrap(), "eve.json").is_some());
            names.push(name);
        }
        assert!(names.is_sorted() && names[0] != names[1], "{names:?}");
    }

    fn keeper(folder: &Path, config: RotateConfig) -> Housekeeper {
        Housekeeper { config, path: folder.join("eve.json"), told: None }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_compressed_whole_and_what_is_not_ours_stays() {
        let text = "{\"event_type\":\"alert\"}\n".repeat(10_000);
        for (compress, suffix) in [(Compression::Gzip, ".gz"), (Compression::Zstd, ".zst")] {
            let folder = tempfile::tempdir().unwrap();
            let old = folder.path().join("eve.json-20260101T000000Z");
            std::fs::write(&old, &text).unwrap();
            std::fs::write(folder.path().join("eve.json-20260102T000000Z.gz.part"), "half").unwrap();
            std::fs::write(folder.path().join("eve.json.1"), "logrotate's").unwrap();
            std::fs::write(folder.path().join("eve.json"), "live").unwrap();
            keeper(folder.path(), RotateConfig { compress, keep_files: 5, ..RotateConfig::default() }).look().unwrap();
            let packed = format!("eve.json-20260101T000000Z{suffix}");
            assert_eq!(names(folder.path()), ["eve.json", packed.as_str(), "eve.json.1"]);
            let file = File::open(folder.path().join(&packed)).unwrap();
            let mut unpacked = String::new();
            match compress {
                Compression::Gzip => flate2::read::GzDecoder::new(file).read_to_string(&mut unpacked).unwrap(),
                _ => zstd::stream::read::Decoder::new(file).unwrap().read_to_string(&mut unpacked).unwrap(),
            };
            assert!(unpacked == text);
        }
    }

    #[test]
    fn number_age_and_bytes_are_limits() {
        let none = RotateConfig { compress: Compression::None, ..RotateConfig::default() };
        let left = |config: RotateConfig| {
            let folder = tempfile::tempdir().unwrap();
            for day in 1..=5 {
                let path = folder.path().join(format!("eve.json-2026010{day}T000000Z"));
                std::fs::write(&path, "x".repeat(100)).unwrap();
                let at = SystemTime::now() - Duration::from_secs(1000 * (6 - day));
                File::options().append(true).open(&path).unwrap().set_modified(at).unwrap();
            }
            keeper(folder.path(), config).look().unwrap();
            names(folder.path()).iter().map(|name| name[16..17].parse().unwrap()).collect::<Vec<u32>>()
        };
        assert_eq!(left(none.clone()), [1, 2, 3, 4, 5]);
        assert_eq!(left(RotateConfig { keep_files: 2, ..none.clone() }), [4, 5]);
        assert_eq!(left(RotateConfig { keep_age_s: 3500, ..none.clone() }), [3, 4, 5]);
        assert_eq!(left(RotateConfig { keep_bytes: 250, ..none }), [4, 5]);
    }
}
