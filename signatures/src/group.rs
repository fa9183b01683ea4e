//! Signatures by protocol, direction and port, so that a packet is only held against what could apply to it.
//!
//! For TCP and UDP the key is the server's port: the destination of packets to the server, the source of packets to the
//! client. A group holds the rules for its ports *and* those for any port, so that a payload is scanned once.
//! Ports with equal rules share a group. Ports of much traffic, and wide stretches of ports, have groups of their own;
//! the many narrow rest is one group, which keeps the number of compiled databases small. Groups only narrow the search:
//! a rule's own ports are still tested.

use crate::app::{BUILT, Protocol};
use crate::model::{Header, HeaderProto, PacketCondition, PortSet, Signature};
use std::collections::HashMap;
use std::sync::Arc;

/// Ports that carry so much traffic in an office that rules for other ports must not slow them.
const BUSY_PORTS: [u16; 24] = [
    21, 22, 23, 25, 53, 80, 110, 123, 135, 137, 139, 143, 161, 389, 443, 445, 587, 993, 1433, 3306, 3389, 5060, 8080,
    8443,
];
/// A class of at least so many ports is a stretch worth a group of its own.
const WIDE_PORTS: usize = 1024;
/// At most so many groups a protocol and direction for wide stretches.
const MAX_WIDE: usize = 8;

/// What a packet is to the rules' headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PacketClass {
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Sctp,
    /// Other IP protocols, and fragments.
    OtherIp,
}

impl PacketClass {
    /// All, in order of their numbers.
    pub const ALL: [Self; 6] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Icmpv6, Self::Sctp, Self::OtherIp];

    fn admits(self, proto: HeaderProto) -> bool {
        match proto {
            HeaderProto::Ip | HeaderProto::PacketHeader => true,
            HeaderProto::Tcp | HeaderProto::TcpPacket | HeaderProto::TcpStream => self == Self::Tcp,
            HeaderProto::Udp => self == Self::Udp,
            HeaderProto::Icmp => matches!(self, Self::Icmp | Self::Icmpv6),
            HeaderProto::Icmpv4 => self == Self::Icmp,
            HeaderProto::Icmpv6 => self == Self::Icmpv6,
            HeaderProto::Sctp => self == Self::Sctp,
            HeaderProto::App => matches!(self, Self::Tcp | Self::Udp),
        }
    }

    /// What the IP header says of such packets; None if it may say anything.
    fn ip_protocol(self) -> Option<u64> {
        match self {
            Self::Tcp => Some(6),
            Self::Udp => Some(17),
            Self::Icmp => Some(1),
            Self::Icmpv6 => Some(58),
            Self::Sctp => Some(132),
            Self::OtherIp => None,
        }
    }

    /// Whether the conditions on the IP header's protocol number can hold.
    fn can_hold(self, signature: &Signature) -> bool {
        let Some(own) = self.ip_protocol() else { return true };
        signature.packet.iter().all(|condition| match condition {
            PacketCondition::IpProto(test) => test.holds(own),
            _ => true,
        })
    }

    fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Sctp)
    }
}

/// Signatures that are judged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// What the group is for.
    pub class: Option<PacketClass>,
    /// Packets to the server, or to the client.
    pub to_server: bool,
    /// Indices of signatures, ascending.
    pub rules: Vec<u32>,
    /// The ports that lead here, for reports: the lowest, and how many.
    pub ports: (u16, u32),
}

/// From protocol, direction and port to a group.
#[derive(Debug, Default)]
pub struct GroupTable {
    groups: Vec<Group>,
    /// By class and direction (to server first): one group, or one for each port.
    index: Vec<Ports>,
    app: Vec<AppGroup>,
}

/// Signatures on the transactions of one protocol, as seen in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppGroup {
    /// The protocol.
    pub protocol: Protocol,
    /// Messages to the server, or to the client.
    pub to_server: bool,
    /// Indices of signatures, ascending.
    pub rules: Vec<u32>,
}

#[derive(Debug)]
enum Ports {
    One(u16),
    Table(Box<[u16]>),
}

impl GroupTable {
    /// Forgets which signatures are in each group; where packets lead stays.
    pub(crate) fn forget_rules(&mut self) {
        self.groups.iter_mut().for_each(|group| group.rules = Vec::new());
        self.app.iter_mut().for_each(|group| group.rules = Vec::new());
    }

    /// Sorts `signatures` into groups.
    #[must_use]
    pub fn new(signatures: &[Arc<Signature>]) -> Self {
        let mut table = Self::default();
        for class in PacketClass::ALL {
            for to_server in [true, false] {
                let ports = table.add(signatures, class, to_server);
                table.index.push(ports);
            }
        }
        for protocol in BUILT.iter() {
            for to_server in [true, false] {
                let rules = signatures.iter().enumerate();
                let rules = rules.filter(|(_, s)| inspects(s, protocol, to_server)).map(|(i, _)| i as u32).collect();
                table.app.push(AppGroup { protocol, to_server, rules });
            }
        }
        table
    }

    /// The groups of signatures on transactions: one for each protocol that is read, and each direction.
    #[must_use]
    pub fn app_groups(&self) -> &[AppGroup] {
        &self.app
    }

    /// The groups; numbers elsewhere are indices into this.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of a packet. `server_port` only matters where the class has ports. 0 without any rules at all.
    #[must_use]
    pub fn find(&self, class: PacketClass, to_server: bool, server_port: u16) -> u16 {
        match self.index.get(class as usize * 2 + usize::from(!to_server)) {
            Some(Ports::One(group)) => *group,
            Some(Ports::Table(groups)) => groups[usize::from(server_port)],
            None => 0,
        }
    }

