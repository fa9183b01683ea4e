use super::*;
use proptest::prelude::*;
use std::path::Path;

fn options(kind: SetKind) -> SetOptions {
    SetOptions { kind: Some(kind), ..SetOptions::default() }
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn loaded(options: &SetOptions, changed: bool, reputation: bool) -> (Datasets, Vec<String>, Vec<BadLine>) {
    let mut wants = Wants::default();
    wants.add("s", options, changed, reputation).unwrap();
    let (sets, errors, bad) = wants.load(None);
    (sets, errors.iter().map(ToString::to_string).collect(), bad)
}

fn one(options: &SetOptions, changed: bool, reputation: bool) -> Arc<Dataset> {
    let (sets, errors, bad) = loaded(options, changed, reputation);
    assert!(errors.is_empty() && bad.is_empty(), "{errors:?} {bad:?}");
    Arc::clone(sets.get("s").unwrap())
}

#[test]
fn each_kind_is_loaded_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let load =
        |kind, text: &str| one(&SetOptions { load: Some(file(&folder, "l", text)), ..options(kind) }, false, false);
    let strings = load(SetKind::String, "# a comment\nZ29vZ2xlLmNvbQ==\r\n\nAAE=\n");
    assert!(strings.contains(b"google.com") && strings.contains(b"\0\x01") && !strings.contains(b"google.co"));
    let md5 = load(SetKind::Md5, "1D5920f4b44b27a802bd77c4f0536f5a\n1d5920f4b44b27a802bd77c4f0536f5a");
    let digest = u128::from_str_radix("1d5920f4b44b27a802bd77c4f0536f5a", 16).unwrap().to_be_bytes();
    assert!(md5.contains(&digest) && !md5.contains(&[0; 16]) && !md5.contains(&digest[..15]));
    assert_eq!(md5.len(), 1);
    let sha256 = load(SetKind::Sha256, &"0f".repeat(32));
    assert!(sha256.contains(&[15; 32]) && !sha256.contains(&[15; 16]));
    let v4 = load(SetKind::Ipv4, "1.2.3.4");
    assert!(v4.contains(&[1, 2, 3, 4]) && !v4.contains(&[1, 2, 3, 5]) && !v4.contains(&[1; 16]));
    let ip = load(SetKind::Ip, "1.2.3.4\n2001:db8::1\n::ffff:9.9.9.9");
    assert!(ip.contains(&[1, 2, 3, 4]) && ip.contains(&[9; 4]) && !ip.contains(&[8; 4]));
    assert!(ip.contains(&"2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets()));
}

#[test]
fn reputations() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "r", "Z29vZ2xlLmNvbQ==,255\nZm9v, 7\nZm9v,8\n");
    let set = one(&SetOptions { load: Some(path), ..options(SetKind::String) }, false, true);
    assert_eq!(set.reputation(b"google.com"), Some(255));
    assert_eq!((set.reputation(b"foo"), set.reputation(b"bar")), (Some(8), None));
    let path = file(&folder, "r", &format!("{},1\n{},2\n", "00".repeat(16), "ff".repeat(16)));
    let set = one(&SetOptions { load: Some(path), ..options(SetKind::Md5) }, false, true);
    assert_eq!((set.reputation(&[0; 16]), set.reputation(&[255; 16])), (Some(1), Some(2)));
}

#[test]
fn wrong_lines_are_told_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "l", "Zm9v\nno base64\n\u{e9}\nYmFy");
    let (sets, errors, bad) = loaded(&SetOptions { load: Some(path), ..options(SetKind::String) }, false, false);
    assert!(errors.is_empty());
    assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(sets.get("s").unwrap().len(), 2);
    let path = file(&folder, "l", &"x\n".repeat(1000));
    let (_, _, bad) = loaded(&SetOptions { load: Some(path), ..options(SetKind::Md5) }, false, false);
    assert_eq!(bad.len(), 21);
    assert!(bad[20].message.starts_with("980 more"), "{}", bad[20].message);
    let long = file(&folder, "l", &format!("{}\nZm9v\n", "A".repeat(3 << 20)));
    let (sets, _, bad) = loaded(&SetOptions { load: Some(long), ..options(SetKind::String) }, false, false);
    assert_eq!((bad.len(), bad[0].line, sets.get("s").unwrap().len()), (1, 1, 1));
}

