//! AF_XDP sockets: one per (interface, queue), owned by the worker of that queue. AF_XDP's `unsafe` is in this file and, for two
//! ports with one packet memory, in `afxdp_pair`, but for the system call that reads the statistics, in `afxdp_statistics`.
//!
//! A frame of packet memory (UMEM) is in exactly one place: with the kernel (fill ring, NIC, RX ring), in the batch that
//! the worker is processing, or spare. [`Socket::receive`] takes a batch from the RX ring and at once tops up the fill ring
//! from the spare frames, so that the NIC does not starve while the batch is processed; dropping the [`Batch`]
//! makes its frames spare again. The slices that a batch gives out are the packet memory itself; only a packet that
//! spans several frames is copied together.
//!
//! Nothing here allocates after [`Socket::open`], and no system call is made per packet: one per batch, and only when the driver
//! asked to be woken or the worker has nothing to do.
//!
//! The kernel's interface: <https://docs.kernel.org/networking/af_xdp.html>.

#![expect(unsafe_code, reason = "the rings and packet memory are shared with the kernel")]

use super::afxdp_bind::{Attempt, BindError, SMALLEST_RING, attempts, cause, fitted, packet_memory, refused, ring};
use super::afxdp_config::{AfxdpConfig, BATCH, BusyPoll, OpenError};
use super::afxdp_statistics::Shared;
pub use super::afxdp_statistics::{AfxdpCounters, StatisticsReader};
use super::link::Link;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{getsockopt, sockopt};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;
use xsk_rs::config::{Interface, LibxdpFlags, SocketConfig};
use xsk_rs::umem::frame::FrameDesc;
use xsk_rs::{CompQueue, FillQueue, RxQueue, TxQueue, Umem};

/// Longest packet that is put together from several frames, in bytes: more than the kernel's limit of fragments allows.
pub(super) const LONGEST_PACKET: usize = 256 * 1024;

/// How packets get into packet memory, as the kernel says (XDP_OPTIONS), not as was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The NIC writes them there.
    ZeroCopy,
    /// The kernel copies them there.
    Copy,
}

impl Mode {
    /// `zero_copy` or `copy`: for the log and the metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ZeroCopy => "zero_copy",
            Self::Copy => "copy",
        }
    }
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// There may be packets.
    Ready,
    /// The time is over.
    Idle,
    /// The interface is gone: nothing will ever come again.
    Gone,
}

/// An AF_XDP socket bound to one queue, with its packet memory.
pub struct Socket {
    rx: RxQueue,
    fill: FillQueue,
    umem: Umem,
    // Held for their sockets' sake: libxdp always makes the rings of the sending side too.
    _tx: TxQueue,
    _completion: CompQueue,
    umem_bytes: usize,
    /// Frames that are nobody's now. Its capacity is that of all frames, so it never grows.
    spare: Vec<FrameDesc>,
    /// The frames of the batch in work.
    taken: Box<[FrameDesc; BATCH]>,
    /// Where a packet of several frames is put together. Its capacity never grows.
    scratch: Vec<u8>,
    /// `scratch` holds the beginning of a packet.
    assembling: bool,
    busy_poll: bool,
    need_wakeup: bool,
    gone: bool,
    statistics: Arc<Shared>,
    facts: Facts,
}

/// What came of the configuration's wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The interface's name when the socket was opened.
    pub interface: String,
    /// The queue.
    pub queue: u32,
    /// How packets get into packet memory.
    pub mode: Mode,
    /// Packets may span several frames.
    pub multi_buffer: bool,
    /// Packet memory lies in huge pages.
    pub huge_pages: bool,
    /// Bytes of packet memory.
    pub memory_bytes: u64,
    /// Why something that was tried first was refused: one sentence each.
    pub refusals: Vec<String>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor stays open as long as `self.rx`, which the borrow outlives not.
        unsafe { BorrowedFd::borrow_raw(self.rx.fd().as_raw_fd()) }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.rx.fd().as_raw_fd()
    }
}

