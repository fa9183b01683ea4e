//! A flow: both directions of a conversation in one entry, what every packet needs first.

use super::key::Key;
use crate::event::{DirectionCount, FlowEndReason, FlowEvent, FlowState, FlowSummary, TcpState};
use crate::packet::{Addr, Direction, IpProto, Vlans};
use crate::protocols::AppView;
use crate::stream::TcpSession;
use crate::time::Timestamp;

/// One flow and what the pipeline keeps with it (`user`). The first 128 bytes are what a packet touches.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Flow<U> {
    pub(super) key: Key,
    /// Time of its latest packet.
    pub last: Timestamp,
    /// Position in the time wheel.
    pub(super) newer: u32,
    pub(super) older: u32,
    /// Packets and bytes, to server and to client.
    pub counts: [DirectionCount; 2],
    /// EVE's `flow_id`: unique for the life of the process, at most 53 bits, never 0.
    pub id: u64,
    /// Time of its first packet.
    pub start: Timestamp,
    pub(super) wheel_slot: u16,
    pub(super) client_is_high: bool,
    /// A signature alerted on it.
    pub alerted: bool,
    /// It needs no more inspection.
    pub bypassed: bool,
    /// Its packets are let by and counted in the kernel.
    pub in_kernel: bool,
    /// Packets were seen in both directions.
    pub(super) answered: bool,
    pub(super) icmp: [(u8, u8); 2],
    pub(super) interface: u16,
    /// Its TCP session; unused by other protocols.
    pub tcp: TcpSession,
    /// Tags of the first packet, outermost first.
    pub vlans: Vlans,
    /// What the pipeline keeps with the flow.
    pub user: U,
}

impl<U: Default> Default for Flow<U> {
    fn default() -> Self {
        Self {
            key: Key::default(),
            last: Timestamp(0),
            newer: super::NONE,
            older: super::NONE,
            counts: [DirectionCount::default(); 2],
            id: 0,
            start: Timestamp(0),
            wheel_slot: 0,
            client_is_high: false,
            alerted: false,
            bypassed: false,
            in_kernel: false,
            answered: false,
            icmp: [(0, 0); 2],
            interface: 0,
            tcp: TcpSession::default(),
            vlans: Vlans::default(),
            user: U::default(),
        }
    }
}

impl<U> Flow<U> {
    /// Transport protocol.
    #[must_use]
    pub const fn proto(&self) -> IpProto {
        self.key.proto()
    }

    /// 4 or 6.
    #[must_use]
    pub const fn ip_version(&self) -> u8 {
        self.key.ip_version()
    }

    /// Initiator and its port; ports are 0 where the protocol has none.
    #[must_use]
    pub fn client(&self) -> (Addr, u16) {
        self.end(self.client_is_high)
    }

    /// Responder and its port.
    #[must_use]
    pub fn server(&self) -> (Addr, u16) {
        self.end(!self.client_is_high)
    }

    /// Which end is the client, in the order of addresses and ports.
    pub(super) const fn client_is_high(&self) -> bool {
        self.client_is_high
    }

    /// The tunnel that it runs in; 0 if in none.
    pub(super) const fn tunnel_id(&self) -> u32 {
        self.key.tunnel_id()
    }

    fn end(&self, high: bool) -> (Addr, u16) {
        let (address, port) = self.key.ends()[usize::from(high)];
        (address, if self.key.has_ports() { port } else { 0 })
    }

    /// Takes the client for the server: it was the first to be seen, and turned out not to be.
    pub fn turn(&mut self) {
        self.client_is_high = !self.client_is_high;
        self.counts.swap(0, 1);
        self.tcp.turn();
    }

    /// EVE's `flow.state`. TCP: as its session has it, `New` while none is followed. Others: `Established` once both
    /// sides spoke.
    #[must_use]
    pub const fn state(&self) -> FlowState {
        if self.bypassed { FlowState::Bypassed } else { self.own_state() }
    }

    /// The state, bypassed or not.
    pub(super) const fn own_state(&self) -> FlowState {
        if !matches!(self.key.proto(), IpProto::TCP) {
            return if self.answered { FlowState::Established } else { FlowState::New };
        }
        match self.tcp.state() {
            TcpState::None | TcpState::SynSent | TcpState::SynRecv => FlowState::New,
            TcpState::LastAck | TcpState::TimeWait | TcpState::Closed => FlowState::Closed,
            _ => FlowState::Established,
        }
    }

    /// Whether the `flow:established` keyword holds: TCP after its handshake (or picked up in the middle), others once
    /// both sides spoke.
    #[must_use]
    pub const fn established(&self) -> bool {
        match self.key.proto() {
            IpProto::TCP => self.tcp.established(),
            _ => self.answered,
        }
    }

    /// What alerts say about it.
    #[must_use]
    pub fn summary(&self) -> FlowSummary {
        FlowSummary {
            id: self.id,
            start: self.start,
            client: self.client(),
            server: self.server(),
            counts: self.counts,
        }
    }

    /// The record that is written when it ends.
    #[must_use]
    pub fn event(&self, reason: FlowEndReason) -> FlowEvent {
        let icmp = matches!(self.proto(), IpProto::ICMP | IpProto::ICMPV6).then(|| {
            let answer = self.counts[Direction::ToClient.index()].packets > 0;
            (self.icmp[0], answer.then_some(self.icmp[1]))
        });
        FlowEvent {
            flow: self.summary(),
            end: self.last,
            state: self.state(),
            reason,
            alerted: self.alerted,
            action: None,
            note: None,
            ip_version: self.ip_version(),
            proto: self.proto(),
            icmp,
            vlans: self.vlans,
            interface: self.interface,
            tcp: (self.proto() == IpProto::TCP).then(|| self.tcp.summary()),
            app: AppView::default(),
            transactions: 0,
            in_kernel: None,
        }
    }
}
