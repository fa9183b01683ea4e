//! The replay program of the bench: turns live frames of `BPF_PROG_TEST_RUN` into the frames of a capture, each another one, and sends
//! them out of an interface; and counts, at the tracepoint of the transmission, exactly what the interface took.
//!
//! The kernel calls the program for each frame of a run, in order and on one CPU; the frames' contents come from a map that the
//! bench fills before. Needs Linux 5.18: live frames and the helper that writes a packet's bytes came with it.

#![no_std]
#![no_main]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::{bpf_redirect, bpf_xdp_adjust_tail, bpf_xdp_store_bytes};
use aya_ebpf::macros::{map, raw_tracepoint, xdp};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::{RawTracePointContext, XdpContext};
use replay::{LARGEST_FRAME, Run, SLOTS, Slot};

#[path = "../../src/replay.rs"]
#[allow(dead_code, reason = "the bench uses the rest")]
mod replay;

/// BPF_F_MMAPABLE.
const MMAPABLE: u32 = 1 << 10;

/// Frames that an interface is given at a time, at most (DEV_MAP_BULK_SIZE).
const BULK: u32 = 16;

#[map]
static FRAMES: Array<Slot> = Array::with_max_entries(SLOTS, MMAPABLE);

#[map]
static RUN: Array<Run> = Array::with_max_entries(1, 0);

/// Entry point for each frame.
#[xdp]
pub fn sekisho_replay(ctx: XdpContext) -> u32 {
    let Some(run) = RUN.get_ptr_mut(0) else { return XDP_DROP };
    // SAFETY: the verifier proved the look-up, and one run at a time uses the map.
    let run = unsafe { &mut *run };
    // Attached to the interface too (the bench says why): what it receives is none of the run's frames, which come from the loopback.
    if ctx.ingress_ifindex() as u64 == run.ifindex {
        return XDP_PASS;
    }
    run.process = bpf_get_current_pid_tgid() >> 32;
    let made = match FRAMES.get_ptr_mut(run.next as u32) {
        // SAFETY: as above; the bench writes slots between runs only.
        Some(slot) => make(&ctx, unsafe { &mut *slot }, run.template as u32),
        None => false,
    };
    run.next += 1;
    if !made {
        run.failed += 1;
        return XDP_DROP;
    }
    // SAFETY: the helper takes two numbers and notes them for the return value.
    let action = unsafe { bpf_redirect(run.ifindex as u32, 0) } as u32;
    if action != XDP_REDIRECT {
        run.failed += 1;
    }
    action
}

#[inline(always)]
fn make(ctx: &XdpContext, slot: &mut Slot, template: u32) -> bool {
    let len = slot.len;
    if len < 14 || len > LARGEST_FRAME as u32 {
        return false;
    }
    let delta = len as i32 - template as i32;
    // SAFETY: the helpers check the lengths against the packet; the buffer is `LARGEST_FRAME` long, which is not less than `len`.
    unsafe {
        (delta == 0 || bpf_xdp_adjust_tail(ctx.as_ptr().cast(), delta) == 0)
            && bpf_xdp_store_bytes(ctx.as_ptr().cast(), 0, slot.bytes.as_mut_ptr().cast(), len) == 0
    }
}

/// Entry point for each batch that an interface was asked to send: from, to, sent, dropped, error.
#[raw_tracepoint(tracepoint = "xdp_devmap_xmit")]
pub fn sekisho_outcome(ctx: RawTracePointContext) -> i32 {
    let Some(run) = RUN.get_ptr_mut(0) else { return 0 };
    // SAFETY: the verifier proved the look-up; only the process that runs gets past the next line.
    let run = unsafe { &mut *run };
    if bpf_get_current_pid_tgid() >> 32 != run.process {
        return 0;
    }
    let (sent, refused) = (ctx.arg::<i32>(2), ctx.arg::<i32>(3));
    let pending = run.next.wrapping_sub(run.reported);
    // What the kernel forwards for others while this process is interrupted comes when nothing of its own is pending: a run
    // is not interrupted between a frame and its transmission.
    if sent < 0 || refused < 0 || (sent + refused) as u64 > pending {
        return 0;
    }
    // An interface takes the first ones of a batch and refuses the others.
    let first_refused = run.reported as u32 + sent as u32;
    for n in 0..BULK {
        if n >= refused as u32 {
            break;
        }
        if let Some(slot) = FRAMES.get_ptr_mut(first_refused + n) {
            // SAFETY: as above.
            unsafe { (*slot).refused = 1 };
        }
    }
    run.reported += (sent + refused) as u64;
    run.sent += sent as u64;
    run.refused += refused as u64;
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 18] = *b"MIT OR Apache-2.0\0";

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
