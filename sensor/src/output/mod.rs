//! What leaves the sensor for people and other programs: events as EVE JSON, counters as Prometheus metrics.
//!
//! Workers hand events to an [`EventSender`], which makes lines of them, and never wait for a disk (unless they read
//! capture files, which can wait). One output thread writes the lines. Every event that was sent is written, or counted as lost under its type:
//! sent = written + lost, once [`Outputs::finish`] has returned.
//!
//! ```text
//! worker 0 ─alerts─▶┐
//!          ─others─▶│
//! worker 1 ─alerts─▶├─ output thread: alerts first ─▶ eve.json
//!          ─others─▶│
//! ```

pub mod alerts;
pub mod certificates;
pub mod config;
pub mod drops;
pub mod eve;
pub mod evidence;
pub mod files_config;
pub mod filestore;
pub mod loss;
pub mod metrics;
pub mod queue;
pub mod ruleset;
mod sink;
pub mod sources;
mod stats_names;
pub mod status;
pub mod talkers;
pub mod tap;
mod writer;

pub use alerts::{AlertCatalog, AlertReading};
pub use config::{ControlConfig, EveConfig, EventType, MetricsConfig, WhenFull};
pub use evidence::EvidenceConfig;
pub use files_config::FilesConfig;
pub use queue::{EventSender, PerType};

use crate::control::privilege::{self, Task};
use eve::stats::StatsReading;
use eve::text::Clock;
use eve::{EncodeError, EveEncoder};
use queue::{Lane, LaneEnd, TypeCounts, Wanted};
use sekisho_signatures::model::Signature;
use sink::{FileSink, SinkCounts};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use talkers::Talkers;
use tap::AlertTaps;

/// The label of this output in metrics.
pub const EVE_OUTPUT: &str = "eve";

/// What the outputs need to know about the sensor.
#[derive(Debug, Default)]
pub struct OutputContext {
    /// The sensor's name: `host` in events.
    pub sensor_name: Option<String>,
    /// Names of the capture interfaces, by their index in events. Empty when reading capture files.
    pub interfaces: Vec<String>,
    /// Frames come from capture files: events carry `pcap_cnt`.
    pub capture_file: bool,
    /// The signatures that are counted one by one.
    pub alerts: AlertCatalog,
}

/// The outputs could not be started.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The event log.
    #[error("cannot open the event log {}: {source}. Make its folder writable for this user, or set eve.path", path.display())]
    Open {
        /// As configured.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The thread.
    #[error("cannot start the output thread: {0}")]
    Thread(io::Error),
}

type StatsSource = Box<dyn Fn() -> StatsReading + Send + Sync>;

/// What the output thread, the workers' ends and the readers of counters share.
struct Shared {
    lanes: Mutex<Vec<Arc<Lane>>>,
    /// Ends of lanes that the output thread has not seen yet.
    arrivals: Mutex<Vec<LaneEnd>>,
    lane_count: AtomicUsize,
    catalog: Mutex<Arc<AlertCatalog>>,
    sink: SinkCounts,
    /// Sent by the output thread itself: `stats`.
    own_sent: TypeCounts,
    closing: AtomicBool,
    /// The output thread has ended: nobody may wait for it.
    given_up: AtomicBool,
    reopen: AtomicBool,
    stats_source: OnceLock<StatsSource>,
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Vec<Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrivals(&self) -> MutexGuard<'_, Vec<LaneEnd>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event is lost since it cannot be written as a line.
    #[cold]
    fn cannot_encode(&self, error: &EncodeError) {
        self.sink.error(|| {
            tracing::error!("{error}; it is counted as lost");
            error.to_string()
        });
    }

