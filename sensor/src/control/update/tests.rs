use super::source::{SourceError, read};
use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};

const GOOD: &str = "alert tcp any any -> any any (msg:\"good\"; content:\"good\"; sid:1; rev:1;)\n";
const BAD: &str = "alert tcp any any -> any any (msg:\"bad\"; content:; sid:2; rev:1;)\n";

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        // Written as it is: the crate itself would refuse what hostile archives hold.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read_bytes(bytes: &[u8]) -> Result<source::Files, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.archive");
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn names(files: &source::Files) -> Vec<&str> {
    files.files.keys().map(|name| name.to_str().unwrap()).collect()
}

#[test]
fn every_kind_of_source_gives_the_same() {
    let entries: &[(&str, &[u8])] = &[
        ("rules/a.rules", GOOD.as_bytes()),
        ("rules/sub/b.rules", b"# none\n"),
        ("rules/lists/x.lst", b"eA==\n"),
        ("rules/LICENSE", b"words"),
        ("rules/classification.config", b""),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in entries {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let expected = ["a.rules", "lists/x.lst", "sub-b.rules"];
    let all =
        [read_bytes(&tar(entries)), read_bytes(&gzip(&tar(entries))), read_bytes(&zip(entries)), read(folder.path())];
    for files in all {
        let files = files.unwrap();
        assert_eq!(names(&files), expected);
        assert_eq!(files.left_out.len(), 2);
        assert_eq!(files.files[Path::new("a.rules")], GOOD.as_bytes());
    }
    let single = read_bytes(GOOD.as_bytes()).unwrap();
    assert_eq!(names(&single), ["rules.rules"]);
}

#[test]
fn hostile_archives_are_refused_with_a_sentence() {
    for name in ["../out.rules", "rules/../../out.rules", "/etc/out.rules", "..\\out.rules"] {
        for bytes in [tar(&[("a.rules", b""), (name, b"x")]), zip(&[("a.rules", b""), (name, b"x")])] {
            let told = read_bytes(&bytes).unwrap_err().to_string();
            assert!(told.contains("leads out") && told.contains("Nothing of it was taken"), "{name}: {told}");
        }
    }
    for (kind, what) in
        [(tar::EntryType::Symlink, "a link"), (tar::EntryType::Link, "a link"), (tar::EntryType::Char, "a device")]
    {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(0);
        if what == "a link" {
            header.set_link_name("/etc/shadow").unwrap();
        }
        archive.append_data(&mut header, "a.rules", &[][..]).unwrap();
        let told = read_bytes(&archive.into_inner().unwrap()).unwrap_err().to_string();
        assert!(told.contains(what), "{told}");
    }
    assert!(matches!(read_bytes(&zip(&[("README", b"x")])), Err(SourceError::NoRules(_))));
    let same = tar(&[("a-b.rules", b""), ("a/b.rules", b"")]);
    assert!(matches!(read_bytes(&same), Err(SourceError::SameName { .. })));
    let mut cut = gzip(&tar(&[("a.rules", GOOD.as_bytes())]));
    cut.truncate(cut.len() / 2);
    assert!(matches!(read_bytes(&cut), Err(SourceError::Broken { .. })));
}

#[test]
fn bombs_are_counted_as_they_are_unpacked() {
    // 513 MiB of nothing, as a few hundred kB.
    struct Zeros;
    impl std::io::Read for Zeros {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            to.fill(0);
            Ok(to.len())
        }
    }
    let size = source::TOTAL_MAX_BYTES + 1;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut header = tar::Header::new_ustar();
    header.set_path("a.rules").unwrap();
    header.set_size(size);
    header.set_cksum();
    gzip.write_all(header.as_bytes()).unwrap();
    std::io::copy(&mut std::io::Read::take(Zeros, size), &mut gzip).unwrap();
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 8 << 20);
    assert!(matches!(read_bytes(&bomb), Err(SourceError::TooLarge { .. })));

    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    for _ in 0..=source::FILES_MAX {
        tar.append_data(&mut header, "a/README", &[][..]).unwrap();
    }
    assert!(matches!(read_bytes(&tar.into_inner().unwrap()), Err(SourceError::TooMany { .. })));
}

/// An update of a folder of the test's own, with no sensor to ask.
fn arguments(folder: &Path, source: &Path) -> UpdateArguments {
    let sets = ["rules.cache=false".to_owned()];
    UpdateArguments {
        source: source.to_owned(),
        place: PlaceArguments {
            config: ConfigArguments { config: None, sets: sets.to_vec() },
            into: Some(folder.join("installed")),
            socket: Some(folder.join("no.sock")),
            no_reload: false,
            format: Format::Text,
        },
        disable: Vec::new(),
        enable: Vec::new(),
        max_failed: 5,
        force: false,
        dry_run: false,
        all: false,
    }
}

#[test]
fn only_rules_that_load_are_installed() {
    let held = tempfile::tempdir().unwrap();
    let source = held.path().join("new.rules");
    let current = held.path().join("installed/current/new.rules");
    fs::write(&source, [GOOD, BAD].concat()).unwrap();
    let told = update(&arguments(held.path(), &source)).unwrap_err();
    assert!(matches!(told, UpdateError::TooManyFail { failed: 1, all: 2, percent: 5 }), "{told}");
    let dry = UpdateArguments { force: true, dry_run: true, ..arguments(held.path(), &source) };
    update(&dry).unwrap();
    assert!(!current.exists());
    update(&UpdateArguments { force: true, ..arguments(held.path(), &source) }).unwrap();
    assert_eq!(fs::read_to_string(&current).unwrap(), [GOOD, BAD].concat());

    fs::write(&source, BAD).unwrap();
    let told = update(&UpdateArguments { force: true, ..arguments(held.path(), &source) }).unwrap_err();
    assert!(matches!(told, UpdateError::NothingLoads(_)), "{told}");
    assert_eq!(fs::read_to_string(&current).unwrap(), [GOOD, BAD].concat());

    let disable = held.path().join("disable.conf");
    fs::write(&disable, "2\n").unwrap();
    fs::write(&source, [GOOD, BAD.replace("content:;", "").as_str()].concat()).unwrap();
    update(&UpdateArguments { disable: vec![disable], ..arguments(held.path(), &source) }).unwrap();
    assert!(fs::read_to_string(&current).unwrap().contains("# alert tcp any any -> any any (msg:\"bad\""));
    roll_back(&arguments(held.path(), &source).place).unwrap();
    assert_eq!(fs::read_to_string(&current).unwrap(), [GOOD, BAD].concat());
}

#[test]
fn what_is_installed_is_read_beside_the_paths() {
    let held = tempfile::tempdir().unwrap();
    let config = format!("[rules]\ninstalled = {:?}\npaths = [\"/x.rules\"]\n", held.path().join("installed"));
    let config = Config::parse("c.toml", &config, &[]).unwrap();
    assert_eq!(config.rules.all_paths(), [PathBuf::from("/x.rules")]);
    let folder = Folder::open(&held.path().join("installed")).unwrap();
    let files: BTreeMap<PathBuf, Vec<u8>> = [(PathBuf::from("a.rules"), GOOD.as_bytes().to_vec())].into();
    folder.stage(&files).unwrap().install().unwrap();
    assert_eq!(config.rules.all_paths().len(), 2);
    assert_eq!(rules::read(&config, &[config.rules.all_paths()[1].clone()]).unwrap().signatures.len(), 1);
}
