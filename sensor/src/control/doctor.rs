//! `sekisho doctor`: is this host fit for the sensor, and if not, what to do; with `--fix`, does it, and with `--undo` puts it back.
//!
//! Gathering ([`gather_host`], [`gather_nic`]) and judging ([`judge`]) are apart: between them are plain facts, so that what is said about a
//! NIC is tested against recorded answers of NICs that are not here. No interface is touched that was not named, on the command line
//! or in the configuration.

pub(super) mod calls;
pub mod drivers;
pub mod ethtool;
pub mod facts;
pub mod finding;
pub mod fix;
pub mod gather_host;
pub mod gather_nic;
pub mod judge;
mod judge_host;
mod judge_nic;
mod judge_placement;
mod judge_rss;
pub mod netlink;
pub mod report;
pub mod setting;
#[cfg(test)]
mod tests;
mod way_in;

use super::arguments::{ConfigArguments, Format};
use crate::capture::afxdp_config::{HugePages, ZeroCopy};
use crate::capture::link::{Link, LinkError};
use crate::config::{Config, ConfigError, InterfaceConfig};
use crate::control::interface::AttachMode;
use clap::Args;
use facts::Facts;
use finding::{Finding, PairPlan, Plan, Wanted};
use fix::{Done, Fixer, Known, Outcome, StateError};
use setting::{Setting, ThisHost};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Look at the host and its interfaces: what keeps the sensor from working well, why, and the command that mends it.
///
/// Each line is ok, warn (works, but packets or time may be lost), fail (does not work, or works wrongly), or skip (does not apply, or
/// cannot be seen). Nothing is changed without --fix, and no interface is that was not named here or in the configuration. Settings go
/// with a restart of the host. Exit status: 0 if nothing fails, 1 if something does.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(
    after_help = "Examples:\n  sekisho doctor\n  sekisho doctor --interface enp3s0f0\n  sudo sekisho doctor --interface enp3s0f0 --fix\n  \
                        sudo sekisho doctor --undo\n  \
                        sekisho doctor --format json | jq '.findings[] | select(.status == \"fail\")'"
)]
pub struct DoctorArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// The interface to look at, in place of the configuration's. May be repeated.
    #[arg(long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,
    /// Set what can be set, print the command that does the same, and keep what was before.
    #[arg(long, conflicts_with = "undo")]
    pub fix: bool,
    /// Put back what --fix changed.
    #[arg(long)]
    pub undo: bool,
    /// Judge what was recorded elsewhere: the answer of --format json on another host, or its `facts` alone.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fix", "undo", "interfaces"])]
    pub facts: Option<PathBuf>,
    /// Where what was before is kept.
    #[arg(long, value_name = "FILE", default_value = fix::STATE_FILE)]
    pub state: PathBuf,
    /// `text` for people; `json` for one object with counts, findings, changes, and the facts that they rest on.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Why nothing could be said, or changed.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file with what was before.
    #[error(transparent)]
    State(#[from] StateError),
    /// Recorded facts.
    #[error("cannot read the facts in {path}: {why}")]
    Facts {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The answer's JSON.
    #[error("cannot write the answer: {0}")]
    Json(#[from] serde_json::Error),
    /// stdout.
    #[error("cannot write the answer: {0}")]
    Stdout(std::io::Error),
}

/// What was found, and what was changed.
#[derive(Clone, Debug)]
pub struct Looked {
    /// What the findings rest on; after `--fix`, as it is then.
    pub facts: Facts,
    /// Each thing that was looked at.
    pub findings: Vec<Finding>,
    /// What was changed.
    pub changes: Vec<Done>,
}

/// What was put back.
#[derive(Clone, Debug)]
pub struct PutBack {
    /// Each setting.
    pub changes: Vec<Done>,
    /// The host has restarted since, and what was set went with that.
    pub restarted: bool,
}

/// Looks, says what was found, and with `--fix` or `--undo` changes it.
///
/// # Errors
/// A wrong configuration, or a file of what was before that cannot be used.
pub fn doctor(arguments: &DoctorArguments) -> Result<ExitCode, DoctorError> {
    if arguments.undo {
        let put_back = undo(arguments)?;
        tell_undone(arguments, &put_back)?;
        let failed = put_back.changes.iter().any(|done| done.result != Outcome::Changed);
        return Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let looked = examine(arguments)?;
    tell(arguments, &looked)?;
    Ok(looked.status())
}

/// Looks, and with `--fix` changes what can be.
///
/// # Errors
/// As [`doctor`].
pub fn examine(arguments: &DoctorArguments) -> Result<Looked, DoctorError> {
    if let Some(path) = &arguments.facts {
        return recorded(path, &arguments.config.load_given()?);
    }
    let mut config = arguments.config.load_installed()?;
    if !arguments.interfaces.is_empty() {
        let named = |name: &String| config.interface.iter().find(|i| i.name == *name).cloned();
        let interface = |name: &String| named(name).unwrap_or_else(|| InterfaceConfig::named(name));
        config.interface = arguments.interfaces.iter().map(interface).collect();
        // A link is looked at as such where both its ports are named.
        config.inline.retain(|pair| pair.ports.iter().all(|port| arguments.interfaces.contains(port)));
        config.interface.retain(|named| !config.inline.iter().any(|pair| pair.ports.contains(&named.name)));
    }
    let (plan, outputs) = (plan(&config), outputs(&config));
    let mut looked = look(&plan, &outputs);
    if !arguments.fix {
        return Ok(looked);
    }
    let mut changes = Vec::new();
    // First what makes other settings anew, such as queue counts; then, on what has come of it, the rest.
    for all in [false, true] {
        let wanted = looked.findings.iter().flat_map(|f| f.settings.iter().cloned());
        let wanted: Vec<Setting> = wanted.filter(|s| all || s.makes_others_anew()).collect();
        let interfaces = looked.facts.interfaces.iter();
        let known =
            interfaces.map(|f| (f.name.clone(), Known { index: f.index, keep: keep(f.xdp_attached, f.ssh_session) }));
        let interfaces = known.collect();
        let mut fixer = Fixer { settings: ThisHost, file: &arguments.state, boot: boot(), interfaces };
        changes.extend(fixer.apply(&wanted)?);
        wait_for_carriers(&looked.facts);
        looked = look(&plan, &outputs);
    }
    // What is refused is tried twice, and told once.
    let mut told = Vec::new();
    changes.retain(|done| {
        !told.contains(&done.command) && {
            told.push(done.command.clone());
            true
        }
    });
    Ok(Looked { changes, ..looked })
}

/// How long a NIC may take to find its speed again. Some (those of igb, for one) start anew for each setting.
const RESET: Duration = Duration::from_secs(5);

/// Waits until every interface has a carrier that had one before.
fn wait_for_carriers(before: &Facts) {
    let end = Instant::now() + RESET;
    let had = before.interfaces.iter().filter(|nic| nic.carrier);
    let is_back = |name: &str| Link::by_name(name).map_or(true, |link| link.running);
    for nic in had {
        while !is_back(&nic.name) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Looked {
    fn status(&self) -> ExitCode {
        let failed = self.findings.iter().any(|finding| finding.status == finding::Status::Fail);
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// What was recorded on some host, judged for `config`; if that names no interface, for those that were recorded.
fn recorded(path: &Path, config: &Config) -> Result<Looked, DoctorError> {
    let fail = |why: String| DoctorError::Facts { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    let mut value: serde_json::Value = serde_json::from_str(&text).map_err(|e| fail(e.to_string()))?;
    if let Some(facts) = value.get_mut("facts") {
        value = facts.take();
    }
    let facts: Facts = serde_json::from_value(value).map_err(|e| fail(e.to_string()))?;
    let mut plan = plan(config);
    if plan.interfaces.is_empty() {
        let queues = &config.capture.afxdp.queues;
        plan.interfaces = facts.interfaces.iter().map(|nic| (nic.name.clone(), queues.clone())).collect();
    }
    Ok(Looked { findings: judge::judge(&facts, &plan), facts, changes: Vec::new() })
}

fn look(plan: &Plan, outputs: &[PathBuf]) -> Looked {
    let mut facts = Facts { host: gather_host::gather(outputs), interfaces: Vec::new() };
    let mut missing = Vec::new();
    for (name, _) in &plan.interfaces {
        match gather_nic::gather(name) {
            Ok(nic) => facts.interfaces.push(nic),
            Err(error) => missing.push(not_there(name, &error)),
        }
    }
    let mut findings = judge::judge(&facts, plan);
    findings.extend(missing);
    if plan.interfaces.is_empty() {
        let found = "none named: `sekisho doctor --interface IF`, or [[interface]] in the configuration";
        findings.push(Finding::skip("interfaces", found));
    }
    Looked { facts, findings, changes: Vec::new() }
}

fn not_there(name: &str, error: &LinkError) -> Finding {
    Finding::fail("link", error.to_string()).because("the sensor does not start without it").of(name)
}

fn tell(arguments: &DoctorArguments, looked: &Looked) -> Result<(), DoctorError> {
    let Looked { facts, findings, changes } = looked;
    if arguments.format == Format::Json {
        let counts = report::Counts::of(findings);
        let answer = report::Answer { counts, findings, changes, facts };
        return write(&(serde_json::to_string(&answer)? + "\n"));
    }
    let mut text = match changes.as_slice() {
        [] if arguments.fix => "nothing to change\n\n".to_owned(),
        [] => String::new(),
        changes => report::changes(changes) + "\n",
    };
    text.push_str(&report::text(findings, in_colour()));
    let can = findings.iter().filter(|finding| !finding.settings.is_empty()).count();
    if can > 0 && !arguments.fix {
        text.push_str(&format!(
            "`sekisho doctor --fix` can mend {can} of them, and `sekisho doctor --undo` puts it back\n"
        ));
    } else if changes.iter().any(|done| done.result == Outcome::Changed) {
        let file = arguments.state.display();
        text.push_str(&format!("what was before is in {file}; `sekisho doctor --undo` puts it back\n"));
    }
    write(&text)
}

/// To standard output; whoever reads only the first lines of it has had enough.
fn write(text: &str) -> Result<(), DoctorError> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(DoctorError::Stdout(error)),
        _ => Ok(()),
    }
}

fn in_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Puts back what `--fix` changed.
///
/// # Errors
/// The file of what was before cannot be used.
pub fn undo(arguments: &DoctorArguments) -> Result<PutBack, DoctorError> {
    let state = fix::load(&arguments.state)?.unwrap_or_default();
    let names = state.changes.iter().filter_map(|change| change.before.interface());
    let known = names.filter_map(|name| {
        let link = Link::by_name(name).ok()?;
        let keep = keep(link.xdp.is_some(), way_in::has_ssh_session(name));
        Some((name.to_owned(), Known { index: link.index, keep }))
    });
    let interfaces: BTreeMap<String, Known> = known.collect();
    let restarted = !state.changes.is_empty() && state.boot != boot();
    let mut fixer = Fixer { settings: ThisHost, file: &arguments.state, boot: boot(), interfaces };
    Ok(PutBack { changes: fixer.undo()?, restarted })
}

fn tell_undone(arguments: &DoctorArguments, put_back: &PutBack) -> Result<(), DoctorError> {
    let PutBack { changes, restarted } = put_back;
    if arguments.format == Format::Json {
        return write(&(serde_json::json!({ "changes": changes }).to_string() + "\n"));
    }
    if *restarted {
        return write("the host has restarted since, and what was set went with that: nothing to put back\n");
    }
    write(&if changes.is_empty() { "nothing to put back\n".to_owned() } else { report::changes(changes) })
}

/// Why an interface's traffic must not be stopped for a moment.
fn keep(xdp_attached: bool, ssh_session: bool) -> Option<&'static str> {
    if xdp_attached {
        return Some("an XDP program is attached: stop the sensor first");
    }
    ssh_session.then_some("an SSH session comes in there")
}

/// The run of the kernel.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// What is to run.
fn plan(config: &Config) -> Plan {
    let afxdp = &config.capture.afxdp;
    let queues = |i: &InterfaceConfig| (i.name.clone(), i.queues.clone().or_else(|| afxdp.queues.clone()));
    let port = |port: &String| (port.clone(), afxdp.queues.clone());
    let ports = config.inline.iter().flat_map(|pair| &pair.ports).map(port);
    Plan {
        interfaces: config.interface.iter().map(queues).chain(ports).collect(),
        pairs: config
            .inline
            .iter()
            .map(|pair| PairPlan { ports: pair.ports.clone(), mtus_may_differ: pair.allow_mtu_mismatch })
            .collect(),
        cpus: config.capture.cpus.clone(),
        frame_size: afxdp.frame_size,
        frames: afxdp.frames,
        fill_ring: afxdp.fill_ring,
        multi_buffer: afxdp.multi_buffer,
        zero_copy: match afxdp.zero_copy {
            ZeroCopy::Auto => Wanted::Auto,
            ZeroCopy::Require => Wanted::Require,
            ZeroCopy::Never => Wanted::Never,
        },
        huge_pages: match afxdp.huge_pages {
            HugePages::Auto => Wanted::Auto,
            HugePages::Require => Wanted::Require,
            HugePages::Never => Wanted::Never,
        },
        native: match config.capture.xdp.mode {
            AttachMode::Auto => Wanted::Auto,
            AttachMode::Native => Wanted::Require,
            AttachMode::Generic => Wanted::Never,
        },
        pin: config.capture.xdp.pin != super::attach_config::Pin::Switch(false) || !config.inline.is_empty(),
    }
}

/// The folders that are written to.
fn outputs(config: &Config) -> Vec<PathBuf> {
    let eve = config.eve.path.parent().filter(|_| config.eve.enabled).map(PathBuf::from);
    let store = config.files.store.enabled.then(|| config.files.store.folder.clone());
    let mut folders: Vec<PathBuf> = eve.into_iter().chain(store).collect();
    folders.dedup();
    folders
}
