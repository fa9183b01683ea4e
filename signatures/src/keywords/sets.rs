//! Buffers held against sets of values.

use super::kept::{named, order};
use super::meta::{invalid, text};
use super::{Keyword, PLAIN, number};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::kept::{Datarep, Dataset, Order, SetCommand, SetFormat, SetKind, SetOptions};
use crate::model::BufferCondition;
use crate::syntax::{RuleOption, Text};
use std::path::PathBuf;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "dataset",
        PLAIN,
        dataset,
        "`dataset:set|unset|isset|isnotset,name[,type string|md5|sha256|ipv4|ip][,load FILE][,save FILE][,state FILE][,memcap N][,hashsize N][,format csv|json|ndjson,value_key K,array_key K,context_key K,remove_key]`: the buffer is in a set of values; `set` holds when it is new there, `unset` when it was there.",
    ),
    Keyword::new(
        "datarep",
        PLAIN,
        datarep,
        "`datarep:name,op,N,load FILE,type T`: the buffer is in a set, and its reputation there compares so.",
    ),
];

type Outcome = Result<(), RuleError>;

fn file(name: &'static str, text: Text<'_>) -> Result<PathBuf, RuleError> {
    match std::str::from_utf8(text.bytes) {
        Ok(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(invalid(name, text, "the name of a file")),
    }
}

fn option<'a>(name: &'static str, part: Text<'a>, options: &mut SetOptions) -> Result<(), RuleError> {
    let (word, rest) = part.split_word();
    let key = |rest: Text<'a>| named(name, rest);
    let again = match word.bytes {
        b"type" => {
            let kinds = [SetKind::String, SetKind::Md5, SetKind::Sha256, SetKind::Ipv4, SetKind::Ip];
            let kind = kinds.into_iter().find(|k| k.name().as_bytes() == rest.bytes);
            options.kind.replace(kind.ok_or_else(|| invalid(name, rest, "string, md5, sha256, ipv4 or ip"))?).is_some()
        }
        b"load" => options.load.replace(file(name, rest)?).is_some(),
        b"save" => options.save.replace(file(name, rest)?).is_some(),
        b"state" => {
            let file = file(name, rest)?;
            options.load.replace(file.clone()).is_some() | options.save.replace(file).is_some()
        }
        b"memcap" => options.memcap.replace(number::with_unit(name, rest, u64::MAX)?).is_some(),
        b"hashsize" => {
            let size = number::unsigned(name, rest, u64::from(u32::MAX))?;
            options.hashsize.replace(u32::try_from(size).unwrap_or(u32::MAX)).is_some()
        }
        b"format" => {
            options.format = match rest.bytes {
                b"csv" => SetFormat::Csv,
                b"json" => SetFormat::Json,
                b"ndjson" | b"jsonline" => SetFormat::JsonLines,
                _ => return Err(invalid(name, rest, "csv, json or ndjson")),
            };
            false
        }
        b"value_key" => options.value_key.replace(key(rest)?).is_some(),
        b"array_key" => options.array_key.replace(key(rest)?).is_some(),
        b"context_key" | b"enrichment_key" => options.context_key.replace(key(rest)?).is_some(),
        b"remove_key" => std::mem::replace(&mut options.remove_key, true),
        _ => return Err(invalid(name, part, "type, load, save, state, memcap, hashsize, format or one of its keys")),
    };
    if again {
        return Err(RuleError::new(Kind::Duplicate { keyword: "this part of the set" }, part.span()));
    }
    Ok(())
}

fn on_buffer(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    if checker.current_buffer().chosen.is_some() {
        return Ok(());
    }
    let other = "the raw payload: it stands behind the keyword of a buffer";
    Err(RuleError::new(Kind::Conflict { keyword: name, other }, option.name.span()))
}

