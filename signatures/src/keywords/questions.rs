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
        Buffer::Http2Settings => http2_setting(checker, name, option)?,
        Buffer::TlsCertNotbefore => certificate_time(name, option, false)?,
        Buffer::TlsCertNotafter => certificate_time(name, option, true)?,
        Buffer::TlsCertExpired => Question::CertificateExpired,
        Buffer::TlsCertValid => Question::CertificateValid,
        Buffer::IkeChosenSaAttribute => ike_attribute(name, option)?,
        Buffer::Krb5TicketEncryption => Question::Krb5TicketEncryption(krb5_encryption(name, text(option))?),
        Buffer::CipService => cip_service(name, text(option))?,
        Buffer::Dnp3Ind => Question::Dnp3Indicators(super::dnp3::indicators(name, text(option))?),
        Buffer::Dnp3Obj => super::dnp3::object(name, text(option))?,
        Buffer::Modbus => Question::Modbus(super::modbus::parse(name, text(option))?),
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

/// A setting's name, and a test of its value: `SETTINGS_ENABLE_PUSH=0` (RFC 9113, 6.5.2).
fn http2_setting(
    checker: &mut Checker<'_>,
    name: &'static str,
    option: &RuleOption<'_>,
) -> Result<Question, RuleError> {
    const NAMES: [&[u8]; 6] = [
        b"SETTINGS_HEADER_TABLE_SIZE",
        b"SETTINGS_ENABLE_PUSH",
        b"SETTINGS_MAX_CONCURRENT_STREAMS",
        b"SETTINGS_INITIAL_WINDOW_SIZE",
        b"SETTINGS_MAX_FRAME_SIZE",
        b"SETTINGS_MAX_HEADER_LIST_SIZE",
    ];
    let text = text(option).trim();
    let len = text.bytes.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(text.bytes.len());
    let word = text.bytes.get(..len).unwrap_or_default();
    let expected = "the name of a setting, such as SETTINGS_ENABLE_PUSH, and a test of its value";
    let place = NAMES.iter().position(|known| known.eq_ignore_ascii_case(word));
    let id = place.and_then(|place| u16::try_from(place + 1).ok()).ok_or_else(|| invalid(name, text, expected))?;
    let test = text.from(len).trim();
    let value = match test.bytes {
        b"" => None,
        _ => match number::test(name, test, u64::from(u32::MAX))? {
            Some(test) => Some(test),
            None => {
                checker.skip(format!("{name} with a bit mask"), option.name.span());
                None
            }
        },
    };
    Ok(Question::Http2Setting { id, value })
}

/// Times, the ends included: `2017-03-22`, `>2017`, `<2017-03-22T10:00:00`, `2016<>2018`.
fn certificate_time(name: &'static str, option: &RuleOption<'_>, end: bool) -> Result<Question, RuleError> {
    let value = text(option).trim();
    let expected = "a date such as 2017-03-22 or 2017-03-22T10:00:00, > or < before it, or <> between two";
    let time = |text: Text<'_>| seconds(text.trim().bytes).ok_or_else(|| invalid(name, text, expected));
    let range = value.bytes.windows(2).position(|two| two == b"<>");
    let (from, to) = match (range, value.bytes.first()) {
        (Some(at), _) => (time(value.to(at))?, time(value.from(at + 2))?),
        (None, Some(b'<')) => (i64::MIN, time(value.from(1))?),
        (None, Some(b'>')) => (time(value.from(1))?, i64::MAX),
        (None, _) => (time(value)?, time(value)?),
    };
    if to < from {
        return Err(invalid(name, value, "the earlier date first"));
    }
    Ok(Question::CertificateTime { end, from, to })
}

