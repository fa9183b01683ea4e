//! A set that does not change, with something kept for each value.
//!
//! Digests stand sorted in one block: ten million MD5 take 160 MB and no more. A table over the first 16 bits says where to look, then
//! a few steps of a binary search do. Strings and addresses stand in a hash table.

use super::key;
use rustc_hash::FxHashMap;
use sekisho_signatures::kept::SetKind;

/// Bytes that an entry of a hash table takes beside its value's own.
pub(super) const ENTRY_OVERHEAD: u64 = 48;

/// Values of one kind, each with a `V`.
pub struct Fixed<V> {
    kind: SetKind,
    values: Values<V>,
}

enum Values<V> {
    Table(FxHashMap<Box<[u8]>, V>),
    Md5(Digests<16, V>),
    Sha256(Digests<32, V>),
}

impl<V> Fixed<V> {
    /// An empty set that takes values until [`Fixed::finish`].
    pub(super) fn new(kind: SetKind) -> Self {
        let values = match kind {
            SetKind::Md5 => Values::Md5(Digests::default()),
            SetKind::Sha256 => Values::Sha256(Digests::default()),
            SetKind::String | SetKind::Ipv4 | SetKind::Ip => Values::Table(FxHashMap::default()),
        };
        Self { kind, values }
    }

    /// Adds a value; of equal ones the last counts. Says how many bytes it takes, `None` when the set cannot hold it.
    pub(super) fn add(&mut self, data: &[u8], with: V) -> Option<u64> {
        let key = key(self.kind, data)?;
        let key = key.as_ref();
        let own = size_of::<V>() as u64;
        Some(match &mut self.values {
            Values::Table(table) => {
                table.insert(key.into(), with);
                key.len() as u64 + ENTRY_OVERHEAD + own
            }
            Values::Md5(digests) => digests.add(key, with).map(|()| 16 + own)?,
            Values::Sha256(digests) => digests.add(key, with).map(|()| 32 + own)?,
        })
    }

    /// Makes it ready to be asked.
    pub(super) fn finish(mut self) -> Self {
        match &mut self.values {
            Values::Table(table) => table.shrink_to_fit(),
            Values::Md5(digests) => digests.sort(),
            Values::Sha256(digests) => digests.sort(),
        }
        self
    }

    /// What is kept for a value, if the set holds it.
    #[must_use]
    pub fn get(&self, data: &[u8]) -> Option<&V> {
        let key = key(self.kind, data)?;
        match &self.values {
            Values::Table(table) => table.get(key.as_ref()),
            Values::Md5(digests) => digests.get(key.as_ref()),
            Values::Sha256(digests) => digests.get(key.as_ref()),
        }
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Table(table) => table.len(),
            Values::Md5(digests) => digests.entries.len(),
            Values::Sha256(digests) => digests.entries.len(),
        }
    }

    /// It holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

struct Digests<const N: usize, V> {
    entries: Vec<([u8; N], V)>,
    /// Where the digests with these first 16 bits begin; one more at the end.
    starts: Box<[u32]>,
}

impl<const N: usize, V> Default for Digests<N, V> {
    fn default() -> Self {
        Self { entries: Vec::new(), starts: Box::default() }
    }
}

fn first_bits(digest: &[u8]) -> usize {
    digest.first_chunk().map_or(0, |first| usize::from(u16::from_be_bytes(*first)))
}

impl<const N: usize, V> Digests<N, V> {
    fn add(&mut self, digest: &[u8], with: V) -> Option<()> {
        // Places in the table have 32 bits.
        (self.entries.len() < u32::MAX as usize).then_some(())?;
        self.entries.push((digest.try_into().ok()?, with));
        Some(())
    }

    fn sort(&mut self) {
        // Stable, so that the last of equal ones stays last; that one is kept.
        self.entries.sort_by_key(|entry| entry.0);
        self.entries.reverse();
        self.entries.dedup_by(|a, b| a.0 == b.0);
        self.entries.reverse();
        self.entries.shrink_to_fit();
        let mut starts = vec![0_u32; (1 << 16) + 1];
        for (digest, _) in &self.entries {
            starts[first_bits(digest) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        self.starts = starts.into();
    }

    fn get(&self, digest: &[u8]) -> Option<&V> {
        let wanted: &[u8; N] = digest.try_into().ok()?;
        let at = first_bits(wanted);
        let (from, to) = (*self.starts.get(at)?, *self.starts.get(at + 1)?);
        let near = self.entries.get(from as usize..to as usize)?;
        let found = near.binary_search_by(|(digest, _)| digest.cmp(wanted)).ok()?;
        near.get(found).map(|(_, with)| with)
    }
}
