//! How long the payload or a buffer is.

use super::meta::text;
use super::{Keyword, NO_VALUE, PLAIN, number};
use crate::check::Checker;
use crate::error::RuleError;
use crate::model::{BufferCondition, PacketCondition};
use crate::syntax::RuleOption;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("dsize", PLAIN, dsize, "`dsize:[<|>|!]N` or `dsize:N<>M`: the packet's payload is that long."),
    Keyword::new("bsize", PLAIN, bsize, "`bsize:[<|>|!]N` or `bsize:N<>M`: the buffer is that long."),
    Keyword::new(
        "pkt_data",
        NO_VALUE,
        pkt_data,
        "`pkt_data`: what follows looks at the raw payload, as at the rule's start.",
    ),
];

fn dsize(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Result<(), RuleError> {
    checker.once(name, text(option).span())?;
    if let Some(test) = number::test(name, text(option), u64::from(u16::MAX))? {
        checker.packet(PacketCondition::Dsize(test));
    }
    Ok(())
}

fn bsize(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Result<(), RuleError> {
    match number::test(name, text(option), u64::MAX)? {
        Some(test) => {
            checker.given.push((name, text(option).span()));
            checker.buffer(BufferCondition::Size(test));
        }
        None => checker.skip("bsize with a bit mask", option.name.span()),
    }
    Ok(())
}

fn pkt_data(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Result<(), RuleError> {
    checker.choose(None, name, option.name.span())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good, skipped};
    use crate::error::RuleErrorKind as Kind;
    use crate::model::{BufferCondition, NumberTest, PacketCondition};

    #[test]
    fn sizes() {
        assert_eq!(good("dsize:8<>20;").packet, [PacketCondition::Dsize(NumberTest { ranges: vec![9..=19] })]);
        assert_eq!(good("bsize:>=8;").payload, [BufferCondition::Size(NumberTest { ranges: vec![8..=u64::MAX] })]);
        assert_eq!(skipped("bsize:&1=1;").as_deref(), Some("bsize with a bit mask"));
    }

    #[test]
    fn bad_sizes() {
        assert!(matches!(bad("dsize:1; dsize:1;").0, Kind::Duplicate { keyword: "dsize" }));
        assert!(matches!(bad("dsize:65536;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("dsize:<0;").0, Kind::CannotMatch { .. }));
        assert!(matches!(bad("dsize:1<>2;"), (Kind::CannotMatch { .. }, at) if at == "1<>2"));
        assert!(matches!(bad("bsize:x;"), (Kind::Invalid { .. }, at) if at == "x"));
    }

    #[test]
    fn pkt_data_returns_to_the_raw_payload() {
        let s = good("content:\"a\"; pkt_data; content:\"b\"; distance:0;");
        assert_eq!(s.payload.len(), 2);
        let s = good("http.uri; content:\"a\"; pkt_data; content:\"b\";");
        assert_eq!((s.payload.len(), s.buffers.len()), (1, 1));
    }
}
