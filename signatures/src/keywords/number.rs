//! Numbers in rules: single ones, and tests such as `>5`, `1<>9`, `!3-7` or `&0xf0=0x10`.
//!
//! Ranges leave both ends out (Suricata's user guide, "Integer Keywords"). A test that holds for no number, or for every
//! one, is an error.

use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::NumberTest;
use crate::syntax::Text;
use std::ops::RangeInclusive;

/// A whole number in decimal or, after `0x`, hexadecimal.
fn magnitude(bytes: &[u8]) -> Option<u64> {
    let (digits, radix) = match bytes.strip_prefix(b"0x").or_else(|| bytes.strip_prefix(b"0X")) {
        Some(hex) => (hex, 16),
        None => (bytes, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for &digit in digits {
        let digit = char::from(digit).to_digit(radix)?;
        number = number.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

/// A number from 0 to `max`.
///
/// # Errors
/// When it is none, or is outside.
pub(crate) fn unsigned(keyword: &'static str, text: Text<'_>, max: u64) -> Result<u64, RuleError> {
    let text = text.trim();
    let clip = i64::try_from(max).unwrap_or(i64::MAX);
    match magnitude(text.bytes) {
        Some(n) if n <= max => Ok(n),
        _ => Err(not_within(keyword, text, 0, clip)),
    }
}

/// A number from `min` to `max`, perhaps with a sign.
///
/// # Errors
/// When it is none, or is outside.
pub(crate) fn signed(keyword: &'static str, text: Text<'_>, min: i64, max: i64) -> Result<i64, RuleError> {
    let text = text.trim();
    let number = match text.bytes {
        [b'-', digits @ ..] => magnitude(digits).and_then(|n| i64::try_from(n).ok()).map(|n| -n),
        [b'+', digits @ ..] | digits => magnitude(digits).and_then(|n| i64::try_from(n).ok()),
    };
    number.filter(|n| (min..=max).contains(n)).ok_or_else(|| not_within(keyword, text, min, max))
}

fn not_within(keyword: &'static str, text: Text<'_>, min: i64, max: i64) -> RuleError {
    let digits = text.bytes.strip_prefix(b"-").unwrap_or(text.bytes);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let found = text.show();
    let kind = if is_number {
        Kind::OutOfRange { keyword, found, min, max }
    } else {
        let found = if found.is_empty() { "nothing".to_owned() } else { found };
        Kind::Invalid { keyword, found, expected: "a number" }
    };
    RuleError::new(kind, text.span())
}

/// A number from 0 to `max`, perhaps with a unit such as `kb` or `MiB`.
pub(crate) fn with_unit(keyword: &'static str, text: Text<'_>, max: u64) -> Result<u64, RuleError> {
    const UNITS: [(&[u8], u64); 6] =
        [(b"kib", 1 << 10), (b"kb", 1 << 10), (b"mib", 1 << 20), (b"mb", 1 << 20), (b"gib", 1 << 30), (b"gb", 1 << 30)];
    let text = text.trim();
    let digits = text.bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let suffix = text.bytes.get(digits..).unwrap_or_default();
    match UNITS.iter().find(|u| digits > 0 && suffix.eq_ignore_ascii_case(u.0)) {
        Some((_, factor)) => {
            let count = unsigned(keyword, text.to(digits), max)?;
            count
                .checked_mul(*factor)
                .filter(|&n| n <= max)
                .ok_or_else(|| not_within(keyword, text.to(digits), 0, i64::try_from(max / factor).unwrap_or(i64::MAX)))
        }
        None => unsigned(keyword, text, max),
    }
}

/// A test of a number that can be 0 to `max`. `None` when it is right, but asks for bits of a number too wide to list.
///
/// # Errors
/// When it is no such test, or holds for no number or for every one.
pub(crate) fn test(keyword: &'static str, text: Text<'_>, max: u64) -> Result<Option<NumberTest>, RuleError> {
    let text = text.trim();
    let number = |t: Text<'_>| with_unit(keyword, t, max);
    if let Some(rest) = text.strip(b"&") {
        return bits(keyword, text, rest, max);
    }
    if let Some((negated, first, last)) = range_ends(text) {
        let (first, last) = (number(first)?, number(last)?);
        if first >= last {
            return Err(cannot_match(text, "the range is empty or reversed (its ends are left out)"));
        }
        if last - first < 2 {
            return Err(cannot_match(text, "the range is empty: its ends are left out"));
        }
        let ranges = if negated { vec![0..=first, last..=max] } else { vec![first + 1..=last - 1] };
        return Ok(Some(NumberTest { ranges }));
    }
    let always = |t: Text<'_>| {
        let expected = "a test that does not hold for every number";
        Err(RuleError::new(Kind::Invalid { keyword, found: t.show(), expected }, t.span()))
    };
    let ranges = if let Some(n) = text.strip(b">=") {
        match number(n)? {
            0 => return always(text),
            n => vec![n..=max],
        }
    } else if let Some(n) = text.strip(b"<=") {
        match number(n)? {
            n if n == max => return always(text),
            n => vec![0..=n],
        }
    } else if let Some(n) = text.strip(b">") {
        match number(n)? {
            n if n == max => return Err(cannot_match(text, "no number is greater")),
            n => vec![n + 1..=max],
        }
    } else if let Some(n) = text.strip(b"<") {
        match number(n)? {
            0 => return Err(cannot_match(text, "no number is less than 0")),
            n => vec![0..=n - 1],
        }
    } else if let Some(n) = text.strip(b"!=").or_else(|| text.strip(b"!")) {
        all_but(number(n)?, max)
    } else {
        let n = number(text.strip(b"=").unwrap_or(text))?;
        vec![n..=n]
    };
    Ok(Some(NumberTest { ranges }))
}

fn all_but(n: u64, max: u64) -> Vec<RangeInclusive<u64>> {
    let below = n.checked_sub(1).map(|last| 0..=last);
    let above = (n < max).then(|| n + 1..=max);
    below.into_iter().chain(above).collect()
}

fn cannot_match(text: Text<'_>, why: &str) -> RuleError {
    RuleError::new(Kind::CannotMatch { why: why.to_owned() }, text.span())
}

/// `a<>b`, `a-b`, and these with `!` before.
fn range_ends(text: Text<'_>) -> Option<(bool, Text<'_>, Text<'_>)> {
    let (negated, body) = match text.strip(b"!") {
        Some(body) => (true, body),
        None => (false, text),
    };
    let begins = body.bytes.first().is_some_and(u8::is_ascii_digit);
    let (at, len) = match memchr::memmem::find(body.bytes, b"<>") {
        Some(at) => (at, 2),
        None => (memchr::memchr(b'-', body.bytes)?, 1),
    };
    begins.then(|| (negated, body.to(at).trim(), body.from(at + len).trim()))
}

/// `&mask=value` and `&mask!=value`, listed as ranges where the number is at most 16 bits wide.
fn bits(keyword: &'static str, text: Text<'_>, rest: Text<'_>, max: u64) -> Result<Option<NumberTest>, RuleError> {
    let Some((mask, value)) = rest.split_once(b'=') else {
        let expected = "&mask=value or &mask!=value";
        return Err(RuleError::new(Kind::Invalid { keyword, found: text.show(), expected }, text.span()));
    };
    let (negated, mask) = match mask.bytes.split_last() {
        Some((b'!', head)) => (true, mask.to(head.len()).trim()),
        _ => (false, mask),
    };
    let (mask, value) = (unsigned(keyword, mask, max)?, unsigned(keyword, value, max)?);
    if value & mask != value {
        return Err(cannot_match(text, "the value has bits that the mask has not"));
    }
    if max > u64::from(u16::MAX) {
        return Ok(None);
    }
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for n in (0..=max).filter(|n| (n & mask == value) != negated) {
        match ranges.last_mut() {
            Some(last) if last.end() + 1 == n => *last = *last.start()..=n,
            _ => ranges.push(n..=n),
        }
    }
    Ok(Some(NumberTest { ranges }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn t(text: &str) -> NumberTest {
        test("k", Text::new(text.as_bytes(), 0), 255).unwrap_or_else(|e| panic!("{text}: {e}")).unwrap()
    }
    fn e(text: &str) -> Kind {
        test("k", Text::new(text.as_bytes(), 0), 255).expect_err(text).kind
    }

    #[test]
    fn forms() {
        assert_eq!(t("5").ranges, [5..=5]);
        assert_eq!(t(" = 0x10 ").ranges, [16..=16]);
        assert_eq!(t("<5").ranges, [0..=4]);
        assert_eq!(t("<=5").ranges, [0..=5]);
        assert_eq!(t("> 5").ranges, [6..=255]);
        assert_eq!(t(">=5").ranges, [5..=255]);
        assert_eq!(t("!5").ranges, [0..=4, 6..=255]);
        assert_eq!(t("!=0").ranges, [1..=255]);
        assert_eq!(t("!255").ranges, [0..=254]);
        assert_eq!(t("1<>4").ranges, [2..=3]);
        assert_eq!(t("1 - 4").ranges, [2..=3]);
        assert_eq!(t("!1-4").ranges, [0..=1, 4..=255]);
        assert_eq!(t("&0xf0=0x10").ranges, [16..=31]);
        assert_eq!(t("&0x80!=0").ranges, [128..=255]);
        assert_eq!(test("k", Text::new(b"2kb", 0), 65535).unwrap().unwrap().ranges, [2048..=2048]);
        assert_eq!(test("k", Text::new(b"&1=1", 0), u64::MAX), Ok(None));
    }

    #[test]
    fn bad_forms() {
        for text in ["<0", ">255", "1<>2", "4<>4", "9<>1", "&1=2"] {
            assert!(matches!(e(text), Kind::CannotMatch { .. }), "{text}");
        }
        for text in ["", "x", ">=0", "<=255", "1<>x", "<", "5 6", "&", "&1", "-1", "5kx", "0x"] {
            assert!(matches!(e(text), Kind::Invalid { .. } | Kind::OutOfRange { .. }), "{text}: {:?}", e(text));
        }
        for text in ["256", "1<>256", "1kb", "99999999999999999999"] {
            assert!(matches!(e(text), Kind::OutOfRange { .. }), "{text}");
        }
    }

    #[test]
    fn signed_numbers() {
        let s = |t: &str| signed("k", Text::new(t.as_bytes(), 0), -10, 10);
        assert_eq!(s("-10"), Ok(-10));
        assert_eq!(s("+3"), Ok(3));
        assert_eq!(s("0xa"), Ok(10));
        assert!(matches!(s("-11").unwrap_err().kind, Kind::OutOfRange { min: -10, max: 10, .. }));
        assert!(matches!(s("--1").unwrap_err().kind, Kind::Invalid { .. }));
    }

    proptest! {
        #[test]
        fn any_text_is_a_test_or_an_error(text in "[0-9<>=!&x -]{0,12}") {
            if let Ok(Some(test)) = test("k", Text::new(text.as_bytes(), 0), 65535) {
                prop_assert!(!test.ranges.is_empty());
                prop_assert!(test.ranges.iter().all(|r| r.start() <= r.end() && *r.end() <= 65535));
            }
        }
    }
}
