//! One queue of a link that the sensor stands in: its thread takes frames from either port, has the worker judge them, and puts those
//! that may pass into the other port's ring.
//!
//! Frames of one direction of a flow leave in the order in which they came, but for TCP segments that came before their turn: where rules
//! can drop, such a segment waits until the hole before it is filled and judged with it, for [`HoldLimits`] at most; what its
//! exception policy says is done then. All that is received on a port ends in exactly one line of that port's ledger.
//!
//! The thread says that it lives once a batch; the XDP program forwards by itself where it does not.

use super::heartbeat::{Heartbeats, monotonic_ns};
use super::inline_config::{Exception, ExceptionConfig, Policy};
use super::live::Queue;
use crate::capture::afxdp::Wake;
use crate::capture::afxdp_pair::{Chain, Pair, Side};
use crate::counters::WorkerTime;
use crate::decode::{Frame, LinkType};
use crate::ledger::{DropReason, Outcome};
use crate::output::sources::Sample;
use crate::packet::Direction;
use crate::time::Timestamp;
use crate::verdict::reject::Answers;
use crate::verdict::{Turn, Verdict};
use crate::worker::Worker;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a worker with nothing to do sleeps at most.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// The same where a packet waits for the kernel, or for its turn.
const BUSY_WAIT: Duration = Duration::from_millis(1);
/// How long a stop waits for the last packets to leave.
const LAST_PACKETS: Duration = Duration::from_millis(200);

/// How long and how many packets may be held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldLimits {
    /// Zero holds none.
    pub time: Duration,
    /// Packets that one worker holds.
    pub packets: usize,
}

/// What the sensor sent of its own. One writer, relaxed stores.
#[derive(Debug, Default)]
pub struct SentCounters {
    /// Resets and unreachables that were sent.
    pub answers: AtomicU64,
    /// Those for which there was no room.
    pub answers_lost: AtomicU64,
    /// Packets that were held back.
    pub held: AtomicU64,
}

/// For metrics: what came under which policy, over all links.
#[must_use]
pub fn policy_samples(ports: &[Arc<Queue>]) -> Vec<Sample> {
    let readings: Vec<_> = ports.iter().map(|port| port.ledger.read()).collect();
    let count = |outcome: Outcome| readings.iter().map(|reading| reading.outcomes[outcome.index()]).sum();
    let sample = |exception: Exception, policy: Policy| {
        let help = "Packets that could not be inspected as they should, by the policy that they met and what it did.";
        let value = count(exception.under(policy));
        let sample = Sample::counter("exception_policy_packets_total", help, value);
        sample.label("policy", exception.as_str()).label("action", policy.as_str())
    };
    let both = |exception| [Policy::Pass, Policy::Drop].map(|policy| sample(exception, policy));
    Exception::ALL.into_iter().flat_map(both).collect()
}

/// For metrics: what the sensor sent of its own, by queue.
#[must_use]
pub fn samples(queues: &[(Arc<Queue>, Arc<SentCounters>)]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (queue, sent) in queues {
        for (name, help, value) in [
            ("inline_answers_sent_total", "Resets and unreachables that reject rules had sent.", &sent.answers),
            ("inline_answers_lost_total", "Those for which there was no room to send.", &sent.answers_lost),
            ("inline_held_packets_total", "TCP segments that came before their turn and were held back.", &sent.held),
        ] {
            let sample = Sample::counter(name, help, value.load(Ordering::Relaxed));
            samples.push(sample.label("interface", &queue.interface.name).label("queue", queue.number.to_string()));
        }
    }
    samples
}

fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// One queue of both ports, as others see it.
#[derive(Clone)]
pub struct LinkQueue {
    /// By [`Side`].
    pub ports: [Arc<Queue>; 2],
    /// By [`Side`].
    pub heartbeats: [Arc<Heartbeats>; 2],
    /// What becomes of packets that cannot be inspected as they should.
    pub exceptions: ExceptionConfig,
    /// Bounds for packets that wait for their turn.
    pub hold: HoldLimits,
    /// What the sensor sent of its own.
    pub sent: Arc<SentCounters>,
    /// The ports, opened anew, for the worker to take.
    pub renewal: Arc<Mutex<Option<Renewal>>>,
}

/// One queue of both ports, opened anew.
pub struct Renewal {
    /// Its rings.
    pub pair: Pair,
    /// By [`Side`].
    pub heartbeats: [Arc<Heartbeats>; 2],
}

