//! On an interface that a mirror is sent to by address (ERSPAN, GRE, VXLAN): which packets are the mirror's.
//!
//! Only those that go to one of the interface's own addresses and carry the tunnel that the configuration names. All else is the
//! host's, and goes on to its network stack: ARP, ICMP, the SSH session of whoever set this up.
//!
//! Of a mirrored frame that was sent in fragments, only the first one names what GRE carries; the others are told by protocol 47 alone. VXLAN
//! must not be fragmented (RFC 7348 §4.3), and its later fragments could be any other UDP, so they are the host's.

use crate::early::{ETHERNET, read};
use crate::shared::mirror;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;

/// The interface's addresses, IPv4 as `::ffff:a.b.c.d`.
#[btf_map]
static MIRROR_TO: HashMap<[u8; 16], u8, { mirror::ADDRESSES_MAX as usize }> = HashMap::new();

/// Set by the loader: what mirrors come, as bits of [`mirror`]; 0 where the interface is a monitoring port or in line.
#[unsafe(no_mangle)]
pub static MIRROR: u32 = 0;

/// Set by the loader: the UDP port of VXLAN.
#[unsafe(no_mangle)]
static MIRROR_PORT: u32 = 4789;

const GRE: u8 = 47;
const UDP: u8 = 17;
/// What GRE carries: ERSPAN types I and II, type III, and Ethernet frames as they are.
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const ETHERNET_FRAMES: u16 = 0x6558;

/// Whether the packet is a mirror's, to one of the interface's addresses.
#[inline(always)]
pub fn takes(ctx: &XdpContext, kinds: u32) -> bool {
    is_mirrors(ctx, kinds).unwrap_or(false)
}

#[inline(always)]
fn is_mirrors(ctx: &XdpContext, kinds: u32) -> Option<bool> {
    let mut at = ETHERNET;
    let mut ethertype = u16::from_be_bytes(read(ctx, 12)?);
    for _ in 0..2 {
        if !matches!(ethertype, 0x8100 | 0x88a8) {
            break;
        }
        let [_, _, a, b] = read(ctx, at)?;
        ethertype = u16::from_be_bytes([a, b]);
        at += 4;
    }
    let (proto, later, fragment, to, next) = match ethertype {
        0x0800 => {
            let h: [u8; 20] = read(ctx, at)?;
            // Switches send no options.
            if h[0] != 0x45 {
                return None;
            }
            let fragment = u16::from_be_bytes([h[6], h[7]]) & 0x3fff;
            let to = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, h[16], h[17], h[18], h[19]];
            (h[9], fragment & 0x1fff != 0, fragment != 0, to, at + 20)
        }
        0x86dd => {
            let [next]: [u8; 1] = read(ctx, at + 6)?;
            (next, false, false, read(ctx, at + 24)?, at + 40)
        }
        _ => return None,
    };
    let ours = match proto {
        GRE if kinds & (mirror::ERSPAN | mirror::GRE) != 0 => later || carries(read(ctx, next)?, kinds),
        UDP if kinds & mirror::VXLAN != 0 && !fragment => {
            u32::from(u16::from_be_bytes(read(ctx, next + 2)?)) == crate::global(&MIRROR_PORT)
        }
        _ => return None,
    };
    Some(ours && MIRROR_TO.get_ptr(&to).is_some())
}

/// Whether a GRE header of version 0 names what the configuration does.
#[inline(always)]
fn carries(gre: [u8; 4], kinds: u32) -> bool {
    let wanted = match u16::from_be_bytes([gre[2], gre[3]]) {
        ERSPAN | ERSPAN_III => mirror::ERSPAN,
        ETHERNET_FRAMES => mirror::GRE,
        _ => 0,
    };
    gre[1] & 7 == 0 && kinds & wanted != 0
}
