//! The literal sets of an engine, compiled side by side: first it is collected which ones are wanted, then all cores work
//! through them, the largest first, then each is fetched by who wanted it. Sets with equal literals are one.

use super::cache::DatabaseCache;
use super::hyperscan::{BlockSet, HyperscanError, Literal, StreamSet};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    Block,
    Stream,
}

/// What is wanted.
#[derive(Default)]
pub(super) struct Plan {
    ids: HashMap<(Mode, Arc<[Literal]>), usize>,
}

/// Names a set that was wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted(usize);

enum Set {
    Block(Arc<BlockSet>),
    Stream(Arc<StreamSet>),
}

/// A set as long as some engine has it.
#[derive(Clone)]
enum WeakSet {
    Block(Weak<BlockSet>),
    Stream(Weak<StreamSet>),
}

/// The sets of the engines that are in use: the next one shares those that it wants as well. Between two rulesets that differ in a
/// few rules these are nearly all.
#[derive(Clone, Default)]
pub(super) struct KnownSets(HashMap<(Mode, [u8; 32]), WeakSet>);

impl KnownSets {
    fn get(&self, mode: Mode, literals: &[Literal]) -> Option<Set> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.0.get(&(mode, digest(literals)))? {
            WeakSet::Block(set) => Set::Block(set.upgrade()?),
            WeakSet::Stream(set) => Set::Stream(set.upgrade()?),
        })
    }

    /// Keeps in mind the sets of these jobs, and no others.
    fn remember(&mut self, jobs: &[(Mode, Arc<[Literal]>, usize)], sets: &Sets) {
        let entry = |(mode, literals, id): &(Mode, Arc<[Literal]>, usize)| {
            let set = match sets.0.get(*id)? {
                Set::Block(set) => WeakSet::Block(Arc::downgrade(set)),
                Set::Stream(set) => WeakSet::Stream(Arc::downgrade(set)),
            };
            Some(((*mode, digest(literals)), set))
        };
        self.0 = jobs.iter().filter_map(entry).collect();
    }
}

/// SHA-256 over the literals: what names a set.
fn digest(literals: &[Literal]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for literal in literals {
        hasher.update((literal.bytes.len() as u64).to_le_bytes());
        hasher.update([u8::from(literal.nocase)]);
        hasher.update(&literal.bytes);
    }
    hasher.finalize().into()
}

/// All that was wanted.
pub(super) struct Sets(Vec<Set>);

impl Plan {
    /// A set for buffers that are there as a whole. There must be literals.
    pub(super) fn block(&mut self, literals: Vec<Literal>) -> Wanted {
        self.add(Mode::Block, literals)
    }

    /// A set for streams. There must be literals.
    pub(super) fn stream(&mut self, literals: Vec<Literal>) -> Wanted {
        self.add(Mode::Stream, literals)
    }

    fn add(&mut self, mode: Mode, literals: Vec<Literal>) -> Wanted {
        let next = self.ids.len();
        Wanted(*self.ids.entry((mode, literals.into())).or_insert(next))
    }

