//! What each output counts and says of itself: events written, and lost by type and reason; whether its peer is there, when
//! something last failed and why.
//!
//! One thread writes each counter, and anybody reads. Sent = written + lost + queued holds for each output and type at any moment,
//! read in this order: written, lost, sent.

use super::PerType;
use super::queue::{TypeCounts, Wanted};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// With events waiting and none taken for so long, an output counts as stalled.
const STALLED_AFTER: Duration = Duration::from_secs(3);

/// Times are kept as milliseconds since the first use.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Why an event is not in an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The worker's own queue was full: the output thread was behind.
    WorkerQueue,
    /// The event could not be made a line of.
    NotEncoded,
    /// The output's queue was full: its peer is slow, or away.
    QueueFull,
    /// Longer than the output, or the protocol under it, can carry.
    TooLong,
    /// It still waited when the sensor stopped.
    Shutdown,
}

impl Loss {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::WorkerQueue, Self::NotEncoded, Self::QueueFull, Self::TooLong, Self::Shutdown];

    /// The label of the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorkerQueue => "worker_queue_full",
            Self::NotEncoded => "not_encoded",
            Self::QueueFull => "queue_full",
            Self::TooLong => "too_long",
            Self::Shutdown => "shutdown",
        }
    }

    /// For `sekisho status`: what it means, and what helps.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::WorkerQueue => "found the workers' queues full (eve.alert_queue, eve.event_queue)",
            Self::NotEncoded => "could not be made a line of; see the log",
            Self::QueueFull => "found its queue full while the peer was slow or away (alert_queue, event_queue)",
            Self::TooLong => "were longer than it can carry (message_max_bytes)",
            Self::Shutdown => "still waited when the sensor stopped",
        }
    }
}

/// Events lost, by reason and type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses([PerType; Loss::ALL.len()]);

impl Losses {
    /// Lost for this reason, by type.
    #[must_use]
    pub const fn of(&self, loss: Loss) -> &PerType {
        &self.0[loss as usize]
    }

    pub(super) fn of_mut(&mut self, loss: Loss) -> &mut PerType {
        &mut self.0[loss as usize]
    }

    /// By type, for whatever reason.
    #[must_use]
    pub fn by_type(&self) -> PerType {
        let mut sum = PerType::default();
        for counts in &self.0 {
            for (sum, n) in sum.iter_mut().zip(counts.iter()) {
                *sum += n;
            }
        }
        sum
    }
}

/// Counts that others read. The output's own thread is the only writer, but for errors, and for what found its queue full.
#[derive(Debug)]
pub(super) struct OutputCounts {
    /// The label of the metrics.
    pub(super) name: String,
    /// What it is, for people: `file /var/log/sekisho/eve.json`.
    pub(super) what: String,
    pub(super) wanted: Wanted,
    pub(super) written: TypeCounts,
    lost: [TypeCounts; Loss::ALL.len()],
    pub(super) bytes: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) first_error: Mutex<Option<String>>,
    last_error: Mutex<Option<(SystemTime, String)>>,
    /// Room of its queues, in events.
    pub(super) capacity: AtomicUsize,
    connected: AtomicBool,
    connects: AtomicU64,
    progress_ms: AtomicU64,
    /// The file was renamed by the sensor itself, and a new one begun.
    pub(super) rotations: AtomicU64,
}

impl OutputCounts {
    pub(super) fn new(name: &str, what: String, wanted: Wanted) -> Self {
        Self {
            name: name.to_owned(),
            what,
            wanted,
            written: TypeCounts::default(),
            lost: Default::default(),
            bytes: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            first_error: Mutex::default(),
            last_error: Mutex::default(),
            capacity: AtomicUsize::new(0),
            connected: AtomicBool::new(false),
            connects: AtomicU64::new(0),
            progress_ms: AtomicU64::new(ms(Instant::now())),
            rotations: AtomicU64::new(0),
        }
    }

    pub(super) const fn lost(&self, loss: Loss) -> &TypeCounts {
        &self.lost[loss as usize]
    }

    /// Counts an error, and keeps its text: the first for the end, the last for whoever asks.
    pub(super) fn error(&self, text: impl FnOnce() -> String) {
        // Workers have errors to tell as well.
        self.errors.fetch_add(1, Ordering::Relaxed);
        let text = text();
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| text.clone());
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some((SystemTime::now(), text));
    }

    /// Its peer is there (or its file open), or is not.
    pub(super) fn set_connected(&self, connected: bool) {
        if connected && !self.connected.swap(true, Ordering::Relaxed) {
            self.connects.fetch_add(1, Ordering::Relaxed);
        } else if !connected {
            self.connected.store(false, Ordering::Relaxed);
        }
    }

    /// Something was taken, or there was nothing to take.
    pub(super) fn progressed(&self, now: Instant) {
        self.progress_ms.store(ms(now), Ordering::Relaxed);
    }

    pub(super) fn read_losses(&self) -> Losses {
        let mut losses = Losses::default();
        for loss in Loss::ALL {
            self.lost(loss).add_to(losses.of_mut(loss));
        }
        losses
    }

    /// What it says of itself, but for the events.
    pub(super) fn health(&self, queued: u64) -> Health {
        let last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unix_s = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let idle_ms = ms(Instant::now()).saturating_sub(self.progress_ms.load(Ordering::Relaxed));
        Health {
            capacity: self.capacity.load(Ordering::Relaxed) as u64,
            connected: self.connected.load(Ordering::Relaxed),
            reconnects: self.connects.load(Ordering::Relaxed).saturating_sub(1),
            last_error_s: last.as_ref().map_or(0, |(at, _)| unix_s(*at)),
            last_error: last.map(|(_, text)| text),
            stalled: queued > 0 && u128::from(idle_ms) > STALLED_AFTER.as_millis(),
            rotations: self.rotations.load(Ordering::Relaxed),
        }
    }
}

/// An output's state at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Events that its queues hold at most.
    pub capacity: u64,
    /// Its peer is there, or its file is open.
    pub connected: bool,
    /// How often the connection came about again.
    pub reconnects: u64,
    /// When something last failed, in seconds of Unix time; 0: never.
    pub last_error_s: u64,
    /// What that was.
    pub last_error: Option<String>,
    /// Events wait, and none was taken for three seconds.
    pub stalled: bool,
    /// How often the sensor rotated the file itself.
    pub rotations: u64,
}

fn ms(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(*START).as_millis()).unwrap_or(u64::MAX)
}
