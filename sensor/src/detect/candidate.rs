//! Where literals occurred, and which rules that makes candidates.

use super::engine::{Engine, GroupEngine, Guarded};
use super::evaluate::{Buffer, End};
use super::history::REACH;
use super::state::DetectCounters;

/// Occurrences of literals that are looked at in one scan.
pub(super) const MAX_HITS: usize = 8192;

#[derive(Clone, Copy)]
pub(super) struct Hit {
    pub(super) literal: u32,
    pub(super) to: u64,
}

/// How far behind a literal's end a rule looks, in bytes: not as far as is kept of a stream, so that when the last of these bytes comes,
/// the literal itself is still there.
const AHEAD: usize = REACH - 256;

/// Where a candidate is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Where {
    Stream,
    Packet,
    Header,
}

/// A rule to be judged. Ordered as rules are judged, then by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) rule: u32,
    pub(super) at: u64,
    pub(super) place: Where,
}

/// Stream bytes that are there: `data[0]` is at position `start`.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'a> {
    pub(super) data: &'a [u8],
    pub(super) start: u64,
}

impl<'a> Stretch<'a> {
    /// The bytes within reach of the occurrence that ends at `at`. `end` is what is behind the bytes that are there.
    pub(super) fn around(&self, at: u64, end: End) -> Buffer<'a> {
        let from = at.saturating_sub(REACH as u64).saturating_sub(self.start) as usize;
        let to = (at + AHEAD as u64).saturating_sub(self.start) as usize;
        let from = from.min(self.data.len());
        let start = self.start + from as u64;
        match self.data.get(from..to) {
            // More is there than may be looked at: the stretch is whole, but it is not where the stream ends.
            Some(data) if to < self.data.len() || end == End::Open => Buffer { data, start, end: End::Cut },
            Some(data) => Buffer { data, start, end },
            None => Buffer { data: &self.data[from..], start, end },
        }
    }
}

pub(super) fn in_range(start: u64, (first, last): (u32, u32)) -> bool {
    start >= u64::from(first) && (last == u32::MAX || start <= u64::from(last))
}

pub(super) fn take_hit(hits: &mut Vec<Hit>, counters: &mut DetectCounters, literal: u32, to: u64) {
    counters.hits += 1;
    if hits.len() < MAX_HITS {
        hits.push(Hit { literal, to });
    } else {
        counters.hits_lost += 1;
    }
}

/// Rules that are looked up by the payload's size.
pub(super) fn add_sized(group: &GroupEngine, len: usize, out: &mut Vec<Candidate>) {
    out.extend(group.rules_of_size(len).iter().map(|&rule| Candidate { rule, at: 0, place: Where::Packet }));
}

/// Rules on single packets that are looked up by what is at one place of the payload.
pub(super) fn add_anchored(group: &GroupEngine, payload: &[u8], out: &mut Vec<Candidate>) {
    group.anchored.in_packet(payload, |guarded, end| {
        out.push(Candidate { rule: guarded.rule, at: end, place: Where::Packet });
    });
}

/// What an occurrence of a rule's literal that ends at stream position `end` may be a candidate for.
pub(super) fn add_stream_candidates(
    engine: &Engine,
    guarded: &Guarded,
    end: u64,
    position: u64,
    whole: bool,
    out: &mut Vec<Candidate>,
) {
    let Some(rule) = engine.rule(guarded.rule) else { return };
    let Some(start) = end.checked_sub(u64::from(guarded.content_to_end)) else { return };
    if rule.inspection.stream && in_range(start, guarded.starts) {
        out.push(Candidate { rule: guarded.rule, at: end, place: Where::Stream });
    }
    if rule.inspection.packet && whole && start >= position && in_range(start - position, guarded.starts) {
        out.push(Candidate { rule: guarded.rule, at: end, place: Where::Packet });
    }
}
