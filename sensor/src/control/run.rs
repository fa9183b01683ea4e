//! `sekisho run`: sets the sensor up, watches over it, and takes it down so that every packet is accounted for.
//!
//! Setting up changes nothing before everything that can be checked was. Taking down goes from the outside in: sockets leave
//! the XDP program's map, rings are drained, flows end, outputs flush, and only then is the program taken off.

mod start;

use super::access::AccessError;
use super::accounts;
use super::arguments::{ConfigArguments, RuleArguments, YaraArguments};
use super::blocklist::BlocklistError;
use super::early;
use super::heartbeat::monotonic_ns;
use super::http::{HttpError, HttpServer};
use super::inline::{self, LinkUp, LinkUpError};
use super::inline_config::{self, InlineConfig};
use super::interface::{AttachError, Presence};
use super::lists::Saver;
use super::live::{Interface, Queue};
use super::live_rules::{CostWatch, LiveRules};
use super::page::PageThread;
use super::print::{out, outln};
use super::privilege::{self, Task};
use super::reload::{Reloader, Requests};
use super::rules::{self, Rules, RulesError};
use super::sandbox::{self, Calls, SandboxError};
use super::service::{self, Service, Sign};
use super::socket::{ControlSocket, Request, SocketError};
use crate::capture::afxdp_config::OpenError;
use crate::config::{Config, ConfigError, InterfaceConfig};
use crate::detect::hyperscan::{HyperscanError, give_memory_back};
use crate::detect::lasting::Lasting;
use crate::detect::yara::YaraThread;
use crate::output::evidence::{Evidence, EvidenceError};
use crate::output::filestore::{StoreError, StoreThread};
use crate::output::metrics::MetricsError;
use crate::output::sources::{Sample, Sources};
use crate::output::status::grouped;
use crate::output::{OutputError, Outputs};
use clap::Args;
use crossbeam::channel::{Receiver, RecvTimeoutError};
use nix::sys::signal::{SigSet, Signal};
use sekisho_ebpf::Verdict;
use serde_json::Value;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often interfaces and workers are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// How long packets may be on their way from the XDP program to a ring after a socket left the program's map.
const SETTLE: Duration = Duration::from_millis(50);

/// Run the sensor on network interfaces, until SIGINT or SIGTERM.
///
/// The interfaces must be monitoring ports: packets that the sensor takes do not reach the host's own network stack. SIGHUP opens the
/// event log anew, for log rotation, and reloads the rules, as `sekisho reload` does. At the end the accounts are printed; exit status 1 if they do not balance, or if all interfaces
/// vanished.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(
    after_help = "Examples:\n  sekisho run\n  sekisho run --interface enp3s0f0 --interface enp3s0f1 --rules /etc/sekisho/rules\n  \
                        sekisho run --inline enp3s0f0:enp3s0f1\n  sekisho run --inline enp3s0f0:enp3s0f1 --detach\n\n\
                        Without --config, /etc/sekisho/sekisho.toml is read if it is there."
)]
pub struct RunArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Interface to capture from, in place of the configuration's. May be repeated.
    #[arg(long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,
    /// Two interfaces to stand between, in line, in place of the configuration's links. May be repeated.
    #[arg(long = "inline", value_name = "A:B", value_parser = InlineConfig::from_argument)]
    pub inline: Vec<InlineConfig>,
    /// Take off what a sensor in line has left on its ports (the configuration's, or those of --inline), and end.
    #[arg(long)]
    pub detach: bool,
    #[command(flatten)]
    pub rules: RuleArguments,
    #[command(flatten)]
    pub yara: YaraArguments,
}

