//! The thread that scans files, and the bounded way to it.

use super::config::YaraConfig;
use super::engine::Engine;
use super::rules::YaraRules;
use crate::control::privilege::{self, Task};
use crate::detect::state::TransactionNote;
use crate::event::{AlertAction, AlertEvent, Event, FlowNote, FlowSummary, PacketSummary};
use crate::output::sources::Sample;
use crate::output::status::grouped;
use crate::output::{AlertCatalog, EventSender};
use crate::packet::{Direction, IpProto};
use crate::protocols::AppView;
use bytes::Bytes;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use serde::Serialize;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Files that may wait, whatever their size.
const QUEUE: usize = 4096;
/// Alerts of one file.
const MAX_ALERTS: usize = 64;
/// Scans that failed in the log before the rest is only counted.
const MAX_TOLD: u64 = 10;
/// The thread's priority beside workers: what they leave over comes first to it.
const NICE: i32 = 10;

/// A file to be scanned, and all that an alert says of where it was seen.
#[derive(Debug)]
pub struct ScanJob {
    /// Its bytes, or the first of them.
    pub bytes: Bytes,
    /// There were more.
    pub cut: bool,
    /// The packet that ended it.
    pub packet: PacketSummary,
    /// The flow that carried it.
    pub flow: FlowSummary,
    /// Which way.
    pub direction: Direction,
    /// What is known of the flow's protocol.
    pub app: AppView,
    /// The transaction that carried it, and the file alone.
    pub transaction: TransactionNote,
    /// What rules keep on the flow.
    pub note: Option<Arc<FlowNote>>,
}

/// What became of files.
#[derive(Debug, Default)]
struct Counts {
    queued_bytes: AtomicU64,
    queued_files: AtomicU64,
    clean: AtomicU64,
    matched: AtomicU64,
    timeout: AtomicU64,
    failed: AtomicU64,
    queue_full: AtomicU64,
    not_held: AtomicU64,
    cut: AtomicU64,
    bytes: AtomicU64,
    busy_ns: AtomicU64,
}

fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}

/// What became of files, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct YaraReading {
    /// Rules that can alert.
    pub rules: u64,
    /// Files that no rule matches.
    pub clean: u64,
    /// Files that some rule matches.
    pub matched: u64,
    /// Files whose scan took too long.
    pub timeout: u64,
    /// Files whose scan failed.
    pub failed: u64,
    /// Files not scanned: too many waited.
    pub queue_full: u64,
    /// Files not scanned: the worker held too much of others.
    pub not_held: u64,
    /// Of the files that were scanned, those of which that is only the first part.
    pub cut: u64,
    /// Bytes scanned.
    pub bytes: u64,
}

impl YaraReading {
    /// Files that were not scanned to the end.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.timeout + self.failed + self.queue_full + self.not_held
    }
}

impl fmt::Display for YaraReading {
    /// One line, and another if some file was not scanned.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rules, clean, matched, timeout, failed, queue_full, not_held, .. } = *self;
        let [rules, files, matched] = [rules, clean + matched, matched].map(grouped);
        writeln!(f, "YARA  {rules} rules; {files} files scanned, {matched} of them matched")?;
        if self.missed() > 0 {
            let [timeout, failed, full, held] = [timeout, failed, queue_full, not_held].map(grouped);
            writeln!(
                f,
                "! files not scanned: {full} for a full queue, {held} for too much in transfer, {timeout} took too long, {failed} \
                 failed"
            )?;
        }
        Ok(())
    }
}

/// A worker's end of the way to the thread.
#[derive(Clone)]
pub struct YaraQueue {
    sender: Sender<Option<Box<ScanJob>>>,
    shared: Arc<Shared>,
    waits: bool,
}

/// What the thread shares with others.
struct Shared {
    config: YaraConfig,
    counts: Counts,
    /// Those to scan with, and by which catalog their alerts are counted, if not by the first; only control threads and the scanning
    /// thread look.
    rules: Mutex<(Arc<YaraRules>, Option<Arc<AlertCatalog>>)>,
}

impl fmt::Debug for YaraQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YaraQueue")
            .field("config", &self.shared.config)
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}

impl YaraQueue {
    /// As configured.
    #[must_use]
    pub fn config(&self) -> &YaraConfig {
        &self.shared.config
    }