/// Says to both ports' programs that `queue`'s worker lives.
pub fn beat(heartbeats: &[Arc<Heartbeats>; 2], queue: u32) {
    let now = monotonic_ns();
    heartbeats.iter().for_each(|port| port.beat(queue, now));
}

impl LinkQueue {
    /// The queue's number, which is the same on both ports.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.ports[0].number
    }

    /// Says to both ports' programs that the worker lives.
    pub fn beat(&self) {
        beat(&self.heartbeats, self.number());
    }

    /// Waits until both ports are opened anew. None if it is to stop.
    fn renewed(&self, worker: &mut Worker, stop: &AtomicBool) -> Option<Renewal> {
        while !stop.load(Ordering::Acquire) {
            if let Some(renewal) = self.renewal.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Some(renewal);
            }
            worker.batch_end(Timestamp::now());
            std::thread::sleep(IDLE_WAIT);
        }
        None
    }

    fn settle(&self, side: Side, outcome: Outcome) {
        self.ports[side as usize].ledger.settle(outcome);
    }
}

/// A TCP segment that came before its turn.
struct Waiting {
    chain: Chain,
    from: Side,
    turn: Turn,
    until: Instant,
}

struct Bump<'a> {
    link: &'a LinkQueue,
    pair: Pair,
    heartbeats: [Arc<Heartbeats>; 2],
    worker: Worker,
    /// Oldest first.
    waiting: Vec<Waiting>,
    answers: Answers,
    number: u64,
}

/// The queue's thread, until it is told to stop. Where a port vanishes it waits for both to be opened anew. Gives the worker back.
pub fn serve(link: &LinkQueue, pair: Pair, worker: Worker, stop: &AtomicBool) -> Worker {
    let waiting = Vec::with_capacity(link.hold.packets);
    let heartbeats = link.heartbeats.clone();
    let mut bump = Bump { link, pair, heartbeats, worker, waiting, answers: Answers::default(), number: 0 };
    loop {
        bump.run(stop);
        bump.end();
        let Bump { pair, mut worker, waiting, answers, number, .. } = bump;
        // The ports' queues are free once the sockets are closed.
        drop(pair);
        let Some(Renewal { pair, heartbeats }) = link.renewed(&mut worker, stop) else { return worker };
        bump = Bump { link, pair, heartbeats, worker, waiting, answers, number };
    }
}

