//! Keywords that look at what bytes are made of: base64, how random they are, ASN.1, and FTP's PORT.

use super::kept::order;
use super::meta::{invalid, text};
use super::{ANYTHING, Keyword, NO_VALUE, PLAIN, number};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::kept::{Base64Decode, Decimal, Entropy, EntropyTest};
use crate::model::{Asn1, BufferCondition};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "base64_decode",
        ANYTHING,
        base64_decode,
        "`base64_decode[:[bytes N][,offset N][,relative]]`: decodes base64 (RFC 2045) for `base64_data`.",
    ),
    Keyword::new(
        "entropy",
        PLAIN,
        entropy,
        "`entropy:[bytes N,][offset N,]value [op]X`: how random the buffer is, 0 to 8 bits a byte; `X-Y` for between.",
    ),
    Keyword::new(
        "asn1",
        PLAIN,
        asn1,
        "`asn1:[bitstring_overflow][,double_overflow][,oversize_length N][,relative_offset N|,absolute_offset N]`: such an encoding is there.",
    ),
    Keyword::new("ftpbounce", NO_VALUE, ftpbounce, "`ftpbounce`: a PORT command names another host than its sender."),
];

type Outcome = Result<(), RuleError>;

fn base64_decode(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let mut decode = Base64Decode::default();
    let end = option.name.from(option.name.bytes.len());
    let value = option.value.map_or(end, |v| v.text);
    for part in value.split(b',').filter(|_| !value.bytes.is_empty()) {
        let (word, rest) = part.split_word();
        let count = |min: i64| {
            number::signed(name, rest, min, i64::from(u16::MAX)).map(|n| u32::try_from(n).unwrap_or_default())
        };
        match word.bytes {
            b"bytes" => decode.bytes = Some(count(1)?),
            b"offset" => decode.offset = count(0)?,
            b"relative" if rest.bytes.is_empty() => decode.relative = true,
            _ => return Err(invalid(name, part, "bytes N, offset N or relative")),
        }
    }
    checker.buffer(BufferCondition::Base64 { decode, transforms: Vec::new(), conditions: Vec::new() });
    Ok(())
}

fn asn1(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let expected = "bitstring_overflow, double_overflow, oversize_length N, relative_offset N or absolute_offset N";
    let value = text(option);
    let mut asn1 = Asn1::default();
    let place = |text| number::signed(name, text, i64::from(i16::MIN), i64::from(u16::MAX));
    for part in value.split(b',') {
        // Words may stand side by side without a comma.
        let mut rest = part;
        while !rest.bytes.is_empty() {
            let (word, after) = rest.split_word();
            let (operand, behind) = after.split_word();
            rest = match word.bytes {
                b"bitstring_overflow" => {
                    asn1.bitstring_overflow = true;
                    after
                }
                b"double_overflow" => {
                    asn1.double_overflow = true;
                    after
                }
                b"oversize_length" => {
                    let most = number::unsigned(name, operand, u64::from(u32::MAX))?;
                    asn1.oversize_length = u32::try_from(most).ok();
                    behind
                }
                b"relative_offset" | b"absolute_offset" => {
                    asn1.relative = word.bytes == b"relative_offset";
                    asn1.offset = i32::try_from(place(operand)?).unwrap_or_default();
                    behind
                }
                _ => return Err(invalid(name, word, expected)),
            };
        }
    }
    if !asn1.bitstring_overflow && !asn1.double_overflow && asn1.oversize_length.is_none() {
        return Err(invalid(name, value, expected));
    }
    checker.buffer(BufferCondition::Asn1(asn1));
    Ok(())
}

fn ftpbounce(checker: &mut Checker<'_>, _: &'static str, _: &RuleOption<'_>) -> Outcome {
    checker.buffer(BufferCondition::FtpBounce);
    Ok(())
}

/// What `base64_data` asks is asked where the bytes are decoded.
pub(super) fn whole_rule(checker: &mut Checker<'_>) -> Outcome {
    use crate::buffers::Buffer;
    let of_data = |b: &crate::check::Collected| b.chosen == Some(Buffer::Base64Data);
    while let Some(index) = checker.buffers.iter().position(|b| of_data(b) && !b.conditions.is_empty()) {
        let span = checker.buffers[index].span;
        if checker.buffers[index].conditions.iter().any(|c| matches!(c, BufferCondition::Base64 { .. })) {
            let other = "base64_data: what was decoded is not decoded again";
            return Err(RuleError::new(Kind::Conflict { keyword: "base64_decode", other }, span));
        }
        let asked = std::mem::take(&mut checker.buffers[index].conditions);
        let changed = std::mem::take(&mut checker.buffers[index].transforms);
        let decoding = checker.buffers.iter_mut().flat_map(|b| b.conditions.iter_mut()).find_map(|c| match c {
            BufferCondition::Base64 { transforms, conditions, .. } => Some((transforms, conditions)),
            _ => None,
        });
        let Some((transforms, conditions)) = decoding else {
            return Err(RuleError::new(Kind::Missing { missing: "a base64_decode before base64_data" }, span));
        };
        if !conditions.is_empty() && *transforms != changed {
            let other = "base64_data with other transforms before";
            return Err(RuleError::new(Kind::Conflict { keyword: "base64_data", other }, span));
        }
        *transforms = changed;
        conditions.extend(asked);
    }
    Ok(())
}

