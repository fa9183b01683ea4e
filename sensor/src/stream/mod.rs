//! TCP streams: follows each connection's state and puts its bytes in order, as a passive observer.
//!
//! The worker calls [`StreamEngine::segment`] for each TCP packet with its flow's [`TcpSession`]. Payload goes to a
//! [`StreamSink`] in order, every stream byte at most once: straight from the packet when it is the next one expected,
//! otherwise from a pool of blocks once the hole before it is filled. A hole is given up, and reported, when the
//! receiver has acknowledged it, or when a limit is hit; delivery then goes on behind it. Bytes are delivered as they
//! arrive, so that an in-line verdict comes in time; or, if [`Delivery`] says so, when they are acknowledged.
//!
//! What it promises: no allocation per packet once the pool has grown, work per segment bounded by the limits of
//! [`StreamConfig`], no panic on any input, and the same bytes delivered however a stream is cut.
//!
//! The parts: [`session`] is what is kept per connection; `handshake` and `tracker` are the states (RFC 9293), `judge`
//! what is odd about a segment; `reassembly` is the order of bytes, `overlap` whose of them hold, [`pool`] the memory, [`event`] the names of the odd.

pub mod event;
mod handshake;
mod judge;
mod overlap;
pub mod pool;
mod reassembly;
pub mod session;
mod sides;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tracker;

pub use event::{StreamEvent, StreamEventSet};
pub(crate) use handshake::has_fast_open;
pub use overlap::OverlapPolicy;
pub use session::TcpSession;
pub use sides::OneSided;

use crate::host_os::HostOsTable;
use crate::packet::Direction;
use pool::Pool;
use serde::Deserialize;
use sides::Sides;
use std::sync::Arc;

/// Takes a stream's bytes. For each direction the positions of successive calls are without overlap and without a
/// jump that is not a `gap`.
pub trait StreamSink {
    /// `bytes` are next in the stream. `position` is the stream offset of `bytes[0]`; 0 is the first byte after the
    /// SYN, or for a connection picked up in its middle, the first byte seen. `from_segment`: they lie in the payload of
    /// the packet at hand; otherwise they were kept from an earlier one.
    fn data(&mut self, direction: Direction, position: u64, bytes: &[u8], from_segment: bool);
    /// `len` bytes at `position` are missing and will not come.
    fn gap(&mut self, direction: Direction, position: u64, len: u64);
    /// Nothing more will come in this direction: its FIN was acknowledged and all before it delivered, or the
    /// connection is over (see [`StreamEngine::close`]). Called once a direction.
    fn end(&mut self, direction: Direction);
}

/// When bytes that are in order are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// As they arrive.
    #[default]
    Arrived,
    /// Once the receiver has acknowledged them: what it never took is not looked at, and where segments overlap the policy decides up to
    /// then. Costs a copy, and memory for what is on its way. In line, and where only one side is seen, as they arrive.
    Acknowledged,
}

/// Settings of the stream engine, section `[stream]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Most memory for out-of-order payload, per worker, in bytes. Default 64 MiB.
    pub memcap_bytes: u64,
    /// How far into each direction of a stream payload is delivered, in bytes; 0 is no limit. Default 1 MiB.
    pub depth_bytes: u64,
    /// Follow connections whose handshake was not seen. Default false.
    pub midstream: bool,
    /// Whether connections of which only one side is seen are followed, from their SYN or SYN/ACK on. Default never.
    pub one_sided: OneSided,
    /// The sensor stands in line: a server's data before the handshake is complete is refused. Default false.
    pub inline: bool,
    /// Most blocks (of 1,536 bytes) of out-of-order payload for one direction of a stream; at the limit the
    /// oldest hole is given up. 1 to 65,535. Default 1,024.
    pub max_out_of_order_blocks: u16,
    /// Which bytes hold where out-of-order segments overlap with different data, for receivers whose system
    /// `[host_os_policy]` does not tell. Default `first`.
    pub overlap: OverlapPolicy,
    /// When bytes that are in order are delivered. Default `arrived`.
    pub deliver: Delivery,
    /// SYNs of one connection that differ from its first one, before `3whs_syn_flood`. Default 10.
    pub max_syns: u8,
    /// SYN/ACKs of one connection that differ from its first one, before `3whs_synack_flood`. Default 5.
    pub max_syn_acks: u8,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            memcap_bytes: 64 << 20,
            depth_bytes: 1 << 20,
            midstream: false,
            one_sided: OneSided::Never,
            inline: false,
            max_out_of_order_blocks: 1024,
            overlap: OverlapPolicy::First,
            deliver: Delivery::Arrived,
            max_syns: 10,
            max_syn_acks: 5,
        }
    }
}

