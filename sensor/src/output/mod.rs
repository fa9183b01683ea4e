//! What leaves the sensor for people and other programs: events as EVE JSON, counters as Prometheus metrics.
//!
//! Workers hand events to an [`EventSender`], which makes lines of them, and never wait for a disk (unless they read
//! capture files, which can wait). Every event that was sent is written, or counted as lost under its type, for each output:
//! sent = written + lost, once [`Outputs::finish`] has returned.
//!
//! ```text
//! worker 0 ─alerts─▶┐                                  with [[output]] in the configuration:
//!          ─others─▶│                                                ┌▶ queue ▶ eve.json
//! worker 1 ─alerts─▶├─ output thread: alerts first ─▶ eve.json      ─▶┼▶ queue ▶ syslog      a thread each, alerts first
//!          ─others─▶│                                                └▶ queue ▶ Redis
//! ```
//!
//! With the event log alone its thread takes the workers' batches as they are. Other outputs put a distributor before it
//! ([`fanout`](mod@self)), and stand each behind the same small trait in a file of its own.

pub mod alerts;
pub mod certificates;
pub mod config;
pub mod drops;
pub mod eve;
pub mod evidence;
mod fanout;
pub mod files_config;
pub mod filestore;
mod health;
pub mod loss;
pub mod metrics;
mod peer;
pub mod peers_config;
pub mod queue;
mod redis_stream;
mod rotate;
pub mod ruleset;
mod sink;
pub mod sources;
mod stats_names;
pub mod status;
mod syslog;
pub mod talkers;
pub mod tap;
mod unix;
mod writer;

pub use alerts::{AlertCatalog, AlertReading};
pub use config::{ControlConfig, EveConfig, EventType, MetricsConfig, WhenFull};
pub use evidence::EvidenceConfig;
pub use files_config::FilesConfig;
pub use health::{Health, Loss, Losses};
pub use peers_config::OutputConfig;
pub use queue::{EventSender, PerType};
pub use rotate::{Compression, RotateConfig};

use crate::control::privilege::{self, Task};
use eve::stats::StatsReading;
use eve::text::Clock;
use eve::{EncodeError, EveEncoder};
use fanout::{Distributor, OutputQueue};
use health::OutputCounts;
use peer::{Output, Peer};
use peers_config::{FACILITIES, OutputType, Target};
use queue::{Lane, LaneEnd, TypeCounts, Wanted};
use rotate::Rotation;
use sekisho_signatures::model::Signature;
use sink::FileSink;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use talkers::Talkers;
use tap::AlertTaps;
use writer::{Feed, Writer};

/// The event log's name in metrics.
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
    /// A `[[output]]` that makes no sense, which the configuration's check tells with its place.
    #[error("output {name}: {why}")]
    Peer {
        /// Its name.
        name: String,
        /// A sentence.
        why: String,
    },
}

type StatsSource = Box<dyn Fn() -> StatsReading + Send + Sync>;

