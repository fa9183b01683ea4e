//! Everything that metrics, status and `stats` events are read from, in one place that the run command fills.
//!
//! Nothing here is touched by the packet path: workers write counters of their own, and readers come for them at
//! scrape. What needs types of the capture is a closure, so that this module knows none of them.

use super::eve::stats::StatsReading;
use super::loss::LossWatch;
pub use super::ruleset::RulesetStatus;
use super::{EventType, Loss, OutputState, OutputsHandle};
use crate::counters::{CounterInfo, CounterSet, Published, WorkerTime};
use crate::histogram::HistogramReading;
use crate::ledger::{Ledger, LedgerReading, Outcome};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// One value of one time series.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Name without the `sekisho_` before it; counters end in `_total`.
    pub name: Cow<'static, str>,
    /// One sentence.
    pub help: Cow<'static, str>,
    /// Counters only grow; gauges go up and down.
    pub kind: SampleKind,
    /// Names and values. Never an address, a flow or a name from the traffic.
    pub labels: Vec<(&'static str, String)>,
    /// In base units.
    pub value: f64,
    /// In place of the value.
    pub histogram: Option<HistogramReading>,
}

/// Type of a time series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SampleKind {
    Counter,
    Gauge,
    Histogram,
}

impl Sample {
    /// A counter with no labels.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating point; counts are exact to 2^53")]
    pub fn counter(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>, value: u64) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            kind: SampleKind::Counter,
            labels: Vec::new(),
            value: value as f64,
            histogram: None,
        }
    }

    /// A histogram with no labels.
    #[must_use]
    pub fn histogram(name: &'static str, help: &'static str, reading: HistogramReading) -> Self {
        Self { kind: SampleKind::Histogram, histogram: Some(reading), ..Self::counter(name, help, 0) }
    }

    /// A gauge with no labels.
    #[must_use]
    pub fn gauge(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self { kind: SampleKind::Gauge, value, ..Self::counter(name, help, 0) }
    }

    /// With one more label.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

/// What one part of a worker's [`Published`] block holds. The parts lie one after the other.
#[derive(Clone, Debug)]
pub enum Block {
    /// A module's counters.
    Counters(&'static [CounterInfo]),
    /// One counter by a label with a fixed list of values: decoder events by name.
    Labelled {
        /// Name without prefix.
        name: &'static str,
        /// One sentence.
        help: &'static str,
        /// The label's name.
        label: &'static str,
        /// Its values, one counter each.
        values: Vec<&'static str>,
    },
}

impl Block {
    /// The counters of `S`.
    #[must_use]
    pub fn of<S: CounterSet>() -> Self {
        Self::Counters(S::INFO)
    }

    /// Values in the block.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Counters(info) => info.len(),
            Self::Labelled { values, .. } => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// `XDP_STATISTICS` of an AF_XDP socket, under the kernel's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketStatistics {
    /// Dropped for another reason than a full or empty ring.
    pub rx_dropped: u64,
    /// Descriptors in the fill ring that the kernel refused.
    pub rx_invalid_descs: u64,
    /// Descriptors in the transmit ring that the kernel refused.
    pub tx_invalid_descs: u64,
    /// Dropped: the receive ring was full, the sensor too slow.
    pub rx_ring_full: u64,
    /// The fill ring was empty when the kernel wanted a frame.
    pub rx_fill_ring_empty_descs: u64,
    /// The transmit ring was empty when the kernel looked.
    pub tx_ring_empty_descs: u64,
}

impl SocketStatistics {
    /// Name, help and value of each.
    #[must_use]
    pub const fn fields(&self) -> [(&'static str, &'static str, u64); 6] {
        [
            (
                "rx_dropped",
                "Packets that the AF_XDP socket dropped for a reason that has no counter of its own.",
                self.rx_dropped,
            ),
            ("rx_invalid_descs", "Fill ring descriptors that the kernel refused.", self.rx_invalid_descs),
            ("tx_invalid_descs", "Transmit ring descriptors that the kernel refused.", self.tx_invalid_descs),
            ("rx_ring_full", "Packets dropped because the AF_XDP receive ring was full.", self.rx_ring_full),
            (
                "rx_fill_ring_empty_descs",
                "Times that the kernel found the AF_XDP fill ring empty.",
                self.rx_fill_ring_empty_descs,
            ),
            (
                "tx_ring_empty_descs",
                "Times that the kernel found the AF_XDP transmit ring empty.",
                self.tx_ring_empty_descs,
            ),
        ]
    }

