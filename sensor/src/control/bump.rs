//! One queue of a link that the sensor stands in: its thread takes frames from either port, has the worker judge them, and puts those
//! that may pass into the other port's ring.
//!
//! Frames of one direction of a flow leave in the order in which they came, but for some that wait where rules can drop:
//! - a TCP segment that came before its turn, until the hole before it is filled: it is judged with it;
//! - a TCP segment that ends like the beginning of a forbidden pattern, or within the head of a message that a rule may drop, until the next one
//!   has brought the rest;
//! - a fragment, until its datagram is whole and was judged ([`fragments`]).
//!
//! They wait within [`HoldLimits`]. Then what was inspected is let go, and what was not goes as its exception policy says. All that is received
//! on a port ends in exactly one line of that port's ledger.
//!
//! The thread says that it lives once a batch; the XDP program forwards by itself where it does not.

mod fragments;

use super::heartbeat::{Heartbeats, monotonic_ns};
use super::inline_config::{Exception, ExceptionConfig, Policy};
use super::live::Queue;
use crate::capture::afxdp::Wake;
use crate::capture::afxdp_pair::{Chain, Pair, Side};
use crate::counters::WorkerTime;
use crate::decode::{Frame, LinkType};
use crate::detect::partial::{Beginnings, Progress};
use crate::ledger::{DropReason, Outcome};
use crate::output::sources::Sample;
use crate::time::Timestamp;
use crate::verdict::reject::Answers;
use crate::verdict::{Turn, Verdict};
use crate::worker::Worker;
use fragments::{Fragments, Part};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a worker with nothing to do sleeps at most; less where a sign of life may not be so old.
pub const IDLE_WAIT: Duration = Duration::from_millis(20);
/// The same where a packet waits for the kernel, or for its turn.
const BUSY_WAIT: Duration = Duration::from_millis(1);
/// How long a stop waits for the last packets to leave.
const LAST_PACKETS: Duration = Duration::from_millis(200);

/// More than any message's head has: all that waits of the direction goes on waiting.
const WHOLE: u32 = 1 << 30;

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
    /// Packets that left with some of their bytes overwritten.
    pub rewritten: AtomicU64,
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
            (
                "inline_held_packets_total",
                "TCP segments and fragments that were held back, until what they belong to could be judged.",
                &sent.held,
            ),
            (
                "inline_rewritten_packets_total",
                "Packets in which rules with replace had bytes overwritten.",
                &sent.rewritten,
            ),
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
    /// How long the worker sleeps at most: it has to give signs of life.
    pub idle_wait: Duration,
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

/// A TCP segment that waits.
struct Waiting {
    chain: Chain,
    from: Side,
    turn: Turn,
    until: Instant,
    /// What becomes of it when its turn comes.
    outcome: Outcome,
    /// How far the beginning of a forbidden pattern goes at its end, under the rules of this epoch; and how many of its bytes that is.
    progress: Option<(u32, Progress)>,
    beginning: u32,
}

impl Waiting {
    fn is_of(&self, turn: &Turn) -> bool {
        self.turn.flow == turn.flow && self.turn.direction == turn.direction
    }

    /// Its bytes were inspected, since nothing before them is missing.
    fn is_inspected(&self, next_seq: u32) -> bool {
        next_seq.wrapping_sub(self.turn.end_seq).cast_signed() >= 0
    }
}

struct Bump<'a> {
    link: &'a LinkQueue,
    pair: Pair,
    heartbeats: [Arc<Heartbeats>; 2],
    worker: Worker,
    /// Oldest first.
    waiting: Vec<Waiting>,
    fragments: Fragments,
    answers: Answers,
    number: u64,
}

/// The queue's thread, until it is told to stop. Where a port vanishes it waits for both to be opened anew. Gives the worker back.
pub fn serve(link: &LinkQueue, pair: Pair, worker: Worker, stop: &AtomicBool) -> Worker {
    let waiting = Vec::with_capacity(link.hold.packets);
    let heartbeats = link.heartbeats.clone();
    let (fragments, answers) = (Fragments::default(), Answers::default());
    let mut bump = Bump { link, pair, heartbeats, worker, waiting, fragments, answers, number: 0 };
    loop {
        bump.run(stop);
        bump.end();
        let Bump { pair, mut worker, waiting, fragments, answers, number, .. } = bump;
        // The ports' queues are free once the sockets are closed.
        drop(pair);
        let Some(Renewal { pair, heartbeats }) = link.renewed(&mut worker, stop) else { return worker };
        bump = Bump { link, pair, heartbeats, worker, waiting, fragments, answers, number };
    }
}