/// What the output thread, the workers' ends and the readers of counters share.
struct Shared {
    lanes: Mutex<Vec<Arc<Lane>>>,
    /// Ends of lanes that the output thread has not seen yet.
    arrivals: Mutex<Vec<LaneEnd>>,
    lane_count: AtomicUsize,
    catalog: Mutex<Arc<AlertCatalog>>,
    /// The event log's counts, and then those of the other outputs in the configuration's order.
    outputs: Vec<Arc<OutputCounts>>,
    /// Sent by the output thread itself: `stats`.
    own_sent: TypeCounts,
    /// Of these, what could not be made a line.
    own_unmade: TypeCounts,
    /// Left in the workers' queues when the distributor ended.
    own_abandoned: TypeCounts,
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
        self.eve().error(|| {
            tracing::error!("{error}; it is counted as lost");
            error.to_string()
        });
    }

    fn eve(&self) -> &OutputCounts {
        // `start` puts it there.
        &self.outputs[0]
    }

    /// What became of the events that this output wants.
    fn reading(&self, counts: &OutputCounts) -> (OutputReading, Losses) {
        let mut reading = OutputReading::default();
        counts.written.add_to(&mut reading.written);
        let mut losses = counts.read_losses();
        let lanes = self.lanes();
        for lane in lanes.iter() {
            lane.lost.add_to(losses.of_mut(Loss::WorkerQueue));
            lane.unmade.add_to(losses.of_mut(Loss::NotEncoded));
        }
        self.own_unmade.add_to(losses.of_mut(Loss::NotEncoded));
        self.own_abandoned.add_to(losses.of_mut(Loss::Shutdown));
        for lane in lanes.iter() {
            lane.sent.add_to(&mut reading.sent);
        }
        self.own_sent.add_to(&mut reading.sent);
        for kind in EventType::ALL.iter().copied().filter(|kind| !counts.wanted.wants(*kind)) {
            reading.sent[kind.index()] = 0;
            Loss::ALL.into_iter().for_each(|loss| losses.of_mut(loss)[kind.index()] = 0);
        }
        reading.lost = losses.by_type();
        let [sent, written, lost] = [&reading.sent, &reading.written, &reading.lost].map(|n| n.iter().sum::<u64>());
        reading.queued = sent.saturating_sub(written).saturating_sub(lost);
        reading.written_bytes = counts.bytes.load(Ordering::Relaxed);
        reading.write_errors = counts.errors.load(Ordering::Relaxed);
        (reading, losses)
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
    /// Events on their way from the workers now.
    pub queued: u64,
}

/// One output at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputState {
    /// `eve`, or as the configuration calls it.
    pub name: String,
    /// What it is, for people: `file /var/log/sekisho/eve.json`, `syslog tcp://collector:601`.
    pub what: String,
    /// The types that it takes.
    pub types: Vec<EventType>,
    /// Its events.
    pub reading: OutputReading,
    /// Why events were lost.
    pub losses: Losses,
    /// How it is.
    pub health: Health,
}

/// A view of the outputs for metrics, status and signal handlers. Cheap to clone; it keeps nothing running.
#[derive(Clone)]
pub struct OutputsHandle(Arc<Shared>);

impl OutputsHandle {
    /// The event log's counts now. `sent` is never less than `written` and `lost` together.
    #[must_use]
    pub fn reading(&self) -> OutputReading {
        self.0.reading(self.0.eve()).0
    }

    /// Every output, the event log first. One that is not enabled is not among them.
    #[must_use]
    pub fn outputs(&self) -> Vec<OutputState> {
        let state = |counts: &Arc<OutputCounts>| {
            let (reading, losses) = self.0.reading(counts);
            OutputState {
                name: counts.name.clone(),
                what: counts.what.clone(),
                types: EventType::ALL.iter().copied().filter(|kind| counts.wanted.wants(*kind)).collect(),
                health: counts.health(reading.queued),
                reading,
                losses,
            }
        };
        self.0.outputs.iter().filter(|counts| counts.wanted != Wanted::of(&[])).map(state).collect()
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

/// What became of all events: the event log's.
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
    /// For each other output that lost events: a sentence.
    pub others: Vec<String>,
}

/// The running outputs.
pub struct Outputs {
    shared: Arc<Shared>,
    wanted: Wanted,
    encoder: EveEncoder,
    config: EveConfig,
    /// Somebody takes events.
    enabled: bool,
    threads: Vec<JoinHandle<()>>,
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
        Self::start_all(config, &[], context)
    }

