//! The sensor's state as a person asks for it: `sekisho status`, and `/status` over HTTP.

use super::loss::MirrorStatus;
use super::sources::{RulesetStatus, Sources};
use super::{EventType, Loss, OutputState};
use crate::ledger::{LedgerReading, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The sensor's name, if it has one.
    pub name: Option<String>,
    /// The sensor's version.
    pub version: String,
    /// Process identifier.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// The rules that are judged.
    pub ruleset: RulesetStatus,
    /// One entry per worker.
    pub queues: Vec<QueueStatus>,
    /// The ledgers of all queues together.
    pub total: LedgerStatus,
    /// What the mirror delivers, as far as it can be told.
    #[serde(default)]
    pub mirror: MirrorStatus,
    /// All modules' counters, summed over the workers, by metric name without its prefix.
    pub counters: BTreeMap<String, u64>,
    /// Alerts.
    pub alerts: AlertStatus,
    /// Events by type.
    pub events: BTreeMap<String, EventStatus>,
    /// Events between workers and output.
    pub events_queued: u64,
    /// Failed attempts to write events.
    pub write_errors: u64,
    /// One entry per output, the event log first.
    #[serde(default)]
    pub outputs: Vec<OutputStatus>,
}

/// One output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputStatus {
    /// `eve`, or as the configuration calls it.
    pub name: String,
    /// What it is: `file /var/log/sekisho/eve.json`, `syslog tcp://collector:601`.
    pub what: String,
    /// Its peer is there, or its file is open.
    pub connected: bool,
    /// Events wait, and it takes none.
    pub stalled: bool,
    /// Events that it took.
    pub written: u64,
    /// Events on their way to it.
    pub queued: u64,
    /// By reason, alerts first: those that lost something.
    pub lost: BTreeMap<String, LostStatus>,
    /// How often its peer was there again.
    pub reconnects: u64,
    /// Seconds since something last failed.
    pub last_error_age_s: Option<u64>,
    /// What that was.
    pub last_error: Option<String>,
}

/// Events that an output lost for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostStatus {
    /// Alerts.
    pub alerts: u64,
    /// All other events.
    pub others: u64,
}

impl OutputStatus {
    fn of(output: &OutputState) -> Self {
        let health = &output.health;
        let lost = Loss::ALL.into_iter().filter_map(|loss| {
            let lost = output.losses.of(loss);
            let (alerts, all) = (lost[EventType::Alert.index()], lost.iter().sum::<u64>());
            let lost = LostStatus { alerts, others: all.saturating_sub(alerts) };
            (all > 0).then(|| (loss.name().to_owned(), lost))
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self {
            name: output.name.clone(),
            what: output.what.clone(),
            connected: health.connected,
            stalled: health.stalled,
            written: output.reading.written.iter().sum(),
            queued: output.reading.queued,
            lost: lost.collect(),
            reconnects: health.reconnects,
            last_error_age_s: health.last_error.as_ref().map(|_| now.saturating_sub(health.last_error_s)),
            last_error: health.last_error.clone(),
        }
    }

    /// What it is at, in a few words.
    fn state(&self) -> &'static str {
        match (self.connected, self.stalled) {
            (true, false) => "ok",
            (true, true) => "STALLED: events wait, and it takes none",
            (false, _) => "NOT THERE, tried again and again",
        }
    }
}

impl fmt::Display for OutputStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [written, queued] = [self.written, self.queued].map(grouped);
        writeln!(f, "{} ({}): {}; {written} written, {queued} on their way", self.name, self.what, self.state())?;
        for loss in Loss::ALL {
            if let Some(lost) = self.lost.get(loss.name()) {
                let [alerts, others] = [lost.alerts, lost.others].map(grouped);
                writeln!(f, "  LOST {alerts} alerts and {others} other events: they {}", loss.in_words())?;
            }
        }
        if let (Some(age), Some(error)) = (self.last_error_age_s, &self.last_error) {
            writeln!(f, "  last error {} ago: {error}", duration(age))?;
        }
        Ok(())
    }
}

