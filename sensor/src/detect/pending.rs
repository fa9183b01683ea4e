//! What a stream direction's rules are waiting for, and which have spoken: few directions have any, so it is kept in a
//! pool beside the flows. Rules are named by their lasting numbers, so that a new ruleset changes nothing here.

use arrayvec::ArrayVec;

/// Rules that may wait on one direction.
const MAX_PARKED: usize = 32;
/// Rules whose last match is remembered on one direction.
const MAX_SPOKEN: usize = 16;
/// Directions that may have something pending at once, per worker.
const MAX_ENTRIES: usize = 1 << 16;

/// No entry.
pub const NO_PENDING: u32 = u32::MAX;

/// A rule that waits for more of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The rule's lasting number.
    pub rule: u32,
    /// Stream position at which its literal ended.
    pub at: u64,
}

#[derive(Debug, Default)]
struct Entry {
    parked: ArrayVec<Parked, MAX_PARKED>,
    /// Rules that matched, and until which position each is silent.
    spoken: ArrayVec<(u32, u64), MAX_SPOKEN>,
}

/// The entries of one worker.
#[derive(Debug, Default)]
pub struct PendingPool {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

impl PendingPool {
    fn entry(&mut self, handle: &mut u32) -> Option<&mut Entry> {
        if *handle == NO_PENDING {
            *handle = match self.free.pop() {
                Some(free) => free,
                None if self.entries.len() < MAX_ENTRIES => {
                    self.entries.push(Entry::default());
                    (self.entries.len() - 1) as u32
                }
                None => return None,
            };
        }
        self.entries.get_mut(*handle as usize)
    }

    /// Parks a rule; false when there is no room.
    pub fn park(&mut self, handle: &mut u32, parked: Parked) -> bool {
        self.entry(handle).is_some_and(|e| e.parked.try_push(parked).is_ok())
    }

    /// The parked rule number `i`, in order of position.
    #[must_use]
    pub fn parked(&self, handle: u32, i: usize) -> Option<Parked> {
        self.entries.get(handle as usize).and_then(|e| e.parked.get(i).copied())
    }

    /// Takes parked rule number `i` off the list.
    pub fn unpark(&mut self, handle: u32, i: usize) {
        if let Some(entry) = self.entries.get_mut(handle as usize)
            && i < entry.parked.len()
        {
            entry.parked.remove(i);
        }
    }

    /// Whether `rule` has spoken so shortly before position `at` that it is silent there.
    #[must_use]
    pub fn is_silent(&self, handle: u32, rule: u32, at: u64) -> bool {
        self.entries.get(handle as usize).is_some_and(|e| e.spoken.iter().any(|&(r, until)| r == rule && at <= until))
    }

    /// Makes `rule` silent until position `until`. The rule that spoke first is forgotten when there is no room.
    pub fn silence(&mut self, handle: &mut u32, rule: u32, until: u64) {
        let Some(entry) = self.entry(handle) else { return };
        entry.spoken.retain(|(r, _)| *r != rule);
        if entry.spoken.is_full() {
            entry.spoken.remove(0);
        }
        entry.spoken.push((rule, until));
    }

    /// All rules may speak again.
    pub fn hear_all(&mut self, handle: &mut u32) {
        if let Some(entry) = self.entries.get_mut(*handle as usize) {
            entry.spoken.clear();
        }
        self.release_if_empty(handle);
    }

    /// Gives the entry back if nothing is in it.
    pub fn release_if_empty(&mut self, handle: &mut u32) {
        if self.entries.get(*handle as usize).is_some_and(|e| e.parked.is_empty() && e.spoken.is_empty()) {
            self.release(handle);
        }
    }

    /// Gives the entry back.
    pub fn release(&mut self, handle: &mut u32) {
        if let Some(entry) = self.entries.get_mut(*handle as usize) {
            entry.parked.clear();
            entry.spoken.clear();
            self.free.push(*handle);
        }
        *handle = NO_PENDING;
    }
}
