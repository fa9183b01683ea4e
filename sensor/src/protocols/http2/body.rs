//! Bodies: their codings undone, followed as files.

use crate::protocols::file::{FilePolicy, FileState, FileTracker};
use crate::protocols::http::{DecompressLimits, Decompressor, codings};

/// The body of one message.
#[derive(Debug)]
pub struct Body {
    pub(super) file: FileTracker,
    decompressor: Option<Decompressor>,
}

impl Body {
    /// One of which no byte came; `coding` is what its Content-Encoding says.
    pub(super) fn new(name: &[u8], coding: Option<&[u8]>, range: Option<(u64, u64)>, policy: FilePolicy) -> Self {
        let mut file = FileTracker::new(name, policy);
        if let Some((first, last)) = range {
            file.set_range(first, last);
        }
        let undo = coding.map(|value| codings(value, &DecompressLimits::default()).0).unwrap_or_default();
        let decompressor = (!undo.is_empty()).then(|| Decompressor::new(&undo));
        Self { file, decompressor }
    }

    /// More of it; whether its coding could not be undone.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        match &mut self.decompressor {
            None => {
                self.file.push(bytes);
                false
            }
            Some(decompressor) => {
                let file = &mut self.file;
                decompressor.push(bytes, &DecompressLimits::default(), &mut |bytes| file.push(bytes)).is_some()
            }
        }
    }

    /// So many bytes are missing.
    pub(super) fn gap(&mut self, len: u64) {
        self.file.gap(len);
        if self.decompressor.is_some() {
            self.decompressor = Some(Decompressor::stopped());
        }
    }

    /// It is over; whether all of it was to come.
    pub(super) fn end(&mut self, whole: bool) {
        self.file.close(if whole { FileState::Closed } else { FileState::Truncated });
    }
}
