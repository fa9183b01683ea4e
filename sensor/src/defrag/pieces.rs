//! Which bytes of a datagram are there, and whose they are.

use serde::Deserialize;

/// Who is believed where two fragments overlap. Hosts differ; the names are those of Novak, "Target-based fragmentation
/// reassembly" (2005). "Earlier" is the fragment that came first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The earlier one.
    First,
    /// The later one.
    Last,
    /// The earlier one, unless the later one starts before it.
    #[default]
    Bsd,
    /// The later one, unless it starts before the earlier one.
    BsdRight,
    /// The earlier one if it starts before the later one, else the later one.
    Linux,
    /// The earlier one, unless the later one starts before it and ends after it.
    Windows,
    /// The earlier one, unless the later one starts no later than it and ends after it.
    Solaris,
}

impl Policy {
    /// Whether the later of two overlapping fragments is believed.
    pub(super) const fn later_wins(self, earlier: (u32, u32), later: (u32, u32)) -> bool {
        match self {
            Self::First => false,
            Self::Last => true,
            Self::Bsd => later.0 < earlier.0,
            Self::BsdRight => later.0 >= earlier.0,
            Self::Linux => later.0 <= earlier.0,
            Self::Windows => later.0 < earlier.0 && later.1 > earlier.1,
            Self::Solaris => later.0 <= earlier.0 && later.1 > earlier.1,
        }
    }
}

/// A run of bytes that came from one fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: u32,
    end: u32,
    /// Start and end of the fragment it came from.
    from: (u32, u32),
}

/// What adding a fragment did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Added {
    /// Some of its bytes were there already.
    pub(super) overlapped: bool,
    /// The datagram's first byte is now this fragment's.
    pub(super) wrote_first_byte: bool,
}

/// The pieces of a datagram: sorted, none overlapping another. At most two for each fragment, since each fragment brings
/// two borders.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    list: Vec<Piece>,
    covered: u32,
}

impl Pieces {
    /// Pieces for which the memory is kept when the datagram is done.
    const KEEP: usize = 64;

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.list.shrink_to(Self::KEEP);
        self.covered = 0;
    }

    /// Bytes that are there.
    pub(super) const fn covered(&self) -> u32 {
        self.covered
    }

    /// Where the last piece ends.
    pub(super) fn end(&self) -> u32 {
        self.list.last().map_or(0, |p| p.end)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn has_first_byte(&self) -> bool {
        self.list.first().is_some_and(|p| p.start == 0)
    }

    /// Whether some of the bytes from `start` to `end` are there.
    pub(super) fn overlap(&self, start: u32, end: u32) -> bool {
        self.list.get(self.list.partition_point(|p| p.end <= start)).is_some_and(|p| p.start < end)
    }

    /// Copies those bytes of a fragment into `buffer` that `policy` believes.
    pub(super) fn add(&mut self, offset: u32, data: &[u8], policy: Policy, buffer: Option<&mut [u8]>) -> Added {
        let Some(buffer) = buffer else {
            return Added::default();
        };
        let from = (offset, offset + data.len() as u32);
        let mut copy = |start: u32, end: u32| {
            let source = data.get((start - offset) as usize..(end - offset) as usize);
            if let (Some(to), Some(source)) = (buffer.get_mut(start as usize..end as usize), source) {
                to.copy_from_slice(source);
            }
        };
        let mut added = Added::default();
        let mut at = from.0;
        let mut i = if self.end() <= at { self.list.len() } else { self.list.partition_point(|p| p.end <= at) };
        while let Some(piece) = self.list.get(i).copied().filter(|p| p.start < from.1) {
            if piece.start > at {
                copy(at, piece.start);
                self.insert(&mut i, Piece { start: at, end: piece.start, from });
                self.covered += piece.start - at;
                at = piece.start;
            }
            added.overlapped = true;
            let end = piece.end.min(from.1);
            if policy.later_wins(piece.from, from) {
                copy(at, end);
                added.wrote_first_byte |= at == 0;
                self.list.remove(i);
                if piece.start < at {
                    self.insert(&mut i, Piece { end: at, ..piece });
                }
                self.insert(&mut i, Piece { start: at, end, from });
                if end < piece.end {
                    self.insert(&mut i, Piece { start: end, ..piece });
                }
            } else {
                i += 1;
            }
            at = end;
        }
        if at < from.1 {
            copy(at, from.1);
            self.insert(&mut i, Piece { start: at, end: from.1, from });
            self.covered += from.1 - at;
        }
        added
    }

    /// Inserts a piece at `i`, which is at most the list's length, and steps over it.
    fn insert(&mut self, i: &mut usize, piece: Piece) {
        self.list.insert(*i, piece);
        *i += 1;
    }
}