#[test]
fn what_cannot_be_had_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let (sets, errors, _) = loaded(&SetOptions { load: Some(missing.clone()), ..options(SetKind::Md5) }, false, false);
    assert!(sets.get("s").is_none() && errors[0].contains("cannot be read"), "{errors:?}");
    // A state file need not be there yet; a file that is only to be loaded must.
    let state = SetOptions { load: Some(missing.clone()), save: Some(missing.clone()), ..options(SetKind::Md5) };
    assert!(loaded(&state, true, false).1.is_empty());
    assert!(!loaded(&SetOptions { load: Some(missing), ..options(SetKind::Md5) }, true, false).1.is_empty());
    let path = file(&folder, "l", &"ab".repeat(16));
    let capped = SetOptions { load: Some(path), memcap: Some(10), ..options(SetKind::Md5) };
    for changed in [false, true] {
        let errors = loaded(&capped, changed, false).1;
        assert!(errors[0].contains("10 bytes"), "{errors:?}");
    }
    assert!(loaded(&SetOptions::default(), false, false).1[0].contains("type"));
    let json = SetOptions { format: SetFormat::Json, ..options(SetKind::Ip) };
    assert!(loaded(&json, true, false).1[0].contains("JSON"));
}

#[test]
fn rules_that_name_one_set_must_agree() {
    let mut wants = Wants::default();
    wants.add("s", &options(SetKind::Md5), false, false).unwrap();
    wants.add("s", &SetOptions::default(), true, false).unwrap();
    let error = wants.add("s", &options(SetKind::Ip), false, false).unwrap_err();
    assert!(matches!(error, DatasetError::Differs { what: "type", .. }));
    let other = SetOptions { load: Some("/x".into()), ..SetOptions::default() };
    wants.add("s", &other, false, false).unwrap();
    assert!(matches!(
        wants.add("s", &SetOptions { load: Some("/y".into()), ..other }, false, false),
        Err(DatasetError::Differs { what: "load", .. })
    ));
}

#[test]
fn a_set_that_changes_is_saved_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, values) in [
        (SetKind::String, vec![b"a".to_vec(), b"\xff\0".to_vec(), vec![7; 3]]),
        (SetKind::Md5, vec![vec![1; 16], vec![2; 16]]),
        (SetKind::Ip, vec![vec![1, 2, 3, 4], vec![9; 16]]),
    ] {
        let path = folder.path().join(kind.name());
        let state = SetOptions { load: Some(path.clone()), save: Some(path.clone()), ..options(kind) };
        let (sets, _, _) = loaded(&state, true, false);
        let set = sets.get("s").unwrap();
        for value in &values {
            assert!(set.run(SetCommand::IsNotSet, value) && set.run(SetCommand::Set, value));
            assert!(!set.run(SetCommand::Set, value) && set.run(SetCommand::IsSet, value));
        }
        assert!(set.run(SetCommand::Unset, &values[0]) && !set.run(SetCommand::Unset, &values[0]));
        assert!(sets.save().is_empty());
        let again = one(&state, true, false);
        assert_eq!(again.len(), values.len() - 1);
        assert!(!again.contains(&values[0]) && again.contains(&values[1]));
        // Nothing has changed since: nothing is written.
        std::fs::remove_file(&path).unwrap();
        assert!(sets.save().is_empty() && !path.exists());
    }
    let nowhere = SetOptions { save: Some("/nowhere/s".into()), ..options(SetKind::String) };
    let (sets, _, _) = loaded(&nowhere, true, false);
    sets.get("s").unwrap().run(SetCommand::Set, b"x");
    assert_eq!((sets.save().len(), sets.save().len()), (1, 1));
}

#[test]
fn a_reload_takes_over_what_changes_and_loads_the_rest_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "l", "Zm9v\n");
    let wants = || {
        let mut wants = Wants::default();
        wants.add("seen", &options(SetKind::String), true, false).unwrap();
        wants.add("list", &SetOptions { load: Some(path.clone()), ..options(SetKind::String) }, false, false).unwrap();
        wants
    };
    let (before, _, _) = wants().load(None);
    before.get("seen").unwrap().run(SetCommand::Set, b"x");
    std::fs::write(&path, "YmFy\n").unwrap();
    let (after, _, _) = wants().load(Some(&before));
    assert!(after.get("seen").unwrap().contains(b"x"));
    assert!(after.get("list").unwrap().contains(b"bar") && !after.get("list").unwrap().contains(b"foo"));
}

