//! Setting up and taking off the two ports of a link that the sensor stands in.
//!
//! From the moment at which the program is on both ports, frames cross; the sockets come after it. What is set on a port (the pinned
//! program, promiscuous mode) stays when the sensor ends, so that the kernel goes on forwarding; [`detach`] takes it off.

use super::bump::{HoldLimits, IDLE_WAIT, LinkQueue, Renewal, beat};
use super::early;
use super::heartbeat::Heartbeats;
use super::inline_config::{Fail, InlineConfig, OnStop};
use super::interface::{AttachConfig, AttachError, Attachment, Peer, Pin, XdpPlace, take_off_pinned};
use super::link_state::{Change, Mirror};
use super::live::{Interface, Queue};
use crate::capture::afxdp_config::OpenError;
use crate::capture::afxdp_pair::{Pair, Side};
use crate::capture::link::{Link, LinkError};
use crate::config::Config;
use crate::counters::Published;
use crate::ledger::Ledger;
use crate::worker::Worker;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a sensor that was killed may take to be gone.
const DYING: Duration = Duration::from_secs(2);

/// Why a link could not be set up. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LinkUpError {
    /// The pairs do not make sense together.
    #[error("{0}")]
    Config(String),
    /// A port could not be looked up, or not be set.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The program could not be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The sockets could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another sensor has the port.
    #[error(
        "another sensor stands on {port}: two on one link would each take half of its frames. Stop that one (`sekisho status`, or \
         `systemctl stop sekisho`), or take the pair out of this one's configuration"
    )]
    Locked {
        /// The port.
        port: String,
    },
    /// The lock failed otherwise.
    #[error("cannot lock {port} against a second sensor: {source}")]
    Lock {
        /// The port.
        port: String,
        /// The kernel's word.
        source: io::Error,
    },
    /// Different MTUs.
    #[error(
        "{} has an MTU of {} and {} of {}: longer packets would be lost at the other port. Set both alike (`ip link set dev {} mtu {}`), or say \
         allow_mtu_mismatch = true", ports[0], mtus[0], ports[1], mtus[1], shorter(ports, *mtus), mtus[0].max(mtus[1])
    )]
    Mtu {
        /// Both ports.
        ports: [String; 2],
        /// Their MTUs.
        mtus: [u32; 2],
    },
    /// Fewer queues on one port, on a link that fails closed.
    #[error(
        "{} has {} receive queues and {} has {}: the packets of those that are too many would be dropped, since the link fails closed. Give both \
         the same with `ethtool -L IF combined N`", ports[0], queues[0], ports[1], queues[1]
    )]
    Queues {
        /// Both ports.
        ports: [String; 2],
        /// Their queues.
        queues: [u32; 2],
    },
    /// More queues than CPUs on virtio-net, whose driver has been seen to crash the kernel then.
    #[error(
        "{port} is of virtio_net and has {queues} receive queues for {cpus} CPUs: Linux's driver then sends what the kernel forwards to a queue \
         that need not be there, and the machine crashes (seen with 7.3). `ethtool -L {port} combined {cpus}`"
    )]
    VirtioQueues {
        /// The port.
        port: String,
        /// Its queues.
        queues: u32,
        /// The CPUs that the kernel may have.
        cpus: u32,
    },
}

/// Whether the driver of a port may send what the program forwards to a queue of its own that it did not get: see
/// [`LinkUpError::VirtioQueues`]. With the program on it, its own queues count with the others, and say nothing any more.
fn may_lack_a_queue(link: &Link, driver: &str, queues: u32, cpus: u32) -> bool {
    driver == "virtio_net" && link.xdp.is_none() && queues > cpus
}

/// The number of CPUs that there are or may come to be, as the kernel lists them ("0-3", "0,2-5"); the highest if that cannot be read.
fn possible_cpus(list: &str) -> u32 {
    let last = list.trim().rsplit([',', '-']).next().and_then(|last| last.parse::<u32>().ok());
    last.map_or(u32::MAX, |last| last.saturating_add(1))
}

