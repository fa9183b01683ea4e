//! A compiled ruleset: immutable, shared by all workers, identified by a hash.

use crate::model::Signature;

/// An immutable set of signatures, in the order in which they are judged.
#[derive(Debug, Default)]
pub struct Ruleset {
    /// Indices into this list name a signature everywhere.
    pub signatures: Vec<Signature>,
}
