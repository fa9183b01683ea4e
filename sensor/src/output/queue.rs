//! The way of an event from a worker to the output thread: two bounded queues of batches of finished lines a worker, alerts in
//! one of their own.
//!
//! The worker writes the line itself, into the batch at hand: what an event is made of lies in its cache, is never copied
//! field by field, and is freed by the thread that allocated it. The output thread has only whole buffers to write, and
//! gives them back empty: there are as many as are under way, so that they stay in the cache while the disk keeps up.
//! An event for which there is no room is not made a line of, so that a flood on a stalled disk costs next to nothing.
//!
//! A lane has one worker at one end and the output thread at the other, so that workers share nothing. Every event
//! that is sent is counted; one that finds no room is counted again, as lost. So sent = written + lost + queued.

use super::Shared;
use super::alerts::{AlertCatalog, AlertCounts};
use super::config::{EventType, WhenFull};
use super::eve::EveEncoder;
use super::health::Loss;
use super::talkers::TalkerWatch;
use super::tap::AlertTap;
use crate::event::Event;
use crossbeam::queue::ArrayQueue;
use std::cell::{RefCell, RefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a worker that may wait sleeps between two tries.
const WAIT_STEP: Duration = Duration::from_micros(100);
/// A batch of this many bytes goes to the output thread.
const BATCH_BYTES: usize = 64 * 1024;
/// Room in bytes for each event that may wait: twice what a line takes in the mean.
const BYTES_PER_EVENT: usize = 1024;
/// Buffers that long lines made longer than this are not used again.
const KEPT_BYTES: usize = 4 * BATCH_BYTES;

/// A number for each type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerType([u64; EventType::COUNT]);

// The standard library has it for short arrays only.
impl Default for PerType {
    fn default() -> Self {
        Self([0; EventType::COUNT])
    }
}

impl std::ops::Deref for PerType {
    type Target = [u64; EventType::COUNT];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for PerType {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// Adds to a counter that only the calling thread writes.
pub(super) fn bump(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// Counters by type. Single writer, relaxed stores.
#[derive(Debug)]
pub(super) struct TypeCounts([AtomicU64; EventType::COUNT]);

impl Default for TypeCounts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; EventType::COUNT])
    }
}

impl TypeCounts {
    pub(super) fn add(&self, kind: EventType, n: u64) {
        bump(&self.0[kind.index()], n);
    }

    pub(super) fn add_to(&self, sum: &mut PerType) {
        for (sum, counter) in sum.iter_mut().zip(&self.0) {
            *sum += counter.load(Ordering::Acquire);
        }
    }
}

/// The type of an event from a worker.
#[must_use]
pub fn type_of(event: &Event) -> EventType {
    match event {
        Event::Alert(_) => EventType::Alert,
        Event::Flow(_) => EventType::Flow,
        Event::Anomaly(_) => EventType::Anomaly,
        Event::Packet(_) => EventType::Packet,
        Event::Drop(_) => EventType::Drop,
        // Every record has a type (a test in `protocols` holds them against the list).
        Event::App(event) => EventType::of_record(event.record.kind()).unwrap_or(EventType::Anomaly),
    }
}

/// Finished lines.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Where each line ends, and its type.
    pub(super) ends: Vec<(usize, EventType)>,
}

impl Batch {
    /// Takes away what a defect left of a line that was not finished.
    fn cut(&mut self) {
        self.bytes.truncate(self.ends.last().map_or(0, |(end, _)| *end));
    }
}

/// What takes batches out of the queues: the event log's buffer, or what hands them to several outputs.
pub(super) trait Taker {
    /// It would take no more for now.
    fn is_full(&self) -> bool;
    /// Takes the lines, and leaves the batch empty.
    fn take(&mut self, batch: &mut Batch);
}

/// What both ends of a queue share.
#[derive(Debug)]
struct Queue {
    ready: ArrayQueue<Batch>,
    /// Empty buffers, to be used again.
    free: ArrayQueue<Batch>,
    /// Events that the output thread took out. It is the only writer.
    taken: AtomicU64,
}

/// A queue for so many events: the end that a worker has, and the output thread's.
fn queue(events: usize) -> (LinesIn, LinesOut) {
    let batches = (events.saturating_mul(BYTES_PER_EVENT) / BATCH_BYTES).max(2);
    let queue =
        Arc::new(Queue { ready: ArrayQueue::new(batches), free: ArrayQueue::new(batches), taken: AtomicU64::new(0) });
    let batch = Batch::default();
    (LinesIn { batch, put: 0, room: events.max(1) as u64, queue: Arc::clone(&queue) }, LinesOut(queue))
}

/// The end of a queue that lines go into.
#[derive(Debug)]
struct LinesIn {
    /// The batch at hand.
    batch: Batch,
    /// Events that were ever put in.
    put: u64,
    /// Events that may wait.
    room: u64,
    queue: Arc<Queue>,
}

