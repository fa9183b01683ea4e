//! Keywords that ask a transaction as a whole: how each is written.

use super::meta::{invalid, text};
use super::number;
use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::krb5::{self, EncryptionTest};
use crate::model::{BufferCondition, NumberTest};
use crate::question::Question;
use crate::syntax::{RuleOption, Text};

/// What the keyword of a buffer that is asked asks.
pub(crate) fn question(
    checker: &mut Checker<'_>,
    name: &'static str,
    buffer: Buffer,
    option: &RuleOption<'_>,
) -> Result<(), RuleError> {
    let question = match buffer {
        Buffer::DcerpcIface => dcerpc_interface(name, text(option))?,
        Buffer::DcerpcOpnum => Question::DcerpcOperation(list(name, text(option), u64::from(u16::MAX))?),
        Buffer::Krb5TicketEncryption => Question::Krb5TicketEncryption(krb5_encryption(name, text(option))?),
        _ => {
            return Err(RuleError::new(
                Kind::UnknownKeyword { name: name.to_owned(), nearest: None },
                option.name.span(),
            ));
        }
    };
    checker.beside(buffer, BufferCondition::Ask(question), option.name.span());
    Ok(())
}

/// `UUID[,op version][,any_frag]`, the operator and the version perhaps with a comma between them.
fn dcerpc_interface(name: &'static str, text: Text<'_>) -> Result<Question, RuleError> {
    let mut parts = text.split(b',').map(|part| part.trim());
    let uuid = parts.next().unwrap_or(text);
    let expected = "a UUID, as in 367abb81-9844-35f1-ad32-98f038001003";
    let uuid = parse_uuid(uuid.bytes).ok_or_else(|| invalid(name, uuid, expected))?;
    let (mut version, mut any_fragment) = (None, false);
    while let Some(part) = parts.next() {
        if part.bytes == b"any_frag" {
            any_fragment = true;
            continue;
        }
        let alone = matches!(part.bytes, b"<" | b">" | b"=" | b"!");
        let operand = if alone { parts.next().unwrap_or(part) } else { part.from(1).trim() };
        let n = number::unsigned(name, operand, u64::from(u16::MAX))?;
        let ranges = match part.bytes.first() {
            Some(b'<') if n > 0 => vec![0..=n - 1],
            Some(b'>') if n < u64::from(u16::MAX) => vec![n + 1..=u64::from(u16::MAX)],
            Some(b'=') => vec![n..=n],
            Some(b'!') if n == 0 => vec![1..=u64::from(u16::MAX)],
            Some(b'!') => vec![0..=n - 1, n + 1..=u64::from(u16::MAX)],
            _ => return Err(invalid(name, part, "<, >, = or ! and a version that there can be, or any_frag")),
        };
        version = Some(NumberTest { ranges });
    }
    Ok(Question::DcerpcInterface { uuid, version, any_fragment })
}

fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut groups = text.split(|b| *b == b'-');
    let mut uuid = [0; 16];
    let mut slots = uuid.iter_mut();
    for len in [8, 4, 4, 4, 12] {
        let group = groups.next().filter(|g| g.len() == len)?;
        for pair in group.chunks_exact(2) {
            let digit = |b: u8| char::from(b).to_digit(16);
            *slots.next()? = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
    }
    groups.next().is_none().then_some(uuid)
}

/// `[!]` and a list of numbers, names and `weak`.
fn krb5_encryption(name: &'static str, text: Text<'_>) -> Result<EncryptionTest, RuleError> {
    let (negated, list) = match text.trim().strip(b"!") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut weak, mut types) = (false, vec![]);
    for part in list.split(b',') {
        let part = part.trim();
        match krb5::number(part.bytes) {
            _ if part.bytes == b"weak" => weak = true,
            Some(number) => types.push(number),
            None => {
                let number = number::signed(name, part, i32::MIN.into(), i32::MAX.into())?;
                types.push(i32::try_from(number).unwrap_or(i32::MAX));
            }
        }
    }
    Ok(EncryptionTest { negated, weak, types })
}

/// Numbers and ranges, both ends included, with commas between them; or one test such as `>3`.
fn list(name: &'static str, text: Text<'_>, max: u64) -> Result<NumberTest, RuleError> {
    if matches!(text.trim().bytes.first(), Some(b'<' | b'>' | b'!' | b'=')) {
        return number::test(name, text, max)?.ok_or_else(|| invalid(name, text, "numbers and ranges"));
    }
    let mut ranges = vec![];
    for part in text.split(b',') {
        let part = part.trim();
        let (first, last) = match part.split_once(b'-') {
            Some((first, last)) => (number::unsigned(name, first, max)?, number::unsigned(name, last, max)?),
            None => {
                let n = number::unsigned(name, part, max)?;
                (n, n)
            }
        };
        if first > last {
            let why = "the range is reversed".to_owned();
            return Err(RuleError::new(Kind::CannotMatch { why }, part.span()));
        }
        ranges.push(first..=last);
    }
    Ok(NumberTest { ranges })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, checked};
    use crate::error::RuleErrorKind as Kind;

    #[test]
    fn interfaces_of_calls() {
        let uuid = "367abb81-9844-35F1-ad32-98f038001003";
        for rest in ["", ",=1", ",>1,any_frag", ", !, 3", ",any_frag", ",<2"] {
            let rule = format!("dcerpc.iface:{uuid}{rest};");
            assert!(checked(&rule).is_ok(), "{rule}: {:?}", checked(&rule));
        }
        for rest in ["-1", ",1", ",any", ",<0", ",>65535", ",="] {
            let rule = format!("dce_iface:{uuid}{rest};");
            assert!(matches!(bad(&rule).0, Kind::Invalid { .. } | Kind::OutOfRange { .. }), "{rule}");
        }
        assert!(matches!(bad("dcerpc.iface:367abb81-9844;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn encryptions_of_tickets() {
        for good in ["weak", "23", "rc4-hmac", "!weak", "!17, AES256-CTS-HMAC-SHA1-96", "-128"] {
            assert!(checked(&format!("krb5.ticket_encryption:{good};")).is_ok(), "{good}");
        }
        assert!(matches!(bad("krb5.ticket_encryption:strong;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn operations_of_calls() {
        for good in ["dcerpc.opnum:15;", "dce_opnum:1,3-5, 7;", "dcerpc.opnum:>3;"] {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        assert!(matches!(bad("dcerpc.opnum:5-3;").0, Kind::CannotMatch { .. }));
        assert!(matches!(bad("dcerpc.opnum:65536;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("dcerpc.opnum:x;").0, Kind::Invalid { .. }));
    }
}
