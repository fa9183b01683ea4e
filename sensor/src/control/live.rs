//! One queue of a live interface: its thread, and what others can read of it while it runs.
//!
//! The thread owns the socket and the worker. Everything else reads what they publish: the worker's ledger and counters,
//! and the kernel's counters of the socket and of the XDP program, which can be read from any thread and outlive both.

use super::early::EarlyMaps;
use super::interface::{Attachment, CounterReader};
use super::shedding::Shedder;
use crate::capture::afxdp::{AfxdpCounters, Facts, Socket, StatisticsReader, Wake};
use crate::capture::promiscuous::Promiscuous;
use crate::counters::{Published, WorkerTime};
use crate::decode::{Frame, LinkType};
use crate::ledger::Ledger;
use crate::output::sources::{KernelReading, SocketStatistics, WorkerSource, XdpCount};
use crate::time::Timestamp;
use crate::worker::Worker;
use sekisho_ebpf::{QueueCounters, Verdict};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a worker with no packets sleeps at most: what a stop may take, and how coarse idle time-outs are.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// An interface that is captured from, shared by those who read its counters.
pub struct Interface {
    /// As configured.
    pub name: String,
    /// The driver's name; empty if unknown.
    pub driver: String,
    /// How the program is attached: `native` or `generic`.
    pub attach: &'static str,
    /// The program. Gone once it was taken off.
    pub attachment: Mutex<Option<Attachment>>,
    /// The port takes frames to any address; none where that was refused.
    _promiscuous: Option<Promiscuous>,
    /// The interface vanished.
    pub gone: AtomicBool,
    counters: Mutex<CounterReader>,
    early: Mutex<Arc<Mutex<EarlyMaps>>>,
}

impl Interface {
    /// With its program attached.
    #[must_use]
    pub fn new(name: &str, attachment: Attachment) -> Self {
        Self {
            name: name.to_owned(),
            driver: attachment.link().driver(),
            attach: attachment.place().as_str(),
            counters: Mutex::new(attachment.counter_reader()),
            early: Mutex::new(Arc::clone(attachment.early())),
            attachment: Mutex::new(Some(attachment)),
            _promiscuous: None,
            gone: AtomicBool::new(false),
        }
    }

    /// The same for a port that a mirror is sent to: until it is dropped, the port takes frames to any address.
    #[must_use]
    pub fn monitoring(name: &str, attachment: Attachment) -> Self {
        let promiscuous = Promiscuous::new(attachment.link().index);
        if let Err(error) = &promiscuous {
            tracing::warn!(
                "{name}: promiscuous mode was refused ({error}): a NIC then takes no frames but those to its own address. Run with CAP_NET_RAW, or                  `ip link set dev {name} promisc on`"
            );
        }
        Self { _promiscuous: promiscuous.ok(), ..Self::new(name, attachment) }
    }