fn shorter(ports: &[String; 2], mtus: [u32; 2]) -> &str {
    if mtus[0] < mtus[1] { &ports[0] } else { &ports[1] }
}

/// Both ports with the program on them.
pub struct LinkUp {
    /// As configured.
    pub config: InlineConfig,
    /// By [`Side`].
    pub interfaces: [Arc<Interface>; 2],
    heartbeats: [Arc<Heartbeats>; 2],
    /// Queues that have a worker.
    pub queues: u32,
    /// The queues, for when the ports have to be opened anew.
    renewals: Mutex<Vec<LinkQueue>>,
    mirror: Mutex<Mirror>,
    /// Held as long as the sensor has the ports.
    locks: Mutex<[UnixDatagram; 2]>,
}

/// The program on both ports.
struct Attached {
    ports: [Attachment; 2],
    heartbeats: [Arc<Heartbeats>; 2],
    queues: u32,
}

/// The attachment of a port in line is always kept: it is what forwards when the sensor does not.
fn attach_config(config: &Config) -> AttachConfig {
    AttachConfig { pin: Pin::Switch(true), ..early::attach_config(config, true) }
}

/// Puts the program on both ports of a link: from here on frames cross in the kernel, or are dropped where the link is to fail closed.
///
/// # Errors
/// Each with what to do; a port that had nothing is left with nothing.
pub fn set_up(pair: &InlineConfig, config: &Config) -> Result<LinkUp, LinkUpError> {
    let ports = pair.ports.each_ref().map(String::as_str);
    let links = [Link::by_name(ports[0])?, Link::by_name(ports[1])?];
    let locks = [lock(&links[0])?, lock(&links[1])?];
    if pair.mirror_link {
        // A sensor that was killed may have left one down.
        links.iter().filter(|link| !link.up).try_for_each(|link| link.set_up(true))?;
    }
    let Attached { ports: [a, b], heartbeats, queues } = LinkUp::attach(pair, config, &links)?;
    let interfaces = [Interface::new(&pair.ports[0], a), Interface::new(&pair.ports[1], b)].map(Arc::new);
    Ok(LinkUp {
        config: pair.clone(),
        interfaces,
        heartbeats,
        queues,
        renewals: Mutex::default(),
        mirror: Mutex::default(),
        locks: Mutex::new(locks),
    })
}

impl LinkUp {
    fn attach(pair: &InlineConfig, config: &Config, links: &[Link; 2]) -> Result<Attached, LinkUpError> {
        let ports = pair.ports.clone();
        let mtus = [links[0].mtu, links[1].mtu];
        if mtus[0] != mtus[1] && !pair.allow_mtu_mismatch {
            return Err(LinkUpError::Mtu { ports, mtus });
        }
        let queues = [links[0].queues()?, links[1].queues()?];
        let cpus = possible_cpus(&std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default());
        for (link, &queues) in links.iter().zip(&queues) {
            if may_lack_a_queue(link, &link.driver(), queues, cpus) {
                return Err(LinkUpError::VirtioQueues { port: link.name.clone(), queues, cpus });
            }
        }
        if queues[0] != queues[1] {
            if pair.fail == Fail::Closed {
                return Err(LinkUpError::Queues { ports, queues });
            }
            tracing::warn!(
                "{} has {} receive queues and {} has {}: what comes in on a queue that only one of them has is forwarded by the kernel, \
                 UNINSPECTED, and counted as forwarded (no_socket). Give both the same with `ethtool -L IF combined N`",
                ports[0],
                queues[0],
                ports[1],
                queues[1]
            );
        }
        let attach = |side: Side| -> Result<Attachment, LinkUpError> {
            let peer = Peer { index: links[side.other() as usize].index, rule: pair.peer_rule(), stale: pair.stale() };
            let attachment = Attachment::attach_as(&links[side as usize].name, &attach_config(config), Some(peer))?;
            if attachment.place() == XdpPlace::Generic {
                tracing::warn!(
                    "{}: the XDP program runs in the network stack, not in the driver: packets of several buffers are not forwarded \
                     by the kernel there, and all is slower{}",
                    links[side as usize].name,
                    attachment.native_refusal().map(|why| format!(" ({why})")).unwrap_or_default()
                );
            }
            Ok(attachment)
        };
        let had = links.each_ref().map(|link| link.xdp.is_some());
        let a = attach(Side::A)?;
        let b = match attach(Side::B) {
            Ok(b) => b,
            Err(error) => {
                // A port that has nothing behind it would only swallow frames.
                if !had[0] {
                    let _ = a.detach();
                }
                return Err(error);
            }
        };
        for link in links {
            link.set_promiscuous(true)?;
        }
        let heartbeats = [Arc::new(a.heartbeats()?), Arc::new(b.heartbeats()?)];
        Ok(Attached { ports: [a, b], heartbeats, queues: queues[0].min(queues[1]) })
    }

