//! Setting up: outputs, rules, the program on every interface, a socket and a worker for each queue, and the threads that look after them. Nothing is
//! changed before all that can be checked was, and on an error everything is taken off again.

use super::{Again, RunError, Sensor, Thread, answer, health, this_sides_samples};
use crate::capture::afxdp::Socket;
use crate::capture::afxdp_pair::Pair;
use crate::config::Config;
use crate::control::access::Access;
use crate::control::bump::{self, LinkQueue, SentCounters};
use crate::control::early;
use crate::control::host_samples;
use crate::control::http::{HttpServer, Served};
use crate::control::inline::{self, LinkUp};
use crate::control::interface::Attachment;
use crate::control::lists::Saver;
use crate::control::live::{Interface, Queue, serve};
use crate::control::live_rules::{CostWatch, LiveRules};
use crate::control::mirror::MirrorSetup;
use crate::control::page::{Page, PageParts, PageThread};
use crate::control::pcap::{random_seed, worker_config};
use crate::control::privilege::{self, Task};
use crate::control::reload::{Reloader, Reloading};
use crate::control::rules::{self, Rules};
use crate::control::socket::{ControlSocket, commands};
use crate::decode::MirrorKind;
use crate::detect::threshold::Thresholds;
use crate::detect::yara::{LoadedYara, YaraQueue, YaraThread};
use crate::output::evidence::{Evidence, EvidenceCounts, Origin};
use crate::output::filestore::{FileStore, StoreThread};
use crate::output::metrics::Metrics;
use crate::output::ruleset::{COST_SERIES, cost_samples};
use crate::output::sources::Sources;
use crate::output::talkers::Talkers;
use crate::output::tap::AlertTaps;
use crate::output::{AlertCatalog, OutputContext, Outputs};
use crate::worker::Worker;
use core_affinity::CoreId;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Instant;

/// A queue that is ready to run.
struct Ready {
    work: Work,
    worker: Worker,
}

/// What its thread does.
enum Work {
    Monitor { queue: Arc<Queue>, socket: Box<Socket> },
    Link { link: Arc<LinkUp>, queue: Box<LinkQueue>, pair: Box<Pair> },
}

impl Ready {
    /// The worker's queues: that of its first port first.
    fn queues(&self) -> Vec<Arc<Queue>> {
        match &self.work {
            Work::Monitor { queue, .. } => vec![Arc::clone(queue)],
            Work::Link { queue, .. } => queue.ports.to_vec(),
        }
    }
}

/// What has been set up, and who is to run it.
#[derive(Default)]
struct SetUp {
    interfaces: Vec<Arc<Interface>>,
    links: Vec<Arc<LinkUp>>,
    ready: Vec<Ready>,
}

