//! The way of packets from workers to the thread that writes them: in chunks, over a bounded queue.
//!
//! A worker copies packets into its chunk and hands it over when it is full or a second old. Chunks come back to be filled again. It never
//! waits (unless it reads capture files, which can): where the queue has no room the chunk's packets are lost, and counted.

use super::counts::{Counts, Loss, add};
use super::name::EvidenceName;
use crate::decode::LinkType;
use crate::event::AlertAction;
use crate::time::Timestamp;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};
use sekisho_signatures::ruleset::Ruleset;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
            return self.drop_packets();
        }
        let next = self.spare.try_recv().unwrap_or_default();
        let chunk = std::mem::replace(&mut self.chunk, next);
        add(&self.counts.queued_bytes, memory);
        let refused = if self.waits {
            self.sender.send(Some(chunk)).err().and_then(|error| error.0)
        } else {
            self.sender.try_send(Some(chunk)).err().and_then(TrySendError::into_inner)
        };
        // The thread is gone, or another worker took the last room.
        if let Some(chunk) = refused {
            self.counts.queued_bytes.fetch_sub(memory, Ordering::Relaxed);
            self.chunk = chunk;
            self.drop_packets();
        }
    }

    /// The chunk at hand finds no room.
    fn drop_packets(&mut self) {
        self.counts.lose(Loss::QueueFull, self.chunk.packets);
        // That a file ends must not get lost, or it would stay open.
        self.chunk.items.retain(|item| matches!(item, Item::End(_)));
        self.chunk.items.truncate(CHUNK_ITEMS / 2);
        self.chunk.bytes.clear();
        self.chunk.packets = 0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam::channel::unbounded;
    use std::sync::atomic::AtomicU64;

    /// A disk that takes nothing as long as the other end of its gate is there.
    struct Stalled {
        gate: Receiver<()>,
        packets: Arc<AtomicU64>,
        ends: Arc<AtomicU64>,
    }

    impl Sink for Stalled {
        fn take(&mut self, chunk: &Chunk) {
            // An error: it is open.
            let _ = self.gate.recv();
            for item in &chunk.items {
                match item {
                    Item::Packet(..) => add(&self.packets, 1),
                    Item::End(_) => add(&self.ends, 1),
                    Item::Begin(..) | Item::Note(..) => {}
                }
            }
        }
        fn tick(&mut self, _: SystemTime) {}
        fn end(&mut self) {}
    }

    fn meta() -> Meta {
        Meta { ts: Timestamp(1), link: LinkType::ETHERNET, interface: 0, wire_len: 0 }
    }

    /// If handing over waited for the disk this test would never end: the disk takes nothing before the worker is done.
    #[test]
    fn a_disk_that_stalls_delays_no_worker_and_what_finds_no_room_is_counted() {
        let (open, gate) = unbounded();
        let (packets, ends) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let sink = Stalled { gate, packets: Arc::clone(&packets), ends: Arc::clone(&ends) };
        let thread = WriterThread::start("test", Box::new(sink), Arc::default(), 2 << 20, false).unwrap();
        let counts = thread.counts();
        let mut workers = [thread.outlet(), thread.outlet()];
        let data = vec![7; 60_000];
        let name = EvidenceName { flow_id: 1, worker: 0, start: Timestamp(1) };
        for _ in 0..500 {
            for outlet in &mut workers {
                outlet.packet(None, meta(), [&data, &[]]);
            }
        }
        workers[0].item(Item::End(name));
        workers.iter_mut().for_each(Outlet::hand_over);
        let lost = counts.lost_queue_full.load(Ordering::Relaxed);
        let queued = counts.queued_bytes.load(Ordering::Relaxed);
        assert!((900..1000).contains(&lost), "{lost}");
        assert!(queued > 1 << 20 && queued <= 2 << 20, "{queued}");

        // The end of a file that found no room comes with the next chunk.
        drop(open);
        let begun = Instant::now();
        while counts.queued_bytes.load(Ordering::Relaxed) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(1));
        }
        workers.iter_mut().for_each(Outlet::hand_over);
        thread.finish();
        assert_eq!(counts.lost_queue_full.load(Ordering::Relaxed), lost);
        assert_eq!((packets.load(Ordering::Relaxed), ends.load(Ordering::Relaxed)), (1000 - lost, 1));
    }

    #[test]
    fn who_can_wait_loses_nothing() {
        let (open, gate) = unbounded();
        let packets = Arc::<AtomicU64>::default();
        let sink = Stalled { gate, packets: Arc::clone(&packets), ends: Arc::default() };
        let thread = WriterThread::start("test", Box::new(sink), Arc::default(), 1 << 20, true).unwrap();
        let mut outlet = thread.outlet();
        let worker = std::thread::spawn(move || {
            let data = vec![7; 60_000];
            (0..200).for_each(|_| outlet.packet(None, meta(), [&data, &[]]));
            outlet.hand_over();
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(!worker.is_finished());
        drop(open);
        worker.join().unwrap();
        let counts = thread.counts();
        thread.finish();
        assert_eq!((packets.load(Ordering::Relaxed), counts.lost_queue_full.load(Ordering::Relaxed)), (200, 0));
    }

    #[test]
    fn a_thread_that_is_gone_is_a_loss_that_is_counted() {
        let (_, gate) = unbounded();
        let sink = Stalled { gate, packets: Arc::default(), ends: Arc::default() };
        let thread = WriterThread::start("test", Box::new(sink), Arc::default(), 1 << 20, false).unwrap();
        let (counts, mut outlet) = (thread.counts(), thread.outlet());
        thread.finish();
        outlet.packet(None, meta(), [b"late", &[]]);
        // Handed over once it is a second old.
        outlet.batch_end(Timestamp(999_999_999));
        assert_eq!(counts.lost_queue_full.load(Ordering::Relaxed), 0);
        outlet.batch_end(Timestamp(1_000_000_001));
        assert_eq!(counts.lost_queue_full.load(Ordering::Relaxed), 1);
        assert_eq!(counts.queued_bytes.load(Ordering::Relaxed), 0);
    }
}