impl LinesIn {
    /// Whether there is room for another event.
    fn has_room(&mut self) -> bool {
        let waiting = self.put.wrapping_sub(self.queue.taken.load(Ordering::Acquire));
        let open = waiting < self.room;
        if open && self.batch.bytes.len() < BATCH_BYTES {
            return true;
        }
        // What fills the room may be in the batch at hand, which the output thread has not seen.
        self.hand_over() && open
    }

    /// The batch at hand has got one more line.
    fn line(&mut self, kind: EventType) {
        self.batch.ends.push((self.batch.bytes.len(), kind));
        self.put = self.put.wrapping_add(1);
        if self.batch.bytes.len() >= BATCH_BYTES {
            self.hand_over();
        }
    }

    /// Hands the batch at hand to the output thread, however small. Whether the next one is empty.
    fn hand_over(&mut self) -> bool {
        if self.batch.ends.is_empty() {
            return true;
        }
        match self.queue.ready.push(std::mem::take(&mut self.batch)) {
            Ok(()) => {
                self.batch = self.queue.free.pop().unwrap_or_default();
                true
            }
            Err(back) => {
                self.batch = back;
                false
            }
        }
    }

    /// The same, but while the output thread is behind only what is worth its while: small batches would fill the queue.
    fn flush(&mut self) {
        if self.queue.ready.is_empty() {
            self.hand_over();
        }
    }
}

/// The end of a queue that lines come out of.
#[derive(Debug)]
struct LinesOut(Arc<Queue>);

impl LinesOut {
    /// Moves batches to `sink` until `most` events are moved, it is full, or there are no more. Returns how many events.
    fn move_to(&self, sink: &mut impl Taker, most: usize) -> usize {
        let mut moved = 0;
        while moved < most && !sink.is_full() {
            let Some(mut batch) = self.0.ready.pop() else { break };
            let events = batch.ends.len();
            sink.take(&mut batch);
            if batch.bytes.capacity() <= KEPT_BYTES {
                // With no room for it there are enough.
                let _ = self.0.free.push(batch);
            }
            bump(&self.0.taken, events as u64);
            moved += events;
        }
        moved
    }
}

/// What the output thread has of a worker.
#[derive(Debug)]
pub(super) struct LaneEnd {
    alerts: LinesOut,
    others: LinesOut,
}

impl LaneEnd {
    /// Moves alerts to `sink` until it is full. Returns how many.
    pub(super) fn take_alerts(&self, sink: &mut impl Taker) -> usize {
        self.alerts.move_to(sink, usize::MAX)
    }

    /// Moves other events to `sink`, `most` at most, until it is full. Returns how many.
    pub(super) fn take_others(&self, sink: &mut impl Taker, most: usize) -> usize {
        self.others.move_to(sink, most)
    }

    /// Throws away what is queued, and counts it as lost.
    pub(super) fn abandon(&self, lost: &TypeCounts) {
        for LinesOut(queue) in [&self.alerts, &self.others] {
            while let Some(batch) = queue.ready.pop() {
                for (_, kind) in &batch.ends {
                    lost.add(*kind, 1);
                }
                bump(&queue.taken, batch.ends.len() as u64);
            }
        }
    }
}

/// One worker's counts.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Lane {
    pub(super) sent: TypeCounts,
    /// There was no room.
    pub(super) lost: TypeCounts,
    /// They could not be made lines of.
    pub(super) unmade: TypeCounts,
    pub(super) alert_counts: AlertCounts,
}

impl Lane {
    fn new(catalog: &AlertCatalog) -> Self {
        Self {
            sent: TypeCounts::default(),
            lost: TypeCounts::default(),
            unmade: TypeCounts::default(),
            alert_counts: AlertCounts::new(catalog),
        }
    }
}

/// A set of types: which events an output takes, or the outputs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted(u64);

const _: () = assert!(EventType::COUNT <= u64::BITS as usize, "a bit for each type");

impl Wanted {
    pub(super) fn of(types: &[EventType]) -> Self {
        Self(types.iter().fold(0, |set, kind| set | 1 << *kind as u32))
    }

    /// The types of these lines.
    pub(super) fn of_lines(ends: &[(usize, EventType)]) -> Self {
        Self(ends.iter().fold(0, |set, (_, kind)| set | 1 << *kind as u32))
    }

    pub(super) const fn wants(self, kind: EventType) -> bool {
        self.0 >> kind as u32 & 1 == 1
    }

    /// Whether they have a type in common.
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether `other` has all of these.
    pub(super) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A worker's end of the way to the outputs. It may move to another thread, but two threads cannot share it.
pub struct EventSender {
    lane: Arc<Lane>,
    shared: Arc<Shared>,
    catalog: Arc<AlertCatalog>,
    wanted: Wanted,
    when_full: WhenFull,
    /// The counters and the queues have one writer: the cell keeps it from being `Sync`.
    desk: RefCell<Desk>,
    /// For the page, if there is one.
    alerts: Option<Arc<AlertTap>>,
    talkers: Option<Box<RefCell<TalkerWatch>>>,
}

/// What lines are made with, and where they go.
struct Desk {
    encoder: EveEncoder,
    alerts: LinesIn,
    others: LinesIn,
}

impl EventSender {
    /// A sender whose queues have room for so many alerts and other events, and what the output thread gets of it.
    pub(super) fn new(
        shared: Arc<Shared>,
        catalog: Arc<AlertCatalog>,
        wanted: Wanted,
        encoder: EveEncoder,
        (alert_queue, event_queue, when_full): (usize, usize, WhenFull),
    ) -> (Self, Arc<Lane>, LaneEnd) {
        let (alerts_in, alerts) = queue(alert_queue);
        let (others_in, others) = queue(event_queue);
        let lane = Arc::new(Lane::new(&catalog));
        let desk = RefCell::new(Desk { encoder, alerts: alerts_in, others: others_in });
        let sender =
            Self { lane: Arc::clone(&lane), shared, catalog, wanted, when_full, desk, alerts: None, talkers: None };
        (sender, lane, LaneEnd { alerts, others })
    }

