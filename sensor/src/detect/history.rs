//! The last bytes of each stream direction, so that a rule can look behind the edge of the current segment.
//!
//! Blocks come from two pools of fixed size. When a pool is used up, its oldest block is taken from whoever has it: a
//! handle carries the block's generation, so that the former owner just finds nothing. That bounds memory with no list
//! to keep and nothing to free in a hurry; each block taken is counted.

/// How many of the last bytes are kept.
pub const REACH: usize = 4096;

const SMALL: usize = 512;
/// Twice what is kept, so that old bytes are moved down once in [`REACH`] bytes and not at each segment.
const LARGE: usize = 2 * REACH;

/// Names a block, while it is still the owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    block: u32,
    generation: u32,
}

impl Handle {
    /// No block.
    pub const NONE: Self = Self { block: u32::MAX, generation: 0 };
    const LARGE_BIT: u32 = 1 << 31;
}

impl Default for Handle {
    fn default() -> Self {
        Self::NONE
    }
}

#[derive(Clone, Copy, Default)]
struct Slot {
    generation: u32,
    len: u32,
    used: bool,
}

/// Blocks of one size.
struct Pool {
    block_len: usize,
    /// Zeroed by the kernel when first touched: what is not used costs no memory.
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The next block to be taken from its owner.
    oldest: u32,
    limit: usize,
}

impl Pool {
    fn new(block_len: usize, limit_bytes: usize) -> Self {
        let limit = (limit_bytes / block_len).max(1);
        Self { block_len, bytes: vec![0; limit * block_len], slots: Vec::new(), free: Vec::new(), oldest: 0, limit }
    }

    /// A block, and whether it had to be taken from somebody.
    fn take(&mut self) -> (u32, bool) {
        if let Some(block) = self.free.pop() {
            self.slots[block as usize].used = true;
            return (block, false);
        }
        if self.slots.len() < self.limit {
            self.slots.push(Slot { used: true, ..Slot::default() });
            return ((self.slots.len() - 1) as u32, false);
        }
        let block = self.oldest % self.slots.len() as u32;
        self.oldest = block + 1;
        let slot = &mut self.slots[block as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.len = 0;
        (block, true)
    }

    fn give_back(&mut self, block: u32) {
        let slot = &mut self.slots[block as usize];
        if slot.used {
            slot.used = false;
            slot.len = 0;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(block);
        }
    }

    fn get(&self, block: u32, generation: u32) -> Option<&[u8]> {
        let slot = self.slots.get(block as usize).filter(|s| s.used && s.generation == generation)?;
        let start = block as usize * self.block_len;
        self.bytes.get(start..start + slot.len as usize)
    }

    fn block_mut(&mut self, block: u32) -> (&mut [u8], &mut u32) {
        let start = block as usize * self.block_len;
        (&mut self.bytes[start..start + self.block_len], &mut self.slots[block as usize].len)
    }
}

/// All blocks of one worker.
pub struct HistoryPool {
    small: Pool,
    large: Pool,
    /// Blocks that were taken from a stream that still had use for them.
    pub taken: u64,
}

impl HistoryPool {
    /// Keeps at most about `limit_bytes`.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { small: Pool::new(SMALL, limit_bytes / 2), large: Pool::new(LARGE, limit_bytes / 2), taken: 0 }
    }

    fn pool(&self, handle: Handle) -> &Pool {
        if handle.block & Handle::LARGE_BIT == 0 { &self.small } else { &self.large }
    }

    /// The bytes kept, at most [`REACH`]; empty if there are none, or no longer.
    #[must_use]
    pub fn get(&self, handle: Handle) -> &[u8] {
        if handle == Handle::NONE {
            return &[];
        }
        let kept = self.pool(handle).get(handle.block & !Handle::LARGE_BIT, handle.generation).unwrap_or(&[]);
        &kept[kept.len().saturating_sub(REACH)..]
    }