    /// Does something with the maps of what the program decides by itself.
    pub fn with_early<T>(&self, work: impl FnOnce(&mut EarlyMaps) -> T) -> T {
        let early = Arc::clone(&self.early.lock().unwrap_or_else(PoisonError::into_inner));
        work(&mut early.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The interface of that name is back, or its program is another one: what was counted goes on.
    pub fn renew(&self, attachment: Attachment) {
        let list = self.with_early(|early| early.list().cloned());
        *self.early.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(attachment.early());
        if let Err(error) = self.with_early(|early| early.use_list(list.as_ref())) {
            tracing::error!("{} has the block list of the start: {error}", self.name);
        }
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let before = counters.read_all().unwrap_or_default();
        *counters = attachment.counter_reader().after(&before);
        *self.attachment.lock().unwrap_or_else(PoisonError::into_inner) = Some(attachment);
    }
}

/// What can be read of a queue from outside.
pub struct Queue {
    /// Its interface.
    pub interface: Arc<Interface>,
    /// The interface's index in the configuration.
    pub interface_index: u16,
    /// The queue's number.
    pub number: u32,
    /// What came of the socket's wishes.
    pub facts: Facts,
    /// The CPU that its worker is pinned to, if it could be.
    pub cpu: Option<usize>,
    /// The worker's.
    pub ledger: Arc<Ledger>,
    /// The worker's.
    pub counters: Arc<Published>,
    /// How the worker spends its time.
    pub time: Arc<WorkerTime>,
    /// The socket's statistics, and those of the sockets before it.
    pub socket: Mutex<Vec<StatisticsReader>>,
}

impl Queue {
    /// The socket's statistics; as they were last when it is gone.
    #[must_use]
    pub fn socket_statistics(&self) -> AfxdpCounters {
        let sockets = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.iter().fold(AfxdpCounters::default(), |sum, socket| sum.plus(&socket.read()))
    }

    /// What the XDP program did with this queue's packets.
    #[must_use]
    pub fn xdp(&self) -> QueueCounters {
        // Reading a map that is held open does not fail; if it did, nothing would be known of this queue.
        let counters = self.interface.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.read(self.number).unwrap_or_default()
    }

    /// For metrics and status.
    #[must_use]
    pub fn source(self: &Arc<Self>) -> WorkerSource {
        let queue = Arc::clone(self);
        let kernel = move || {
            let (socket, xdp) = (queue.socket_statistics(), queue.xdp());
            KernelReading {
                mode: queue.facts.mode.as_str().to_owned(),
                attach: queue.interface.attach.to_owned(),
                driver: queue.interface.driver.clone(),
                socket: Some(SocketStatistics {
                    rx_dropped: socket.rx_dropped,
                    rx_invalid_descs: socket.rx_invalid_descs,
                    tx_invalid_descs: socket.tx_invalid_descs,
                    rx_ring_full: socket.rx_ring_full,
                    rx_fill_ring_empty_descs: socket.rx_fill_ring_empty_descs,
                    tx_ring_empty_descs: socket.tx_ring_empty_descs,
                }),
                xdp: Verdict::ALL
                    .into_iter()
                    .map(|verdict| XdpCount {
                        outcome: verdict.kind(),
                        reason: verdict.reason(),
                        packets: xdp.packets(verdict),
                        bytes: xdp.bytes(verdict),
                    })
                    .collect(),
            }
        };
        WorkerSource {
            interface: self.interface.name.clone(),
            queue: self.number,
            ledger: Arc::clone(&self.ledger),
            counters: Arc::clone(&self.counters),
            time: Some(Arc::clone(&self.time)),
            kernel: Some(Box::new(kernel)),
        }
    }

    /// Who tells the XDP program that this queue's worker is behind, if load is to be shed then.
    #[must_use]
    pub fn shedder(&self, statistics: StatisticsReader) -> Option<Shedder> {
        self.interface.with_early(|early| early.shedder(self.number, statistics)).unwrap_or_else(|error| {
            tracing::error!("{} queue {} cannot shed load: {error}", self.interface.name, self.number);
            None
        })
    }

    /// Packets that the program redirected to the socket, less those that the worker received or the socket lost: 0 when
    /// every one is accounted for. Meaningful once the queue has stopped.
    #[must_use]
    pub fn unaccounted(&self) -> i64 {
        let socket = self.socket_statistics();
        let redirected = self.xdp().packets(Verdict::Redirected);
        let received = self.ledger.read().received_packets;
        let known = received.saturating_add(socket.rx_dropped).saturating_add(socket.rx_ring_full);
        i64::try_from(redirected).unwrap_or(i64::MAX).saturating_sub(i64::try_from(known).unwrap_or(i64::MAX))
    }
}

/// The queue's thread: takes packets until it is told to stop or the interface vanishes, then settles everything.
pub fn serve(queue: &Queue, mut socket: Socket, mut worker: Worker, stop: &AtomicBool) {
    let mut number = 0;
    let mut before = Instant::now();
    let mut shedder = queue.shedder(socket.statistics_reader());
    loop {
        let mut batch = socket.receive();
        if batch.is_empty() {
            drop(batch);
            // No socket is in the program's map any more when `stop` is set, so an empty ring stays empty.
            if stop.load(Ordering::Acquire) {
                break;
            }
            worker.batch_end(Timestamp::now());
            let asleep = Instant::now();
            let wake = socket.wait(IDLE_WAIT);
            let awake = Instant::now();
            queue.time.add(asleep - before, awake - asleep);
            before = awake;
            if let Some(shedder) = &mut shedder {
                shedder.watch(socket.backlog(), awake);
            }
            if wake == Wake::Gone {
                break;
            }
            continue;
        }
        let now = Timestamp::now();
        let first = number;
        while let Some(data) = batch.next_frame() {
            number += 1;
            let wire_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let frame =
                Frame { ts: now, number, interface: queue.interface_index, link: LinkType::ETHERNET, data, wire_len };
            worker.frame(&frame);
        }
        drop(batch);
        worker.batch_end(now);
        let after = Instant::now();
        queue.time.add(after - before, Duration::ZERO);
        queue.time.batch(number - first, after - before);
        before = after;
        if let Some(shedder) = &mut shedder {
            shedder.watch(socket.backlog(), after);
        }
    }
    worker.finish();
}