fn decimal(name: &'static str, text: Text<'_>) -> Result<Decimal, RuleError> {
    let number = std::str::from_utf8(text.bytes).ok().and_then(|t| t.trim().parse::<f64>().ok());
    match number.filter(|n| (0.0..=8.0).contains(n)) {
        Some(number) => Ok(Decimal(number)),
        None => Err(invalid(name, text, "a number from 0 to 8")),
    }
}

fn entropy_test(name: &'static str, value: Text<'_>) -> Result<EntropyTest, RuleError> {
    let value = value.trim();
    let (negated, body) = value.strip(b"!").map_or((false, value), |rest| (true, rest.trim()));
    if let Some((low, high)) = body.split_once(b'-') {
        let (low, high) = (decimal(name, low)?, decimal(name, high)?);
        if low.0 >= high.0 {
            let why = "the range is empty or reversed".to_owned();
            return Err(RuleError::new(Kind::CannotMatch { why }, value.span()));
        }
        return Ok(EntropyTest::Between { low, high, negated });
    }
    let signs = value.bytes.iter().take_while(|b| matches!(b, b'<' | b'>' | b'=' | b'!')).count();
    let sign = if signs == 0 { &b"="[..] } else { &value.bytes[..signs] };
    let order = order(sign).ok_or_else(|| invalid(name, value, "a comparison such as >= 4.5"))?;
    Ok(EntropyTest::Order(order, decimal(name, value.from(signs))?))
}

fn entropy(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let (mut bytes, mut offset, mut test) = (None, 0, None);
    for part in text(option).split(b',') {
        let (word, rest) = part.split_word();
        let count = || number::unsigned(name, rest, u64::from(u16::MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let again = match word.bytes {
            b"bytes" => bytes.replace(count()?).is_some(),
            b"offset" => std::mem::replace(&mut offset, count()?) != 0,
            b"value" => test.replace(entropy_test(name, rest)?).is_some(),
            _ => return Err(invalid(name, part, "bytes N, offset N or value and a comparison")),
        };
        if again {
            return Err(invalid(name, part, "each word once"));
        }
    }
    let Some(test) = test else { return Err(invalid(name, text(option), "value and a comparison, as in value >= 4")) };
    let of = checker.current_buffer().chosen.map_or("content", crate::buffers::Buffer::name);
    let of = if of == "file.data" { "file_data" } else { of };
    checker.buffer(BufferCondition::Entropy(Entropy { bytes: bytes.filter(|n| *n > 0), offset, of, test }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;
    use crate::kept::Order;

    fn first(options: &str) -> BufferCondition {
        good(options).payload[0].clone()
    }

    #[test]
    fn asn1_and_its_places() {
        let BufferCondition::Asn1(asn1) = first("asn1:double_overflow, oversize_length 2048 relative_offset -1;")
        else {
            panic!()
        };
        let expected =
            Asn1 { double_overflow: true, oversize_length: Some(2048), offset: -1, relative: true, ..Asn1::default() };
        assert_eq!(asn1, expected);
        assert!(matches!(bad("asn1:relative_offset 1;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("asn1:overflow;").0, Kind::Invalid { .. }));
        assert!(bad("asn1:oversize_length x;").1.contains('x'));
        assert_eq!(first("ftpbounce;"), BufferCondition::FtpBounce);
    }

    #[test]
    fn base64_and_what_looks_at_it_stand_together() {
        let rule =
            "content:\"a\"; base64_decode:bytes 4, offset 1, relative; base64_data; content:\"x\"; content:\"y\";";
        let signature = good(rule);
        assert!(signature.buffers.is_empty());
        let BufferCondition::Base64 { decode, conditions, .. } = &signature.payload[1] else { panic!() };
        assert_eq!(*decode, Base64Decode { bytes: Some(4), offset: 1, relative: true });
        assert_eq!(conditions.len(), 2);
        assert!(matches!(first("base64_decode;"), BufferCondition::Base64 { conditions, .. } if conditions.is_empty()));
        assert!(matches!(bad("base64_data; content:\"x\";").0, Kind::Missing { .. }));
        assert!(matches!(bad("base64_decode:bytes 0;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("base64_decode:all;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("base64_decode; base64_data; content:\"x\"; base64_decode;").0, Kind::Conflict { .. }));
    }

    #[test]
    fn entropies() {
        let BufferCondition::Entropy(entropy) = first("entropy:bytes 4, offset 1, value >= 1.5;") else { panic!() };
        assert_eq!((entropy.bytes, entropy.offset, entropy.of), (Some(4), 1, "content"));
        assert_eq!(entropy.test, EntropyTest::Order(Order::GreaterOrEqual, Decimal(1.5)));
        assert_eq!(entropy.measure(b"xaabbz"), Some(1.0));
        assert_eq!(entropy.measure(b"x"), None);
        let between = |option: &str| match first(option) {
            BufferCondition::Entropy(entropy) => entropy,
            other => panic!("{other:?}"),
        };
        assert!(between("entropy:value 1-2;").holds(1.5) && !between("entropy:value 1-2;").holds(2.0));
        assert!(!between("entropy:value !1-2;").holds(1.5) && between("entropy:value !1-2;").holds(2.0));
        for option in
            ["entropy:value 9", "entropy:bytes 4", "entropy:value 4,value 5", "entropy:value ~3", "entropy:x 1"]
        {
            assert!(matches!(bad(&format!("{option};")).0, Kind::Invalid { .. }), "{option}");
        }
        assert!(matches!(bad("entropy:value 5-4;").0, Kind::CannotMatch { .. }));
    }
}
