//! What is run on the transactions of one protocol in one direction: for each buffer that some rule guards itself by, one
//! set of literals, scanned when the buffer is there; and the rules that have no literal in any buffer.

use super::anchored::{Anchored, AnchoredBuilder};
use super::compile::{Plan, Sets, Wanted};
use super::engine::Guarded;
use super::hyperscan::{BlockSet, HyperscanError, Literal};
use super::rule::Rule;
use rustc_hash::FxHashMap;
use sekisho_signatures::app::Protocols;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};
use sekisho_signatures::group::AppGroup;
use sekisho_signatures::ruleset::Ruleset;
use sekisho_signatures::transform::Transform;
use std::sync::Arc;

/// The literals of one buffer.
pub(super) struct BufferSet {
    pub(super) buffer: Buffer,
    pub(super) transforms: Box<[Transform]>,
    pub(super) progress: Progress,
    pub(super) grows: bool,
    /// None if all of its literals are anchored.
    pub(super) literals: Option<Arc<BlockSet>>,
    /// Rules whose literals have one place or few.
    pub(super) anchored: Anchored,
    guarded: Vec<Guarded>,
    first: Vec<u32>,
}

impl BufferSet {
    /// The buffer is there once, or not at all.
    pub(super) fn is_single(&self) -> bool {
        self.buffer.declaration().kind == Kind::Bytes
    }

    pub(super) fn guarded(&self, literal: u32) -> &[Guarded] {
        let at = |i: usize| self.first.get(i).copied().unwrap_or(0) as usize;
        self.guarded.get(at(literal as usize)..at(literal as usize + 1)).unwrap_or(&[])
    }
}

/// What is run on one protocol and direction.
#[derive(Default)]
pub(super) struct AppEngine {
    pub(super) sets: Vec<BufferSet>,
    /// Rules without a literal in a buffer, each from that progress on that it needs.
    pub(super) unguarded: Vec<(Progress, u32)>,
    /// Rules that ask for an event.
    pub(super) events: Box<[u32]>,
    /// The literals of frames.
    pub(super) frames: Vec<BufferSet>,
    /// Rules without a literal in the frame that they look at first.
    pub(super) unguarded_frames: Vec<(Buffer, u32)>,
}

/// A buffer, and what is done to it before it is searched.
type Key = (Buffer, Box<[Transform]>);

/// Where a buffer's literals are searched for. What a web server answers with is one file, never taken apart as a form is, so that one search
/// of the body does for both.
fn searched_as(buffer: Buffer, group: &AppGroup) -> Buffer {
    let is_answer = !group.to_server && Protocols::HTTP.contains(group.protocol);
    if is_answer && buffer == Buffer::FileData { Buffer::HttpResponseBody } else { buffer }
}

/// A set that is being collected.
#[derive(Default)]
struct Collecting {
    ids: FxHashMap<(Box<[u8]>, bool), u32>,
    literals: Vec<Literal>,
    found: Vec<(u32, Guarded)>,
    anchored: AnchoredBuilder,
}

/// What is run on one protocol and direction, its literals still to be compiled.
pub(super) struct AppPlan {
    sets: Vec<SetPlan>,
    unguarded: Vec<(Progress, u32)>,
    events: Box<[u32]>,
    frames: Vec<SetPlan>,
    unguarded_frames: Vec<(Buffer, u32)>,
}

/// A buffer's set, its literals still to be compiled.
struct SetPlan {
    buffer: Buffer,
    transforms: Box<[Transform]>,
    literals: Option<Wanted>,
    anchored: Anchored,
    guarded: Vec<Guarded>,
    first: Vec<u32>,
}