    /// The same with other outputs beside the event log. A peer that is not there yet is no error.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when an output's configuration makes no sense.
    pub fn start_all(config: &EveConfig, others: &[OutputConfig], context: OutputContext) -> Result<Self, OutputError> {
        let host = context.sensor_name.clone().or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
        let host = host.unwrap_or_default();
        let types = |types: Option<&[EventType]>| Wanted::of(types.unwrap_or(&config.types));
        let eve = types(Some(if config.enabled { &config.types } else { &[] }));
        let mut counts = vec![Arc::new(OutputCounts::new(EVE_OUTPUT, format!("file {}", config.path.display()), eve))];
        counts.extend(
            others
                .iter()
                .map(|other| Arc::new(OutputCounts::new(other.name(), describe(other), types(other.types.as_deref())))),
        );
        let shared = Arc::new(Shared {
            lanes: Mutex::default(),
            arrivals: Mutex::default(),
            lane_count: AtomicUsize::new(0),
            catalog: Mutex::new(Arc::new(context.alerts)),
            outputs: counts,
            own_sent: TypeCounts::default(),
            own_unmade: TypeCounts::default(),
            own_abandoned: TypeCounts::default(),
            closing: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            stats_source: OnceLock::new(),
        });
        let encoder = EveEncoder::new(Clock::local(), context.sensor_name, context.interfaces, context.capture_file);
        let wanted = shared.outputs.iter().fold(Wanted::of(&[]), |all, counts| all.and(counts.wanted));
        let enabled = config.enabled || !others.is_empty();
        let mut outputs =
            Self { shared, wanted, encoder, config: config.clone(), enabled, threads: Vec::new(), page: None };
        let sink = config.enabled.then(|| outputs.open_log()).transpose()?;
        if others.is_empty() {
            if let Some(sink) = sink {
                outputs.start_writer(sink, Feed::Lanes(Vec::new()))?;
            }
        } else {
            outputs.start_fan(sink, others, &host)?;
        }
        Ok(outputs)
    }

    fn open_log(&self) -> Result<FileSink, OutputError> {
        let EveConfig { path, rotate, .. } = &self.config;
        let rotation = Rotation::start(rotate, path).map_err(OutputError::Thread)?;
        let sink = FileSink::open(path, self.config.append, rotation)
            .map_err(|source| OutputError::Open { path: path.clone(), source })?;
        self.shared.eve().set_connected(sink.is_open());
        Ok(sink)
    }

    fn start_writer(&mut self, sink: FileSink, feed: Feed) -> Result<(), OutputError> {
        let (shared, counts) = (Arc::clone(&self.shared), Arc::clone(&self.shared.outputs[0]));
        let writer = Writer::new(shared, counts, self.encoder.clone(), (sink, feed), &self.config);
        self.spawn(EVE_OUTPUT, move || writer.run())
    }