    fn catalog(&self) -> Arc<AlertCatalog> {
        Arc::clone(&self.catalog.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts of all events at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputReading {
    /// Events that were handed over, by type.
    pub sent: PerType,
    /// Events that are in the file.
    pub written: PerType,
    /// Events that are gone: no room in a queue, or given up.
    pub lost: PerType,
    /// Bytes that are in the file.
    pub written_bytes: u64,
    /// Failed attempts to write.
    pub write_errors: u64,
    /// Events waiting in the queues now.
    pub queued: u64,
}

/// A view of the outputs for metrics, status and signal handlers. Cheap to clone; it keeps nothing running.
#[derive(Clone)]
pub struct OutputsHandle(Arc<Shared>);

impl OutputsHandle {
    /// The counts now. `sent` is never less than `written` and `lost` together.
    #[must_use]
    pub fn reading(&self) -> OutputReading {
        let mut reading = OutputReading::default();
        let lanes = self.0.lanes();
        self.0.sink.written.add_to(&mut reading.written);
        self.0.sink.lost.add_to(&mut reading.lost);
        let taken: u64 = lanes.iter().map(|lane| lane.taken()).sum();
        let mut refused = PerType::default();
        for lane in lanes.iter() {
            lane.lost.add_to(&mut refused);
        }
        for (lost, refused) in reading.lost.iter_mut().zip(refused.iter()) {
            *lost += refused;
        }
        for lane in lanes.iter() {
            lane.sent.add_to(&mut reading.sent);
        }
        let accepted = reading.sent.iter().sum::<u64>().saturating_sub(refused.iter().sum());
        reading.queued = accepted.saturating_sub(taken);
        self.0.own_sent.add_to(&mut reading.sent);
        reading.written_bytes = self.0.sink.bytes.load(Ordering::Relaxed);
        reading.write_errors = self.0.sink.errors.load(Ordering::Relaxed);
        reading
    }

    /// Alerts by signature and severity.
    #[must_use]
    pub fn alerts(&self) -> AlertReading {
        let catalog = self.0.catalog();
        let mut reading = AlertReading::zero(&catalog);
        for lane in self.0.lanes().iter() {
            lane.alert_counts.add_to(&mut reading);
        }
        reading.find_fired(&catalog);
        reading
    }

    /// Gives signatures that have no series of their own one, while there is room. Workers count by the answer once they have
    /// it.
    #[must_use]
    pub fn grow_catalog<'a>(&self, signatures: impl IntoIterator<Item = &'a Signature>) -> Arc<AlertCatalog> {
        let mut catalog = self.0.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        *catalog = Arc::new(catalog.grown(signatures));
        Arc::clone(&catalog)
    }

    /// Has the files opened anew, soon: after they were renamed by log rotation.
    pub fn reopen(&self) {
        self.0.reopen.store(true, Ordering::Release);
    }
}

/// What became of all events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputReport {
    /// Events that were handed over, by type.
    pub sent: PerType,
    /// Events in the file.
    pub written: PerType,
    /// Events that are not: `sent` less `written`.
    pub lost: PerType,
    /// The first thing that went wrong, as a sentence.
    pub first_error: Option<String>,
}

/// The running outputs.
pub struct Outputs {
    shared: Arc<Shared>,
    wanted: Wanted,
    encoder: EveEncoder,
    config: EveConfig,
    thread: Option<JoinHandle<()>>,
    /// What the page gets of alerts and flows, if there is one.
    page: Option<(Arc<AlertTaps>, Arc<Talkers>)>,
}

impl Outputs {
    /// Opens the event log and starts the output thread. With `eve.enabled = false` there is none, and events are
    /// only counted by signature.
    ///
    /// # Errors
    /// When the file cannot be opened. A named pipe that nobody reads yet is fine.
    pub fn start(config: &EveConfig, context: OutputContext) -> Result<Self, OutputError> {
        let shared = Arc::new(Shared {
            lanes: Mutex::default(),
            arrivals: Mutex::default(),
            lane_count: AtomicUsize::new(0),
            catalog: Mutex::new(Arc::new(context.alerts)),
            sink: SinkCounts::default(),
            own_sent: TypeCounts::default(),
            closing: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            stats_source: OnceLock::new(),
        });
        let encoder = EveEncoder::new(Clock::local(), context.sensor_name, context.interfaces, context.capture_file);
        let mut outputs =
            Self { shared, wanted: Wanted::of(&[]), encoder, config: config.clone(), thread: None, page: None };
        if !config.enabled {
            return Ok(outputs);
        }
        outputs.wanted = Wanted::of(&config.types);
        let sink = FileSink::open(&config.path, config.append)
            .map_err(|source| OutputError::Open { path: config.path.clone(), source })?;
        let writer = writer::Writer::new(Arc::clone(&outputs.shared), outputs.encoder.clone(), sink, config);
        let work = move || {
            privilege::keep(Task::Files);
            writer.run()
        };
        let thread = std::thread::Builder::new().name("output".to_owned()).spawn(work);
        outputs.thread = Some(thread.map_err(OutputError::Thread)?);
        Ok(outputs)
    }