/// Seconds since 1970 of `YYYY[-MM[-DD[THH[:MM[:SS]]]]]` in UTC, with a `T` or a blank between.
fn seconds(text: &[u8]) -> Option<i64> {
    let mut fields = [0, 1, 1, 0, 0, 0];
    let mut rest = text;
    for (i, field) in fields.iter_mut().enumerate() {
        if i > 0 {
            let Some((separator, after)) = rest.split_first() else { break };
            let right = match i {
                1 | 2 => *separator == b'-',
                3 => matches!(separator, b'T' | b' '),
                _ => *separator == b':',
            };
            rest = Some(after).filter(|_| right)?;
        }
        let (digits, after) = rest.split_at_checked(if i == 0 { 4 } else { 2 })?;
        rest = after;
        *field =
            digits.iter().try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0')))?;
    }
    let [year, month, day, hour, minute, second] = fields;
    let right = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !rest.is_empty() || !right {
        return None;
    }
    // Days since 1970 of the civil calendar: years are counted from March, 400 of them have 146,097 days.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// `ike.chosen_sa_attribute:name=value`.
fn ike_attribute(name: &'static str, option: &RuleOption<'_>) -> Result<Question, RuleError> {
    const NAMES: [&str; 10] = [
        "alg_enc",
        "alg_hash",
        "alg_prf",
        "alg_auth",
        "alg_dh",
        "sa_group_type",
        "sa_life_type",
        "sa_life_duration",
        "sa_key_length",
        "sa_field_size",
    ];
    let value = text(option);
    let (word, number) = value.split_once(b'=').unwrap_or((value, value.from(value.bytes.len())));
    let word = word.trim();
    let Some(known) = NAMES.into_iter().find(|n| n.as_bytes() == word.bytes) else {
        return Err(invalid(name, word, "the name of an attribute, as in alg_enc=7"));
    };
    let value = number::unsigned(name, number, u64::from(u32::MAX))? as u32;
    Ok(Question::IkeAttribute { name: known, value })
}

/// `SERVICE[,CLASS[,ATTRIBUTE]]`.
fn cip_service(name: &'static str, text: Text<'_>) -> Result<Question, RuleError> {
    let mut parts = text.split(b',');
    let service = number::unsigned(name, parts.next().unwrap_or(text), u64::from(u8::MAX))? as u8;
    let mut next =
        || parts.next().map(|part| number::unsigned(name, part, u64::from(u32::MAX)).map(|n| n as u32)).transpose();
    let (class, attribute) = (next()?, next()?);
    match parts.next() {
        Some(more) => Err(invalid(name, more, "no more than a service, a class and an attribute")),
        None => Ok(Question::CipService { service, class, attribute }),
    }
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
    fn attributes_of_associations() {
        assert!(checked("ike.chosen_sa_attribute:alg_hash=2;").is_ok());
        assert!(matches!(bad("ike.chosen_sa_attribute:alg=2;"), (Kind::Invalid { .. }, at) if at == "alg"));
        assert!(matches!(bad("ike.chosen_sa_attribute:alg_enc;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn encryptions_of_tickets() {
        for good in ["weak", "23", "rc4-hmac", "!weak", "!17, AES256-CTS-HMAC-SHA1-96", "-128"] {
            assert!(checked(&format!("krb5.ticket_encryption:{good};")).is_ok(), "{good}");
        }
        assert!(matches!(bad("krb5.ticket_encryption:strong;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn services_of_devices() {
        for good in ["cip_service:75;", "cip_service:16,246,6;", "enip_command:list_identity;", "enip.command:99;"] {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        assert!(checked("enip.cip_class:!6,any; enip.status:invalid_cmd;").is_ok());
        assert!(matches!(bad("cip_service:1,2,3,4;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("cip_service:256;").0, Kind::OutOfRange { .. }));
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

    #[test]
    fn settings_have_names_and_values() {
        for good in ["http2.settings:SETTINGS_ENABLE_PUSH=0;", "http2.settings:settings_max_frame_size > 16384;"] {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        assert!(matches!(bad("http2.settings:ENABLE_PUSH;"), (Kind::Invalid { .. }, at) if at == "ENABLE_PUSH"));
        assert!(matches!(bad("http2.settings:SETTINGS_ENABLE_PUSH=x;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn dates_have_seconds() {
        use super::seconds;
        for (text, expected) in [
            ("1970", 0),
            ("1969-12-31T23:59:59", -1),
            ("2000-02-29", 951_782_400),
            ("2017-03-23 12:30", 1_490_272_200),
            ("2100-03-01T00", 4_107_542_400),
        ] {
            assert_eq!(seconds(text.as_bytes()), Some(expected), "{text}");
        }
        for wrong in ["", "17", "2017-3", "2017-13", "2017-03-22T", "2017/03", "2017-03-22T10:00:00Z"] {
            assert_eq!(seconds(wrong.as_bytes()), None, "{wrong}");
        }
        for good in
            ["tls_cert_notbefore:2016<>2018-01;", "tls_cert_notafter:>2020;", "tls_cert_expired;", "tls_cert_valid;"]
        {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        assert!(matches!(bad("tls_cert_notafter:2021<>2020;").0, Kind::Invalid { .. }));
    }
}
