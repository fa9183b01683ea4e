//! The conditions of a rule's gate one by one, with what was there: the same fields that [`Rule::admits`] asks, for who wants
//! to know which of them failed.

use super::{AppGate, Gate, OddEvent, PacketContext, Rule, classes, holds};
use crate::detect::explain::account::{Outcome, Step};
use crate::detect::explain::words::{self, HeaderWords};
use crate::packet::Direction;
use crate::protocols::{Recognition, TransactionState};
use sekisho_signatures::group::PacketClass;
use sekisho_signatures::model::HeaderProto;

impl Gate {
    fn ends(&self, words: &HeaderWords, cx: &PacketContext<'_>, src: usize) -> Vec<Step> {
        let index = &cx.engine.addresses;
        let ports = [cx.packet.src_port, cx.packet.dst_port];
        let addresses = cx.packet.ip.map(|ip| [ip.src, ip.dst]);
        let mut steps = vec![];
        for (side, name) in [(0, "source"), (1, "destination")] {
            let end = if side == 0 { src } else { 1 - src };
            if words.addresses[side] != "any" {
                let held = index.contains(cx.rows[end], self.addresses[side]);
                let found = addresses.map_or_else(|| "no address".to_owned(), |a| a[end].to_ip().to_string());
                steps.push(Step::new(format!("{name} {}", words.addresses[side]), held, found));
            }
            if words.ports[side] != "any" {
                let held = self.ports[side].contains(ports[end]);
                steps.push(Step::new(format!("{name} port {}", words.ports[side]), held, ports[end].to_string()));
            }
        }
        steps
    }

    fn flow(&self, cx: &PacketContext<'_>, steps: &mut Vec<Step>) {
        let flow = &self.flow;
        if !flow.given {
            return;
        }
        if cx.direction.is_none() {
            return steps.push(Step::new("flow", false, "the packet belongs to no flow"));
        }
        if let Some(to_server) = flow.to_server {
            let is = cx.direction == Some(Direction::ToServer);
            let way = |to_server| if to_server { "to_server" } else { "to_client" };
            steps.push(Step::new(format!("flow:{}", way(to_server)), to_server == is, way(is)));
        }
        if let Some(established) = flow.established {
            let state = |yes| if yes { "established" } else { "not_established" };
            let (wanted, is) = (state(established), state(cx.established));
            steps.push(Step::new(format!("flow:{wanted}"), established == cx.established, is));
        }
        if let Some(fragment) = flow.fragment {
            let (is, name) = (cx.packet.reassembled, if fragment { "only_frag" } else { "no_frag" });
            let found = if is { "put together from fragments" } else { "not fragmented" };
            steps.push(Step::new(format!("flow:{name}"), fragment == is, found));
        }
    }
}

impl AppGate {
    fn steps(&self, protocol: &str, cx: &PacketContext<'_>, steps: &mut Vec<Step>) {
        if !self.protocols.is_empty() {
            let held = cx.app.protocol.is_of(self.protocols);
            let named: Vec<&str> = self.protocols.iter().map(sekisho_signatures::app::Protocol::name).collect();
            let word = if sekisho_signatures::app::Protocols::from_name(protocol.as_bytes()) == Some(self.protocols) {
                protocol.to_owned()
            } else {
                named.join(" or ")
            };
            steps.push(Step::new(format!("application protocol {word}"), held, recognised(cx.app.protocol)));
        }
        for condition in &self.conditions {
            let alone =
                Self { protocols: sekisho_signatures::app::Protocols::NONE, conditions: Box::new([*condition]) };
            let [to_server, to_client] = cx.app.directions;
            let (to_server, to_client) = (recognised(to_server), recognised(to_client));
            let found =
                format!("{}; to the server: {to_server}; to the client: {to_client}", recognised(cx.app.protocol));
            steps.push(Step::new(words::app_protocol(*condition), alone.admits(cx), found));
        }
    }
}

/// What is known of a protocol, in words.
pub(in crate::detect) fn recognised(recognition: Recognition) -> String {
    match recognition {
        Recognition::Unknown => "not recognised so far".to_owned(),
        Recognition::Failed => "none that is known".to_owned(),
        Recognition::Known(protocol) => format!("recognised as {protocol}"),
    }
}

fn class_name(class: PacketClass) -> &'static str {
    match class {
        PacketClass::Tcp => "TCP",
        PacketClass::Udp => "UDP",
        PacketClass::Icmp => "ICMP",
        PacketClass::Icmpv6 => "ICMPv6",
        PacketClass::Sctp => "SCTP",
        PacketClass::OtherIp => "another protocol over IP, or a fragment",
    }
}

impl Rule {
    /// Protocol, addresses, ports, `flow`, and the application protocol.
    pub(in crate::detect) fn gate_steps(&self, words: &HeaderWords, cx: &PacketContext<'_>) -> Vec<Step> {
        let gate = &self.gate;
        let mut steps = vec![];
        let class = gate.classes & 1 << cx.class as u8 != 0 && (!gate.needs_ip || cx.packet.ip.is_some());
        let found = if cx.packet.ip.is_some() { class_name(cx.class) } else { "no IP" };
        // What an application protocol asks of the transport goes without saying.
        if !class || gate.classes != classes(HeaderProto::App) || self.app.protocols.is_empty() {
            steps.push(Step::new(format!("protocol {}", words.protocol), class, found));
        }
        if gate.ip_version != 0 {
            let version = cx.packet.ip.map_or(0, |ip| ip.version);
            let found = format!("IPv{version}");
            steps.push(Step::new(format!("IPv{}", gate.ip_version), version == gate.ip_version, found));
        }
        let answer = gate.transactional && cx.direction == Some(Direction::ToClient);
        let straight = gate.ends(words, cx, usize::from(answer));
        let held = |steps: &[Step]| steps.iter().filter(|s| s.outcome == Outcome::Held).count();
        let exchanged = gate.bidirectional.then(|| gate.ends(words, cx, 1));
        steps.extend(exchanged.filter(|e| held(e) > held(&straight)).unwrap_or(straight));
        gate.flow(cx, &mut steps);
        if let (Some(to_server), None, Some(direction)) = (self.to_server, gate.flow.to_server, cx.direction) {
            let way = |to_server| if to_server { "to the server" } else { "to the client" };
            let is = direction == Direction::ToServer;
            steps.push(Step::new(format!("messages {}", way(to_server)), to_server == is, way(is)));
        }
        self.app.steps(&words.protocol, cx, &mut steps);
        steps
    }

    /// What the rule asks of the packet's headers, and of what was odd about it or about a transaction.
    pub(in crate::detect) fn packet_steps(
        &self,
        cx: &PacketContext<'_>,
        transaction: Option<&TransactionState>,
    ) -> Vec<Step> {
        let mut steps: Vec<Step> = vec![];
        for condition in &self.headers {
            steps.push(Step::new(
                words::packet(condition),
                holds(condition, cx.packet),
                words::there(condition, cx.packet),
            ));
        }
        for event in &self.events {
            let condition = match event {
                OddEvent::Decode(event) => format!("decode-event:{}", event.keyword()),
                OddEvent::Stream(event) => format!("stream-event:{}", event.keyword()),
            };
            steps.push(Step::new(condition, event.holds(cx), ""));
        }
        for wanted in &self.app_events {
            let events = transaction.map_or(&[][..], |t| &t.events);
            let held = events.contains(&&**wanted);
            steps.push(Step::new(format!("app-layer-event {wanted}"), held, events.join(", ")));
        }
        steps
    }
}
