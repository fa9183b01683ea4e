//! The XDP program: hands each receive queue's packets to that queue's AF_XDP socket, and counts what it did and why.
//!
//! A packet that is redirected does not reach the host's network stack. A queue without a socket (the sensor is starting
//! or gone, or the configuration leaves the queue out) falls back to what `NO_SOCKET` says, counted under that reason.
//!
//! **In line** (`PEER_RULE` is not [`PeerRule::None`]) the program is what keeps the link up when the sensor does not: a queue's
//! worker writes the time into `HEARTBEATS` once a batch, and where that is older than `STALE_NS`, or no socket serves the queue,
//! the packet goes straight to the other port (`PEER`), or is dropped where the link is to close. The program, its maps and the
//! rule stay after the process, since the attachment is pinned.
//!
//! **Where a mirror is sent to** by address (`MIRROR` is not 0) it takes that mirror's packets, and leaves all others to the host.
//!
//! Attached as `xdp.frags`, so that it also runs where a packet spans several buffers (jumbo frames). It reads nothing of
//! the packet. Needs Linux 5.18: `xdp.frags` and the helper that tells a fragmented packet's length came with it.

#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![allow(internal_features, reason = "atomic addition, see early.rs")]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_xdp_get_buff_len};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, DevMap, PerCpuArray, XskMap};
use aya_ebpf::programs::XdpContext;
use early::Early;
use shared::{NoSocket, PeerRule, QueueCounters, Verdict};

#[path = "../../src/shared.rs"]
#[allow(dead_code, reason = "the sensor uses the rest")]
mod shared;

mod early;
mod mirror;
#[path = "../../src/early.rs"]
#[allow(dead_code, reason = "the sensor uses the rest")]
mod early_data;

/// The map can be mapped into a process's memory (linux/bpf.h).
const BPF_F_MMAPABLE: u32 = 1 << 10;

/// Queue → socket. Entries go by themselves when a socket is closed.
#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(64, 0);

/// What was done with each queue's packets. The entry after the last queue's takes queues that the maps do not know.
#[map]
static COUNTERS: PerCpuArray<QueueCounters> = PerCpuArray::with_max_entries(65, 0);

/// When each queue's worker last said that it lives: CLOCK_MONOTONIC in nanoseconds. The workers have it mapped into their memory.
#[map]
static HEARTBEATS: Array<u64> = Array::with_max_entries(64, BPF_F_MMAPABLE);

/// In line: the other port, as the only entry.
#[map]
static PEER: DevMap = DevMap::with_max_entries(1, 0);

/// Set by the loader: the action without a socket.
#[unsafe(no_mangle)]
static NO_SOCKET: u32 = NoSocket::Pass as u32;

/// Set by the loader: queues in the maps.
#[unsafe(no_mangle)]
static QUEUES: u32 = 64;

/// Set by the loader: what becomes of packets that no living worker takes, in line.
#[unsafe(no_mangle)]
static PEER_RULE: u32 = PeerRule::None as u32;

/// Set by the loader: the age at which a heartbeat is too old, in nanoseconds.
#[unsafe(no_mangle)]
static STALE_NS: u64 = 100_000_000;

/// Reads a global that the loader may have changed: the compiler must not fold in the value it sees here.
#[inline(always)]
fn global<T: Copy>(value: &'static T) -> T {
    // SAFETY: a valid, aligned reference to initialised memory, which nothing writes once the program is loaded.
    unsafe { core::ptr::read_volatile(value) }
}

/// Entry point.
#[xdp(frags)]
pub fn sekisho_xdp(ctx: XdpContext) -> u32 {
    let queue = ctx.rx_queue_index();
    let peer_rule = global(&PEER_RULE);
    // SAFETY: the helper reads the context that the kernel gave to this very call.
    let len_bytes = unsafe { bpf_xdp_get_buff_len(ctx.as_ptr().cast()) };
    let mirrors = global(&mirror::MIRROR);
    let (verdict, action) = if mirrors != 0 {
        addressed(&ctx, queue, mirrors)
    } else {
        match early::look(&ctx, queue, len_bytes) {
            Some(early) => settle(early, peer_rule),
            None if peer_rule == PeerRule::None as u32 => capture(queue),
            None => in_line(queue, peer_rule),
        }
    };
    count(queue, verdict, len_bytes);
    action
}

