//! A hello put together from pieces that come in any order, several times or overlapping. What came first stays.

/// Most bytes of a hello.
pub const HELLO_LIMIT: usize = 32 * 1024;

/// Most runs of it with gaps between them.
pub const PIECE_LIMIT: usize = 128;

/// A hello as far as it came.
#[derive(Debug, Default)]
pub struct Pieces {
    bytes: Vec<u8>,
    /// What of them is there: ascending, with gaps between.
    runs: Vec<std::ops::Range<usize>>,
}

/// There was more than is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Pieces {
    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is there from the beginning on, without a gap.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        let first = self.runs.first().filter(|run| run.start == 0);
        first.and_then(|run| self.bytes.get(run.clone())).unwrap_or_default()
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// It does not fit, and is left out.
    pub fn add(&mut self, offset: u64, piece: &[u8]) -> Result<(), TooLong> {
        let start = usize::try_from(offset).map_err(|_| TooLong)?;
        let end = start.checked_add(piece.len()).filter(|end| *end <= HELLO_LIMIT).ok_or(TooLong)?;
        if piece.is_empty() {
            return Ok(());
        }
        // Runs that touch it become one with it.
        let first = self.runs.partition_point(|run| run.end < start);
        let after = self.runs.partition_point(|run| run.start <= end);
        if first == after && self.runs.len() >= PIECE_LIMIT {
            return Err(TooLong);
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let touched = self.runs.get(first..after).unwrap_or_default();
        let mut at = start;
        for run in touched.iter().chain(std::iter::once(&(end..end))) {
            let until = run.start.clamp(at, end);
            if let (Some(to), Some(from)) = (self.bytes.get_mut(at..until), piece.get(at - start..until - start)) {
                to.copy_from_slice(from);
            }
            at = run.end.clamp(at, end);
        }
        let joined = touched.iter().fold(start..end, |all, run| all.start.min(run.start)..all.end.max(run.end));
        self.runs.splice(first..after, [joined]);
        Ok(())
    }
}
