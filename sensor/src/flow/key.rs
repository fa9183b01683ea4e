//! Which packets belong together: the key of a flow, the same for both directions, and its keyed hash.

use super::Timeouts;
use crate::packet::{Addr, Direction, Icmp, IpProto, Packet, TcpFlags, Transport};

/// The key in the table's form: both endpoints in a fixed order, whoever speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Lower endpoint's address, higher endpoint's address, two words each.
    addresses: [u64; 4],
    /// Lower port, higher port, tunnel.
    ports: u64,
    /// VLAN identifiers (12 bits each), IP version (4), protocol (8), interface (16).
    rest: u64,
}

/// A packet's key and its way within the key's order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed {
    pub key: Key,
    /// The flow goes from the higher endpoint to the lower one, if this packet is its first.
    pub client_is_high: bool,
    /// This packet goes from the higher endpoint to the lower one.
    pub from_high: bool,
    /// A flow may be made for it. An ICMP error belongs to the flow that it quotes, and makes none.
    pub may_create: bool,
    /// Type and code.
    pub icmp: Option<(u8, u8)>,
}

/// ICMP: the type that answers `kind` (RFC 792, RFC 950, RFC 1256), if there is one.
const fn icmp_counterpart(kind: u8) -> Option<u8> {
    Some(match kind {
        0 => 8,
        8 => 0,
        9 => 10,
        10 => 9,
        13 => 14,
        14 => 13,
        15 => 16,
        16 => 15,
        17 => 18,
        18 => 17,
        _ => return None,
    })
}

/// ICMPv6: the type that answers `kind` (RFC 4443, RFC 2710, RFC 4861, RFC 4620), if there is one.
const fn icmpv6_counterpart(kind: u8) -> Option<u8> {
    Some(match kind {
        128 => 129,
        129 => 128,
        130 => 131,
        131 => 130,
        133 => 134,
        134 => 133,
        135 => 136,
        136 => 135,
        139 => 140,
        140 => 139,
        144 => 145,
        145 => 144,
        _ => return None,
    })
}

/// ICMP types that report an error about another packet (RFC 792).
const fn icmp_is_error(kind: u8) -> bool {
    matches!(kind, 3 | 4 | 5 | 11 | 12)
}

/// ICMPv6 types that report an error: all below 128 (RFC 4443 §2.1).
const fn icmpv6_is_error(kind: u8) -> bool {
    kind < 128
}

/// An endpoint pair before it is put in order.
struct Ends {
    src: (Addr, u16),
    dst: (Addr, u16),
    proto: IpProto,
}

fn icmp_ends(packet: &Packet<'_>, src: Addr, dst: Addr, proto: IpProto, icmp: &Icmp, v6: bool) -> Option<(Ends, bool)> {
    let (error, counterpart) = if v6 {
        (icmpv6_is_error(icmp.kind), icmpv6_counterpart(icmp.kind))
    } else {
        (icmp_is_error(icmp.kind), icmp_counterpart(icmp.kind))
    };
    if error {
        let quoted = icmp.embedded?;
        let (s, d) = if matches!(quoted.proto, IpProto::TCP | IpProto::UDP | IpProto::SCTP) {
            (quoted.src_port, quoted.dst_port)
        } else {
            (0, 0)
        };
        // The error goes back to the quoted packet's sender, so it counts as the other direction.
        let ends = Ends { src: (quoted.dst, d), dst: (quoted.src, s), proto: quoted.proto };
        return Some((ends, false));
    }
    debug_assert!(packet.ip.is_some());
    // Request and answer meet in one key: the request's type stands at its sender's end. Echoes are told apart by
    // their identifier, so that each run of `ping` is a flow of its own.
    let id = icmp.id.unwrap_or(0);
    let (s, d) = match counterpart {
        Some(_) if icmp.id.is_some() => (id, id),
        Some(other) => (u16::from(icmp.kind.min(other)), u16::from(icmp.kind.min(other))),
        None => (u16::from(icmp.kind), u16::from(icmp.kind)),
    };
    Some((Ends { src: (src, s), dst: (dst, d), proto }, true))
}

