//! What the program decides by itself, before the redirect: packets of flows that need no more inspection are let by, those with
//! a listed address are dropped or counted, and while a queue's worker is behind, flows that are new are shed.
//!
//! Nothing of the packet is read while none of the three is in use. What cannot be told from the first headers in the
//! packet's first buffer goes to the sensor: fragments, IP options and extension headers, more than two VLAN tags, tunnels'
//! insides; and always the segments that open and end a connection, so that the sensor sees the flow's end.

use crate::early_data::{
    FlowCount, FlowKey, ListAction, PROTO_TCP, PROTO_UDP, Shed, V4_PREFIX, control,
};
use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::btf_maps::{Array, ArrayOfMaps, HashMap, LpmTrie, LruHashMap, PerCpuArray};
use aya_ebpf::helpers::generated::bpf_ktime_get_coarse_ns;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;
use core::intrinsics::{AtomicOrdering, atomic_xadd};
use core::mem::size_of;

/// Flows that are let by.
#[btf_map]
static FLOWS: HashMap<FlowKey, FlowCount, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// What the sensor says while it runs.
#[btf_map]
static CONTROL: Array<u32, { control::WORDS as usize }> = Array::new();

/// Listed addresses, and prefixes. Two lists: a packet is judged by the one whose place it read first.
#[btf_map]
static HOSTS4: ArrayOfMaps<HashMap<[u8; 4], u8, 1>, 2> = ArrayOfMaps::new();
#[btf_map]
static HOSTS6: ArrayOfMaps<HashMap<[u8; 16], u8, 1>, 2> = ArrayOfMaps::new();
#[btf_map]
static NETS4: ArrayOfMaps<LpmTrie<[u8; 4], u8, 1>, 2> = ArrayOfMaps::new();
#[btf_map]
static NETS6: ArrayOfMaps<LpmTrie<[u8; 16], u8, 1>, 2> = ArrayOfMaps::new();

/// Packets and bytes that were listed and went on.
#[btf_map]
static LISTED: PerCpuArray<[u64; 2], 1> = PerCpuArray::new();

/// By queue: its worker is behind.
#[btf_map]
static SHEDDING: Array<u32, 1> = Array::new();

/// Flows that are not new.
#[btf_map]
static SEEN: LruHashMap<FlowKey, u8, 1> = LruHashMap::new();

/// Set by the loader: a [`Shed`].
#[unsafe(no_mangle)]
static SHED: u32 = Shed::Never as u32;

/// What became of a packet here.
pub enum Early {
    /// Its flow is let by.
    Bypassed,
    /// A list has one of its addresses.
    Listed,
    /// Its flow is new, and the worker is behind: dropped.
    ShedDropped,
    /// The same, but it goes on in line.
    ShedForwarded,
}

/// Looks at a packet of `len` bytes on `queue`; `None`: the sensor shall see it.
#[inline(always)]
pub fn look(ctx: &XdpContext, queue: u32, len: u64) -> Option<Early> {
    let (flows, list, shed) = (word(control::FLOWS), word(control::LIST), crate::global(&SHED));
    if flows == 0 && list == 0 && shed == Shed::Never as u32 {
        return None;
    }
    let packet = Packet::parse(ctx)?;
    if list != 0 && packet.is_listed((list & 0xff).wrapping_sub(1)) {
        if list >> 8 == ListAction::Drop as u32 {
            return Some(Early::Listed);
        }
        count_listed(len);
    }
    let (ports, ends) = packet.transport?;
    let ((source, destination), version) = packet.addresses.ends();
    let (key, from_high) =
        FlowKey::of((source, ports[0]), (destination, ports[1]), packet.vlans, packet.proto, version);
    if flows != 0 && !ends && count_flow(&key, from_high, len) {
        return Some(Early::Bypassed);
    }
    if shed != Shed::Never as u32 && is_new(&key, queue) && crate::is_served(queue) {
        return Some(if shed == Shed::Forward as u32 { Early::ShedForwarded } else { Early::ShedDropped });
    }
    None
}

