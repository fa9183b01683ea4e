//! `sekisho pcap`: the packet path over capture files, as fast as it goes, and what came of it.

use super::arguments::{Checksums, ConfigArguments, Format, RuleArguments, YaraArguments};
use super::lists;
use super::live_rules::table;
use super::print::{out, outln};
use super::report::{PcapReport, RuleCounts};
use super::rules::{self, RulesError};
use super::shard::{Chunk, Shares};
use crate::capture::pcap::{CaptureError, CaptureFile};
use crate::config::{Config, ConfigError};
use crate::decode::Frame;
use crate::detect::hyperscan::HyperscanError;
use crate::detect::threshold::Thresholds;
use crate::detect::yara::{LoadedYara, YaraThread};
use crate::ledger::LedgerReading;
use crate::output::evidence::{Evidence, EvidenceCounts, EvidenceError, Origin};
use crate::output::filestore::{StoreError, StoreThread};
use crate::output::sources::{Sources, WorkerSource};
use crate::output::{AlertCatalog, EventType, OutputContext, OutputError, Outputs, WhenFull};
use crate::time::Timestamp;
use crate::worker::{Worker, WorkerConfig};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Frames that are read at a time.
const BATCH: usize = 512;
/// Chunks that may wait for a worker.
const CHUNKS_WAITING: usize = 8;
/// Flow identifiers are to be the same each time that a file is read.
const SEED: u64 = 0x7365_6b69_7368_6f00;

/// Read capture files (pcap, pcapng; plain, gzip or zstd; - is standard input) through the same path as live traffic.
///
/// Prints a summary. With --output, events go to eve.json in that folder, which is emptied first; without, none are written,
/// and the summary still counts alerts by signature. No configuration is read unless --config names one, so that the same command gives
/// the same answer on every host. Exit status 0 when all files were read to their end, also if some rules were bad or a file was cut off in
/// its last packet (which is told); 1 when a file could not be read or is damaged.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(after_help = "Examples:\n  sekisho pcap monday.pcap --rules et-open.rules --output monday/\n  \
                        sekisho pcap *.pcapng.zst --rules rules/ --set eve.types=alert --output out/ --workers 4\n  \
                        tcpdump -w - -c 1000 | sekisho pcap - --rules local.rules")]
pub struct PcapArguments {
    /// Capture files, read one after the other as one capture.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub config: ConfigArguments,
    #[command(flatten)]
    pub rules: RuleArguments,
    #[command(flatten)]
    pub yara: YaraArguments,
    /// Folder for eve.json; made if need be.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Whether packets with wrong checksums are left out [default: check].
    #[arg(long, value_enum)]
    pub checksums: Option<Checksums>,
    /// Follow connections whose handshake is not in the capture.
    #[arg(long)]
    pub midstream: bool,
    /// Judge as if in line: rules that drop, drop, and what is dropped counts as dropped.
    #[arg(long)]
    pub inline: bool,
    /// How far into each direction of a stream is looked, in bytes; 0 is no limit [default: 1048576].
    #[arg(long, value_name = "BYTES")]
    pub stream_depth: Option<u64>,
    /// Threads. Packets between the same two addresses always go to the same one.
    #[arg(long, value_name = "N", default_value_t = NonZeroU16::MIN)]
    pub workers: NonZeroU16,
    /// Also tell what rules cost, the N costliest first [default without N: 20]. Times are estimated from samples.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20")]
    pub rule_costs: Option<usize>,
    /// The form of the summary.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub summary: Format,
}