    /// Compiles all of it, on all cores, or takes it from `cache`.
    ///
    /// # Errors
    /// The first set's that Hyperscan does not compile.
    pub(super) fn compile(self, cache: &DatabaseCache, known: &mut KnownSets) -> Result<Sets, HyperscanError> {
        let done: Vec<OnceLock<Result<Set, HyperscanError>>> = self.ids.iter().map(|_| OnceLock::new()).collect();
        let mut jobs: Vec<(Mode, Arc<[Literal]>, usize)> =
            self.ids.into_iter().map(|((mode, literals), id)| (mode, literals, id)).collect();
        jobs.sort_by_key(|(_, literals, _)| std::cmp::Reverse(literals.iter().map(|l| l.bytes.len()).sum::<usize>()));
        let next = AtomicUsize::new(0);
        let before: &KnownSets = known;
        let work = || {
            while let Some((mode, literals, id)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Some(set) = before.get(*mode, literals) {
                    drop(done[*id].set(Ok(set)));
                    continue;
                }
                let set = match mode {
                    Mode::Block => cache.set(literals).map(|set| Set::Block(Arc::new(set))),
                    Mode::Stream => cache.set(literals).map(|set| Set::Stream(Arc::new(set))),
                };
                // Each is done once: the place is empty.
                drop(done[*id].set(set));
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
        std::thread::scope(|scope| {
            // The calling thread is one of them.
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let unfinished = || Err(HyperscanError::Runtime("a thread that compiled rules did not finish".into()));
        let sets = done.into_iter().map(|set| set.into_inner().unwrap_or_else(unfinished)).collect::<Result<_, _>>()?;
        cache.prune();
        let sets = Sets(sets);
        known.remember(&jobs, &sets);
        Ok(sets)
    }
}

impl Sets {
    /// The set that [`Plan::block`] named.
    ///
    /// # Errors
    /// It is of another plan.
    pub(super) fn block(&self, wanted: Wanted) -> Result<Arc<BlockSet>, HyperscanError> {
        match self.0.get(wanted.0) {
            Some(Set::Block(set)) => Ok(Arc::clone(set)),
            _ => Err(no_such_set()),
        }
    }

    /// The set that [`Plan::stream`] named.
    ///
    /// # Errors
    /// It is of another plan.
    pub(super) fn stream(&self, wanted: Wanted) -> Result<Arc<StreamSet>, HyperscanError> {
        match self.0.get(wanted.0) {
            Some(Set::Stream(set)) => Ok(Arc::clone(set)),
            _ => Err(no_such_set()),
        }
    }
}

fn no_such_set() -> HyperscanError {
    HyperscanError::Runtime("a set of literals is missing".into())
}

#[cfg(test)]
mod tests {
    use super::super::hyperscan::ScanScratch;
    use super::*;

    fn literals(words: &[&str]) -> Vec<Literal> {
        words.iter().map(|word| Literal { bytes: word.as_bytes().into(), nocase: false }).collect()
    }

    #[test]
    fn each_gets_what_it_wanted_and_equals_are_one() {
        let mut plan = Plan::default();
        let lists: Vec<Vec<String>> = (0..40).map(|i| (0..=i).map(|n| format!("word{n}-{i}")).collect()).collect();
        let as_literals = |list: &Vec<String>| literals(&list.iter().map(String::as_str).collect::<Vec<_>>());
        let wanted: Vec<Wanted> = lists.iter().map(|list| plan.block(as_literals(list))).collect();
        let again = plan.block(as_literals(&lists[7]));
        let stream = plan.stream(as_literals(&lists[7]));
        let sets = plan.compile(&DatabaseCache::off(), &mut KnownSets::default()).unwrap();
        for (list, wanted) in lists.iter().zip(&wanted) {
            let set = sets.block(*wanted).unwrap();
            let mut scratch = ScanScratch::default();
            scratch.cover_block(&set).unwrap();
            let mut hits = vec![];
            set.scan(list.join(" ").as_bytes(), &scratch, |id, _| hits.push(id as usize));
            assert_eq!(hits, (0..list.len()).collect::<Vec<_>>());
        }
        assert!(Arc::ptr_eq(&sets.block(again).unwrap(), &sets.block(wanted[7]).unwrap()));
        assert!(sets.stream(stream).is_ok() && sets.block(stream).is_err() && sets.stream(again).is_err());
        assert!(sets.block(Wanted(99)).is_err());
    }

    #[test]
    fn what_an_engine_in_use_has_is_shared() {
        let mut known = KnownSets::default();
        let mut compiled = |words: &[&[&str]]| {
            let mut plan = Plan::default();
            let wanted: Vec<Wanted> = words.iter().map(|list| plan.block(literals(list))).collect();
            let sets = plan.compile(&DatabaseCache::off(), &mut known).unwrap();
            wanted.into_iter().map(|w| sets.block(w).unwrap()).collect::<Vec<_>>()
        };
        let first = compiled(&[&["one", "two"], &["three"]]);
        let second = compiled(&[&["three"], &["one", "two", "four"]]);
        assert!(Arc::ptr_eq(&first[1], &second[0]));
        let old = Arc::downgrade(&first[0]);
        drop((first, second));
        assert!(old.upgrade().is_none(), "nobody keeps a set that no engine has");
        assert_eq!(compiled(&[&["three"]]).len(), 1);
    }

    #[test]
    fn an_error_is_told() {
        let mut plan = Plan::default();
        plan.block(vec![]);
        plan.block(literals(&["good"]));
        assert!(plan.compile(&DatabaseCache::off(), &mut KnownSets::default()).is_err());
        assert!(Plan::default().compile(&DatabaseCache::off(), &mut KnownSets::default()).is_ok());
    }
}
