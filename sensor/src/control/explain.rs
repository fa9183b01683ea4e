//! `sekisho explain`: for each flow of a capture that came near a rule, which of its conditions held, and the first that did not.

use super::arguments::{Checksums, ConfigArguments, Format, RuleArguments};
use super::lists;
use super::pcap::worker_config;
use super::print::{out, outln};
use super::rules::{self, RulesError};
use crate::capture::pcap::{CaptureError, CaptureFile};
use crate::config::{Config, ConfigError};
use crate::detect::cache::DatabaseCache;
use crate::detect::engine::{Engine, Retention};
use crate::detect::explain::account::{Attempt, FlowAccount, Outcome, Reason, Step, Verdict};
use crate::detect::explain::select::{Literal, Selection};
use crate::detect::explain::{Explainer, Observed};
use crate::detect::hyperscan::HyperscanError;
use crate::detect::lasting::Lasting;
use crate::detect::threshold::Thresholds;
use crate::ledger::Outcome as Settled;
use crate::output::{AlertCatalog, OutputContext, OutputError, Outputs};
use crate::time::Timestamp;
use crate::worker::Worker;
use clap::Args;
use sekisho_signatures::load::Loaded;
use sekisho_signatures::ruleset::Ruleset;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Frames that are read at a time.
const BATCH: usize = 512;

/// Tell why a rule matched in a capture, or why it did not.
///
/// The capture goes through the same path as live traffic, with this rule, the rules that set its flowbits, and those that pass traffic.
/// For each flow that came near (its literal occurred or, for a rule without one, its header and `flow` held) every condition is
/// shown: whether it held, where, and what was there instead. When no flow came near, it says how many there were and what most of them
/// lacked. Exit status 0 when the files were read, whether the rule matched or not.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(after_help = "Examples:\n  sekisho explain --sid 2100498 --pcap monday.pcap --rules et-open.rules\n  \
                        sekisho explain --sid 1000001 --pcap a.pcapng.zst --pcap b.pcap --rules local.rules --format json | \
                        jq '.flows[].nearest.steps[] | select(.outcome == \"failed\")'")]
pub struct ExplainArguments {
    /// The rule.
    #[arg(long, value_name = "N")]
    pub sid: u32,
    /// Capture file (pcap, pcapng; plain, gzip or zstd; - is standard input). May be repeated: read one after the other as one capture.
    #[arg(long = "pcap", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub config: ConfigArguments,
    #[command(flatten)]
    pub rules: RuleArguments,
    /// Whether packets with wrong checksums are left out [default: check].
    #[arg(long, value_enum)]
    pub checksums: Option<Checksums>,
    /// Follow connections whose handshake is not in the capture.
    #[arg(long)]
    pub midstream: bool,
    /// Flows that are shown; the others are counted by what they lacked. JSON always holds all.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub flows: usize,
    /// `text` for people, `json` for one object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the cause's own sentence")]
pub enum ExplainError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error("no rule has sid {sid}: {}", why)]
    NoRule { sid: u32, why: String },
    #[error("sid {sid} is not judged: {why}")]
    NotJudged { sid: u32, why: String },
    #[error("cannot compile the rules: {0}")]
    Compile(#[from] HyperscanError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error("cannot write the answer: {0}")]
    Write(#[from] serde_json::Error),
}

/// All that is told.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The rule's sid.
    pub sid: u32,
    /// Its message.
    pub msg: String,
    /// The file that it stands in.
    pub file: String,
    /// In which line.
    pub line: u32,
    /// Its text.
    pub rule: String,
    /// What the prefilter searches for; none if the rule is tried on all that its header admits.
    pub literal: Option<Literal>,
    /// The sids of rules that ran with it.
    pub with: Vec<u32>,
    /// Packets of the capture.
    pub packets: u64,
    /// Packets that were not inspected, by reason.
    pub not_inspected: BTreeMap<String, u64>,
    /// Flows of the capture, and packets that belong to none.
    pub flow_count: usize,
    /// How often the rule matched.
    pub matches: u64,
    /// With how many alerts.
    pub alerts: u64,
    /// Flows that came near, the nearest first.
    pub flows: Vec<FlowAccount>,
    /// The other flows, by what they lacked.
    pub far: Vec<Reason>,
    /// Files that are damaged; what stands before the damage was read.
    pub damage: Vec<String>,
    #[serde(skip)]
    shown: usize,
}