impl Sensor {
    pub(super) fn start(
        config: &Config,
        rules: &Rules,
        yara: Option<&LoadedYara>,
        again: Again<'_>,
    ) -> Result<Self, RunError> {
        let context = OutputContext {
            sensor_name: config.sensor.name.clone(),
            interfaces: interface_names(config),
            capture_file: false,
            alerts: AlertCatalog::choose(
                rules.signatures().chain(rules::yara_signatures(yara)),
                config.metrics.alert_sids_max,
            ),
        };
        // Refused before anything is touched.
        let access =
            config.metrics.enabled.then(|| Access::new(&config.metrics, random_seed())).transpose()?.map(Arc::new);
        let mut outputs = Outputs::start_all(&config.eve, &config.output, context)?;
        let shown = (config.metrics.enabled && config.page.enabled)
            .then(|| (Arc::new(AlertTaps::new(config.page.payload_bytes)), Arc::new(Talkers::default())));
        if let Some((taps, talkers)) = &shown {
            outputs.tap(Arc::clone(taps), Arc::clone(talkers));
        }
        let stores = &config.files.store;
        let store = stores.enabled.then(|| StoreThread::start(stores, false)).transpose()?;
        let own = store.as_ref().map(StoreThread::store);
        let origin = Origin { sensor_name: config.sensor.name.clone(), interfaces: interface_names(config) };
        let evidence = Evidence::start(&config.evidence, origin, false)?;
        let kept = evidence.as_ref().map(Evidence::counts);
        let scans =
            |yara: &LoadedYara| YaraThread::start(&config.yara, Arc::clone(&yara.rules), outputs.sender(), false);
        let yara = yara.map(scans).transpose().map_err(RunError::Thread)?;
        let [scanned, reloaded] = [(); 2].map(|()| yara.as_ref().map(YaraThread::queue));
        let ends = FileEnds { store: own.as_ref(), yara: scanned.as_ref(), evidence: evidence.as_ref() };
        let SetUp { interfaces, links, ready } = set_up_queues(config, rules, &outputs, ends)?;
        let queues: Vec<Arc<Queue>> = ready.iter().flat_map(Ready::queues).collect();
        let sent = ready.iter().filter_map(|ready| match &ready.work {
            Work::Link { queue, .. } => Some((Arc::clone(&queue.ports[0]), Arc::clone(&queue.sent))),
            Work::Monitor { .. } => None,
        });
        let sent: Vec<(Arc<Queue>, Arc<SentCounters>)> = sent.collect();
        let ports = ready.iter().filter(|ready| matches!(ready.work, Work::Link { .. }));
        let ports: Vec<Arc<Queue>> = ports.flat_map(Ready::queues).collect();
        let costs = ready.iter().map(|r| Arc::clone(r.worker.costs())).collect();
        let live = Arc::new(LiveRules::new(rules, costs, &config.rules));
        let reloader = Reloader::start(Reloading {
            arguments: again.arguments.config.clone(),
            rules: again.arguments.rules.rules.clone(),
            yara_rules: again.arguments.yara.clone(),
            yara: reloaded,
            config: again.config,
            lasting: again.lasting,
            workers: ready.iter().map(|r| Arc::clone(r.worker.handover())).collect(),
            outputs: outputs.handle(),
            live: Arc::clone(&live),
            interfaces: interfaces.clone(),
        });
        let reloader = reloader.map_err(RunError::Thread)?;
        let costs =
            CostWatch::new(Arc::clone(&live), ready.iter().map(|ready| Arc::clone(&ready.queues()[0].time)).collect());
        let [status, series, asked, placed] = std::array::from_fn(|_| Arc::clone(&live));
        let (opened, asked_for) = (Arc::new(OnceLock::<Weak<Page>>::new()), access.clone());
        let shows = Arc::clone(&opened);
        let [watched, ports_up] = std::array::from_fn(|_| interfaces.clone());
        let folders = host_samples::folders(config);
        let sources = Arc::new(Sources {
            sensor_name: config.sensor.name.clone(),
            started: Instant::now(),
            layout: Worker::layout(),
            workers: queues.iter().map(Queue::source).collect(),
            ruleset: Box::new(move || status.status()),
            outputs: outputs.handle(),
            loss: Default::default(),
            extra: vec![
                Box::new(move || this_sides_samples(&queues)),
                Box::new(move || early::samples(&watched)),
                Box::new(move || host_samples::samples(&folders, &ports_up)),
                Box::new(move || bump::samples(&sent)),
                Box::new(move || if ports.is_empty() { Vec::new() } else { bump::policy_samples(&ports) }),
                Box::new(move || cost_samples(&series.costs(COST_SERIES))),
                Box::new(move || shows.get().and_then(Weak::upgrade).map_or_else(Vec::new, |page| page.samples())),
                Box::new(move || asked_for.as_ref().map_or_else(Vec::new, |access| access.samples())),
                Box::new(move || own.as_ref().map_or_else(Vec::new, FileStore::samples)),
                Box::new(move || kept.as_ref().map_or_else(Vec::new, EvidenceCounts::samples)),
                Box::new(move || scanned.as_ref().map_or_else(Vec::new, YaraQueue::samples)),
            ],
        });
        let weak = Arc::downgrade(&sources);
        outputs.set_stats_source(move || weak.upgrade().map(|sources| sources.stats()).unwrap_or_default());
        let watched = interfaces.clone();
        let page = shown.map(|(taps, talkers)| {
            PageThread::start(PageParts {
                config: config.page.clone(),
                sources: Arc::clone(&sources),
                taps,
                talkers,
                health: Box::new(move || health(&watched)),
                rule_files: Box::new(move |number| placed.file(number)),
                evidence: config.evidence.enabled.then(|| config.evidence.folder.clone()),
            })
        });
        let page = page.transpose().map_err(RunError::Thread)?;
        if let Some(page) = &page {
            // Its counters are among the sources that it reads. There is one page, so this is the first call.
            let _ = opened.set(Arc::downgrade(&page.page()));
        }
        let http = match access {
            Some(access) => {
                let watched = interfaces.clone();
                let served = Served {
                    metrics: Metrics::new(Arc::clone(&sources))?,
                    sources: Arc::clone(&sources),
                    health: Box::new(move || health(&watched)),
                    page: page.as_ref().map(PageThread::page),
                    access,
                };
                Some(HttpServer::start(&config.metrics, served)?)
            }
            None => None,
        };
        let control = if config.control.enabled {
            let requests = reloader.requests();
            let answers = commands(Arc::clone(&sources), move |request| answer(request, &requests, &asked));
            Some(ControlSocket::start(&config.control.socket, answers)?)
        } else {
            None
        };
        let mut sensor = Self {
            interfaces,
            links,
            threads: Vec::new(),
            stop: Arc::default(),
            outputs,
            store,
            evidence,
            yara,
            sources,
            live,
            reloader,
            costs,
            http,
            page,
            control,
            ended_by: None,
            sets: Saver::new(rules.engine.kept.clone()),
            epoch: rules.engine.epoch,
            config: config.clone(),
        };
        for ready in ready {
            sensor.start_thread(ready)?;
        }
        Ok(sensor)
    }

