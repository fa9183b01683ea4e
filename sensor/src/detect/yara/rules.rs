//! From files of YARA rules to rules that scan, and to the signatures that their alerts name.
//!
//! A rule with an error is told with file, line and text, and left out. Each file is a namespace of its own, so that rules of the
//! same name in two files do not meet. A rule's alert has the rule's name as signature, its meta and tags as metadata, and:
//!
//! | of the alert | from meta | else |
//! |---|---|---|
//! | `severity` | `severity`: 1 to 4, or `critical`, `high`, `medium`, `low`, `info`; else `score`: from 80 on 1, 60 on 2, 40 on 3, else 4 | 2 |
//! | `category` | `category` | `File matches a YARA rule` |
//! | `rev` | `version` or `rev`, a whole number | 1 |
//! | `gid` | | 9000 |
//! | `signature_id` | | 900000000 to 999999999, by the rule's name: the same on every sensor and after each reload |
//!
//! Rules may ask what is known of a file beside its bytes: `filename`, `filepath` (what stands before the name), `extension` (with its
//! dot), `app_proto` (`smb`, `smtp` …) and `direction` (`to_server`, `to_client`) are texts; `filetype` and `owner`, which rules
//! for hosts use, are there and empty.

use super::engine::{Compiled, compile};
use rustc_hash::{FxHashMap, FxHashSet};
use sekisho_signatures::load::expand;
use sekisho_signatures::model::{Action, AddressSet, Header, HeaderProto, Place, PortSet, Signature};
use sekisho_signatures::report::{Excerpt, Problem, Severity};
use sekisho_signatures::ruleset::Ruleset;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The generator of all alerts of YARA rules.
pub const GID: u32 = 9000;
/// The first signature id of YARA rules.
pub const FIRST_SID: u32 = 900_000_000;
/// How many signature ids there are.
const SIDS: u32 = 100_000_000;
/// Of alerts whose rule names none.
const CATEGORY: &str = "File matches a YARA rule";
/// The same.
const SEVERITY: u8 = 2;
/// What a file is called when a folder is given.
const NAMES: [&str; 2] = ["*.yar", "*.yara"];

/// Rules that scan.
pub struct YaraRules {
    pub(super) compiled: Compiled,
    /// What alerts name; private rules have none.
    pub ruleset: Arc<Ruleset>,
    /// Index in `ruleset` by namespace and name.
    by_name: FxHashMap<(Box<str>, Box<str>), u32>,
}

impl YaraRules {
    /// The signature of a rule.
    pub(super) fn signature(&self, namespace: &str, name: &str) -> Option<u32> {
        self.by_name.get(&(namespace.into(), name.into())).copied()
    }
}

/// What a rule says of itself.
pub(super) struct Described {
    /// The file that it stands in.
    pub namespace: Box<str>,
    pub name: Box<str>,
    /// Its section `meta`, in its order.
    pub metadata: Vec<(Arc<str>, Arc<str>)>,
    pub tags: Vec<Arc<str>>,
}

/// What came of reading rules.
pub struct LoadedYara {
    /// Those without an error.
    pub rules: Arc<YaraRules>,
    /// What is wrong; of what has line 0 a whole file is left out.
    pub problems: Vec<Problem>,
    /// The files that were read.
    pub files: usize,
}

impl LoadedYara {
    /// Rules in use that can alert.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.rules.ruleset.signatures.len()
    }

    /// Rules with errors.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.problems.iter().filter(|p| p.severity == Severity::Error && p.line > 0).count()
    }

    /// A file or a path that could not be read.
    #[must_use]
    pub fn unreadable(&self) -> Option<&Problem> {
        self.problems.iter().find(|p| p.severity == Severity::Error && p.line == 0)
    }
}

