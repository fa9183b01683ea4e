//! Attaching the XDP program to a network interface, and taking it off again.
//!
//! An [`Attachment`] is the program, loaded and attached, with its maps: sockets are put into it, the program's counters are read
//! from it. Dropping it (also in a panic) detaches the program, unless the configuration asks for a pin in bpffs; then the
//! program stays, lets packets pass or drops them as `no_socket` says, and the next start takes the pin over without a
//! moment in which no program is attached.
//!
//! **The interface must be a monitoring port.** Packets that are redirected to the sensor do not reach the host's own network stack:
//! on the interface that carries the administrator's SSH session, that session ends.

pub use super::attach_config::{AttachConfig, AttachMode, NoSocketAction, Pin};

use crate::capture::link::{Link, LinkError};
use crate::control::early::EarlyMaps;
use crate::control::heartbeat::Heartbeats;
use crate::control::mirror::{self, MirrorAddresses, MirrorSetup};
use crate::control::privilege;
use aya::maps::{DevMap, Map, MapData, MapError, PerCpuArray, XskMap};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::{XdpLink, XdpMode};
use aya::programs::{ProgramError, Xdp};
use aya::{Ebpf, EbpfLoader};
use caps::Capability;
use nix::errno::Errno;
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use sekisho_ebpf::{NoSocket, OBJECT, PeerRule, QueueCounters, Verdict, names, shared::COUNTER_WORDS};
use std::error::Error;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a program may take to be off after it was detached.
const DETACH_TIME: Duration = Duration::from_secs(2);

/// What attaching takes. Without CAP_PERFMON the verifier takes the program for one that could spy on the processor's guesses.
const PERMISSION: [Capability; 3] = [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_PERFMON];

/// The first kernel that has all that the XDP program needs: programs over several buffers (`xdp.frags`).
const OLDEST_KERNEL: (u32, u32) = (5, 18);

/// What makes a port one of two in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The kernel's number of the other port.
    pub index: u32,
    /// What becomes of packets that no living worker takes.
    pub rule: PeerRule,
    /// How old a worker's sign of life may be.
    pub stale: Duration,
}

/// Where the XDP program does run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XdpPlace {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
}

impl XdpPlace {
    /// `native` or `generic`: for the log and the metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }
}

/// Why the program could not be attached. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The interface could not be looked up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The kernel lacks what the program needs.
    #[error(
        "this kernel is {found}: the XDP program needs Linux {}.{} or newer, which brought XDP for packets of several buffers. \
         Update the kernel (Debian 12 has 6.1)",
        OLDEST_KERNEL.0, OLDEST_KERNEL.1
    )]
    KernelTooOld {
        /// Its release.
        found: String,
    },
    /// The process may not.
    #[error("not permitted to attach the XDP program to {interface}: {why}")]
    NotPermitted {
        /// The interface.
        interface: String,
        /// The gate that is shut, and how to open it.
        why: String,
    },
    /// Another XDP program is there.
    #[error(
        "{interface} has another XDP program already: number {id}{name}, {place}. Look at it with `bpftool prog show id {id}`; stop the program that \
         owns it, or take it off with `ip link set dev {interface} {off} off`"
    )]
    Taken {
        /// The interface.
        interface: String,
        /// The other program's number.
        id: u32,
        /// Its name in quotes after a blank, or nothing if it could not be had.
        name: String,
        /// Where it runs.
        place: &'static str,
        /// iproute2's word for that.
        off: &'static str,
    },
    /// Native mode was required.
    #[error(
        "the driver of {interface} does not take the XDP program ({why}): lower the MTU, see `sekisho doctor`, or set capture.xdp.mode to \"auto\""
    )]
    NoNative {
        /// The interface.
        interface: String,
        /// The kernel's word.
        why: String,
    },
    /// A pin is asked for and there is no bpffs.
    #[error(
        "cannot pin at {path}: {folder} is not on a BPF file system. `mount -t bpf bpf /sys/fs/bpf`, or set capture.xdp.pin to false"
    )]
    NoBpffs {
        /// The pin's path.
        path: PathBuf,
        /// The folder that is not.
        folder: PathBuf,
    },
    /// The pin's path is taken.
    #[error("cannot pin at {path}: {why}. Remove it, or name another path in capture.xdp.pin")]
    Pin {
        /// The pin's path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The kernel's limit of locked memory, or of memory at all.
    #[error(
        "the kernel has no memory for the XDP program's maps: raise LimitMEMLOCK= (or `ulimit -l`), or the memory limit of the \
         unit or container ({source})"
    )]
    Memory {
        /// The kernel's word.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot {step} on {interface}: {why}")]
    Other {
        /// What was being done.
        step: &'static str,
        /// The interface.
        interface: String,
        /// The error with its causes.
        why: String,
    },
}