/// One queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Interface name.
    pub interface: String,
    /// Queue number.
    pub queue: u32,
    /// How frames come: `zero_copy`, `copy` …; absent for files.
    pub mode: Option<String>,
    /// How the XDP program is attached; absent for files.
    pub attach: Option<String>,
    /// The NIC's driver; absent if unknown.
    pub driver: Option<String>,
    /// What became of its frames.
    pub ledger: LedgerStatus,
    /// AF_XDP socket statistics, under the kernel's names.
    pub socket: BTreeMap<String, u64>,
    /// Packets by what the XDP program did: `redirected`, `passed:no_socket` …
    pub xdp: BTreeMap<String, u64>,
    /// Share of time with packets at hand since the start, 0 to 1.
    pub busy: Option<f64>,
}

/// A ledger. It balances when `received` is `inspected`, `bypassed`, `dropped` and `in_flight` together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the ledger's words")]
pub struct LedgerStatus {
    pub received: u64,
    pub received_bytes: u64,
    pub inspected: u64,
    /// By reason.
    pub bypassed: BTreeMap<String, u64>,
    /// By reason.
    pub dropped: BTreeMap<String, u64>,
    /// Received, and not settled yet.
    pub in_flight: u64,
    /// False when more was settled than received: a defect.
    pub balances: bool,
}

impl LedgerStatus {
    /// Names the reading's numbers.
    #[must_use]
    pub fn of(reading: &LedgerReading) -> Self {
        let mut status = Self {
            received: reading.received_packets,
            received_bytes: reading.received_bytes,
            in_flight: reading.in_flight(),
            ..Self::default()
        };
        let mut settled = 0u64;
        for (outcome, packets) in Outcome::ALL.into_iter().zip(reading.outcomes) {
            settled = settled.saturating_add(packets);
            let reason = outcome.reason().to_owned();
            match outcome {
                Outcome::Inspected => status.inspected = packets,
                Outcome::Bypassed(_) => drop(status.bypassed.insert(reason, packets)),
                Outcome::Dropped(_) => drop(status.dropped.insert(reason, packets)),
            }
        }
        status.balances = settled.saturating_add(status.in_flight) == status.received;
        status
    }
}

/// Alerts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertStatus {
    /// All.
    pub total: u64,
    /// By severity; those with none are left out.
    pub by_severity: BTreeMap<String, u64>,
    /// The ten signatures with most alerts, with their numbers.
    pub most: Vec<(u32, u64)>,
}

/// Events of one type since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the metrics' words")]
pub struct EventStatus {
    pub sent: u64,
    pub written: u64,
    pub lost: u64,
}

impl Sources {
    /// For `sekisho status` and `/status`.
    #[must_use]
    pub fn status(&self) -> Status {
        let reading = self.outputs.reading();
        let count = |kind: EventType| EventStatus {
            sent: reading.sent[kind.index()],
            written: reading.written[kind.index()],
            lost: reading.lost[kind.index()],
        };
        let queues = self.queues();
        let mut total = LedgerReading::default();
        for (_, ledger) in &queues {
            total.add(ledger);
        }
        Status {
            name: self.sensor_name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs(),
            ruleset: (self.ruleset)(),
            total: LedgerStatus::of(&total),
            queues: queues.into_iter().map(|(queue, _)| queue).collect(),
            mirror: self.loss.status(&self.layout, &self.workers),
            counters: self.status_counters(),
            alerts: self.alert_status(),
            events: EventType::ALL.iter().copied().map(|kind| (kind.name().to_owned(), count(kind))).collect(),
            events_queued: reading.queued,
            write_errors: reading.write_errors,
            outputs: self.outputs.outputs().iter().map(OutputStatus::of).collect(),
        }
    }