    /// After a port vanished: if both are there (again), puts the program on them and opens the queues anew for the workers to take.
    /// True once that is done; false while a port is missing.
    ///
    /// # Errors
    /// What keeps it from being done although both ports are there.
    pub fn renew(&self, config: &Config) -> Result<bool, LinkUpError> {
        let [a, b] = self.config.ports.each_ref().map(|port| Link::by_name(port));
        let (Ok(a), Ok(b)) = (a, b) else { return Ok(false) };
        let links = [a, b];
        if links.iter().any(|link| !link.up) {
            return Ok(false);
        }
        // The old programs' maps go first, so that no socket of the old rings is in the way.
        for (interface, link) in self.interfaces.iter().zip(&links) {
            let mut attachment = interface.attachment.lock().unwrap_or_else(PoisonError::into_inner);
            if attachment.as_ref().is_some_and(|attachment| attachment.link().index != link.index) {
                attachment.take();
            }
        }
        let locked = |nth: usize| {
            let locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            let own = lock_name(&links[nth]).ok().zip(locks[nth].local_addr().ok());
            own.is_some_and(|(name, has)| name.as_abstract_name() == has.as_abstract_name())
        };
        for (nth, link) in links.iter().enumerate() {
            if !locked(nth) {
                let new = lock(link)?;
                self.locks.lock().unwrap_or_else(PoisonError::into_inner)[nth] = new;
            }
        }
        let renewals = self.renewals.lock().unwrap_or_else(PoisonError::into_inner);
        let Attached { ports, heartbeats, queues } = Self::attach(&self.config, config, &links)?;
        for (interface, attachment) in self.interfaces.iter().zip(ports) {
            interface.renew(attachment);
        }
        for queue in renewals.iter().filter(|queue| queue.number() < queues) {
            let pair = self.open(queue.number(), config)?;
            for side in Side::BOTH {
                let mut sockets = queue.ports[side as usize].socket.lock().unwrap_or_else(PoisonError::into_inner);
                sockets.push(pair.statistics_reader(side));
            }
            beat(&heartbeats, queue.number());
            self.insert(queue.number(), &pair)?;
            let renewal = Renewal { pair, heartbeats: heartbeats.clone() };
            *queue.renewal.lock().unwrap_or_else(PoisonError::into_inner) = Some(renewal);
        }
        self.interfaces.iter().for_each(|interface| interface.gone.store(false, Ordering::Relaxed));
        Ok(true)
    }

    /// If link state is mirrored: takes a port down whose other one has lost its carrier, or puts it up again.
    pub fn mirror(&self) {
        if !self.config.mirror_link {
            return;
        }
        let links = self.config.ports.each_ref().map(|port| Link::by_name(port).ok());
        let carriers = links.each_ref().map(|link| link.as_ref().is_some_and(|link| link.running));
        let change = self.mirror.lock().unwrap_or_else(PoisonError::into_inner).look(carriers);
        let Some((side, up)) = change.map(|change| match change {
            Change::Down(side) => (side, false),
            Change::Up(side) => (side, true),
        }) else {
            return;
        };
        let (port, other) = (&self.config.ports[side as usize], &self.config.ports[side.other() as usize]);
        if up {
            tracing::info!("{other} has a carrier again: {port} is put up");
        } else {
            tracing::warn!("{other} has lost its carrier: {port} is taken down until it is back (mirror_link)");
        }
        self.set_port(side, up);
    }

