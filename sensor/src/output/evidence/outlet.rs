//! The way of packets from workers to the thread that writes them: in chunks, over a bounded queue.
//!
//! A worker copies packets into its chunk and hands it over when it is full or a second old. Chunks come back to be filled again. It never
//! waits (unless it reads capture files, which can): where the queue has no room the chunk's packets are lost, and counted.

use super::name::EvidenceName;
use crate::decode::LinkType;
use crate::event::AlertAction;
use crate::output::sources::Sample;
use crate::time::Timestamp;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use sekisho_signatures::ruleset::Ruleset;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Bytes of packets at which a chunk is handed over.
const CHUNK_BYTES: usize = 256 << 10;
/// Items at which it is.
const CHUNK_ITEMS: usize = 4096;
/// How old a chunk gets, in packet time.
const CHUNK_AGE: Duration = Duration::from_secs(1);
/// Empty chunks that wait to be filled again.
const SPARE: usize = 8;
/// Chunks that may wait, whatever their size.
const QUEUE: usize = 4096;
/// How often the writing thread looks after old files.
const TICK: Duration = Duration::from_secs(5);
/// How long a stop waits for a disk that takes nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// A packet as it was captured, but for its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// When it was captured.
    pub ts: Timestamp,
    /// What the bytes start with.
    pub link: LinkType,
    /// Index of the capture interface.
    pub interface: u16,
    /// Bytes on the wire.
    pub wire_len: u32,
}

/// An alert, as a file of evidence tells it.
#[derive(Clone, Debug)]
pub struct AlertNote {
    /// The ruleset that judged.
    pub ruleset: Arc<Ruleset>,
    /// Index of the signature in `ruleset`.
    pub signature: u32,
    /// What was done.
    pub action: AlertAction,
    /// When.
    pub ts: Timestamp,
}

/// One thing for the writing thread. What is of no file (all packets, in turn) has an empty name.
#[derive(Debug)]
pub enum Item {
    /// A file begins.
    Begin(EvidenceName, Arc<Ruleset>),
    /// A packet: the file that it goes into, and its bytes' place in the chunk.
    Packet(Option<EvidenceName>, Meta, Range<usize>),
    /// An alert, to be told with the file's last packet.
    Note(EvidenceName, Box<AlertNote>),
    /// The file is complete.
    End(EvidenceName),
}

/// Some items with their packets' bytes.
#[derive(Debug, Default)]
pub struct Chunk {
    /// In order.
    pub items: Vec<Item>,
    /// Bytes of packets.
    pub bytes: Vec<u8>,
    packets: u64,
}

impl Chunk {
    fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.packets = 0;
    }

    fn memory(&self) -> u64 {
        (self.bytes.capacity() + self.items.capacity() * size_of::<Item>()) as u64
    }
}

/// What became of packets. `packets` + all `lost` = what was handed over, once all is written.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "see the samples")]
pub struct Counts {
    pub queued_bytes: AtomicU64,
    pub packets: AtomicU64,
    pub bytes: AtomicU64,
    pub files: AtomicU64,
    pub lost_queue_full: AtomicU64,
    pub lost_disk_full: AtomicU64,
    pub lost_over_total: AtomicU64,
    pub lost_failed: AtomicU64,
    pub removed_size: AtomicU64,
    pub removed_age: AtomicU64,
    pub stored_bytes: AtomicU64,
    pub stored_files: AtomicU64,
}

/// Why packets are not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    QueueFull,
    DiskFull,
    OverTotal,
    Failed,
}

/// Counts up.
pub fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}

impl Counts {
    /// Packets that are not written.
    pub fn lose(&self, loss: Loss, packets: u64) {
        let count = match loss {
            Loss::QueueFull => &self.lost_queue_full,
            Loss::DiskFull => &self.lost_disk_full,
            Loss::OverTotal => &self.lost_over_total,
            Loss::Failed => &self.lost_failed,
        };
        add(count, packets);
    }

