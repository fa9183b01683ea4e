//! The internal indications of DNP3 (IEEE 1815, 4.2.2.6), which rules name and the log shows.

use crate::model::NumberTest;
use std::fmt;

/// Their names: the first byte of the two is the higher one.
pub const INDICATORS: &[(&str, u16)] = &[
    ("all_stations", 0x0100),
    ("class_1_events", 0x0200),
    ("class_2_events", 0x0400),
    ("class_3_events", 0x0800),
    ("need_time", 0x1000),
    ("local_control", 0x2000),
    ("device_trouble", 0x4000),
    ("device_restart", 0x8000),
    ("no_func_code_support", 0x0001),
    ("object_unknown", 0x0002),
    ("parameter_error", 0x0004),
    ("event_buffer_overflow", 0x0008),
    ("already_executing", 0x0010),
    ("config_corrupt", 0x0020),
    ("reserved_2", 0x0040),
    ("reserved_1", 0x0080),
];

/// What a rule asks of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum IndicatorTest {
    AnyOf(u16),
    AllOf(u16),
    NoneOf(u16),
    Exactly(u16),
    /// Their bits as a number.
    Number(NumberTest),
}

impl IndicatorTest {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, bits: u16) -> bool {
        match self {
            Self::AnyOf(wanted) => bits & wanted != 0,
            Self::AllOf(wanted) => bits & wanted == *wanted,
            Self::NoneOf(wanted) => bits & wanted == 0,
            Self::Exactly(wanted) => bits == *wanted,
            Self::Number(test) => test.holds(bits.into()),
        }
    }
}

impl fmt::Display for IndicatorTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (how, bits) = match self {
            Self::AnyOf(bits) => ("any of ", *bits),
            Self::AllOf(bits) => ("all of ", *bits),
            Self::NoneOf(bits) => ("none of ", *bits),
            Self::Exactly(bits) => ("exactly ", *bits),
            Self::Number(test) => return write!(f, "{:?}", test.ranges),
        };
        f.write_str(how)?;
        let mut between = "";
        for (name, _) in INDICATORS.iter().filter(|(_, bit)| bits & bit != 0) {
            write!(f, "{between}{name}")?;
            between = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_hold() {
        let both = 0x8002;
        for (test, holds) in [
            (IndicatorTest::AnyOf(0x0003), true),
            (IndicatorTest::AllOf(0x0003), false),
            (IndicatorTest::AllOf(0x8002), true),
            (IndicatorTest::NoneOf(0x0001), true),
            (IndicatorTest::NoneOf(0x0002), false),
            (IndicatorTest::Exactly(0x8000), false),
            (IndicatorTest::Number(NumberTest { ranges: vec![0x8000..=0xffff] }), true),
        ] {
            assert_eq!(test.holds(both), holds, "{test}");
        }
        assert_eq!(IndicatorTest::AnyOf(0x8002).to_string(), "any of device_restart,object_unknown");
        assert_eq!(INDICATORS.iter().fold(0, |all, (_, bit)| all | bit), u16::MAX);
    }
}