    /// The workers' counters, and what else a person asks for.
    fn status_counters(&self) -> BTreeMap<String, u64> {
        let totals = self.totals().counters.into_iter();
        let mut counters: BTreeMap<String, u64> = totals.map(|(name, n)| (name.to_owned(), n)).collect();
        for sample in self.extra.iter().flat_map(|extra| extra()) {
            let asked = ["blocklist_", "shedding", "evidence_"];
            if asked.iter().any(|start| sample.name.starts_with(start)) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, exact to 2^53")]
                let value = sample.value as u64;
                *counters.entry(sample.name.into_owned()).or_default() += value;
            }
        }
        counters
    }

    fn queues(&self) -> Vec<(QueueStatus, LedgerReading)> {
        let one = |worker: &super::sources::WorkerSource| {
            let ledger = worker.ledger.read();
            let mut status = QueueStatus {
                interface: worker.interface.clone(),
                queue: worker.queue,
                ledger: LedgerStatus::of(&ledger),
                ..QueueStatus::default()
            };
            if let Some(time) = &worker.time {
                let (busy, idle) = time.read();
                let all = (busy + idle).as_secs_f64();
                status.busy = (all > 0.0).then(|| busy.as_secs_f64() / all);
            }
            if let Some(kernel) = &worker.kernel {
                let kernel = kernel();
                status.mode = Some(kernel.mode);
                status.attach = Some(kernel.attach);
                status.driver = Some(kernel.driver).filter(|driver| !driver.is_empty());
                let fields = kernel.socket.map(|socket| socket.fields()).into_iter().flatten();
                status.socket = fields.map(|(name, _, value)| (name.to_owned(), value)).collect();
                for count in kernel.xdp {
                    let word = match count.reason {
                        "" => count.outcome.to_owned(),
                        reason => format!("{}:{reason}", count.outcome),
                    };
                    *status.xdp.entry(word).or_default() += count.packets;
                }
            }
            (status, ledger)
        };
        self.workers.iter().map(one).collect()
    }

    fn alert_status(&self) -> AlertStatus {
        let alerts = self.outputs.alerts();
        let mut most: Vec<(u32, u64)> =
            alerts.by_sid.iter().filter_map(|&(sid, n)| Some((sid?, n))).filter(|&(_, n)| n > 0).collect();
        most.sort_by_key(|&(sid, n)| (std::cmp::Reverse(n), sid));
        most.truncate(10);
        AlertStatus {
            total: alerts.total(),
            by_severity: alerts.by_severity.iter().filter(|(_, n)| *n > 0).map(|&(s, n)| (s.to_owned(), n)).collect(),
            most,
        }
    }
}

/// The text of `sekisho status`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        writeln!(f, "sekisho {}{name}, process {}, up {}", self.version, self.pid, duration(self.uptime_s))?;
        let rules = &self.ruleset;
        let hash = rules.hash.get(..12).unwrap_or(&rules.hash);
        write!(f, "rules    {} loaded, {} skipped, ", grouped(rules.loaded), grouped(rules.skipped))?;
        writeln!(f, "{} with errors; ruleset {hash}", grouped(rules.failed))?;
        self.write_ruleset(f)?;
        self.write_ledger(f)?;
        self.write_mirror(f)?;
        self.write_capture(f)?;
        self.write_events(f)?;
        self.write_counters(f)
    }
}

impl Status {
    fn write_ruleset(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = &self.ruleset;
        if rules.loaded_at_s > 0 {
            write!(f, "         loaded {}", utc(rules.loaded_at_s))?;
            #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
            let seconds = rules.load_ms as f64 / 1e3;
            write!(f, " in {seconds:.2} s; reloads: {} worked, {} failed", rules.reloads_ok, rules.reloads_failed)?;
            writeln!(f)?;
        }
        if let Some(why) = &rules.last_failure {
            writeln!(f, "  THE LAST RELOAD FAILED, the rules are as they were: {why}")?;
        }
        for rule in &rules.costly {
            let done = if rule.paused { ", and is paused until the next reload" } else { "" };
            writeln!(f, "  sid {} took {} % of the workers' time{done}: {}", rule.id.1, rule.percent, rule.msg)?;
        }
        Ok(())
    }