    /// For metrics; `store` is `flows` or `rolling`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating point; counts are exact to 2^53")]
    pub fn samples(&self, store: &'static str) -> Vec<Sample> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let lost = [
            ("queue_full", &self.lost_queue_full),
            ("disk_full", &self.lost_disk_full),
            ("over_total", &self.lost_over_total),
            ("failed", &self.lost_failed),
        ];
        let lost = lost.map(|(reason, count)| {
            let help = "Packets that were to be written and are not, by reason: the disk was too slow, had less free than min_free_bytes, total_bytes was used by files in the making, or writing failed.";
            Sample::counter("evidence_lost_packets_total", help, read(count)).label("reason", reason)
        });
        let removed = [("size", &self.removed_size), ("age", &self.removed_age)].map(|(reason, count)| {
            let help = "Files that were removed to keep total_bytes, total_files or max_age_s.";
            Sample::counter("evidence_removed_files_total", help, read(count)).label("reason", reason)
        });
        let rest = [
            Sample::counter("evidence_written_packets_total", "Packets in files of evidence.", read(&self.packets)),
            Sample::counter("evidence_written_bytes_total", "Bytes written to files of evidence.", read(&self.bytes)),
            Sample::counter(
                "evidence_written_files_total",
                "Files of evidence that were completed.",
                read(&self.files),
            ),
            Sample::gauge("evidence_stored_bytes", "Bytes of evidence on disk now.", read(&self.stored_bytes) as f64),
            Sample::gauge("evidence_stored_files", "Files of evidence on disk now.", read(&self.stored_files) as f64),
            Sample::gauge(
                "evidence_queued_bytes",
                "Memory of packets that wait for the disk.",
                read(&self.queued_bytes) as f64,
            ),
        ];
        lost.into_iter().chain(removed).chain(rest).map(|sample| sample.label("store", store)).collect()
    }
}

/// A worker's end.
#[derive(Debug)]
pub struct Outlet {
    sender: Sender<Option<Chunk>>,
    spare: Receiver<Chunk>,
    counts: Arc<Counts>,
    queue_bytes: u64,
    waits: bool,
    chunk: Chunk,
    /// Time of the chunk's first packet.
    since: Timestamp,
}

/// Another end, for another worker.
impl Clone for Outlet {
    fn clone(&self) -> Self {
        let Self { sender, spare, counts, .. } = self;
        Self {
            sender: sender.clone(),
            spare: spare.clone(),
            counts: Arc::clone(counts),
            chunk: Chunk::default(),
            ..*self
        }
    }
}

impl Outlet {
    /// A packet in up to two parts.
    #[inline]
    pub fn packet(&mut self, file: Option<EvidenceName>, meta: Meta, parts: [&[u8]; 2]) {
        if self.chunk.items.is_empty() {
            self.since = meta.ts;
        }
        let start = self.chunk.bytes.len();
        self.chunk.bytes.extend_from_slice(parts[0]);
        self.chunk.bytes.extend_from_slice(parts[1]);
        self.chunk.packets += 1;
        let range = start..self.chunk.bytes.len();
        self.item(Item::Packet(file, meta, range));
    }

    /// Anything else.
    pub fn item(&mut self, item: Item) {
        self.chunk.items.push(item);
        if self.chunk.bytes.len() >= CHUNK_BYTES || self.chunk.items.len() >= CHUNK_ITEMS {
            self.hand_over();
        }
    }

    /// To be called once a batch: what is old is handed over.
    pub fn batch_end(&mut self, now: Timestamp) {
        if !self.chunk.items.is_empty() && now.since(self.since) >= CHUNK_AGE {
            self.hand_over();
        }
    }