impl Bump<'_> {
    /// Until `stop` is set and all is done, or a port vanishes.
    fn run(&mut self, stop: &AtomicBool) {
        let time: &WorkerTime = &self.link.ports[0].time;
        let mut before = Instant::now();
        let mut shedders = Side::BOTH.map(|side| {
            let shedder = self.link.ports[side as usize].shedder(self.pair.statistics_reader(side));
            shedder.map(|shedder| (side, shedder))
        });
        loop {
            beat(&self.heartbeats, self.link.number());
            let (now, first) = (Timestamp::now(), self.number);
            let some = Side::BOTH.into_iter().fold(false, |some, side| self.batch(side, now, before) | some);
            self.let_go_of_old(before);
            Side::BOTH.into_iter().for_each(|side| self.pair.flush(side));
            self.worker.batch_end(now);
            let worked = Instant::now();
            for (side, shedder) in shedders.iter_mut().flatten() {
                shedder.watch(self.pair.backlog(*side), worked);
            }
            if some {
                time.add(worked - before, Duration::ZERO);
                time.batch(self.number - first, worked - before);
                before = worked;
                continue;
            }
            // No socket is in the programs' maps any more when `stop` is set, so empty rings stay empty.
            if stop.load(Ordering::Acquire) {
                return;
            }
            let sending = Side::BOTH.into_iter().any(|side| self.pair.is_sending(side));
            let holds = !self.waiting.is_empty() || !self.fragments.is_empty();
            let wake = self.pair.wait(if sending || holds { BUSY_WAIT } else { self.link.idle_wait });
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
        let holds = !self.link.hold.time.is_zero();
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
            let progress = match (&verdict.turn, &self.worker.engine().beginnings) {
                (Some(turn), Some(beginnings)) if holds && !matches!(outcome, Outcome::Dropped(_)) => {
                    Some(progress(beginnings, self.worker.engine().epoch, &self.waiting, turn, data))
                }
                _ => None,
            };
            if verdict.rewrites && !matches!(outcome, Outcome::Dropped(_)) {
                self.rewrite();
            }
            self.settle(side, outcome, &verdict, progress, now);
            if answers {
                self.send_answers(side);
            }
        }
        some
    }

    /// Overwrites what rules say in the packet at hand.
    #[cold]
    fn rewrite(&mut self) {
        let rewrites = self.worker.rewrites();
        let mut done = false;
        self.pair.rewrite(|frame| rewrites.iter().for_each(|rewrite| done |= rewrite.apply(frame)));
        if done {
            bump(&self.link.sent.rewritten);
        }
    }

    /// Does with the packet at hand what was decided.
    fn settle(
        &mut self,
        side: Side,
        outcome: Outcome,
        verdict: &Verdict,
        progress: Option<(u32, Progress)>,
        now: Instant,
    ) {
        let outcome = self.under_policy(outcome, verdict);
        if let Some((key, complete)) = self.worker.take_fragment()
            && self.fragment_waits(side, key, complete, outcome, now)
        {
            return;
        }
        let Some(turn) = verdict.turn.filter(|_| self.worker.engine().drops() && !self.link.hold.time.is_zero()) else {
            return self.pass_or_drop(side, outcome);
        };
        let beginning = match (progress, &self.worker.engine().beginnings) {
            _ if turn.within && !turn.ends => WHOLE,
            (Some((_, at)), Some(beginnings)) if !turn.ends => beginnings.length(at),
            _ => 0,
        };
        let dropped = matches!(outcome, Outcome::Dropped(_));
        let in_company = !self.waiting.is_empty() && self.waiting.iter().any(|waiting| waiting.is_of(&turn));
        // What has bytes goes in order with those that wait; what only acknowledges may overtake them.
        let joins = turn.waits || beginning > 0 || in_company && (turn.end_seq != turn.seq || turn.ends);
        if dropped || !joins {
            self.pass_or_drop(side, outcome);
        } else if self.is_full() {
            self.let_go_of_flow(&turn);
            self.pass_or_drop(
                side,
                if turn.waits { self.link.exceptions.outcome(Exception::HoldLimit) } else { outcome },
            );
        } else {
            let (chain, until) = (self.pair.hold(), now + self.link.hold.time);
            bump(&self.link.sent.held);
            for Part { chain, from } in self.fragments.take_parts() {
                self.waiting.push(Waiting { chain, from, turn, until, outcome, progress: None, beginning });
            }
            self.waiting.push(Waiting { chain, from: side, turn, until, outcome, progress, beginning });
        }
        if !self.waiting.is_empty() {
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

    /// Forwards the packet at hand, behind the other parts of its datagram, if the outcome lets it, and settles it.
    fn pass_or_drop(&mut self, side: Side, outcome: Outcome) {
        if self.fragments.has_parts() {
            self.pass_or_drop_parts(outcome);
        }
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
    fn release(&mut self, chain: Chain, from: Side, outcome: Outcome) {
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

    /// A segment was judged: those that may go do so, in the order of their bytes, or with the flow if that is dropped.
    #[cold]
    fn turn_came(&mut self, turn: &Turn) {
        if turn.flow_dropped {
            while let Some(at) = self.waiting.iter().position(|waiting| waiting.turn.flow == turn.flow) {
                let waiting = self.waiting.remove(at);
                self.release(waiting.chain, waiting.from, Outcome::Dropped(DropReason::Rule));
            }
            return;
        }
        let behind = |waiting: &Waiting| turn.next_seq.wrapping_sub(waiting.turn.end_seq).cast_signed();
        let inspected = |waiting: &&Waiting| waiting.is_of(turn) && waiting.is_inspected(turn.next_seq);
        // Up to where the stream was inspected, less what may be the beginning of something forbidden.
        let last = self.waiting.iter().filter(inspected).min_by_key(|waiting| behind(waiting));
        let Some(last) = last else { return };
        let goes_up_to = last.turn.end_seq.wrapping_sub(last.beginning);
        loop {
            let ready = self.waiting.iter().enumerate().filter(|(_, waiting)| {
                inspected(waiting) && goes_up_to.wrapping_sub(waiting.turn.end_seq).cast_signed() >= 0
            });
            // Of equal ones, as a last segment and the FIN behind it, the first that came.
            let first = ready.max_by_key(|(at, waiting)| (behind(waiting), std::cmp::Reverse(*at)));
            let Some((at, _)) = first else { return };
            let waiting = self.waiting.remove(at);
            self.release(waiting.chain, waiting.from, waiting.outcome);
        }
    }

    /// What waited for too long goes: what was inspected as it was decided, what came before its turn as its policy says.
    fn let_go_of_old(&mut self, now: Instant) {
        while self.waiting.first().is_some_and(|waiting| waiting.until <= now) {
            let waiting = self.waiting.remove(0);
            self.let_go(waiting);
        }
        if !self.fragments.is_empty() {
            self.let_go_of_fragments(Some(now));
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.len() + self.fragments.len() >= self.link.hold.packets
    }

    /// There is no room for more that waits: what its flow has waiting goes first.
    #[cold]
    fn let_go_of_flow(&mut self, turn: &Turn) {
        while let Some(at) = self.waiting.iter().position(|waiting| waiting.is_of(turn)) {
            let waiting = self.waiting.remove(at);
            self.let_go(waiting);
        }
    }

    fn let_go(&mut self, waiting: Waiting) {
        let outcome =
            if waiting.turn.waits { self.link.exceptions.outcome(Exception::HoldLimit) } else { waiting.outcome };
        self.release(waiting.chain, waiting.from, outcome);
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
        while !self.waiting.is_empty() {
            let waiting = self.waiting.remove(0);
            self.let_go(waiting);
        }
        self.let_go_of_fragments(None);
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

/// How far a forbidden pattern's beginning goes at the segment's end: on from the one before it, if that waits.
fn progress(beginnings: &Beginnings, epoch: u32, waiting: &[Waiting], turn: &Turn, frame: &[u8]) -> (u32, Progress) {
    let before = waiting.iter().rev().find(|waiting| waiting.is_of(turn) && waiting.turn.end_seq == turn.seq);
    let from = before.and_then(|waiting| waiting.progress).filter(|(of, _)| *of == epoch).map(|(_, at)| at);
    let (at, len) = (turn.payload.0 as usize, turn.payload.1 as usize);
    let payload = frame.get(at..).and_then(|rest| rest.get(..len)).unwrap_or_default();
    (epoch, beginnings.run(from.unwrap_or(beginnings.start()), payload))
}