    /// Adds what has been looked at, and lets go of what is out of reach.
    pub fn append(&mut self, handle: &mut Handle, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let bytes = &bytes[bytes.len().saturating_sub(REACH)..];
        let kept = self.get(*handle).len();
        if kept == 0 {
            self.release(handle);
        }
        let large = *handle != Handle::NONE && handle.block & Handle::LARGE_BIT != 0;
        if !large && kept + bytes.len() > SMALL {
            self.promote(handle);
        } else if *handle == Handle::NONE {
            *handle = self.take(false);
        }
        let is_large = handle.block & Handle::LARGE_BIT != 0;
        let pool = if is_large { &mut self.large } else { &mut self.small };
        let (block, len) = pool.block_mut(handle.block & !Handle::LARGE_BIT);
        let mut have = *len as usize;
        if have + bytes.len() > block.len() {
            let keep = REACH.min(have);
            block.copy_within(have - keep..have, 0);
            have = keep;
        }
        block[have..have + bytes.len()].copy_from_slice(bytes);
        *len = (have + bytes.len()) as u32;
    }

    /// Gives the block back.
    pub fn release(&mut self, handle: &mut Handle) {
        let Handle { block, generation } = std::mem::take(handle);
        if block == u32::MAX {
            return;
        }
        let large = block & Handle::LARGE_BIT != 0;
        let pool = if large { &mut self.large } else { &mut self.small };
        let block = block & !Handle::LARGE_BIT;
        if pool.slots.get(block as usize).is_some_and(|slot| slot.generation == generation) {
            pool.give_back(block);
        }
    }

    fn take(&mut self, large: bool) -> Handle {
        let pool = if large { &mut self.large } else { &mut self.small };
        let (block, taken) = pool.take();
        self.taken += u64::from(taken);
        let generation = pool.slots[block as usize].generation;
        Handle { block: if large { block | Handle::LARGE_BIT } else { block }, generation }
    }

    /// Moves a stream from a small block, or from none, to a large one.
    fn promote(&mut self, handle: &mut Handle) {
        let large = self.take(true);
        if *handle != Handle::NONE {
            let kept = self.small.get(handle.block, handle.generation).unwrap_or(&[]);
            let (block, len) = self.large.block_mut(large.block & !Handle::LARGE_BIT);
            block[..kept.len()].copy_from_slice(kept);
            *len = kept.len() as u32;
            self.release(handle);
        }
        *handle = large;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_the_last_bytes_however_they_come(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6000), 0..12)) {
            let mut pool = HistoryPool::new(1 << 20);
            let mut handle = Handle::NONE;
            let mut all = vec![];
            for piece in &pieces {
                pool.append(&mut handle, piece);
                all.extend_from_slice(piece);
                prop_assert_eq!(pool.get(handle), &all[all.len().saturating_sub(REACH)..]);
            }
            pool.release(&mut handle);
            prop_assert_eq!(pool.small.free.len(), pool.small.slots.len());
            prop_assert_eq!(pool.large.free.len(), pool.large.slots.len());
        }
    }

    #[test]
    fn when_full_the_oldest_loses_and_is_counted() {
        let mut pool = HistoryPool::new(2 * 2 * SMALL);
        let mut handles = [Handle::NONE; 3];
        for (i, handle) in handles.iter_mut().enumerate() {
            pool.append(handle, &[i as u8; 4]);
        }
        assert_eq!(pool.taken, 1);
        assert_eq!(pool.get(handles[0]), b"");
        assert_eq!(pool.get(handles[1]), [1; 4]);
        assert_eq!(pool.get(handles[2]), [2; 4]);
        // The loser starts afresh, and giving back what it lost harms nobody.
        let mut lost = handles[0];
        pool.release(&mut lost);
        assert_eq!(pool.get(handles[2]), [2; 4]);
        pool.append(&mut handles[0], b"new");
        assert_eq!(pool.get(handles[0]), b"new");
    }
}