/// Whether the interface is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There, with a carrier.
    Running,
    /// There, but down or without a carrier.
    Down,
    /// Removed, or moved to another network namespace. It does not come back: one of the same name is another one.
    Gone,
}

/// The XDP program on one interface.
#[derive(Debug)]
pub struct Attachment {
    ebpf: Ebpf,
    link: Link,
    counters: CounterReader,
    early: Arc<Mutex<EarlyMaps>>,
    /// Where a mirror is sent to the interface's address: those that the program knows.
    addresses: Option<MirrorAddresses>,
    place: XdpPlace,
    native_refusal: Option<String>,
    /// Holds the pinned link; the file in bpffs is what keeps it attached.
    pinned: Option<PinnedLink>,
    pin_path: Option<PathBuf>,
    program_id: u32,
}

/// The program's counters on one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// By queue.
    pub queues: Vec<QueueCounters>,
    /// Of queues that were added after the program was attached.
    pub later_queues: QueueCounters,
}

/// Reads the program's counters from any thread, also after it is detached.
#[derive(Clone)]
pub struct CounterReader {
    map: Arc<PerCpuArray<MapData, [u64; COUNTER_WORDS]>>,
    queues: u32,
    /// What the program that was taken over had counted by itself: by queue, and of later queues last.
    carried: Arc<[QueueCounters]>,
}

impl std::fmt::Debug for CounterReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CounterReader").field("queues", &self.queues).finish_non_exhaustive()
    }
}

impl CounterReader {
    /// What the program did with `queue`'s packets so far; with a queue that was added later, the sum of all such. One
    /// system call.
    pub fn read(&self, queue: u32) -> Result<QueueCounters, MapError> {
        let queue = queue.min(self.queues);
        let mut sum = self.carried.get(queue as usize).copied().unwrap_or_default();
        for share in self.map.get(&queue, 0)?.iter() {
            sum.add(&QueueCounters(*share));
        }
        Ok(sum)
    }

    /// Goes on from what was counted before, in place of what a pin said.
    #[must_use]
    pub fn after(mut self, before: &InterfaceCounters) -> Self {
        let mut all = before.queues.clone();
        all.resize(self.queues as usize, QueueCounters::default());
        all.push(before.later_queues);
        self.carried = all.into();
        self
    }

    /// Every queue's. One system call a queue.
    pub fn read_all(&self) -> Result<InterfaceCounters, MapError> {
        let queues = (0..self.queues).map(|q| self.read(q)).collect::<Result<_, _>>()?;
        Ok(InterfaceCounters { queues, later_queues: self.read(self.queues)? })
    }
}

impl Attachment {
    /// Loads the XDP program and attaches it to `interface`, which must be in the network namespace of the calling thread.
    ///
    /// All that can be checked is checked before anything is changed; on any error nothing is left attached or pinned.
    pub fn attach(interface: &str, config: &AttachConfig) -> Result<Self, AttachError> {
        Self::attach_as(interface, config, None)
    }

