//! The maps through which the sensor tells the XDP program what to decide by itself: flows that it lets by, block lists, and
//! when load is to be shed.
//!
//! The maps of one interface live in an [`EarlyMaps`]. A block list is replaced whole: the next one is put into the place that is not
//! in use, one word turns the program to it, and the former one goes when no packet can be under it any more.

use super::attach_config::AttachConfig;
use super::blocklist::{self, BlocklistError, BuiltList};
use super::interface::chain;
use super::live::Interface;
use super::shedding::{Shedder, SheddingState};
use crate::capture::afxdp::StatisticsReader;
use crate::capture::early_config::{SheddingConfig, SheddingInline, SheddingPolicy};
use crate::capture::kernel_flows::{FlowMaps, KernelFlows};
use crate::config::{CaptureConfig, Config};
use crate::output::sources::Sample;
use crate::worker::Worker;
use aya::maps::of_maps::ArrayOfMaps;
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray};
use aya::{Ebpf, EbpfLoader};
use sekisho_ebpf::early::{Shed, control, names};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longer than a packet takes in the XDP program.
const GRACE: Duration = Duration::from_millis(10);

/// What of it is decided when the program is loaded.
#[derive(Clone, Debug, Default)]
pub struct EarlySetup {
    /// Flows that the program can know to be let by; 0: none.
    pub flows_max: u32,
    /// Flows that it remembers so as to know which are new; 0: none.
    pub seen_max: u32,
    /// What becomes of what is shed: a [`Shed`] as a number.
    pub shed: u32,
    /// When load is shed, and the slots of a queue's RX ring.
    pub shedding: (SheddingConfig, u32),
    /// The block list that is there from the first packet on.
    pub list: Option<Arc<BuiltList>>,
}

impl PartialEq for EarlySetup {
    fn eq(&self, other: &Self) -> bool {
        let list = |setup: &Self| setup.list.as_ref().map(Arc::as_ptr);
        (self.flows_max, self.seen_max, self.shed, &self.shedding, list(self))
            == (other.flows_max, other.seen_max, other.shed, &other.shedding, list(other))
    }
}

impl Eq for EarlySetup {}

impl EarlySetup {
    /// As the configuration says, for an interface that is in line or not.
    #[must_use]
    pub fn new(capture: &CaptureConfig, inline: bool, list: Option<Arc<BuiltList>>) -> Self {
        let shed = match (capture.shedding.policy, inline, capture.shedding.inline) {
            (SheddingPolicy::None, ..) => Shed::Never,
            (SheddingPolicy::NewFlows, true, SheddingInline::Forward) => Shed::Forward,
            (SheddingPolicy::NewFlows, ..) => Shed::Drop,
        };
        Self {
            flows_max: if capture.bypass.kernel { capture.bypass.flows_max } else { 0 },
            seen_max: if shed == Shed::Never { 0 } else { capture.shedding.flows_max },
            shed: shed as u32,
            shedding: (capture.shedding.clone(), capture.afxdp.rx_ring),
            list,
        }
    }

    /// Tells the loader.
    pub(super) fn apply<'a>(&'a self, loader: &mut EbpfLoader<'a>, queues: u32) {
        loader
            .override_global(names::SHED, &self.shed, true)
            .map_max_entries(names::FLOWS, self.flows_max.max(1))
            .map_max_entries(names::SEEN, self.seen_max.max(1))
            .map_max_entries(names::SHEDDING, queues);
    }
}

/// How the program is attached, with what it is to decide by itself. The block list is the one in the configuration's
/// `capture.xdp.early`, where [`load_list`] puts it.
#[must_use]
pub fn attach_config(config: &Config, inline: bool) -> AttachConfig {
    let xdp = &config.capture.xdp;
    AttachConfig { early: EarlySetup::new(&config.capture, inline, xdp.early.list.clone()), ..xdp.clone() }
}

/// Reads and builds the block list that interfaces are to have from their first packet on.
///
/// # Errors
/// As [`blocklist::load`].
pub fn load_list(config: &mut Config) -> Result<(), BlocklistError> {
    config.capture.xdp.early.list = blocklist::load(&config.capture.blocklist)?.map(|(built, _)| Arc::new(built));
    Ok(())
}

