//! How much a flow has seen so far.

use super::kept::one_of;
use super::meta::{invalid, text};
use super::{Keyword, PLAIN, number};
use crate::check::Checker;
use crate::error::RuleError;
use crate::kept::{FlowMeasure, Measure, MeasureSide};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "stream_size",
        PLAIN,
        stream_size,
        "`stream_size:server|client|both|either,op,N`: bytes seen on a TCP stream, by its sequence numbers.",
    ),
    Keyword::new("flow.age", PLAIN, age, "`flow.age:[op]N`: age of the flow in seconds."),
    Keyword::new(
        "flow.pkts",
        PLAIN,
        packets,
        "`flow.pkts:toserver|toclient|both|either,[op]N`: packets of the flow, the one at hand included.",
    ),
    Keyword::new("flow.pkts_toserver", PLAIN, packets_to_server, "`flow.pkts_toserver:[op]N`: packets to the server."),
    Keyword::new("flow.pkts_toclient", PLAIN, packets_to_client, "`flow.pkts_toclient:[op]N`: packets to the client."),
    Keyword::new(
        "flow.bytes",
        PLAIN,
        bytes,
        "`flow.bytes:toserver|toclient|both|either,[op]N`: bytes of the flow's packets.",
    ),
    Keyword::new("flow.bytes_toserver", PLAIN, bytes_to_server, "`flow.bytes_toserver:[op]N`: bytes to the server."),
    Keyword::new("flow.bytes_toclient", PLAIN, bytes_to_client, "`flow.bytes_toclient:[op]N`: bytes to the client."),
];

type Outcome = Result<(), RuleError>;

fn add(
    checker: &mut Checker<'_>,
    name: &'static str,
    (what, side): (Measure, MeasureSide),
    value: Text<'_>,
    max: u64,
) -> Outcome {
    match number::test(name, value, max)? {
        Some(test) => checker.signature.kept.measures.push(FlowMeasure { what, side, test }),
        None => checker.skip(format!("{name} with a bit mask"), value.span()),
    }
    Ok(())
}

fn age(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, (Measure::Age, MeasureSide::Either), text(option), u64::from(u32::MAX))
}

fn packets_to_server(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, (Measure::Packets, MeasureSide::ToServer), text(option), u64::from(u32::MAX))
}

fn packets_to_client(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, (Measure::Packets, MeasureSide::ToClient), text(option), u64::from(u32::MAX))
}

fn bytes_to_server(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, (Measure::Bytes, MeasureSide::ToServer), text(option), u64::MAX)
}

fn bytes_to_client(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, (Measure::Bytes, MeasureSide::ToClient), text(option), u64::MAX)
}

fn sided(checker: &mut Checker<'_>, name: &'static str, what: Measure, option: &RuleOption<'_>, max: u64) -> Outcome {
    let value = text(option);
    let Some((side, number)) = value.split_once(b',') else {
        return Err(invalid(name, value, "a direction and a number, as in toserver,>10"));
    };
    let side = match side.bytes {
        b"toserver" => MeasureSide::ToServer,
        b"toclient" => MeasureSide::ToClient,
        b"both" => MeasureSide::Both,
        b"either" => MeasureSide::Either,
        _ => return Err(invalid(name, side, "toserver, toclient, both or either")),
    };
    add(checker, name, (what, side), number, max)
}

fn packets(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    sided(checker, name, Measure::Packets, option, u64::from(u32::MAX))
}

fn bytes(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    sided(checker, name, Measure::Bytes, option, u64::MAX)
}

fn stream_size(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let parts: Vec<Text<'_>> = value.split(b',').collect();
    let [side, sign, size] = parts[..] else {
        return Err(invalid(name, value, "a side, an operator and a number, as in server,>,100"));
    };
    let side = match side.bytes {
        b"server" => MeasureSide::ToClient,
        b"client" => MeasureSide::ToServer,
        b"both" => MeasureSide::Both,
        b"either" => MeasureSide::Either,
        _ => return Err(invalid(name, side, "server, client, both or either")),
    };
    one_of(name, sign, &[b"<", b">", b"=", b"!=", b"<=", b">="], "< > = != <= or >=")?;
    let n = number::unsigned(name, size, u64::from(u32::MAX))?;
    let max = u64::MAX;
    let ranges = match sign.bytes {
        b"<" if n == 0 => return Err(invalid(name, size, "a number that a size can be less than")),
        b"<" => vec![0..=n - 1],
        b"<=" => vec![0..=n],
        b">" => vec![n + 1..=max],
        b">=" => vec![n..=max],
        b"=" => vec![n..=n],
        _ if n == 0 => vec![1..=max],
        _ => vec![0..=n - 1, n + 1..=max],
    };
    let measure = FlowMeasure { what: Measure::StreamSize, side, test: crate::model::NumberTest { ranges } };
    checker.signature.kept.measures.push(measure);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;
    use crate::error::RuleErrorKind as Kind;

    #[test]
    fn measures_of_a_flow() {
        let measures = good("stream_size:server,!=,7; flow.age:>3600; flow.pkts:either,=10; flow.bytes_toclient:<5;")
            .kept
            .measures;
        let sides: Vec<_> = measures.iter().map(|m| (m.what, m.side)).collect();
        assert_eq!(
            sides,
            [
                (Measure::StreamSize, MeasureSide::ToClient),
                (Measure::Age, MeasureSide::Either),
                (Measure::Packets, MeasureSide::Either),
                (Measure::Bytes, MeasureSide::ToClient),
            ]
        );
        assert!(!measures[0].test.holds(7) && measures[0].test.holds(8) && measures[0].test.holds(0));
        assert!(measures[3].test.holds(4) && !measures[3].test.holds(5));
    }

    #[test]
    fn bad_measures() {
        for option in [
            "stream_size:server,1",
            "stream_size:middle,=,1",
            "stream_size:server,~,1",
            "stream_size:server,<,0",
            "flow.pkts:>10",
            "flow.pkts:up,>10",
            "flow.age:old",
        ] {
            assert!(matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }), "{option}");
        }
    }
}
