//! `dnp3_ind` and `dnp3_obj`: what a DNP3 fragment indicates, and which objects it has.

use super::meta::invalid;
use super::number;
use crate::dnp3::{INDICATORS, IndicatorTest};
use crate::error::RuleError;
use crate::question::Question;
use crate::syntax::Text;

/// `[+|*|-|=]NAME[,NAME…]`, or a number.
pub(super) fn indicators(name: &'static str, text: Text<'_>) -> Result<IndicatorTest, RuleError> {
    let text = text.trim();
    let expected =
        "names of indicators such as device_restart, with + (all), * (any), - (none) or = (exactly) before them";
    let (make, list): (fn(u16) -> IndicatorTest, _) = match text.bytes.first() {
        Some(b'+') => (IndicatorTest::AllOf, text.from(1)),
        Some(b'*') => (IndicatorTest::AnyOf, text.from(1)),
        Some(b'-' | b'!') if text.bytes.get(1).is_some_and(u8::is_ascii_alphabetic) => {
            (IndicatorTest::NoneOf, text.from(1))
        }
        Some(b'=') if text.bytes.get(1).is_some_and(u8::is_ascii_alphabetic) => (IndicatorTest::Exactly, text.from(1)),
        _ => (IndicatorTest::AnyOf, text),
    };
    if !list.trim().bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        let test = number::test(name, text, u64::from(u16::MAX))?;
        return test.map(IndicatorTest::Number).ok_or_else(|| invalid(name, text, expected));
    }
    let mut bits = 0;
    for word in list.split(b',') {
        let word = word.trim();
        let found = INDICATORS.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word.bytes));
        bits |= found.ok_or_else(|| invalid(name, word, expected))?.1;
    }
    Ok(make(bits))
}

/// `GROUP,VARIATION`.
pub(super) fn object(name: &'static str, text: Text<'_>) -> Result<Question, RuleError> {
    let Some((group, variation)) = text.split_once(b',') else {
        return Err(invalid(name, text, "a group and a variation, as in 12,1"));
    };
    let part = |text: Text<'_>| number::unsigned(name, text, u64::from(u8::MAX)).map(|n| n as u8);
    Ok(Question::Dnp3Object { group: part(group)?, variation: part(variation)? })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, checked};
    use super::*;
    use crate::error::RuleErrorKind as Kind;

    #[test]
    fn what_rules_write() {
        let test =
            |text: &str| indicators("k", Text::new(text.as_bytes(), 0)).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(test("all_stations"), IndicatorTest::AnyOf(0x0100));
        assert_eq!(test("class_1_events, class_2_events"), IndicatorTest::AnyOf(0x0600));
        assert_eq!(test("+device_restart,object_unknown"), IndicatorTest::AllOf(0x8002));
        assert_eq!(test("-need_time"), IndicatorTest::NoneOf(0x1000));
        assert_eq!(test("=need_time"), IndicatorTest::Exactly(0x1000));
        assert!(test(">0x7fff").holds(0x8000) && !test(">0x7fff").holds(1));
        for good in ["dnp3_func:cold_restart;", "dnp3.func:!1;", "dnp3_obj:12, 1;", "dnp3_ind:*need_time;"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        assert!(matches!(bad("dnp3_ind:tired;"), (Kind::Invalid { .. }, at) if at == "tired"));
        assert!(matches!(bad("dnp3_obj:12;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("dnp3_obj:12,256;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("dnp3_func:256;").0, Kind::OutOfRange { .. }));
    }
}
