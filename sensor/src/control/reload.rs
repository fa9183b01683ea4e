//! `sekisho reload`, and SIGHUP: the rules are read anew while the sensor runs.
//!
//! One thread of low priority does it. It reads the configuration and the rules again, compiles them, makes ready what each
//! worker needs, and only when all that has worked hands it over; workers turn to it between two batches, and the thread frees
//! what was before. If anything is wrong the rules stay as they are, and the answer says why. Rules with errors are left out, as
//! at the start. Of the configuration only `[rules]`, `[variables]`, `yara.rules` and `[capture.blocklist]` take effect; what else was
//! changed is named.

use super::arguments::{ConfigArguments, YaraArguments};
use super::blocklist::{self, BuiltList};
use super::live::Interface;
use super::live_rules::LiveRules;
use super::print::out;
use super::privilege::{self, Task};
use super::rules::{self, Rules};
use super::service;
use super::socket::{self, SocketError};
use crate::config::{CaptureConfig, Config, ConfigError};
use crate::detect::handover::{Equipment, Handover};
use crate::detect::hyperscan::give_memory_back;
use crate::detect::lasting::Lasting;
use crate::detect::yara::{LoadedYara, YaraQueue};
use crate::output::OutputsHandle;
use crate::output::status::grouped;
use clap::Args;
use crossbeam::channel::{Receiver, Sender, bounded};
use sekisho_signatures::report::Severity;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Problems that an answer holds; the rest is counted.
const SHOWN: usize = 20;
/// How long workers may take to turn to new rules before that is told: an idle one looks ten times a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// The lowest priority: what the workers leave over.
const NICE: i32 = 19;

/// Have the running sensor read its rules anew, and wait until it judges by them.
///
/// The configuration's [rules], [variables], yara.rules and [capture.blocklist] are read again, with all files that they name. Flows, flowbits and thresholds live on, and
/// no packet is lost. If anything is wrong, the rules stay as they are and the exit status is 1. SIGHUP does the same, and opens the
/// event log anew.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(after_help = "Examples:\n  sekisho reload\n  sekisho check && sekisho reload")]
pub struct ReloadArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// The sensor's control socket, in place of the configuration's control.socket.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the cause's own sentence")]
pub enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Asks, waits and prints.
///
/// # Errors
/// No sensor answers, or the rules stay as they are.
pub fn reload(arguments: &ReloadArguments) -> Result<ExitCode, ReloadError> {
    let path = match &arguments.socket {
        Some(path) => path.clone(),
        None => arguments.config.load_installed()?.control.socket,
    };
    let value = socket::ask(&path, "reload")?;
    let report: ReloadReport =
        serde_json::from_value(value).map_err(|error| SocketError::BadAnswer(error.to_string()))?;
    out!("{report}");
    Ok(ExitCode::SUCCESS)
}

/// What came of a reload that worked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// The ruleset's hash.
    pub hash: String,
    /// The same rules as before.
    pub unchanged: bool,
    /// Counts the rulesets since the start.
    pub epoch: u32,
    /// Rules that are judged.
    pub loaded: u64,
    /// Rules that need what is not built yet.
    pub skipped: u64,
    /// Rules with errors, left out.
    pub failed: u64,
    /// How long reading and compiling took, in milliseconds.
    pub load_ms: u64,
    /// Until all workers had turned to the rules, in milliseconds, with the former.
    pub took_ms: u64,
    /// The first things that are wrong.
    pub problems: Vec<String>,
    /// And how many more.
    pub more_problems: u64,
    /// Sections of the configuration that have changed and take effect at the next start.
    pub needs_restart: Vec<String>,
    /// YARA rules in use, and with errors; absent if files are not scanned.
    #[serde(default)]
    pub yara: Option<(u64, u64)>,
    /// Addresses and prefixes of the block list, and lines of it with errors; absent if there is none.
    #[serde(default)]
    pub blocklist: Option<(u64, u64)>,
}

impl fmt::Display for ReloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}\n")?;
        }
        if self.more_problems > 0 {
            writeln!(f, "and {} more problems; `sekisho check` shows them all", grouped(self.more_problems))?;
        }
        if !self.needs_restart.is_empty() {
            writeln!(
                f,
                "The configuration has changed in {} as well: that takes effect at the next start.",
                self.needs_restart.join(", ")
            )?;
        }
        let hash = self.hash.get(..12).unwrap_or(&self.hash);
        let changed = if self.unchanged { " (the same as before)" } else { "" };
        let [loaded, failed, skipped] = [self.loaded, self.failed, self.skipped].map(grouped);
        writeln!(
            f,
            "Reloaded in {:.2} s: {loaded} rules, {failed} with errors, {skipped} skipped; ruleset {hash}{changed}",
            Duration::from_millis(self.took_ms).as_secs_f64()
        )?;
        if let Some((loaded, failed)) = self.yara {
            writeln!(f, "YARA: {} rules, {} with errors", grouped(loaded), grouped(failed))?;
        }
        if let Some((entries, failed)) = self.blocklist {
            writeln!(f, "Block list: {} entries, {} lines with errors", grouped(entries), grouped(failed))?;
        }
        Ok(())
    }
}

