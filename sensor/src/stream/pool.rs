//! Blocks that hold out-of-order payload until the hole before it is filled or given up.
//!
//! One pool per worker. A block is one *piece*: a run of bytes at a stream position. A segment longer than a block takes
//! several pieces; a short one that continues a piece is appended to it. Pieces of a direction are linked in order of
//! position and never overlap. Blocks are never given back to the system: the pool's size is its high-water mark, at
//! most the memory cap, and memory that was never needed is never touched.

/// Bytes of a block: an Ethernet segment fits in one.
pub const BLOCK_BYTES: usize = 1536;

/// No piece.
pub const NIL: u32 = u32::MAX;

/// One buffered run of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Stream position of its first byte.
    pub position: u64,
    /// Bytes used of its block, 1 to [`BLOCK_BYTES`].
    pub len: u32,
    /// The piece after it, or [`NIL`]. While free: the next free one.
    pub next: u32,
    /// Where the segment that it came from starts and ends.
    pub from: (u64, u64),
}

impl Piece {
    /// Position behind its last byte.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.position.wrapping_add(self.len as u64)
    }
}

/// The pool. Indices come from [`Pool::take`] and are valid until [`Pool::give`].
#[derive(Debug)]
pub struct Pool {
    pieces: Vec<Piece>,
    blocks: Vec<[u8; BLOCK_BYTES]>,
    free: u32,
    in_use: u32,
    capacity: u32,
}

impl Pool {
    /// A pool of at most `memcap_bytes`. Address space is reserved now, memory is used as blocks are.
    #[must_use]
    pub fn new(memcap_bytes: u64) -> Self {
        let per_block = (BLOCK_BYTES + size_of::<Piece>()) as u64;
        let capacity = (memcap_bytes / per_block).min(u64::from(NIL - 1)) as u32;
        let (mut pieces, mut blocks) = (Vec::new(), Vec::new());
        // Reserved up front so that growing never copies; if that is refused, growing in steps still works.
        let _ = pieces.try_reserve_exact(capacity as usize);
        let _ = blocks.try_reserve_exact(capacity as usize);
        Self { pieces, blocks, free: NIL, in_use: 0, capacity }
    }

    /// Bytes of blocks that hold payload.
    #[must_use]
    pub fn bytes_in_use(&self) -> u64 {
        u64::from(self.in_use) * (BLOCK_BYTES + size_of::<Piece>()) as u64
    }

    /// A block with as much of `bytes` as it holds, at `position`, of the segment `from`; `None` at the memory cap. `next` is [`NIL`].
    pub fn take(&mut self, position: u64, bytes: &[u8], from: (u64, u64)) -> Option<u32> {
        let index = if self.free != NIL {
            let index = self.free;
            self.free = self.pieces[index as usize].next;
            index
        } else {
            let index = self.pieces.len() as u32;
            if index >= self.capacity {
                return None;
            }
            self.pieces.push(Piece { position: 0, len: 0, next: NIL, from });
            self.blocks.push([0; BLOCK_BYTES]);
            index
        };
        let len = bytes.len().min(BLOCK_BYTES);
        self.blocks[index as usize][..len].copy_from_slice(&bytes[..len]);
        self.pieces[index as usize] = Piece { position, len: len as u32, next: NIL, from };
        self.in_use += 1;
        Some(index)
    }

    /// Appends to a piece as much of `bytes` as its block still holds, and tells how much that was.
    pub fn append(&mut self, index: u32, bytes: &[u8]) -> usize {
        let piece = &mut self.pieces[index as usize];
        let start = piece.len as usize;
        let len = bytes.len().min(BLOCK_BYTES - start);
        self.blocks[index as usize][start..start + len].copy_from_slice(&bytes[..len]);
        piece.len += len as u32;
        len
    }

    /// Cuts a piece: what lies behind its first `len` bytes, at least one, becomes the piece after it. `None` at the memory cap.
    pub fn split(&mut self, index: u32, len: usize) -> Option<u32> {
        let piece = *self.piece(index);
        let block = self.blocks[index as usize];
        let tail = self.take(piece.position + len as u64, &block[len..piece.len as usize], piece.from)?;
        self.pieces[tail as usize].next = piece.next;
        let front = &mut self.pieces[index as usize];
        (front.len, front.next) = (len as u32, tail);
        Some(tail)
    }

    /// A piece's bytes are those of the segment `from` now.
    pub fn set_from(&mut self, index: u32, from: (u64, u64)) {
        self.pieces[index as usize].from = from;
    }

    /// Gives a block back.
    pub fn give(&mut self, index: u32) {
        self.pieces[index as usize].next = self.free;
        self.free = index;
        self.in_use -= 1;
    }

    /// A piece.
    #[must_use]
    pub fn piece(&self, index: u32) -> &Piece {
        &self.pieces[index as usize]
    }

    /// Sets the piece after `index`.
    pub fn link(&mut self, index: u32, next: u32) {
        self.pieces[index as usize].next = next;
    }

    /// A piece's bytes.
    #[must_use]
    pub fn bytes(&self, index: u32) -> &[u8] {
        &self.blocks[index as usize][..self.pieces[index as usize].len as usize]
    }

    /// A piece's bytes, to overwrite.
    pub fn bytes_mut(&mut self, index: u32) -> &mut [u8] {
        &mut self.blocks[index as usize][..self.pieces[index as usize].len as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_reused_and_the_cap_holds() {
        let per_block = (BLOCK_BYTES + size_of::<Piece>()) as u64;
        let mut pool = Pool::new(2 * per_block + 1);
        let a = pool.take(0, b"abc", (0, 3)).unwrap();
        let b = pool.take(9, &[7; 4000], (9, 4009)).unwrap();
        assert_eq!(pool.bytes(a), b"abc");
        assert_eq!(pool.bytes(b), [7; BLOCK_BYTES]);
        assert!(pool.take(0, b"x", (0, 1)).is_none());
        assert_eq!(pool.bytes_in_use(), 2 * per_block);
        pool.give(a);
        let c = pool.take(3, b"xy", (3, 5)).unwrap();
        assert_eq!((c, pool.bytes(c), pool.piece(c).end()), (a, &b"xy"[..], 5));
        assert_eq!(pool.append(c, b"z"), 1);
        assert_eq!(pool.bytes(c), b"xyz");
        assert_eq!(pool.append(b, b"z"), 0);
        pool.give(b);
        pool.give(c);
        assert_eq!(pool.bytes_in_use(), 0);
    }

    #[test]
    fn a_piece_is_cut_in_two() {
        let mut pool = Pool::new(1 << 20);
        let a = pool.take(10, b"abcdef", (10, 16)).unwrap();
        let b = pool.split(a, 2).unwrap();
        assert_eq!((pool.bytes(a), pool.bytes(b)), (&b"ab"[..], &b"cdef"[..]));
        assert_eq!((pool.piece(a).next, pool.piece(b).next, pool.piece(b).position), (b, NIL, 12));
        assert_eq!(pool.piece(b).from, (10, 16));
    }
}
