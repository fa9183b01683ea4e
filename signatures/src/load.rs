//! Rule files to signatures: finds the files, checks every rule, settles duplicates, and says what was wrong and where.
//! A bad rule is reported and left out; it never stops the others.

use crate::check::{Checked, Resolved, Warning, check, option_number};
use crate::classification::Classifications;
use crate::lint::{self, Lint, flowbits::Uses};
use crate::model::{Place, Signature};
use crate::report::{self, Excerpt, Problem, Severity};
use crate::syntax::lines::{Line, Lines, lines, whole_rules};
use crate::syntax::{Rule, Span, Text, parse};
use crate::variables::Variables;
use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file that are read at a time.
const PIECE: u64 = 256 << 10;

/// What became of the rules.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Rules that can be evaluated, in the files' order.
    pub signatures: Vec<Arc<Signature>>,
    /// Rules that use what is not built yet.
    pub skipped: Vec<Skipped>,
    /// What is wrong, in the files' order.
    pub problems: Vec<Problem>,
    /// Rules that are commented out.
    pub disabled: usize,
    /// The files that were read; [`Place::file`] counts these.
    pub files: Vec<PathBuf>,
    /// What the rules' authors should know although nothing is wrong, if it was asked for; in no order.
    pub lints: Vec<Lint>,
}

impl Loaded {
    /// How many rules are in error.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.problems.iter().filter(|p| p.severity == Severity::Error && p.line > 0).count()
    }

    /// Whether there is an error, be it in a rule or in reading a file.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }
}

/// A rule that is right as far as is known, but cannot be evaluated yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The keyword, protocol or action that is not built.
    pub keyword: Box<str>,
    /// Where that stands.
    pub place: Place,
    /// The rule's sid.
    pub sid: u32,
    /// Its revision.
    pub rev: u32,
}

/// Reads rules from files, folders (their `*.rules`, sorted) and patterns (`*` and `?` in the last part of a path).
///
/// Of two rules with the same gid and sid the one with the higher rev is taken, with a warning; of the same rev, the first,
/// with an error.
#[must_use]
pub fn load(paths: &[PathBuf], variables: &Variables, classifications: &Classifications) -> Loaded {
    let mut loader = Loader::new(variables, classifications);
    loader.paths(paths);
    loader.finish()
}

/// The same for rules that are only to be judged: their texts, which are most of what was read, are not kept.
#[must_use]
pub fn load_without_texts(paths: &[PathBuf], variables: &Variables, classifications: &Classifications) -> Loaded {
    let mut loader = Loader { keeps_texts: false, ..Loader::new(variables, classifications) };
    loader.paths(paths);
    loader.finish()
}

/// As [`load`], with [`crate::lint`] over the rules that are taken.
#[must_use]
pub fn load_linted(paths: &[PathBuf], variables: &Variables, classifications: &Classifications) -> Loaded {
    let mut loader = Loader::new(variables, classifications).with_lints();
    loader.paths(paths);
    loader.finish()
}

/// The same for one text; `name` stands for the file in messages.
#[must_use]
pub fn load_text(name: &Path, text: &[u8], variables: &Variables, classifications: &Classifications) -> Loaded {
    let mut loader = Loader::new(variables, classifications);
    loader.text(name, text);
    loader.finish()
}

/// [`load_linted`] for one text.
#[must_use]
pub fn load_text_linted(name: &Path, text: &[u8], variables: &Variables, classifications: &Classifications) -> Loaded {
    let mut loader = Loader::new(variables, classifications).with_lints();
    loader.text(name, text);
    loader.finish()
}

/// The files that a path stands for: of a directory those whose names are like one of `names`, of a name with `*` or `?` those
/// that are like it, else the path itself.
///
/// # Errors
/// In words: the directory cannot be listed, or nothing in it is meant.
pub fn expand(path: &Path, names: &[&str]) -> Result<Vec<PathBuf>, String> {
    if path.is_dir() {
        return matching(path, names);
    }
    let pattern = path.file_name().and_then(|n| n.to_str()).filter(|n| n.contains(['*', '?']));
    match pattern {
        Some(pattern) if !path.exists() => {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            matching(parent, &[pattern])
        }
        _ => Ok(vec![path.to_owned()]),
    }
}

fn matching(folder: &Path, patterns: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>())
        .map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    files.retain(|f| {
        f.is_file()
            && f.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| patterns.iter().any(|pattern| wildcard(pattern.as_bytes(), n.as_bytes())))
    });
    if files.is_empty() {
        return Err(format!("no file in {} is like {}", folder.display(), patterns.join(" or ")));
    }
    files.sort();
    Ok(files)
}

