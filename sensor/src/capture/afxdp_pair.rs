//! Two ports in line: for one queue of each, one packet memory with two AF_XDP sockets, so that a frame goes from the one port's
//! RX ring to the other's TX ring without being copied.
//!
//! A frame is in exactly one place: with the kernel (a fill ring, a NIC, an RX or TX ring, a completion ring), in the packet at
//! hand, staged for sending, held by the caller ([`Chain`]), or spare. [`Pair::next_packet`] takes the next packet up;
//! then exactly one of [`Pair::forward`], [`Pair::discard`] and [`Pair::hold`] says what becomes of it, and a packet that nobody
//! said a word about is discarded. A packet of several frames is forwarded as it came; only to be read is it copied together.
//!
//! Sending is bounded: where a TX ring stays full after [`KICKS`] calls on the kernel the packet is not sent, and the caller
//! counts it. Nothing here allocates after [`Pair::open`] but [`Pair::hold`].

#![expect(unsafe_code, reason = "the rings and packet memory are shared with the kernel")]

use super::afxdp::{Facts, LONGEST_PACKET, Mode, Wake, drive, mode, set_busy_poll, slice, within};
use super::afxdp_bind::{Attempt, BindError, attempts, cause, fitted, packet_memory, refused, ring};
use super::afxdp_config::{AfxdpConfig, BATCH, OpenError};
use super::afxdp_statistics::{Shared, StatisticsReader};
use super::link::Link;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;
use xsk_rs::config::{BindFlags, Interface, LibxdpFlags, SocketConfig};
use xsk_rs::umem::frame::FrameDesc;
use xsk_rs::{CompQueue, FillQueue, RxQueue, TxQueue, Umem};

/// How often the kernel is called upon to make room in a TX ring before a packet is given up. In copy mode it takes 32 packets a call.
pub const KICKS: usize = 16;

/// Bytes that packets on their way out of a port may take in copy mode, where each is a buffer of the socket.
const SEND_BUFFER: usize = 8 << 20;

/// One of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Side {
    /// The first that is named.
    A = 0,
    /// The second.
    B = 1,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other port.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The frames of a packet that is held back. It must be given back to the [`Pair`] that it came from.
#[derive(Debug)]
#[must_use = "its frames are lost unless they are released or discarded"]
pub struct Chain(Vec<FrameDesc>);

/// What one [`Pair::receive`] took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Whole packets that [`Pair::next_packet`] will give.
    pub packets: u64,
    /// Bytes of the frames. The beginning of a packet that ends in the next batch counts here.
    pub bytes: u64,
}

/// One port's half.
struct Port {
    rx: RxQueue,
    tx: TxQueue,
    fill: FillQueue,
    completion: CompQueue,
    /// The frames of the batch in work, how many there are, and which is next.
    taken: Box<[FrameDesc; BATCH]>,
    taken_len: usize,
    next: usize,
    /// The beginning of a packet whose end has not been taken yet.
    begun: Vec<FrameDesc>,
    /// Frames that go out with the next [`Pair::flush`].
    staged: Vec<FrameDesc>,
    tx_size: u32,
    gone: bool,
    statistics: Arc<Shared>,
    facts: Facts,
}

impl Port {
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor stays open as long as `self.rx`, which the borrow outlives not.
        unsafe { BorrowedFd::borrow_raw(self.rx.fd().as_raw_fd()) }
    }
}

/// Two ports' queues with their packet memory: see the module.
pub struct Pair {
    ports: [Port; 2],
    umem: Umem,
    umem_bytes: usize,
    /// Frames that are nobody's now. Its capacity is that of all frames, so it never grows.
    spare: Vec<FrameDesc>,
    /// The frames of the packet at hand.
    current: Vec<FrameDesc>,
    /// The packet at hand, if it has several frames.
    scratch: Vec<u8>,
    completed: Box<[FrameDesc; BATCH]>,
    need_wakeup: bool,
    busy_poll: bool,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let facts = self.ports.each_ref().map(|port| &port.facts);
        f.debug_struct("Pair").field("ports", &facts).finish_non_exhaustive()
    }
}