    fn start_thread(&mut self, ready: Ready) -> Result<(), RunError> {
        let queues = ready.queues();
        let Ready { work, worker } = ready;
        // From here on packets come; the ring holds them until the thread is there.
        match &work {
            Work::Monitor { queue, socket } => {
                let mut attachment = queue.interface.attachment.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(attachment) = attachment.as_mut() {
                    attachment.insert(queue.number, &**socket)?;
                }
            }
            Work::Link { link, queue, pair } => {
                queue.beat();
                link.insert(queue.number(), pair)?;
            }
        }
        let (stop, first) = (Arc::clone(&self.stop), Arc::clone(&queues[0]));
        let name = format!("{}/{}", first.interface.name, first.number);
        let run = move || {
            privilege::keep(Task::Plain);
            if let Some(cpu) = first.cpu
                && !core_affinity::set_for_current(CoreId { id: cpu })
            {
                tracing::warn!("{} queue {} could not be pinned to CPU {cpu}", first.interface.name, first.number);
            }
            match work {
                Work::Monitor { queue, socket } => serve(&queue, *socket, worker, &stop),
                Work::Link { queue, pair, .. } => bump::serve(&queue, *pair, worker, &stop).finish(),
            }
        };
        let handle = std::thread::Builder::new().name(name).spawn(run).map_err(RunError::Thread)?;
        self.threads.push(Thread { queues, handle });
        Ok(())
    }
}

/// Where workers hand files and packets to.
#[derive(Clone, Copy)]
struct FileEnds<'a> {
    store: Option<&'a FileStore>,
    yara: Option<&'a YaraQueue>,
    evidence: Option<&'a Evidence>,
}