crate::counters! {
    /// What the stream engine counts.
    pub struct StreamCounters {
        /// TCP segments seen.
        segments => "stream_segments_total",
        /// TCP segments that belong to no session that is followed.
        no_session => "stream_no_session_segments_total",
        /// TCP segments refused as invalid: sequence, acknowledgement or timestamp out of bounds.
        invalid => "stream_invalid_segments_total",
        /// Sessions followed from their SYN or SYN/ACK.
        sessions => "stream_sessions_total",
        /// Sessions picked up in their middle.
        midstream => "stream_midstream_sessions_total",
        /// Handshakes completed.
        established => "stream_established_total",
        /// Bytes delivered in order.
        delivered_bytes => "stream_delivered_bytes_total",
        /// Segments kept because bytes before them were missing.
        buffered => "stream_buffered_segments_total",
        /// Segments that brought nothing new.
        duplicates => "stream_duplicate_segments_total",
        /// Segments whose data differed from what was kept at the same position.
        overlaps_different => "stream_overlap_different_data_total",
        /// Holes given up: acknowledged by the receiver but never seen, or beyond a limit.
        gaps => "stream_gaps_total",
        /// Bytes in those holes.
        gap_bytes => "stream_gap_bytes_total",
        /// Bytes delivered in order, of connections both of whose sides are seen.
        two_sided_bytes => "stream_two_sided_bytes_total",
        /// Holes that the receiver acknowledged, of connections both of whose sides are seen: packets that were lost before the sensor.
        losses => "stream_losses_total",
        /// Bytes in those holes. With the bytes delivered of such connections they are all that should have come.
        lost_bytes => "stream_lost_bytes_total",
        /// Connections of which both sides of the handshake were seen.
        two_sided => "stream_two_sided_handshakes_total",
        /// Connections that went on although one side of the handshake was never seen.
        one_sided => "stream_one_sided_handshakes_total",
        /// Stream directions whose depth limit was reached.
        depth_reached => "stream_depth_reached_total",
        /// Holes given up because the stream had too much out of order.
        limit_hits => "stream_out_of_order_limit_total",
        /// Holes given up because the memory cap was reached.
        memcap_hits => "stream_memcap_hits_total",
        /// Bytes of memory that hold out-of-order payload now.
        memory_bytes => "stream_memory_bytes",
        /// Most bytes that they may take (stream.memcap_bytes).
        memory_limit_bytes => "stream_memory_limit_bytes",
    }
}

/// What became of a segment's payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadFate {
    /// There was none.
    #[default]
    Empty,
    /// Delivered whole, now.
    InOrder,
    /// Delivered in part: the rest was there before, or lies beyond the depth limit.
    Partly,
    /// Kept until the hole before it is filled.
    Buffered,
    /// Nothing new in it.
    Duplicate,
    /// Outside the window or behind the FIN: not used.
    OutsideWindow,
    /// The segment was refused; the events say why.
    Invalid,
    /// No session is followed.
    NoSession,
    /// Behind the depth limit: not used.
    BeyondDepth,
}

/// What [`StreamEngine::segment`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentReport {
    /// What was odd.
    pub events: StreamEventSet,
    /// What became of the payload.
    pub payload: PayloadFate,
    /// The session's state changed: the flow table wants to know ([`crate::flow::FlowTable::state_changed`]).
    pub state_changed: bool,
    /// This segment completed the handshake, or the session was picked up with it.
    pub established_now: bool,
}

/// The engine: one per worker. Sessions live in the flow table; this is what they share.
#[derive(Debug)]
pub struct StreamEngine {
    /// What was counted so far.
    pub counters: StreamCounters,
    config: StreamConfig,
    depth: u64,
    sides: Sides,
    pool: Pool,
    hosts: Arc<HostOsTable>,
}

impl StreamEngine {
    /// An engine with its own block pool of at most `config.memcap_bytes`.
    #[must_use]
    pub fn new(config: &StreamConfig) -> Self {
        let mut config = config.clone();
        config.max_out_of_order_blocks = config.max_out_of_order_blocks.max(1);
        Self {
            counters: StreamCounters { memory_limit_bytes: config.memcap_bytes, ..StreamCounters::default() },
            depth: if config.depth_bytes == 0 { u64::MAX } else { config.depth_bytes },
            sides: Sides::default(),
            pool: Pool::new(config.memcap_bytes),
            hosts: Arc::default(),
            config,
        }
    }

    /// Takes overlaps as the systems of the receivers take them.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Arc<HostOsTable>) -> Self {
        self.hosts = hosts;
        self
    }

    /// Connections whose handshake was not seen are followed.
    #[must_use]
    pub fn picks_up(&self) -> bool {
        self.config.midstream
    }

    /// Bytes of memory that hold out-of-order payload; 0 when every session was closed.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.pool.bytes_in_use()
    }
}