#[inline(always)]
fn word(which: u32) -> u32 {
    match CONTROL.get_ptr(which) {
        // SAFETY: the verifier proved the look-up; the sensor replaces the word whole.
        Some(word) => unsafe { core::ptr::read_volatile(word) },
        None => 0,
    }
}

/// Whether the flow is one that is let by; if so, the packet is counted to it.
#[inline(always)]
fn count_flow(key: &FlowKey, from_high: bool, len: u64) -> bool {
    let Some(count) = FLOWS.get_ptr_mut(key) else { return false };
    let at = if from_high { 2 } else { 0 };
    // SAFETY: the verifier proved the look-up. The other direction may be counted on another CPU at the same time, so the numbers
    // are added atomically; the time may be either's.
    unsafe {
        let words = &raw mut (*count).0;
        add(&raw mut (*words)[at], 1);
        add(&raw mut (*words)[at + 1], len);
        (&raw mut (*words)[4]).write_volatile(bpf_ktime_get_coarse_ns());
    }
    true
}

/// Adds atomically. The target's `AtomicU64` has no such method, since it could not give the old value on every kernel.
///
/// # Safety
/// As for a write.
#[inline(always)]
unsafe fn add(to: *mut u64, n: u64) {
    // SAFETY: the caller's.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(to, n) };
}

/// Whether the flow begins while the queue's worker is behind. One that begins otherwise is remembered.
#[inline(always)]
fn is_new(key: &FlowKey, queue: u32) -> bool {
    if SEEN.get_ptr(key).is_some() {
        return false;
    }
    // SAFETY: the verifier proved the look-up; the sensor replaces the word whole.
    let behind = SHEDDING.get_ptr(queue).is_some_and(|word| unsafe { core::ptr::read_volatile(word) } != 0);
    if !behind {
        // If there is no room even in an LRU map, the flow stays new.
        let _ = SEEN.insert(key, 1, 0);
    }
    behind
}

#[inline(always)]
fn count_listed(len: u64) {
    if let Some(count) = LISTED.get_ptr_mut(0) {
        // SAFETY: the verifier proved the look-up; the entry is this CPU's own, and XDP does not preempt itself.
        unsafe {
            (*count)[0] = (*count)[0].wrapping_add(1);
            (*count)[1] = (*count)[1].wrapping_add(len);
        }
    }
}

#[derive(Clone, Copy)]
enum Addresses {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

impl Addresses {
    /// Source and destination as a flow's key has them, and the IP version.
    #[inline(always)]
    fn ends(&self) -> (([u64; 2], [u64; 2]), u8) {
        let v6 = |a: &[u8; 16]| {
            let word = |at: usize| {
                u64::from_be_bytes([a[at], a[at + 1], a[at + 2], a[at + 3], a[at + 4], a[at + 5], a[at + 6], a[at + 7]])
            };
            [word(0), word(8)]
        };
        let v4 = |a: &[u8; 4]| [0, V4_PREFIX | u32::from_be_bytes(*a) as u64];
        match self {
            Self::V4(source, destination) => ((v4(source), v4(destination)), 4),
            Self::V6(source, destination) => ((v6(source), v6(destination)), 6),
        }
    }
}

/// What is read of a packet.
struct Packet {
    addresses: Addresses,
    vlans: [u16; 2],
    proto: u8,
    /// Source and destination port, and whether it opens or ends a connection; of TCP and UDP without IP options.
    transport: Option<([u16; 2], bool)>,
}

pub(crate) const ETHERNET: usize = 14;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// FIN, SYN and RST (RFC 9293 §3.1).
const OPENS_OR_ENDS: u8 = 0b0000_0111;

impl Packet {
    #[inline(always)]
    fn parse(ctx: &XdpContext) -> Option<Self> {
        let mut at = ETHERNET;
        let mut ethertype = u16::from_be_bytes(read(ctx, 12)?);
        let mut vlans = [0; 2];
        for vlan in &mut vlans {
            // IEEE 802.1Q and 802.1ad, and the older number that some switches use.
            if !matches!(ethertype, 0x8100 | 0x88a8 | 0x9100) {
                break;
            }
            let [a, b, c, d] = read(ctx, at)?;
            *vlan = u16::from_be_bytes([a, b]) & 0xfff;
            ethertype = u16::from_be_bytes([c, d]);
            at += 4;
        }
        match ethertype {
            IPV4 => Self::v4(ctx, at, vlans),
            IPV6 => Self::v6(ctx, at, vlans),
            _ => None,
        }
    }

