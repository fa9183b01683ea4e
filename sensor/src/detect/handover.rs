//! How a worker comes to the next ruleset: between two batches, with no lock, and without freeing anything.
//!
//! Whoever builds the engine also builds what each worker needs for it, and puts that into the worker's [`Handover`]. The
//! worker looks there once a batch, takes it, and puts what it had into the other slot, from where it is fetched and freed.

use super::cost::RuleCosts;
use super::engine::Engine;
use super::hyperscan::HyperscanError;
use super::scans::Scans;
use crate::output::AlertCatalog;
use crossbeam::atomic::AtomicCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All that a worker needs to judge by an engine.
pub struct Equipment {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Working memory for its literal sets.
    pub scans: Scans,
    /// Where its rules' costs are counted.
    pub costs: Arc<RuleCosts>,
    /// Which of its signatures are counted one by one.
    pub catalog: Arc<AlertCatalog>,
}

impl Equipment {
    /// For one worker.
    ///
    /// # Errors
    /// Hyperscan has no memory for its scratch space.
    pub fn new(engine: &Arc<Engine>, catalog: Arc<AlertCatalog>) -> Result<Self, HyperscanError> {
        let costs = Arc::new(RuleCosts::new(engine.ruleset.signatures.len()));
        Ok(Self { engine: Arc::clone(engine), scans: Scans::new(engine)?, costs, catalog })
    }
}

/// See the module. Two slots: what is to come, and what is over.
#[derive(Default)]
pub struct Handover {
    waiting: AtomicBool,
    next: AtomicCell<Option<Box<Equipment>>>,
    retired: AtomicCell<Option<Box<Equipment>>>,
}

impl Handover {
    /// Puts equipment there for the worker to take. Returns what waited there and was not taken yet.
    pub fn put(&self, equipment: Box<Equipment>) -> Option<Box<Equipment>> {
        let before = self.next.swap(Some(equipment));
        self.waiting.store(true, Ordering::Release);
        before
    }

    /// What the worker gave back. To be asked before something new is put there, so that the worker never frees anything.
    pub fn take_retired(&self) -> Option<Box<Equipment>> {
        self.retired.take()
    }

    /// The worker's end: what waits, if anything does.
    #[inline]
    pub(crate) fn take_next(&self) -> Option<Box<Equipment>> {
        if !self.waiting.load(Ordering::Relaxed) {
            return None;
        }
        self.waiting.store(false, Ordering::Relaxed);
        self.next.take()
    }

    /// The worker's end: what is of no use any more.
    pub(crate) fn retire(&self, equipment: Box<Equipment>) {
        self.retired.store(Some(equipment));
    }
}

impl std::fmt::Debug for Handover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handover").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_signatures::ruleset::Ruleset;

    #[test]
    fn what_is_put_there_is_taken_once() {
        assert!(AtomicCell::<Option<Box<Equipment>>>::is_lock_free());
        let equipment = || {
            let engine = Arc::new(Engine::new(Arc::new(Ruleset::default())).unwrap());
            Box::new(Equipment::new(&engine, Arc::default()).unwrap())
        };
        let handover = Handover::default();
        assert!(handover.take_next().is_none());
        let (first, second) = (equipment(), equipment());
        let engine = Arc::clone(&second.engine);
        assert!(handover.put(first).is_none());
        assert!(handover.put(second).is_some(), "the first one was never taken");
        let taken = handover.take_next().unwrap();
        assert!(Arc::ptr_eq(&taken.engine, &engine));
        assert!(handover.take_next().is_none());
        handover.retire(taken);
        assert!(handover.take_retired().is_some());
        assert!(handover.take_retired().is_none());
    }
}
