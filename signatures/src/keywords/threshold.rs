//! How often a rule may or must match: `threshold` and `detection_filter`.

use super::meta::{invalid, text};
use super::{Keyword, PLAIN, number};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{Threshold, ThresholdKind, TrackBy};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "threshold",
        PLAIN,
        threshold,
        "`threshold:type limit|threshold|both|backoff, track by_src|by_dst|by_both|by_rule|by_flow, count N, seconds T`: \
         how many alerts.",
    ),
    Keyword::new(
        "detection_filter",
        PLAIN,
        detection_filter,
        "`detection_filter:track by_…, count N, seconds T`: alerts on each match after the first N within T seconds.",
    ),
];

type Outcome = Result<(), RuleError>;

#[derive(Default)]
struct Parts<'a> {
    kind: Option<Text<'a>>,
    track: Option<TrackBy>,
    count: Option<u32>,
    seconds: Option<u32>,
    multiplier: Option<u32>,
}

fn parts<'a>(name: &'static str, text: Text<'a>) -> Result<Parts<'a>, RuleError> {
    let mut parts = Parts::default();
    for part in text.split(b',') {
        let (word, value) = part.split_word();
        let count =
            || number::signed(name, value, 1, i64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let twice = match word.bytes {
            b"type" => parts.kind.replace(value).is_some(),
            b"track" => parts.track.replace(track(name, value)?).is_some(),
            b"count" => parts.count.replace(count()?).is_some(),
            b"seconds" => parts.seconds.replace(count()?).is_some(),
            b"multiplier" => parts.multiplier.replace(count()?).is_some(),
            _ => return Err(invalid(name, part, "type, track, count, seconds or multiplier, each with its value")),
        };
        if twice {
            return Err(RuleError::new(Kind::Duplicate { keyword: "this part of the option" }, part.span()));
        }
    }
    Ok(parts)
}

fn track(name: &'static str, value: Text<'_>) -> Result<TrackBy, RuleError> {
    Ok(match value.bytes {
        b"by_src" => TrackBy::Source,
        b"by_dst" => TrackBy::Destination,
        b"by_both" => TrackBy::Both,
        b"by_rule" => TrackBy::Rule,
        b"by_flow" => TrackBy::Flow,
        _ => return Err(invalid(name, value, "by_src, by_dst, by_both, by_rule or by_flow")),
    })
}

fn threshold(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.once(name, option.name.span())?;
    let value = text(option);
    let parts = parts(name, value)?;
    let (Some(kind), Some(track), Some(count)) = (parts.kind, parts.track, parts.count) else {
        return Err(invalid(name, value, "type, track and count"));
    };
    let kind = match kind.bytes {
        b"limit" => ThresholdKind::Limit,
        b"threshold" => ThresholdKind::Threshold,
        b"both" => ThresholdKind::Both,
        b"backoff" => {
            let multiplier = parts.multiplier.ok_or_else(|| invalid(name, value, "multiplier with type backoff"))?;
            if track != TrackBy::Flow {
                return Err(invalid(name, value, "track by_flow with type backoff"));
            }
            ThresholdKind::Backoff { multiplier }
        }
        _ => return Err(invalid(name, kind, "limit, threshold, both or backoff")),
    };
    let seconds = match (kind, parts.seconds, parts.multiplier) {
        (ThresholdKind::Backoff { .. }, None, _) => 0,
        (ThresholdKind::Backoff { .. }, Some(_), _) => {
            return Err(invalid(name, value, "no seconds with type backoff"));
        }
        (_, Some(seconds), None) => seconds,
        (_, _, Some(_)) => return Err(invalid(name, value, "multiplier only with type backoff")),
        (_, None, None) => return Err(invalid(name, value, "seconds")),
    };
    checker.signature.threshold = Some(Threshold { kind, track, count, seconds });
    Ok(())
}

fn detection_filter(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.once(name, option.name.span())?;
    let value = text(option);
    let Parts { kind: None, track: Some(track), count: Some(count), seconds: Some(seconds), multiplier: None } =
        parts(name, value)?
    else {
        return Err(invalid(name, value, "track, count and seconds"));
    };
    let kind = ThresholdKind::DetectionFilter;
    checker.signature.detection_filter = Some(Threshold { kind, track, count, seconds });
    Ok(())
}

/// A rule has one of the two.
pub(super) fn whole_rule(checker: &mut Checker<'_>) -> Outcome {
    match (checker.given_at("detection_filter"), checker.given_at("threshold")) {
        (Some(span), Some(_)) => {
            Err(RuleError::new(Kind::Conflict { keyword: "detection_filter", other: "threshold" }, span))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    #[test]
    fn thresholds() {
        let t = |o: &str| good(&format!("threshold:{o};")).threshold.unwrap();
        assert_eq!(
            t("type limit, track by_src, seconds 60, count 1"),
            Threshold { kind: ThresholdKind::Limit, track: TrackBy::Source, count: 1, seconds: 60 }
        );
        assert_eq!(t("count 5 ,type both,seconds 2,track by_both").kind, ThresholdKind::Both);
        assert_eq!(
            t("type backoff, track by_flow, count 1, multiplier 10").kind,
            ThresholdKind::Backoff { multiplier: 10 }
        );
    }

    #[test]
    fn detection_filters() {
        let filter = good("detection_filter:track by_dst, count 4, seconds 20;").detection_filter.unwrap();
        assert_eq!((filter.kind, filter.track), (ThresholdKind::DetectionFilter, TrackBy::Destination));
        assert!(matches!(bad("detection_filter:track by_dst, count 4;").0, Kind::Invalid { .. }));
        assert!(matches!(
            bad("detection_filter:type limit, track by_dst, count 4, seconds 1;").0,
            Kind::Invalid { .. }
        ));
    }

    #[test]
    fn bad_thresholds() {
        for wrong in [
            "type limit, track by_src, count 1",
            "type limit, track by_src, seconds 1",
            "type limit, count 1, seconds 1",
            "track by_src, count 1, seconds 1",
            "type most, track by_src, count 1, seconds 1",
            "type limit, track by_me, count 1, seconds 1",
            "type limit, track by_src, count x, seconds 1",
            "type limit, track by_src, count 1, seconds 1, more",
            "type backoff, track by_src, count 1, multiplier 2",
            "type backoff, track by_flow, count 1, seconds 2",
            "type limit, track by_src, count 1, seconds 1, multiplier 2",
        ] {
            assert!(matches!(bad(&format!("threshold:{wrong};")).0, Kind::Invalid { .. }), "{wrong}");
        }
        assert!(matches!(bad("threshold:type limit, track by_src, count 0, seconds 1;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("threshold:type limit, type limit, track by_src;").0, Kind::Duplicate { .. }));
        let both = "threshold:type limit, track by_src, count 1, seconds 1; detection_filter:track by_src, count 1, seconds 1;";
        assert!(matches!(bad(both).0, Kind::Conflict { keyword: "detection_filter", .. }));
    }
}
