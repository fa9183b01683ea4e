//! Numbers in the payload: `byte_test`, `byte_jump`, `byte_extract`, `byte_math`, and `isdataat`.

use super::meta::{invalid, text};
use super::{Keyword, PLAIN, number};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{
    BufferCondition, ByteExtract, ByteJump, ByteMath, ByteTest, Comparison, IsDataAt, MathOperator, NumberFormat, Value,
};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "byte_test",
        PLAIN,
        byte_test,
        "`byte_test:bytes,[!]op,value,offset[,relative][,little][,string,hex|dec|oct][,bitmask M]`: compares a number.",
    ),
    Keyword::new(
        "byte_jump",
        PLAIN,
        byte_jump,
        "`byte_jump:bytes,offset[,relative][,multiplier N][,little][,string,dec][,align][,from_beginning|from_end][,post_offset N]`: \
         moves on by a number.",
    ),
    Keyword::new(
        "byte_extract",
        PLAIN,
        byte_extract,
        "`byte_extract:bytes,offset,name[,relative][,multiplier N][,little][,string,hex][,align 2|4]`: keeps a number.",
    ),
    Keyword::new(
        "byte_math",
        PLAIN,
        byte_math,
        "`byte_math:bytes N, offset N, oper +|-|*|/|<<|>>, rvalue V, result name[, relative]`: computes and keeps a number.",
    ),
    Keyword::new("isdataat", PLAIN, isdataat, "`isdataat:[!]N[,relative]`: there is (no) data N bytes on."),
];

type Outcome = Result<(), RuleError>;

/// Offsets reach this far either way.
const FAR: i64 = 65_535;

/// What `relative`, `little`, `string` and the rest say, alike for all four keywords.
#[derive(Default)]
struct Common {
    relative: bool,
    little: bool,
    dce: bool,
    string: bool,
    base: Option<u8>,
    bitmask: Option<u32>,
}

