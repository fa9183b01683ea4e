//! The file that lines go to, with what is not written yet.
//!
//! It never blocks on a pipe, counts a line as written only when all of its bytes are, and survives errors: what was
//! to be written stays, and is tried again after a growing delay. A regular file on a stuck disk can hold up the thread
//! that calls it, but never a worker.

use super::config::EventType;
use super::fanout::Parcel;
use super::health::{Loss, OutputCounts};
use super::queue::{Batch, Taker, bump};
use super::rotate::Rotation;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes that are gathered before they are written: one full batch of a worker's.
const BATCH_BYTES: usize = 64 * 1024;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What became of an attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is left to write.
    Done,
    /// The reader of the pipe is slow.
    Blocked,
    /// It failed; it will be tried again after a delay.
    Failed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    file: Option<File>,
    /// While it fails: when to try again, and how long to wait after that.
    retry: Option<(Instant, Duration)>,
    bytes: Vec<u8>,
    /// Bytes of `bytes` that are in the file.
    done: usize,
    /// Where each line ends, and its type.
    ends: Vec<(usize, EventType)>,
    /// Lines of `ends` that are in the file.
    counted: usize,
    /// When the file is to be renamed, and a new one begun.
    rotation: Option<Rotation>,
}

impl FileSink {
    /// Opens the file, made if need be, with its folder. A named pipe that nobody reads yet is not an error.
    pub(super) fn open(path: &Path, append: bool, rotation: Option<Rotation>) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let file = match open_file(path, append) {
            Ok(file) => Some(file),
            Err(error) if is_pipe(path) && no_reader(&error) => None,
            Err(error) => return Err(error),
        };
        let mut sink = Self {
            path: path.to_owned(),
            file: None,
            retry: None,
            bytes: Vec::new(),
            done: 0,
            ends: Vec::new(),
            counted: 0,
            rotation,
        };
        if let Some(file) = file {
            sink.take_file(file);
        }
        Ok(sink)
    }

    /// Where lines are to be added; each must then be told to [`line`](Self::line).
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The buffer has got one more line.
    pub(super) fn line(&mut self, kind: EventType) {
        self.ends.push((self.bytes.len(), kind));
    }

    /// Takes a copy of the lines that other outputs write as well.
    pub(super) fn copy(&mut self, parcel: &Parcel) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(parcel.bytes());
        self.ends.extend(parcel.ends().iter().map(|&(end, kind)| (before + end, kind)));
    }

    /// It has a file, or a pipe with a reader.
    pub(super) const fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Something is not written yet.
    pub(super) fn is_pending(&self) -> bool {
        self.done < self.bytes.len()
    }

    /// Writes as much as the file takes now.
    pub(super) fn write_out(&mut self, now: Instant, counts: &OutputCounts) -> Progress {
        if !self.is_pending() {
            return Progress::Done;
        }
        if self.retry.is_some_and(|(at, _)| now < at) {
            return Progress::Failed;
        }
        if self.file.is_none() {
            match open_file(&self.path, true) {
                Ok(file) => self.take_file(file),
                Err(error) => return self.fail(now, &error, counts),
            }
        }
        while let Some(file) = &mut self.file {
            match file.write(&self.bytes[self.done..]) {
                Ok(0) => return self.fail(now, &io::ErrorKind::WriteZero.into(), counts),
                Ok(n) => {
                    self.advance(n, counts);
                    if !self.is_pending() {
                        self.bytes.clear();
                        self.ends.clear();
                        (self.done, self.counted) = (0, 0);
                        self.rotate_if_due(now, counts);
                        return Progress::Done;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Blocked,
                Err(error) => {
                    if error.kind() == io::ErrorKind::BrokenPipe {
                        // The next reader gets the line that this one did not read to its end.
                        self.file = None;
                    }
                    return self.fail(now, &error, counts);
                }
            }
        }
        Progress::Failed
    }

    /// Rotates a file that grows old while nothing is to be written.
    pub(super) fn rotate_if_idle(&mut self, now: Instant, counts: &OutputCounts) {
        if self.rotation.is_some() && !self.is_pending() && self.file.is_some() {
            self.rotate_if_due(now, counts);
        }
    }

    /// The file ends with a whole line: the moment to begin another, if it is large or old enough.
    fn rotate_if_due(&mut self, now: Instant, counts: &OutputCounts) {
        let Some(rotation) = self.rotation.as_mut().filter(|rotation| rotation.is_due(now)) else { return };
        if let Err(error) = rotation.rename(&self.path, now) {
            counts.error(|| {
                let text =
                    format!("cannot rotate {}: {error}; it grows on, and it is tried again", self.path.display());
                tracing::error!("{text}");
                text
            });
            return;
        }
        bump(&counts.rotations, 1);
        self.reopen(now, counts);
    }

    fn advance(&mut self, n: usize, counts: &OutputCounts) {
        if self.retry.take().is_some() {
            tracing::info!("writing events to {} again", self.path.display());
        }
        self.done = (self.done + n).min(self.bytes.len());
        bump(&counts.bytes, n as u64);
        counts.set_connected(true);
        if let Some(rotation) = &mut self.rotation {
            rotation.wrote(n as u64);
        }
        while let Some(&(_, kind)) = self.ends.get(self.counted).filter(|(end, _)| *end <= self.done) {
            counts.written.add(kind, 1);
            self.counted += 1;
        }
    }

    fn fail(&mut self, now: Instant, error: &io::Error, counts: &OutputCounts) -> Progress {
        let text = || format!("cannot write events to {}: {error}", self.path.display());
        counts.error(text);
        let delay = self.retry.map_or(FIRST_RETRY, |(_, delay)| (delay * 2).min(LAST_RETRY));
        if self.retry.is_none() {
            tracing::error!(
                "{}; trying again until it works, events that find no room meanwhile are counted as lost",
                text()
            );
        }
        self.retry = Some((now + delay, delay));
        counts.set_connected(false);
        Progress::Failed
    }

    /// Where the line begins that is not wholly written.
    fn line_start(&self) -> usize {
        self.counted.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |&(end, _)| end)
    }

    /// A file that has none of the line at hand.
    fn take_file(&mut self, file: File) {
        if let Some(rotation) = &mut self.rotation {
            rotation.begin(&file);
        }
        self.file = Some(file);
        self.done = self.line_start();
    }

    /// Closes the file and opens the path anew, for log rotation. What the old file can still take goes there.
    pub(super) fn reopen(&mut self, now: Instant, counts: &OutputCounts) {
        self.write_out(now, counts);
        self.retry = None;
        match open_file(&self.path, true) {
            Ok(file) => {
                self.take_file(file);
                counts.set_connected(true);
            }
            Err(error) => {
                self.file = None;
                self.fail(now, &error, counts);
            }
        }
    }

    /// Gives up what is not written and counts it as lost.
    pub(super) fn abandon(&mut self, counts: &OutputCounts) {
        for &(_, kind) in &self.ends[self.counted..] {
            counts.lost(Loss::Shutdown).add(kind, 1);
        }
        let torn = self.done > self.line_start();
        self.bytes.clear();
        self.ends.clear();
        (self.done, self.counted) = (0, 0);
        if torn && self.file.is_some() {
            // The next line must not continue the torn one. The line feed belongs to that next line.
            self.bytes.push(b'\n');
        }
    }
}