    /// The distributor, and a thread for each output.
    fn start_fan(&mut self, sink: Option<FileSink>, others: &[OutputConfig], host: &str) -> Result<(), OutputError> {
        let mut queues = Vec::new();
        if let Some(sink) = sink {
            let counts = Arc::clone(&self.shared.outputs[0]);
            let queue = Arc::new(OutputQueue::new(counts, self.config.alert_queue, self.config.event_queue));
            queues.push(Arc::clone(&queue));
            self.start_writer(sink, Feed::Queue(queue))?;
        }
        let grace = Duration::from_secs(self.config.shutdown_grace_s);
        for (at, other) in others.iter().enumerate() {
            let output = make(other, host).map_err(|why| OutputError::Peer { name: other.name().to_owned(), why })?;
            // The event log's counts are the first.
            let counts = Arc::clone(&self.shared.outputs[at + 1]);
            let queue = Arc::new(OutputQueue::new(counts, other.alert_queue, other.event_queue));
            queues.push(Arc::clone(&queue));
            let peer = Peer::new(output, queue, grace);
            self.spawn(other.name(), move || peer.run())?;
        }
        let distributor = Distributor::new(Arc::clone(&self.shared), self.encoder.clone(), queues, &self.config);
        self.spawn("events", move || distributor.run())
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), OutputError> {
        // Linux shows 15 bytes of it.
        let name: String = format!("out-{name}").chars().take(15).collect();
        let work = move || {
            privilege::keep(Task::Files);
            run();
        };
        let thread = std::thread::Builder::new().name(name).spawn(work).map_err(OutputError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Has the page's copies made of alerts and flows, by the senders that are made from now on.
    pub fn tap(&mut self, alerts: Arc<AlertTaps>, talkers: Arc<Talkers>) {
        self.page = Some((alerts, talkers));
    }

    /// A worker's way to the outputs, with queues of its own: one for each worker.
    #[must_use]
    pub fn sender(&self) -> EventSender {
        let (alerts, others) = if self.enabled { (self.config.alert_queue, self.config.event_queue) } else { (1, 1) };
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
        if self.enabled {
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
        let lost = |reading: &OutputReading| {
            let mut lost = reading.sent;
            for (lost, written) in lost.iter_mut().zip(reading.written.iter()) {
                *lost = lost.saturating_sub(*written);
            }
            lost
        };
        let handle = self.handle();
        let reading = handle.reading();
        let first = |counts: &OutputCounts| counts.first_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let others = self.shared.outputs.iter().skip(1).filter_map(|counts| {
            let lost: u64 = lost(&self.shared.reading(counts).0).iter().sum();
            let why = first(counts).unwrap_or_else(|| format!("{} was too slow", counts.what));
            (lost > 0).then(|| format!("output {}: {why}; {} were lost", counts.name, status::grouped(lost)))
        });
        OutputReport {
            sent: reading.sent,
            written: reading.written,
            lost: lost(&reading),
            others: others.collect(),
            first_error: first(self.shared.eve()),
        }
    }

    fn close(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.shared.closing.store(true, Ordering::Release);
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        let bytes = || self.shared.outputs.iter().map(|counts| counts.bytes.load(Ordering::Relaxed)).sum::<u64>();
        let patience = Duration::from_secs(self.config.shutdown_grace_s) * 2 + Duration::from_secs(1);
        let (mut seen, mut since) = (bytes(), Instant::now());
        let all_ended = || self.threads.iter().all(JoinHandle::is_finished);
        while !all_ended() && since.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(1));
            let now = bytes();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or("output").to_owned();
            if !thread.is_finished() {
                tracing::error!("the thread {name} hangs; the events that it has left are lost");
            } else if thread.join().is_err() {
                self.shared.eve().error(|| format!("the thread {name} failed"));
            }
        }
    }
}

/// For people; without a password.
fn describe(config: &OutputConfig) -> String {
    let name = config.kind.name();
    match Target::of(config) {
        Ok(Target::Redis(info)) => format!("{name} {}", info.addr()),
        _ => format!("{name} {}", config.address),
    }
}

fn make(config: &OutputConfig, host: &str) -> Result<Box<dyn Output>, String> {
    let longest = config.message_max_bytes;
    let stream = || config.stream.clone().unwrap_or_else(|| "sekisho".to_owned());
    Ok(match (config.kind, Target::of(config)?) {
        (OutputType::Unix, Target::Unix(path)) => {
            let kind = config.socket.unwrap_or_default();
            Box::new(unix::UnixOutput::new(path, kind, longest.unwrap_or(65_507)))
        }
        (_, Target::Redis(address)) => {
            let entries = config.stream_max_entries.unwrap_or(1_000_000);
            Box::new(redis_stream::RedisOutput::new(address, config.password_file.clone(), stream(), entries))
        }
        (_, target) => {
            let transport = match target {
                Target::Unix(path) => syslog::Transport::Unix(path),
                Target::Udp(host) => syslog::Transport::Udp(host),
                Target::Tcp(host) => syslog::Transport::Tcp(host),
                Target::Redis(_) => return Err("a Redis address needs type = \"redis\"".to_owned()),
            };
            let facility = config.facility.as_deref().unwrap_or("local0");
            let number = FACILITIES.iter().find(|(name, _)| *name == facility).map(|(_, number)| *number);
            let number = number.ok_or_else(|| format!("`{facility}` is no facility for programs"))?;
            let header = syslog::Header::new(number, host, config.app_name.as_deref().unwrap_or("sekisho"));
            Box::new(syslog::SyslogOutput::new(transport, header, longest.unwrap_or(8192)))
        }
    })
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