    /// The same, for one port of two in line if there is a `peer`: from now on the program forwards what no living worker takes.
    pub fn attach_as(interface: &str, config: &AttachConfig, peer: Option<Peer>) -> Result<Self, AttachError> {
        check_kernel()?;
        let link = Link::by_name(interface)?;
        let queues = link.queues()?;
        let permission = PERMISSION;
        if !privilege::missing(&permission).is_empty() {
            let why = privilege::explain_eperm(&permission);
            return Err(AttachError::NotPermitted { interface: link.name, why });
        }
        let pin_path = config.pin.path(&link.name);
        let old_pin = match &pin_path {
            Some(path) => find_pin(path, &link)?,
            None => None,
        };
        if let (Some(program), None) = (link.xdp, &old_pin) {
            return Err(taken(&link, program));
        }

        let mut ebpf = load(&link, queues, config, peer)?;
        let mut addresses = config.mirror.map(|_| MirrorAddresses::default());
        if let Some(addresses) = &mut addresses {
            addresses.follow(&mut ebpf, &link).map_err(|e| mirror::explain(&link, &e))?;
        }
        let (mut counters, counter_map) = take_counters(&mut ebpf, &link, queues)?;
        let early =
            EarlyMaps::take(&mut ebpf, &config.early).map_err(|e| explain("fill the XDP program's maps", &link, &e))?;
        let program = program(&mut ebpf, &link)?;
        program.load().map_err(|e| explain("load the XDP program", &link, &e))?;
        let program_id = program.info().map_err(|e| explain("look at the XDP program", &link, &e))?.id();

        let (mut native_refusal, mut pinned) = (None, None);
        if let Some(old) = old_pin {
            let old = XdpLink::try_from(old).map_err(|e| explain("take over the pin", &link, &e))?;
            program.attach_to_link(old).map_err(|e| explain("replace the pinned XDP program", &link, &e))?;
        } else {
            let id = match config.mode {
                AttachMode::Generic => program.attach_to_if_index(link.index, XdpMode::Skb),
                AttachMode::Native => program.attach_to_if_index(link.index, XdpMode::Driver),
                AttachMode::Auto => program.attach_to_if_index(link.index, XdpMode::Driver).or_else(|native| {
                    native_refusal = Some(chain(&native));
                    program.attach_to_if_index(link.index, XdpMode::Skb)
                }),
            }
            .map_err(|e| attach_error(&link, config.mode, &e))?;
            if let Some(path) = &pin_path {
                let taken = program.take_link(id).map_err(|e| explain("get the XDP program's link", &link, &e))?;
                let fd_link = FdLink::try_from(taken).map_err(|e| explain("get the XDP program's link", &link, &e))?;
                // On an error the link is dropped, and with it the program detached.
                pinned = Some(fd_link.pin(path).map_err(|e| AttachError::Pin { path: path.clone(), why: chain(&e) })?);
            }
        }
        if let Some(path) = &pin_path {
            pin_counters(path, &mut counters, &counter_map)?;
        }
        let mut attachment = Self {
            ebpf,
            link,
            counters,
            early: Arc::new(Mutex::new(early)),
            addresses,
            place: XdpPlace::Native,
            native_refusal,
            pinned,
            pin_path,
            program_id,
        };
        attachment.link = Link::by_index(attachment.link.index)?;
        if attachment.link.xdp.is_some_and(|p| p.generic) {
            attachment.place = XdpPlace::Generic;
        }
        Ok(attachment)
    }

    /// The interface as it was when the program was attached.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Receive queues of the interface when the program was attached.
    #[must_use]
    pub fn queues(&self) -> u32 {
        self.counters.queues
    }

    /// Where the program runs.
    #[must_use]
    pub fn place(&self) -> XdpPlace {
        self.place
    }

    /// Why the driver did not take the program, when it was asked and the network stack was taken instead.
    #[must_use]
    pub fn native_refusal(&self) -> Option<&str> {
        self.native_refusal.as_deref()
    }

