//! Flows: which packets belong to one conversation, how long it lives, and how much memory all of them may take.
//!
//! A worker's table. A flow holds both directions. Its key: IP version, both addresses and ports, protocol, VLAN
//! identifiers and the tunnel (the capture interface too, if asked for), looked up with a keyed hash that is the same for
//! both directions. The initiator is the sender of the first packet; a TCP SYN/ACK seen first names its receiver.
//!
//! What it promises: a look-up touches one line of the hash table and the head of the entry; memory stays
//! under the cap, the least useful flow making room (closed before new before established, idle longest first); no call
//! does more than a bounded amount of work; capture time may jump either way.
//!
//! ICMP: a request and its answer are one flow; echoes are told apart by identifier. An ICMP error belongs to the flow of
//! the packet that it quotes, on the way to that packet's sender; it never makes a flow.

pub mod bypass;
mod entry;
pub mod expect;
mod key;
mod table;
#[cfg(test)]
mod tests;
mod wheel;

pub use entry::Flow;
pub use table::{FlowEnds, FlowTable};

use crate::packet::Direction;
use serde::Deserialize;

/// No flow, where an index stands.
pub(crate) const NONE: u32 = u32::MAX;

/// A flow's place in its table; valid until the flow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowIndex(pub(crate) u32);

/// What [`FlowTable::lookup`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The packet's flow.
    Flow {
        /// Where it is.
        index: FlowIndex,
        /// The packet's way in it.
        direction: Direction,
        /// It was made for this packet.
        new: bool,
    },
    /// The packet belongs to no flow: not IP, a fragment, a broken transport header, or an ICMP error about an
    /// unknown flow.
    NoFlow,
    /// There is no room for a new flow, even after eviction.
    Full,
}

/// Settings of the flow table, section `[flow]` of the configuration. Time-outs are in seconds of packet time; a flow
/// ends when no packet came for longer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it: protocol, state, seconds")]
pub struct FlowConfig {
    /// Most memory for flows, per worker, in bytes. Default 128 MiB. What the pipeline allocates behind a flow's
    /// user state is not counted.
    pub memcap_bytes: u64,
    /// Packets of different capture interfaces are different flows. Default false.
    pub separate_interfaces: bool,
    /// Packets of different VLANs are different flows. Default true.
    pub separate_vlans: bool,
    pub tcp_new_s: u32,
    pub tcp_established_s: u32,
    pub tcp_closed_s: u32,
    pub udp_new_s: u32,
    pub udp_established_s: u32,
    pub icmp_new_s: u32,
    pub icmp_established_s: u32,
    pub other_new_s: u32,
    pub other_established_s: u32,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            memcap_bytes: 128 << 20,
            separate_interfaces: false,
            separate_vlans: true,
            tcp_new_s: 60,
            tcp_established_s: 600,
            tcp_closed_s: 60,
            udp_new_s: 30,
            udp_established_s: 300,
            icmp_new_s: 30,
            icmp_established_s: 300,
            other_new_s: 30,
            other_established_s: 300,
        }
    }
}

/// Time-outs in nanoseconds, by protocol and state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts([[u64; 3]; 4]);

impl Timeouts {
    pub(crate) const TCP: usize = 0;
    pub(crate) const UDP: usize = 1;
    pub(crate) const ICMP: usize = 2;
    pub(crate) const OTHER: usize = 3;

    fn new(config: &FlowConfig) -> Self {
        let c = config;
        let seconds = [
            [c.tcp_new_s, c.tcp_established_s, c.tcp_closed_s],
            [c.udp_new_s, c.udp_established_s, 0],
            [c.icmp_new_s, c.icmp_established_s, 0],
            [c.other_new_s, c.other_established_s, 0],
        ];
        Self(seconds.map(|row| row.map(|s| u64::from(s) * 1_000_000_000)))
    }

    /// The shortest that any flow can have.
    fn shortest(&self) -> u64 {
        let [tcp, rest @ ..] = self.0;
        tcp.into_iter().chain(rest.into_iter().flat_map(|[new, established, _]| [new, established])).min().unwrap_or(0)
    }

    const fn get(&self, proto: usize, state: crate::event::FlowState) -> u64 {
        use crate::event::FlowState;
        let column = match state {
            FlowState::New => 0,
            FlowState::Established | FlowState::Bypassed => 1,
            FlowState::Closed => 2,
        };
        self.0[proto & 3][column]
    }
}

crate::counters! {
    /// What the flow table counts.
    pub struct FlowCounters {
        /// Flows in the table now.
        active => "flow_active",
        /// Most flows that the memory cap allows.
        capacity => "flow_capacity",
        /// Bytes of memory that flows and the hash table take now.
        memory_bytes => "flow_memory_bytes",
        /// Most bytes that they may take (flow.memcap_bytes).
        memory_limit_bytes => "flow_memory_limit_bytes",
        /// Flows made.
        created => "flow_created_total",
        /// TCP flows made.
        created_tcp => "flow_created_tcp_total",
        /// UDP flows made.
        created_udp => "flow_created_udp_total",
        /// ICMP and ICMPv6 flows made.
        created_icmp => "flow_created_icmp_total",
        /// Flows that ended since no packet came for their time-out.
        ended_timeout => "flow_ended_timeout_total",
        /// Flows that were evicted to make room.
        ended_forced => "flow_ended_forced_total",
        /// TCP flows whose addresses and ports a new connection took.
        ended_reused => "flow_ended_reused_total",
        /// Flows that ended with the sensor or the capture file.
        ended_shutdown => "flow_ended_shutdown_total",
        /// TCP connections that ended, and of which the packets of one side were never seen.
        one_sided => "flows_one_sided_total",
        /// Packets that belong to no flow.
        no_flow => "flow_none_packets_total",
        /// Packets for which no flow could be made: the table was full.
        full => "flow_table_full_packets_total",
    }
}