impl Socket {
    /// Opens and binds a socket on `queue` of `interface`, in the network namespace of the calling thread.
    ///
    /// Tries, as far as `config` lets it: zero-copy before copy, packets of several frames before single frames, huge pages
    /// before normal ones; [`Socket::facts`] says what came of it. No packet arrives before the socket is put into
    /// the XDP program's map.
    pub fn open(interface: &str, queue: u32, config: &AfxdpConfig) -> Result<Self, OpenError> {
        config.validate()?;
        let link = Link::by_name(interface)?;
        let queues = link.queues()?;
        if queue >= queues {
            return Err(OpenError::NoQueue { interface: interface.to_owned(), queue, queues });
        }
        let mut refusals = Vec::new();
        let mut last = None;
        let driver = link.driver();
        for attempt in attempts(config, link.mtu) {
            let fitted = fitted(config, attempt, &driver, &mut refusals);
            match Self::bind(interface, queue, &fitted, attempt, &mut refusals) {
                Ok(socket) => return Ok(socket),
                Err(BindError::Final(error)) => return Err(error),
                Err(BindError::Refused(error)) => {
                    refusals.push(format!("{attempt} was refused: {error}"));
                    last = Some((attempt, error));
                }
            }
        }
        Err(refused(interface, queue, &link, config, last))
    }

    fn bind(
        interface: &str,
        queue: u32,
        config: &AfxdpConfig,
        attempt: Attempt,
        refusals: &mut Vec<String>,
    ) -> Result<Self, BindError> {
        let io = |step| move |source| OpenError::Io { interface: interface.to_owned(), queue, step, source };
        let (umem, frames, huge_pages) = packet_memory(interface, queue, config, SMALLEST_RING, refusals)?;
        let memory_bytes = frames.len() as u64 * u64::from(config.frame_size);
        let socket_config = SocketConfig::builder()
            .rx_queue_size(ring(config.rx_ring).map_err(io("size the RX ring"))?)
            // The sensor sends nothing; the ring that libxdp insists on is as small as can be.
            .tx_queue_size(ring(SMALLEST_RING).map_err(io("size the TX ring"))?)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(attempt.flags(config.need_wakeup))
            .build();
        let name: Interface =
            interface.parse().map_err(|_| io("name the interface")(io::Error::from(Errno::EINVAL)))?;
        // SAFETY: the packet memory is new and is not shared with another socket, and no program is loaded by libxdp.
        let (tx, rx, rings) = unsafe { xsk_rs::Socket::new(socket_config, &umem, &name, queue) }
            .map_err(|e| BindError::Refused(cause(&e)))?;
        let (fill, completion) =
            rings.ok_or_else(|| io("get the rings")(io::Error::other("libxdp gave no fill ring")))?;
        // SAFETY: `rx` holds the socket open.
        let fd = unsafe { BorrowedFd::borrow_raw(rx.fd().as_raw_fd()) };
        let statistics = Arc::new(Shared::new(fd).map_err(io("copy the socket's descriptor"))?);
        let mut socket = Self {
            rx,
            fill,
            umem,
            _tx: tx,
            _completion: completion,
            umem_bytes: frames.len().saturating_mul(config.frame_size as usize),
            spare: frames,
            taken: Box::new([FrameDesc::default(); BATCH]),
            scratch: Vec::with_capacity(LONGEST_PACKET),
            assembling: false,
            busy_poll: config.busy_poll.is_some(),
            need_wakeup: config.need_wakeup,
            gone: false,
            statistics,
            facts: Facts {
                interface: interface.to_owned(),
                queue,
                mode: Mode::Copy,
                multi_buffer: attempt.multi_buffer,
                huge_pages,
                memory_bytes,
                refusals: std::mem::take(refusals),
            },
        };
        socket.facts.mode = mode(&socket.rx).map_err(io("ask for the mode"))?;
        if let Some(busy_poll) = config.busy_poll {
            set_busy_poll(&socket.rx, busy_poll).map_err(io("set busy polling"))?;
        }
        socket.refill();
        Ok(socket)
    }