    fn write_ledger(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<20}{:>16}{:>16}{:>14}{:>14}{:>11}",
            "packets", "received", "inspected", "bypassed", "dropped", "in flight"
        )?;
        for queue in &self.queues {
            ledger_line(f, &format!("{} queue {}", queue.interface, queue.queue), &queue.ledger)?;
        }
        ledger_line(f, "sum", &self.total)?;
        for (word, reasons) in [("bypassed", &self.total.bypassed), ("dropped", &self.total.dropped)] {
            for (reason, packets) in reasons.iter().filter(|(_, packets)| **packets > 0) {
                writeln!(f, "  {word}: {} {reason}", grouped(*packets))?;
            }
        }
        if self.total.balances && self.queues.iter().all(|queue| queue.ledger.balances) {
            writeln!(f, "  The ledger balances: received = inspected + bypassed + dropped + in flight.")
        } else {
            writeln!(f, "  THE LEDGER DOES NOT BALANCE: more packets were settled than received. This is a defect.")
        }
    }

    /// What is wrong with what comes to the sensor, and what to do about it.
    fn write_mirror(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Fewer say nothing.
        const SEGMENTS: u64 = 1000;
        write!(f, "{}", self.mirror)?;
        let count = |name: &str| self.counters.get(name).copied().unwrap_or_default();
        let (segments, again) = (count("stream_segments_total"), count("stream_duplicate_segments_total"));
        if segments >= SEGMENTS && again >= segments / 8 {
            writeln!(
                f,
                "  MANY SEGMENTS COME TWICE ({} of {}): where the mirror sends frames twice, set capture.duplicates.mode.",
                grouped(again),
                grouped(segments)
            )?;
        }
        let cut = count("decode_truncated_packets_total");
        if cut > 0 {
            writeln!(
                f,
                "  {} PACKETS WERE CUT on their way here, by the mirror or the capture: have it send whole frames, else nothing behind the \
                 cut is inspected (decode.truncated).",
                grouped(cut)
            )?;
        }
        Ok(())
    }

    fn write_capture(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for queue in self.queues.iter().filter(|queue| queue.mode.is_some()) {
            write!(f, "  {} queue {}: {}", queue.interface, queue.queue, queue.mode.as_deref().unwrap_or_default())?;
            for (word, value) in [("XDP", &queue.attach), ("driver", &queue.driver)] {
                if let Some(value) = value {
                    write!(f, ", {word} {value}")?;
                }
            }
            if let Some(busy) = queue.busy {
                write!(f, ", busy {:.1} %", busy * 100.0)?;
            }
            let odd = queue.socket.iter().chain(queue.xdp.iter().filter(|(word, _)| *word != "redirected"));
            for (word, value) in odd.filter(|(_, value)| **value > 0) {
                write!(f, ", {word} {}", grouped(*value))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn write_events(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\nalerts   {}", grouped(self.alerts.total))?;
        for (severity, count) in &self.alerts.by_severity {
            write!(f, "; severity {severity}: {}", grouped(*count))?;
        }
        writeln!(f)?;
        for (sid, count) in &self.alerts.most {
            writeln!(f, "  sid {sid}: {}", grouped(*count))?;
        }
        writeln!(f, "\n{:<20}{:>16}{:>16}{:>14}", "events", "sent", "written", "lost")?;
        for (kind, count) in &self.events {
            let [sent, written, lost] = [count.sent, count.written, count.lost].map(grouped);
            writeln!(f, "{kind:<20}{sent:>16}{written:>16}{lost:>14}")?;
        }
        if self.write_errors > 0 {
            writeln!(f, "  {} attempts to write events failed: see the log.", grouped(self.write_errors))?;
        }
        writeln!(f, "\noutputs")?;
        self.outputs.iter().try_for_each(|output| write!(f, "{output}"))
    }

    fn write_counters(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some: Vec<_> = self.counters.iter().filter(|(_, n)| **n > 0).collect();
        if some.is_empty() {
            return Ok(());
        }
        writeln!(f, "\ncounters")?;
        for (name, n) in some {
            let name = name.strip_suffix("_total").unwrap_or(name);
            writeln!(f, "  {name:<50}{:>18}", grouped(*n))?;
        }
        Ok(())
    }
}

fn ledger_line(f: &mut fmt::Formatter<'_>, name: &str, ledger: &LedgerStatus) -> fmt::Result {
    let bypassed = ledger.bypassed.values().sum();
    let dropped = ledger.dropped.values().sum();
    let [received, inspected, bypassed, dropped, in_flight] =
        [ledger.received, ledger.inspected, bypassed, dropped, ledger.in_flight].map(grouped);
    writeln!(f, "{name:<20}{received:>16}{inspected:>16}{bypassed:>14}{dropped:>14}{in_flight:>11}")
}

/// A time as people read it.
fn utc(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(String::new, |time| time.to_string())
}

/// A number with a comma between groups of three digits.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 d 4 h`, `4 h 12 min`, `12 min 3 s`, `3 s`.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match (days, hours, minutes) {
        (0, 0, 0) => write!(text, "{rest} s"),
        (0, 0, _) => write!(text, "{minutes} min {rest} s"),
        (0, _, _) => write!(text, "{hours} h {minutes} min"),
        _ => write!(text, "{days} d {hours} h"),
    };
    text
}