/// Why the sensor could not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the cause's own sentence")]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "no interface to capture from: name one with --interface IF, or two to stand between with --inline A:B, or in the configuration with [[interface]] or [[inline]]"
    )]
    NoInterface,
    #[error(
        "there is no link to detach from: name its ports with --inline A:B, or in the configuration with [[inline]]"
    )]
    NoLink,
    #[error(transparent)]
    Link(#[from] LinkUpError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Attach(#[from] AttachError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Worker(#[from] HyperscanError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Blocklist(#[from] BlocklistError),
    #[error("cannot reach the XDP program's maps: {0}")]
    Maps(std::io::Error),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot listen for signals: {0}")]
    Signals(nix::Error),
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting; nothing stays attached then.
pub fn run(arguments: &RunArguments) -> Result<ExitCode, RunError> {
    let mut as_read = arguments.config.load_installed()?;
    arguments.yara.apply(&mut as_read);
    let mut config = as_read.clone();
    if !arguments.interfaces.is_empty() {
        let listed = std::mem::take(&mut config.interface);
        let named = |name: &String| {
            // What the configuration says of its mirror is a fact about the wire.
            let mirror = listed.iter().find(|interface| interface.name == *name).and_then(|interface| interface.mirror);
            InterfaceConfig { mirror, ..InterfaceConfig::named(name) }
        };
        config.interface = arguments.interfaces.iter().map(named).collect();
    }
    if !arguments.inline.is_empty() {
        config.inline.clone_from(&arguments.inline);
        if arguments.interfaces.is_empty() {
            config.interface.clear();
        }
    } else if !arguments.interfaces.is_empty() {
        config.inline.clear();
    }
    let monitored: Vec<&str> = config.interface.iter().map(|interface| interface.name.as_str()).collect();
    if let Some(problem) = inline_config::problems(&config.inline, &monitored).into_iter().next() {
        return Err(LinkUpError::Config(problem).into());
    }
    if arguments.detach {
        return detach(&config);
    }
    if config.interface.is_empty() && config.inline.is_empty() {
        return Err(RunError::NoInterface);
    }
    let signals = listen_for_signals()?;
    let (rules, lasting) = rules::compile_first(&config, &arguments.rules.rules)?;
    rules.log_problems();
    let yara = rules::load_yara(&config);
    early::load_list(&mut config)?;
    let again = Again { arguments, config: as_read, lasting };
    let mut sensor = Sensor::start(&config, &rules, yara.as_ref(), again)?;
    sensor.lock_up(&config)?;
    out!("{}", sensor.describe(&config, &rules));
    drop((rules, yara));
    give_memory_back();
    sensor.watch(&signals);
    service::stopping();
    Ok(sensor.stop())
}

/// Takes off what a sensor left on its links.
fn detach(config: &Config) -> Result<ExitCode, RunError> {
    if config.inline.is_empty() {
        return Err(RunError::NoLink);
    }
    for pair in &config.inline {
        inline::detach(pair, config)?.iter().for_each(|line| outln!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Signals, as messages: blocked in this thread, and so in all that it starts, but for one that waits for them.
fn listen_for_signals() -> Result<Receiver<Signal>, RunError> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_block().map_err(RunError::Signals)?;
    let (sender, receiver) = crossbeam::channel::bounded(16);
    let wait = move || {
        privilege::keep(Task::Plain);
        while let Ok(signal) = set.wait() {
            if sender.send(signal).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(RunError::Thread)?;
    Ok(receiver)
}

/// What it takes to load the rules again.
struct Again<'a> {
    arguments: &'a RunArguments,
    config: Config,
    lasting: Lasting,
}

struct Thread {
    /// One, or in line both ports'.
    queues: Vec<Arc<Queue>>,
    handle: JoinHandle<()>,
}

impl Thread {
    /// Its time, as long as it runs. A thread whose interface has vanished has ended as it should.
    fn sign(&self) -> Sign {
        let queue = self.queues.first()?;
        let (busy, idle) = queue.time.read();
        let vanished = || {
            let attachment = queue.interface.attachment.lock().unwrap_or_else(PoisonError::into_inner);
            attachment.as_ref().is_none_or(|attachment| attachment.presence() == Presence::Gone)
        };
        // Where nobody works any more, time stands still: a stamp that moves stands for it.
        match self.handle.is_finished() {
            false => Some(busy.saturating_add(idle)),
            true if vanished() => Some(Duration::from_nanos(monotonic_ns())),
            true => None,
        }
    }
}

/// The running sensor.
struct Sensor {
    interfaces: Vec<Arc<Interface>>,
    links: Vec<Arc<LinkUp>>,
    threads: Vec<Thread>,
    stop: Arc<AtomicBool>,
    outputs: Outputs,
    store: Option<StoreThread>,
    evidence: Option<Evidence>,
    yara: Option<YaraThread>,
    sources: Arc<Sources>,
    live: Arc<LiveRules>,
    reloader: Reloader,
    costs: CostWatch,
    // Stop when dropped.
    http: Option<HttpServer>,
    page: Option<PageThread>,
    control: Option<ControlSocket>,
    ended_by: Option<Signal>,
    sets: Saver,
    /// Of the rules whose sets are saved.
    epoch: u32,
    /// As it was at the start.
    config: Config,
}

impl Sensor {
    /// All is set up: what that took and running does not is given away, in every thread.
    fn lock_up(&self, config: &Config) -> Result<(), SandboxError> {
        let in_line = !self.links.is_empty();
        sandbox::enter(config.sensor.seccomp, if in_line { Calls::Ports } else { Calls::Watching })?;
        privilege::keep(if in_line { Task::Ports } else { Task::Reload });
        Ok(())
    }

    /// What is running, for the person who started it.
    fn describe(&self, config: &Config, rules: &Rules) -> String {
        let mut text = format!("sekisho {} captures\n", env!("CARGO_PKG_VERSION"));
        for queue in self.threads.iter().flat_map(|thread| &thread.queues) {
            let Queue { interface, number, facts, cpu, .. } = &**queue;
            let cpu = cpu.map_or_else(|| "any CPU".to_owned(), |cpu| format!("CPU {cpu}"));
            let extras = match (facts.multi_buffer, facts.huge_pages) {
                (true, true) => ", multi-buffer, huge pages",
                (true, false) => ", multi-buffer",
                (false, true) => ", huge pages",
                (false, false) => "",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {} queue {number}: AF_XDP {}, XDP {}{extras}, {} of packet memory, {cpu}",
                interface.name,
                facts.mode.as_str(),
                interface.attach,
                accounts::bytes(facts.memory_bytes),
            );
            for refusal in &facts.refusals {
                let _ = writeln!(text, "    {refusal}");
            }
        }
        for link in &self.links {
            let _ = writeln!(text, "  {}", link.describe());
        }
        let status = rules.status();
        let _ = writeln!(
            text,
            "  rules: {} loaded, {} with errors, {} skipped",
            grouped(status.loaded),
            grouped(status.failed),
            grouped(status.skipped)
        );
        if config.eve.enabled {
            let _ = writeln!(text, "  events: {}", config.eve.path.display());
        }
        if config.evidence.enabled {
            let _ = writeln!(text, "  evidence: {}", config.evidence.folder.display());
        }
        if config.evidence.rolling.enabled {
            let _ = writeln!(text, "  all packets: {}", config.evidence.rolling.folder.display());
        }
        if let Some(http) = &self.http {
            let _ = writeln!(text, "  metrics: http://{}/metrics", http.address());
            if self.page.is_some() {
                let _ = writeln!(text, "  page: http://{}/", http.address());
            }
        }
        if self.control.is_some() {
            let _ = writeln!(text, "  status: sekisho status --socket {}", config.control.socket.display());
        }
        text
    }

    /// Until a signal ends it, or there is nothing left to capture from.
    fn watch(&mut self, signals: &Receiver<Signal>) {
        let mut service = Service::ready(&self.status_line(), Instant::now());
        loop {
            match signals.recv_timeout(WATCH_INTERVAL) {
                Ok(Signal::SIGHUP) => {
                    tracing::info!("opening the event log anew, and reloading the rules");
                    self.outputs.reopen();
                    // What comes of it is in the log.
                    drop(self.reloader.requests().ask());
                }
                Ok(signal) => {
                    self.ended_by = Some(signal);
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Some(kept) = self.live.kept_since(&mut self.epoch) {
                self.sets.turn_to(kept);
            }
            self.sets.watch();
            for interface in &self.interfaces {
                let in_line =
                    self.links.iter().any(|link| link.interfaces.iter().any(|port| Arc::ptr_eq(port, interface)));
                watch_interface(interface, in_line);
            }
            self.links.iter().for_each(|link| link.mirror());
            for link in self.links.iter().filter(|link| link.is_broken()) {
                let [a, b] = &link.config.ports;
                match link.renew(&self.config) {
                    Ok(true) => tracing::info!("{a} and {b} are both there again, and in line"),
                    Ok(false) => {}
                    Err(error) => tracing::warn!("{a} and {b} are there, but cannot be put in line again: {error}"),
                }
            }
            self.costs.tick();
            self.sources.tick();
            for thread in &self.threads {
                let Queue { interface, number, .. } = &*thread.queues[0];
                if thread.handle.is_finished() && !interface.gone.swap(true, Ordering::Relaxed) {
                    tracing::error!("the worker of {} queue {number} has ended", interface.name);
                }
            }
            let signs: Vec<Sign> = self.threads.iter().map(Thread::sign).collect();
            service.watch(Instant::now(), &signs, || self.status_line());
            // Ports in line are waited for.
            if self.links.is_empty() && self.interfaces.iter().all(|interface| interface.gone.load(Ordering::Relaxed)) {
                tracing::error!("there is no interface left to capture from");
                return;
            }
        }
    }

    /// What is going on, in one line, for the service manager.
    fn status_line(&self) -> String {
        let gone = self.interfaces.iter().filter(|interface| interface.gone.load(Ordering::Relaxed));
        let gone: Vec<&str> = gone.map(|interface| interface.name.as_str()).collect();
        let packets: u64 = self
            .threads
            .iter()
            .flat_map(|thread| &thread.queues)
            .map(|queue| queue.ledger.read().received_packets)
            .fold(0, u64::saturating_add);
        let rules = self.live.status();
        let mut text =
            format!("{} workers, {} rules, {} packets", self.threads.len(), grouped(rules.loaded), grouped(packets));
        if !gone.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "; nothing is captured from {}", gone.join(", "));
        }
        text
    }

    /// Takes everything down and tells the accounts.
    fn stop(self) -> ExitCode {
        let Self {
            interfaces,
            links,
            threads,
            stop,
            outputs,
            store,
            evidence,
            yara,
            sources,
            http,
            page,
            control,
            ended_by,
            sets,
            ..
        } = self;
        for queue in threads.iter().flat_map(|thread| &thread.queues) {
            let mut attachment = queue.interface.attachment.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(attachment) = attachment.as_mut()
                && !queue.interface.gone.load(Ordering::Relaxed)
                && let Err(error) = attachment.remove(queue.number)
            {
                tracing::warn!("{error}");
            }
        }
        std::thread::sleep(SETTLE);
        stop.store(true, Ordering::Release);
        let mut queues = Vec::new();
        let mut failed = false;
        for thread in threads {
            failed |= thread.handle.join().is_err();
            queues.extend(thread.queues);
        }
        // What is pinned stays where the configuration does not say otherwise.
        links.iter().for_each(|link| link.leave());
        for interface in &interfaces {
            interface.attachment.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        drop((http, page, control));
        sets.finish();
        if let Some(store) = store {
            store.finish();
        }
        if let Some(evidence) = evidence {
            evidence.finish();
        }
        let scanned = yara.map(|thread| {
            let queue = thread.queue();
            thread.finish();
            queue.reading()
        });
        let report = outputs.finish();
        let status = sources.status();

        let why = ended_by.map_or("since nothing was left to capture from".to_owned(), |s| format!("by {s}"));
        outln!("Stopped {why}");
        out!("{status}");
        if let Some(scanned) = scanned {
            out!("\n{scanned}");
        }
        let mut balances = status.total.balances && status.total.in_flight == 0 && !failed;
        outln!("\nFrom the XDP program to the workers");
        for queue in &queues {
            balances &= print_kernel_side(queue);
        }
        if let Some(error) = &report.first_error {
            outln!("! events: {error}; {} were lost", grouped(report.lost.iter().sum()));
        }
        for other in &report.others {
            outln!("! events: {other}");
        }
        if ended_by.is_none() || !balances { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// Commands of the control socket beside `status`.
fn answer(request: &Request, requests: &Requests, live: &LiveRules) -> Option<Result<Value, String>> {
    let json = |value: serde_json::Result<Value>| value.map_err(|error| error.to_string());
    match request.command.as_str() {
        "reload" => Some(requests.ask_and_wait().and_then(|report| json(serde_json::to_value(report)))),
        "rules" => Some(json(serde_json::to_value(live.costs(request.top.unwrap_or(usize::MAX))))),
        _ => None,
    }
}

fn watch_interface(interface: &Interface, in_line: bool) {
    if interface.gone.load(Ordering::Relaxed) {
        return;
    }
    let mut attachment = interface.attachment.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(attachment) = attachment.as_mut()
        && let Err(error) = attachment.follow_addresses()
    {
        tracing::warn!("{}: its addresses are not known to the XDP program: {error}", interface.name);
    }
    if attachment.as_ref().is_some_and(|attachment| attachment.presence() == Presence::Gone) {
        interface.gone.store(true, Ordering::Relaxed);
        tracing::error!(
            "the interface {} has vanished: removed, or moved to another network namespace; {}",
            interface.name,
            if in_line { "it is put in line again when it is back" } else { "restart the sensor when it is back" }
        );
    }
}

fn health(interfaces: &[Arc<Interface>]) -> Result<(), String> {
    let gone: Vec<&str> =
        interfaces.iter().filter(|i| i.gone.load(Ordering::Relaxed)).map(|i| i.name.as_str()).collect();
    if gone.is_empty() { Ok(()) } else { Err(format!("nothing is captured from {}", gone.join(", "))) }
}

/// What sockets count on this side of the kernel.
fn this_sides_samples(queues: &[Arc<Queue>]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for queue in queues {
        let counters = queue.socket_statistics();
        for (name, help, value) in [
            (
                "xsk_packets_cut_total",
                "Packets cut to 256 KiB when put together from their frames.",
                counters.packets_cut,
            ),
            ("xsk_bad_descs_total", "Received descriptors that point outside packet memory.", counters.bad_descs),
        ] {
            let sample = Sample::counter(name, help, value);
            samples.push(sample.label("interface", &queue.interface.name).label("queue", queue.number.to_string()));
        }
    }
    samples
}

/// One queue's packets between the XDP program and its worker; whether all are accounted for.
fn print_kernel_side(queue: &Queue) -> bool {
    let (xdp, socket) = (queue.xdp(), queue.socket_statistics());
    let received = queue.ledger.read().received_packets;
    outln!(
        "  {} queue {}: {} redirected = {} received + {} dropped by the socket + {} for a full ring",
        queue.interface.name,
        queue.number,
        grouped(xdp.packets(Verdict::Redirected)),
        grouped(received),
        grouped(socket.rx_dropped),
        grouped(socket.rx_ring_full),
    );
    for verdict in Verdict::ALL.into_iter().filter(|v| *v != Verdict::Redirected && xdp.packets(*v) > 0) {
        outln!("    and {} {} ({})", grouped(xdp.packets(verdict)), verdict.kind(), verdict.reason());
    }
    match queue.unaccounted() {
        0 => true,
        n => {
            outln!("    THIS DOES NOT BALANCE: {n} packets are unaccounted for.");
            false
        }
    }
}