#[test]
fn memory_is_bounded() {
    let set = one(&SetOptions { memcap: Some(10_000), ..options(SetKind::String) }, true, false);
    let added = (0..1000_u32).filter(|n| set.run(SetCommand::Set, &n.to_be_bytes())).count();
    let Dataset::Shared(shared) = &*set else { panic!() };
    assert_eq!((added, shared.refused()), (10_000 / 52, 1000 - 10_000 / 52));
    assert!(set.run(SetCommand::Unset, &0_u32.to_be_bytes()) && set.run(SetCommand::Set, b"new"));
}

#[test]
fn json_values_come_with_their_object() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"response":{"threats":[{"host":"toto.com","origin":"japan"},{"x":1},{"host":"b.com"}]}}"#;
    let json = SetOptions {
        load: Some(file(&folder, "j", text)),
        format: SetFormat::Json,
        value_key: Some("host".into()),
        array_key: Some("response.threats".into()),
        context_key: Some("threat".into()),
        ..options(SetKind::String)
    };
    let (sets, errors, _) = loaded(&json, false, false);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(sets.context_key("s"), Some("threat"));
    assert_eq!(sets.get("s").unwrap().context(b"toto.com"), Some(r#"{"host":"toto.com","origin":"japan"}"#));
    let removed = one(&SetOptions { remove_key: true, ..json.clone() }, false, false);
    assert_eq!(removed.context(b"toto.com"), Some(r#"{"origin":"japan"}"#));
    assert_eq!(removed.context(b"other"), None);
    let lines = SetOptions {
        load: Some(file(&folder, "j", "{\"a\":{\"ip\":\"1.2.3.4\"}}\nno\n{\"a\":{\"ip\":\"::1\"},\"n\":2}\n")),
        format: SetFormat::JsonLines,
        value_key: Some("a.ip".into()),
        array_key: None,
        remove_key: true,
        ..options(SetKind::Ip)
    };
    let (sets, errors, bad) = loaded(&lines, false, false);
    assert!(errors.is_empty());
    assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [2]);
    assert_eq!(sets.get("s").unwrap().context(&[1, 2, 3, 4]), Some(r#"{"a":{}}"#));
    for (text, part) in [("{", "no JSON"), ("{}", "response"), (r#"{"response":{"threats":{}}}"#, "array")] {
        let errors = loaded(&SetOptions { load: Some(file(&folder, "j", text)), ..json.clone() }, false, false).1;
        assert!(errors[0].contains(part), "{errors:?}");
    }
    assert!(Path::new(&json.load.unwrap()).exists());
}

#[test]
fn a_large_set_is_compact() {
    let folder = tempfile::tempdir().unwrap();
    let digest = |n: u32| (u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes();
    let mut text = String::new();
    for n in 0..100_000 {
        load::print(SetKind::Md5, &digest(n), &mut text);
        text.push('\n');
    }
    // 16 bytes each: what a table of pointers would need is refused.
    let set = SetOptions { load: Some(file(&folder, "l", &text)), memcap: Some(1_600_000), ..options(SetKind::Md5) };
    let set = one(&set, false, false);
    assert!((0..100_000).all(|n| set.contains(&digest(n))));
    assert!(!(100_000..200_000).any(|n| set.contains(&digest(n))));
}

proptest! {
    #[test]
    fn a_shared_set_is_a_set(steps in prop::collection::vec((0_u8..3, 0_u8..8), 0..60)) {
        let set = one(&options(SetKind::String), true, false);
        let mut model = std::collections::BTreeSet::new();
        for (what, value) in steps {
            let data = [value; 2];
            match what {
                0 => prop_assert_eq!(set.run(SetCommand::Set, &data), model.insert(value)),
                1 => prop_assert_eq!(set.run(SetCommand::Unset, &data), model.remove(&value)),
                _ => prop_assert_eq!(set.run(SetCommand::IsSet, &data), model.contains(&value)),
            }
        }
        prop_assert_eq!(set.len(), model.len());
    }

    #[test]
    fn what_is_printed_is_read_again(bytes in prop::collection::vec(any::<u8>(), 1..40), digest in any::<[u8; 16]>(), address in any::<[u8; 16]>()) {
        for (kind, value) in [(SetKind::String, &bytes[..]), (SetKind::Md5, &digest), (SetKind::Ip, &address)] {
            let mut text = String::new();
            load::print(kind, value, &mut text);
            prop_assert_eq!(load::parse(kind, &text).ok().unwrap(), value);
        }
    }
}