impl Common {
    /// Takes an option that all keywords know; `false` if it is none.
    fn take(&mut self, keyword: &'static str, part: Text<'_>) -> Result<bool, RuleError> {
        let (word, rest) = part.split_word();
        match word.bytes {
            b"bitmask" => self.bitmask = Some(u32_of(keyword, rest)?),
            b"string" if keyword == "byte_math" && !rest.bytes.is_empty() => {
                self.string = true;
                self.base = Some(base(rest.bytes).ok_or_else(|| invalid(keyword, rest, "hex, dec or oct"))?);
            }
            b"endian" if keyword == "byte_math" => match rest.bytes {
                b"big" => {}
                b"little" => self.little = true,
                b"dce" => self.dce = true,
                _ => return Err(invalid(keyword, rest, "big, little or dce")),
            },
            _ if !rest.bytes.is_empty() => return Ok(false),
            b"relative" => self.relative = true,
            b"big" => {}
            b"little" => self.little = true,
            b"string" => self.string = true,
            b"hex" | b"dec" | b"oct" => self.base = base(word.bytes),
            b"dce" => self.dce = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn format(&self) -> NumberFormat {
        match (self.string, self.dce, self.little) {
            (true, _, _) => NumberFormat::String(self.base.unwrap_or(0)),
            (false, true, _) => NumberFormat::Dce,
            (false, false, true) => NumberFormat::LittleEndian,
            (false, false, false) => NumberFormat::BigEndian,
        }
    }

    /// Holds the count of bytes against what the format can have: 8 in binary, as many digits as 64 bits take in text.
    fn bytes(&self, keyword: &'static str, bytes: Value, least: i64, at: Text<'_>) -> Outcome {
        let most = match (self.string, self.base) {
            (false, _) => 8,
            (true, Some(10)) => 20,
            (true, Some(16)) => 16,
            (true, _) => 23,
        };
        let Value::Literal(found) = bytes else { return Ok(()) };
        // Text may be read without a count: as many digits as there are.
        let least = if self.string { 0 } else { least };
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(RuleError::new(Kind::OutOfRange { keyword, found: found.to_string(), min: least, max: most }, at.span()))
    }
}

fn base(word: &[u8]) -> Option<u8> {
    match word {
        b"hex" => Some(16),
        b"dec" => Some(10),
        b"oct" => Some(8),
        _ => None,
    }
}

fn u32_of(keyword: &'static str, text: Text<'_>) -> Result<u32, RuleError> {
    number::unsigned(keyword, text, u64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn i32_of(keyword: &'static str, text: Text<'_>) -> Result<i32, RuleError> {
    number::signed(keyword, text, -FAR, FAR).map(|n| i32::try_from(n).unwrap_or(i32::MAX))
}

/// The first N parts, which are not optional, and the others.
fn parts<'a, const N: usize>(
    keyword: &'static str,
    text: Text<'a>,
    expected: &'static str,
) -> Result<([Text<'a>; N], impl Iterator<Item = Text<'a>>), RuleError> {
    let mut all = text.split(b',');
    let mut first = [text.to(0); N];
    for slot in &mut first {
        *slot = all.next().filter(|p| !p.bytes.is_empty()).ok_or_else(|| invalid(keyword, text, expected))?;
    }
    Ok((first, all))
}

fn byte_test(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let text = text(option);
    let ([count, operator, value, offset], rest) = parts(name, text, "bytes,operator,value,offset")?;
    let bytes = checker.value(name, count, 0, 23)?;
    let (negated, symbol) = match operator.strip(b"!") {
        Some(symbol) => (true, symbol),
        None => (false, operator),
    };
    let comparison = match symbol.bytes {
        b"<" => Comparison::Less,
        b">" => Comparison::Greater,
        b"=" => Comparison::Equal,
        b"" if negated => Comparison::Equal,
        b"<=" => Comparison::LessOrEqual,
        b">=" => Comparison::GreaterOrEqual,
        b"&" => Comparison::And,
        b"^" => Comparison::Or,
        _ => return Err(invalid(name, operator, "an operator: < > = <= >= & ^, perhaps with ! before")),
    };
    let value = checker.value(name, value, i64::MIN, i64::MAX)?;
    let offset = checker.value(name, offset, -FAR, FAR)?;
    let mut common = Common::default();
    for part in rest {
        if !common.take(name, part)? {
            return Err(invalid(name, part, "relative, big, little, string, hex, dec, oct, dce or bitmask N"));
        }
    }
    common.bytes(name, bytes, 1, count)?;
    let Common { relative, bitmask, .. } = common;
    let format = common.format();
    checker.buffer(BufferCondition::ByteTest(ByteTest {
        bytes,
        comparison,
        negated,
        value,
        offset,
        relative,
        format,
        bitmask,
    }));
    Ok(())
}

fn byte_jump(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let ([count, offset], rest) = parts(name, text(option), "bytes,offset")?;
    let bytes = checker.value(name, count, 0, 23)?;
    let offset = checker.value(name, offset, -FAR, FAR)?;
    let mut common = Common::default();
    let (mut multiplier, mut align, mut from_beginning, mut from_end) = (1, false, false, false);
    let mut post_offset = Value::Literal(0);
    for part in rest {
        let (word, value) = part.split_word();
        match word.bytes {
            b"multiplier" => multiplier = within(name, value, 1, 65_535)?,
            b"post_offset" => post_offset = checker.value(name, value, -FAR, FAR)?,
            b"align" if value.bytes.is_empty() => align = true,
            b"from_beginning" if value.bytes.is_empty() => from_beginning = true,
            b"from_end" if value.bytes.is_empty() => from_end = true,
            _ if common.take(name, part)? => {}
            _ => {
                let expected = "relative, multiplier N, big, little, string, hex, dec, oct, align, from_beginning, from_end, \
                                post_offset N, dce or bitmask N";
                return Err(invalid(name, part, expected));
            }
        }
    }
    if from_beginning && from_end {
        let kind = Kind::Conflict { keyword: "from_end", other: "from_beginning" };
        return Err(RuleError::new(kind, text(option).span()));
    }
    common.bytes(name, bytes, 0, count)?;
    let format = common.format();
    let Common { relative, bitmask, .. } = common;
    checker.buffer(BufferCondition::ByteJump(ByteJump {
        bytes,
        offset,
        relative,
        format,
        multiplier,
        align,
        from_beginning,
        from_end,
        post_offset,
        bitmask,
    }));
    Ok(())
}

fn within(keyword: &'static str, text: Text<'_>, min: i64, max: i64) -> Result<u32, RuleError> {
    number::signed(keyword, text, min, max).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn byte_extract(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let ([count, offset, variable], rest) = parts(name, text(option), "bytes,offset,name")?;
    let bytes = number::signed(name, count, 0, 23)?;
    let offset = i32_of(name, offset)?;
    let mut common = Common::default();
    let (mut multiplier, mut align) = (1, None);
    for part in rest {
        let (word, value) = part.split_word();
        match word.bytes {
            b"multiplier" => multiplier = within(name, value, 1, 65_535)?,
            b"align" => match value.bytes {
                b"2" => align = Some(2),
                b"4" => align = Some(4),
                _ => return Err(invalid(name, part, "align 2 or align 4")),
            },
            _ if common.take(name, part)? => {}
            _ => {
                let expected = "relative, multiplier N, big, little, dce, string, hex, dec, oct, align N or bitmask N";
                return Err(invalid(name, part, expected));
            }
        }
    }
    common.bytes(name, Value::Literal(bytes), 1, count)?;
    let variable = checker.define(name, variable)?;
    let format = common.format();
    let Common { relative, bitmask, .. } = common;
    checker.buffer(BufferCondition::ByteExtract(ByteExtract {
        bytes: u8::try_from(bytes).unwrap_or(u8::MAX),
        offset,
        variable,
        relative,
        format,
        multiplier,
        align,
        bitmask,
    }));
    Ok(())
}

fn byte_math(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let all = text(option);
    let (mut bytes, mut offset, mut operator, mut operand, mut result) = (None, None, None, None, None);
    let mut common = Common::default();
    for part in all.split(b',') {
        let (word, value) = part.split_word();
        let twice = match word.bytes {
            b"bytes" => bytes.replace((checker.value(name, value, 1, 10)?, value)).is_some(),
            b"offset" => offset.replace(i32_of(name, value)?).is_some(),
            b"oper" => operator.replace(math_operator(name, value)?).is_some(),
            b"rvalue" => operand.replace((checker.value(name, value, 0, i64::from(u32::MAX))?, value)).is_some(),
            b"result" => result.replace(value).is_some(),
            _ if common.take(name, part)? => false,
            _ => {
                let expected =
                    "bytes N, offset N, oper O, rvalue V, result NAME, relative, endian E, string B, dce or bitmask N";
                return Err(invalid(name, part, expected));
            }
        };
        if twice {
            return Err(RuleError::new(Kind::Duplicate { keyword: "a part of byte_math" }, part.span()));
        }
    }
    let (Some((bytes, count)), Some(offset), Some(operator), Some((operand, value)), Some(result)) =
        (bytes, offset, operator, operand, result)
    else {
        return Err(invalid(name, all, "bytes, offset, oper, rvalue and result"));
    };
    if operator == MathOperator::Divide && operand == Value::Literal(0) {
        return Err(RuleError::new(Kind::CannotMatch { why: "division by 0".to_owned() }, value.span()));
    }
    common.bytes(name, bytes, 1, count)?;
    let variable = checker.define(name, result)?;
    let format = common.format();
    let Common { relative, bitmask, .. } = common;
    checker.buffer(BufferCondition::ByteMath(ByteMath {
        bytes,
        offset,
        operator,
        operand,
        variable,
        relative,
        format,
        bitmask,
    }));
    Ok(())
}

fn math_operator(keyword: &'static str, text: Text<'_>) -> Result<MathOperator, RuleError> {
    Ok(match text.bytes {
        b"+" => MathOperator::Add,
        b"-" => MathOperator::Subtract,
        b"*" => MathOperator::Multiply,
        b"/" => MathOperator::Divide,
        b"<<" => MathOperator::ShiftLeft,
        b">>" => MathOperator::ShiftRight,
        _ => return Err(invalid(keyword, text, "+, -, *, /, << or >>")),
    })
}

fn isdataat(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let ([position], rest) = parts(name, text(option), "a number, perhaps with ! before")?;
    let (negated, position) = match position.strip(b"!") {
        Some(position) => (true, position),
        None => (false, position),
    };
    let position = checker.value(name, position, 0, FAR)?;
    let mut relative = false;
    for part in rest {
        match part.bytes {
            b"relative" => relative = true,
            b"rawbytes" => {}
            _ => return Err(invalid(name, part, "relative or rawbytes")),
        }
    }
    // Rules say with it that the content before it is the last thing there; a content that must not be there is meant
    // to be missing at the end alone.
    let ends = relative && negated && position == Value::Literal(1);
    if !(ends && checker.end_of_content()) {
        checker.buffer(BufferCondition::IsDataAt(IsDataAt { position, relative, negated }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    fn last(options: &str) -> BufferCondition {
        good(options).payload.pop().unwrap()
    }

    #[test]
    fn no_data_behind_a_content_is_its_end() {
        let s = good("http.host; content:!\".a.b\"; isdataat:!1,relative; content:\"c\"; isdataat:!1;");
        let [BufferCondition::Content(a), BufferCondition::Content(c), BufferCondition::IsDataAt(_)] =
            &s.buffers[0].conditions[..]
        else {
            panic!("{:?}", s.buffers)
        };
        assert!(a.endswith && a.negated && !c.endswith);
        let s = good("content:\"a\"; depth:1; isdataat:!1,relative; http_user_agent;");
        assert!(matches!(&s.buffers[0].conditions[..], [BufferCondition::Content(c)] if c.endswith));
    }

    #[test]
    fn a_transform_may_stand_behind_conditions() {
        let s = good("http.uri; content:\"a\"; to_lowercase; content:\"b\";");
        let of = |i: usize| (s.buffers[i].transforms.len(), s.buffers[i].conditions.len());
        assert_eq!((s.buffers.len(), of(0), of(1)), (2, (0, 1), (1, 1)));
    }

    #[test]
    fn a_relative_test_follows_a_moved_content() {
        let s = good("content:\"a\"; http_uri; isdataat:!1,relative; content:\"b\"; byte_test:1,>,2,0,relative;");
        assert_eq!((s.payload.len(), s.buffers.len()), (2, 1));
        assert!(matches!(&s.buffers[0].conditions[..], [BufferCondition::Content(c)] if c.endswith));
        let s = good("content:\"a\"; pcre:\"/b/U\"; isdataat:1,relative; isdataat:5;");
        assert_eq!((s.payload.len(), s.buffers[0].conditions.len()), (2, 2));
    }

    #[test]
    fn byte_tests() {
        let BufferCondition::ByteTest(t) = last("byte_test:2,!<=,0x10,-4,relative,little,bitmask 0xf8;") else {
            panic!()
        };
        assert_eq!((t.bytes, t.value, t.offset), (Value::Literal(2), Value::Literal(16), Value::Literal(-4)));
        assert!(t.negated && t.relative && t.comparison == Comparison::LessOrEqual);
        assert_eq!((t.format, t.bitmask), (NumberFormat::LittleEndian, Some(0xf8)));
        let BufferCondition::ByteTest(t) = last("byte_test:0, = ,3, 0, string, dec;") else { panic!() };
        assert_eq!((t.bytes, t.format), (Value::Literal(0), NumberFormat::String(10)));
        let BufferCondition::ByteTest(t) = last("byte_extract:1,0,n; byte_test:n,>,n,n;") else { panic!() };
        assert_eq!((t.bytes, t.value, t.offset), (Value::Variable(0), Value::Variable(0), Value::Variable(0)));
        let BufferCondition::ByteTest(t) = last("byte_test:1,!,3,0;") else { panic!() };
        assert!(t.negated && t.comparison == Comparison::Equal);
    }

    #[test]
    fn bad_byte_tests() {
        assert!(matches!(bad("byte_test:2,<,5;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("byte_test:2,?,5,0;"), (Kind::Invalid { .. }, at) if at == "?"));
        assert!(matches!(bad("byte_test:9,<,5,0;"), (Kind::OutOfRange { max: 8, .. }, at) if at == "9"));
        assert!(matches!(bad("byte_test:0,<,5,0;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("byte_test:2,<,nn,0;"), (Kind::UnknownByteVariable { .. }, at) if at == "nn"));
        assert!(matches!(bad("byte_test:2,<,5,70000;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("byte_test:2,<,5,0,relativ;"), (Kind::Invalid { .. }, at) if at == "relativ"));
        assert!(matches!(bad("byte_test:2,<,5,0,;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn byte_jumps() {
        let BufferCondition::ByteJump(j) =
            last("byte_jump:4,-10,relative,little,multiplier 2,align,from_beginning, post_offset -1;")
        else {
            panic!()
        };
        assert!(j.relative && j.align && j.from_beginning && !j.from_end);
        assert_eq!((j.multiplier, j.post_offset), (2, Value::Literal(-1)));
        last("byte_jump:0,0,relative,post_offset -10;");
        assert!(matches!(bad("byte_jump:4;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("byte_jump:4,0,multiplier 0;").0, Kind::OutOfRange { .. }));
        assert!(matches!(bad("byte_jump:4,0,from_end,from_beginning;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("byte_jump:4,0,align 4;"), (Kind::Invalid { .. }, at) if at == "align 4"));
    }

    #[test]
    fn byte_extracts() {
        let s = good("byte_extract:2,3,a.b,relative,multiplier 4,little,align 4; byte_extract:4,0,c,string,hex;");
        assert_eq!(s.variables, ["a.b".into(), "c".into()]);
        let BufferCondition::ByteExtract(e) = &s.payload[0] else { panic!() };
        assert_eq!((e.bytes, e.offset, e.multiplier, e.align, e.variable), (2, 3, 4, Some(4), 0));
        let BufferCondition::ByteExtract(e) = &s.payload[1] else { panic!() };
        assert_eq!((e.format, e.variable), (NumberFormat::String(16), 1));
        assert!(matches!(bad("byte_extract:2,0;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("byte_extract:2,0,9x;"), (Kind::Invalid { .. }, at) if at == "9x"));
        assert!(matches!(bad("byte_extract:2,0,x,align 3;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("byte_extract:9,0,x;").0, Kind::OutOfRange { .. }));
        let many: String = (0..257).map(|n| format!("byte_extract:1,0,v{n};")).collect();
        assert!(matches!(bad(&many).0, Kind::TooManyVariables { .. }));
    }

    #[test]
    fn byte_maths() {
        let s = good(
            "byte_math:bytes 4, offset -1, oper <<, rvalue 2, result r, relative, endian little, string dec, bitmask 0xf;",
        );
        let BufferCondition::ByteMath(m) = &s.payload[0] else { panic!() };
        assert_eq!((m.offset, m.operator, m.operand), (-1, MathOperator::ShiftLeft, Value::Literal(2)));
        assert!(m.relative && m.format == NumberFormat::String(10) && m.bitmask == Some(15));
        good("byte_extract:1,0,n; byte_math:bytes n, offset 0, oper -, rvalue n, result r; byte_test:1,=,r,0;");
        assert!(matches!(bad("byte_math:bytes 4, offset 0, oper +, rvalue 1;").0, Kind::Invalid { .. }));
        assert!(
            matches!(bad("byte_math:bytes 4, offset 0, oper %, rvalue 1, result r;"), (Kind::Invalid { .. }, at) if at == "%")
        );
        assert!(matches!(bad("byte_math:bytes 4, offset 0, oper /, rvalue 0, result r;").0, Kind::CannotMatch { .. }));
        assert!(matches!(
            bad("byte_math:bytes 4, bytes 4, offset 0, oper /, rvalue 1, result r;").0,
            Kind::Duplicate { .. }
        ));
    }

    #[test]
    fn isdataats() {
        let BufferCondition::IsDataAt(d) = last("isdataat:!1, relative;") else { panic!() };
        assert_eq!(d, IsDataAt { position: Value::Literal(1), relative: true, negated: true });
        let BufferCondition::Content(c) = last("content:!\"a\"; isdataat:!1,relative;") else { panic!() };
        assert!(c.endswith && c.negated);
        let BufferCondition::IsDataAt(_) = last("content:\"a\"; isdataat:!2,relative;") else { panic!() };
        assert!(matches!(bad("isdataat:x;").0, Kind::UnknownByteVariable { .. }));
        assert!(matches!(bad("isdataat:1,relativ;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("isdataat:65536;").0, Kind::OutOfRange { .. }));
    }

    #[test]
    fn dce_takes_the_order_of_the_message() {
        for text in ["byte_test:2,=,5,0,relative,dce;", "byte_test:2,=,5,0,dce,relative;"] {
            let BufferCondition::ByteTest(t) = last(text) else { panic!() };
            assert_eq!((t.format, t.relative), (NumberFormat::Dce, true));
        }
    }
}
