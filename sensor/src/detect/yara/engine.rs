//! The crate that compiles and runs YARA rules, behind the little that the sensor asks of it. It is a compiler with many readers of
//! file formats, and half of the time that the sensor takes to build: who needs no YARA rules leaves the feature `yara` out.

use super::rules::Described;
use super::scan::Failure;
use rustc_hash::FxHashSet;
use sekisho_signatures::report::{Excerpt, Problem, Severity};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use yara_x::errors::CompileError;
use yara_x::{Compiler, MetaValue, Rule, Rules, ScanError, Scanner, SourceCode};

/// This build runs YARA rules.
pub const PRESENT: bool = true;

/// Places at which one pattern is found in one file; those behind are not looked for.
const MAX_MATCHES: usize = 10_000;

/// Texts that are known of a file beside its bytes.
const GLOBALS: [&str; 7] = ["filename", "filepath", "extension", "app_proto", "direction", "filetype", "owner"];

/// Rules that scan.
pub(super) struct Compiled(Rules);

/// Compiles these files; of what is wrong, and left out, `problems` tells.
pub(super) fn compile(sources: &[(PathBuf, Vec<u8>)], problems: &mut Vec<Problem>) -> Option<Compiled> {
    let mut compiler = Compiler::new();
    compiler.relaxed_re_syntax(true);
    for name in GLOBALS {
        // Names and values are such that it cannot fail.
        let _ = compiler.define_global(name, "");
    }
    let folders: FxHashSet<_> = sources.iter().filter_map(|(file, _)| file.parent()).collect();
    for folder in folders {
        compiler.add_include_dir(folder);
    }
    for (file, text) in sources {
        let name = file.display().to_string();
        let errors = compiler.errors().len();
        // The errors are kept, and told below.
        let _ = compiler.new_namespace(&name).add_source(SourceCode::from(text.as_slice()).with_origin(&*name));
        problems.extend(compiler.errors().iter().skip(errors).map(|error| problem(error, file, text)));
    }
    Some(Compiled(compiler.build()))
}

impl Compiled {
    /// Those that can alert.
    pub fn public_rules(&self) -> Vec<Described> {
        self.0.iter().filter(|rule| !rule.is_private()).map(|rule| describe(&rule)).collect()
    }
}

fn describe(rule: &Rule<'_, '_>) -> Described {
    let metadata = rule.metadata().map(|(key, value)| {
        let text: Arc<str> = match value {
            MetaValue::Integer(n) => n.to_string().into(),
            MetaValue::Float(n) => n.to_string().into(),
            MetaValue::Bool(b) => b.to_string().into(),
            MetaValue::String(text) => text.into(),
            MetaValue::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
        };
        (key.into(), text)
    });
    Described {
        namespace: rule.namespace().into(),
        name: rule.identifier().into(),
        metadata: metadata.collect(),
        tags: rule.tags().map(|tag| tag.identifier().into()).collect(),
    }
}

/// An error at its place.
fn problem(error: &CompileError, file: &Path, text: &[u8]) -> Problem {
    let mut message = error.title().to_owned();
    let (mut place, mut origin) = (None, None);
    if let Some(label) = error.labels().next() {
        if label.text() != message {
            message = format!("{message}: {}", label.text());
        }
        place = Some((label.span().start(), label.span().end()));
        origin = label.origin().map(PathBuf::from);
    }
    // A file that was included is read again: there are few, and this is an error.
    let included = origin.filter(|origin| origin != file);
    let its_text = included.as_ref().map(|path| std::fs::read(path).unwrap_or_default());
    let text = its_text.as_deref().unwrap_or(text);
    let (start, end) = place.unwrap_or_default();
    let before = text.get(..start).unwrap_or(text);
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..).and_then(|rest| rest.split(|&b| b == b'\n').next()).unwrap_or_default();
    let column = before.len() - line_start;
    let number = before.iter().filter(|&&b| b == b'\n').count() + 1;
    Problem {
        file: included.unwrap_or_else(|| file.to_owned()),
        line: u32::try_from(number).unwrap_or(u32::MAX),
        column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        severity: Severity::Error,
        sid: None,
        message,
        excerpt: Excerpt::new(line, column, end.saturating_sub(start)),
    }
}

/// What scans one file after the other.
pub(super) struct Engine<'r>(Scanner<'r>);

impl<'r> Engine<'r> {
    /// A file may take as long as `timeout`.
    pub fn new(compiled: &'r Compiled, timeout: Duration) -> Self {
        let mut scanner = Scanner::new(&compiled.0);
        scanner.set_timeout(timeout);
        scanner.max_matches_per_pattern(MAX_MATCHES);
        Self(scanner)
    }

    /// Scans a file of which these texts are known; gives namespace and name of each rule that matches to `matched`.
    pub fn scan(
        &mut self,
        known: &[(&str, &str)],
        bytes: &[u8],
        mut matched: impl FnMut(&str, &str),
    ) -> Result<(), Failure> {
        let other = |error: &dyn fmt::Display| Failure::Other(error.to_string());
        for &(key, value) in known {
            self.0.set_global(key, value).map_err(|error| other(&error))?;
        }
        match self.0.scan(bytes) {
            Ok(results) => results.matching_rules().for_each(|rule| matched(rule.namespace(), rule.identifier())),
            Err(ScanError::Timeout) => return Err(Failure::Timeout),
            Err(error) => return Err(other(&error)),
        }
        Ok(())
    }
}