    fn set_port(&self, side: Side, up: bool) {
        // One that has vanished comes back as whoever makes it wants it.
        if let Ok(link) = Link::by_name(&self.config.ports[side as usize])
            && let Err(error) = link.set_up(up)
        {
            tracing::warn!("{error}");
        }
    }

    /// Whether a port has vanished.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.interfaces.iter().any(|interface| interface.gone.load(Ordering::Relaxed))
    }

    /// The queues to serve: those that both ports have, and of these those that the configuration names.
    #[must_use]
    pub fn numbers(&self, config: &Config) -> Vec<u32> {
        let all = 0..self.queues;
        match &config.capture.afxdp.queues {
            Some(named) => all.filter(|queue| named.contains(queue)).collect(),
            None => all.collect(),
        }
    }

    /// Opens one queue of both ports.
    ///
    /// # Errors
    /// As [`Pair::open`].
    pub fn open(&self, number: u32, config: &Config) -> Result<Pair, LinkUpError> {
        let ports = self.config.ports.each_ref().map(String::as_str);
        Ok(Pair::open(ports, number, &config.capture.afxdp)?)
    }

    /// What others read of one queue, and its worker's settings. `first_index` is the place of port A in the list of interfaces.
    #[must_use]
    pub fn queue(
        &self,
        number: u32,
        pair: &Pair,
        worker: &Worker,
        first_index: u16,
        cpu: Option<usize>,
        config: &Config,
    ) -> LinkQueue {
        let time = Arc::default();
        let port = |side: Side| {
            // The worker's counters are told once, with its first port.
            let counters = match side {
                Side::A => Arc::clone(worker.published()),
                Side::B => Arc::new(Published::new(worker.published().read().len())),
            };
            Arc::new(Queue {
                interface: Arc::clone(&self.interfaces[side as usize]),
                interface_index: first_index.saturating_add(side as u16),
                number,
                facts: pair.facts(side).clone(),
                cpu,
                ledger: Arc::new(Ledger::default()),
                counters,
                time: Arc::clone(&time),
                socket: Mutex::new(vec![pair.statistics_reader(side)]),
            })
        };
        let queue = LinkQueue {
            ports: Side::BOTH.map(port),
            heartbeats: self.heartbeats.clone(),
            exceptions: config.exceptions,
            idle_wait: IDLE_WAIT.min(self.config.stale() / 4),
            hold: HoldLimits {
                time: Duration::from_millis(self.config.hold_ms.into()),
                packets: self.config.hold_packets as usize,
            },
            sent: Arc::default(),
            renewal: Arc::default(),
        };
        self.renewals.lock().unwrap_or_else(PoisonError::into_inner).push(queue.clone());
        queue
    }

    /// From now on the queue's packets go to its worker, which has to be there at once.
    ///
    /// # Errors
    /// The kernel's.
    pub fn insert(&self, number: u32, pair: &Pair) -> Result<(), LinkUpError> {
        for side in Side::BOTH {
            let mut attachment =
                self.interfaces[side as usize].attachment.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(attachment) = attachment.as_mut() {
                attachment.insert(number, &pair.socket(side))?;
            }
        }
        Ok(())
    }

    /// The sensor ends: what is pinned stays, or is taken off where the configuration says so.
    pub fn leave(&self) {
        let [a, b] = &self.config.ports;
        let down = self.mirror.lock().unwrap_or_else(PoisonError::into_inner).end();
        if let Some(side) = down {
            self.set_port(side, true);
        }
        let rest = match self.config.fail {
            Fail::Open => "the kernel goes on forwarding, uninspected",
            Fail::Closed => "the kernel drops all, as the link fails closed",
        };
        match self.config.on_stop {
            OnStop::Stay => {
                tracing::info!("{a}:{b}: {rest}; `sekisho run --inline {a}:{b} --detach` takes the program off")
            }
            OnStop::Detach => {
                for interface in &self.interfaces {
                    let attachment = interface.attachment.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(Err(error)) = attachment.map(Attachment::detach) {
                        tracing::warn!("{error}");
                    }
                    let off = Link::by_name(&interface.name).and_then(|link| link.set_promiscuous(false));
                    if let Err(error) = off {
                        tracing::warn!("{error}");
                    }
                }
                tracing::info!("{a}:{b}: the program is off both ports, and the link is cut");
            }
        }
    }

    /// For the person who started it.
    #[must_use]
    pub fn describe(&self) -> String {
        let [a, b] = &self.config.ports;
        let fail = match self.config.fail {
            Fail::Open => "open: without the sensor the kernel forwards",
            Fail::Closed => "closed: without the sensor nothing passes",
        };
        format!("{a} and {b} are in line; the link fails {fail}")
    }
}