    /// Packets that were lost between the NIC and the sensor.
    #[must_use]
    pub const fn lost_packets(&self) -> u64 {
        self.rx_dropped.saturating_add(self.rx_ring_full)
    }
}

/// What the XDP program did with the packets of one queue, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XdpCount {
    /// `redirected`, `passed`, `dropped` …
    pub outcome: &'static str,
    /// The reason's word; empty for `redirected`.
    pub reason: &'static str,
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The kernel's side of one queue at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelReading {
    /// `zero_copy`, `copy`, `file` …: how frames come, as the kernel says it.
    pub mode: String,
    /// `native`, `generic`, …: how the XDP program is attached.
    pub attach: String,
    /// The NIC's driver; empty if unknown.
    pub driver: String,
    /// None when it could not be read.
    pub socket: Option<SocketStatistics>,
    /// By outcome and reason.
    pub xdp: Vec<XdpCount>,
}

/// Reads the kernel's side of a queue.
pub type KernelSource = Box<dyn Fn() -> KernelReading + Send + Sync>;

/// One worker.
pub struct WorkerSource {
    /// The interface's name, or what stands for it (`file`).
    pub interface: String,
    /// The NIC's queue, or the worker's number.
    pub queue: u32,
    /// What became of its frames.
    pub ledger: Arc<Ledger>,
    /// Its modules' counters, laid out as [`Sources::layout`] says.
    pub counters: Arc<Published>,
    /// How it spent its time.
    pub time: Option<Arc<WorkerTime>>,
    /// The kernel's side.
    pub kernel: Option<KernelSource>,
}

/// See the module.
pub struct Sources {
    /// The sensor's name.
    pub sensor_name: Option<String>,
    /// When the sensor started.
    pub started: Instant,
    /// What every worker's block of counters holds.
    pub layout: Vec<Block>,
    /// The workers.
    pub workers: Vec<WorkerSource>,
    /// The rules now.
    pub ruleset: Box<dyn Fn() -> RulesetStatus + Send + Sync>,
    /// Events and alerts.
    pub outputs: OutputsHandle,
    /// What is lost on the way here.
    pub loss: LossWatch,
    /// Whatever else is to be on `/metrics`.
    pub extra: Vec<Box<dyn Fn() -> Vec<Sample> + Send + Sync>>,
}

