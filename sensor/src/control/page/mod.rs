//! The sensor's page, for the office that has no Grafana: what is seen now, the accounts, and alerts as they come, with what proves them.
//!
//! It only reads. A thread of its own collects: ten times a second what workers left in their rings of alerts, once a second the
//! counters. All that it keeps is bounded: the latest alerts by count and bytes, an hour of seconds and a day of minutes, so many browsers. A browser
//! that does not keep up is cut off, and comes back for what it missed; the packet path knows nothing of any of them.
//!
//! | path | what |
//! |---|---|
//! | `/` | the page: one file, whose sources stand in `sensor/page` |
//! | `/api/state` | what `/status` says, with the state of the page |
//! | `/api/history?range=hour\|day` | throughput, losses and alerts over time |
//! | `/api/alerts` | the latest alerts, filtered and paged |
//! | `/api/alerts/NUMBER` | one of them, with its event, payload and rule |
//! | `/api/talkers` | hosts, conversations and protocols with most bytes |
//! | `/api/live` | alerts and counters as they come (Server-Sent Events) |
//! | `/api/evidence/FLOW_ID` | the flow's packets, where they are kept |

pub mod alerts;
pub mod api;
pub mod assets;
mod evidence;
mod history;
mod live;
mod rule_text;

use crate::control::privilege::{self, Task};
use crate::output::sources::{Sample, Sources};
use crate::output::talkers::Talkers;
use crate::output::tap::AlertTaps;
use alerts::AlertRing;
use history::History;
use serde::Deserialize;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// How often alerts are collected.
const COLLECT_EVERY: Duration = Duration::from_millis(100);
/// Messages that a browser may be behind before it is cut off.
const BEHIND_MAX: usize = 256;
/// Alerts that one message tells of at most.
const ALERTS_A_MESSAGE: usize = 500;

/// Section `[page]`: the sensor's page at `/` of `metrics.listen`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PageConfig {
    /// Whether there is one. Default: true.
    pub enabled: bool,
    /// The latest alerts that it shows, 1 to 100,000. Default: 10,000.
    pub alerts_max: usize,
    /// Bytes of memory that these may take. Default: 64 MiB.
    pub alerts_bytes: usize,
    /// The beginning of an alert's packet that is kept with it, in bytes, up to 65,535. Default: 4096.
    pub payload_bytes: usize,
    /// Browsers that it is open in at a time. Default: 16.
    pub clients_max: usize,
}

impl Default for PageConfig {
    fn default() -> Self {
        Self { enabled: true, alerts_max: 10_000, alerts_bytes: 64 << 20, payload_bytes: 4096, clients_max: 16 }
    }
}

impl PageConfig {
    /// What types cannot say: key and sentence.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut wrong = Vec::new();
        if !(1..=100_000).contains(&self.alerts_max) {
            wrong.push(("alerts_max", "from 1 to 100000 alerts; the event log has all of them"));
        }
        if self.alerts_bytes < 1 << 20 {
            wrong.push(("alerts_bytes", "at least 1048576: one alert may take some KiB"));
        }
        if self.payload_bytes > 65_535 {
            wrong.push(("payload_bytes", "no packet has more than 65535 bytes"));
        }
        wrong
    }
}

/// Says which file a rule of the rules at hand stands in.
pub type RuleFiles = Box<dyn Fn(u32) -> Option<PathBuf> + Send + Sync>;

/// What the page is made of.
pub struct PageParts {
    /// As configured.
    pub config: PageConfig,
    /// Counters and status.
    pub sources: Arc<Sources>,
    /// Alerts.
    pub taps: Arc<AlertTaps>,
    /// Flows.
    pub talkers: Arc<Talkers>,
    /// What is wrong with the sensor, if anything is.
    pub health: super::http::HealthCheck,
    /// Where rules stand.
    pub rule_files: RuleFiles,
    /// The folder in which flows' packets are kept, if they are.
    pub evidence: Option<PathBuf>,
}

/// What is collected, and who looks at it.
pub struct Page {
    parts: PageParts,
    ring: Mutex<AlertRing>,
    history: Mutex<History>,
    /// Messages to browsers, as Server-Sent Events have them.
    live: broadcast::Sender<Arc<live::Message>>,
    clients: AtomicUsize,
    clients_refused: AtomicU64,
    clients_cut_off: AtomicU64,
}

impl Page {
    fn new(parts: PageParts) -> Self {
        let ring = AlertRing::new(parts.config.alerts_max, parts.config.alerts_bytes);
        Self {
            parts,
            ring: Mutex::new(ring),
            history: Mutex::default(),
            live: broadcast::channel(BEHIND_MAX).0,
            clients: AtomicUsize::new(0),
            clients_refused: AtomicU64::new(0),
            clients_cut_off: AtomicU64::new(0),
        }
    }

    fn ring(&self) -> MutexGuard<'_, AlertRing> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what workers left, and tells browsers.
    fn collect(&self) {
        let mut new = Vec::new();
        {
            let mut ring = self.ring();
            self.parts.taps.drain(|tapped| new.extend(ring.add(tapped)));
        }
        for some in new.chunks(ALERTS_A_MESSAGE) {
            self.tell(live::Message::alerts(some));
        }
    }

    /// Reads the counters, and tells browsers.
    fn tick(&self) {
        let reading = history::Reading::of(&self.parts.sources);
        let point = self.history().add(reading);
        if let Some(point) = point {
            self.tell(live::Message::tick(&point));
        }
    }

    fn tell(&self, message: live::Message) {
        // With no browser there is nobody to tell.
        let _ = self.live.send(Arc::new(message));
    }

    /// For metrics.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
        let clients = self.clients.load(Ordering::Relaxed) as f64;
        vec![
            Sample::gauge("page_clients", "Browsers that the sensor's page is open in now.", clients),
            Sample::counter(
                "page_clients_refused_total",
                "Browsers that got no live data since page.clients_max others were there.",
                self.clients_refused.load(Ordering::Relaxed),
            ),
            Sample::counter(
                "page_clients_cut_off_total",
                "Times that a browser was too slow for the page's live data and was cut off.",
                self.clients_cut_off.load(Ordering::Relaxed),
            ),
            Sample::counter(
                "page_alerts_missed_total",
                "Alerts that came too fast for the page; the event log has them.",
                self.parts.taps.missed(),
            ),
        ]
    }
}

/// The running page. It stops when dropped.
pub struct PageThread {
    page: Arc<Page>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PageThread {
    /// Begins to collect.
    ///
    /// # Errors
    /// When there can be no other thread.
    pub fn start(parts: PageParts) -> io::Result<Self> {
        let page = Arc::new(Page::new(parts));
        let (stop, stopped) = channel::<()>();
        let own = Arc::clone(&page);
        let run = move || {
            privilege::keep(Task::Plain);
            let mut next = Instant::now();
            while stopped.recv_timeout(COLLECT_EVERY) == Err(RecvTimeoutError::Timeout) {
                own.collect();
                let now = Instant::now();
                if now >= next {
                    next = (next + Duration::from_secs(1)).max(now);
                    own.tick();
                }
            }
        };
        let thread = std::thread::Builder::new().name("page".to_owned()).spawn(run)?;
        Ok(Self { page, stop: Some(stop), thread: Some(thread) })
    }

    /// What it collects.
    #[must_use]
    pub fn page(&self) -> Arc<Page> {
        Arc::clone(&self.page)
    }
}

impl Drop for PageThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the page's thread failed");
        }
    }
}
