//! One event to several outputs: each line is made once by its worker, copied once out of the worker's batch, and then shared.
//!
//! The distributor empties the workers' queues, whatever the outputs do, and hands each output what it wants into a bounded
//! queue of that output's own, alerts apart from the rest. It never waits for an output: what finds no room is counted there
//! as lost, by type. So neither a packet nor another output is held up by one that stalls.
//!
//! With the event log alone none of this exists: its thread takes the workers' batches itself, as they are.

use super::Shared;
use super::config::{EveConfig, EventType};
use super::eve::EveEncoder;
use super::health::{Loss, OutputCounts};
use super::queue::{Batch, LaneEnd, Taker, Wanted};
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pause when there was nothing to do.
const PAUSE: Duration = Duration::from_millis(5);
/// Events other than alerts that are taken from a lane before alerts are looked for again.
const OTHERS_PER_TURN: usize = 256;
/// Bytes that an output may keep for each event that it has room for: twice what a line takes in the mean.
const BYTES_PER_EVENT: usize = 1024;
/// What a parcel costs beside its lines.
const PARCEL_BYTES: usize = 128;

/// Finished lines that several outputs share.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    bytes: Box<[u8]>,
    /// Where each line ends, its line feed included, and its type.
    ends: Box<[(usize, EventType)]>,
}

impl Parcel {
    fn of(bytes: &[u8], ends: &[(usize, EventType)]) -> Self {
        Self { bytes: bytes.into(), ends: ends.into() }
    }

    /// All lines, each with its line feed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn ends(&self) -> &[(usize, EventType)] {
        &self.ends
    }

    /// The line's bytes with its line feed, and its type.
    pub(super) fn line(&self, at: usize) -> Option<(&[u8], EventType)> {
        let &(end, kind) = self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&(end, _)| end);
        Some((self.bytes.get(start..end)?, kind))
    }

    fn lines(&self) -> impl Iterator<Item = (&[u8], EventType)> {
        (0..self.ends.len()).filter_map(|at| self.line(at))
    }

    /// The lines that `keep` wants.
    fn only(&self, mut keep: impl FnMut(usize, EventType) -> bool) -> Self {
        let mut batch = Batch::default();
        for (line, kind) in self.lines() {
            if keep(batch.bytes.len() + line.len(), kind) {
                batch.bytes.extend_from_slice(line);
                batch.ends.push((batch.bytes.len(), kind));
            }
        }
        Self::of(&batch.bytes, &batch.ends)
    }

    const fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<(usize, EventType)>() + PARCEL_BYTES
    }
}

/// What waits in one of an output's two queues.
#[derive(Debug)]
struct Waiting {
    parcels: VecDeque<Arc<Parcel>>,
    events: usize,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
}

impl Waiting {
    fn new(events_max: usize) -> Self {
        let bytes_max = events_max.saturating_mul(BYTES_PER_EVENT).max(BYTES_PER_EVENT * 64);
        Self { parcels: VecDeque::new(), events: 0, bytes: 0, events_max: events_max.max(1), bytes_max }
    }

    /// Adds what there is room for: the first lines. The others are counted.
    fn add(&mut self, parcel: Arc<Parcel>, lost: &super::queue::TypeCounts) {
        let room = self.events_max.saturating_sub(self.events);
        let bytes_room = self.bytes_max.saturating_sub(self.bytes);
        let fits = parcel.ends.len() <= room && parcel.size() <= bytes_room;
        let parcel = if fits { parcel } else { Arc::new(Self::cut(&parcel, room, bytes_room, lost)) };
        if parcel.ends.is_empty() {
            return;
        }
        self.events += parcel.ends.len();
        self.bytes += parcel.size();
        self.parcels.push_back(parcel);
    }

    fn cut(parcel: &Parcel, room: usize, bytes_room: usize, lost: &super::queue::TypeCounts) -> Parcel {
        let (mut taken, mut open) = (0usize, true);
        let per_line = size_of::<(usize, EventType)>();
        parcel.only(|bytes, kind| {
            open &= taken < room && bytes + (taken + 1) * per_line + PARCEL_BYTES <= bytes_room;
            if open {
                taken += 1;
            } else {
                lost.add(kind, 1);
            }
            open
        })
    }