/// What was decided before a worker sees the packet. What is let by goes on in line; on a monitoring port it has served its purpose.
#[inline(always)]
fn settle(early: Early, peer_rule: u32) -> (Verdict, u32) {
    let verdict = match early {
        Early::Bypassed => Verdict::BypassedFlow,
        Early::ShedForwarded => Verdict::BypassedLoadShed,
        Early::ShedDropped => return (Verdict::DroppedLoadShed, XDP_DROP),
        Early::Listed => return (Verdict::DroppedBlockList, XDP_DROP),
    };
    if peer_rule == PeerRule::None as u32 {
        return (verdict, XDP_DROP);
    }
    match PEER.redirect(0, u64::from(XDP_ABORTED)) {
        Ok(XDP_REDIRECT) => (verdict, XDP_REDIRECT),
        _ => (Verdict::AbortedRedirectRefused, XDP_ABORTED),
    }
}

/// On an interface with addresses: what a mirror sends to them is captured, all else is the host's.
#[inline(always)]
fn addressed(ctx: &XdpContext, queue: u32, mirrors: u32) -> (Verdict, u32) {
    if mirror::takes(ctx, mirrors) { capture(queue) } else { (Verdict::PassedNotMirror, XDP_PASS) }
}

/// On a monitoring port: to the queue's socket.
#[inline(always)]
fn capture(queue: u32) -> (Verdict, u32) {
    // The low bits of the flags are the action that the call returns when the map has no socket for the queue.
    let action = match SOCKETS.redirect(queue, u64::from(global(&NO_SOCKET))) {
        Ok(action) | Err(action) => action,
    };
    match action {
        XDP_REDIRECT => (Verdict::Redirected, XDP_REDIRECT),
        XDP_PASS => (Verdict::PassedNoSocket, XDP_PASS),
        XDP_DROP => (Verdict::DroppedNoSocket, XDP_DROP),
        _ => (Verdict::AbortedRedirectRefused, XDP_ABORTED),
    }
}

/// On a port of a link: to the queue's socket while its worker lives, else as the rule says.
#[inline(always)]
fn in_line(queue: u32, rule: u32) -> (Verdict, u32) {
    let served = SOCKETS.get(queue).is_some();
    if served && is_alive(queue) {
        return match SOCKETS.redirect(queue, u64::from(XDP_ABORTED)) {
            Ok(XDP_REDIRECT) => (Verdict::Redirected, XDP_REDIRECT),
            _ => (Verdict::AbortedRedirectRefused, XDP_ABORTED),
        };
    }
    if rule == PeerRule::Drop as u32 {
        return (if served { Verdict::DroppedStale } else { Verdict::DroppedNoSocket }, XDP_DROP);
    }
    match PEER.redirect(0, u64::from(XDP_ABORTED)) {
        Ok(XDP_REDIRECT) => (if served { Verdict::ForwardedStale } else { Verdict::ForwardedNoSocket }, XDP_REDIRECT),
        _ => (Verdict::AbortedRedirectRefused, XDP_ABORTED),
    }
}

/// Whether a worker takes the queue's packets: one that is gone is not behind.
#[inline(always)]
fn is_served(queue: u32) -> bool {
    SOCKETS.get(queue).is_some() && (global(&PEER_RULE) == PeerRule::None as u32 || is_alive(queue))
}

/// Whether the queue's worker gave a sign of life lately.
#[inline(always)]
fn is_alive(queue: u32) -> bool {
    let Some(beat) = HEARTBEATS.get_ptr(queue) else { return false };
    // SAFETY: the verifier proved the look-up; the worker writes the whole word at once.
    let beat = unsafe { core::ptr::read_volatile(beat) };
    // SAFETY: the helper takes nothing and cannot fail.
    let now = unsafe { bpf_ktime_get_ns() };
    // Signed: the worker may have written, on another CPU, a moment after the time was read here.
    (now.wrapping_sub(beat) as i64) < global(&STALE_NS) as i64
}

#[inline(always)]
fn count(queue: u32, verdict: Verdict, len_bytes: u64) {
    let entry = queue.min(global(&QUEUES));
    if let Some(counters) = COUNTERS.get_ptr_mut(entry) {
        // SAFETY: the verifier proved the look-up; the entry is this CPU's own, and XDP does not preempt itself.
        unsafe { (*counters).count(verdict, len_bytes) };
    }
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 18] = *b"MIT OR Apache-2.0\0";

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