impl Sources {
    /// Sums all workers' counters by name; labelled ones by name and label value.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for worker in &self.workers {
            let values = worker.counters.read();
            let mut rest = values.as_slice();
            for block in &self.layout {
                let (these, after) = rest.split_at(block.len().min(rest.len()));
                rest = after;
                match block {
                    Block::Counters(info) => {
                        for (info, value) in info.iter().zip(these) {
                            *totals.counters.entry(info.name).or_default() += value;
                        }
                    }
                    Block::Labelled { name, values, .. } => {
                        for (label, value) in values.iter().zip(these) {
                            *totals.labelled.entry((name, label)).or_default() += value;
                        }
                    }
                }
            }
        }
        totals
    }

    /// To be called every second or so, for what is told of the last minute.
    pub fn tick(&self) {
        self.loss.tick(&self.layout, &self.workers, Instant::now());
    }

    /// All workers' ledgers together.
    #[must_use]
    pub fn ledger(&self) -> LedgerReading {
        let mut sum = LedgerReading::default();
        for worker in &self.workers {
            sum.add(&worker.ledger.read());
        }
        sum
    }

    /// For `stats` events.
    #[must_use]
    pub fn stats(&self) -> StatsReading {
        let mut reading = StatsReading { uptime_s: self.started.elapsed().as_secs(), ..StatsReading::default() };
        let totals = self.totals();
        let mut put = |path: &str, value: u64| {
            reading.counters.insert(path.to_owned(), value);
        };
        for (path, names) in super::stats_names::STATS {
            let values: Option<Vec<u64>> = names.iter().map(|name| totals.counters.get(name).copied()).collect();
            if let Some(values) = values {
                put(path, values.iter().sum());
            }
        }
        for (&(_, event), &value) in &totals.labelled {
            if let Some(path) = super::stats_names::event_path(event) {
                put(&path, value);
            }
        }
        put("detect.alert", self.outputs.alerts().total());
        let sockets: Vec<SocketStatistics> =
            self.workers.iter().filter_map(|w| w.kernel.as_ref()).filter_map(|kernel| kernel().socket).collect();
        if !sockets.is_empty() {
            let dropped: u64 = sockets.iter().map(SocketStatistics::lost_packets).sum();
            put("capture.kernel_packets", self.ledger().received_packets.saturating_add(dropped));
            put("capture.kernel_drops", dropped);
        }
        reading
    }

    /// For `/metrics`.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for worker in &self.workers {
            self.worker_samples(worker, &mut samples);
        }
        samples.extend(self.loss.samples(&self.layout, &self.workers));
        self.labelled_samples(&mut samples);
        self.output_samples(&mut samples);
        self.info_samples(&mut samples);
        for extra in &self.extra {
            samples.extend(extra());
        }
        samples
    }

    fn worker_samples(&self, worker: &WorkerSource, out: &mut Vec<Sample>) {
        let mut put = |sample: Sample| {
            out.push(sample.label("interface", &worker.interface).label("queue", worker.queue.to_string()));
        };
        let ledger = worker.ledger.read();
        put(Sample::counter(
            "packets_received_total",
            "Frames taken from the ring or the file.",
            ledger.received_packets,
        ));
        put(Sample::counter("bytes_received_total", "Bytes of the frames that were received.", ledger.received_bytes));
        for (outcome, packets) in Outcome::ALL.into_iter().zip(ledger.outcomes) {
            let help = "Frames by what became of them; with those in flight they are all that were received.";
            put(Sample::counter("packets_total", help, packets)
                .label("outcome", outcome.kind())
                .label("reason", outcome.reason()));
        }
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
        put(Sample::gauge(
            "packets_in_flight",
            "Frames received whose outcome is not settled yet.",
            ledger.in_flight() as f64,
        ));
        if let Some(time) = &worker.time {
            let (busy, idle) = time.read();
            for (name, help, time) in [
                ("worker_busy_seconds_total", "Time that the worker had packets at hand.", busy),
                ("worker_idle_seconds_total", "Time that the worker waited for packets.", idle),
            ] {
                put(Sample { value: time.as_secs_f64(), ..Sample::counter(name, help, 0) });
            }
            put(Sample::histogram(
                "worker_batch_packets",
                "Packets that the worker took from its ring at once; full batches all the time mean that it lags behind.",
                time.batch_packets.read(1.0),
            ));
            put(Sample::histogram(
                "worker_batch_seconds",
                "Time from taking a batch of packets to being done with all of them; in line, the delay that the sensor adds.",
                time.batch_ns.read(1e-9),
            ));
        }
        let values = worker.counters.read();
        let mut rest = values.as_slice();
        for block in &self.layout {
            let (these, after) = rest.split_at(block.len().min(rest.len()));
            rest = after;
            let Block::Counters(info) = block else { continue };
            for (info, &value) in info.iter().zip(these) {
                let mut sample = Sample::counter(info.name, info.help.trim(), value);
                if info.is_gauge() {
                    sample.kind = SampleKind::Gauge;
                }
                put(sample);
            }
        }
        if let Some(kernel) = &worker.kernel {
            kernel_samples(kernel(), &mut put);
        }
    }

    fn labelled_samples(&self, out: &mut Vec<Sample>) {
        let totals = self.totals();
        for block in &self.layout {
            let Block::Labelled { name, help, label, values } = block else { continue };
            for value in values {
                let sum = totals.labelled.get(&(*name, *value)).copied().unwrap_or(0);
                out.push(Sample::counter(*name, help.trim(), sum).label(label, *value));
            }
        }
    }

    fn output_samples(&self, out: &mut Vec<Sample>) {
        let alerts = self.outputs.alerts();
        for (sid, count) in alerts.by_sid {
            let help = "Alerts by signature; signatures beyond the configured bound count under \"other\".";
            let sid = sid.map_or_else(|| "other".to_owned(), |sid| sid.to_string());
            out.push(Sample::counter("alerts_total", help, count).label("sid", sid));
        }
        for (severity, count) in alerts.by_severity {
            let help = "Alerts by severity, 1 being the highest.";
            out.push(Sample::counter("alerts_by_severity_total", help, count).label("severity", severity));
        }
        for (action, count) in alerts.by_action {
            let help = "Alerts by what became of the packet: allowed, or blocked by the rule in line.";
            out.push(Sample::counter("alerts_by_action_total", help, count).label("action", action));
        }
        for (category, count) in alerts.by_category {
            let help =
                "Alerts by the rule's classtype; those beyond the bound, and rules without one, count under \"other\".";
            out.push(Sample::counter("alerts_by_category_total", help, count).label("category", &*category));
        }
        for (sid, facts) in alerts.fired {
            let help = "What the signature that alerted says of itself; always 1. For the 200 that alerted most often.";
            out.push(
                Sample::gauge("signature_info", help, 1.0)
                    .label("sid", sid.to_string())
                    .label("msg", &*facts.msg)
                    .label("category", &*facts.category)
                    .label("severity", facts.severity.to_string())
                    .label("action", facts.action),
            );
        }
        for output in self.outputs.outputs() {
            output_samples(&output, out);
        }
    }

    fn info_samples(&self, out: &mut Vec<Sample>) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let help =
            "The sensor's own clock, seconds since 1970; held against the scraper's, it shows a clock that is wrong.";
        out.push(Sample::gauge("clock_seconds", help, now.as_secs_f64()));
        let help = "The sensor that is running; always 1.";
        out.push(Sample::gauge("build_info", help, 1.0).label("version", env!("CARGO_PKG_VERSION")));
        super::ruleset::samples((self.ruleset)(), out);
        out.push(Sample::gauge(
            "uptime_seconds",
            "Time since the sensor started.",
            self.started.elapsed().as_secs_f64(),
        ));
    }
}

