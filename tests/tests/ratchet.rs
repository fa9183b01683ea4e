//! The ratchet itself: what got worse fails, what got better is only written down on request, and what is lent need not be there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A project with a ratchet, and beside it what it measures with, all of it made up.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tests = folder.path().join("project/tests");
        fs::create_dir_all(&tests).expect("room");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("ratchet"), tests.join("ratchet")).expect("the script");
        Self { folder }
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.folder.path().join("shared").join(name).join("run");
        fs::create_dir_all(path.parent().expect("a parent")).expect("room");
        fs::write(&path, text).expect("room");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    /// Lends material by which one area has so many cases passed, and parity such figures.
    fn lend(&self, passed: usize, found: u32, extra: u32) {
        let cases: Vec<String> = (0..4)
            .map(|i| {
                let pass = if i < passed { "true" } else { "false" };
                format!("{{\"path\": \"c{i}\", \"area\": \"tls\", \"pass\": {pass}, \"why\": \"because\"}}")
            })
            .collect();
        // The listing is the argument after --json.
        let conformance = format!("#!/bin/bash\necho '[{}]' > \"$4\"\n", cases.join(", "));
        self.script("conformance", &conformance);
        let parity = format!(
            "#!/bin/bash\necho 'parity x: recall 1.00 % ({found}/1000 alerts, 1/2 sids), extra {extra} alerts of 1 sids'\n"
        );
        self.script("parity", &parity);
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(self.folder.path().join("project/tests/ratchet"))
            .args(["--engine", "/bin/true"])
            .args(arguments)
            .output()
            .expect("python3");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).expect("text"))
    }

    fn committed(&self) -> toml::Table {
        let text = fs::read_to_string(self.folder.path().join("project/tests/ratchet.toml")).unwrap_or_default();
        text.parse().expect("TOML")
    }
}

#[test]
fn it_only_rises() {
    let project = Project::new();
    let (good, told) = project.run(&[]);
    assert!(good && told.contains("skipped, ../shared is not here"), "{told}");

    project.lend(2, 500, 10);
    assert!(project.run(&[]).0 && project.committed().is_empty());
    assert!(project.run(&["--update"]).0);
    let passed = |project: &Project| project.committed()["conformance"]["areas"]["tls"].as_integer();
    let extra = |project: &Project| project.committed()["parity"]["mix"]["extra_percent"].as_float();
    assert_eq!((passed(&project), extra(&project)), (Some(2), Some(1.97)));
    assert!(project.run(&[]).0);

    // Better, but not written down unless asked for.
    project.lend(3, 600, 6);
    let (good, told) = project.run(&[]);
    assert!(good && told.contains("better: conformance.areas.tls: 3, committed 2"), "{told}");
    assert_eq!(passed(&project), Some(2));
    assert!(project.run(&["--update"]).0);
    assert_eq!((passed(&project), extra(&project)), (Some(3), Some(1.0)));

    // Each figure alone is found when it gets worse, also while others get better; and an update does not lower it.
    for (cases, found, extra_alerts, name) in [
        (2, 700, 1, "conformance.areas.tls: 2"),
        (4, 599, 1, "parity.near.found: 599"),
        (4, 700, 20, "parity.synth.extra_percent"),
    ] {
        project.lend(cases, found, extra_alerts);
        let (good, told) = project.run(&[]);
        assert!(!good && told.contains(&format!("WORSE:  {name}")), "{told}");
    }
    let (good, told) = project.run(&["--update"]);
    assert!(!good, "{told}");
    assert_eq!((passed(&project), extra(&project)), (Some(4), Some(1.0)));
}