/// Whether a name fits a pattern of `*` (any run) and `?` (any byte).
fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while let Some(&byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == byte => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, n) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|b| *b == b'*')
}

/// Where a rule of some gid and sid was taken from.
struct Taken {
    rev: u32,
    kept: Kept,
}

#[derive(Clone, Copy)]
enum Kept {
    Signature(usize),
    Skipped(usize),
}

/// What lints know of the rules read so far.
#[derive(Default)]
struct Linted {
    uses: Uses,
    /// Findings about one rule, with its gid, sid and rev: another revision may yet take its place.
    found: Vec<((u32, u32), u32, Lint)>,
}

struct Loader<'a> {
    variables: &'a Variables,
    classifications: &'a Classifications,
    resolved: Resolved,
    warnings: Vec<Warning>,
    taken: FxHashMap<(u32, u32), Taken>,
    read: FxHashSet<PathBuf>,
    keeps_texts: bool,
    signatures: Vec<Option<Arc<Signature>>>,
    skipped: Vec<Option<Skipped>>,
    linted: Option<Linted>,
    loaded: Loaded,
}

impl<'a> Loader<'a> {
    fn new(variables: &'a Variables, classifications: &'a Classifications) -> Self {
        Self {
            variables,
            classifications,
            resolved: Resolved::default(),
            warnings: Vec::new(),
            taken: FxHashMap::default(),
            read: FxHashSet::default(),
            keeps_texts: true,
            signatures: Vec::new(),
            skipped: Vec::new(),
            linted: None,
            loaded: Loaded::default(),
        }
    }

    /// Rules are linted as they are read.
    fn with_lints(mut self) -> Self {
        self.linted = Some(Linted::default());
        self
    }