    /// Where the attachment is pinned, if it is.
    #[must_use]
    pub fn pin_path(&self) -> Option<&Path> {
        self.pin_path.as_deref()
    }

    /// The kernel's number for the loaded program.
    #[must_use]
    pub fn program_id(&self) -> u32 {
        self.program_id
    }

    /// Sends `queue`'s packets to `socket` from now on. The socket must be bound to that very queue of this interface: the kernel drops
    /// packets that are redirected to another queue's, and tells nobody.
    pub fn insert(&mut self, queue: u32, socket: &impl AsFd) -> Result<(), AttachError> {
        let fd = socket.as_fd().as_raw_fd();
        let link = &self.link;
        let fail = |e: &(dyn Error + 'static)| explain("put the socket into the XDP program's map", link, e);
        let map = self.ebpf.map_mut(names::SOCKETS).ok_or_else(|| fail(&missing(names::SOCKETS)))?;
        XskMap::try_from(map).and_then(|mut map| map.set(queue, fd, 0)).map_err(|e| fail(&e))
    }

    /// Sends `queue`'s packets where `no_socket` says from now on. Closing the socket does the same.
    pub fn remove(&mut self, queue: u32) -> Result<(), AttachError> {
        let link = &self.link;
        let fail = |e: &(dyn Error + 'static)| explain("take the socket out of the XDP program's map", link, e);
        let map = self.ebpf.map_mut(names::SOCKETS).ok_or_else(|| fail(&missing(names::SOCKETS)))?;
        XskMap::try_from(map).and_then(|mut map| map.unset(queue)).map_err(|e| fail(&e))
    }

    /// The map in which workers say that they live.
    pub fn heartbeats(&self) -> Result<Heartbeats, AttachError> {
        let fail = |e: &(dyn Error + 'static)| explain("map the workers' heartbeats", &self.link, e);
        let Some(Map::Array(map)) = self.ebpf.map(names::HEARTBEATS) else {
            return Err(fail(&missing(names::HEARTBEATS)));
        };
        Heartbeats::map(map.fd(), self.counters.queues).map_err(|e| fail(&e))
    }

    /// What the program did with the packets so far, by queue. One system call a queue.
    pub fn counters(&self) -> Result<InterfaceCounters, AttachError> {
        self.counters.read_all().map_err(|e| explain("read the XDP program's counters", &self.link, &e))
    }

    /// The same for other threads. It can still be read when the program is detached.
    #[must_use]
    pub fn counter_reader(&self) -> CounterReader {
        self.counters.clone()
    }

    /// The maps of what the program decides by itself, for other threads.
    #[must_use]
    pub fn early(&self) -> &Arc<Mutex<EarlyMaps>> {
        &self.early
    }

    /// Where a mirror is sent to the interface's address: tells the program the addresses of now.
    ///
    /// # Errors
    /// The map could not be changed; it is tried again at the next call.
    pub fn follow_addresses(&mut self) -> Result<(), MapError> {
        match &mut self.addresses {
            Some(addresses) => addresses.follow(&mut self.ebpf, &self.link),
            None => Ok(()),
        }
    }

    /// Whether the interface is still there, under whatever name.
    #[must_use]
    pub fn presence(&self) -> Presence {
        match Link::by_index(self.link.index) {
            Ok(link) if link.up && link.running => Presence::Running,
            Ok(_) => Presence::Down,
            Err(LinkError::Missing { .. }) => Presence::Gone,
            // The kernel did not answer: nothing is known to have changed.
            Err(_) => Presence::Running,
        }
    }

    /// Detaches the program, and removes the pin if there is one. When this returns without an error, the program is off the
    /// interface.
    pub fn detach(mut self) -> Result<(), AttachError> {
        self.take_off()
    }

    fn take_off(&mut self) -> Result<(), AttachError> {
        let unpinned = self.unpin();
        if let Ok(program) = program(&mut self.ebpf, &self.link) {
            // Not loaded any more: taken off before.
            let _ = program.unload();
        }
        unpinned.and_then(|()| self.wait_until_off())
    }

    /// The kernel takes a program off when the last descriptor of its link is closed, and a removed pin's a moment later. Another
    /// thread that is just starting a process holds copies of all descriptors until that runs its program.
    fn wait_until_off(&self) -> Result<(), AttachError> {
        let end = Instant::now() + DETACH_TIME;
        while Link::by_index(self.link.index).is_ok_and(|l| l.xdp.is_some_and(|p| p.id == self.program_id)) {
            if Instant::now() > end {
                let why =
                    format!("another process holds it; `ip link set dev {} xdp off` takes it off", self.link.name);
                return Err(AttachError::Other {
                    step: "detach the XDP program",
                    interface: self.link.name.clone(),
                    why,
                });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn unpin(&mut self) -> Result<(), AttachError> {
        let Some(path) = self.pin_path.take() else { return Ok(()) };
        self.pinned = None;
        remove_pins(&path)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // A pin of an interface that is gone keeps nothing attached, and would only stand in the way.
        let stays = self.pin_path.is_some() && self.presence() != Presence::Gone;
        if !stays && let Err(error) = self.take_off() {
            tracing::warn!(interface = self.link.name, "{error}");
        }
    }
}

/// Takes a program off that an earlier run left pinned at `interface`'s place. Whether there was one.
///
/// # Errors
/// The pins cannot be removed, or the program stays for another reason than they.
pub fn take_off_pinned(interface: &str, config: &AttachConfig) -> Result<bool, AttachError> {
    let Some(path) = config.pin.path(interface).filter(|path| path.exists()) else { return Ok(false) };
    let program = PinnedLink::from_pin(&path).ok().and_then(|pin| Some(FdLink::from(pin).info().ok()?.program_id()));
    remove_pins(&path)?;
    let end = Instant::now() + DETACH_TIME;
    while let (Ok(Link { xdp: Some(on), .. }), Some(ours)) = (Link::by_name(interface), program) {
        if on.id != ours {
            break;
        }
        if Instant::now() > end {
            let why = format!("a process holds it: stop the sensor first, or `ip link set dev {interface} xdp off`");
            return Err(AttachError::Other { step: "detach the XDP program", interface: interface.to_owned(), why });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(true)
}

fn remove_pins(path: &Path) -> Result<(), AttachError> {
    for path in [path.to_owned(), counters_pin(path)] {
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(AttachError::Pin { path, why: e.to_string() });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where the counters of a pinned program are. No interface has a colon in its name.
fn counters_pin(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from("counters:");
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// Takes over what the program before had counted by itself, and pins the counters of this one for the next.
fn pin_counters(path: &Path, counters: &mut CounterReader, map: &MapData) -> Result<(), AttachError> {
    let path = counters_pin(path);
    if let Ok(old) = MapData::from_pin(&path)
        && let Ok(map) = PerCpuArray::try_from(Map::PerCpuArray(old))
    {
        let queues = map.len().saturating_sub(1);
        let reader = CounterReader { map: Arc::new(map), queues, carried: Arc::default() };
        if let Ok(InterfaceCounters { queues: mut all, later_queues }) = reader.read_all() {
            all.resize(counters.queues as usize, QueueCounters::default());
            all.push(later_queues);
            // What a sensor received is in that sensor's accounts.
            all.iter_mut().for_each(|queue| queue.clear(Verdict::Redirected));
            counters.carried = all.into();
        }
    }
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(AttachError::Pin { path, why: e.to_string() }),
        _ => {}
    }
    map.pin(&path).map_err(|e| AttachError::Pin { path, why: chain(&e) })
}

fn check_kernel() -> Result<(), AttachError> {
    let release = nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned()).unwrap_or_default();
    match kernel_version(&release) {
        Some(version) if version < OLDEST_KERNEL => Err(AttachError::KernelTooOld { found: release }),
        _ => Ok(()),
    }
}

/// Major and minor number of a kernel's release; `None` for one that does not begin with them.
fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

/// An earlier run's pin that holds the program that is on the interface now. A pin that holds nothing any more is removed.
fn find_pin(path: &Path, link: &Link) -> Result<Option<FdLink>, AttachError> {
    let pin_error = |why: String| AttachError::Pin { path: path.to_owned(), why };
    let folder = path.parent().unwrap_or(Path::new("/"));
    // The folder itself may be missing, but it can only be made where a bpffs is.
    let existing = folder.ancestors().find(|f| f.exists()).unwrap_or(Path::new("/"));
    if !statfs(existing).is_ok_and(|fs| fs.filesystem_type() == BPF_FS_MAGIC) {
        return Err(AttachError::NoBpffs { path: path.to_owned(), folder: existing.to_owned() });
    }
    std::fs::create_dir_all(folder).map_err(|e| pin_error(format!("cannot make its folder: {e}")))?;
    if !path.exists() {
        return Ok(None);
    }
    let pinned = PinnedLink::from_pin(path).map_err(|e| pin_error(format!("it is no pinned link ({})", chain(&e))))?;
    let fd_link = FdLink::from(pinned);
    let program = fd_link.info().map_err(|e| pin_error(chain(&e)))?.program_id();
    if link.xdp.is_some_and(|p| p.id == program) {
        return Ok(Some(fd_link));
    }
    if link.xdp.is_some() {
        return Ok(None);
    }
    std::fs::remove_file(path).map_err(|e| pin_error(format!("it is stale and cannot be removed: {e}")))?;
    Ok(None)
}

fn load(link: &Link, queues: u32, config: &AttachConfig, peer: Option<Peer>) -> Result<Ebpf, AttachError> {
    let no_socket = NoSocket::from(config.no_socket) as u32;
    let rule = peer.map_or(PeerRule::None, |peer| peer.rule) as u32;
    let stale_ns = peer.map_or(0, |peer| u64::try_from(peer.stale.as_nanos()).unwrap_or(u64::MAX));
    let mut loader = EbpfLoader::new();
    config.early.apply(&mut loader, queues);
    MirrorSetup::apply(config.mirror.as_ref(), &mut loader);
    let mut ebpf = loader
        .override_global(names::NO_SOCKET, &no_socket, true)
        .override_global(names::QUEUES, &queues, true)
        .override_global(names::PEER_RULE, &rule, true)
        .override_global(names::STALE_NS, &stale_ns, true)
        .map_max_entries(names::SOCKETS, queues)
        .map_max_entries(names::HEARTBEATS, queues)
        .map_max_entries(names::COUNTERS, queues.saturating_add(1))
        .load(OBJECT)
        .map_err(|e| explain("load the XDP program's maps", link, &e))?;
    if let Some(peer) = peer {
        let fail = |e: &(dyn Error + 'static)| explain("name the other port to the XDP program", link, e);
        let map = ebpf.map_mut(names::PEER).ok_or_else(|| fail(&missing(names::PEER)))?;
        let mut map = DevMap::try_from(map).map_err(|e| fail(&e))?;
        map.set(0, peer.index, None, 0).map_err(|e| fail(&e))?;
    }
    Ok(ebpf)
}

/// The counters to read, and their map once more to pin.
fn take_counters(ebpf: &mut Ebpf, link: &Link, queues: u32) -> Result<(CounterReader, MapData), AttachError> {
    let fail = |e: &(dyn Error + 'static)| explain("find the XDP program's counters", link, e);
    let Some(Map::PerCpuArray(map)) = ebpf.take_map(names::COUNTERS) else {
        return Err(fail(&missing(names::COUNTERS)));
    };
    let fd = map.fd().as_fd().try_clone_to_owned().map_err(|e| fail(&e))?;
    let again = MapData::from_fd(fd).map_err(|e| fail(&e))?;
    let map = PerCpuArray::try_from(Map::PerCpuArray(map)).map_err(|e| fail(&e))?;
    Ok((CounterReader { map: Arc::new(map), queues, carried: Arc::default() }, again))
}

fn program<'a>(ebpf: &'a mut Ebpf, link: &Link) -> Result<&'a mut Xdp, AttachError> {
    let program = ebpf
        .program_mut(names::PROGRAM)
        .ok_or_else(|| explain("find the XDP program", link, &missing(names::PROGRAM)))?;
    program.try_into().map_err(|e: ProgramError| explain("find the XDP program", link, &e))
}

fn missing(name: &str) -> io::Error {
    io::Error::other(format!("the built object has no {name}"))
}

fn taken(link: &Link, program: crate::capture::link::LinkProgram) -> AttachError {
    let loaded = aya::programs::loaded_programs().filter_map(Result::ok).find(|p| p.id() == program.id);
    let name = loaded.and_then(|p| p.name_as_str().map(|n| format!(" \"{n}\""))).unwrap_or_default();
    let (place, off) = if program.generic { ("generic", "xdpgeneric") } else { ("native", "xdpdrv") };
    AttachError::Taken { interface: link.name.clone(), id: program.id, name, place, off }
}

fn attach_error(link: &Link, mode: AttachMode, error: &ProgramError) -> AttachError {
    let errno = errno(error);
    if matches!(errno, Some(Errno::EBUSY | Errno::EEXIST)) {
        // Somebody was faster than the check at the beginning.
        if let Ok(now @ Link { xdp: Some(program), .. }) = Link::by_index(link.index) {
            return taken(&now, program);
        }
    }
    if mode == AttachMode::Native && errno != Some(Errno::EPERM) {
        return AttachError::NoNative { interface: link.name.clone(), why: chain(error) };
    }
    explain("attach the XDP program", link, error)
}

/// Any other error, by the operating system's code under it.
pub(super) fn explain(step: &'static str, link: &Link, error: &(dyn Error + 'static)) -> AttachError {
    let interface = link.name.clone();
    match errno(error) {
        Some(Errno::EPERM) => {
            let why = privilege::explain_eperm(&PERMISSION);
            AttachError::NotPermitted { interface, why }
        }
        Some(code @ (Errno::ENOMEM | Errno::ENOSPC | Errno::E2BIG)) => {
            AttachError::Memory { source: io::Error::from(code) }
        }
        Some(Errno::ENODEV) => {
            AttachError::Other { step, interface, why: "the interface has just gone away".to_owned() }
        }
        _ => AttachError::Other { step, interface, why: chain(error) },
    }
}

/// The operating system's code at the bottom of an error.
fn errno(error: &(dyn Error + 'static)) -> Option<Errno> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(Errno::from_raw(code));
        }
        next = error.source();
    }
    None
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_version_is_read_from_any_release() {
        assert_eq!(kernel_version("6.1.0-28-amd64"), Some((6, 1)));
        assert_eq!(kernel_version("5.18.0"), Some((5, 18)));
        assert_eq!(kernel_version("7.3+deb13"), Some((7, 3)));
        assert_eq!(kernel_version("rolling"), None);
        assert_eq!(kernel_version(""), None);
        assert!(kernel_version("5.17.99").unwrap() < OLDEST_KERNEL);
        assert!(kernel_version("5.18").unwrap() >= OLDEST_KERNEL);
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_known_by_its_code() {
        let error = ProgramError::SyscallError(aya::sys::SyscallError {
            call: "bpf_link_create",
            io_error: io::Error::from_raw_os_error(libc::E2BIG),
        });
        assert_eq!(errno(&error), Some(Errno::E2BIG));
        assert_eq!(chain(&error), "`bpf_link_create` failed: Argument list too long (os error 7)");
        assert_eq!(errno(&io::Error::other("no code")), None);
    }
}