    /// Alerts and flows are shown on the page from now on.
    pub(super) fn tap(&mut self, alerts: Arc<AlertTap>, talkers: TalkerWatch) {
        self.alerts = Some(alerts);
        self.talkers = Some(Box::new(RefCell::new(talkers)));
    }

    /// What an alert keeps of its packet's payload: as much as the page shows, nothing without one.
    #[must_use]
    pub fn payload_kept(&self, payload: &[u8]) -> Option<Box<[u8]>> {
        self.alerts.as_ref().and_then(|alerts| alerts.payload(payload))
    }

    /// Who counts what hosts talk, if somebody does.
    #[must_use]
    pub fn talkers(&self) -> Option<RefMut<'_, TalkerWatch>> {
        self.talkers.as_ref().map(|talkers| talkers.borrow_mut())
    }

    /// Counts alerts by another catalog of these outputs from now on; this one comes back in its place.
    pub fn switch(&mut self, catalog: &mut Arc<AlertCatalog>) {
        std::mem::swap(&mut self.catalog, catalog);
    }

    /// Whether an output takes events of this type: when not, there is no need to make one. Alerts are best sent
    /// all the same, since they are counted by signature here.
    #[must_use]
    pub const fn wants(&self, kind: EventType) -> bool {
        self.wanted.wants(kind)
    }

    /// Makes a line of the event and adds it to the batch at hand, which goes to the output thread when it is full, or with
    /// the next [`flush`](Self::flush). It makes no system call and does not block, unless the configuration lets it wait
    /// for room. An event that finds none is counted as lost.
    pub fn send(&self, event: &Event) {
        let kind = type_of(event);
        if let Event::Alert(alert) = event {
            let signature = alert.ruleset.signatures.get(alert.signature as usize);
            self.lane.alert_counts.count(&self.catalog, signature.map(|signature| &**signature), alert.action);
            if let Some(tap) = &self.alerts {
                tap.take(alert, event, &mut self.desk.borrow_mut().encoder);
            }
        }
        if !self.wanted.wants(kind) {
            return;
        }
        self.lane.sent.add(kind, 1);
        match self.hand_over(event, kind) {
            Ok(()) => {}
            Err(Loss::NotEncoded) => self.lane.unmade.add(kind, 1),
            Err(_) => self.lane.lost.add(kind, 1),
        }
    }

    /// Puts the event into its queue.
    fn hand_over(&self, event: &Event, kind: EventType) -> Result<(), Loss> {
        let mut desk = self.desk.borrow_mut();
        let Desk { encoder, alerts, others } = &mut *desk;
        let lines = if kind == EventType::Alert { alerts } else { others };
        if self.given_up() || !self.find_room(lines, LinesIn::has_room) {
            return Err(Loss::WorkerQueue);
        }
        lines.batch.cut();
        if let Err(error) = encoder.encode_as(event, kind, &mut lines.batch.bytes) {
            self.shared.cannot_encode(&error);
            return Err(Loss::NotEncoded);
        }
        lines.line(kind);
        Ok(())
    }

    /// Whether there is room, after a while if it may be waited for.
    fn find_room(&self, lines: &mut LinesIn, has_room: fn(&mut LinesIn) -> bool) -> bool {
        while !has_room(lines) {
            if self.when_full == WhenFull::Drop || self.given_up() {
                return false;
            }
            std::thread::sleep(WAIT_STEP);
        }
        true
    }

    /// Has the output thread take what was sent so far. To be called once a batch of packets, and when idle.
    pub fn flush(&self) {
        let mut desk = self.desk.borrow_mut();
        desk.alerts.flush();
        desk.others.flush();
    }

    /// The same for all that was sent, small batches included: nothing more will come. What finds no room is counted as lost.
    pub fn hand_over_all(&self) {
        let mut desk = self.desk.borrow_mut();
        let Desk { alerts, others, .. } = &mut *desk;
        for lines in [alerts, others] {
            if self.given_up() || !self.find_room(lines, LinesIn::hand_over) {
                for (_, kind) in lines.batch.ends.drain(..) {
                    self.lane.lost.add(kind, 1);
                }
            }
        }
    }

    fn given_up(&self) -> bool {
        self.shared.given_up.load(Ordering::Relaxed)
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        self.hand_over_all();
    }
}