    /// Hands over what there is.
    pub fn hand_over(&mut self) {
        if self.chunk.items.is_empty() {
            return;
        }
        let memory = self.chunk.memory();
        let has_room =
            |counts: &Counts| counts.queued_bytes.load(Ordering::Relaxed).saturating_add(memory) <= self.queue_bytes;
        while self.waits && self.counts.queued_bytes.load(Ordering::Relaxed) > 0 && !has_room(&self.counts) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if !self.waits && (!has_room(&self.counts) || self.sender.is_full()) {
            self.counts.lose(Loss::QueueFull, self.chunk.packets);
            // That a file ends must not get lost, or it would stay open.
            self.chunk.items.retain(|item| matches!(item, Item::End(_)));
            self.chunk.bytes.clear();
            self.chunk.packets = 0;
            self.chunk.items.truncate(CHUNK_ITEMS / 2);
            return;
        }
        let next = self.spare.try_recv().unwrap_or_default();
        let chunk = std::mem::replace(&mut self.chunk, next);
        let packets = chunk.packets;
        add(&self.counts.queued_bytes, memory);
        // Fails only if the thread is gone; another worker may have taken the last room.
        let sent =
            if self.waits { self.sender.send(Some(chunk)).is_ok() } else { self.sender.try_send(Some(chunk)).is_ok() };
        if !sent {
            self.counts.queued_bytes.fetch_sub(memory, Ordering::Relaxed);
            self.counts.lose(Loss::QueueFull, packets);
        }
    }
}

/// What the thread does with chunks.
pub trait Sink: Send {
    /// Writes a chunk.
    fn take(&mut self, chunk: &Chunk);
    /// Looks after old files.
    fn tick(&mut self, now: SystemTime);
    /// Completes what is in the making.
    fn end(&mut self);
}

/// The thread that writes.
#[derive(Debug)]
pub struct WriterThread {
    sender: Sender<Option<Chunk>>,
    spare: Receiver<Chunk>,
    counts: Arc<Counts>,
    queue_bytes: u64,
    waits: bool,
    handle: JoinHandle<()>,
}

impl WriterThread {
    /// Starts it. `waits`: workers wait where the queue is full.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(
        name: &str,
        mut sink: Box<dyn Sink>,
        counts: Arc<Counts>,
        queue_bytes: u64,
        waits: bool,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded::<Option<Chunk>>(QUEUE);
        let (give_back, spare) = bounded(SPARE);
        let own = Arc::clone(&counts);
        let run = move || {
            let mut ticked = Instant::now();
            loop {
                match receiver.recv_timeout(TICK) {
                    Ok(Some(mut chunk)) => {
                        sink.take(&chunk);
                        own.queued_bytes.fetch_sub(chunk.memory(), Ordering::Relaxed);
                        chunk.clear();
                        // Where enough are spare, it goes.
                        let _ = give_back.try_send(chunk);
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
                }
                if ticked.elapsed() >= TICK {
                    sink.tick(SystemTime::now());
                    ticked = Instant::now();
                }
            }
            sink.end();
        };
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { sender, spare, counts, queue_bytes, waits, handle })
    }

    /// An end for a worker.
    #[must_use]
    pub fn outlet(&self) -> Outlet {
        Outlet {
            sender: self.sender.clone(),
            spare: self.spare.clone(),
            counts: Arc::clone(&self.counts),
            queue_bytes: self.queue_bytes,
            waits: self.waits,
            chunk: Chunk::default(),
            since: Timestamp::default(),
        }
    }

    /// What became of packets.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Writes what still waits, and ends. A disk that takes nothing for ten seconds is given up.
    pub fn finish(self) {
        let Self { sender, spare, counts, handle, .. } = self;
        let (mut seen, mut since) = (u64::MAX, Instant::now());
        let mut told = false;
        while !handle.is_finished() && since.elapsed() < PATIENCE {
            told = told || sender.try_send(None).is_ok();
            // Spare chunks are of no use any more.
            while !matches!(spare.try_recv(), Err(TryRecvError::Empty | TryRecvError::Disconnected)) {}
            let now = counts.bytes.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if !handle.is_finished() {
            tracing::error!("the disk for evidence hangs; what is left is lost");
        } else if handle.join().is_err() {
            tracing::error!("the thread that writes evidence failed; this is a defect");
        }
    }
}