impl AppPlan {
    /// For the rules of `group`; what it wants compiled is added to `plan`.
    pub(super) fn new(ruleset: &Ruleset, rules: &[Option<Rule>], group: &AppGroup, plan: &mut Plan) -> Self {
        let mut sets: Vec<(Key, Collecting)> = vec![];
        let mut frames: Vec<(Key, Collecting)> = vec![];
        let (mut unguarded, mut events, mut unguarded_frames) = (vec![], vec![], vec![]);
        for &i in &group.rules {
            let Some(rule) = &rules[i as usize] else { continue };
            let signature = &ruleset.signatures[i as usize];
            if rule.wants_app_event() {
                events.push(i);
                continue;
            }
            let pattern = ruleset.fast_patterns[i as usize].as_ref();
            let guard = pattern.and_then(|p| Some((p, signature.buffers.get(p.buffer?)?)));
            let guard = guard.filter(|(_, b)| b.side().has(group.to_server));
            // It waits in the direction that it guards itself in, and is judged as the other one goes on.
            if guard.is_none() && signature.header.transactional && pattern.is_some() {
                continue;
            }
            let frame = signature.buffers.iter().find(|b| b.buffer.is_frame());
            let Some((pattern, buffer)) = guard else {
                if let Some(frame) = frame {
                    unguarded_frames.push((frame.buffer, i));
                    continue;
                }
                unguarded.push((rule.progress_in(group.to_server), i));
                continue;
            };
            let searched = searched_as(buffer.buffer, group);
            let same = |((b, t), _): &(Key, Collecting)| *b == searched && **t == *buffer.transforms;
            let sets = if frame.is_some() { &mut frames } else { &mut sets };
            let at = sets.iter().position(same).unwrap_or_else(|| {
                sets.push(((searched, buffer.transforms.clone().into()), Collecting::default()));
                sets.len() - 1
            });
            let set = &mut sets[at].1;
            let (bytes, nocase) = pattern.literal();
            let starts = pattern.starts;
            let guarded = Guarded { rule: i, content_to_end: (pattern.from + pattern.len) as u32, starts };
            if AnchoredBuilder::takes(pattern.bits, pattern.from, starts) {
                set.anchored.add(bytes, nocase, pattern.from, guarded);
                continue;
            }
            let bytes: Box<[u8]> = if nocase { bytes.to_ascii_lowercase().into() } else { bytes.into() };
            let literals = &mut set.literals;
            let literal = *set.ids.entry((bytes.clone(), nocase)).or_insert_with(|| {
                literals.push(Literal { bytes, nocase });
                (literals.len() - 1) as u32
            });
            set.found.push((literal, guarded));
        }
        unguarded.sort_unstable();
        let sets = sets.into_iter().map(|(key, set)| set.plan(key, plan)).collect();
        let frames = frames.into_iter().map(|(key, set)| set.plan(key, plan)).collect();
        Self { sets, unguarded, events: events.into(), frames, unguarded_frames }
    }

    /// With its literals, compiled.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn build(self, sets: &Sets) -> Result<AppEngine, HyperscanError> {
        let own = self.sets.into_iter().map(|set| set.build(sets)).collect::<Result<_, _>>()?;
        let frames = self.frames.into_iter().map(|set| set.build(sets)).collect::<Result<_, _>>()?;
        Ok(AppEngine {
            sets: own,
            unguarded: self.unguarded,
            events: self.events,
            frames,
            unguarded_frames: self.unguarded_frames,
        })
    }
}

impl AppEngine {
    /// Nothing is asked of these transactions.
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.unguarded.is_empty() && self.events.is_empty() && !self.looks_at_frames()
    }

    /// Some rule looks at frames.
    pub(super) fn looks_at_frames(&self) -> bool {
        !self.frames.is_empty() || !self.unguarded_frames.is_empty()
    }
}

impl Collecting {
    fn plan(mut self, (buffer, transforms): (Buffer, Box<[Transform]>), plan: &mut Plan) -> SetPlan {
        self.found.sort_by_key(|(literal, _)| *literal);
        let count = self.literals.len();
        let first = (0..=count).map(|l| self.found.partition_point(|(literal, _)| (*literal as usize) < l) as u32);
        SetPlan {
            buffer,
            transforms,
            first: first.collect(),
            literals: (count > 0).then(|| plan.block(self.literals)),
            anchored: self.anchored.build(),
            guarded: self.found.into_iter().map(|(_, g)| g).collect(),
        }
    }
}

impl SetPlan {
    fn build(self, sets: &Sets) -> Result<BufferSet, HyperscanError> {
        let declaration = self.buffer.declaration();
        let progress = match declaration.source {
            Source::Transaction(progress) => progress,
            Source::Packet | Source::Rule | Source::Frame => Progress::Complete,
        };
        Ok(BufferSet {
            buffer: self.buffer,
            transforms: self.transforms,
            progress,
            grows: matches!(declaration.source, Source::Transaction(Progress::Body)),
            literals: self.literals.map(|wanted| sets.block(wanted)).transpose()?,
            anchored: self.anchored,
            guarded: self.guarded,
            first: self.first,
        })
    }
}
