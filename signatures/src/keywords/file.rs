//! Files in transfer: conditions that must all hold of the same file, and having it stored.

use super::content::bytes;
use super::meta::{invalid, text};
use super::{Keyword, OPTIONAL, PATTERN, PLAIN, Quotes, Value, number};
use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::RuleError;
use crate::file::{FileTest, FileText, Filestore, HashKind, StoreScope, StoreSide};
use crate::model::BufferCondition;
use crate::syntax::RuleOption;
use std::path::PathBuf;

/// The name of a list, perhaps negated.
const LIST: Value = Value { quotes: Quotes::Allowed, ..PATTERN };

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("filename", PATTERN, filename, "`filename:[!]\"text\"`: the file's name has it, in any case."),
    Keyword::new(
        "fileext",
        PATTERN,
        fileext,
        "`fileext:[!]\"ext\"`: the file's name ends in a dot and this, in any case.",
    ),
    Keyword::new(
        "filemagic",
        PATTERN,
        filemagic,
        "`filemagic:[!]\"text\"`: what libmagic says of the file has it, in any case.",
    ),
    Keyword::new(
        "filesize",
        PLAIN,
        filesize,
        "`filesize:[op]N[unit]`: the file's size in bytes; more than a number holds before the file is over.",
    ),
    Keyword::new(
        "filemd5",
        LIST,
        filemd5,
        "`filemd5:[!]list`: the file's MD5 is (not) in a list, one a line; relative to the rule's file.",
    ),
    Keyword::new("filesha1", LIST, filesha1, "`filesha1:[!]list`: the same for SHA-1."),
    Keyword::new("filesha256", LIST, filesha256, "`filesha256:[!]list`: the same for SHA-256."),
    Keyword::new(
        "filestore",
        OPTIONAL,
        filestore,
        "`filestore[:request|response|both[,file|tx|flow]]`: files are kept: those of which the rule holds, all of the transaction, or of the flow.",
    ),
];

type Outcome = Result<(), RuleError>;

fn add(checker: &mut Checker<'_>, test: FileTest, option: &RuleOption<'_>) -> Outcome {
    checker.beside(Buffer::Files, BufferCondition::File(test), option.name.span());
    Ok(())
}

fn pattern(option: &RuleOption<'_>) -> Result<FileText, RuleError> {
    Ok(FileText { pattern: bytes(text(option))?, negated: option.value.is_some_and(|v| v.negated) })
}

fn filename(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, FileTest::Name(pattern(option)?), option)
}

fn fileext(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    let mut text = pattern(option)?;
    text.pattern = [b".", &*text.pattern].concat().into();
    add(checker, FileTest::Extension(text), option)
}

fn filemagic(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, FileTest::Magic(pattern(option)?), option)
}

fn filesize(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    match number::test(name, text(option), u64::MAX)? {
        Some(test) => add(checker, FileTest::Size(test), option),
        None => {
            checker.skip("filesize with a bit mask", option.name.span());
            Ok(())
        }
    }
}

fn hash(checker: &mut Checker<'_>, name: &'static str, kind: HashKind, option: &RuleOption<'_>) -> Outcome {
    // Between quotes the mark stands before them.
    let (bare, value) = match text(option).strip(b"!") {
        Some(rest) => (true, rest.trim()),
        None => (false, text(option)),
    };
    let list = std::str::from_utf8(value.bytes).ok().filter(|path| !path.is_empty()).map(PathBuf::from);
    let list = list.ok_or_else(|| invalid(name, value, "the name of a file with a hash a line"))?;
    let negated = bare || option.value.is_some_and(|v| v.negated);
    add(checker, FileTest::Hash { kind, list, negated }, option)
}

fn filemd5(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    hash(checker, name, HashKind::Md5, option)
}

fn filesha1(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    hash(checker, name, HashKind::Sha1, option)
}

fn filesha256(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    hash(checker, name, HashKind::Sha256, option)
}

fn filestore(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.once(name, option.name.span())?;
    let mut store = Filestore::default();
    if option.value.is_some() {
        let value = text(option);
        let (side, scope) = value.split_once(b',').map_or((value, None), |(side, scope)| (side, Some(scope.trim())));
        store.side = match side.trim().bytes {
            b"request" | b"to_server" => StoreSide::ToServer,
            b"response" | b"to_client" => StoreSide::ToClient,
            b"both" => StoreSide::Both,
            _ => return Err(invalid(name, side, "request, response or both")),
        };
        store.scope = match scope.map(|s| (s, s.bytes)) {
            None | Some((_, b"file")) => StoreScope::File,
            Some((_, b"tx")) => StoreScope::Transaction,
            Some((_, b"ssn" | b"flow")) => StoreScope::Flow,
            Some((scope, _)) => return Err(invalid(name, scope, "file, tx or flow")),
        };
    }
    checker.signature.filestore = Some(store);
    if checker.signature.header.transactional {
        checker.side = Some(store.side == StoreSide::ToServer);
    }
    add(checker, FileTest::Any, option)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;
    use crate::error::RuleErrorKind as Kind;

    #[test]
    fn all_that_is_asked_of_a_file_is_asked_of_the_same() {
        let signature = good(
            "filename:!\"a|2e|b\"; fileext:\"exe\"; filemagic:\"PE32\"; filesize:>10KB; filemd5:!bad.lst; filesha256:\"x/y.lst\"; filestore;",
        );
        let [buffer] = &signature.buffers[..] else { panic!() };
        assert_eq!(buffer.buffer, Buffer::Files);
        let words: Vec<String> = buffer
            .conditions
            .iter()
            .map(|condition| match condition {
                BufferCondition::File(test) => test.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            words,
            [
                "filename:!\"a.b\"",
                "fileext:\".exe\"",
                "filemagic:\"PE32\"",
                "filesize at least 10241",
                "filemd5:!bad.lst",
                "filesha256:x/y.lst",
                "filestore"
            ]
        );
        assert_eq!(signature.filestore, Some(Filestore::default()));
    }

    #[test]
    fn what_is_stored() {
        let store = |options: &str| good(options).filestore.unwrap();
        let is = |side, scope| Filestore { side, scope };
        assert_eq!(store("filestore:request;"), is(StoreSide::ToServer, StoreScope::File));
        assert_eq!(store("filestore:both,flow;"), is(StoreSide::Both, StoreScope::Flow));
        assert_eq!(store("filestore:to_client, tx;"), is(StoreSide::ToClient, StoreScope::Transaction));
        assert!(matches!(bad("filestore:all;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("filestore:both,session;"), (Kind::Invalid { .. }, at) if at == "session"));
        assert!(matches!(bad("filestore; filestore;").0, Kind::Duplicate { .. }));
        assert!(matches!(bad("filemd5:;").0, Kind::MissingValue { .. } | Kind::Invalid { .. }));
    }
}