    /// What came of the configuration's wishes.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How packets get into packet memory.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.facts.mode
    }

    /// Takes what has been received, at most [`BATCH`] frames. Empty when there is nothing; never waits.
    ///
    /// The fill ring is topped up before this returns.
    pub fn receive(&mut self) -> Batch<'_> {
        // SAFETY: the descriptors come from this socket's own RX ring and only go back to its own fill ring.
        let taken = unsafe { self.rx.consume(&mut self.taken[..]) }.min(BATCH);
        self.refill();
        let (mut packets, mut bytes) = (0, 0);
        for desc in &self.taken[..taken] {
            bytes += desc.lengths().data() as u64;
            packets += u64::from(!desc.has_more_frames());
        }
        Batch { socket: self, taken, next: 0, packets, bytes }
    }

    /// Frames that wait in the RX ring now.
    pub fn backlog(&mut self) -> u32 {
        self.rx.nb_avail_exact()
    }

    /// Gives the kernel as many spare frames as the fill ring has room for, and wakes the driver if it asked for that.
    fn refill(&mut self) {
        let room = self.fill.nb_free(u32::try_from(self.spare.len()).unwrap_or(u32::MAX)) as usize;
        let keep = self.spare.len() - room.min(self.spare.len());
        // SAFETY: spare frames are of this packet memory, and no slice into one is alive: a `Batch`, which alone gives
        // slices out, borrows the socket mutably and makes its frames spare only when it ends.
        let given = unsafe { self.fill.produce(&self.spare[keep..]) };
        // The ring takes all or none.
        self.spare.truncate(self.spare.len() - given.min(self.spare.len()));
        if self.need_wakeup && self.fill.needs_wakeup() {
            self.drive();
        }
    }

    /// Lets the kernel run the queue's driver from this thread, without waiting. Errors do not matter here: an interface that
    /// is gone or down shows itself in [`Socket::wait`].
    fn drive(&self) {
        drive(&self.rx);
    }

    /// Waits until there may be packets, at most `timeout` (whole milliseconds, rounded up). A signal ends it early, as [`Wake::Idle`].
    ///
    /// With busy polling it polls the NIC for the configured time instead and does not sleep.
    pub fn wait(&mut self, timeout: Duration) -> Wake {
        if self.busy_poll {
            self.drive();
            if self.rx.nb_avail(1) > 0 {
                return Wake::Ready;
            }
        } else {
            let millis = timeout.as_nanos().div_ceil(1_000_000);
            let timeout = PollTimeout::try_from(millis.min(i32::MAX as u128)).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            if matches!(nix::poll::poll(&mut fds, timeout), Ok(n) if n > 0) && self.rx.nb_avail(1) > 0 {
                return Wake::Ready;
            }
        }
        // The kernel leaves ENETDOWN on the socket when it takes the queue away; reading it clears it.
        if !self.gone && matches!(getsockopt(self, sockopt::SocketError), Ok(error) if error != 0) {
            self.gone = true;
        }
        if self.gone { Wake::Gone } else { Wake::Idle }
    }

    /// The kernel's statistics of this socket, and this side's. A system call: not for every batch.
    #[must_use]
    pub fn statistics(&self) -> AfxdpCounters {
        self.statistics.read()
    }

    /// The same for other threads. It does not keep the socket open.
    #[must_use]
    pub fn statistics_reader(&self) -> StatisticsReader {
        StatisticsReader(Arc::clone(&self.statistics))
    }

    /// Frames that are spare now, and all there are: for tests that none gets lost.
    #[must_use]
    pub fn spare_frames(&self) -> (usize, usize) {
        (self.spare.len(), self.spare.capacity())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.statistics.close();
    }
}

/// What was received, until it is dropped: then its frames go back.
///
/// Packets that were not asked for by [`Batch::next_frame`] are lost, so whoever counts [`Batch::packets`] as received must
/// see to all of them.
#[derive(Debug)]
pub struct Batch<'a> {
    socket: &'a mut Socket,
    taken: usize,
    next: usize,
    packets: u64,
    bytes: u64,
}

/// Where a packet lies.
enum Place {
    Frame(FrameDesc),
    Scratch,
}