/// What a reload needs to know.
pub struct Reloading {
    /// How the configuration was given.
    pub arguments: ConfigArguments,
    /// Rules named on the command line, in place of the configuration's.
    pub rules: Vec<PathBuf>,
    /// The same for YARA rules.
    pub yara_rules: YaraArguments,
    /// Who scans with them, if there were any at the start.
    pub yara: Option<YaraQueue>,
    /// The configuration at the start, as it was read.
    pub config: Config,
    /// What keeps its meaning: as the running engine was built with.
    pub lasting: Lasting,
    /// The workers.
    pub workers: Vec<Arc<Handover>>,
    /// Where alerts are counted.
    pub outputs: OutputsHandle,
    /// What is judged now.
    pub live: Arc<LiveRules>,
    /// Whose XDP programs have the block list.
    pub interfaces: Vec<Arc<Interface>>,
}

type Answer = Result<ReloadReport, String>;

/// The thread that reloads. It ends when this and all its [`Requests`] are dropped.
pub struct Reloader {
    requests: Requests,
    thread: Option<JoinHandle<()>>,
}

/// A way to ask for a reload.
#[derive(Clone)]
pub struct Requests(Sender<Sender<Answer>>);

impl Requests {
    /// Asks for a reload. The answer comes when it is done; nobody needs to wait for it.
    #[must_use]
    pub fn ask(&self) -> Receiver<Answer> {
        let (sender, receiver) = bounded(1);
        // A thread that is gone answers by hanging up.
        let _ = self.0.send(sender);
        receiver
    }

    /// Asks, and waits.
    ///
    /// # Errors
    /// Why the rules stay as they are.
    pub fn ask_and_wait(&self) -> Answer {
        self.ask().recv().unwrap_or_else(|_| Err("the sensor is about to end".to_owned()))
    }
}