/// Explains, and prints.
///
/// # Errors
/// What kept the rule from being run.
pub fn explain(arguments: &ExplainArguments) -> Result<ExitCode, ExplainError> {
    let explanation = explain_files(arguments)?;
    match arguments.format {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&explanation)?),
        Format::Text => out!("{explanation}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Explains.
///
/// # Errors
/// What kept the rule from being run, or a file that cannot be opened.
pub fn explain_files(arguments: &ExplainArguments) -> Result<Explanation, ExplainError> {
    let sid = arguments.sid;
    let config = effective_config(arguments)?;
    let mut loaded = rules::read(&config, &arguments.rules.rules)?;
    let all = std::mem::take(&mut loaded.signatures);
    let selection = Selection::new(all, sid).ok_or_else(|| why_missing(&loaded, sid))?;
    let ruleset = Arc::new(Ruleset::new(selection.signatures.clone()));
    // Sets that the rules fill are read and not written: a question changes nothing.
    let (kept, _) = lists::load(&config.rules, &rules::variables(&config), &ruleset, &loaded.files, None);
    let engine =
        Arc::new(Engine::build(ruleset, &mut Lasting::default(), kept, &DatabaseCache::off(), Retention::All)?);
    let explainer = Explainer::new(&engine, &selection).ok_or_else(|| refused(&engine, &selection))?;
    let context = OutputContext {
        sensor_name: config.sensor.name.clone(),
        interfaces: Vec::new(),
        capture_file: true,
        alerts: AlertCatalog::choose(engine.ruleset.signatures.iter().map(|s| &**s), 1),
    };
    let outputs = Outputs::start(&config.eve, context)?;
    let settings = worker_config(&config, false, 0, 0);
    let mut worker =
        Worker::traced(&settings, Arc::clone(&engine), Arc::new(Thresholds::default()), outputs.sender(), explainer)?;
    let (packets, damage) = read(&arguments.files, &mut worker)?;
    worker.finish();
    let Observed { flows, far, .. } = worker.tracer().observed();
    let ledger = worker.ledger().read();
    let signature = engine.ruleset.signatures.iter().find(|s| (s.gid, s.sid) == selection.id);
    let place = signature.map(|s| s.place).unwrap_or_default();
    let file = loaded.files.get(place.file as usize);
    let flow_count = flows.len();
    let mut near: Vec<FlowAccount> = flows.into_iter().filter(|f| f.nearest.is_some()).collect();
    near.sort_by_key(|f| std::cmp::Reverse(f.nearest.as_ref().map(Attempt::rank)));
    let lost = Settled::ALL.iter().zip(ledger.outcomes);
    let lost = lost.filter(|(outcome, n)| *n > 0 && !outcome.reason().is_empty());
    Ok(Explanation {
        sid,
        msg: signature.map(|s| s.msg.to_string()).unwrap_or_default(),
        file: file.map(|f| f.display().to_string()).unwrap_or_default(),
        line: place.line,
        rule: signature.map(|s| s.text.to_string()).unwrap_or_default(),
        literal: selection.literal.clone(),
        with: selection.with.iter().copied().collect(),
        packets,
        not_inspected: lost.map(|(outcome, n)| (outcome.reason().to_owned(), n)).collect(),
        flow_count,
        matches: near.iter().map(|f| f.matches).sum(),
        alerts: near.iter().map(|f| f.alerts).sum(),
        flows: near,
        far,
        damage,
        shown: arguments.flows,
    })
}

fn effective_config(arguments: &ExplainArguments) -> Result<Config, ConfigError> {
    let mut config = arguments.config.load_given()?;
    match arguments.checksums {
        Some(Checksums::Check) => config.decode.verify_checksums = true,
        Some(Checksums::Ignore) => config.decode.verify_checksums = false,
        None => {}
    }
    config.stream.midstream |= arguments.midstream;
    config.eve.enabled = false;
    Ok(config)
}

/// Reads the files; returns how many packets there were, and what is damaged.
fn read(files: &[PathBuf], worker: &mut Worker<Explainer>) -> Result<(u64, Vec<String>), CaptureError> {
    let (mut packets, mut damage, mut last) = (0, vec![], Timestamp::default());
    for path in files {
        let mut file = CaptureFile::open(path)?.numbered_from(packets + 1);
        loop {
            let read = file.next_batch(BATCH, |frame| {
                last = frame.ts;
                worker.frame(frame);
            });
            match read {
                Ok(0) => break,
                Ok(_) => worker.batch_end(last),
                Err(error) => {
                    damage.push(error.to_string());
                    break;
                }
            }
        }
        packets += file.summary().frames;
    }
    Ok((packets, damage))
}

/// Why a sid is not among the rules.
fn why_missing(loaded: &Loaded, sid: u32) -> ExplainError {
    if let Some(skipped) = loaded.skipped.iter().find(|s| s.sid == sid) {
        let file = loaded.files.get(skipped.place.file as usize).map(|f| f.display().to_string()).unwrap_or_default();
        let why = format!("{file}:{}: it needs {}, which is not built yet", skipped.place.line, skipped.keyword);
        return ExplainError::NotJudged { sid, why };
    }
    if let Some(problem) = loaded.problems.iter().find(|p| p.sid == Some(sid)) {
        return ExplainError::NotJudged { sid, why: problem.to_string() };
    }
    let why = match loaded.files.iter().find_map(|file| commented_out(file, sid)) {
        Some(place) => format!("it is commented out in {place}"),
        None if loaded.files.is_empty() => "no file of rules was read; name them with --rules".to_owned(),
        None => {
            let files: Vec<String> = loaded.files.iter().take(5).map(|f| f.display().to_string()).collect();
            let more = if loaded.files.len() > files.len() { " and others" } else { "" };
            format!("it is not in {}{more}", files.join(", "))
        }
    };
    ExplainError::NoRule { sid, why }
}

/// Where a rule with this sid is commented out.
fn commented_out(file: &Path, sid: u32) -> Option<String> {
    let text = String::from_utf8_lossy(&std::fs::read(file).ok()?).into_owned();
    let wanted = sid.to_string();
    let names = |line: &str| {
        line.trim_start().starts_with('#')
            && line
                .split(';')
                .any(|option| option.split_once(':').is_some_and(|(k, v)| k.trim() == "sid" && v.trim() == wanted))
    };
    let line = text.lines().position(names)?;
    Some(format!("{}:{}", file.display(), line + 1))
}

fn refused(engine: &Engine, selection: &Selection) -> ExplainError {
    let is = |index: u32| engine.ruleset.signatures.get(index as usize).is_some_and(|s| (s.gid, s.sid) == selection.id);
    let why = engine.refused.iter().find(|r| is(r.signature)).map(|r| r.error.to_string()).unwrap_or_default();
    ExplainError::NotJudged { sid: selection.id.1, why }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sid {} \"{}\" ({}:{})", self.sid, self.msg, self.file, self.line)?;
        match &self.literal {
            Some(literal) => {
                let case = if literal.nocase { ", in either case" } else { "" };
                writeln!(f, "Looked at where \"{}\"{case} occurs in {}.", literal.text, literal.buffer)?;
            }
            None => writeln!(f, "It has no literal to search for: looked at wherever header and flow hold.")?,
        }
        if !self.with.is_empty() {
            let with: Vec<String> = self.with.iter().map(ToString::to_string).collect();
            writeln!(f, "With it ran those that change its flowbits or pass traffic: sid {}.", with.join(", "))?;
        }
        writeln!(f)?;
        let tried = self.flows.len();
        let (packets, flows) = (count(self.packets, "packet"), count(self.flow_count as u64, "flow"));
        write!(f, "{packets}, {flows}; {tried} came near. ")?;
        match (self.matches, self.alerts) {
            (0, _) => writeln!(f, "It did not match.")?,
            (n, alerts) => writeln!(f, "It matched {}, with {}.", times(n), count(alerts, "alert"))?,
        }
        for (reason, n) in &self.not_inspected {
            let hint = if reason == "checksum" { " (--checksums ignore takes them in)" } else { "" };
            writeln!(f, "Not inspected: {}: {reason}{hint}.", count(*n, "packet"))?;
        }
        for damage in &self.damage {
            writeln!(f, "Damaged: {damage}")?;
        }
        for flow in self.flows.iter().take(self.shown) {
            writeln!(f)?;
            write_flow(flow, f)?;
        }
        if tried > self.shown {
            writeln!(
                f,
                "\n{} more came near (--flows shows more); the first condition that did not hold:",
                tried - self.shown
            )?;
            write_more(self.flows.iter().skip(self.shown), f)?;
        }
        if !self.far.is_empty() {
            let n: u64 = self.far.iter().map(|r| r.flows).sum();
            writeln!(f, "\n{} did not come near:", count(n, "flow"))?;
        }
        for reason in &self.far {
            let instead: Vec<String> = reason.instead.iter().map(|(what, n)| format!("{what} in {n}")).collect();
            let instead = if instead.is_empty() { String::new() } else { format!(" — {}", instead.join(", ")) };
            writeln!(f, "  {:>8}  {}{instead}", reason.flows, reason.condition)?;
        }
        Ok(())
    }
}