    fn take(&mut self) -> Option<Arc<Parcel>> {
        let parcel = self.parcels.pop_front()?;
        self.events = self.events.saturating_sub(parcel.ends.len());
        self.bytes = self.bytes.saturating_sub(parcel.size());
        Some(parcel)
    }
}

#[derive(Debug)]
struct State {
    alerts: Waiting,
    others: Waiting,
    closed: bool,
}

impl State {
    /// Alerts first.
    fn take(&mut self) -> Option<Arc<Parcel>> {
        self.alerts.take().or_else(|| self.others.take())
    }

    fn is_empty(&self) -> bool {
        self.alerts.parcels.is_empty() && self.others.parcels.is_empty()
    }
}

/// The way from the distributor to one output.
#[derive(Debug)]
pub(super) struct OutputQueue {
    state: Mutex<State>,
    bell: Condvar,
    wanted: Wanted,
    /// Its file is to be opened anew, or its peer tried at once.
    pub(super) reopen: AtomicBool,
    pub(super) counts: Arc<OutputCounts>,
}

impl OutputQueue {
    /// With room for so many alerts and other events, and a KiB for each.
    pub(super) fn new(counts: Arc<OutputCounts>, alerts: usize, others: usize) -> Self {
        let state = State { alerts: Waiting::new(alerts), others: Waiting::new(others), closed: false };
        counts.capacity.store(alerts.saturating_add(others), Ordering::Relaxed);
        Self {
            state: Mutex::new(state),
            bell: Condvar::new(),
            wanted: counts.wanted,
            reopen: AtomicBool::new(false),
            counts,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what the output wants of it. Never waits for the output. `kinds`: the parcel's types.
    fn push(&self, parcel: &Arc<Parcel>, kinds: Wanted) {
        if !kinds.meets(self.wanted) {
            return;
        }
        let parcel = if kinds.is_within(self.wanted) {
            Arc::clone(parcel)
        } else {
            // A copy, lest a few lines hold the memory of many.
            Arc::new(parcel.only(|_, kind| self.wanted.wants(kind)))
        };
        let mut state = self.state();
        let alerts = kinds.is_within(Wanted::of(&[EventType::Alert]));
        let waiting = if alerts { &mut state.alerts } else { &mut state.others };
        waiting.add(parcel, self.counts.lost(Loss::QueueFull));
        drop(state);
        self.bell.notify_one();
    }

    /// The oldest alerts, or else the oldest of the others.
    pub(super) fn take(&self) -> Option<Arc<Parcel>> {
        self.state().take()
    }

    /// Waits until there is something, it is closed, or it is to be reopened; at most so long.
    pub(super) fn wait(&self, most: Duration) {
        let nothing = |state: &mut State| state.is_empty() && !state.closed && !self.reopen.load(Ordering::Acquire);
        drop(self.bell.wait_timeout_while(self.state(), most, nothing));
    }

    /// Waits until it is closed or is to be reopened; at most so long.
    pub(super) fn rest(&self, most: Duration) {
        let goes_on = |state: &mut State| !state.closed && !self.reopen.load(Ordering::Acquire);
        drop(self.bell.wait_timeout_while(self.state(), most, goes_on));
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.bell.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Has its file opened anew, or its peer tried at once.
    fn ask_reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        drop(self.state());
        self.bell.notify_one();
    }

    /// Throws away what waits, and counts it.
    pub(super) fn abandon(&self) {
        while let Some(parcel) = self.take() {
            for (_, kind) in &parcel.ends {
                self.counts.lost(Loss::Shutdown).add(*kind, 1);
            }
        }
    }
}

/// See the module.
pub(super) struct Distributor {
    shared: Arc<Shared>,
    encoder: EveEncoder,
    lanes: Vec<LaneEnd>,
    fan: Fan,
    stats_interval: Option<Duration>,
    next_stats: Instant,
    wants_stats: bool,
    line: Vec<u8>,
}

/// The outputs' queues, as what takes the workers' batches.
struct Fan(Vec<Arc<OutputQueue>>);

impl Taker for Fan {
    /// What an output has no room for is its loss.
    fn is_full(&self) -> bool {
        false
    }

    fn take(&mut self, batch: &mut Batch) {
        let kinds = Wanted::of_lines(&batch.ends);
        let parcel = Arc::new(Parcel::of(&batch.bytes, &batch.ends));
        for queue in &self.0 {
            queue.push(&parcel, kinds);
        }
        batch.bytes.clear();
        batch.ends.clear();
    }
}

impl Distributor {
    pub(super) fn new(
        shared: Arc<Shared>,
        encoder: EveEncoder,
        queues: Vec<Arc<OutputQueue>>,
        config: &EveConfig,
    ) -> Self {
        let interval = (config.stats_interval_s > 0).then(|| Duration::from_secs(config.stats_interval_s));
        Self {
            shared,
            encoder,
            lanes: Vec::new(),
            wants_stats: queues.iter().any(|queue| queue.wanted.wants(EventType::Stats)),
            fan: Fan(queues),
            stats_interval: interval,
            next_stats: Instant::now() + interval.unwrap_or_default(),
            line: Vec::new(),
        }
    }

    /// Runs until it is told to close and the workers' queues are empty.
    pub(super) fn run(mut self) {
        loop {
            // Read before the queues are: what was sent before closing is then seen in this round.
            let closing = self.shared.closing.load(Ordering::Acquire);
            if self.shared.reopen.swap(false, Ordering::AcqRel) {
                self.fan.0.iter().for_each(|queue| queue.ask_reopen());
            }
            if self.shared.lane_count.load(Ordering::Acquire) != self.lanes.len() {
                self.lanes.append(&mut self.shared.arrivals());
            }
            let taken = self.take_events();
            self.stats_if_due();
            if closing && taken == 0 {
                self.send_stats();
                break;
            }
            if taken == 0 {
                std::thread::park_timeout(PAUSE);
            }
        }
    }

    fn take_events(&mut self) -> usize {
        let Self { lanes, fan, .. } = self;
        let alerts: usize = lanes.iter().map(|lane| lane.take_alerts(fan)).sum();
        let others: usize = lanes.iter().map(|lane| lane.take_others(fan, OTHERS_PER_TURN)).sum();
        alerts + others
    }

    fn stats_if_due(&mut self) {
        let Some(interval) = self.stats_interval else { return };
        let now = Instant::now();
        if now >= self.next_stats {
            self.next_stats = (self.next_stats + interval).max(now);
            self.send_stats();
        }
    }

    fn send_stats(&mut self) {
        let Some(source) = self.shared.stats_source.get().filter(|_| self.wants_stats) else { return };
        self.shared.own_sent.add(EventType::Stats, 1);
        let reading = source();
        self.line.clear();
        if let Err(error) = self.encoder.encode_stats(Timestamp::now(), &reading, &mut self.line) {
            self.shared.own_unmade.add(EventType::Stats, 1);
            self.shared.cannot_encode(&error);
            return;
        }
        let mut batch = Batch { bytes: std::mem::take(&mut self.line), ends: Vec::new() };
        batch.ends.push((batch.bytes.len(), EventType::Stats));
        self.fan.take(&mut batch);
        self.line = batch.bytes;
    }
}

impl Drop for Distributor {
    /// Also when the thread panics: nobody may wait for it, and the outputs' threads must end.
    fn drop(&mut self) {
        self.shared.given_up.store(true, Ordering::Release);
        if self.shared.lane_count.load(Ordering::Acquire) != self.lanes.len() {
            self.lanes.append(&mut self.shared.arrivals());
        }
        for lane in &self.lanes {
            lane.abandon(&self.shared.own_abandoned);
        }
        self.fan.0.iter().for_each(|queue| queue.close());
    }
}