    /// Has the page's copies made of alerts and flows, by the senders that are made from now on.
    pub fn tap(&mut self, alerts: Arc<AlertTaps>, talkers: Arc<Talkers>) {
        self.page = Some((alerts, talkers));
    }

    /// A worker's way to the outputs, with queues of its own: one for each worker.
    #[must_use]
    pub fn sender(&self) -> EventSender {
        let (alerts, others) =
            if self.config.enabled { (self.config.alert_queue, self.config.event_queue) } else { (1, 1) };
        let (mut sender, lane, end) = EventSender::new(
            Arc::clone(&self.shared),
            self.shared.catalog(),
            self.wanted,
            self.encoder.clone(),
            (alerts, others, self.config.when_full),
        );
        if let Some((alerts, talkers)) = &self.page {
            sender.tap(alerts.add(), talkers.add());
        }
        let mut lanes = self.shared.lanes();
        lanes.push(lane);
        if self.config.enabled {
            self.shared.arrivals().push(end);
        }
        self.shared.lane_count.store(lanes.len(), Ordering::Release);
        sender
    }

    /// For metrics, status and signal handlers.
    #[must_use]
    pub fn handle(&self) -> OutputsHandle {
        OutputsHandle(Arc::clone(&self.shared))
    }

    /// Where `stats` events come from; before this is set there are none. Only the first call counts.
    pub fn set_stats_source(&self, source: impl Fn() -> StatsReading + Send + Sync + 'static) {
        // A second source would be a defect of the caller; the first one stays.
        let _ = self.shared.stats_source.set(Box::new(source));
    }

    /// Has the file opened anew, soon: after it was renamed by log rotation.
    pub fn reopen(&self) {
        self.handle().reopen();
    }

    /// Writes what is queued and stops. To be called when the workers have stopped sending; what they send later is
    /// lost. Takes at most `eve.shutdown_grace_s` with no progress, and as long again when the disk hangs.
    #[must_use]
    pub fn finish(mut self) -> OutputReport {
        self.close();
        let reading = self.handle().reading();
        let mut lost = reading.sent;
        for (lost, written) in lost.iter_mut().zip(reading.written.iter()) {
            *lost = lost.saturating_sub(*written);
        }
        let first_error = self.shared.sink.first_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        OutputReport { sent: reading.sent, written: reading.written, lost, first_error }
    }

    fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.closing.store(true, Ordering::Release);
        thread.thread().unpark();
        let patience = Duration::from_secs(self.config.shutdown_grace_s) * 2 + Duration::from_secs(1);
        let (mut seen, mut since) = (self.shared.sink.bytes.load(Ordering::Relaxed), Instant::now());
        while !thread.is_finished() && since.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(1));
            let now = self.shared.sink.bytes.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        if !thread.is_finished() {
            tracing::error!("the event log hangs; the events that are left are lost");
        } else if thread.join().is_err() {
            self.shared.sink.error(|| "the output thread failed".to_owned());
        }
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.close();
    }
}

/// The paths below `stats` that `stats` events may have, but for those of decoder and stream events.
pub fn stats_paths() -> impl Iterator<Item = &'static str> {
    stats_names::STATS.iter().map(|(path, _)| *path)
}