/// Attaches the program to every interface and opens a socket for every queue. On an error everything is taken off again.
fn set_up_queues(config: &Config, rules: &Rules, outputs: &Outputs, files: FileEnds<'_>) -> Result<SetUp, RunError> {
    let (thresholds, expectations) = (Arc::new(Thresholds::default()), Arc::default());
    let seed = random_seed();
    let cpus = cpus(config);
    let mut all = SetUp::default();
    let worker = |at: usize, inline: bool, mirror: Option<MirrorKind>| {
        let mut settings = worker_config(config, inline, seed, u16::try_from(at).unwrap_or(u16::MAX));
        settings.decode.mirror = mirror.or(settings.decode.mirror);
        settings.store = files.store.cloned();
        settings.yara = files.yara.cloned();
        settings.evidence = files.evidence.map(Evidence::ends);
        settings.expectations = Arc::clone(&expectations);
        // Both ports are one link, and a worker has only one link.
        settings.stream.inline |= inline;
        settings.flow.separate_interfaces &= !inline;
        Worker::new(&settings, Arc::clone(&rules.engine), Arc::clone(&thresholds), outputs.sender())
    };
    let cpu = |at: usize| if cpus.is_empty() { None } else { cpus.get(at % cpus.len()).copied() };
    for (interface_index, wanted) in (0u16..).zip(&config.interface) {
        let mut attach = early::attach_config(config, false);
        attach.mirror = wanted.mirror.map(|kind| MirrorSetup::new(kind, &config.decode));
        let attachment = Attachment::attach(&wanted.name, &attach)?;
        if let Some(refusal) = attachment.native_refusal() {
            tracing::warn!(
                "{}: the driver does not take the XDP program, it runs in the network stack, which is slower: {refusal}",
                wanted.name
            );
        }
        let queues = wanted.queues.clone().or_else(|| config.capture.afxdp.queues.clone());
        let queues = queues.unwrap_or_else(|| (0..attachment.queues()).collect());
        let interface = Arc::new(match wanted.mirror {
            // What is sent to its address comes without.
            Some(_) => Interface::new(&wanted.name, attachment),
            None => Interface::monitoring(&wanted.name, attachment),
        });
        for number in queues {
            let socket = Box::new(Socket::open(&wanted.name, number, &config.capture.afxdp)?);
            let at = all.ready.len();
            let mut worker = worker(at, false, wanted.mirror)?;
            // The program sees the tunnel, and not the flows in it.
            if wanted.mirror.or(config.decode.mirror).is_none() {
                early::give_flows(&mut worker, config, &[&interface]).map_err(RunError::Maps)?;
            }
            let queue = Arc::new(Queue {
                interface: Arc::clone(&interface),
                interface_index,
                number,
                facts: socket.facts().clone(),
                cpu: cpu(at),
                ledger: Arc::clone(worker.ledger()),
                counters: Arc::clone(worker.published()),
                time: Arc::default(),
                socket: Mutex::new(vec![socket.statistics_reader()]),
            });
            all.ready.push(Ready { work: Work::Monitor { queue, socket }, worker });
        }
        all.interfaces.push(interface);
    }
    let first = u16::try_from(config.interface.len()).unwrap_or(u16::MAX);
    for (nth, pair) in (0u16..).zip(&config.inline) {
        let link = Arc::new(inline::set_up(pair, config)?);
        let port = first.saturating_add(nth.saturating_mul(2));
        for number in link.numbers(config) {
            let pair = Box::new(link.open(number, config)?);
            let at = all.ready.len();
            let mut worker = worker(at, true, None)?;
            early::give_flows(&mut worker, config, &link.interfaces.each_ref().map(|port| &**port))
                .map_err(RunError::Maps)?;
            let queue = Box::new(link.queue(number, &pair, &worker, port, cpu(at), config));
            all.ready.push(Ready { work: Work::Link { link: Arc::clone(&link), queue, pair }, worker });
        }
        all.interfaces.extend(link.interfaces.iter().cloned());
        all.links.push(link);
    }
    if all.ready.len() > cpus.len() {
        tracing::warn!("{} queues share {} CPUs: some workers will wait for each other", all.ready.len(), cpus.len());
    }
    Ok(all)
}

/// All interfaces, in the order in which packets count them: monitoring ports, then the links' two each.
fn interface_names(config: &Config) -> Vec<String> {
    let monitored = config.interface.iter().map(|interface| &interface.name);
    monitored.chain(config.inline.iter().flat_map(|pair| &pair.ports)).cloned().collect()
}

/// The CPUs for workers, in order.
fn cpus(config: &Config) -> Vec<usize> {
    config
        .capture
        .cpus
        .clone()
        .unwrap_or_else(|| core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect())
}