    /// Hands a file over; if there is no room for it, that is counted.
    pub fn scan(&self, job: Box<ScanJob>) {
        let counts = &self.shared.counts;
        let len = job.bytes.len() as u64;
        while self.waits && counts.queued_bytes.load(Ordering::Relaxed) > 0 && !self.has_room(len) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // A file is taken whatever its length if no other waits.
        if !self.has_room(len) {
            return add(&counts.queue_full, 1);
        }
        add(&counts.queued_bytes, len);
        add(&counts.queued_files, 1);
        let sent = if self.waits {
            self.sender.send(Some(job)).is_ok()
        } else {
            !matches!(self.sender.try_send(Some(job)), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
        };
        if !sent {
            counts.queued_bytes.fetch_sub(len, Ordering::Relaxed);
            counts.queued_files.fetch_sub(1, Ordering::Relaxed);
            add(&counts.queue_full, 1);
        }
    }

    /// A file is not scanned, since the worker had no room for more.
    pub fn not_held(&self) {
        add(&self.shared.counts.not_held, 1);
    }

    fn has_room(&self, len: u64) -> bool {
        let queued = self.shared.counts.queued_bytes.load(Ordering::Relaxed);
        queued == 0 || queued.saturating_add(len) <= self.shared.config.queue_bytes as u64
    }

    /// Scans by other rules from the next file on, whose alerts are counted by this catalog.
    pub fn turn_to(&self, rules: Arc<YaraRules>, catalog: Arc<AlertCatalog>) {
        *self.shared.rules() = (rules, Some(catalog));
    }

    /// What became of files.
    #[must_use]
    pub fn reading(&self) -> YaraReading {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        YaraReading {
            rules: self.shared.rules().0.ruleset.signatures.len() as u64,
            clean: read(&counts.clean),
            matched: read(&counts.matched),
            timeout: read(&counts.timeout),
            failed: read(&counts.failed),
            queue_full: read(&counts.queue_full),
            not_held: read(&counts.not_held),
            cut: read(&counts.cut),
            bytes: read(&counts.bytes),
        }
    }

    /// The same for metrics.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
    pub fn samples(&self) -> Vec<Sample> {
        let reading = self.reading();
        let results = [
            ("clean", reading.clean),
            ("matched", reading.matched),
            ("timeout", reading.timeout),
            ("failed", reading.failed),
            ("queue_full", reading.queue_full),
            ("not_held", reading.not_held),
        ];
        let help = "Files for YARA rules, by what became of them; only clean and matched ones were scanned to the end.";
        let mut samples: Vec<Sample> = results
            .into_iter()
            .map(|(result, count)| Sample::counter("yara_files_total", help, count).label("result", result))
            .collect();
        let help = "Files of which only the first yara.max_file_bytes were scanned.";
        samples.push(Sample::counter("yara_files_cut_total", help, reading.cut));
        samples.push(Sample::counter("yara_scanned_bytes_total", "Bytes scanned by YARA rules.", reading.bytes));
        let counts = &self.shared.counts;
        let mut busy = Sample::counter("yara_scan_seconds_total", "Time that scans by YARA rules took.", 0);
        busy.value = counts.busy_ns.load(Ordering::Relaxed) as f64 / 1e9;
        samples.push(busy);
        samples.push(Sample::gauge("yara_rules", "YARA rules in use.", reading.rules as f64));
        let waiting = counts.queued_files.load(Ordering::Relaxed) as f64;
        samples.push(Sample::gauge("yara_queued_files", "Files that wait for YARA rules.", waiting));
        samples
    }
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, (Arc<YaraRules>, Option<Arc<AlertCatalog>>)> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that scans.
#[derive(Debug)]
pub struct YaraThread {
    queue: YaraQueue,
    handle: JoinHandle<()>,
}

impl YaraThread {
    /// Starts it; it tells alerts to `outputs`. `waits`: workers wait where the queue is full, and the thread is as important as
    /// they are.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(config: &YaraConfig, rules: Arc<YaraRules>, outputs: EventSender, waits: bool) -> io::Result<Self> {
        let (sender, receiver) = bounded(QUEUE);
        let shared =
            Arc::new(Shared { config: config.clone(), counts: Counts::default(), rules: Mutex::new((rules, None)) });
        let queue = YaraQueue { sender, shared: Arc::clone(&shared), waits };
        let work = move || {
            privilege::keep(Task::Plain);
            if !waits && let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::warn!("files are scanned at normal priority: {error}");
            }
            Scans { shared: &shared, outputs, told: 0 }.run(&receiver);
        };
        let handle = std::thread::Builder::new().name("yara".to_owned()).spawn(work)?;
        Ok(Self { queue, handle })
    }

