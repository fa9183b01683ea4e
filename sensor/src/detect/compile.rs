//! The literal sets of an engine, compiled side by side: first it is collected which ones are wanted, then all cores work
//! through them, the largest first, then each is fetched by who wanted it. Sets with equal literals are one.

use super::cache::DatabaseCache;
use super::hyperscan::{BlockSet, HyperscanError, Literal, StreamSet};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

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
    pub(super) fn compile(self, cache: &DatabaseCache) -> Result<Sets, HyperscanError> {
        let done: Vec<OnceLock<Result<Set, HyperscanError>>> = self.ids.iter().map(|_| OnceLock::new()).collect();
        let mut jobs: Vec<(Mode, Arc<[Literal]>, usize)> =
            self.ids.into_iter().map(|((mode, literals), id)| (mode, literals, id)).collect();
        jobs.sort_by_key(|(_, literals, _)| std::cmp::Reverse(literals.iter().map(|l| l.bytes.len()).sum::<usize>()));
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((mode, literals, id)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
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
        Ok(Sets(sets))
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
        let sets = plan.compile(&DatabaseCache::off()).unwrap();
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
    fn an_error_is_told() {
        let mut plan = Plan::default();
        plan.block(vec![]);
        plan.block(literals(&["good"]));
        assert!(plan.compile(&DatabaseCache::off()).is_err());
        assert!(Plan::default().compile(&DatabaseCache::off()).is_ok());
    }
}
