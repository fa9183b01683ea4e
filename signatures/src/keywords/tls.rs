//! Keywords on TLS that are no plain test of a buffer: lists of names of versions and messages, and the older spellings of
//! tests of the server's certificate.

use super::meta::{invalid, text};
use super::{Keyword, NO_VALUE, PATTERN, PLAIN};
use crate::app::Protocols;
use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::RuleError;
use crate::model::{BufferCondition, Content, FastPattern, NumberTest};
use crate::syntax::{RuleOption, Text};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "tls.version",
        super::Value { quotes: super::Quotes::Allowed, ..PLAIN },
        version,
        "`tls.version:1.2`: the version of TLS in use.",
    ),
    Keyword::new(
        "tls.subject",
        PATTERN,
        subject,
        "`tls.subject:[!]\"...\"`: in the subject of the server's certificate.",
    ),
    Keyword::new(
        "tls.issuerdn",
        PATTERN,
        issuer,
        "`tls.issuerdn:[!]\"...\"`: in the issuer of the server's certificate.",
    ),
    Keyword::new(
        "tls.fingerprint",
        PATTERN,
        fingerprint,
        "`tls.fingerprint:[!]\"...\"`: the SHA-1 of the server's certificate, in pairs of digits with colons between them.",
    ),
    Keyword::new(
        "tls.store",
        NO_VALUE,
        store,
        "`tls.store`: certificates of the flow are kept, as PEM and with where they were seen, in the folder of stored files.",
    )
    .or(&["tls_store"]),
];

type Outcome = Result<(), RuleError>;

/// Versions by the names that `ssl_version` has for them, as on the wire (RFC 8446, section 4.2.1).
const VERSIONS: [(&str, u64); 6] = [
    ("sslv2", 0x0002),
    ("sslv3", 0x0300),
    ("tls1.0", 0x0301),
    ("tls1.1", 0x0302),
    ("tls1.2", 0x0303),
    ("tls1.3", 0x0304),
];

/// Messages by the names that `ssl_state` has for them, in the order of their codes.
const STATES: [(&str, u64); 5] =
    [("client_hello", 0), ("server_hello", 1), ("client_keyx", 2), ("server_keyx", 3), ("unknown", 4)];

/// A list of names, `!` before one of them for all others, as `ssl_state` and `ssl_version` take it.
pub(super) fn names(name: &'static str, buffer: Buffer, option: &RuleOption<'_>) -> Result<NumberTest, RuleError> {
    let (known, expected): (&[(&str, u64)], _) = match buffer {
        Buffer::TlsState => (&STATES, "client_hello, server_hello, client_keyx, server_keyx or unknown"),
        _ => (&VERSIONS, "sslv2, sslv3, tls1.0, tls1.1, tls1.2 or tls1.3"),
    };
    let separator = if buffer == Buffer::TlsState { b'|' } else { b',' };
    let (mut wanted, mut unwanted) = (vec![], vec![]);
    let value = text(option);
    for part in value.split(separator).flat_map(|part| part.split(b',')) {
        let part = part.trim();
        let (word, list) = match part.strip(b"!") {
            Some(rest) => (rest.trim(), &mut unwanted),
            None => (part, &mut wanted),
        };
        let found = known.iter().find(|(n, _)| n.as_bytes().eq_ignore_ascii_case(word.bytes));
        list.push(found.ok_or_else(|| invalid(name, word, expected))?.1);
    }
    let ranges = known.iter().map(|(_, n)| *n);
    // A list of versions holds where one of its members does: each that is not the negated one.
    let any = wanted.is_empty() || buffer == Buffer::TlsVersion && !unwanted.is_empty();
    let ranges = ranges.filter(|n| (any || wanted.contains(n)) && !unwanted.contains(n));
    Ok(NumberTest { ranges: ranges.map(|n| n..=n).collect() })
}

fn store(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    checker.needs_protocols(Protocols::TLS, name, option.name.span());
    checker.signature.tls_store = true;
    Ok(())
}

fn version(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let minor = match value.bytes {
        b"1.0" => 0x0301,
        b"1.1" => 0x0302,
        b"1.2" => 0x0303,
        b"1.3" => 0x0304,
        _ => return Err(invalid(name, value, "1.0, 1.1, 1.2 or 1.3")),
    };
    let test = NumberTest { ranges: vec![minor..=minor] };
    checker.beside(Buffer::TlsVersion, BufferCondition::Number(test), option.name.span());
    Ok(())
}

fn subject(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    within(checker, Buffer::TlsCertSubject, option)
}

fn issuer(checker: &mut Checker<'_>, _: &'static str, option: &RuleOption<'_>) -> Outcome {
    within(checker, Buffer::TlsCertIssuer, option)
}

fn within(checker: &mut Checker<'_>, buffer: Buffer, option: &RuleOption<'_>) -> Outcome {
    let content = content(option, text(option))?;
    checker.beside(buffer, BufferCondition::Content(content), option.name.span());
    Ok(())
}

fn fingerprint(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let pairs = value.bytes.split(|b| *b == b':');
    if pairs.clone().count() != 20 || !pairs.clone().all(|p| p.len() == 2 && p.iter().all(u8::is_ascii_hexdigit)) {
        return Err(invalid(name, value, "20 pairs of hexadecimal digits with colons between them"));
    }
    let content = Content {
        pattern: value.bytes.to_ascii_lowercase().into(),
        startswith: true,
        endswith: true,
        ..content(option, value)?
    };
    checker.beside(Buffer::TlsCertFingerprint, BufferCondition::Content(content), option.name.span());
    Ok(())
}

fn content(option: &RuleOption<'_>, value: Text<'_>) -> Result<Content, RuleError> {
    Ok(Content {
        pattern: super::content::bytes(value)?,
        nocase: false,
        negated: option.value.is_some_and(|v| v.negated),
        offset: None,
        depth: None,
        distance: None,
        within: None,
        startswith: false,
        endswith: false,
        fast_pattern: FastPattern::Unspecified,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, checked, good};
    use crate::error::RuleErrorKind as Kind;
    use crate::model::BufferCondition;

    #[test]
    fn a_list_of_versions() {
        let versions = |option: &str| {
            let buffers = good(option).buffers;
            let [BufferCondition::Number(test)] = &buffers[0].conditions[..] else { panic!("{buffers:?}") };
            [0x0300, 0x0301, 0x0303, 0x0304].map(|version| test.holds(version))
        };
        assert_eq!(versions("ssl_version:!sslv3;"), [false, true, true, true]);
        assert_eq!(versions("ssl_version:tls1.0,tls1.2;"), [false, true, true, false]);
        assert_eq!(versions("ssl_version:!tls1.3,tls1.2;"), [true, true, true, false]);
    }

    #[test]
    fn names_and_fingerprints() {
        let print = "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33";
        for good in ["ssl_state:client_hello|server_hello;", "ssl_state:!unknown;", "ssl_version:sslv2,sslv3;"] {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        assert!(checked(&format!("tls.fingerprint:!\"{print}\";")).is_ok());
        assert!(checked("tls.subject:\"CN=x\"; tls.version:1.2;").is_ok());
        assert!(good("tls.store; tls.sni; content:\"a\";").tls_store);
        assert!(matches!(bad("tls.fingerprint:\"00:11\";").0, Kind::Invalid { .. }));
        assert!(matches!(bad("ssl_state:hello;"), (Kind::Invalid { .. }, at) if at == "hello"));
        assert!(matches!(bad("tls.version:1.4;").0, Kind::Invalid { .. }));
    }
}
