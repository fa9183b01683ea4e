//! Rules on what decoding and the stream engine found odd. Which events there are is the engine's to know: here a name is
//! only held against the form of one.

use super::meta::{invalid, text};
use super::{Keyword, PLAIN};
use crate::check::Checker;
use crate::error::RuleError;
use crate::model::PacketCondition;
use crate::syntax::RuleOption;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "decode-event",
        PLAIN,
        decode,
        "`decode-event:NAME`: decoding found this odd, `ipv4.trunc_pkt` for instance.",
    )
    .or(&["engine-event"]),
    Keyword::new(
        "stream-event",
        PLAIN,
        stream,
        "`stream-event:NAME`: the stream engine found this odd, `pkt_invalid_ack` for instance.",
    ),
];

type Outcome = Result<(), RuleError>;

fn name(keyword: &'static str, option: &RuleOption<'_>) -> Result<Box<str>, RuleError> {
    let value = text(option);
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    match std::str::from_utf8(value.bytes) {
        Ok(name) if !name.is_empty() && value.bytes.iter().all(word) => Ok(name.to_ascii_lowercase().into()),
        _ => Err(invalid(keyword, value, "the name of an event")),
    }
}

fn decode(checker: &mut Checker<'_>, keyword: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.packet(PacketCondition::DecodeEvent(name(keyword, option)?));
    Ok(())
}

fn stream(checker: &mut Checker<'_>, keyword: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.packet(PacketCondition::StreamEvent(name(keyword, option)?));
    Ok(())
}