/// Has a worker hand flows that need no more inspection to the programs of the interfaces that it serves.
///
/// # Errors
/// There is no descriptor to be had.
pub fn give_flows(worker: &mut Worker, config: &Config, interfaces: &[&Interface]) -> io::Result<()> {
    if config.capture.bypass.kernel {
        let maps = interfaces.iter().map(|interface| interface.with_early(|early| early.flow_maps()));
        worker.use_kernel(KernelFlows::new(maps.collect::<io::Result<_>>()?));
    }
    Ok(())
}

type Hosts<K> = ArrayOfMaps<MapData, HashMap<MapData, K, u8>>;
type Nets<K> = ArrayOfMaps<MapData, aya::maps::LpmTrie<MapData, K, u8>>;

/// One interface's maps.
pub struct EarlyMaps {
    flows: MapData,
    control: MapData,
    shedding: MapData,
    hosts4: Hosts<[u8; 4]>,
    hosts6: Hosts<[u8; 16]>,
    nets4: Nets<[u8; 4]>,
    nets6: Nets<[u8; 16]>,
    listed: PerCpuArray<MapData, [u64; 2]>,
    /// When load is shed, and the slots of a ring; nothing if it is not.
    sheds: Option<(SheddingConfig, u32)>,
    /// By queue that has a worker.
    states: BTreeMap<u32, Arc<SheddingState>>,
    /// The place of the list that is in use.
    place: u32,
    list: Option<Arc<BuiltList>>,
}

impl std::fmt::Debug for EarlyMaps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlyMaps").field("list", &self.list).finish_non_exhaustive()
    }
}

impl EarlyMaps {
    /// Takes the maps out of the loaded object, and puts the block list there.
    pub(super) fn take(ebpf: &mut Ebpf, setup: &EarlySetup) -> io::Result<Self> {
        let mut take =
            |name: &str| ebpf.take_map(name).ok_or_else(|| io::Error::other(format!("the built object has no {name}")));
        let [hosts4, hosts6, nets4, nets6] = names::LISTS;
        let mut maps = Self {
            flows: data(take(names::FLOWS)?)?,
            control: data(take(names::CONTROL)?)?,
            shedding: data(take(names::SHEDDING)?)?,
            hosts4: take(hosts4)?.try_into().map_err(error)?,
            hosts6: take(hosts6)?.try_into().map_err(error)?,
            nets4: take(nets4)?.try_into().map_err(error)?,
            nets6: take(nets6)?.try_into().map_err(error)?,
            listed: take(names::LISTED)?.try_into().map_err(error)?,
            sheds: Some(setup.shedding.clone()).filter(|_| setup.shed != Shed::Never as u32),
            states: BTreeMap::new(),
            place: 0,
            list: None,
        };
        if let Some(list) = &setup.list {
            maps.use_list(Some(list))?;
        }
        Ok(maps)
    }

    /// For a worker: the map of flows that are let by.
    ///
    /// # Errors
    /// There is no descriptor to be had.
    pub fn flow_maps(&self) -> io::Result<FlowMaps> {
        let flows = HashMap::try_from(Map::HashMap(again(&self.flows)?)).map_err(error)?;
        let control = Array::try_from(Map::Array(again(&self.control)?)).map_err(error)?;
        Ok(FlowMaps { flows, control })
    }

    /// For `queue`'s worker: who tells the program that it is behind; nobody if nothing is to be shed.
    ///
    /// # Errors
    /// There is no descriptor to be had.
    pub fn shedder(&mut self, queue: u32, statistics: StatisticsReader) -> io::Result<Option<Shedder>> {
        let Some((config, rx_ring)) = &self.sheds else { return Ok(None) };
        let word = Array::try_from(Map::Array(again(&self.shedding)?)).map_err(error)?;
        let state = Arc::clone(self.states.entry(queue).or_default());
        Ok(Some(Shedder::new(config, *rx_ring, (queue, statistics), word, state)))
    }

    /// By queue: whether load is shed now, and how often that began. Empty if none is to be shed.
    #[must_use]
    pub fn shedding(&self) -> Vec<(u32, bool, u64)> {
        let read = |(queue, state): (&u32, &Arc<SheddingState>)| {
            (*queue, state.on.load(Ordering::Relaxed), state.begun.load(Ordering::Relaxed))
        };
        self.states.iter().map(read).collect()
    }