/// Reads and compiles the rules of these files, directories and globs; None if there are no paths, or if this build runs no YARA
/// rules (a configuration that names some is refused then).
#[must_use]
#[cfg_attr(not(feature = "yara"), expect(unreachable_code, reason = "nothing is compiled"))]
pub fn load(paths: &[PathBuf]) -> Option<LoadedYara> {
    if paths.is_empty() {
        return None;
    }
    let mut problems = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        match expand(path, &NAMES) {
            Ok(found) => files.extend(found),
            Err(message) => problems.push(about_file(path, message)),
        }
    }
    let mut seen = FxHashSet::default();
    files.retain(|file| seen.insert(file.clone()));
    let mut sources = Vec::new();
    let mut hasher = Sha256::new();
    for file in files {
        match std::fs::read(&file) {
            Ok(text) => {
                hasher.update(&text);
                hasher.update(b"\n");
                sources.push((file, text));
            }
            Err(error) => problems.push(about_file(&file, format!("cannot be read: {error}"))),
        }
    }
    let compiled = compile(&sources, &mut problems)?;
    let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(LoadedYara { rules: Arc::new(named(compiled, hash)), problems, files: sources.len() })
}

fn about_file(path: &Path, message: String) -> Problem {
    Problem {
        file: path.to_owned(),
        line: 0,
        column: 0,
        severity: Severity::Error,
        sid: None,
        message,
        excerpt: Excerpt::default(),
    }
}

/// The rules with the signatures that their alerts name.
fn named(compiled: Compiled, hash: String) -> YaraRules {
    let mut taken = FxHashSet::default();
    let mut signatures = Vec::new();
    let mut by_name = FxHashMap::default();
    for rule in compiled.public_rules() {
        let index = u32::try_from(signatures.len()).unwrap_or(u32::MAX);
        let mut sid = sid_of(&rule.name);
        while !taken.insert(sid) {
            sid = FIRST_SID + (sid - FIRST_SID + 1) % SIDS;
        }
        signatures.push(Arc::new(signature(&rule, sid)));
        by_name.insert((rule.namespace, rule.name), index);
    }
    let ruleset = Arc::new(Ruleset { signatures, hash, ..Ruleset::default() });
    YaraRules { compiled, ruleset, by_name }
}

/// The id that a rule of this name has, unless another has it.
#[must_use]
pub fn sid_of(name: &str) -> u32 {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(name));
    FIRST_SID + u32::from_be_bytes([a, b, c, d]) % SIDS
}

/// What an alert says of a rule.
fn signature(rule: &Described, sid: u32) -> Signature {
    let any = || Arc::new(AddressSet::default());
    let ports = || Arc::new(PortSet::any());
    let header = Header {
        proto: HeaderProto::Ip,
        ip_version: None,
        src: any(),
        src_ports: ports(),
        dst: any(),
        dst_ports: ports(),
        bidirectional: false,
        transactional: false,
    };
    let mut meta = rule.metadata.clone();
    let find = |name: &str| meta.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value);
    let (priority, category) = (severity(find("severity"), find("score")), find("category").unwrap_or(CATEGORY).into());
    let rev = find("rev").or(find("version")).and_then(|text| text.parse().ok()).unwrap_or(1);
    meta.extend(rule.tags.iter().map(|tag| ("tag".into(), Arc::clone(tag))));
    meta.push(("yara_file".into(), (&*rule.namespace).into()));
    Signature {
        gid: GID,
        sid,
        rev,
        msg: (&*rule.name).into(),
        category,
        priority,
        metadata: meta,
        ..Signature::new(Place::default(), Action::Alert, header)
    }
}

/// The severity of an alert: see the module.
fn severity(word: Option<&str>, score: Option<&str>) -> u8 {
    let by_word = word.and_then(|word| match word.to_ascii_lowercase().as_str() {
        "1" | "critical" | "high" => Some(1),
        "2" | "medium" => Some(2),
        "3" | "low" => Some(3),
        "4" | "info" | "informational" => Some(4),
        _ => None,
    });
    let by_score = || {
        score.and_then(|score| score.parse::<i64>().ok()).map(|score| match score {
            80.. => 1,
            60..80 => 2,
            40..60 => 3,
            _ => 4,
        })
    };
    by_word.or_else(by_score).unwrap_or(SEVERITY)
}

#[cfg(all(test, feature = "yara"))]
mod tests {
    use super::*;