    /// An end for a worker.
    #[must_use]
    pub fn queue(&self) -> YaraQueue {
        self.queue.clone()
    }

    /// Scans what still waits, and ends.
    pub fn finish(self) {
        let Self { queue, handle } = self;
        // Fails only if the thread is gone already.
        let _ = queue.sender.send(None);
        if handle.join().is_err() {
            tracing::error!("the thread that scans files failed; this is a defect");
        }
    }
}

/// The thread's work.
struct Scans<'a> {
    shared: &'a Shared,
    outputs: EventSender,
    /// Failures that are in the log.
    told: u64,
}

/// Why a file was not scanned to the end.
#[cfg_attr(not(feature = "yara"), expect(dead_code, reason = "the engine alone takes time"))]
pub(super) enum Failure {
    /// It took longer than it may.
    Timeout,
    Other(String),
}

impl Scans<'_> {
    fn run(mut self, receiver: &Receiver<Option<Box<ScanJob>>>) {
        // What is taken while the rules change is scanned by the new ones.
        let mut next = None;
        loop {
            let (rules, catalog) = {
                let mut now = self.shared.rules();
                (Arc::clone(&now.0), now.1.take())
            };
            if let Some(mut catalog) = catalog {
                self.outputs.switch(&mut catalog);
            }
            match self.run_by(&rules, next.take(), receiver) {
                Some(job) => next = Some(job),
                None => return,
            }
        }
    }

    /// Scans by these rules until there are others: then the file that these did not scan comes back.
    fn run_by(
        &mut self,
        rules: &Arc<YaraRules>,
        first: Option<Box<ScanJob>>,
        receiver: &Receiver<Option<Box<ScanJob>>>,
    ) -> Option<Box<ScanJob>> {
        let mut scanner = self.scanner(rules);
        let mut first = first;
        loop {
            let job = match first.take() {
                Some(job) => job,
                None => receiver.recv().ok()??,
            };
            if !Arc::ptr_eq(rules, &self.shared.rules().0) {
                return Some(job);
            }
            let counts = &self.shared.counts;
            let started = Instant::now();
            // A defect in one of the many readers of file formats must not end the scanning of all files behind it.
            let outcome = catch_unwind(AssertUnwindSafe(|| scan(&mut scanner, rules, &job))).unwrap_or_else(|_| {
                scanner = self.scanner(rules);
                Err(Failure::Other("it panicked".to_owned()))
            });
            add(&counts.busy_ns, u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
            add(&counts.cut, u64::from(job.cut));
            add(&counts.bytes, job.bytes.len() as u64);
            counts.queued_bytes.fetch_sub(job.bytes.len() as u64, Ordering::Relaxed);
            counts.queued_files.fetch_sub(1, Ordering::Relaxed);
            match outcome {
                Ok(found) => {
                    add(if found.is_empty() { &counts.clean } else { &counts.matched }, 1);
                    for signature in found {
                        self.alert(rules, &job, signature);
                    }
                }
                Err(failure) => self.failed(&failure, &job),
            }
        }
    }

    fn scanner<'r>(&self, rules: &'r YaraRules) -> Engine<'r> {
        Engine::new(&rules.compiled, Duration::from_secs(self.shared.config.timeout_s.max(1)))
    }

    fn alert(&self, rules: &YaraRules, job: &ScanJob, signature: u32) {
        self.outputs.send(&Event::Alert(AlertEvent {
            packet: job.packet,
            flow: Some(job.flow),
            direction: Some(job.direction),
            signature,
            ruleset: Arc::clone(&rules.ruleset),
            action: AlertAction::Allowed,
            in_stream: job.packet.proto == IpProto::TCP,
            app: job.app,
            transaction: Some(job.transaction.clone()),
            finding: None,
            note: job.note.clone(),
            payload: None,
            evidence: None,
        }));
        self.outputs.flush();
    }

    fn failed(&mut self, failure: &Failure, job: &ScanJob) {
        let counts = &self.shared.counts;
        let (count, why) = match failure {
            Failure::Timeout => (&counts.timeout, "it took longer than yara.timeout_s"),
            Failure::Other(why) => (&counts.failed, &**why),
        };
        add(count, 1);
        self.told += 1;
        if self.told <= MAX_TOLD {
            let last = if self.told == MAX_TOLD { "; from here on this is only counted" } else { "" };
            tracing::warn!("a file of {} bytes in flow {} was not scanned: {why}{last}", job.bytes.len(), job.flow.id);
        }
    }
}

