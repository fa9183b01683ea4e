//! What a case has stored lies in the output's folder: each file once, whole, named by its SHA-256, and not executable.

use clap::Parser;
use sekisho::control::pcap::{PcapArguments, read_files};
use sekisho_tests::case::capture_of;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    pcap: PcapArguments,
}

/// Sizes of the files in the store, by their names; each is what its name says.
fn stored(arguments: &[&str]) -> BTreeMap<String, usize> {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/files-http");
    let work = tempfile::tempdir().unwrap();
    let capture = capture_of(&case, work.path()).unwrap();
    let output = work.path().join("out");
    let (rules, capture, out) = (case.join("case.rules"), capture.display().to_string(), output.display().to_string());
    let mut line = vec!["pcap", &capture, "--rules", rules.to_str().unwrap(), "--output", &out];
    line.extend(["--set", "files.store.min_free_bytes=0"]);
    line.extend(arguments);
    read_files(&CommandLine::try_parse_from(line).unwrap().pcap).unwrap();
    let mut found = BTreeMap::new();
    let Ok(folders) = std::fs::read_dir(output.join("files")) else { return found };
    for folder in folders {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(path.ends_with(format!("{}/{hash}", &hash[..2])), "{}", path.display());
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o440);
            found.insert(hash, bytes.len());
        }
    }
    found
}

/// Chains that rules wanted are there once as PEM, with where they were seen beside them.
#[test]
fn certificates_that_rules_ask_for_are_stored() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/tls-certificates");
    let work = tempfile::tempdir().unwrap();
    let capture = capture_of(&case, work.path()).unwrap();
    let output = work.path().join("out");
    let (rules, capture, out) = (case.join("case.rules"), capture.display().to_string(), output.display().to_string());
    let mut line = vec!["pcap", &capture, "--rules", rules.to_str().unwrap(), "--output", &out];
    line.extend(["--set", "files.store.enabled=true", "--set", "files.store.min_free_bytes=0"]);
    read_files(&CommandLine::try_parse_from(line).unwrap().pcap).unwrap();
    let mut texts = BTreeMap::new();
    for file in std::fs::read_dir(output.join("files/certs")).unwrap() {
        let path = file.unwrap().path();
        texts.insert(path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap());
    }
    assert_eq!(texts.len(), 4, "{:?}", texts.keys());
    let certificates = |name: &str| {
        let (_, meta) =
            texts.iter().find(|(_, text)| text.contains(&format!("TLS SUBJECT:       CN={name}\n"))).unwrap();
        assert!(
            meta.contains("SRC IP:            203.0.113.9\n") && meta.contains("DST PORT:          4000"),
            "{meta}"
        );
        assert!(meta.contains("TLS ISSUERDN:      CN=Example Root\n"), "{meta}");
        let (name, _) = texts.iter().find(|(_, text)| *text == meta).unwrap();
        texts[&name.replace(".meta", ".pem")].matches("-----BEGIN CERTIFICATE-----\n").count()
    };
    assert_eq!((certificates("control.example"), certificates("other.example")), (2, 1));
}

#[test]
fn what_rules_ask_for_is_stored() {
    let sizes: Vec<usize> = stored(&["--set", "files.store.enabled=true"]).into_values().collect();
    // The implant, the document and what was uploaded, in the order of their hashes.
    assert_eq!(sizes, [10242, 12009, 9]);
    assert!(stored(&[]).is_empty());
}

#[test]
fn all_files_are_stored_if_asked_and_no_more_of_one_than_allowed() {
    let sizes = stored(&[
        "--set",
        "files.store.enabled=true",
        "--set",
        "files.store.all=true",
        "--set",
        "files.store.file_bytes=9500",
    ]);
    let mut sizes: Vec<usize> = sizes.into_values().collect();
    sizes.sort_unstable();
    // The document came three times: whole, as an upload, and cut.
    assert_eq!(sizes, [9, 24, 9000, 9500, 9500]);
}