impl Keyed {
    /// The packet's key; `None` if it belongs to no flow: no IP, a fragment, or a transport header that could not be
    /// read.
    pub(super) fn of(packet: &Packet<'_>, separate_interfaces: bool) -> Option<Self> {
        let ip = packet.ip.as_ref()?;
        if ip.is_fragment {
            return None;
        }
        let plain = Ends { src: (ip.src, packet.src_port), dst: (ip.dst, packet.dst_port), proto: ip.proto };
        let mut icmp = None;
        let mut reverse = false;
        let (ends, may_create) = match &packet.transport {
            Transport::Tcp(tcp) => {
                // A SYN/ACK seen first: whom it goes to has started.
                reverse = tcp.flags.all(TcpFlags::SYN | TcpFlags::ACK);
                // One that its receiver throws away begins no connection, and does not say who is the client.
                (plain, packet.checksum_ok)
            }
            Transport::Udp | Transport::Sctp => (plain, true),
            Transport::Icmp(header) => {
                icmp = Some((header.kind, header.code));
                icmp_ends(packet, ip.src, ip.dst, ip.proto, header, false)?
            }
            Transport::Icmpv6(header) => {
                icmp = Some((header.kind, header.code));
                icmp_ends(packet, ip.src, ip.dst, ip.proto, header, true)?
            }
            Transport::None => match ip.proto {
                IpProto::ESP => (Ends { src: (ip.src, 0), dst: (ip.dst, 0), ..plain }, true),
                // Tunnels are followed by what is in them; of others nothing is read that would hold together.
                _ => return None,
            },
        };
        let from_high = ends.src > ends.dst;
        let (low, high) = if from_high { (ends.dst, ends.src) } else { (ends.src, ends.dst) };
        let vlans = packet.vlans;
        let vlan = |i: usize| if i < usize::from(vlans.count) { u64::from(vlans.ids[i] & 0xfff) } else { 0 };
        let interface = if separate_interfaces { u64::from(packet.interface) } else { 0 };
        let key = Key {
            addresses: [(low.0.0 >> 64) as u64, low.0.0 as u64, (high.0.0 >> 64) as u64, high.0.0 as u64],
            ports: u64::from(low.1) | u64::from(high.1) << 16 | u64::from(packet.tunnel_id) << 32,
            rest: vlan(0)
                | vlan(1) << 12
                | vlan(2) << 24
                | u64::from(ip.version & 0xf) << 36
                | u64::from(ends.proto.0) << 40
                | interface << 48,
        };
        Some(Self { key, client_is_high: from_high ^ reverse, from_high, may_create, icmp })
    }

    /// The packet's way within a flow whose client is the higher or lower endpoint.
    pub(super) const fn direction(&self, client_is_high: bool) -> Direction {
        if self.from_high == client_is_high { Direction::ToServer } else { Direction::ToClient }
    }
}

impl Key {
    /// The same on every VLAN.
    pub(super) const fn without_vlans(&mut self) {
        self.rest &= !0xf_ffff_ffff;
    }
    /// Transport protocol.
    pub(super) const fn proto(&self) -> IpProto {
        IpProto((self.rest >> 40) as u8)
    }
    /// 4 or 6.
    pub(super) const fn ip_version(&self) -> u8 {
        (self.rest >> 36) as u8 & 0xf
    }
    /// Lower and higher endpoint.
    pub(super) const fn ends(&self) -> [(Addr, u16); 2] {
        let [a, b, c, d] = self.addresses;
        [
            (Addr((a as u128) << 64 | b as u128), self.ports as u16),
            (Addr((c as u128) << 64 | d as u128), (self.ports >> 16) as u16),
        ]
    }
    /// The tunnel that it runs in; 0 if in none.
    pub(super) const fn tunnel_id(&self) -> u32 {
        (self.ports >> 32) as u32
    }
    /// Whether ports mean something.
    pub(super) const fn has_ports(&self) -> bool {
        matches!(self.proto(), IpProto::TCP | IpProto::UDP | IpProto::SCTP)
    }
    /// Place of the protocol in [`Timeouts`].
    pub(super) const fn timeouts(&self) -> usize {
        match self.proto() {
            IpProto::TCP => Timeouts::TCP,
            IpProto::UDP => Timeouts::UDP,
            IpProto::ICMP | IpProto::ICMPV6 => Timeouts::ICMP,
            _ => Timeouts::OTHER,
        }
    }
}

/// Secret words that key the hash, so that nobody outside can choose flows that collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hasher([u64; 8]);

/// Both halves of the 128-bit product, folded: every input bit reaches every output bit.
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64) ^ (product >> 64) as u64
}

/// The next word of a splitmix64 sequence.
pub(super) const fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Hasher {
    /// Derives the words from `seed`, which has to be unguessable.
    pub(super) fn new(mut seed: u64) -> Self {
        Self(std::array::from_fn(|_| splitmix(&mut seed)))
    }

    #[inline]
    pub(super) const fn hash(&self, key: &Key) -> u64 {
        let k = &self.0;
        let a = fold(key.addresses[0] ^ k[0], key.addresses[1] ^ k[1]);
        let b = fold(key.addresses[2] ^ k[2], key.addresses[3] ^ k[3]);
        let c = fold(key.ports ^ k[4], key.rest ^ k[5]);
        fold(a.rotate_left(23) ^ b ^ k[6], c ^ b.rotate_left(41) ^ k[7])
    }
}