    /// From one packet to the next, `list` takes the place of the list before. Takes a moment, so that the former one can go.
    ///
    /// # Errors
    /// The kernel's; the list before stays then.
    pub fn use_list(&mut self, list: Option<&Arc<BuiltList>>) -> io::Result<()> {
        let before = self.place;
        let next = 1 - before;
        if let Some(list) = list {
            self.put(next, list)?;
        }
        let word = list.map_or(0, |list| control::list(next, list.action));
        let mut control = Array::<_, u32>::try_from(Map::Array(again(&self.control)?)).map_err(error)?;
        control.set(control::LIST, word, 0).map_err(error)?;
        self.place = next;
        if std::mem::replace(&mut self.list, list.cloned()).is_some() {
            std::thread::sleep(GRACE);
            self.put(before, &BuiltList::empty().map_err(error)?)?;
        }
        Ok(())
    }

    fn put(&mut self, place: u32, list: &BuiltList) -> io::Result<()> {
        self.hosts4.set(place, &list.hosts4, 0).map_err(error)?;
        self.hosts6.set(place, &list.hosts6, 0).map_err(error)?;
        self.nets4.set(place, &list.nets4, 0).map_err(error)?;
        self.nets6.set(place, &list.nets6, 0).map_err(error)
    }

    /// The list in use.
    #[must_use]
    pub fn list(&self) -> Option<&Arc<BuiltList>> {
        self.list.as_ref()
    }

    /// Addresses and prefixes of the list in use.
    #[must_use]
    pub fn list_entries(&self) -> usize {
        self.list.as_ref().map_or(0, |list| list.entries())
    }

    /// Packets and bytes that the list named and whose action let them go on.
    #[must_use]
    pub fn listed(&self) -> (u64, u64) {
        // Reading a map that is held open does not fail.
        let shares = self.listed.get(&0, 0);
        let shares = shares.iter().flat_map(|shares| shares.iter());
        shares.fold((0, 0), |(packets, bytes), [p, b]| (packets + p, bytes + b))
    }
}

/// What the maps tell; what the program did by them is with its verdicts.
#[must_use]
pub fn samples(interfaces: &[Arc<Interface>]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for interface in interfaces {
        let (entries, (packets, bytes), shedding) =
            interface.with_early(|early| (early.list_entries(), early.listed(), early.shedding()));
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating point; lists have no 2^53 entries")]
        let entries = entries as f64;
        for sample in [
            Sample::gauge("blocklist_entries", "Addresses and prefixes of the block list in use.", entries),
            Sample::counter(
                "blocklist_counted_packets_total",
                "Listed packets that were counted and went on.",
                packets,
            ),
            Sample::counter("blocklist_counted_bytes_total", "Bytes of listed packets that went on.", bytes),
        ] {
            samples.push(sample.label("interface", &interface.name));
        }
        for (queue, on, begun) in shedding {
            for sample in [
                Sample::gauge(
                    "shedding",
                    "1 while new flows are shed since the worker is behind.",
                    f64::from(u8::from(on)),
                ),
                Sample::counter("shedding_begun_total", "Times that shedding began.", begun),
            ] {
                samples.push(sample.label("interface", &interface.name).label("queue", queue.to_string()));
            }
        }
    }
    samples
}

/// The map's data, whatever it is a map of.
fn data(map: Map) -> io::Result<MapData> {
    match map {
        Map::HashMap(data) | Map::Array(data) => Ok(data),
        other => Err(io::Error::other(format!("the built object has another map: {other:?}"))),
    }
}

/// The same map by another descriptor.
fn again(map: &MapData) -> io::Result<MapData> {
    MapData::from_fd(map.fd().as_fd().try_clone_to_owned()?).map_err(error)
}

fn error(error: MapError) -> io::Error {
    match &error {
        // Its number tells more than its text.
        MapError::SyscallError(inner) if inner.io_error.raw_os_error().is_some() => {
            io::Error::from_raw_os_error(inner.io_error.raw_os_error().unwrap_or_default())
        }
        _ => io::Error::other(chain(&error)),
    }
}