/// Signatures of the rules that match a file.
fn scan(scanner: &mut Engine<'_>, rules: &YaraRules, job: &ScanJob) -> Result<Vec<u32>, Failure> {
    let name = job.transaction.files.first().map_or(&b""[..], |file| &file.name);
    let name = String::from_utf8_lossy(name);
    let at = name.rfind(['/', '\\']).map_or(0, |at| at + 1);
    let (path, file) = name.split_at(at);
    let extension = file.rfind('.').and_then(|at| file.get(at..)).unwrap_or_default();
    let app = job.app.protocol.protocol().map_or("", |protocol| protocol.name());
    let direction = match job.direction {
        Direction::ToServer => "to_server",
        Direction::ToClient => "to_client",
    };
    let known = [
        ("filename", file),
        ("filepath", path.trim_end_matches(['/', '\\'])),
        ("extension", extension),
        ("app_proto", app),
        ("direction", direction),
    ];
    let mut found = Vec::new();
    scanner.scan(&known, &job.bytes, |namespace, name| {
        if found.len() < MAX_ALERTS {
            found.extend(rules.signature(namespace, name));
        }
    })?;
    Ok(found)
}

#[cfg(all(test, feature = "yara"))]
mod tests {
    use super::super::rules::{LoadedYara, load, sid_of};
    use super::*;
    use crate::event::{DirectionCount, PacketSource};
    use crate::output::{EveConfig, OutputContext, Outputs};
    use crate::packet::{Addr, Vlans};
    use crate::protocols::Recognition;
    use crate::protocols::file::{Digests, FileInfo, FileState};
    use crate::time::Timestamp;
    use sekisho_signatures::app::Protocol;

    fn rules(text: &str) -> LoadedYara {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.yar"), text).unwrap();
        let loaded = load(&[folder.path().to_owned()]).unwrap();
        assert_eq!(loaded.problems, []);
        loaded
    }

    fn outputs(rules: &LoadedYara) -> Outputs {
        let alerts = AlertCatalog::choose(rules.rules.ruleset.signatures.iter().map(|s| &**s), 10);
        let config = EveConfig { enabled: false, ..EveConfig::default() };
        Outputs::start(&config, OutputContext { alerts, ..OutputContext::default() }).unwrap()
    }

    fn job(name: &str, bytes: &[u8]) -> Box<ScanJob> {
        let (client, server) = ((Addr(1), 40000), (Addr(2), 445));
        let smb = Recognition::Known(Protocol::Smb);
        let file = FileInfo {
            name: name.as_bytes().into(),
            state: FileState::Closed,
            gaps: false,
            size: bytes.len() as u64,
            range: None,
            digests: Digests::default(),
            magic: None,
            stored: None,
            sids: vec![],
        };
        Box::new(ScanJob {
            bytes: Bytes::copy_from_slice(bytes),
            cut: false,
            packet: PacketSummary {
                ts: Timestamp(0),
                frame_number: 1,
                interface: 0,
                ip_version: 4,
                src: client.0,
                dst: server.0,
                src_port: client.1,
                dst_port: server.1,
                proto: IpProto::TCP,
                icmp: None,
                ethertype: 0x0800,
                vlans: Vlans::default(),
                tunnel_depth: 0,
                source: PacketSource::Wire,
            },
            flow: FlowSummary { id: 1, start: Timestamp(0), client, server, counts: [DirectionCount::default(); 2] },
            direction: Direction::ToServer,
            app: AppView { protocol: smb, directions: [smb; 2], original: Recognition::Unknown },
            transaction: TransactionNote {
                id: 0,
                of: (smb, Direction::ToServer),
                record: None,
                files: Arc::new([file]),
                frame: None,
            },
            note: None,
        })
    }

    fn alerts(outputs: &Outputs, name: &str) -> u64 {
        let reading = outputs.handle().alerts();
        reading.by_sid.iter().find(|(sid, _)| *sid == Some(sid_of(name))).map_or(0, |(_, n)| *n)
    }

