//! The streams of a flow that are not over.

use super::transaction::Http2Transaction;
use std::collections::BTreeMap;

/// Most streams of a flow that are followed at once: more than servers allow.
pub const STREAM_LIMIT: usize = 256;

/// Streams whose bodies are kept as the policy for files says; of further ones little is.
const WHOLE_BODIES: usize = 64;

/// Bytes kept of the body of such a one.
const SMALL_BODY: usize = 4096;

/// By their numbers, which ascend as they begin.
#[derive(Debug, Default)]
pub struct Streams {
    open: BTreeMap<u32, Box<Http2Transaction>>,
    /// The highest number that was seen, of those that clients and servers begin.
    highest: [u32; 2],
    /// Numbers of transactions given away.
    transactions: u64,
}

impl Streams {
    /// The number of the next transaction.
    pub fn next_id(&mut self) -> u64 {
        let id = self.transactions;
        self.transactions += 1;
        id
    }

    /// A stream that is open.
    pub fn get(&mut self, stream: u32) -> Option<&mut Http2Transaction> {
        self.open.get_mut(&stream).map(|transaction| &mut **transaction)
    }

    /// The stream was there before and is over.
    #[must_use]
    pub fn is_over(&self, stream: u32) -> bool {
        stream <= self.highest.get(stream as usize & 1).copied().unwrap_or_default() && !self.open.contains_key(&stream)
    }

    /// A stream begins.
    pub fn begin(&mut self, stream: u32) {
        let id = self.next_id();
        if let Some(highest) = self.highest.get_mut(stream as usize & 1) {
            *highest = (*highest).max(stream);
        }
        self.open.insert(stream, Box::new(Http2Transaction::new(id, stream)));
    }

    /// There are as many as may be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.open.len() >= STREAM_LIMIT
    }

    /// The oldest.
    #[must_use]
    pub fn oldest(&self) -> Option<u32> {
        self.open.first_key_value().map(|(stream, _)| *stream)
    }

    /// The first with this number or a higher one.
    #[must_use]
    pub fn next(&self, from: u32) -> Option<u32> {
        self.open.range(from..).next().map(|(stream, _)| *stream)
    }

    /// Takes a stream out.
    pub fn remove(&mut self, stream: u32) -> Option<Box<Http2Transaction>> {
        self.open.remove(&stream)
    }

    /// Bodies whose coding looks far back, while it is undone.
    #[must_use]
    pub fn looking_far(&self) -> usize {
        let bodies = self.open.values().flat_map(|transaction| transaction.bodies());
        bodies.filter(|body| body.looks_far()).count()
    }

    /// Bytes to keep of a body that begins now, of those that the policy allows.
    #[must_use]
    pub fn keep(&self, allowed: usize) -> usize {
        if self.open.len() <= WHOLE_BODIES { allowed } else { allowed.min(SMALL_BODY) }
    }
}
