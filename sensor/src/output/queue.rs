//! The way of an event from a worker to the output thread: two bounded queues a worker, alerts in one of their own.
//!
//! A lane has one worker at one end and the output thread at the other, so that workers share nothing. Every event
//! that is sent is counted; one that finds no room is counted again, as lost. So sent = written + lost + queued.

use super::Shared;
use super::alerts::{AlertCatalog, AlertCounts};
use super::config::{EventType, WhenFull};
use crate::event::{AlertEvent, Event};
use crossbeam::queue::ArrayQueue;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a worker that may wait sleeps between two tries.
const WAIT_STEP: Duration = Duration::from_micros(100);

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

/// One worker's queues and counts.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Lane {
    pub(super) alerts: ArrayQueue<AlertEvent>,
    pub(super) others: ArrayQueue<Event>,
    pub(super) sent: TypeCounts,
    pub(super) lost: TypeCounts,
    pub(super) alert_counts: AlertCounts,
}

impl Lane {
    pub(super) fn new(alert_queue: usize, event_queue: usize, catalog: &AlertCatalog) -> Self {
        Self {
            alerts: ArrayQueue::new(alert_queue.max(1)),
            others: ArrayQueue::new(event_queue.max(1)),
            sent: TypeCounts::default(),
            lost: TypeCounts::default(),
            alert_counts: AlertCounts::new(catalog),
        }
    }

    /// Events in the queues now.
    pub(super) fn queued(&self) -> usize {
        self.alerts.len() + self.others.len()
    }
}

/// Which events the outputs take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted([bool; EventType::COUNT]);

impl Wanted {
    pub(super) fn of(types: &[EventType]) -> Self {
        let mut wanted = Self([false; EventType::COUNT]);
        for kind in types {
            wanted.0[kind.index()] = true;
        }
        wanted
    }

    pub(super) const fn wants(self, kind: EventType) -> bool {
        self.0[kind as usize]
    }
}

/// A worker's end of the way to the outputs. It may move to another thread, but two threads cannot share it.
pub struct EventSender {
    pub(super) lane: Arc<Lane>,
    pub(super) shared: Arc<Shared>,
    pub(super) catalog: Arc<AlertCatalog>,
    pub(super) wanted: Wanted,
    pub(super) when_full: WhenFull,
    /// The counters have one writer, so that it must not be `Sync`.
    pub(super) one_thread: PhantomData<std::cell::Cell<()>>,
}

impl EventSender {
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

    /// Hands an event over. It allocates nothing, makes no system call and does not block, unless the configuration
    /// lets it wait for room. An event that finds none is counted as lost.
    pub fn send(&self, event: Event) {
        let kind = type_of(&event);
        if let Event::Alert(alert) = &event {
            let signature = alert.ruleset.signatures.get(alert.signature as usize);
            let (sid, severity) = signature.map_or((0, 0), |signature| (signature.sid, signature.priority));
            self.lane.alert_counts.count(&self.catalog, sid, severity);
        }
        if !self.wanted.wants(kind) {
            return;
        }
        self.lane.sent.add(kind, 1);
        let taken = match event {
            Event::Alert(alert) => self.push(&self.lane.alerts, alert),
            event => self.push(&self.lane.others, event),
        };
        if !taken {
            self.lane.lost.add(kind, 1);
        }
    }

    fn push<T>(&self, queue: &ArrayQueue<T>, item: T) -> bool {
        if self.shared.given_up.load(Ordering::Relaxed) {
            return false;
        }
        let Err(mut item) = queue.push(item) else { return true };
        if self.when_full == WhenFull::Drop {
            return false;
        }
        while !self.shared.given_up.load(Ordering::Relaxed) {
            std::thread::sleep(WAIT_STEP);
            match queue.push(item) {
                Ok(()) => return true,
                Err(back) => item = back,
            }
        }
        false
    }
}