impl Batch<'_> {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Packets that [`Batch::next_frame`] will give.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of the frames taken. The beginning of a packet that ends in the next batch counts here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next packet, from its link header on; `None` at the end.
    pub fn next_frame(&mut self) -> Option<&[u8]> {
        let place = self.next_place()?;
        Some(match place {
            Place::Frame(desc) => self.socket.data(&desc),
            Place::Scratch => &self.socket.scratch,
        })
    }

    fn next_place(&mut self) -> Option<Place> {
        loop {
            let desc = *self.socket.taken[..self.taken].get(self.next)?;
            self.next += 1;
            match (self.socket.assembling, desc.has_more_frames()) {
                (false, false) => return Some(Place::Frame(desc)),
                (false, true) => {
                    self.socket.scratch.clear();
                    self.socket.assembling = true;
                    self.socket.append(&desc);
                }
                (true, true) => self.socket.append(&desc),
                (true, false) => {
                    self.socket.append(&desc);
                    self.socket.assembling = false;
                    return Some(Place::Scratch);
                }
            }
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        // A packet that goes on in the next batch must be begun even if the caller stopped before it.
        while self.next_place().is_some() {}
        let Socket { spare, taken, .. } = &mut *self.socket;
        spare.extend_from_slice(&taken[..self.taken]);
    }
}

impl Socket {
    /// The bytes of a received frame; empty if its descriptor lies outside packet memory.
    fn data(&mut self, desc: &FrameDesc) -> &[u8] {
        if !within(desc, self.umem_bytes) {
            self.statistics.bad_desc();
            return &[];
        }
        slice(&self.umem, desc)
    }

    /// Adds a received frame to the packet that is being put together, as far as there is room.
    fn append(&mut self, desc: &FrameDesc) {
        if !within(desc, self.umem_bytes) {
            self.statistics.bad_desc();
            return;
        }
        let part = slice(&self.umem, desc);
        let room = self.scratch.capacity() - self.scratch.len();
        if part.len() > room {
            self.statistics.packet_cut();
        }
        self.scratch.extend_from_slice(&part[..part.len().min(room)]);
    }
}

/// Lets the kernel run the queue's driver from this thread, without waiting.
pub(super) fn drive(rx: &RxQueue) {
    // SAFETY: no buffer is passed; AF_XDP's receive call only drives the queue.
    unsafe {
        libc::recvfrom(
            rx.fd().as_raw_fd(),
            std::ptr::null_mut(),
            0,
            libc::MSG_DONTWAIT,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
    }
}

/// Whether a received descriptor lies in packet memory of `len` bytes.
pub(super) fn within(desc: &FrameDesc, len: usize) -> bool {
    desc.addr().checked_add(desc.lengths().data()).is_some_and(|end| end <= len)
}

/// The bytes of a received frame, which [`within`] has checked.
pub(super) fn slice<'a>(umem: &'a Umem, desc: &FrameDesc) -> &'a [u8] {
    // SAFETY: the descriptor came from this packet memory's RX ring and lies inside it (checked by the callers); the kernel does not write to
    // the frame again before it is put on the fill ring, which happens only after the batch that it belongs to has ended.
    unsafe { umem.data(desc) }.contents()
}

pub(super) fn mode(rx: &RxQueue) -> io::Result<Mode> {
    let mut options = libc::xdp_options { flags: 0 };
    let mut len = size_of::<libc::xdp_options>() as libc::socklen_t;
    // SAFETY: the option's value is exactly this structure, and `len` says how long it is.
    let result = unsafe {
        libc::getsockopt(rx.fd().as_raw_fd(), libc::SOL_XDP, libc::XDP_OPTIONS, (&raw mut options).cast(), &raw mut len)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(if options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0 { Mode::ZeroCopy } else { Mode::Copy })
}

pub(super) fn set_busy_poll(rx: &RxQueue, busy_poll: BusyPoll) -> io::Result<()> {
    for (option, value) in [
        (libc::SO_PREFER_BUSY_POLL, 1),
        (libc::SO_BUSY_POLL, libc::c_int::from(busy_poll.usec)),
        (libc::SO_BUSY_POLL_BUDGET, libc::c_int::from(busy_poll.budget)),
    ] {
        // SAFETY: each of these options takes an `int`, and is given a pointer to one and its size.
        let result = unsafe {
            libc::setsockopt(
                rx.fd().as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const value).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
