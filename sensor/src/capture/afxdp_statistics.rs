//! What an AF_XDP socket lost, readable from other threads than its worker's, and also after the socket is closed.

#![expect(unsafe_code, reason = "XDP_STATISTICS is a socket option that no crate reads from a bare descriptor")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

crate::counters! {
    /// A socket's XDP_STATISTICS: packets that the program redirected and that did not arrive, by reason; and what this side counts.
    /// In copy mode: redirected = received + `rx_dropped` + `rx_ring_full`.
    pub struct AfxdpCounters {
        /// Packets dropped by the kernel for want of an empty frame, or because they were longer than a frame without multi-buffer.
        rx_dropped => "xsk_rx_dropped_total",
        /// Descriptors of empty frames that the kernel found invalid.
        rx_invalid_descs => "xsk_rx_invalid_descs_total",
        /// Descriptors of packets to send that the kernel found invalid.
        tx_invalid_descs => "xsk_tx_invalid_descs_total",
        /// Packets dropped because the worker had not emptied the RX ring.
        rx_ring_full => "xsk_rx_ring_full_total",
        /// Times that the kernel wanted an empty frame and the fill ring had none.
        rx_fill_ring_empty_descs => "xsk_rx_fill_ring_empty_descs_total",
        /// Times that the kernel looked for a packet to send and found none.
        tx_ring_empty_descs => "xsk_tx_ring_empty_descs_total",
        /// Packets cut to 256 KiB when put together from their frames.
        packets_cut => "xsk_packets_cut_total",
        /// Received descriptors that point outside packet memory: a defect of the driver.
        bad_descs => "xsk_bad_descs_total",
    }
}

impl AfxdpCounters {
    /// With another socket's.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            rx_dropped: self.rx_dropped.wrapping_add(other.rx_dropped),
            rx_invalid_descs: self.rx_invalid_descs.wrapping_add(other.rx_invalid_descs),
            tx_invalid_descs: self.tx_invalid_descs.wrapping_add(other.tx_invalid_descs),
            rx_ring_full: self.rx_ring_full.wrapping_add(other.rx_ring_full),
            rx_fill_ring_empty_descs: self.rx_fill_ring_empty_descs.wrapping_add(other.rx_fill_ring_empty_descs),
            tx_ring_empty_descs: self.tx_ring_empty_descs.wrapping_add(other.tx_ring_empty_descs),
            packets_cut: self.packets_cut.wrapping_add(other.packets_cut),
            bad_descs: self.bad_descs.wrapping_add(other.bad_descs),
        }
    }
}

/// What the worker and the readers share. The worker takes the lock only to close.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    packets_cut: AtomicU64,
    bad_descs: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// A second descriptor of the socket. It must go when the socket goes, or the queue stays taken.
    socket: Option<OwnedFd>,
    last: AfxdpCounters,
}

impl Shared {
    pub(super) fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let socket = Some(socket.try_clone_to_owned()?);
        Ok(Self { state: Mutex::new(State { socket, last: AfxdpCounters::default() }), ..Self::default() })
    }

    pub(super) fn packet_cut(&self) {
        bump(&self.packets_cut);
    }

    pub(super) fn bad_desc(&self) {
        bump(&self.bad_descs);
    }

    /// Reads for the last time and lets go of the socket.
    pub(super) fn close(&self) {
        self.read();
        self.state.lock().unwrap_or_else(PoisonError::into_inner).socket = None;
    }

    pub(super) fn read(&self) -> AfxdpCounters {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A failed reading leaves the last one: counters never go back.
        if let Some(Ok(kernel)) = state.socket.as_ref().map(kernel_statistics) {
            state.last = AfxdpCounters {
                rx_dropped: kernel.rx_dropped,
                rx_invalid_descs: kernel.rx_invalid_descs,
                tx_invalid_descs: kernel.tx_invalid_descs,
                rx_ring_full: kernel.rx_ring_full,
                rx_fill_ring_empty_descs: kernel.rx_fill_ring_empty_descs,
                tx_ring_empty_descs: kernel.tx_ring_empty_descs,
                ..state.last
            };
        }
        state.last.packets_cut = self.packets_cut.load(Ordering::Relaxed);
        state.last.bad_descs = self.bad_descs.load(Ordering::Relaxed);
        state.last
    }
}

/// Adds one; only the worker's thread writes.
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Reads a socket's statistics from any thread. It does not keep the socket open; once that is closed, the last values stay.
#[derive(Clone, Debug)]
pub struct StatisticsReader(pub(super) Arc<Shared>);

impl StatisticsReader {
    /// The values now. One system call.
    #[must_use]
    pub fn read(&self) -> AfxdpCounters {
        self.0.read()
    }
}

fn kernel_statistics(socket: &OwnedFd) -> io::Result<libc::xdp_statistics> {
    let mut statistics = libc::xdp_statistics {
        rx_dropped: 0,
        rx_invalid_descs: 0,
        tx_invalid_descs: 0,
        rx_ring_full: 0,
        rx_fill_ring_empty_descs: 0,
        tx_ring_empty_descs: 0,
    };
    let mut len = size_of::<libc::xdp_statistics>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, which is this structure's size, and any bytes are valid in it.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            libc::XDP_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(statistics) } else { Err(io::Error::last_os_error()) }
}