/// Keeps a second sensor from the port: a name that the kernel gives to one process in a network namespace, and takes back when that ends,
/// however it ends.
fn lock(link: &Link) -> Result<UnixDatagram, LinkUpError> {
    let fail = |source| LinkUpError::Lock { port: link.name.clone(), source };
    let name = lock_name(link).map_err(fail)?;
    let end = Instant::now() + DYING;
    loop {
        match UnixDatagram::bind_addr(&name) {
            Ok(lock) => return Ok(lock),
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(fail(error)),
            Err(_) if Instant::now() > end => return Err(LinkUpError::Locked { port: link.name.clone() }),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn lock_name(link: &Link) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("sekisho-in-line-{}", link.index))
}

/// Takes off what sensors left on both ports: the program, its pins, promiscuous mode. A sentence for each port.
///
/// # Errors
/// A sensor stands there, or what is to be removed cannot be.
pub fn detach(pair: &InlineConfig, config: &Config) -> Result<[String; 2], LinkUpError> {
    let mut said = [String::new(), String::new()];
    for (port, said) in pair.ports.iter().zip(&mut said) {
        let link = Link::by_name(port);
        let _lock = link.as_ref().ok().map(lock).transpose()?;
        let was = take_off_pinned(port, &attach_config(config))?;
        *said = match &link {
            Ok(link) if was => {
                link.set_promiscuous(false)?;
                format!("{port}: the XDP program is off, its pins are removed, promiscuous mode is off")
            }
            Ok(_) => format!("{port}: nothing of the sensor's was there"),
            Err(_) if was => format!("{port}: the interface is gone; its pins are removed"),
            Err(error) => format!("{port}: {error}"),
        };
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::link::LinkProgram;

    #[test]
    fn virtio_net_with_more_queues_than_cpus_is_refused_as_long_as_the_program_is_not_on_it() {
        let fresh = Link { name: "eth1".into(), index: 3, mtu: 1500, up: true, running: true, kind: None, xdp: None };
        assert!(may_lack_a_queue(&fresh, "virtio_net", 4, 2));
        assert!(!may_lack_a_queue(&fresh, "virtio_net", 4, 4));
        assert!(!may_lack_a_queue(&fresh, "ice", 64, 2));
        let taken_over = Link { xdp: Some(LinkProgram { id: 1, generic: false }), ..fresh };
        assert!(!may_lack_a_queue(&taken_over, "virtio_net", 6, 2));
    }

    #[test]
    fn cpus_are_counted_by_the_highest() {
        let count = possible_cpus;
        assert_eq!([count("0\n"), count("0-3\n"), count("0,2-5\n"), count("")], [1, 4, 6, u32::MAX]);
    }
}
