//! Fields of the TCP header.

use super::ip::{add, mode};
use super::meta::{invalid, text};
use super::{Keyword, PLAIN, number};
use crate::check::Checker;
use crate::error::RuleError;
use crate::model::{FlagsTest, PacketCondition};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new("tcp.flags", PLAIN, flags, "`flags:[+|*|!]FSRPAUCE[,ignored]`: these flags are set; `0` for none.")
        .or(&["flags"]),
    Keyword::new("tcp.seq", PLAIN, seq, "`seq:N`: the sequence number.").or(&["seq"]),
    Keyword::new("tcp.ack", PLAIN, ack, "`ack:N`: the acknowledgement number.").or(&["ack"]),
    Keyword::new("tcp.window", PLAIN, window, "`window:[!]N`: the window, not scaled.").or(&["window"]),
    Keyword::new("tcp.mss", PLAIN, mss, "`tcp.mss:[<|>]N` or `tcp.mss:N-M`: the option for the largest segment."),
    Keyword::new("tcp.wscale", PLAIN, wscale, "`tcp.wscale:[op]N`: the option for window scale, its shift count."),
];

type Outcome = Result<(), RuleError>;

/// The bits of the flags byte, RFC 9293 section 3.1; 1 and 2 are the older names of CWR and ECE.
fn bits<'a>(name: &'static str, letters: impl Iterator<Item = Text<'a>>, at: Text<'_>) -> Result<u8, RuleError> {
    let (mut bits, mut any) = (0, false);
    for letter in letters {
        any = true;
        bits |= match letter.bytes {
            b"F" | b"f" => 0x01,
            b"S" | b"s" => 0x02,
            b"R" | b"r" => 0x04,
            b"P" | b"p" => 0x08,
            b"A" | b"a" => 0x10,
            b"U" | b"u" => 0x20,
            b"E" | b"e" | b"2" => 0x40,
            b"C" | b"c" | b"1" => 0x80,
            b"0" => 0,
            _ => return Err(invalid(name, letter, "letters out of FSRPAUCE, or 0")),
        };
    }
    if any { Ok(bits) } else { Err(invalid(name, at, "letters out of FSRPAUCE, or 0")) }
}

fn flags(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let (wanted, ignored) = match value.split_once(b',') {
        Some((wanted, ignored)) => (wanted, Some(ignored)),
        None => (value, None),
    };
    let (mode, letters) = mode(name, wanted)?;
    let flags = bits(name, letters, value)?;
    let ignored = match ignored {
        Some(text) => {
            bits(name, (0..text.bytes.len()).map(|at| text.from(at).to(1)).filter(|l| l.bytes != b" "), value)?
        }
        None => 0,
    };
    checker.packet(PacketCondition::TcpFlags(FlagsTest { flags, ignored, mode }));
    Ok(())
}

fn number(name: &'static str, option: &RuleOption<'_>) -> Result<u32, RuleError> {
    number::unsigned(name, text(option), u64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn wscale(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    if let Some(test) = number::test(name, text(option), u64::from(u8::MAX))? {
        checker.packet(PacketCondition::TcpWindowScale(test));
    }
    Ok(())
}

fn seq(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let n = number(name, option)?;
    checker.packet(PacketCondition::TcpSeq(n));
    Ok(())
}

fn ack(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let n = number(name, option)?;
    checker.packet(PacketCondition::TcpAck(n));
    Ok(())
}

fn window(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, text(option), u64::from(u16::MAX), PacketCondition::TcpWindow)
}

fn mss(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    add(checker, name, text(option), u64::from(u16::MAX), PacketCondition::TcpMss)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;
    use crate::error::RuleErrorKind as Kind;
    use crate::model::{FlagsMode, NumberTest};

    fn flags_of(value: &str) -> FlagsTest {
        match good(&format!("flags:{value};")).packet[..] {
            [PacketCondition::TcpFlags(flags)] => flags,
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flag_letters() {
        assert_eq!(flags_of("S,12"), FlagsTest { flags: 2, ignored: 0xc0, mode: FlagsMode::Exact });
        assert_eq!(flags_of("S,CE"), flags_of("S,12"));
        assert_eq!(flags_of("+SA"), FlagsTest { flags: 0x12, ignored: 0, mode: FlagsMode::All });
        assert_eq!(flags_of("FPU*").mode, FlagsMode::Any);
        assert_eq!(flags_of("!R").mode, FlagsMode::Not);
        assert_eq!(flags_of("0").flags, 0);
        assert!(matches!(bad("flags:SX;"), (Kind::Invalid { .. }, at) if at == "X"));
        assert!(matches!(bad("flags:+;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("flags:S,;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("flags:+!S;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn numbers() {
        assert_eq!(
            good("seq:0; tcp.ack:4294967295;").packet,
            [PacketCondition::TcpSeq(0), PacketCondition::TcpAck(u32::MAX)]
        );
        assert_eq!(good("window:!1;").packet.len(), 1);
        let test = NumberTest { ranges: vec![537..=1459] };
        assert_eq!(good("tcp.mss:536-1460;").packet, [PacketCondition::TcpMss(test)]);
        assert!(matches!(bad("ack:4294967296;").0, Kind::OutOfRange { keyword: "ack", .. }));
        assert!(matches!(bad("window:65536;").0, Kind::OutOfRange { .. }));
    }
}
