//! The XDP program: hands each receive queue's packets to that queue's AF_XDP socket, and counts what it did and why.
//!
//! A packet that is redirected does not reach the host's network stack. A queue without a socket (the sensor is starting
//! or gone, or the configuration leaves the queue out) falls back to what `NO_SOCKET` says, counted under that reason.
//!
//! Attached as `xdp.frags`, so that it also runs where a packet spans several buffers (jumbo frames). It reads nothing of
//! the packet. Needs Linux 5.18: `xdp.frags` and the helper that tells a fragmented packet's length came with it.

#![no_std]
#![no_main]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::helpers::generated::bpf_xdp_get_buff_len;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{PerCpuArray, XskMap};
use aya_ebpf::programs::XdpContext;
use shared::{NoSocket, QueueCounters, Verdict};

#[path = "../../src/shared.rs"]
#[allow(dead_code, reason = "the sensor uses the rest")]
mod shared;

/// Queue → socket. Entries go by themselves when a socket is closed.
#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(64, 0);

/// What was done with each queue's packets. The entry after the last queue's takes queues that the maps do not know.
#[map]
static COUNTERS: PerCpuArray<QueueCounters> = PerCpuArray::with_max_entries(65, 0);

/// Set by the loader: the action without a socket.
#[unsafe(no_mangle)]
static NO_SOCKET: u32 = NoSocket::Pass as u32;

/// Set by the loader: queues in the maps.
#[unsafe(no_mangle)]
static QUEUES: u32 = 64;

/// Reads a global that the loader may have changed: the compiler must not fold in the value it sees here.
#[inline(always)]
fn global(value: &'static u32) -> u32 {
    // SAFETY: a valid, aligned reference to initialised memory, which nothing writes once the program is loaded.
    unsafe { core::ptr::read_volatile(value) }
}

/// Entry point.
#[xdp(frags)]
pub fn sekisho_xdp(ctx: XdpContext) -> u32 {
    let queue = ctx.rx_queue_index();
    // The low bits of the flags are the action that the call returns when the map has no socket for the queue.
    let action = match SOCKETS.redirect(queue, u64::from(global(&NO_SOCKET))) {
        Ok(action) | Err(action) => action,
    };
    let verdict = match action {
        XDP_REDIRECT => Verdict::Redirected,
        XDP_PASS => Verdict::PassedNoSocket,
        XDP_DROP => Verdict::DroppedNoSocket,
        _ => Verdict::AbortedRedirectRefused,
    };
    count(&ctx, queue, verdict);
    match verdict {
        Verdict::Redirected => XDP_REDIRECT,
        Verdict::PassedNoSocket => XDP_PASS,
        Verdict::DroppedNoSocket => XDP_DROP,
        Verdict::AbortedRedirectRefused => XDP_ABORTED,
    }
}

#[inline(always)]
fn count(ctx: &XdpContext, queue: u32, verdict: Verdict) {
    let entry = queue.min(global(&QUEUES));
    // SAFETY: the helper reads the context that the kernel gave to this very call.
    let len_bytes = unsafe { bpf_xdp_get_buff_len(ctx.as_ptr().cast()) };
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