impl Pair {
    /// Opens and binds a socket on `queue` of each of the two interfaces, over one packet memory with twice `config.frames` frames.
    ///
    /// Tries what [`super::afxdp::Socket::open`] does, for both ports alike: zero-copy only where both drivers can.
    pub fn open(interfaces: [&str; 2], queue: u32, config: &AfxdpConfig) -> Result<Self, OpenError> {
        config.validate()?;
        let links = [Link::by_name(interfaces[0])?, Link::by_name(interfaces[1])?];
        for link in &links {
            let queues = link.queues()?;
            if queue >= queues {
                return Err(OpenError::NoQueue { interface: link.name.clone(), queue, queues });
            }
        }
        let config = AfxdpConfig { frames: config.frames.saturating_mul(2), ..config.clone() };
        let mut refusals = Vec::new();
        let mut last = None;
        for attempt in attempts(&config, links[0].mtu.max(links[1].mtu)) {
            // One packet memory for both: its frames are as long as either needs.
            let fitted = links
                .iter()
                .fold(config.clone(), |config, link| fitted(&config, attempt, &link.driver(), &mut refusals));
            match Self::bind(interfaces, queue, &fitted, attempt, &mut refusals) {
                Ok(pair) => return Ok(pair),
                Err((_, BindError::Final(error))) => return Err(error),
                Err((side, BindError::Refused(error))) => {
                    refusals.push(format!("{attempt} was refused on {}: {error}", interfaces[side as usize]));
                    last = Some((side, attempt, error));
                }
            }
        }
        let side = last.as_ref().map_or(Side::A, |(side, ..)| *side) as usize;
        let last = last.map(|(_, attempt, error)| (attempt, error));
        Err(refused(interfaces[side], queue, &links[side], &config, last))
    }

    fn bind(
        interfaces: [&str; 2],
        queue: u32,
        config: &AfxdpConfig,
        attempt: Attempt,
        refusals: &mut Vec<String>,
    ) -> Result<Self, (Side, BindError)> {
        let (umem, frames, huge_pages) = packet_memory(interfaces[0], queue, config, config.fill_ring, refusals)
            .map_err(|error| (Side::A, error.into()))?;
        let memory_bytes = frames.len() as u64 * u64::from(config.frame_size);
        let facts = |side: Side| Facts {
            interface: interfaces[side as usize].to_owned(),
            queue,
            mode: Mode::Copy,
            multi_buffer: attempt.multi_buffer,
            huge_pages,
            // The memory is one; it is told once.
            memory_bytes: if side == Side::A { memory_bytes } else { 0 },
            refusals: if side == Side::A { refusals.clone() } else { Vec::new() },
        };
        let open =
            |side: Side, flags: BindFlags| open_port(&umem, config, flags, facts(side)).map_err(|error| (side, error));
        // The second socket takes over how the first is bound: the kernel refuses any flag of its own.
        let ports = [open(Side::A, attempt.flags(config.need_wakeup))?, open(Side::B, BindFlags::empty())?];
        let mut pair = Self {
            ports,
            umem,
            umem_bytes: frames.len().saturating_mul(config.frame_size as usize),
            spare: frames,
            current: Vec::with_capacity(BATCH),
            scratch: Vec::with_capacity(LONGEST_PACKET),
            completed: Box::new([FrameDesc::default(); BATCH]),
            need_wakeup: config.need_wakeup,
            busy_poll: config.busy_poll.is_some(),
        };
        Side::BOTH.into_iter().for_each(|side| pair.refill(side));
        Ok(pair)
    }

    /// What came of the configuration's wishes on one port.
    #[must_use]
    pub fn facts(&self, side: Side) -> &Facts {
        &self.ports[side as usize].facts
    }