fn dataset(checker: &mut Checker<'_>, name: &'static str, given: &RuleOption<'_>) -> Outcome {
    on_buffer(checker, name, given)?;
    let value = text(given);
    let mut parts = value.split(b',');
    let word = parts.next().unwrap_or(value);
    let command = match word.bytes {
        b"set" => SetCommand::Set,
        b"unset" => SetCommand::Unset,
        b"isset" => SetCommand::IsSet,
        b"isnotset" => SetCommand::IsNotSet,
        _ => return Err(invalid(name, word, "set, unset, isset or isnotset")),
    };
    let set = named(name, parts.next().unwrap_or(value.from(value.bytes.len())))?;
    let mut options = SetOptions::default();
    for part in parts {
        option(name, part, &mut options)?;
    }
    let changes = matches!(command, SetCommand::Set | SetCommand::Unset);
    if changes && options.format != SetFormat::Csv {
        let other = "a set in JSON, which cannot be changed";
        return Err(RuleError::new(Kind::Conflict { keyword: "set", other }, word.span()));
    }
    if options.load.is_some() && options.kind.is_none() {
        return Err(invalid(name, value, "a type for what is loaded"));
    }
    checker.buffer(BufferCondition::Dataset(Box::new(Dataset { command, name: set, options })));
    Ok(())
}

fn datarep(checker: &mut Checker<'_>, name: &'static str, given: &RuleOption<'_>) -> Outcome {
    on_buffer(checker, name, given)?;
    let value = text(given);
    let mut parts = value.split(b',');
    let (Some(set), Some(sign), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(invalid(name, value, "a name, an operator and a number, as in hosts,>,100"));
    };
    let order = order(sign.bytes).filter(|o| matches!(o, Order::Less | Order::Greater | Order::Equal));
    let order = order.ok_or_else(|| invalid(name, sign, "<, > or =="))?;
    let reputation = number::unsigned(name, number, u64::from(u16::MAX))?;
    let mut options = SetOptions::default();
    for part in parts {
        option(name, part, &mut options)?;
    }
    if options.save.is_some() {
        let other = "save or state: reputations are only read";
        return Err(RuleError::new(Kind::Conflict { keyword: name, other }, value.span()));
    }
    let reputation = u16::try_from(reputation).unwrap_or(u16::MAX);
    let condition = Datarep { name: named(name, set)?, order, reputation, options };
    checker.buffer(BufferCondition::Datarep(Box::new(condition)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    #[test]
    fn sets_are_named_and_described() {
        let signature = good(
            "dns.query; to_sha256; dataset:isset, bad.names, type sha256, load bad.lst, memcap 10mb, hashsize 1024;",
        );
        let BufferCondition::Dataset(set) = &signature.buffers[0].conditions[0] else { panic!() };
        assert_eq!((set.command, &*set.name), (SetCommand::IsSet, "bad.names"));
        assert_eq!((set.options.kind, set.options.memcap), (Some(SetKind::Sha256), Some(10 << 20)));
        assert_eq!(set.options.load.as_deref(), Some("bad.lst".as_ref()));
        let signature =
            good("dns.query; dataset:set,seen,type string,state seen.lst; datarep:x,>,200,load r,type md5;");
        let BufferCondition::Dataset(set) = &signature.buffers[0].conditions[0] else { panic!() };
        assert!(set.options.save.is_some() && set.options.save == set.options.load);
        let BufferCondition::Datarep(rep) = &signature.buffers[0].conditions[1] else { panic!() };
        assert_eq!((rep.order, rep.reputation), (Order::Greater, 200));
    }

    #[test]
    fn bad_sets() {
        for option in [
            "dataset:has,x",
            "dataset:isset",
            "dataset:isset,x,type text",
            "dataset:isset,x,load y",
            "dataset:isset,x,size 5",
            "datarep:x,>",
            "datarep:x,~,5",
        ] {
            assert!(matches!(bad(&format!("dns.query; {option};")).0, Kind::Invalid { .. }), "{option}");
        }
        assert!(matches!(bad("dataset:isset,x,type string;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("dns.query; dataset:set,x,type string,format json,load f;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("dns.query; dataset:isset,x,type ip,type ip;").0, Kind::Duplicate { .. }));
        assert!(matches!(bad("dns.query; datarep:x,>,70000;").0, Kind::OutOfRange { .. }));
    }
}
