//! Flows that the XDP program lets by: handed over, asked after, and taken back with what was counted.
//!
//! A worker has one of these, for the interfaces whose queues it serves. Each flow costs one system call when it is handed over, two
//! when it ends, and one whenever it would be over for lack of packets; a packet costs none.

use crate::event::DirectionCount;
use crate::time::Timestamp;
use aya::maps::{Array, HashMap, MapData, MapError};
use nix::time::{ClockId, clock_gettime};
use rustc_hash::FxHashMap;
use sekisho_ebpf::early::{FlowCount, FlowKey, control};

/// BPF_NOEXIST: only if there is no such entry.
const NO_EXIST: u64 = 1;

/// One interface's maps, with descriptors of their own.
pub struct FlowMaps {
    /// Flows that are let by.
    pub flows: HashMap<MapData, [u64; 5], [u64; 5]>,
    /// What the program is told.
    pub control: Array<MapData, u32>,
}

/// What came of handing a flow over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The program knows it.
    Over,
    /// The program knows as many as it can.
    Full,
    /// Another worker has handed it over: its directions come to different queues.
    Known,
    /// The kernel refused for another reason.
    Failed,
}

/// What the program counted of a flow, by the flow's own directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// To server, to client.
    pub counts: [DirectionCount; 2],
    /// When the last packet came, if one did.
    pub last: Option<Timestamp>,
}

/// See the module.
pub struct KernelFlows {
    interfaces: Vec<FlowMaps>,
    /// The programs look into the map.
    on: bool,
    flows: FxHashMap<u64, FlowKey>,
}

impl std::fmt::Debug for KernelFlows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KernelFlows").field("flows", &self.flows.len()).finish_non_exhaustive()
    }
}

impl KernelFlows {
    /// For a worker that serves these interfaces.
    #[must_use]
    pub fn new(interfaces: Vec<FlowMaps>) -> Self {
        Self { interfaces, on: false, flows: FxHashMap::default() }
    }

    /// Flows that the program knows now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Hands the flow `id` over. All its interfaces know it, or none.
    pub fn hand_over(&mut self, id: u64, key: FlowKey) -> Handed {
        for at in 0..self.interfaces.len() {
            let Some(maps) = self.interfaces.get_mut(at) else { break };
            let Err(error) = maps.flows.insert(key.0, [0; 5], NO_EXIST) else { continue };
            for maps in self.interfaces.iter_mut().take(at) {
                // It was put there a moment ago.
                let _ = maps.flows.remove(&key.0);
            }
            return match os_error(&error) {
                Some(libc::E2BIG | libc::ENOMEM | libc::ENOSPC) => Handed::Full,
                Some(libc::EEXIST) => Handed::Known,
                _ => Handed::Failed,
            };
        }
        if !self.on {
            self.on = self.interfaces.iter_mut().all(|maps| maps.control.set(control::FLOWS, 1, 0).is_ok());
        }
        self.flows.insert(id, key);
        Handed::Over
    }

    /// When the last packet of the flow `id` was let by, if one was.
    #[must_use]
    pub fn last(&self, id: u64) -> Option<Timestamp> {
        let key = self.flows.get(&id)?;
        let counts = self.interfaces.iter().filter_map(|maps| maps.flows.get(&key.0, 0).ok());
        wall_clock(counts.map(|count| FlowCount(count).last_ns()).max()?)
    }

    /// Takes the flow `id` back. `client_is_high`: who of the key's ends is the client.
    pub fn take_back(&mut self, id: u64, client_is_high: bool) -> Option<Returned> {
        let key = self.flows.remove(&id)?;
        let (mut returned, mut last_ns) = (Returned::default(), 0);
        for maps in &mut self.interfaces {
            // An entry is only ever removed here.
            let count = FlowCount(maps.flows.get(&key.0, 0).unwrap_or_default());
            let _ = maps.flows.remove(&key.0);
            for (sum, from_high) in returned.counts.iter_mut().zip([client_is_high, !client_is_high]) {
                sum.packets = sum.packets.saturating_add(count.packets(from_high));
                sum.bytes = sum.bytes.saturating_add(count.bytes(from_high));
            }
            last_ns = last_ns.max(count.last_ns());
        }
        returned.last = wall_clock(last_ns);
        Some(returned)
    }
}

fn os_error(error: &MapError) -> Option<i32> {
    match error {
        MapError::SyscallError(error) => error.io_error.raw_os_error(),
        _ => None,
    }
}

/// A time of the kernel's monotonic clock as packets have it; 0 is none.
fn wall_clock(monotonic_ns: u64) -> Option<Timestamp> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).ok().filter(|_| monotonic_ns > 0)?;
    let now_ns = u64::try_from(std::time::Duration::from(now).as_nanos()).unwrap_or(u64::MAX);
    Some(Timestamp(Timestamp::now().0.saturating_sub(now_ns.saturating_sub(monotonic_ns))))
}