/// Why the files were not read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the cause's own sentence")]
pub enum PcapError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error("cannot make the folder {} for events: {source}; give another with --output", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Worker(#[from] HyperscanError),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    #[error("a worker failed; its last words are above. This is a defect")]
    WorkerFailed,
    #[error("cannot write the summary: {0}")]
    Write(#[from] serde_json::Error),
}

/// Reads the files, prints the summary.
///
/// # Errors
/// What kept the files from being read at all.
pub fn pcap(arguments: &PcapArguments) -> Result<ExitCode, PcapError> {
    let report = read_files(arguments)?;
    for error in &report.damage {
        if error.is_warning() {
            tracing::warn!("{error}");
        } else {
            tracing::error!("{error}");
        }
    }
    match arguments.summary {
        Format::Json => outln!("{}", serde_json::to_string(&report)?),
        // Of files that could not be opened there is nothing more to tell.
        Format::Text if report.packets == 0 && report.unreadable() => {}
        Format::Text => out!("{report}"),
    }
    Ok(if report.unreadable() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads the files and tells what came of it. A file that cannot be read is in the report, and does not keep others from being read.
///
/// # Errors
/// What kept all files from being read.
pub fn read_files(arguments: &PcapArguments) -> Result<PcapReport, PcapError> {
    let started = Instant::now();
    let config = effective_config(arguments)?;
    let rules = rules::compile(&config, &arguments.rules.rules)?;
    rules.log_problems();
    let yara = rules::load_yara(&config);
    let context = OutputContext {
        sensor_name: config.sensor.name.clone(),
        interfaces: Vec::new(),
        capture_file: true,
        alerts: AlertCatalog::choose(rules.signatures().chain(rules::yara_signatures(yara.as_ref())), usize::MAX),
    };
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder).map_err(|source| PcapError::Folder { path: folder.clone(), source })?;
    }
    let outputs = Outputs::start(&config.eve, context)?;
    let store = config.files.store.enabled.then(|| StoreThread::start(&config.files.store, true)).transpose()?;
    let origin = Origin { sensor_name: config.sensor.name.clone(), interfaces: Vec::new() };
    let evidence = Evidence::start(&config.evidence, origin, true)?;
    let scans = |yara: &LoadedYara| YaraThread::start(&config.yara, Arc::clone(&yara.rules), outputs.sender(), true);
    let scanning = yara.as_ref().map(scans).transpose().map_err(PcapError::Thread)?;
    let thresholds = Arc::new(Thresholds::default());
    let expectations = Arc::default();
    let mut workers = Vec::new();
    for number in 0..arguments.workers.get() {
        let mut worker_config = worker_config(&config, arguments.inline, SEED, number);
        worker_config.capture_file = true;
        worker_config.store = store.as_ref().map(StoreThread::store);
        worker_config.evidence = evidence.as_ref().map(Evidence::ends);
        worker_config.yara = scanning.as_ref().map(YaraThread::queue);
        worker_config.expectations = Arc::clone(&expectations);
        workers.push(Worker::new(
            &worker_config,
            Arc::clone(&rules.engine),
            Arc::clone(&thresholds),
            outputs.sender(),
        )?);
    }
    let status = rules.status();
    let kept = evidence.as_ref().map(Evidence::counts);
    let evidence_counts = kept.clone();
    let sources = Arc::new(Sources {
        sensor_name: config.sensor.name.clone(),
        started: Instant::now(),
        layout: Worker::layout(),
        workers: workers.iter().zip(0..).map(|(worker, queue)| worker_source(worker, queue)).collect(),
        ruleset: Box::new(move || status.clone()),
        outputs: outputs.handle(),
        loss: Default::default(),
        extra: vec![Box::new(move || kept.as_ref().map_or_else(Vec::new, EvidenceCounts::samples))],
    });
    let weak = Arc::downgrade(&sources);
    outputs.set_stats_source(move || weak.upgrade().map(|sources| sources.stats()).unwrap_or_default());

    let costs: Vec<_> = workers.iter().map(|worker| Arc::clone(worker.costs())).collect();
    let ready_rss_bytes = resident_bytes().unwrap_or_default();
    let loaded = Instant::now();
    let mut reading = Reading::new(&arguments.files);
    match <[Worker; 1]>::try_from(workers) {
        Ok([worker]) => read_alone(&mut reading, worker),
        Err(workers) => read_shared(&mut reading, workers)?,
    }
    if let Some(store) = store {
        store.finish();
    }
    if let Some(evidence) = evidence {
        evidence.finish();
    }
    let scanned = scanning.map(|thread| {
        let queue = thread.queue();
        thread.finish();
        queue.reading()
    });
    let alerts = outputs.handle().alerts();
    let written = outputs.finish();
    lists::save(&rules.engine.kept);
    reading.progress.finish_and_clear();

    let mut ledger = LedgerReading::default();
    for worker in &sources.workers {
        ledger.add(&worker.ledger.read());
    }
    Ok(PcapReport {
        load_seconds: (loaded - started).as_secs_f64(),
        run_seconds: loaded.elapsed().as_secs_f64(),
        packets: reading.frames,
        bytes: reading.bytes,
        alerts: alerts.total(),
        events: EventType::ALL.iter().copied().map(|kind| (kind.name(), written.written[kind.index()])).collect(),
        rules: RuleCounts {
            loaded: rules.in_use() as u64,
            failed: rules.loaded.failed() as u64,
            skipped: rules.loaded.skipped.len() as u64,
        },
        max_rss_bytes: max_rss_bytes(),
        ready_rss_bytes,
        files: arguments.files.len(),
        damage: reading.damage,
        capture_seconds: reading.last.since(reading.first).as_secs_f64(),
        ledger,
        totals: sources.totals(),
        by_signature: PcapReport::name_signatures(
            &alerts,
            rules.signatures().chain(rules::yara_signatures(yara.as_ref())),
        ),
        yara: scanned,
        output: arguments.output.as_ref().map(|folder| folder.join("eve.json")),
        rule_costs: arguments.rule_costs.map(|top| table(&rules.engine.ruleset, &costs, loaded.elapsed(), top)),
        evidence: evidence_counts.as_ref().map_or_else(Default::default, EvidenceCounts::written),
        events_lost: written.lost.iter().sum(),
        first_error: written.first_error,
    })
}

/// The configuration with the command line's wishes over it.
fn effective_config(arguments: &PcapArguments) -> Result<Config, PcapError> {
    let mut config = arguments.config.load_given()?;
    match arguments.checksums {
        Some(Checksums::Check) => config.decode.verify_checksums = true,
        Some(Checksums::Ignore) => config.decode.verify_checksums = false,
        None => {}
    }
    arguments.yara.apply(&mut config);
    config.stream.midstream |= arguments.midstream;
    config.stream.inline |= arguments.inline;
    if let Some(depth) = arguments.stream_depth {
        config.stream.depth_bytes = depth;
    }
    config.eve.enabled = arguments.output.is_some();
    if let Some(folder) = &arguments.output {
        config.eve.path = folder.join("eve.json");
        config.files.store.folder = folder.join("files");
        config.evidence.folder = folder.join("evidence");
        config.evidence.rolling.folder = folder.join("rolling");
    }
    config.files.store.enabled &= arguments.output.is_some();
    config.evidence.enabled &= arguments.output.is_some();
    config.evidence.rolling.enabled &= arguments.output.is_some();
    config.eve.append = false;
    config.eve.when_full = WhenFull::Wait;
    Ok(config)
}

/// What a worker needs of the configuration.
#[must_use]
pub fn worker_config(config: &Config, inline: bool, seed: u64, number: u16) -> WorkerConfig {
    WorkerConfig {
        decode: config.decode.clone(),
        duplicates: config.capture.duplicates,
        flow: config.flow.clone(),
        bypass: config.capture.bypass.clone(),
        stream: config.stream.clone(),
        hosts: config.host_os_policy.clone(),
        detect: config.detect,
        files: config.files.clone(),
        store: None,
        yara: None,
        evidence: None,
        inline,
        capture_file: false,
        seed,
        number,
        expectations: Arc::default(),
    }
}

fn worker_source(worker: &Worker, queue: u32) -> WorkerSource {
    WorkerSource {
        interface: "file".to_owned(),
        queue,
        ledger: Arc::clone(worker.ledger()),
        counters: Arc::clone(worker.published()),
        time: None,
        kernel: None,
    }
}

/// The files, one after the other, and how far it is.
struct Reading<'a> {
    files: std::slice::Iter<'a, PathBuf>,
    open: Option<CaptureFile>,
    /// Frames of files that are done.
    frames: u64,
    bytes: u64,
    first: Timestamp,
    last: Timestamp,
    damage: Vec<CaptureError>,
    progress: ProgressBar,
    /// Bytes on disk of files that are done.
    progress_base: u64,
    batches: u32,
}

impl<'a> Reading<'a> {
    fn new(files: &'a [PathBuf]) -> Self {
        let size = |path: &PathBuf| std::fs::metadata(path).ok().filter(|m| m.is_file()).map(|m| m.len());
        let total: Option<u64> = files.iter().map(size).sum();
        // Hidden by itself when stderr is no terminal.
        let progress = match total {
            Some(total) => ProgressBar::new(total).with_style(
                ProgressStyle::with_template("{bar:40} {percent} %  {decimal_bytes_per_sec}, {eta} to go  {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            ),
            None => ProgressBar::new_spinner(),
        };
        Self {
            files: files.iter(),
            open: None,
            frames: 0,
            bytes: 0,
            first: Timestamp::default(),
            last: Timestamp::default(),
            damage: Vec::new(),
            progress,
            progress_base: 0,
            batches: 0,
        }
    }

    /// Delivers some frames; false when there are no more.
    fn next_batch(&mut self, mut deliver: impl FnMut(&Frame<'_>)) -> bool {
        loop {
            let Some(file) = &mut self.open else {
                let Some(path) = self.files.next() else { return false };
                match CaptureFile::open(path) {
                    Ok(file) => self.open = Some(file.numbered_from(self.frames + 1)),
                    Err(error) => self.damage.push(error),
                }
                continue;
            };
            let (first, last) = (&mut self.first, &mut self.last);
            let result = file.next_batch(BATCH, |frame| {
                if *first == Timestamp::default() {
                    *first = frame.ts;
                }
                *last = frame.ts;
                deliver(frame);
            });
            match result {
                Ok(n) if n > 0 => {
                    self.batches = self.batches.wrapping_add(1);
                    if self.batches.is_multiple_of(64) {
                        self.progress.set_position(self.progress_base + file.bytes_read());
                    }
                    return true;
                }
                Ok(_) => {}
                Err(error) => self.damage.push(error),
            }
            let summary = file.summary();
            self.frames += summary.frames;
            self.bytes += summary.bytes;
            self.progress_base += file.bytes_read();
            self.open = None;
        }
    }
}

fn read_alone(reading: &mut Reading<'_>, mut worker: Worker) {
    while reading.next_batch(|frame| {
        worker.frame(frame);
    }) {
        worker.batch_end(reading.last);
    }
    worker.finish();
}

fn read_shared(reading: &mut Reading<'_>, workers: Vec<Worker>) -> Result<(), PcapError> {
    let (give_back, returned) = crossbeam::channel::unbounded::<Chunk>();
    let (mut senders, mut threads) = (Vec::new(), Vec::new());
    for (number, mut worker) in workers.into_iter().enumerate() {
        let (sender, chunks) = crossbeam::channel::bounded::<Chunk>(CHUNKS_WAITING);
        senders.push(sender);
        let give_back = give_back.clone();
        let work = move || {
            for chunk in chunks {
                let mut last = None;
                for frame in chunk.frames() {
                    worker.frame(&frame);
                    last = Some(frame.ts);
                }
                if let Some(last) = last {
                    worker.batch_end(last);
                }
                // Fails only when the reader is done, and wants no more chunks.
                let _ = give_back.send(chunk);
            }
            worker.finish();
        };
        threads
            .push(std::thread::Builder::new().name(format!("worker-{number}")).spawn(work).map_err(PcapError::Thread)?);
    }
    let mut shares = Shares::new(senders, returned);
    while reading.next_batch(|frame| shares.give(frame)) {}
    shares.finish();
    for thread in threads {
        thread.join().map_err(|_| PcapError::WorkerFailed)?;
    }
    Ok(())
}

/// Most memory that the process had resident so far, in bytes.
fn max_rss_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let kib = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    u64::try_from(kib).unwrap_or(0).saturating_mul(1024)
}

/// What is resident of this process, in bytes; none where /proc does not say.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib.saturating_mul(1024))
}

/// Unguessable: flow tables are hashed with it.
#[must_use]
pub fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one((std::process::id(), Duration::from_nanos(Timestamp::now().0)))
}
