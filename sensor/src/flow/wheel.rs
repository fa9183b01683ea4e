//! When to look at a flow again.
//!
//! A wheel of one-second slots, one per class of flow (new, established, closed). A packet does not move its flow: when
//! the wheel comes to a slot, the flow's true age is looked at, and the flow is put in again if it is not due.
//! A flow is looked at within [`LOOK_AHEAD_S`] at the latest, so that a shorter time-out after a change of state holds
//! soon. The wheel also answers who has to go when there is no room, for which the classes are kept apart.

use super::NONE;
use super::entry::Flow;
use crate::event::FlowState;

/// Slots of one second.
pub(super) const SLOTS: u64 = 256;
/// How far ahead a flow is put at most.
pub(super) const LOOK_AHEAD_S: u64 = 64;
/// How far the cursor may lie behind packet time. With what is put ahead, less than the wheel spans.
const LAG: u64 = 160;
const _: () = assert!(LAG + LOOK_AHEAD_S < SLOTS);

/// Classes in the order in which they make room.
const CLASSES: usize = 3;

/// The slots' list heads and the cursor.
#[derive(Debug)]
pub(super) struct Wheel {
    heads: Box<[u32]>,
    filled: [[u64; (SLOTS / 64) as usize]; CLASSES],
    /// What is added to a second to find its slot.
    shift: u64,
    /// Second up to which every slot was looked at.
    pub(super) cursor: u64,
    started: bool,
}

/// The class of a state: closed flows first, then new ones, then established ones.
pub(super) const fn class(state: FlowState) -> usize {
    match state {
        FlowState::Closed => 0,
        FlowState::New => 1,
        FlowState::Established | FlowState::Bypassed => 2,
    }
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self {
            heads: vec![NONE; CLASSES * SLOTS as usize].into_boxed_slice(),
            filled: [[0; (SLOTS / 64) as usize]; CLASSES],
            shift: 0,
            cursor: 0,
            started: false,
        }
    }

    /// Moves with packet time. After a jump of more than the wheel spans, forwards or backwards, the slots go along: what they hold
    /// is looked at next, and none of them is skipped.
    pub(super) fn follow(&mut self, now_s: u64) {
        if !self.started {
            self.started = true;
            self.cursor = now_s;
        }
        if now_s.saturating_sub(self.cursor) > LAG {
            self.turn_to(now_s - LAG);
        } else if self.cursor.saturating_sub(now_s) > LAG {
            self.turn_to(now_s);
        }
    }

    /// Another second for the slot at the cursor.
    fn turn_to(&mut self, second: u64) {
        self.shift = self.shift.wrapping_add(self.cursor).wrapping_sub(second) % SLOTS;
        self.cursor = second;
    }

    /// The slot of a second.
    const fn slot_of(&self, second: u64) -> u64 {
        second.wrapping_add(self.shift) % SLOTS
    }

    /// Puts a flow in, to be looked at in second `at_s`, at the latest in `LOOK_AHEAD_S` from `now_s`.
    pub(super) fn insert<U>(&mut self, flows: &mut [Flow<U>], index: u32, class: usize, now_s: u64, at_s: u64) {
        let at = at_s.clamp(now_s.saturating_add(1), now_s.saturating_add(LOOK_AHEAD_S));
        // Time may have gone back a little: what lies behind the cursor is not come to soon.
        let at = self.slot_of(at.max(self.cursor));
        let slot = class * SLOTS as usize + at as usize;
        let head = self.heads[slot];
        if head == NONE {
            self.filled[class][(at / 64) as usize] |= 1 << (at % 64);
        } else {
            flows[head as usize].newer = index;
        }
        let flow = &mut flows[index as usize];
        (flow.newer, flow.older, flow.wheel_slot) = (NONE, head, slot as u16);
        self.heads[slot] = index;
    }

    /// Takes a flow out.
    pub(super) fn remove<U>(&mut self, flows: &mut [Flow<U>], index: u32) {
        let flow = &flows[index as usize];
        let (newer, older, slot) = (flow.newer, flow.older, usize::from(flow.wheel_slot));
        if older != NONE {
            flows[older as usize].newer = newer;
        }
        if newer != NONE {
            flows[newer as usize].older = older;
            return;
        }
        self.heads[slot] = older;
        if older == NONE {
            let at = slot % SLOTS as usize;
            self.filled[slot / SLOTS as usize][at / 64] &= !(1 << (at % 64));
        }
    }

    /// A flow in the slot of second `at_s`, of whatever class.
    pub(super) fn any_at(&self, at_s: u64) -> Option<u32> {
        let at = self.slot_of(at_s) as usize;
        (0..CLASSES).map(|class| self.heads[class * SLOTS as usize + at]).find(|&head| head != NONE)
    }

    /// A flow of `class` that is due soonest, by the wheel's reckoning.
    pub(super) fn soonest(&self, class: usize) -> Option<u32> {
        let filled = &self.filled[class];
        let start = self.slot_of(self.cursor) as usize;
        // The word that holds the cursor is looked at twice: from the cursor on, and at the end whole.
        for step in 0..=filled.len() {
            let word = (start / 64 + step) % filled.len();
            let bits = if step == 0 { filled[word] & (u64::MAX << (start % 64)) } else { filled[word] };
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                return Some(self.heads[class * SLOTS as usize + slot]);
            }
        }
        None
    }
}
