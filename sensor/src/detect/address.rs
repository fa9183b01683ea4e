//! Which of the ruleset's address lists an address is in, found once a flow.
//!
//! All lists of all rules cut the address space into intervals within which every address is in the same lists. Those
//! lists are a row of bits; equal rows are kept once. A flow looks its two addresses up when it begins and keeps the
//! rows' numbers; after that a rule's address condition is the test of one bit.

use crate::packet::Addr;
use sekisho_signatures::model::{AddressRange, AddressSet};
use std::collections::HashMap;
use std::net::IpAddr;

/// Names an address list of the ruleset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListId(pub u16);

impl ListId {
    /// The list that holds every address.
    pub const ANY: Self = Self(u16::MAX);
}

/// Names a row: the lists that an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RowId(pub u32);

/// Intervals of one IP version: `starts[i]` to before `starts[i + 1]` have row `rows[i]`.
#[derive(Default)]
struct Intervals {
    starts: Vec<u128>,
    rows: Vec<u32>,
    /// For IPv4, where in `starts` the addresses with these upper 16 bits begin: narrows the search to a few entries.
    upper: Vec<u32>,
}

impl Intervals {
    fn find(&self, key: u128) -> u32 {
        let (from, to) = match self.upper.get((key >> 16) as usize..) {
            Some([from, to, ..]) => (*from as usize, *to as usize),
            _ => (0, self.starts.len()),
        };
        let i = from + self.starts[from..to].partition_point(|&s| s <= key);
        self.rows.get(i.wrapping_sub(1)).copied().unwrap_or(0)
    }
}

/// The lists of a ruleset, ready to be asked. `ANY` is never stored.
#[derive(Default)]
pub struct AddressIndex {
    v4: Intervals,
    v6: Intervals,
    words_per_row: usize,
    rows: Vec<u64>,
}

/// Collects lists, giving equal ones the same number.
#[derive(Default)]
pub struct AddressLists {
    lists: Vec<AddressSet>,
    ids: HashMap<AddressSet, ListId>,
}

impl AddressLists {
    /// The list's number. More than 65,534 different lists: `None`.
    pub fn intern(&mut self, set: &AddressSet) -> Option<ListId> {
        if set.is_any() {
            return Some(ListId::ANY);
        }
        if let Some(id) = self.ids.get(set) {
            return Some(*id);
        }
        let id = ListId(u16::try_from(self.lists.len()).ok().filter(|n| *n != u16::MAX)?);
        self.lists.push(set.clone());
        self.ids.insert(set.clone(), id);
        Some(id)
    }

    /// Builds the index.
    #[must_use]
    pub fn build(&self) -> AddressIndex {
        let words_per_row = self.lists.len().div_ceil(64).max(1);
        let mut rows = RowStore { words_per_row, rows: vec![0; words_per_row], ids: HashMap::new() };
        rows.ids.insert(vec![0; words_per_row], 0);
        let v4 = self.intervals(true, &mut rows);
        let v6 = self.intervals(false, &mut rows);
        AddressIndex { v4, v6, words_per_row, rows: rows.rows }
    }

    fn intervals(&self, v4: bool, rows: &mut RowStore) -> Intervals {
        let top = if v4 { u128::from(u32::MAX) } else { u128::MAX };
        // (where, list, enters or leaves)
        let mut edges: Vec<(u128, u16, bool)> = vec![];
        for (list, set) in self.lists.iter().enumerate() {
            for (first, last) in accepted(set, v4, top) {
                edges.push((first, list as u16, true));
                if last < top {
                    edges.push((last + 1, list as u16, false));
                }
            }
        }
        edges.sort_unstable();
        let mut intervals = Intervals { starts: vec![0], rows: vec![0], upper: vec![] };
        let mut row = vec![0_u64; rows.words_per_row];
        let mut i = 0;
        while i < edges.len() {
            let at = edges[i].0;
            while let Some(&(_, list, enters)) = edges.get(i).filter(|e| e.0 == at) {
                let bit = 1 << (list % 64);
                let word = &mut row[usize::from(list / 64)];
                // One list's intervals are disjoint and not adjacent, so that it never leaves where it enters.
                if enters {
                    *word |= bit
                } else {
                    *word &= !bit
                }
                i += 1;
            }
            if at != 0 {
                intervals.starts.push(at);
                intervals.rows.push(0);
            }
            *intervals.rows.last_mut().unwrap_or(&mut 0) = rows.intern(&row);
        }
        if v4 {
            intervals.upper =
                (0..=1_u128 << 16).map(|upper| intervals.starts.partition_point(|&s| s < upper << 16) as u32).collect();
        }
        intervals
    }
}

struct RowStore {
    words_per_row: usize,
    rows: Vec<u64>,
    ids: HashMap<Vec<u64>, u32>,
}