    const BY_BYTES: &str = "rule by_bytes { strings: $a = \"implant\" condition: $a }\n";
    const BY_NAME: &str = "rule by_name { condition: filename == \"a.exe\" and filepath == \"x\\\\y\" and extension == \".exe\" \
                           and app_proto == \"smb\" and direction == \"to_server\" }\n";

    #[test]
    fn what_matches_alerts() {
        let loaded = rules(&[BY_BYTES, BY_NAME].concat());
        let outputs = outputs(&loaded);
        let config = YaraConfig::default();
        let thread = YaraThread::start(&config, Arc::clone(&loaded.rules), outputs.sender(), true).unwrap();
        let queue = thread.queue();
        queue.scan(job("x\\y\\a.exe", b"an implant"));
        queue.scan(job("a.exe", b"nothing"));
        queue.scan(job("", b"the implant again"));
        queue.not_held();
        thread.finish();
        assert_eq!((alerts(&outputs, "by_bytes"), alerts(&outputs, "by_name")), (2, 1));
        let reading = queue.reading();
        let expected = YaraReading { rules: 2, clean: 1, matched: 2, not_held: 1, bytes: 34, ..YaraReading::default() };
        assert_eq!((reading, reading.missed()), (expected, 1));
        let text = reading.to_string();
        assert!(
            text.starts_with("YARA  2 rules; 3 files scanned, 2 of them matched\n! files not scanned: 0 for"),
            "{text}"
        );
        let matched = queue.samples().into_iter().find(|s| s.labels.iter().any(|(_, label)| label == "matched"));
        assert_eq!(matched.map(|sample| sample.value), Some(2.0));
    }

    #[test]
    fn other_rules_take_effect_and_are_counted() {
        let before = rules(BY_BYTES);
        let outputs = outputs(&before);
        let thread =
            YaraThread::start(&YaraConfig::default(), Arc::clone(&before.rules), outputs.sender(), true).unwrap();
        let queue = thread.queue();
        queue.scan(job("", b"implant"));
        while queue.reading().matched == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let after = rules("rule by_size { condition: filesize == 3 }");
        let catalog = outputs.handle().grow_catalog(after.rules.ruleset.signatures.iter().map(|s| &**s));
        queue.turn_to(Arc::clone(&after.rules), catalog);
        queue.scan(job("", b"implant"));
        queue.scan(job("", b"abc"));
        thread.finish();
        assert_eq!((alerts(&outputs, "by_bytes"), alerts(&outputs, "by_size")), (1, 1));
    }

    #[test]
    fn a_scan_that_takes_too_long_is_given_up() {
        let slow = "rule slow { condition: filesize == 4 and for all i in (0..1000000000000) : (math.abs(i) + 1 > uint8(i % 4) - 300) }";
        let loaded = rules(&format!("import \"math\"\n{slow}\n{BY_BYTES}"));
        let outputs = outputs(&loaded);
        let config = YaraConfig { timeout_s: 1, ..YaraConfig::default() };
        let thread = YaraThread::start(&config, Arc::clone(&loaded.rules), outputs.sender(), true).unwrap();
        let queue = thread.queue();
        queue.scan(job("", b"slow"));
        queue.scan(job("", b"implant"));
        thread.finish();
        let reading = queue.reading();
        assert_eq!((reading.timeout, reading.matched, alerts(&outputs, "by_bytes")), (1, 1, 1));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_nobody_waits() {
        let loaded = rules(BY_BYTES);
        let (sender, receiver) = bounded(1);
        let shared = Arc::new(Shared {
            config: YaraConfig { queue_bytes: 10, ..YaraConfig::default() },
            counts: Counts::default(),
            rules: Mutex::new((Arc::clone(&loaded.rules), None)),
        });
        // Nobody takes anything out.
        let queue = YaraQueue { sender, shared, waits: false };
        queue.scan(job("", &[0; 20]));
        assert_eq!((receiver.len(), queue.reading().queue_full), (1, 0), "the first is taken whatever its length");
        queue.scan(job("", b"a"));
        assert_eq!((receiver.len(), queue.reading().queue_full), (1, 1), "no room for its bytes");
        queue.shared.counts.queued_bytes.store(0, Ordering::Relaxed);
        queue.scan(job("", b"a"));
        assert_eq!(queue.reading().queue_full, 2, "no room in the queue");
        assert_eq!(queue.shared.counts.queued_bytes.load(Ordering::Relaxed), 0);
    }
}