    /// One port's socket.
    #[must_use]
    pub fn socket(&self, side: Side) -> impl AsFd + '_ {
        self.ports[side as usize].fd()
    }

    /// One port's statistics, for other threads. They do not keep the socket open.
    #[must_use]
    pub fn statistics_reader(&self, side: Side) -> StatisticsReader {
        StatisticsReader(Arc::clone(&self.ports[side as usize].statistics))
    }

    /// Frames that wait in a port's RX ring now.
    pub fn backlog(&mut self, side: Side) -> u32 {
        self.ports[side as usize].rx.nb_avail_exact()
    }

    /// Takes what `side` has received, at most [`BATCH`] frames, once all of the batch before was given by [`Self::next_packet`].
    /// Never waits. Frames that were sent come back, and the fill ring is topped up, before this returns.
    pub fn receive(&mut self, side: Side) -> Taken {
        self.reap(side.other());
        let port = &mut self.ports[side as usize];
        debug_assert_eq!(port.next, port.taken_len, "a batch was left unread");
        // SAFETY: the descriptors come from this socket's own RX ring, and only go back to rings over the same packet memory.
        port.taken_len = unsafe { port.rx.consume(&mut port.taken[..]) }.min(BATCH);
        port.next = 0;
        let mut taken = Taken::default();
        for desc in &port.taken[..port.taken_len] {
            taken.bytes += desc.lengths().data() as u64;
            taken.packets += u64::from(!desc.has_more_frames());
        }
        self.refill(side);
        taken
    }

    /// Takes up the next packet of `side`'s batch, from its link header on; `None` at the batch's end. Empty if its descriptor lies
    /// outside packet memory, which is a defect of the driver: it cannot be forwarded then.
    pub fn next_packet(&mut self, side: Side) -> Option<&[u8]> {
        self.discard();
        let port = &mut self.ports[side as usize];
        loop {
            let desc = *port.taken[..port.taken_len].get(port.next)?;
            port.next += 1;
            if !within(&desc, self.umem_bytes) {
                // Its frame is lost: nobody knows which it was.
                port.statistics.bad_desc();
                self.spare.append(&mut port.begun);
                return Some(&[]);
            }
            if desc.has_more_frames() {
                port.begun.push(desc);
                continue;
            }
            std::mem::swap(&mut self.current, &mut port.begun);
            self.current.push(desc);
            break;
        }
        let [single] = self.current.as_slice() else { return Some(self.put_together(side)) };
        Some(slice(&self.umem, single))
    }

    #[cold]
    fn put_together(&mut self, side: Side) -> &[u8] {
        self.scratch.clear();
        for desc in &self.current {
            let part = slice(&self.umem, desc);
            let room = self.scratch.capacity() - self.scratch.len();
            if part.len() > room {
                self.ports[side as usize].statistics.packet_cut();
            }
            self.scratch.extend_from_slice(&part[..part.len().min(room)]);
        }
        &self.scratch
    }

    /// Changes the bytes of the packet at hand, which stay as many.
    #[cold]
    pub fn rewrite(&mut self, change: impl FnOnce(&mut [u8])) {
        if let [single] = self.current.as_mut_slice() {
            if within(single, self.umem_bytes) {
                // SAFETY: the frame lies inside packet memory, and is at hand: in no ring, and nobody else reads it.
                change(unsafe { self.umem.data_mut(single) }.contents_mut());
            }
            return;
        }
        // It was put together when it was taken up.
        change(&mut self.scratch);
        let mut rest = self.scratch.as_slice();
        for desc in &mut self.current {
            // SAFETY: as above; `next_packet` has checked each.
            let mut data = unsafe { self.umem.data_mut(desc) };
            let part = data.contents_mut();
            let (now, later) = rest.split_at(part.len().min(rest.len()));
            if let Some(part) = part.get_mut(..now.len()) {
                part.copy_from_slice(now);
            }
            rest = later;
        }
    }

    /// Sends the packet at hand out of `side`, with the next [`Self::flush`]. False if there is no room: then it is discarded.
    pub fn forward(&mut self, side: Side) -> bool {
        let fits = !self.current.is_empty() && self.make_room(side, self.current.len());
        if fits {
            self.ports[side as usize].staged.append(&mut self.current);
        } else {
            self.discard();
        }
        fits
    }

    /// The frames of the packet at hand become spare.
    pub fn discard(&mut self) {
        self.spare.append(&mut self.current);
    }

    /// Keeps the packet at hand back.
    pub fn hold(&mut self) -> Chain {
        Chain(std::mem::take(&mut self.current))
    }

    /// Sends a packet that was held. False if there is no room: then it is discarded.
    pub fn release(&mut self, chain: Chain, side: Side) -> bool {
        let fits = self.make_room(side, chain.0.len());
        let to = if fits { &mut self.ports[side as usize].staged } else { &mut self.spare };
        to.extend_from_slice(&chain.0);
        fits
    }

    /// The frames of a packet that was held become spare.
    pub fn give_up(&mut self, chain: Chain) {
        self.spare.extend_from_slice(&chain.0);
    }

    /// Sends a packet of the sensor's own out of `side`. False if there is no frame for it, or no room.
    pub fn send(&mut self, side: Side, bytes: &[u8]) -> bool {
        if !self.make_room(side, 1) {
            return false;
        }
        let Some(mut desc) = self.spare.pop() else { return false };
        desc.set_options(0);
        // SAFETY: a spare frame is in no ring and at nobody's hand.
        let mut data = unsafe { self.umem.data_mut(&mut desc) };
        let mut cursor = data.cursor();
        cursor.set_pos(0);
        let written = cursor.write_all(bytes).is_ok();
        if written {
            self.ports[side as usize].staged.push(desc);
        } else {
            self.spare.push(desc);
        }
        written
    }

    /// Whether `side`'s TX ring takes `frames` more beside what is staged, after some calls on the kernel if need be.
    fn make_room(&mut self, side: Side, frames: usize) -> bool {
        let free = |pair: &mut Self| {
            let port = &mut pair.ports[side as usize];
            let wanted = u32::try_from(port.staged.len() + frames).unwrap_or(u32::MAX);
            port.tx.nb_free(wanted) >= wanted
        };
        if free(self) {
            return true;
        }
        self.flush(side);
        self.reap(side);
        free(self)
    }

    /// Hands what is staged for `side` to the kernel.
    pub fn flush(&mut self, side: Side) {
        let port = &mut self.ports[side as usize];
        // SAFETY: staged frames are of this packet memory, inside it, and at nobody's hand; `make_room` has seen to the room.
        let given = unsafe { port.tx.produce(&port.staged) };
        // The ring takes all or none; none of some would be a defect here, and must not lose frames.
        if given < port.staged.len() {
            self.spare.extend_from_slice(&port.staged);
        }
        port.staged.clear();
        self.kick(side);
    }

    /// Has the kernel send what is in `side`'s TX ring. In copy mode it takes a few packets a call.
    pub fn kick(&mut self, side: Side) {
        for _ in 0..KICKS {
            let port = &mut self.ports[side as usize];
            let pending = port.tx_size.saturating_sub(port.tx.nb_free_exact());
            if pending == 0 || (self.need_wakeup && !port.tx.needs_wakeup()) {
                return;
            }
            // An interface that is gone or down shows itself in `wait`; anything else is seen as a ring that stays full.
            let _ = port.tx.wakeup();
            if port.facts.mode == Mode::ZeroCopy || port.tx.nb_free_exact() + pending == port.tx_size {
                return;
            }
            self.reap(side);
        }
    }

    /// Whether `side`'s TX ring holds packets that the kernel has not taken.
    pub fn is_sending(&mut self, side: Side) -> bool {
        let port = &mut self.ports[side as usize];
        port.tx.nb_free_exact() < port.tx_size
    }

    /// Takes back the frames that were sent out of `side`.
    pub fn reap(&mut self, side: Side) {
        let port = &mut self.ports[side as usize];
        loop {
            // SAFETY: what comes back are frames of this packet memory that were put into this port's TX ring.
            let done = unsafe { port.completion.consume(&mut self.completed[..]) }.min(BATCH);
            self.spare.extend_from_slice(&self.completed[..done]);
            if done < BATCH {
                return;
            }
        }
    }

    fn refill(&mut self, side: Side) {
        let port = &mut self.ports[side as usize];
        let room = port.fill.nb_free(u32::try_from(self.spare.len()).unwrap_or(u32::MAX)) as usize;
        let keep = self.spare.len() - room.min(self.spare.len());
        // SAFETY: spare frames are of this packet memory and at nobody's hand.
        let given = unsafe { port.fill.produce(&self.spare[keep..]) };
        // The ring takes all or none.
        self.spare.truncate(self.spare.len() - given.min(self.spare.len()));
        if self.need_wakeup && port.fill.needs_wakeup() {
            drive(&port.rx);
        }
    }

    /// Waits until a port may have packets, at most `timeout` (whole milliseconds, rounded up). With busy polling it does not sleep.
    pub fn wait(&mut self, timeout: Duration) -> Wake {
        if self.busy_poll {
            self.ports.iter().for_each(|port| drive(&port.rx));
        } else {
            let millis = timeout.as_nanos().div_ceil(1_000_000);
            let timeout = PollTimeout::try_from(millis.min(i32::MAX as u128)).unwrap_or(PollTimeout::MAX);
            let mut fds = self.ports.each_ref().map(|port| PollFd::new(port.fd(), PollFlags::POLLIN));
            // An interrupted wait is a short one.
            let _ = nix::poll::poll(&mut fds, timeout);
        }
        if self.ports.iter_mut().any(|port| port.rx.nb_avail(1) > 0) {
            return Wake::Ready;
        }
        for port in &mut self.ports {
            // The kernel leaves ENETDOWN on the socket when it takes the queue away; reading it clears it.
            port.gone |= matches!(getsockopt(&port.fd(), sockopt::SocketError), Ok(error) if error != 0);
        }
        if self.ports.iter().any(|port| port.gone) { Wake::Gone } else { Wake::Idle }
    }

    /// Frames that are spare now, and all there are: for tests that none gets lost.
    #[must_use]
    pub fn spare_frames(&self) -> (usize, usize) {
        (self.spare.len(), self.spare.capacity())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.ports.iter().for_each(|port| port.statistics.close());
    }
}