/// One output's.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
fn output_samples(output: &OutputState, out: &mut Vec<Sample>) {
    let (reading, health) = (&output.reading, &output.health);
    let mut put = |sample: Sample| out.push(sample.label("output", output.name.clone()));
    for (name, help, counts) in [
        ("events_sent_total", "Events handed to an output.", &reading.sent),
        ("events_written_total", "Events that an output wrote.", &reading.written),
        ("events_lost_total", "Events that an output had no room for or could not write.", &reading.lost),
    ] {
        for kind in &output.types {
            put(Sample::counter(name, help, counts[kind.index()]).label("type", kind.name()));
        }
    }
    for loss in Loss::ALL {
        let lost = output.losses.of(loss);
        let alerts = lost[EventType::Alert.index()];
        let others = lost.iter().sum::<u64>().saturating_sub(alerts);
        let help = "Events that an output lost, by why: alerts, and all others.";
        for (class, lost) in [("alert", alerts), ("other", others)] {
            let sample = Sample::counter("output_lost_events_total", help, lost);
            put(sample.label("class", class).label("reason", loss.name()));
        }
    }
    let flag = |on: bool| f64::from(u8::from(on));
    for sample in [
        Sample::counter("output_written_bytes_total", "Bytes that an output wrote.", reading.written_bytes),
        Sample::counter(
            "output_write_errors_total",
            "Attempts of an output to write that failed.",
            reading.write_errors,
        ),
        Sample::counter(
            "output_reconnects_total",
            "How often an output's peer, or its file, was there again after it was gone.",
            health.reconnects,
        ),
        Sample::counter("output_rotations_total", "How often the sensor itself began a new file.", health.rotations),
        Sample::gauge("output_queued_events", "Events between the workers and an output now.", reading.queued as f64),
        Sample::gauge(
            "output_queue_capacity_events",
            "Events that an output's own queues hold at most; 0 for the event log where it is the only output, which has the workers' queues.",
            health.capacity as f64,
        ),
        Sample::gauge(
            "output_connected",
            "1 while an output's peer is there, or its file open.",
            flag(health.connected),
        ),
        Sample::gauge(
            "output_stalled",
            "1 while events wait for an output that has taken none for three seconds.",
            flag(health.stalled),
        ),
        Sample::gauge(
            "output_last_error_timestamp_seconds",
            "When an output last failed, in Unix time; 0 if it never did.",
            health.last_error_s as f64,
        ),
    ] {
        put(sample);
    }
}

fn kernel_samples(kernel: KernelReading, put: &mut impl FnMut(Sample)) {
    put(Sample::gauge("capture_info", "How frames come from this queue; always 1.", 1.0)
        .label("mode", kernel.mode)
        .label("attach", kernel.attach)
        .label("driver", kernel.driver));
    if let Some(socket) = kernel.socket {
        for (name, help, value) in socket.fields() {
            put(Sample::counter(format!("afxdp_{name}_total"), help, value));
        }
    }
    for count in kernel.xdp {
        for (name, help, value) in [
            ("xdp_packets_total", "Packets by what the XDP program did with them.", count.packets),
            ("xdp_bytes_total", "Bytes of the packets by what the XDP program did with them.", count.bytes),
        ] {
            put(Sample::counter(name, help, value).label("outcome", count.outcome).label("reason", count.reason));
        }
    }
}

/// All workers' counters together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By name without prefix.
    pub counters: BTreeMap<&'static str, u64>,
    /// By name and label value.
    pub labelled: BTreeMap<(&'static str, &'static str), u64>,
}