    #[inline(always)]
    fn v4(ctx: &XdpContext, at: usize, vlans: [u16; 2]) -> Option<Self> {
        let header: [u8; 20] = read(ctx, at)?;
        if header[0] >> 4 != 4 {
            return None;
        }
        let addresses = Addresses::V4(
            [header[12], header[13], header[14], header[15]],
            [header[16], header[17], header[18], header[19]],
        );
        // No options, no fragment (RFC 791 §3.1).
        let whole = header[0] == 0x45 && header[6] & 0x3f == 0 && header[7] == 0;
        let proto = header[9];
        let transport = if whole { transport(ctx, at + 20, proto) } else { None };
        Some(Self { addresses, vlans, proto, transport })
    }

    #[inline(always)]
    fn v6(ctx: &XdpContext, at: usize, vlans: [u16; 2]) -> Option<Self> {
        let first: [u8; 8] = read(ctx, at)?;
        if first[0] >> 4 != 6 {
            return None;
        }
        let addresses = Addresses::V6(read(ctx, at + 8)?, read(ctx, at + 24)?);
        // Extension headers, the fragment's among them, are no transport (RFC 8200 §4).
        let proto = first[6];
        Some(Self { addresses, vlans, proto, transport: transport(ctx, at + 40, proto) })
    }

    /// Whether the list at `place` has one of the addresses.
    #[inline(always)]
    fn is_listed(&self, place: u32) -> bool {
        match &self.addresses {
            Addresses::V4(source, destination) => {
                if let Some(hosts) = HOSTS4.get(place)
                    // SAFETY: only whether it is there is asked.
                    && unsafe { hosts.get(source).is_some() || hosts.get(destination).is_some() }
                {
                    return true;
                }
                NETS4.get(place).is_some_and(|nets| {
                    nets.get(&Key::new(32, *source)).is_some() || nets.get(&Key::new(32, *destination)).is_some()
                })
            }
            Addresses::V6(source, destination) => {
                if let Some(hosts) = HOSTS6.get(place)
                    // SAFETY: only whether it is there is asked.
                    && unsafe { hosts.get(source).is_some() || hosts.get(destination).is_some() }
                {
                    return true;
                }
                NETS6.get(place).is_some_and(|nets| {
                    nets.get(&Key::new(128, *source)).is_some() || nets.get(&Key::new(128, *destination)).is_some()
                })
            }
        }
    }
}

/// Ports, and whether the segment opens or ends a connection.
#[inline(always)]
fn transport(ctx: &XdpContext, at: usize, proto: u8) -> Option<([u16; 2], bool)> {
    let ends = match proto {
        PROTO_TCP => {
            let [flags] = read(ctx, at + 13)?;
            flags & OPENS_OR_ENDS != 0
        }
        PROTO_UDP => false,
        _ => return None,
    };
    let [a, b, c, d] = read(ctx, at)?;
    Some(([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])], ends))
}

/// Bytes from `at` on, if the packet's first buffer has them.
#[inline(always)]
pub(crate) fn read<const N: usize>(ctx: &XdpContext, at: usize) -> Option<[u8; N]> {
    let start = ctx.data();
    if start + at + size_of::<[u8; N]>() > ctx.data_end() {
        return None;
    }
    // SAFETY: the bytes lie before the packet's end, which the verifier sees by the comparison above; an array of bytes has no
    // alignment.
    Some(unsafe { core::ptr::read_unaligned((start + at) as *const [u8; N]) })
}