impl Taker for FileSink {
    /// There is enough for a write.
    fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES
    }

    fn take(&mut self, batch: &mut Batch) {
        if self.bytes.is_empty() {
            std::mem::swap(&mut self.bytes, &mut batch.bytes);
            std::mem::swap(&mut self.ends, &mut batch.ends);
        } else {
            let before = self.bytes.len();
            self.bytes.append(&mut batch.bytes);
            self.ends.extend(batch.ends.drain(..).map(|(end, kind)| (before + end, kind)));
        }
    }
}

fn open_file(path: &Path, append: bool) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let torn = append && ends_torn(path);
    let mut file = OpenOptions::new().create(true).append(true).custom_flags(flags.bits()).open(path)?;
    if !append && file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    if torn {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// A regular file whose last line has no end: an earlier run was cut off in the middle of it.
fn ends_torn(path: &Path) -> bool {
    let last_byte = || -> io::Result<u8> {
        if !std::fs::metadata(path)?.is_file() {
            return Ok(b'\n');
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    last_byte().is_ok_and(|byte| byte != b'\n')
}

fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
}

fn no_reader(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::ENXIO as i32)
}

#[cfg(test)]
mod tests {
    use super::super::queue::{PerType, Wanted};
    use super::*;
    use std::sync::atomic::Ordering;

    fn add(sink: &mut FileSink, line: &str) {
        sink.buffer().extend_from_slice(line.as_bytes());
        sink.buffer().push(b'\n');
        sink.line(EventType::Alert);
    }

    fn written(counts: &OutputCounts) -> u64 {
        let mut sum = PerType::default();
        counts.written.add_to(&mut sum);
        sum[EventType::Alert.index()]
    }

    fn lost(counts: &OutputCounts) -> u64 {
        counts.read_losses().by_type()[EventType::Alert.index()]
    }

    fn new_counts() -> OutputCounts {
        OutputCounts::new("eve", "file".to_owned(), Wanted::of(EventType::ALL))
    }

    #[test]
    fn a_torn_last_line_is_ended_before_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/eve.json");
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(&path, "{\"whole\":1}\n{\"to").unwrap();
        let counts = new_counts();
        let mut sink = FileSink::open(&path, true, None).unwrap();
        add(&mut sink, "{}");
        assert_eq!(sink.write_out(Instant::now(), &counts), Progress::Done);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"whole\":1}\n{\"to\n{}\n");
    }

    #[test]
    fn rotation_loses_and_repeats_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let counts = new_counts();
        let mut sink = FileSink::open(&path, false, None).unwrap();
        add(&mut sink, "1");
        std::fs::rename(&path, folder.path().join("eve.json.1")).unwrap();
        sink.reopen(Instant::now(), &counts);
        add(&mut sink, "2");
        assert_eq!(sink.write_out(Instant::now(), &counts), Progress::Done);
        assert_eq!(std::fs::read_to_string(folder.path().join("eve.json.1")).unwrap(), "1\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2\n");
        assert_eq!((written(&counts), lost(&counts)), (2, 0));
    }

    #[test]
    fn a_full_disk_is_counted_and_tried_again_later() {
        let counts = new_counts();
        let mut sink = FileSink::open(Path::new("/dev/full"), true, None).unwrap();
        add(&mut sink, "x");
        let now = Instant::now();
        assert_eq!(sink.write_out(now, &counts), Progress::Failed);
        assert_eq!(sink.write_out(now, &counts), Progress::Failed);
        assert_eq!(counts.errors.load(Ordering::Relaxed), 1, "the second call came before the delay was over");
        sink.write_out(now + FIRST_RETRY, &counts);
        assert_eq!(counts.errors.load(Ordering::Relaxed), 2);
        let first = counts.first_error.lock().unwrap().clone().unwrap();
        assert!(first.contains("/dev/full") && first.contains("No space left"), "{first}");
        sink.abandon(&counts);
        assert_eq!((written(&counts), lost(&counts)), (0, 1));
        assert!(!sink.is_pending());
    }

    #[test]
    fn the_second_reader_of_a_pipe_gets_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let counts = new_counts();
        let mut sink = FileSink::open(&path, true, None).unwrap();
        let line = "a".repeat(1000);
        for _ in 0..1000 {
            add(&mut sink, &line);
        }
        let mut now = Instant::now();
        assert_eq!(sink.write_out(now, &counts), Progress::Failed, "nobody reads yet");
        let open_reader = || OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
        let mut reader = open_reader();
        now += LAST_RETRY;
        assert_eq!(sink.write_out(now, &counts), Progress::Blocked, "the pipe is full");
        let before = written(&counts);
        assert!(before > 0 && before < 1000);
        let mut some = vec![0; 70_000];
        reader.read_exact(&mut some[..1500]).unwrap();
        drop(reader);
        assert_eq!(sink.write_out(now, &counts), Progress::Failed, "its reader is gone");
        let mut reader = open_reader();
        let mut got = Vec::new();
        while sink.is_pending() {
            now += LAST_RETRY;
            sink.write_out(now, &counts);
            loop {
                match reader.read(&mut some) {
                    Ok(0) => break,
                    Ok(n) => got.extend_from_slice(&some[..n]),
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                        break;
                    }
                }
            }
        }
        assert_eq!(written(&counts), 1000);
        let text = String::from_utf8(got).unwrap();
        assert!(text.lines().all(|l| l == line), "no torn line");
        assert_eq!(text.lines().count() as u64, 1000 - before);
    }
}