impl Reloader {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(reloading: Reloading) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(64);
        let work = move || {
            privilege::keep(Task::Reload);
            reloading.run(&receiver);
        };
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(work)?;
        Ok(Self { requests: Requests(sender), thread: Some(thread) })
    }

    /// A way to ask it.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Whether the thread has ended, which it does not by itself.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Reloading {
    fn run(mut self, requests: &Receiver<Sender<Answer>>) {
        // Threads that compile are started by this one, and are as humble.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::warn!("rules will be reloaded at normal priority: {error}");
        }
        while let Ok(answer) = requests.recv() {
            // Whoever asked while the last one ran gets this one's answer, too.
            let also: Vec<Sender<Answer>> = requests.try_iter().collect();
            service::reloading();
            let done = self.reload();
            service::reloaded();
            match &done {
                Ok(report) => {
                    tracing::info!(
                        "rules reloaded in {} ms: {} loaded, {} with errors, {} skipped; ruleset {}",
                        report.took_ms,
                        report.loaded,
                        report.failed,
                        report.skipped,
                        report.hash
                    );
                    if !report.needs_restart.is_empty() {
                        tracing::warn!("changed, but only read at the start: {}", report.needs_restart.join(", "));
                    }
                }
                Err(why) => {
                    self.live.failed(why);
                    tracing::error!("the rules stay as they are: {why}");
                }
            }
            for answer in std::iter::once(answer).chain(also) {
                // Whoever asked may not care.
                let _ = answer.send(done.clone());
            }
        }
    }

    fn reload(&mut self) -> Answer {
        let started = Instant::now();
        let mut config = self.arguments.load_installed().map_err(|error| error.to_string())?;
        self.yara_rules.apply(&mut config);
        let before = self.live.status();
        // Of a ruleset that never came to be nothing shall last.
        let mut lasting = self.lasting.clone();
        let rules = rules::compile_next(&config, &self.rules, &mut lasting).map_err(|error| error.to_string());
        give_memory_back();
        let rules = rules?;
        if rules.in_use() == 0 && before.loaded > 0 {
            return Err(format!(
                "none of the new rules can be used ({} with errors, {} skipped), and {} are judged now",
                rules.loaded.failed(),
                rules.loaded.skipped.len(),
                before.loaded
            ));
        }
        let yara = self.load_yara(&config)?;
        let list = blocklist::load(&config.capture.blocklist).map_err(|error| error.to_string())?;
        self.hand_over(&rules, yara.as_ref(), &config)?;
        let (built, list) = list.map(|(built, list)| (Arc::new(built), list)).unzip();
        self.use_list(built.as_ref());
        self.lasting = lasting;
        rules.log_problems();
        let unchanged = before.hash == rules.engine.ruleset.hash;
        let mut report = self.report(&rules, yara.as_ref(), &config, unchanged, started);
        if let Some(list) = list {
            let wrong = (list.problems.len() as u64).saturating_add(list.more_problems);
            report.blocklist = Some((list.len() as u64, wrong));
            let room = SHOWN.saturating_sub(report.problems.len());
            report.problems.extend(list.problems.iter().take(room).map(ToString::to_string));
            report.more_problems += wrong.saturating_sub(room as u64);
        }
        Ok(report)
    }

    /// The next block list, for every interface. One that the kernel refuses leaves that interface the list that it has.
    fn use_list(&self, list: Option<&Arc<BuiltList>>) {
        for interface in &self.interfaces {
            if let Err(error) = interface.with_early(|early| early.use_list(list)) {
                tracing::error!("{} keeps the block list that it has: {error}", interface.name);
            }
        }
    }

    /// The next YARA rules, if there is a thread to scan with them. As with other rules, a file that cannot be read is an error.
    fn load_yara(&self, config: &Config) -> Result<Option<LoadedYara>, String> {
        let Some(yara) = self.yara.as_ref().and_then(|_| rules::load_yara(config)) else { return Ok(None) };
        match yara.unreadable() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(Some(yara)),
        }
    }

    /// Gives each worker what it needs, and frees what they give back.
    fn hand_over(&self, rules: &Rules, yara: Option<&LoadedYara>, config: &Config) -> Result<(), String> {
        let catalog = self.outputs.grow_catalog(rules.signatures().chain(rules::yara_signatures(yara)));
        let equip = |_| Equipment::new(&rules.engine, Arc::clone(&catalog)).map(Box::new);
        let equipment: Vec<Box<Equipment>> =
            self.workers.iter().map(equip).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        self.live.replace(rules, equipment.iter().map(|e| Arc::clone(&e.costs)).collect(), &config.rules);
        for (worker, equipment) in self.workers.iter().zip(equipment) {
            drop(worker.take_retired());
            drop(worker.put(equipment));
        }
        if let (Some(yara), Some(queue)) = (yara, &self.yara) {
            queue.turn_to(Arc::clone(&yara.rules), Arc::clone(&catalog));
        }
        let since = Instant::now();
        let mut waiting: Vec<&Arc<Handover>> = self.workers.iter().collect();
        while !waiting.is_empty() {
            if since.elapsed() > PATIENCE {
                tracing::warn!("{} workers have not turned to the new rules yet", waiting.len());
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
            waiting.retain(|worker| worker.take_retired().is_none());
        }
        give_memory_back();
        Ok(())
    }

    fn report(
        &self,
        rules: &Rules,
        yara: Option<&LoadedYara>,
        config: &Config,
        unchanged: bool,
        started: Instant,
    ) -> ReloadReport {
        let status = rules.status();
        let all = || rules.loaded.problems.iter().chain(yara.iter().flat_map(|yara| &yara.problems));
        let errors = || all().filter(|p| p.severity == Severity::Error);
        let problems: Vec<String> = errors().take(SHOWN).map(ToString::to_string).collect();
        ReloadReport {
            unchanged,
            epoch: status.epoch,
            loaded: status.loaded,
            skipped: status.skipped,
            failed: status.failed,
            load_ms: status.load_ms,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            more_problems: errors().count().saturating_sub(SHOWN) as u64,
            problems,
            needs_restart: needs_restart(&self.config, config),
            hash: status.hash,
            yara: yara.map(|yara| (yara.in_use() as u64, yara.failed() as u64)),
            blocklist: None,
        }
    }
}

/// Sections that have changed and are only read at the start.
fn needs_restart(before: &Config, now: &Config) -> Vec<String> {
    let sections = [
        ("[sensor]", before.sensor == now.sensor),
        ("[[interface]]", before.interface == now.interface),
        (
            "[capture]",
            before.capture == CaptureConfig { blocklist: before.capture.blocklist.clone(), ..now.capture.clone() },
        ),
        ("[decode]", before.decode == now.decode),
        ("[flow]", before.flow == now.flow),
        ("[stream]", before.stream == now.stream),
        ("[detect]", before.detect == now.detect),
        ("[files]", before.files == now.files),
        ("[yara]", !before.yara.needs_restart(&now.yara)),
        ("[eve]", before.eve == now.eve),
        ("[metrics]", before.metrics == now.metrics),
        ("[control]", before.control == now.control),
    ];
    sections.into_iter().filter(|(_, same)| !same).map(|(name, _)| name.to_owned()).collect()
}
