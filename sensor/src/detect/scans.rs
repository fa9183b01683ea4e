//! A worker's working memory for the literal sets of one engine: what has to be there anew when the engine changes.
//!
//! It is made by whoever builds the engine, off the packet path, and handed to the worker with it; the worker hands back the
//! old one to be freed elsewhere.

use super::engine::{Engine, LiteralSet};
use super::hyperscan::{HyperscanError, ScanScratch, ScanStream, StreamSet};

/// See the module.
pub struct Scans {
    pub(super) scratch: ScanScratch,
    /// Scan states of streams, in use or not.
    pub(super) streams: Vec<ScanStream>,
    /// By group: scan states that no stream uses.
    pub(super) free: Vec<Vec<u32>>,
    /// By group: a scan state for TCP payload that is not part of a stream.
    pub(super) spare: Vec<Option<ScanStream>>,
}

impl Scans {
    /// For one worker and the sets of `engine`.
    ///
    /// # Errors
    /// Hyperscan has no memory for its scratch space.
    pub fn new(engine: &Engine) -> Result<Self, HyperscanError> {
        let mut scratch = ScanScratch::default();
        let mut spare = vec![];
        for group in &engine.groups {
            spare.push(match &group.literals {
                LiteralSet::None => None,
                LiteralSet::Block(set) => {
                    scratch.cover_block(set)?;
                    None
                }
                LiteralSet::Stream(set) => {
                    scratch.cover_stream(set)?;
                    Some(set.open()?)
                }
            });
        }
        for set in engine.buffer_sets() {
            scratch.cover_block(set)?;
        }
        Ok(Self { scratch, streams: vec![], free: engine.groups.iter().map(|_| vec![]).collect(), spare })
    }

    /// A scan state at the beginning of a stream, for a set of `group`; none without memory.
    pub(super) fn take(&mut self, set: &StreamSet, group: u16) -> Option<u32> {
        if let Some(scan) = self.free.get_mut(usize::from(group)).and_then(Vec::pop) {
            self.streams.get(scan as usize)?.reset(&self.scratch);
            return Some(scan);
        }
        self.streams.push(set.open().ok()?);
        Some((self.streams.len() - 1) as u32)
    }

    /// No stream uses it any more.
    pub(super) fn give_back(&mut self, group: u16, scan: u32) {
        if let Some(free) = self.free.get_mut(usize::from(group)) {
            free.push(scan);
        }
    }
}