    fn paths(&mut self, paths: &[PathBuf]) {
        for path in paths {
            match expand(path, &["*.rules"]) {
                Ok(files) => files.iter().for_each(|file| self.file(file)),
                Err(message) => self.unreadable(path, message),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        // A file that is named twice, or is in a folder that is named too, is read once.
        if let Ok(real) = path.canonicalize()
            && !self.read.insert(real)
        {
            return;
        }
        if let Err(error) = File::open(path).and_then(|file| self.pieces(path, file)) {
            self.unreadable(path, format!("cannot be read: {error}"));
        }
    }

    /// Reads a file piece by piece: all of it, beside all the rules that come of it, would be most of what loading needs of memory.
    fn pieces(&mut self, path: &Path, mut file: File) -> io::Result<()> {
        let (mut piece, mut first_line, mut number) = (Vec::new(), 1, None);
        loop {
            let last = file.by_ref().take(PIECE).read_to_end(&mut piece)? == 0;
            let number = *number.get_or_insert_with(|| self.number(path));
            let end = if last { piece.len() } else { whole_rules(&piece) };
            let mut lines = Lines::of_piece(piece.get(..end).unwrap_or_default(), first_line);
            self.lines(path, number, &mut lines);
            first_line = lines.next_line();
            piece.drain(..end);
            if last {
                return Ok(());
            }
        }
    }

    fn unreadable(&mut self, path: &Path, message: String) {
        self.loaded.problems.push(Problem {
            file: path.to_owned(),
            line: 0,
            column: 0,
            severity: Severity::Error,
            sid: None,
            message,
            excerpt: Excerpt::default(),
        });
    }

    /// What rules of a file know it by.
    fn number(&mut self, path: &Path) -> u32 {
        self.loaded.files.push(path.to_owned());
        u32::try_from(self.loaded.files.len() - 1).unwrap_or(u32::MAX)
    }

    fn text(&mut self, path: &Path, text: &[u8]) {
        let file = self.number(path);
        self.lines(path, file, &mut lines(text));
    }

    fn lines(&mut self, path: &Path, file: u32, lines: &mut Lines<'_>) {
        for line in lines.by_ref() {
            self.rule(path, file, &line);
        }
        self.loaded.disabled += lines.disabled();
    }

    fn rule(&mut self, path: &Path, file: u32, line: &Line<'_>) {
        let rule = match parse(&line.text) {
            Ok(rule) => rule,
            Err(error) => {
                return self.problem(path, line, error.span, Severity::Error, sid_in(&line.text), error.to_string());
            }
        };
        let (first_line, column) = line.position(rule.action.start);
        let place = Place { file, line: first_line, column };
        let outcome = check(
            &rule,
            &line.text,
            place,
            self.variables,
            self.classifications,
            &mut self.resolved,
            &mut self.warnings,
        );
        let sid = option_number(&rule, b"sid");
        if let Some(linted) = &mut self.linted {
            linted.uses.read(&rule, (option_number(&rule, b"gid").unwrap_or(1), sid.unwrap_or(0)));
        }
        for warning in std::mem::take(&mut self.warnings) {
            self.problem(path, line, warning.span, Severity::Warning, sid, warning.message);
        }
        match outcome {
            Err(error) => self.problem(path, line, error.span, Severity::Error, sid, error.to_string()),
            Ok(Checked::Signature(mut signature)) => {
                signature.resolve_lists(path.parent());
                signature.digest = Sha256::digest(signature.text.as_bytes()).into();
                if !self.keeps_texts {
                    signature.text = Box::default();
                }
                let kept = Kept::Signature(self.signatures.len());
                if self.take(path, line, &rule, (signature.gid, signature.sid), signature.rev, kept) {
                    self.lint(path, line, &rule, &signature);
                    self.signatures.push(Some(Arc::new(signature)));
                }
            }
            Ok(Checked::Skipped(skipped)) => {
                let kept = Kept::Skipped(self.skipped.len());
                // A rule for another version may have a twin for this one.
                let elsewhere = &*skipped.keyword == "requires";
                if elsewhere || self.take(path, line, &rule, (skipped.gid, skipped.sid), skipped.rev, kept) {
                    let (line, column) = line.position(skipped.span.start);
                    let place = Place { file, line, column };
                    let (keyword, sid, rev) = (skipped.keyword, skipped.sid, skipped.rev);
                    self.skipped.push(Some(Skipped { keyword, place, sid, rev }));
                }
            }
        }
    }

    /// Whether the rule is taken, given the others of its sid.
    fn take(&mut self, path: &Path, line: &Line<'_>, rule: &Rule<'_>, id: (u32, u32), rev: u32, kept: Kept) -> bool {
        let Some(earlier) = self.taken.get(&id) else {
            self.taken.insert(id, Taken { rev, kept });
            return true;
        };
        let before = earlier.rev;
        let span = option_span(rule, b"sid").unwrap_or(rule.action.span());
        if rev == before {
            let message = format!("sid {} rev {rev} stands here for the second time; the first is taken", id.1);
            self.problem(path, line, span, Severity::Error, Some(id.1), message);
            return false;
        }
        if rev < before {
            let message = format!("sid {} stands before with rev {before}; this one, rev {rev}, is left out", id.1);
            self.problem(path, line, span, Severity::Warning, Some(id.1), message);
            return false;
        }
        let message = format!("sid {} stands before with rev {before}; this one, rev {rev}, takes its place", id.1);
        match earlier.kept {
            Kept::Signature(index) => self.signatures[index] = None,
            Kept::Skipped(index) => self.skipped[index] = None,
        }
        self.taken.insert(id, Taken { rev, kept });
        self.problem(path, line, span, Severity::Warning, Some(id.1), message);
        true
    }

    /// Findings about a rule that is taken.
    fn lint(&mut self, path: &Path, line: &Line<'_>, rule: &Rule<'_>, signature: &Signature) {
        let Some(linted) = &mut self.linted else { return };
        let (id, rev) = ((signature.gid, signature.sid), signature.rev);
        for finding in lint::rule(rule, signature) {
            let problem = problem(path, line, finding.span, finding.severity, Some(signature.sid), finding.message);
            linted.found.push((id, rev, Lint { kind: finding.kind, problem }));
        }
        linted.uses.in_use(rule, id, rev, |span| {
            problem(path, line, span, Severity::Warning, Some(signature.sid), String::new())
        });
    }

    fn problem(
        &mut self,
        file: &Path,
        line: &Line<'_>,
        span: Span,
        severity: Severity,
        sid: Option<u32>,
        message: String,
    ) {
        self.loaded.problems.push(problem(file, line, span, severity, sid, message));
    }

    fn finish(mut self) -> Loaded {
        if let Some(Linted { uses, found }) = self.linted {
            // A revision that gave way to a later one is nobody's concern any more.
            let in_use = |id: (u32, u32), rev: u32| self.taken.get(&id).is_some_and(|t| t.rev == rev);
            let of_rules = found.into_iter().filter(|(id, rev, _)| in_use(*id, *rev)).map(|(_, _, lint)| lint);
            self.loaded.lints = of_rules.chain(uses.finish(in_use)).collect();
        }
        self.loaded.signatures = self.signatures.into_iter().flatten().collect();
        self.loaded.skipped = self.skipped.into_iter().flatten().collect();
        self.loaded
    }
}

/// A problem at a place in a rule's text.
fn problem(file: &Path, line: &Line<'_>, span: Span, severity: Severity, sid: Option<u32>, message: String) -> Problem {
    let (row, column) = line.position(span.start);
    let len = span.end.saturating_sub(span.start) as usize;
    let excerpt = Excerpt::new(line.around(span.start), column.saturating_sub(1) as usize, len);
    let message = report::shortened(message);
    Problem { file: file.to_owned(), line: row, column, severity, sid, message, excerpt }
}

fn option_span(rule: &Rule<'_>, name: &[u8]) -> Option<Span> {
    rule.options.iter().find(|o| o.name.bytes == name).map(|o| o.span())
}

fn number(text: Text<'_>) -> Option<u32> {
    std::str::from_utf8(text.bytes).ok()?.parse().ok()
}

/// The sid of a rule that does not parse, if it can be made out.
fn sid_in(text: &[u8]) -> Option<u32> {
    let at = memchr::memmem::rfind(text, b"sid:")?;
    let rest = Text::new(text, 0).from(at + 4).trim();
    let digits = rest.bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    number(rest.to(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(options: &str) -> String {
        format!("alert tcp any any -> any any ({options})\n")
    }
    fn read(text: &[u8]) -> Loaded {
        load_text(Path::new("x.rules"), text, &Variables::default(), &Classifications::default())
    }
    fn told(loaded: &Loaded) -> Vec<(u32, u32, Severity, Option<u32>)> {
        loaded.problems.iter().map(|p| (p.line, p.column, p.severity, p.sid)).collect()
    }

    #[test]
    fn texts_are_kept_where_they_are_wanted_and_told_apart_always() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.rules");
        std::fs::write(&file, "alert ip any any -> any any (sid:1;)\nalert ip any any -> any any (sid:2;)\n").unwrap();
        let (variables, classes) = (Variables::default(), Classifications::default());
        let kept = load(std::slice::from_ref(&file), &variables, &classes);
        let lean = load_without_texts(&[file], &variables, &classes);
        assert!(kept.signatures[1].text.ends_with("(sid:2;)") && lean.signatures.iter().all(|s| s.text.is_empty()));
        let digests = |loaded: &Loaded| loaded.signatures.iter().map(|s| s.digest).collect::<Vec<_>>();
        assert_eq!(digests(&kept), digests(&lean));
        assert_ne!(lean.signatures[0].digest, lean.signatures[1].digest);
    }

    #[test]
    fn a_bad_rule_stops_no_other() {
        let text = [rule("sid:1;"), rule("sid:2; dsize:x;"), rule("sid:3; lua:x.lua;"), rule("sid:4")].concat();
        let loaded = read(text.as_bytes());
        assert_eq!(loaded.signatures.len(), 1);
        assert_eq!(told(&loaded), [(2, 44, Severity::Error, Some(2)), (4, 31, Severity::Error, Some(4))]);
        assert_eq!(loaded.skipped.len(), 1);
        assert_eq!(
            (&*loaded.skipped[0].keyword, loaded.skipped[0].place.line, loaded.skipped[0].place.column),
            ("lua", 3, 38)
        );
        assert!(loaded.has_errors() && loaded.failed() == 2);
    }

    #[test]
    fn the_higher_revision_of_a_sid_is_taken() {
        let text = [
            rule("sid:1; rev:2; msg:\"a\";"),
            rule("sid:1; rev:3; msg:\"b\";"),
            rule("sid:1; rev:1;"),
            rule("gid:2; sid:1;"),
        ];
        let loaded = read(text.concat().as_bytes());
        let kept: Vec<(u32, u32)> = loaded.signatures.iter().map(|s| (s.gid, s.rev)).collect();
        assert_eq!(kept, [(1, 3), (2, 0)]);
        assert_eq!(told(&loaded), [(2, 31, Severity::Warning, Some(1)), (3, 31, Severity::Warning, Some(1))]);
    }

    #[test]
    fn of_one_revision_the_first_is_taken() {
        let text = [rule("sid:1; msg:\"a\";"), rule("msg:\"b\"; sid:1;")].concat();
        let loaded = read(text.as_bytes());
        assert_eq!(loaded.signatures.len(), 1);
        assert_eq!(&*loaded.signatures[0].msg, "a");
        assert_eq!(told(&loaded), [(2, 40, Severity::Error, Some(1))]);
    }

    #[test]
    fn a_skipped_rule_counts_as_its_sid() {
        let text = [rule("sid:1; rev:1; content:\"a\"; http_uri;"), rule("sid:1; rev:2;")].concat();
        let loaded = read(text.as_bytes());
        assert_eq!((loaded.signatures.len(), loaded.skipped.len()), (1, 0));
        let text = [rule("sid:1; requires:version >= 99;"), rule("sid:1; requires:version < 99;")].concat();
        let loaded = read(text.as_bytes());
        assert_eq!((loaded.signatures.len(), loaded.skipped.len(), loaded.problems.len()), (1, 1, 0));
    }

    #[test]
    fn places_in_continued_lines_and_odd_files() {
        let text = b"\xef\xbb\xbf# c\r\nalert tcp any any -> any any (msg:\"\xff\"; \\\r\n  dsize:x; \\\r\n sid:1;)\r\n\r\nalert";
        let loaded = read(text);
        assert_eq!(told(&loaded), [(3, 9, Severity::Error, Some(1)), (6, 6, Severity::Error, None)]);
        assert_eq!(loaded.problems[0].excerpt.text, "  dsize:x; ");
        let good = read(b"alert tcp any any -> any any (msg:\"\xff\"; content:\"\xff\"; sid:1;)");
        assert_eq!(&*good.signatures[0].msg, "\u{fffd}");
    }

    #[test]
    fn a_transaction_rule_may_name_sides() {
        let options = "http.uri; content:\"b\"; file.data:to_client; content:\"a\"; filesize:to_client, >5; sid:1;";
        let loaded = read(format!("alert http any any => any any ({options})").as_bytes());
        assert_eq!((loaded.signatures.len(), loaded.skipped.len(), loaded.problems.len()), (1, 0, 0));
        let sides: Vec<_> = loaded.signatures[0].buffers.iter().map(|b| b.to_server).collect();
        assert_eq!(sides, [None, Some(false), Some(false)]);
        for bad in [
            "http.uri; content:\"b\"; file.data; content:\"a\";",
            "http.uri:to_client; content:\"b\"; http.stat_code; content:\"200\";",
            "http.uri; content:\"b\"; http.connection:to_server; content:\"a\";",
            "http.uri; content:\"b\"; http.stat_code; content:\"200\"; flow:to_server;",
            "http.uri; content:\"b\"; http.stat_code; content:\"200\"; pkt_data; content:\"x\";",
        ] {
            let loaded = read(format!("alert http any any => any any ({bad} sid:1;)").as_bytes());
            assert_eq!(loaded.problems.len(), 1, "{bad}");
        }
        let loaded = read(b"alert http any any => any any (filesize:to_client, x; sid:1;)");
        assert_eq!(told(&loaded), [(1, 52, Severity::Error, Some(1))]);
    }

    #[test]
    fn an_odd_classtype_is_a_warning() {
        let loaded = read(rule("classtype:trojan-activty; sid:1;").as_bytes());
        assert_eq!(loaded.signatures.len(), 1);
        assert_eq!(told(&loaded), [(1, 41, Severity::Warning, Some(1))]);
        assert!(
            loaded.problems[0].message.ends_with("did you mean trojan-activity?"),
            "{}",
            loaded.problems[0].message
        );
    }

    #[test]
    fn a_rule_that_can_never_match_its_protocol_is_a_warning() {
        let loaded =
            read(b"alert udp any any -> any any (flags:S; sid:1;)\nalert tcp any any -> any any (itype:8; sid:2;)\n");
        assert_eq!(told(&loaded), [(1, 7, Severity::Warning, Some(1)), (2, 7, Severity::Warning, Some(2))]);
        assert!(read(b"alert ip any any -> any any (flags:S; sid:1;)").problems.is_empty());
    }

    #[test]
    fn files_folders_and_patterns() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("b.rules"), rule("sid:1;")).unwrap();
        std::fs::write(path("a.rules"), rule("sid:2;")).unwrap();
        std::fs::write(path("a.txt"), rule("sid:3;")).unwrap();
        let sids = |paths: &[PathBuf]| {
            let loaded = load(paths, &Variables::default(), &Classifications::default());
            (loaded.signatures.iter().map(|s| s.sid).collect::<Vec<_>>(), loaded.problems.len(), loaded.files.len())
        };
        assert_eq!(sids(&[folder.path().to_owned()]), (vec![2, 1], 0, 2));
        assert_eq!(sids(&[path("a.*")]), (vec![2, 3], 0, 2));
        assert_eq!(sids(&[path("?.rules"), path("b.rules")]), (vec![2, 1], 0, 2));
        assert_eq!(sids(&[path("none.rules"), path("c*"), path("b.rules")]), (vec![1], 2, 1));
    }

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("*.rules", "a.rules", true),
            ("*.rules", "a.rules.bak", false),
            ("a*b*c", "aXbXbXc", true),
            ("a?c", "ac", false),
            ("a", "ab", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(wildcard(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
    }
}
