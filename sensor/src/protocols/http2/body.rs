//! Bodies: their codings undone, followed as files; those of forms, whose parts are files, part by part.

use crate::protocols::Part;
use crate::protocols::file::{FilePolicy, FileState, FileTracker};
use crate::protocols::http::{DecompressLimits, Decompressor, Form, codings};

/// Bodies of a flow whose coding looks far back, up to 16 MiB each, that are undone at a time.
pub(super) const FAR_LIMIT: usize = 2;

/// The body of one message.
#[derive(Debug)]
pub struct Body {
    /// All of it.
    pub(super) file: FileTracker,
    decompressor: Option<Decompressor>,
    /// It is a form: its parts are the files, and lie in what is kept of it.
    form: Option<Box<Form>>,
}

impl Body {
    /// One of which no byte came; `coding` is what its Content-Encoding says, and `far` whether it may be one that looks far back.
    pub(super) fn new(
        name: &[u8],
        (coding, far): (Option<&[u8]>, bool),
        range: Option<(u64, u64)>,
        policy: FilePolicy,
    ) -> Self {
        let mut file = FileTracker::new(name, policy);
        if let Some((first, last)) = range {
            file.set_range(first, last);
        }
        let limits = DecompressLimits { lzma: policy.lzma, ..DecompressLimits::default() };
        let undo = coding.map(|value| codings(value, &limits).0).unwrap_or_default();
        let decompressor = (!undo.is_empty()).then(|| {
            if !far && undo.iter().any(|coding| coding.looks_far()) {
                Decompressor::stopped()
            } else {
                Decompressor::new(&undo)
            }
        });
        Self { file, decompressor, form: None }
    }

    /// It is a form, if its content type says so.
    pub(super) fn of_type(mut self, content_type: Option<&[u8]>) -> Self {
        self.form = content_type.and_then(Form::of).map(Box::new);
        self
    }

    /// It holds much of what came before.
    pub(super) fn looks_far(&self) -> bool {
        self.decompressor.as_ref().is_some_and(Decompressor::looks_far)
    }

    /// It is not undone, since too many look far back.
    pub(super) fn is_stopped(&self) -> bool {
        self.decompressor.as_ref().is_some_and(Decompressor::is_stopped)
    }

    /// More of it; whether its coding could not be undone. Files that begin in it are followed by `policy`.
    pub(super) fn push(&mut self, bytes: &[u8], policy: FilePolicy) -> bool {
        let Self { file, decompressor, form } = self;
        // What rules look at is kept with the body.
        let policy = FilePolicy { keep: 0, ..policy };
        let mut sink = |bytes: &[u8]| {
            file.push(bytes);
            if let Some(form) = form {
                form.push(bytes, policy);
            }
        };
        match decompressor {
            None => {
                sink(bytes);
                false
            }
            Some(decompressor) => decompressor.push(bytes, &DecompressLimits::default(), &mut sink).is_some(),
        }
    }

    /// So many bytes are missing.
    pub(super) fn gap(&mut self, len: u64) {
        self.file.gap(len);
        if let Some(form) = &mut self.form {
            form.gap(len);
        }
        if self.decompressor.is_some() {
            self.decompressor = Some(Decompressor::stopped());
        }
    }

    /// It is over; whether all of it was to come.
    pub(super) fn end(&mut self, whole: bool) {
        let state = if whole { FileState::Closed } else { FileState::Truncated };
        self.file.close(state);
        if let Some(form) = &mut self.form {
            form.end(state);
        }
    }

    /// Its parts are files, and not it.
    pub(super) fn is_form(&self) -> bool {
        self.form.is_some()
    }

    /// The number of a part that is a file, is over and was not told.
    pub(super) fn next_over(&mut self) -> Option<usize> {
        self.form.as_mut()?.over()
    }

    /// Who follows file number `index`.
    pub(super) fn tracker(&self, index: usize) -> Option<&FileTracker> {
        match &self.form {
            Some(form) => form.parts.get(index).map(|part| &part.tracker),
            None => Some(&self.file).filter(|_| index == 0),
        }
    }

    /// The same, to have it stored.
    pub(super) fn tracker_mut(&mut self, index: usize) -> Option<&mut FileTracker> {
        match &mut self.form {
            Some(form) => form.parts.get_mut(index).map(|part| &mut part.tracker),
            None => Some(&mut self.file).filter(|_| index == 0),
        }
    }

    /// What is there of the bytes of file number `index`.
    pub(super) fn file_part(&self, index: usize) -> Option<Part<'_>> {
        let all = self.file.data();
        match &self.form {
            Some(form) => form.file_part(index, all.data, all.complete),
            None => Some(all).filter(|part| index == 0 && !part.data.is_empty()),
        }
    }
}
