//! The flow that a packet belongs to, and the bits that rules keep on it.

use super::meta::{invalid, text};
use super::{Keyword, PLAIN};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::Flowbits;
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("flow", PLAIN, flow, "`flow:established,to_server,…`: direction and state of the flow."),
    Keyword::new(
        "flowbits",
        PLAIN,
        flowbits,
        "`flowbits:set|unset|toggle|isset|isnotset,name` or `flowbits:noalert`: bits kept on the flow; `a|b` tests either.",
    ),
];

type Outcome = Result<(), RuleError>;

fn flow(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.once(name, option.name.span())?;
    for part in text(option).split(b',') {
        state(checker, name, part)?;
    }
    checker.signature.flow.given = true;
    Ok(())
}

fn state(checker: &mut Checker<'_>, name: &'static str, part: Text<'_>) -> Outcome {
    let flow = &mut checker.signature.flow;
    let (slot, value): (&mut Option<bool>, bool) = match part.bytes.to_ascii_lowercase().as_slice() {
        b"to_server" | b"from_client" => (&mut flow.to_server, true),
        b"to_client" | b"from_server" => (&mut flow.to_server, false),
        b"established" => (&mut flow.established, true),
        b"not_established" => (&mut flow.established, false),
        b"only_stream" => (&mut flow.stream, true),
        b"no_stream" => (&mut flow.stream, false),
        b"only_frag" => (&mut flow.fragment, true),
        b"no_frag" => (&mut flow.fragment, false),
        b"stateless" => {
            if flow.stateless || flow.established.is_some() {
                return Err(clash(part));
            }
            flow.stateless = true;
            return Ok(());
        }
        _ => {
            let expected = "to_server, to_client, from_server, from_client, established, not_established, stateless, \
                            only_stream, no_stream, only_frag or no_frag";
            return Err(invalid(name, part, expected));
        }
    };
    if slot.replace(value).is_some() || (flow.stateless && flow.established.is_some()) {
        return Err(clash(part));
    }
    Ok(())
}

fn clash(part: Text<'_>) -> RuleError {
    let other = "an earlier part of the same flow option";
    RuleError::new(Kind::Conflict { keyword: "this part of flow", other }, part.span())
}

fn flowbits(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let (command, names) = value.split_once(b',').unwrap_or((value, value.from(value.bytes.len())));
    if command.bytes == b"noalert" {
        if !names.bytes.is_empty() {
            return Err(invalid(name, names, "nothing after noalert"));
        }
        checker.signature.noalert = true;
        return Ok(());
    }
    let list = |either: bool| -> Result<Vec<String>, RuleError> {
        let names: Vec<Text<'_>> = names.split(b'|').collect();
        if names.len() > 1 && !either {
            return Err(invalid(name, value, "one name: | is for isset and isnotset"));
        }
        names.into_iter().map(|bit| bit_name(name, bit)).collect()
    };
    let change = match command.bytes {
        b"set" => Flowbits::Set(list(false)?),
        b"unset" => Flowbits::Unset(list(false)?),
        b"toggle" => Flowbits::Toggle(list(false)?),
        b"isset" => Flowbits::IsSet(list(true)?),
        b"isnotset" => Flowbits::IsNotSet(list(true)?),
        _ => return Err(invalid(name, command, "set, unset, toggle, isset, isnotset or noalert")),
    };
    checker.signature.flowbits.push(change);
    Ok(())
}

fn bit_name(name: &'static str, bit: Text<'_>) -> Result<String, RuleError> {
    if bit.bytes.is_empty() || bit.bytes.iter().any(|b| b.is_ascii_whitespace() || *b == b',') {
        return Err(invalid(name, bit, "a name without blanks and commas"));
    }
    Ok(String::from_utf8_lossy(bit.bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;
    use crate::model::FlowCondition;

    #[test]
    fn flows() {
        let f = |o: &str| good(&format!("flow:{o};")).flow;
        let given = FlowCondition { given: true, ..FlowCondition::default() };
        assert_eq!(
            f("established, to_server"),
            FlowCondition { to_server: Some(true), established: Some(true), ..given }
        );
        assert_eq!(f("from_server"), FlowCondition { to_server: Some(false), ..given });
        assert_eq!(f("stateless,only_stream"), FlowCondition { stateless: true, stream: Some(true), ..given });
        assert_eq!(
            f("not_established,no_frag"),
            FlowCondition { established: Some(false), fragment: Some(false), ..given }
        );
        assert!(!good("sameip;").flow.given);
    }

    #[test]
    fn bad_flows() {
        assert!(matches!(bad("flow:to_server,to_client;"), (Kind::Conflict { .. }, at) if at == "to_client"));
        assert!(matches!(bad("flow:established,stateless;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("flow:stateless,not_established;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("flow:established,established;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("flow:establishd;"), (Kind::Invalid { .. }, at) if at == "establishd"));
        assert!(matches!(bad("flow:established,;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("flow:to_server; flow:established;").0, Kind::Duplicate { keyword: "flow" }));
    }

    #[test]
    fn bits() {
        let s = good("flowbits:set,a.b/c; flowbits:isset, x|y ; flowbits:noalert; flowbits:toggle,t;");
        assert!(s.noalert);
        assert_eq!(
            s.flowbits,
            [
                Flowbits::Set(vec!["a.b/c".into()]),
                Flowbits::IsSet(vec!["x".into(), "y".into()]),
                Flowbits::Toggle(vec!["t".into()])
            ]
        );
    }

    #[test]
    fn bad_bits() {
        assert!(matches!(bad("flowbits:put,a;"), (Kind::Invalid { .. }, at) if at == "put"));
        assert!(matches!(bad("flowbits:set;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("flowbits:set,a b;"), (Kind::Invalid { .. }, at) if at == "a b"));
        assert!(matches!(bad("flowbits:set,a|b;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("flowbits:isset,a|;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("flowbits:noalert,a;").0, Kind::Invalid { .. }));
    }
}
