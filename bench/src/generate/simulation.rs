//! Keeps the time: of all open flows, the one whose next frame is due first is asked for it; when a flow ends, another one takes
//! its place. Nothing is held but the open flows.

use super::counts::Counts;
use super::distribution::exponential;
use super::flow::{Env, Flow, rng_of};
use super::mix::{Mix, Profile};
use super::world::World;
use super::{Options, START_NS};
use fastrand::Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Flows open at a time, where nothing else is said.
const CONCURRENT: u32 = 400;
/// Flows in all, where nothing else ends it.
const FLOWS: u64 = 1_000;
/// Time in which the first flows begin, nanoseconds: short, so that also a short capture has all of them.
const RAMP_NS: f64 = 5e7;
/// Mean time from a flow's end to the beginning of the next in its place, nanoseconds.
const REST_NS: f64 = 5e5;
/// Least frame in which conversations make sense: room for headers and some data.
const LEAST_FRAME: u16 = 128;

struct Simulation<'a> {
    options: &'a Options,
    shares: &'a [(Profile, f64)],
    world: World,
    counts: Counts,
    rng: Rng,
    /// Flows that were begun, with a frame in the capture or not yet.
    begun: u64,
    most: u64,
    open: u64,
    profiles: [u64; Profile::ALL.len()],
}

impl Simulation<'_> {
    /// The next flow, from `start`; `None` when there were enough.
    fn begin(&mut self, start: u64) -> Option<Flow> {
        if self.begun >= self.most {
            return None;
        }
        let mut rng = rng_of(self.options.seed, self.begun);
        let profile = Mix::pick(self.shares, rng.f64());
        self.begun += 1;
        Some(Flow::new(self.begun - 1, start, profile, rng, self.options, &self.world))
    }

    /// A flow's first frame is due.
    fn opened(&mut self, flow: &Flow) {
        self.open += 1;
        self.profiles[flow.profile as usize] += 1;
        let counts = &mut self.counts;
        counts.flows += 1;
        counts.concurrent = counts.concurrent.max(self.open);
        counts.ipv6 += u64::from(flow.ends.v6);
        counts.vlan += u64::from(flow.ends.vlan != 0);
    }

    fn finish(mut self, seconds: f64) -> Counts {
        self.counts.open = self.open;
        self.counts.seconds = seconds;
        for (profile, name) in Profile::ALL {
            if self.profiles[profile as usize] > 0 {
                self.counts.profiles.insert(name, self.profiles[profile as usize]);
            }
        }
        self.counts
    }
}

/// See [`super::generate`].
///
/// # Errors
/// Whatever `sink` returns; frames too small for conversations.
pub fn generate(
    options: &Options,
    shares: &[(Profile, f64)],
    mut sink: impl FnMut(u64, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Counts> {
    anyhow::ensure!(options.frame_size >= LEAST_FRAME, "conversations need a --frame-size of {LEAST_FRAME} or more");
    let concurrent = options.concurrent.unwrap_or(CONCURRENT);
    let endless = options.packets.is_some() || options.bytes.is_some();
    let mut run = Simulation {
        options,
        shares,
        world: World::new(options.seed, options.marker.as_deref().unwrap_or_default().as_bytes()),
        counts: Counts::default(),
        rng: Rng::with_seed(options.seed),
        begun: 0,
        most: options.flows.unwrap_or(if endless { u64::MAX } else { FLOWS }),
        open: 0,
        profiles: Default::default(),
    };
    let mut frame = Vec::with_capacity(16_384);
    let mut flows = Vec::with_capacity(concurrent as usize);
    let mut queue = BinaryHeap::with_capacity(concurrent as usize);
    let mut start = 0.0;
    for slot in 0..concurrent {
        start += exponential(&mut run.rng, RAMP_NS / f64::from(concurrent));
        let Some(flow) = run.begin(start as u64) else { break };
        queue.push(Reverse((flow.due(), slot)));
        flows.push(flow);
    }
    let (mut first, mut last) = (None, 0);
    while let Some(mut next) = queue.peek_mut() {
        let Reverse((now, slot)) = *next;
        let Some(flow) = flows.get_mut(slot as usize) else { break };
        if std::mem::take(&mut flow.is_new) {
            run.opened(flow);
        }
        let mut env = Env { options, world: &run.world, counts: &mut run.counts, frame: &mut frame };
        let turn = flow.step(&mut env);
        if let Some(due) = turn.next {
            *next = Reverse((due, slot));
        } else {
            run.open -= 1;
            let start = now + exponential(&mut run.rng, REST_NS) as u64;
            if let Some(new) = run.begin(start) {
                *next = Reverse((new.due(), slot));
                *flow = new;
            } else {
                std::collections::binary_heap::PeekMut::pop(next);
            }
        }
        if !turn.frame {
            continue;
        }
        if options.missing > 0.0 && run.rng.f64() < options.missing {
            run.counts.tcp.missing += 1;
            continue;
        }
        let since = match options.rate {
            Some(rate) => (run.counts.frames as f64 * 1e9 / f64::from(rate.max(1))) as u64,
            None => now - *first.get_or_insert(now),
        };
        last = since;
        sink(START_NS + since, &frame)?;
        run.counts.frames += 1;
        run.counts.bytes += frame.len() as u64;
        if options.reached(&run.counts) {
            break;
        }
    }
    Ok(run.finish(last as f64 / 1e9))
}