    fn push(&mut self, group: Group) -> u16 {
        if let Some(i) = self
            .groups
            .iter()
            .position(|g| g.class == group.class && g.to_server == group.to_server && g.rules == group.rules)
        {
            self.groups[i].ports.1 += group.ports.1;
            return i as u16;
        }
        self.groups.push(group);
        (self.groups.len() - 1) as u16
    }

    fn add(&mut self, signatures: &[Arc<Signature>], class: PacketClass, to_server: bool) -> Ports {
        let applies = |s: &Signature| {
            class.admits(s.header.proto)
                && class.can_hold(s)
                && s.flow.to_server.is_none_or(|t| t == to_server)
                && !s.inspects_transactions()
        };
        let rules = || signatures.iter().enumerate().filter(|(_, s)| applies(s)).map(|(i, s)| (i as u32, s));
        if !class.has_ports() {
            let rules = rules().map(|(i, _)| i).collect();
            return Ports::One(self.push(Group { class: Some(class), to_server, rules, ports: (0, 1 << 16) }));
        }
        let mut any = vec![];
        let mut specific = vec![];
        for (i, s) in rules() {
            let sets = server_ports(&s.header, to_server);
            if sets.iter().any(|set| set.is_any()) { any.push(i) } else { specific.push((i, sets)) }
        }
        let classes = port_classes(&specific);
        let mut by_width: Vec<usize> = (0..classes.len()).filter(|&c| !classes[c].busy).collect();
        by_width.sort_by_key(|&c| std::cmp::Reverse(classes[c].width));
        let wide: Vec<usize> =
            by_width.into_iter().take_while(|&c| classes[c].width >= WIDE_PORTS).take(MAX_WIDE).collect();
        let mut rest: Vec<u32> = vec![];
        for (c, ports) in classes.iter().enumerate() {
            if !ports.busy && !ports.rules.is_empty() && !wide.contains(&c) {
                rest.extend(&ports.rules);
            }
        }
        let mut with_any = |rules: &[u32], ports: (u16, u32)| {
            let mut all: Vec<u32> = any.iter().chain(rules).copied().collect();
            all.sort_unstable();
            all.dedup();
            self.push(Group { class: Some(class), to_server, rules: all, ports })
        };
        let mut table = vec![0_u16; 1 << 16].into_boxed_slice();
        for (c, ports) in classes.iter().enumerate() {
            let own = ports.busy || ports.rules.is_empty() || wide.contains(&c);
            let lowest = ports.intervals.first().map_or(0, |r| r.0);
            let group = with_any(if own { &ports.rules } else { &rest }, (lowest, ports.width as u32));
            for &(first, last) in &ports.intervals {
                table[usize::from(first)..=usize::from(last)].fill(group);
            }
        }
        Ports::Table(table)
    }
}

/// Whether a signature looks at what transactions of `protocol` have in this direction.
fn inspects(signature: &Signature, protocol: Protocol, to_server: bool) -> bool {
    let buffers = || signature.buffers.iter().filter(|b| !b.buffer.declaration().protocols.is_empty());
    let has = match signature.to_server() {
        Some(wanted) => wanted == to_server,
        // Conditions on both sides are held against the transaction whenever either side goes on.
        None => buffers().next().is_none() || buffers().any(|b| b.side().has(to_server)),
    };
    has && signature.inspects_transactions() && (signature.app.is_empty() || signature.app.contains(protocol))
}

impl Signature {
    /// The least and the greatest server's port, in packets of this direction, with which the signature can match.
    #[must_use]
    pub fn server_port_range(&self, to_server: bool) -> (u16, u16) {
        let sets = server_ports(&self.header, to_server);
        let ranges = || sets.iter().flat_map(|set| &set.ranges);
        (ranges().map(|r| r.0).min().unwrap_or(0), ranges().map(|r| r.1).max().unwrap_or(u16::MAX))
    }
}

/// The port sets that the server's port must be in one of, for a packet of this direction.
fn server_ports(header: &Header, to_server: bool) -> Vec<&PortSet> {
    let (straight, exchanged) =
        if to_server { (&header.dst_ports, &header.src_ports) } else { (&header.src_ports, &header.dst_ports) };
    if header.bidirectional { vec![straight, exchanged] } else { vec![straight] }
}

/// Ports with the same rules.
struct PortClass {
    intervals: Vec<(u16, u16)>,
    width: usize,
    busy: bool,
    rules: Vec<u32>,
}

/// Cuts 0 to 65535 where any rule's ports begin or end, and joins the pieces that have the same rules.
fn port_classes(specific: &[(u32, Vec<&PortSet>)]) -> Vec<PortClass> {
    let mut cuts: Vec<u32> = vec![0, 1 << 16];
    for &(first, last) in specific.iter().flat_map(|(_, sets)| sets.iter().flat_map(|s| &s.ranges)) {
        cuts.extend([u32::from(first), u32::from(last) + 1]);
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut classes: Vec<PortClass> = vec![];
    let mut by_rules: HashMap<Vec<u32>, usize> = HashMap::new();
    for pair in cuts.windows(2) {
        let (first, last) = (pair[0] as u16, (pair[1] - 1) as u16);
        let rules: Vec<u32> =
            specific.iter().filter(|(_, sets)| sets.iter().any(|s| s.contains(first))).map(|(i, _)| *i).collect();
        let class = *by_rules.entry(rules).or_insert_with_key(|rules| {
            classes.push(PortClass { intervals: vec![], width: 0, busy: false, rules: rules.clone() });
            classes.len() - 1
        });
        let class = &mut classes[class];
        class.intervals.push((first, last));
        class.width += usize::from(last - first) + 1;
        class.busy |= BUSY_PORTS.iter().any(|p| (first..=last).contains(p));
    }
    classes
}
