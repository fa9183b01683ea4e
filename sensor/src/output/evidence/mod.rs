//! Evidence: the packets that prove an alert, and if wanted all packets, as pcapng.
//!
//! ```text
//! worker: frame ─▶ ring of recent packets, by flow ─ alert ─▶ chunk ─▶ bounded queue ─▶ thread ─▶ FLOW_ID-TIME.pcapng
//!              └─▶ all packets, if wanted ─▶ chunk ─▶ bounded queue ─▶ thread ─▶ rolling-TIME-N.pcapng
//! ```
//! Workers never wait for the disk (unless they read capture files). Memory is bounded by the ring's and the queue's limits, the disk by
//! bytes, files, age and what stays free. A packet that was to be written is written, or counted under the reason why not.

mod config;
mod counts;
mod flow_memory;
mod flows;
mod folder;
mod name;
mod outlet;
mod pcapng;
mod recorder;
mod ring;
mod rolling;

pub use config::{EvidenceConfig, RollingConfig};
pub use counts::{Counts, EvidenceWritten};
pub use flows::Origin;
pub use name::{EvidenceName, UNFINISHED};
pub use outlet::AlertNote;
pub use recorder::{EvidenceCounters, Recorder};

use super::sources::Sample;
use flows::FlowWriter;
use folder::{Folder, Limits};
use outlet::{Outlet, Sink, WriterThread};
use rolling::RollingWriter;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Evidence cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The folder.
    #[error("cannot use the folder for evidence {}: {source}. Make it writable for this user, or set {section}.folder", path.display())]
    Folder {
        /// As configured.
        path: PathBuf,
        /// Whose it is.
        section: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The thread.
    #[error("cannot start the thread that writes evidence: {0}")]
    Thread(io::Error),
}

/// What a worker needs to record.
#[derive(Clone, Debug)]
pub struct EvidenceEnds {
    config: EvidenceConfig,
    flows: Option<Outlet>,
    rolling: Option<Outlet>,
}

impl EvidenceEnds {
    /// The recorder of a worker whose flow table has room for so many flows.
    #[must_use]
    pub fn recorder(&self, worker: u16, flow_capacity: u64) -> Recorder {
        Recorder::new(&self.config, (self.flows.clone(), self.rolling.clone()), worker, flow_capacity)
    }
}

/// Where evidence is told of.
#[derive(Clone, Debug)]
pub struct EvidenceCounts(Vec<(&'static str, Arc<Counts>)>);

impl EvidenceCounts {
    /// For metrics.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.0.iter().flat_map(|(store, counts)| counts.samples(store)).collect()
    }

    /// For a summary: `flows` and `rolling`, as far as they are kept.
    #[must_use]
    pub fn written(&self) -> BTreeMap<&'static str, EvidenceWritten> {
        self.0.iter().map(|(store, counts)| (*store, counts.written())).collect()
    }
}

/// The threads that write.
#[derive(Debug)]
pub struct Evidence {
    config: EvidenceConfig,
    flows: Option<WriterThread>,
    rolling: Option<WriterThread>,
}

impl Evidence {
    /// Makes the folders ready and starts the threads; none if nothing is to be kept. `waits`: workers wait where a queue is full.
    ///
    /// # Errors
    /// A folder cannot be written to, or no thread can be started.
    pub fn start(config: &EvidenceConfig, origin: Origin, waits: bool) -> Result<Option<Self>, EvidenceError> {
        if !config.enabled && !config.rolling.enabled {
            return Ok(None);
        }
        let origin = Arc::new(origin);
        let thread = |name: &str, sink: Box<dyn Sink>, counts, queue| {
            WriterThread::start(name, sink, counts, queue, waits).map_err(EvidenceError::Thread)
        };
        let mut evidence = Self { config: config.clone(), flows: None, rolling: None };
        if config.enabled {
            let limits = Limits {
                total_bytes: config.total_bytes,
                total_files: config.total_files as usize,
                max_age_s: config.max_age_s,
                min_free_bytes: config.min_free_bytes,
            };
            let (folder, counts) = open(&config.folder, "evidence", limits)?;
            let sink = FlowWriter::new(folder, Arc::clone(&origin), Arc::clone(&counts));
            evidence.flows = Some(thread("evidence", Box::new(sink), counts, config.queue_bytes)?);
        }
        let rolling = &config.rolling;
        if rolling.enabled {
            let limits = Limits {
                total_bytes: rolling.total_bytes,
                total_files: usize::MAX,
                max_age_s: rolling.max_age_s,
                min_free_bytes: rolling.min_free_bytes,
            };
            let (folder, counts) = open(&rolling.folder, "evidence.rolling", limits)?;
            let sink = RollingWriter::new(folder, rolling, origin, Arc::clone(&counts));
            evidence.rolling = Some(thread("rolling", Box::new(sink), counts, rolling.queue_bytes)?);
        }
        Ok(Some(evidence))
    }

    /// For workers.
    #[must_use]
    pub fn ends(&self) -> EvidenceEnds {
        EvidenceEnds {
            config: self.config.clone(),
            flows: self.flows.as_ref().map(WriterThread::outlet),
            rolling: self.rolling.as_ref().map(WriterThread::outlet),
        }
    }

    /// What becomes of packets.
    #[must_use]
    pub fn counts(&self) -> EvidenceCounts {
        let threads = [("flows", &self.flows), ("rolling", &self.rolling)];
        let counts = threads.into_iter().filter_map(|(store, thread)| Some((store, thread.as_ref()?.counts())));
        EvidenceCounts(counts.collect())
    }

    /// Writes what still waits, and ends.
    pub fn finish(self) {
        let Self { flows, rolling, .. } = self;
        flows.into_iter().chain(rolling).for_each(WriterThread::finish);
    }
}

fn open(path: &Path, section: &'static str, limits: Limits) -> Result<(Folder, Arc<Counts>), EvidenceError> {
    let counts = Arc::<Counts>::default();
    let folder = Folder::open(path, section, limits, Arc::clone(&counts));
    let folder = folder.map_err(|source| EvidenceError::Folder { path: path.to_owned(), section, source })?;
    Ok((folder, counts))
}
