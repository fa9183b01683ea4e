//! In place of the engine where the feature `yara` is left out: no rules can be compiled, and so nothing can scan.

use super::rules::Described;
use super::scan::Failure;
use sekisho_signatures::report::Problem;
use std::path::PathBuf;
use std::time::Duration;

/// This build runs no YARA rules.
pub const PRESENT: bool = false;

/// There are none.
pub(super) enum Compiled {}

/// None: a configuration that names YARA rules is refused before.
pub(super) fn compile(_: &[(PathBuf, Vec<u8>)], _: &mut Vec<Problem>) -> Option<Compiled> {
    None
}

impl Compiled {
    pub fn public_rules(&self) -> Vec<Described> {
        match *self {}
    }
}

/// What would scan.
pub(super) struct Engine<'r>(&'r Compiled);

impl<'r> Engine<'r> {
    pub fn new(compiled: &'r Compiled, _: Duration) -> Self {
        Self(compiled)
    }

    pub fn scan(&mut self, _: &[(&str, &str)], _: &[u8], _: impl FnMut(&str, &str)) -> Result<(), Failure> {
        match *self.0 {}
    }
}