impl Bump<'_> {
    /// Until `stop` is set and all is done, or a port vanishes.
    fn run(&mut self, stop: &AtomicBool) {
        let time: &WorkerTime = &self.link.ports[0].time;
        let mut before = Instant::now();
        loop {
            beat(&self.heartbeats, self.link.number());
            let now = Timestamp::now();
            let some = Side::BOTH.into_iter().fold(false, |some, side| self.batch(side, now, before) | some);
            self.let_go_of_old(before);
            Side::BOTH.into_iter().for_each(|side| self.pair.flush(side));
            self.worker.batch_end(now);
            let worked = Instant::now();
            if some {
                time.add(worked - before, Duration::ZERO);
                before = worked;
                continue;
            }
            // No socket is in the programs' maps any more when `stop` is set, so empty rings stay empty.
            if stop.load(Ordering::Acquire) {
                return;
            }
            let sending = Side::BOTH.into_iter().any(|side| self.pair.is_sending(side));
            let wake = self.pair.wait(if sending || !self.waiting.is_empty() { BUSY_WAIT } else { IDLE_WAIT });
            let awake = Instant::now();
            time.add(worked - before, awake - worked);
            before = awake;
            if wake == Wake::Gone {
                return;
            }
        }
    }

    /// Takes what has come on `side`. Whether there was anything.
    fn batch(&mut self, side: Side, ts: Timestamp, now: Instant) -> bool {
        let port = &self.link.ports[side as usize];
        self.pair.receive(side);
        let mut some = false;
        while let Some(data) = self.pair.next_packet(side) {
            some = true;
            self.number += 1;
            let wire_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
            port.ledger.received(1, u64::from(wire_len));
            let (number, interface) = (self.number, port.interface_index);
            let frame = Frame { ts, number, interface, link: LinkType::ETHERNET, data, wire_len };
            let outcome = self.worker.judge(&frame);
            let verdict = *self.worker.verdict();
            let answers = verdict.reject.is_some_and(|to| self.answers.make(data, to));
            self.settle(side, outcome, &verdict, now);
            if answers {
                self.send_answers(side);
            }
        }
        some
    }

    /// Does with the packet at hand what was decided.
    fn settle(&mut self, side: Side, outcome: Outcome, verdict: &Verdict, now: Instant) {
        let outcome = self.under_policy(outcome, verdict);
        let may_wait = !matches!(outcome, Outcome::Dropped(_)) && !self.link.hold.time.is_zero();
        match verdict.turn.filter(|turn| turn.waits && may_wait && self.worker.can_drop()) {
            Some(turn) if self.waiting.len() < self.link.hold.packets => {
                bump(&self.link.sent.held);
                let chain = self.pair.hold();
                return self.waiting.push(Waiting { chain, from: side, turn, until: now + self.link.hold.time });
            }
            Some(_) => self.pass_or_drop(side, self.link.exceptions.outcome(Exception::HoldLimit)),
            None => self.pass_or_drop(side, outcome),
        }
        if let Some(turn) = verdict.turn.filter(|_| !self.waiting.is_empty()) {
            self.turn_came(&turn);
        }
    }

    /// What the policies make of it: what passive capture calls dropped is mostly what could not be inspected.
    fn under_policy(&self, outcome: Outcome, verdict: &Verdict) -> Outcome {
        let exception = match outcome {
            Outcome::Dropped(reason) => Exception::of(reason),
            Outcome::Inspected => verdict.exception.and_then(Exception::of),
            Outcome::Bypassed(_) => None,
        };
        exception.map_or(outcome, |exception| self.link.exceptions.outcome(exception))
    }

    /// Forwards the packet at hand if the outcome lets it, and settles it.
    fn pass_or_drop(&mut self, side: Side, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Dropped(_) => {
                self.pair.discard();
                outcome
            }
            _ if self.pair.forward(side.other()) => outcome,
            _ => Outcome::Dropped(DropReason::TxRingFull),
        };
        self.link.settle(side, outcome);
    }

    /// The same with a packet that waited.
    fn release(&mut self, waiting: Waiting, outcome: Outcome) {
        let Waiting { chain, from, .. } = waiting;
        let outcome = match outcome {
            Outcome::Dropped(_) => {
                self.pair.give_up(chain);
                outcome
            }
            _ if self.pair.release(chain, from.other()) => outcome,
            _ => Outcome::Dropped(DropReason::TxRingFull),
        };
        self.link.settle(from, outcome);
    }

    /// A segment was judged: those that waited for it go after it, in order, or with it.
    #[cold]
    fn turn_came(&mut self, turn: &Turn) {
        let same = |one: &Turn, direction: Direction| one.flow == turn.flow && one.direction == direction;
        if turn.flow_dropped {
            while let Some(at) = self.waiting.iter().position(|waiting| waiting.turn.flow == turn.flow) {
                let waiting = self.waiting.remove(at);
                self.release(waiting, Outcome::Dropped(DropReason::Rule));
            }
            return;
        }
        // How far behind the next expected byte a segment ends, modulo 2^32: those that are inspected.
        let inspected = |waiting: &Waiting| turn.next_seq.wrapping_sub(waiting.turn.end_seq).cast_signed();
        loop {
            let ready = self.waiting.iter().enumerate();
            let ready = ready.filter(|(_, w)| same(&w.turn, turn.direction) && inspected(w) >= 0);
            let Some((at, _)) = ready.max_by_key(|(_, waiting)| inspected(waiting)) else { return };
            let waiting = self.waiting.remove(at);
            self.release(waiting, Outcome::Inspected);
        }
    }

    /// What waited for too long goes as its policy says.
    fn let_go_of_old(&mut self, now: Instant) {
        while self.waiting.first().is_some_and(|waiting| waiting.until <= now) {
            let waiting = self.waiting.remove(0);
            self.release(waiting, self.link.exceptions.outcome(Exception::HoldLimit));
        }
    }

    #[cold]
    fn send_answers(&mut self, from: Side) {
        for (bytes, to) in [(self.answers.back(), from), (self.answers.onward(), from.other())] {
            if !bytes.is_empty() {
                let sent = self.pair.send(to, bytes);
                bump(if sent { &self.link.sent.answers } else { &self.link.sent.answers_lost });
            }
        }
        self.answers.clear();
    }

    /// Nothing comes any more: what waits goes, and what is on its way gets some time.
    fn end(&mut self) {
        while let Some(waiting) = self.waiting.pop() {
            self.release(waiting, self.link.exceptions.outcome(Exception::HoldLimit));
        }
        let end = Instant::now() + LAST_PACKETS;
        for side in Side::BOTH {
            self.pair.flush(side);
            while self.pair.is_sending(side) && Instant::now() < end {
                self.pair.kick(side);
                self.pair.reap(side);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