    fn load_text(text: &str) -> (LoadedYara, PathBuf, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.yar");
        std::fs::write(&file, text).unwrap();
        (load(&[folder.path().to_owned()]).unwrap(), file, folder)
    }

    #[test]
    fn a_rule_becomes_a_signature() {
        let (loaded, file, _folder) = load_text(
            "private rule helper { condition: true }\n\
             rule Staged_Implant : apt dropper {\n meta:\n  author = \"us\"\n  severity = \"high\"\n  category = \"Malware\"\n  version = 3\n \
             condition: helper and filename == \"\" }\n\
             rule plain { meta: score = 45 condition: false }",
        );
        assert_eq!((loaded.problems, loaded.files), (vec![], 1));
        let [staged, plain] = &loaded.rules.ruleset.signatures[..] else { panic!("two signatures") };
        assert_eq!((&*staged.msg, staged.gid, staged.rev, staged.priority), ("Staged_Implant", GID, 3, 1));
        assert_eq!((&*staged.category, staged.sid), ("Malware", sid_of("Staged_Implant")));
        let metadata: Vec<(&str, &str)> = staged.metadata.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(metadata[0], ("author", "us"));
        let file = file.display().to_string();
        assert_eq!(metadata[4..], [("tag", "apt"), ("tag", "dropper"), ("yara_file", &*file)]);
        assert_eq!((&*plain.category, plain.priority, plain.rev), (CATEGORY, 3, 1));
        assert!((FIRST_SID..FIRST_SID + SIDS).contains(&plain.sid));
    }

    #[test]
    fn a_wrong_rule_is_told_at_its_place_and_left_out() {
        let (loaded, file, _folder) = load_text(
            "rule good { condition: true }\nrule bad {\n  strings: $a = \"x\"\n  condition: $a and nothing_like_this\n}\n\
             rule also_good { condition: filesize > 3 }\n",
        );
        let names: Vec<&str> = loaded.rules.ruleset.signatures.iter().map(|s| &*s.msg).collect();
        assert_eq!(names, ["good", "also_good"]);
        let [problem] = &loaded.problems[..] else { panic!("one problem: {:?}", loaded.problems) };
        assert_eq!((&problem.file, problem.line, problem.column), (&file, 4, 21));
        let text = problem.to_string();
        assert!(text.contains("unknown identifier `nothing_like_this`"), "{text}");
        assert!(text.contains("  condition: $a and nothing_like_this\n") && text.ends_with("^^^^^"), "{text}");
        assert_eq!((loaded.failed(), loaded.in_use()), (1, 2));
        assert!(loaded.unreadable().is_none());
    }

    #[test]
    fn what_is_no_text_and_what_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.yara");
        std::fs::write(&file, b"rule a { condition: true }\n\xff\xfe").unwrap();
        let loaded = load(&[file.clone(), file, folder.path().join("none.yar")]).unwrap();
        let places: Vec<u32> = loaded.problems.iter().map(|p| p.line).collect();
        assert_eq!(places, [0, 2], "{:?}", loaded.problems);
        assert!(loaded.unreadable().is_some_and(|p| p.file.ends_with("none.yar")));
        assert!(load(&[]).is_none());
    }

    #[test]
    fn rules_of_one_name_in_two_files_are_two() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.yar", "b.yar"] {
            std::fs::write(folder.path().join(name), "rule same { condition: true }").unwrap();
        }
        let loaded = load(&[folder.path().join("*.yar")]).unwrap();
        let sids: Vec<u32> = loaded.rules.ruleset.signatures.iter().map(|s| s.sid).collect();
        assert_eq!(loaded.problems, []);
        assert_eq!(sids, [sid_of("same"), sid_of("same") + 1]);
    }

    #[test]
    fn severities_are_words_numbers_and_scores() {
        let cases = [
            ((Some("Critical"), None), 1),
            ((Some("3"), Some("90")), 3),
            ((Some("?"), Some("60")), 2),
            ((None, Some("80")), 1),
            ((None, Some("-3")), 4),
            ((None, None), 2),
        ];
        for ((word, score), expected) in cases {
            assert_eq!(severity(word, score), expected, "{word:?} {score:?}");
        }
    }
}