fn open_port(umem: &Umem, config: &AfxdpConfig, flags: BindFlags, mut facts: Facts) -> Result<Port, BindError> {
    let (interface, queue) = (facts.interface.clone(), facts.queue);
    let io = |step| {
        let interface = interface.clone();
        move |source| OpenError::Io { interface, queue, step, source }
    };
    let tx_size = config.rx_ring;
    let socket_config = SocketConfig::builder()
        .rx_queue_size(ring(config.rx_ring).map_err(io("size the RX ring"))?)
        .tx_queue_size(ring(tx_size).map_err(io("size the TX ring"))?)
        .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
        .bind_flags(flags)
        .build();
    let name: Interface = interface.parse().map_err(|_| io("name the interface")(io::Error::from(Errno::EINVAL)))?;
    // SAFETY: the packet memory is shared by the two sockets of one `Pair` alone, which gives every frame to one ring at a time; no
    // program is loaded by libxdp.
    let (tx, rx, rings) =
        unsafe { xsk_rs::Socket::new(socket_config, umem, &name, queue) }.map_err(|e| BindError::Refused(cause(&e)))?;
    let (fill, completion) = rings.ok_or_else(|| io("get the rings")(io::Error::other("libxdp gave no fill ring")))?;
    // SAFETY: `rx` holds the socket open.
    let fd = unsafe { BorrowedFd::borrow_raw(rx.fd().as_raw_fd()) };
    // In copy mode each packet that is sent is a buffer of the socket. Without the capability the usual limit stands.
    if setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
        let _ = setsockopt(&fd, sockopt::SndBuf, &SEND_BUFFER);
    }
    let statistics = Arc::new(Shared::new(fd).map_err(io("copy the socket's descriptor"))?);
    facts.mode = mode(&rx).map_err(io("ask for the mode"))?;
    if let Some(busy_poll) = config.busy_poll {
        set_busy_poll(&rx, busy_poll).map_err(io("set busy polling"))?;
    }
    Ok(Port {
        rx,
        tx,
        fill,
        completion,
        taken: Box::new([FrameDesc::default(); BATCH]),
        taken_len: 0,
        next: 0,
        begun: Vec::with_capacity(BATCH),
        staged: Vec::with_capacity(4 * BATCH),
        tx_size,
        gone: false,
        statistics,
        facts,
    })
}