fn write_flow(flow: &FlowAccount, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let FlowAccount { protocol, client, server, packets: (first, last), .. } = flow;
    write!(f, "{protocol} {client} -> {server}: {} ({first} to {last})", count(flow.packet_count, "packet"))?;
    match &flow.app {
        Some(app) => writeln!(f, ", {app}")?,
        None => writeln!(f)?,
    }
    let Some(nearest) = &flow.nearest else { return Ok(()) };
    let (word, at) = match (flow.attempts, nearest.verdict) {
        (1, _) => ("looked at in", String::new()),
        (_, Verdict::NoMatch) => ("nearest of", format!("{} places: ", flow.attempts)),
        (_, _) => ("first match of", format!("{} places: ", flow.attempts)),
    };
    let way = match nearest.to_server {
        Some(true) => ", to the server",
        Some(false) => ", to the client",
        None => "",
    };
    let packet =
        if nearest.packet == 0 { "the end of the flow".to_owned() } else { format!("packet {}", nearest.packet) };
    writeln!(f, "  {word} {at}{packet}, {}{way}", nearest.place)?;
    for step in &nearest.steps {
        write_step(step, f)?;
    }
    match (nearest.verdict, nearest.first_failed()) {
        (Verdict::Alert, _) => writeln!(f, "  => alert{}", more(flow)),
        (Verdict::HeldBack, Some(step)) => {
            writeln!(f, "  => it matched, but {} holds it back{}", step.condition, more(flow))
        }
        (Verdict::HeldBack | Verdict::Silent, _) => {
            writeln!(f, "  => it matched, and says nothing of it{}", more(flow))
        }
        (Verdict::NoMatch, Some(step)) if step.outcome == Outcome::Open => {
            writeln!(f, "  => no match: it was left waiting at {}", step.condition)
        }
        (Verdict::NoMatch, Some(step)) => writeln!(f, "  => no match: the first that failed is {}", step.condition),
        (Verdict::NoMatch, None) => writeln!(
            f,
            "  => all conditions hold here, but it was not judged: a match shortly before, or a pass rule, silences it"
        ),
    }
}

/// Matches beside the one that is shown.
fn more(flow: &FlowAccount) -> String {
    if flow.matches < 2 {
        return String::new();
    }
    format!("; on this flow it matched {}, with {}", times(flow.matches), count(flow.alerts, "alert"))
}

fn write_step(step: &Step, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mark = match step.outcome {
        Outcome::Held => "held",
        Outcome::Failed => "FAILED",
        Outcome::Open => "waits",
        Outcome::NotReached => "-",
    };
    write!(f, "    {mark:<6}  {}", step.condition)?;
    if step.detail.is_empty() { writeln!(f) } else { writeln!(f, " — {}", step.detail) }
}

fn write_more<'a>(flows: impl Iterator<Item = &'a FlowAccount>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for attempt in flows.filter_map(|flow| flow.nearest.as_ref()) {
        let why = match attempt.first_failed() {
            Some(step) => step.condition.clone(),
            None => "none: all held".to_owned(),
        };
        *counts.entry(why).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (why, n) in counts {
        writeln!(f, "  {n:>8}  {why}")?;
    }
    Ok(())
}

fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