impl RowStore {
    fn intern(&mut self, row: &[u64]) -> u32 {
        if let Some(id) = self.ids.get(row) {
            return *id;
        }
        let id = (self.rows.len() / self.words_per_row) as u32;
        self.rows.extend_from_slice(row);
        self.ids.insert(row.to_vec(), id);
        id
    }
}

/// A list as disjoint, not adjacent, ascending intervals of one IP version.
fn accepted(set: &AddressSet, v4: bool, top: u128) -> Vec<(u128, u128)> {
    let of_version = |ranges: &[AddressRange]| {
        let mut out: Vec<(u128, u128)> = ranges
            .iter()
            .filter_map(|r| match (r.first, r.last) {
                (IpAddr::V4(a), IpAddr::V4(b)) if v4 => Some((u32::from(a).into(), u32::from(b).into())),
                (IpAddr::V6(a), IpAddr::V6(b)) if !v4 => Some((a.into(), b.into())),
                _ => None,
            })
            .collect();
        out.sort_unstable();
        let mut joined: Vec<(u128, u128)> = vec![];
        for (first, last) in out {
            match joined.last_mut() {
                Some(previous) if first <= previous.1.saturating_add(1) => previous.1 = previous.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        joined
    };
    let include = if set.include.is_empty() { vec![(0, top)] } else { of_version(&set.include) };
    let exclude = of_version(&set.exclude);
    let mut out = vec![];
    for (first, last) in include {
        // The next address that is not yet known to be in or out; none behind the top of the address space.
        let mut next = Some(first);
        for &(from, to) in &exclude {
            let Some(at) = next.filter(|at| to >= *at && from <= last) else { continue };
            if from > at {
                out.push((at, from - 1));
            }
            next = to.checked_add(1).filter(|n| *n <= top);
        }
        out.extend(next.filter(|at| *at <= last).map(|at| (at, last)));
    }
    out
}

impl AddressIndex {
    /// The row of an address.
    #[must_use]
    pub fn find(&self, addr: Addr, ip_version: u8) -> RowId {
        RowId(if ip_version == 4 { self.v4.find(addr.0 & u128::from(u32::MAX)) } else { self.v6.find(addr.0) })
    }

    /// Whether the addresses of `row` are in `list`.
    #[must_use]
    pub fn contains(&self, row: RowId, list: ListId) -> bool {
        if list == ListId::ANY {
            return true;
        }
        let word = row.0 as usize * self.words_per_row + usize::from(list.0 / 64);
        self.rows.get(word).is_some_and(|w| w >> (list.0 % 64) & 1 != 0)
    }

    /// How many different rows there are.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.len() / self.words_per_row.max(1)
    }

    /// How many addresses a list holds, as a rough measure of how much it narrows: IPv4 only.
    #[must_use]
    pub fn width(set: &AddressSet) -> u128 {
        accepted(set, true, u128::from(u32::MAX)).iter().map(|(first, last)| last - first + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range() -> impl Strategy<Value = AddressRange> {
        // A small space at both ends of the address space, so that ranges touch, overlap and reach the limits.
        let v4 = (0..64_u32, 0..64_u32, any::<bool>()).prop_map(|(a, b, high)| {
            let base = if high { u32::MAX - 63 } else { 0 };
            AddressRange { first: IpAddr::V4((base + a.min(b)).into()), last: IpAddr::V4((base + a.max(b)).into()) }
        });
        let v6 = (0..64_u128, 0..64_u128, any::<bool>()).prop_map(|(a, b, high)| {
            let base = if high { u128::MAX - 63 } else { 0 };
            AddressRange { first: IpAddr::V6((base + a.min(b)).into()), last: IpAddr::V6((base + a.max(b)).into()) }
        });
        prop_oneof![v4, v6]
    }

    fn set() -> impl Strategy<Value = AddressSet> {
        (prop::collection::vec(range(), 0..4), prop::collection::vec(range(), 0..4))
            .prop_map(|(include, exclude)| AddressSet { include, exclude })
    }

    proptest! {
        #[test]
        fn the_index_answers_as_the_sets_do(sets in prop::collection::vec(set(), 1..70)) {
            let mut lists = AddressLists::default();
            let ids: Vec<ListId> = sets.iter().map(|s| lists.intern(s).unwrap()).collect();
            let index = lists.build();
            let v4 = (0..70_u32).chain(u32::MAX - 70..=u32::MAX).map(|n| IpAddr::V4(n.into()));
            let v6 = (0..70_u128).chain(u128::MAX - 70..=u128::MAX).map(|n| IpAddr::V6(n.into()));
            for ip in v4.chain(v6) {
                let row = index.find(Addr::from(ip), if ip.is_ipv4() { 4 } else { 6 });
                for (set, id) in sets.iter().zip(&ids) {
                    prop_assert_eq!(index.contains(row, *id), set.contains(ip), "{:?} in {:?}", ip, set);
                }
            }
        }
    }
}
