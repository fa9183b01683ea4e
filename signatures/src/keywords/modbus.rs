//! `modbus`: which function a request calls, or what it accesses, as the rule writes it.

use super::meta::invalid;
use super::number;
use crate::error::RuleError;
use crate::modbus::{Access, Category, ModbusTest, What};
use crate::model::NumberTest;
use crate::syntax::Text;

const EXPECTED: &str = "unit N, function N, function N, subfunction N, function CATEGORY, or access read|write [TABLE], address N, value N";

/// `[unit N,] function …` or `[unit N,] access …`.
pub(super) fn parse(name: &'static str, text: Text<'_>) -> Result<ModbusTest, RuleError> {
    let mut parts = text.split(b',').map(|part| part.trim()).peekable();
    let mut unit = None;
    if let Some(value) = parts.peek().and_then(|part| after(*part, b"unit")) {
        unit = Some(test(name, value, u64::from(u8::MAX))?);
        parts.next();
    }
    let what = match parts.next() {
        None if unit.is_some() => What::Any,
        None => return Err(invalid(name, text, EXPECTED)),
        Some(part) => {
            if let Some(value) = after(part, b"function") {
                let subfunction = parts.next_if(|part| after(*part, b"subfunction").is_some());
                function(name, value, subfunction.and_then(|part| after(part, b"subfunction")))?
            } else if let Some(value) = after(part, b"access") {
                let address =
                    parts.next().map(|part| after(part, b"address").ok_or_else(|| invalid(name, part, EXPECTED)));
                let wanted =
                    parts.next().map(|part| after(part, b"value").ok_or_else(|| invalid(name, part, EXPECTED)));
                access(name, value, address.transpose()?, wanted.transpose()?)?
            } else {
                return Err(invalid(name, part, EXPECTED));
            }
        }
    };
    match parts.next() {
        Some(more) => Err(invalid(name, more, EXPECTED)),
        None => Ok(ModbusTest { unit, what }),
    }
}

/// What stands behind a word.
fn after<'a>(part: Text<'a>, word: &[u8]) -> Option<Text<'a>> {
    part.strip(word)?;
    let rest = part.from(word.len());
    rest.bytes.first().is_none_or(|b| !b.is_ascii_alphanumeric()).then(|| rest.trim())
}

fn test(name: &'static str, text: Text<'_>, max: u64) -> Result<NumberTest, RuleError> {
    number::test(name, text, max)?.ok_or_else(|| invalid(name, text, "a number, <N, >N or N<>M"))
}

fn function(name: &'static str, value: Text<'_>, subfunction: Option<Text<'_>>) -> Result<What, RuleError> {
    if value.bytes.first().is_some_and(u8::is_ascii_digit) {
        let code = number::unsigned(name, value, u64::from(u8::MAX))? as u8;
        let subfunction = subfunction.map(|text| number::unsigned(name, text, u64::from(u16::MAX))).transpose()?;
        return Ok(What::Function { code, subfunction: subfunction.map(|n| n as u16) });
    }
    if let Some(more) = subfunction {
        return Err(invalid(name, more, "a subfunction behind the number of its function only"));
    }
    let (negated, word) = match value.strip(b"!") {
        Some(rest) => (true, rest.trim()),
        None => (false, value),
    };
    let bits = match word.bytes {
        b"assigned" => Category::ASSIGNED,
        b"unassigned" => Category::UNASSIGNED,
        b"public" => Category::PUBLIC,
        b"user" => Category::USER,
        b"reserved" => Category::RESERVED,
        b"all" => Category::ALL,
        _ => {
            let expected = "the number of a function, or assigned, unassigned, public, user, reserved or all";
            return Err(invalid(name, word, expected));
        }
    };
    Ok(What::Category(Category(if negated { Category::ALL & !bits } else { bits })))
}

fn access(
    name: &'static str,
    value: Text<'_>,
    address: Option<Text<'_>>,
    wanted: Option<Text<'_>>,
) -> Result<What, RuleError> {
    let (how, rest) = match (after(value, b"read"), after(value, b"write")) {
        (Some(rest), _) => (Access::READ, rest),
        (_, Some(rest)) => (Access::WRITE, rest),
        _ => return Err(invalid(name, value, "read or write")),
    };
    let table = match rest.bytes {
        b"" => 0,
        b"coils" => Access::COILS,
        b"holding" => Access::HOLDING,
        b"discretes" if how == Access::READ => Access::DISCRETES,
        b"input" if how == Access::READ => Access::INPUT,
        _ => return Err(invalid(name, rest, "coils or holding; or, to read, discretes or input")),
    };
    let number = |text: Text<'_>| test(name, text, u64::from(u16::MAX) + 1);
    if let Some(value) = wanted.filter(|_| how == Access::READ) {
        return Err(invalid(name, value, "a value behind a write only"));
    }
    let (address, value) = (address.map(number).transpose()?, wanted.map(number).transpose()?);
    Ok(What::Access { access: Access(how | table), address, value })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, checked};
    use super::*;
    use crate::error::RuleErrorKind as Kind;

    fn parsed(text: &str) -> ModbusTest {
        parse("modbus", Text::new(text.as_bytes(), 0)).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn what_rules_write() {
        let exactly = |n: u64| Some(NumberTest { ranges: vec![n..=n] });
        for (text, unit, what) in [
            ("function 21", None, What::Function { code: 21, subfunction: None }),
            ("function 8, subfunction 4", None, What::Function { code: 8, subfunction: Some(4) }),
            ("function !reserved", None, What::Category(Category(7))),
            ("unit 10", exactly(10), What::Any),
            ("unit 10, function user", exactly(10), What::Category(Category(4))),
            ("access read", None, What::Access { access: Access(1), address: None, value: None }),
            (
                "access write holding, address 500, value >200",
                None,
                What::Access {
                    access: Access(Access::WRITE | Access::HOLDING),
                    address: exactly(500),
                    value: Some(NumberTest { ranges: vec![201..=65536] }),
                },
            ),
        ] {
            assert_eq!(parsed(text), ModbusTest { unit, what }, "{text}");
        }
        assert!(checked("modbus: unit 10<>20, access read discretes, address <100;").is_ok());
    }

    #[test]
    fn what_rules_must_not_write() {
        for wrong in [
            "function none",
            "function 256",
            "access write input",
            "access read coils, value 1",
            "access move",
            "function 3, address 4",
            "unit",
            "coils",
            "access read coils, address 1, value 1",
            "function user, subfunction 1",
        ] {
            assert!(
                matches!(bad(&format!("modbus:{wrong};")).0, Kind::Invalid { .. } | Kind::OutOfRange { .. }),
                "{wrong}"
            );
        }
    }
}
