//! Keywords on application protocols: which was recognised, what was odd about it, and those that look at one of its buffers
//! under a name of their own.

use super::meta::{invalid, text};
use super::{Keyword, OPTIONAL, PATTERN, PLAIN, number, values};
use crate::app::{Protocol, Protocols};
use crate::buffers::{Buffer, Side};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{AppCondition, BufferCondition, HeaderProto, NumberAmong, NumberTest, ProtocolMode, Which};
use crate::syntax::{RuleOption, Text};
use crate::variables::nearest;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "app-layer-protocol",
        super::Value { negatable: true, ..PLAIN },
        protocol,
        "`app-layer-protocol:[!]NAME[,final|either|to_server|to_client|original]`: the protocol that was recognised; `failed` if none was.",
    ),
    Keyword::new(
        "app-layer-event",
        PLAIN,
        event,
        "`app-layer-event:PROTOCOL.NAME`: something was odd about the protocol, `http.request_field_too_long` for instance.",
    ),
    Keyword::new(
        "frame",
        PLAIN,
        frame,
        "`frame:[PROTOCOL.]NAME`: a part of a protocol's message, as it comes; what follows looks at it.",
    ),
    Keyword::new("uricontent", PATTERN, uricontent, "`uricontent:[!]\"…\"`: a content in `http.uri`."),
    Keyword::new("urilen", PLAIN, urilen, "`urilen:[op]N[,norm|raw]`: the length of the URI; normalised unless said."),
    Keyword::new(
        "absent",
        OPTIONAL,
        absent,
        "`absent[:or_else]`: the buffer is not there; or else what follows holds on it.",
    ),
];

type Outcome = Result<(), RuleError>;

fn protocol(checker: &mut Checker<'_>, keyword: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let (name, mode) = value.split_once(b',').unwrap_or((value, value.from(value.bytes.len())));
    let (name, negated) = match name.trim().strip(b"!") {
        Some(rest) => (rest.trim(), true),
        None => (name.trim(), option.value.is_some_and(|v| v.negated)),
    };
    let mode = match mode.trim().bytes {
        b"" => ProtocolMode::Direction,
        b"final" => ProtocolMode::Final,
        b"either" => ProtocolMode::Either,
        b"to_server" => ProtocolMode::ToServer,
        b"to_client" => ProtocolMode::ToClient,
        b"original" => ProtocolMode::Original,
        _ => return Err(invalid(keyword, mode, "final, either, to_server, to_client or original")),
    };
    let protocols = match name.bytes {
        b"failed" | b"unknown" => Protocols::NONE,
        bytes => Protocols::from_name(bytes).ok_or_else(|| {
            let nearest = nearest(&name.to_lossy(), Protocol::names());
            RuleError::new(Kind::UnknownProtocol { name: name.show(), nearest }, name.span())
        })?,
    };
    checker.needs_protocols(protocols, keyword, name.span());
    checker.signature.app_conditions.push(AppCondition::Protocol { protocols, negated, mode });
    Ok(())
}

fn event(checker: &mut Checker<'_>, keyword: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let (protocols, name) = match value.split_once(b'.') {
        Some((protocol, name)) => {
            let known = Protocols::from_name(protocol.bytes).or(match protocol.bytes {
                b"file" => Some(Protocols::FILES),
                _ => None,
            });
            let protocols = known.ok_or_else(|| {
                let nearest = nearest(&protocol.to_lossy(), Protocol::names());
                RuleError::new(Kind::UnknownProtocol { name: protocol.show(), nearest }, protocol.span())
            })?;
            checker.needs_protocols(protocols, keyword, protocol.span());
            (protocols, name)
        }
        None => (Protocols::NONE, value),
    };
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if name.bytes.is_empty() || !name.bytes.iter().all(word) {
        return Err(invalid(keyword, value, "a protocol and the name of an event, as in http.missing_host_header"));
    }
    let name = name.to_lossy().to_ascii_lowercase().into();
    checker.signature.app_conditions.push(AppCondition::Event { protocols, name });
    Ok(())
}

fn frame(checker: &mut Checker<'_>, keyword: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option).trim();
    let own = checker.signature.app;
    let whole = value.to_lossy();
    let found = Some(own).filter(|own| !own.is_empty()).and_then(|own| Buffer::frame(own, &whole));
    let found = found.or_else(|| {
        let (protocol, name) = whole.split_once('.')?;
        Buffer::frame(Protocols::from_name(protocol.as_bytes())?, name)
    });
    match found {
        Some(buffer) => checker.choose(Some(buffer), buffer.name(), option.name.span()),
        None => {
            // Protocols have frames that are not shown yet; one of a name that none has would be no different.
            checker.skip(format!("{keyword}:{whole}"), option.name.span());
            checker.choose(None, keyword, option.name.span())
        }
    }
}

fn uricontent(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    super::content::content(checker, name, option)?;
    checker.move_content(name, Buffer::HttpUri, option.name.span())
}

fn urilen(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let value = text(option);
    let (length, which) = value.split_once(b',').unwrap_or((value, value.from(value.bytes.len())));
    let buffer = match which.trim().bytes {
        b"" | b"norm" => Buffer::HttpUri,
        b"raw" => Buffer::HttpUriRaw,
        _ => return Err(invalid(name, which, "norm or raw after the comma")),
    };
    match number::test(name, length, u64::from(u16::MAX))? {
        Some(test) => checker.beside(buffer, BufferCondition::Size(test), option.name.span()),
        None => checker.skip("urilen with a bit mask", option.name.span()),
    }
    Ok(())
}

fn absent(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Outcome {
    let or_else = match option.value.map(|v| v.text) {
        None => false,
        Some(text) if text.bytes == b"or_else" => true,
        Some(text) => return Err(invalid(name, text, "or_else, or nothing")),
    };
    let buffer = checker.current_buffer();
    if buffer.chosen.is_none() || !buffer.conditions.is_empty() {
        let other = "what stands before it: it comes first behind the buffer that it is about";
        return Err(RuleError::new(Kind::Conflict { keyword: name, other }, option.name.span()));
    }
    checker.buffer(BufferCondition::Absent { or_else });
    Ok(())
}

/// A test of a buffer of integers, by number or by the name that the protocol gives it.
pub(crate) fn integer(
    checker: &mut Checker<'_>,
    name: &'static str,
    buffer: Buffer,
    option: &RuleOption<'_>,
) -> Outcome {
    if matches!(buffer, Buffer::TlsState | Buffer::TlsVersion) {
        let test = super::tls::names(name, buffer, option)?;
        checker.beside(buffer, BufferCondition::Number(test), option.name.span());
        return Ok(());
    }
    let value = text(option);
    if let Some(test) = named_bits(name, buffer, value)? {
        checker.beside(buffer, BufferCondition::Number(test), option.name.span());
        return Ok(());
    }
    if values::is_list(buffer)
        && let Some(condition) = among(name, buffer, value)?
    {
        checker.beside(buffer, BufferCondition::NumberAmong(condition), option.name.span());
        return Ok(());
    }
    if let Some(test) = bits(name, buffer, value)? {
        checker.beside(buffer, BufferCondition::Number(test), option.name.span());
        return Ok(());
    }
    match value_test(name, buffer, value)? {
        Some(test) => checker.beside(buffer, BufferCondition::Number(test), option.name.span()),
        None => checker.skip(format!("{name} with a bit mask"), option.name.span()),
    }
    Ok(())
}

/// A list of names of bits, `!` before those that must not be set; None if it is a number.
fn bits(name: &'static str, buffer: Buffer, value: Text<'_>) -> Result<Option<NumberTest>, RuleError> {
    let known = values::flags(buffer);
    let is_list = value.bytes.trim_ascii().first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'!');
    let is_number = value.bytes.iter().all(|b| !b.is_ascii_alphabetic());
    if known.is_empty() || !is_list || is_number {
        return Ok(None);
    }
    let (mut mask, mut wanted) = (0, 0);
    for part in value.split(b',') {
        let (word, set) = match part.trim().strip(b"!") {
            Some(rest) => (rest.trim(), false),
            None => (part.trim(), true),
        };
        let found = known.iter().find(|(n, _)| n.as_bytes().eq_ignore_ascii_case(word.bytes));
        let Some((_, bit)) = found else { return Err(invalid(name, word, "a list of names of its flags")) };
        mask |= bit;
        wanted |= if set { *bit } else { 0 };
    }
    let ranges = (0..=u64::from(u8::MAX)).filter(|n| n & mask == wanted).map(|n| n..=n).collect();
    Ok(Some(NumberTest { ranges }))
}

/// A test by number or by name.
fn value_test(name: &'static str, buffer: Buffer, value: Text<'_>) -> Result<Option<NumberTest>, RuleError> {
    let (negated, word) = match value.strip(b"!") {
        Some(rest) => (true, rest.trim()),
        None => (false, value.trim()),
    };
    let named = values::names(buffer).iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word.bytes));
    Ok(match named {
        Some(&(_, n)) if negated && n > 0 => Some(NumberTest { ranges: vec![0..=n - 1, n + 1..=u64::MAX] }),
        Some(_) if negated => Some(NumberTest { ranges: vec![1..=u64::MAX] }),
        Some(&(_, n)) => Some(NumberTest { ranges: vec![n..=n] }),
        None => number::test(name, value, values::widest(buffer))?,
    })
}

/// `test[,which[,slice]]` and `count test[,slice]`; None if it says nothing of which.
fn among(name: &'static str, buffer: Buffer, value: Text<'_>) -> Result<Option<NumberAmong>, RuleError> {
    let mut parts = value.split(b',');
    let first = parts.next().unwrap_or(value).trim();
    let (second, third) = (parts.next(), parts.next());
    let expected = "any, all, all_or_absent, or_absent, nb and a test, oob_or and a place, or a place such as 0 or -1";
    if let Some(more) = parts.next() {
        return Err(invalid(name, more, "no more than a test, which of them, and a slice"));
    }
    let times = |text: Text<'_>| {
        number::test(name, text, u64::from(u32::MAX))?.ok_or_else(|| invalid(name, text, "a test with no bit mask"))
    };
    if let Some(rest) = first.strip(b"count") {
        if let Some(more) = third {
            return Err(invalid(name, more, "no more than a count and a slice"));
        }
        let slice = second.map(|text| slice(name, text)).transpose()?;
        let test = NumberTest { ranges: vec![0..=u64::MAX] };
        return Ok(Some(NumberAmong { test, which: Which::Times(times(rest.trim())?), slice }));
    }
    let Some(which) = second.map(|text| text.trim()) else { return Ok(None) };
    let place = |text: Text<'_>| number::signed(name, text, i64::from(i32::MIN), i64::from(i32::MAX));
    let which = match which.bytes {
        b"any" => Which::Any,
        b"all" => Which::All,
        b"all_or_absent" => Which::AllOrAbsent,
        b"or_absent" => Which::OrAbsent,
        [b'n', b'b', ..] => Which::Times(times(which.from(2).trim())?),
        [b'o', b'o', b'b', b'_', b'o', b'r', ..] => Which::At { index: place(which.from(6))?, or_outside: true },
        [b'-' | b'0'..=b'9', ..] => Which::At { index: place(which)?, or_outside: false },
        _ => return Err(invalid(name, which, expected)),
    };
    let Some(test) = value_test(name, buffer, first)? else {
        return Err(invalid(name, first, "a test with no bit mask, where some of several are picked"));
    };
    let slice = third.map(|text| slice(name, text)).transpose()?;
    Ok(Some(NumberAmong { test, which, slice }))
}

/// `from:to`.
fn slice(name: &'static str, text: Text<'_>) -> Result<(i64, i64), RuleError> {
    let place = |text: Text<'_>| number::signed(name, text.trim(), i64::from(i32::MIN), i64::from(i32::MAX));
    match text.split_once(b':') {
        Some((from, to)) => Ok((place(from)?, place(to)?)),
        None => Err(invalid(name, text, "two places with a colon between them, as in 1:-1")),
    }
}

/// A list of names of bits, `!` before those that must not be set; None if it is no list of names.
fn named_bits(name: &'static str, buffer: Buffer, value: Text<'_>) -> Result<Option<NumberTest>, RuleError> {
    let known = values::bits(buffer);
    let word = value.strip(b"!").unwrap_or(value).trim();
    if known.is_empty() || !word.bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return Ok(None);
    }
    let (mut set, mut clear) = (0, 0);
    for part in value.split(b',') {
        let part = part.trim();
        let (word, bits) = match part.strip(b"!") {
            Some(rest) => (rest.trim(), &mut clear),
            None => (part, &mut set),
        };
        let found = known.iter().find(|(n, _)| n.as_bytes().eq_ignore_ascii_case(word.bytes));
        *bits |= found.ok_or_else(|| invalid(name, word, "fin, comp, or both with a comma between them"))?.1;
    }
    let fits = |n: &u8| n & set == set && n & clear == 0;
    Ok(Some(NumberTest { ranges: (0..=u8::MAX).filter(fits).map(|n| u64::from(n)..=u64::from(n)).collect() }))
}

/// What a rule looks at and the protocol that its header names must go together; without a name in the header the buffers
/// say of which protocols the flow must be.
pub(super) fn whole_rule(checker: &mut Checker<'_>) -> Outcome {
    let mut app = checker.signature.app;
    let used = checker.buffers.iter().filter_map(|b| Some((b.chosen?, b.span)).filter(|_| !b.conditions.is_empty()));
    for (buffer, span) in used {
        let of = buffer.declaration().protocols;
        if of.is_empty() {
            continue;
        }
        let both = if app.is_empty() { of } else { app.and(of) };
        if both.is_empty() {
            let why = format!("no flow of {} has {}", checker.protocol_name, buffer.name());
            return Err(RuleError::new(Kind::CannotMatch { why }, span));
        }
        app = both;
    }
    if !app.is_empty() {
        let transport = checker.signature.header.proto;
        let carries = matches!(transport, HeaderProto::Tcp | HeaderProto::TcpPacket | HeaderProto::TcpStream)
            || matches!(transport, HeaderProto::Udp | HeaderProto::Ip | HeaderProto::App);
        if !carries {
            let why = format!("{} carries no such protocol", checker.protocol_name);
            return Err(RuleError::new(Kind::CannotMatch { why }, checker.protocol));
        }
        let span = checker.protocol;
        checker.needs_protocols(app, "protocol", span);
    }
    checker.signature.app = app;
    if checker.signature.header.transactional { both_sides(checker) } else { Ok(()) }
}

/// A rule with `=>` asks something of the request and something of the response, and says of each buffer which of the two.
fn both_sides(checker: &Checker<'_>) -> Outcome {
    let cannot = |why: String, span| Err(RuleError::new(Kind::CannotMatch { why }, span));
    let mut sides = [false; 2];
    for buffer in checker.buffers.iter().filter(|b| !b.conditions.is_empty()) {
        let Some(chosen) = buffer.chosen else {
            return cannot("a rule with => looks at transactions, not at the payload".to_owned(), checker.protocol);
        };
        let to_server = match (chosen.declaration().side, buffer.to_server) {
            (Side::Both, None) => {
                let why = format!("{0} may be of either side: {0}:to_server or {0}:to_client", chosen.name());
                return cannot(why, buffer.span);
            }
            (Side::Both, Some(side)) => side,
            (side, said) if said.is_none_or(|to_server| side.has(to_server)) => side == Side::ToServer,
            _ => return cannot(format!("{} is of the other side", chosen.name()), buffer.span),
        };
        sides[usize::from(to_server)] = true;
    }
    if checker.signature.flow.to_server.is_some() {
        return cannot("a rule with => is about both directions, and flow wants one".to_owned(), checker.protocol);
    }
    if sides == [true; 2] {
        return Ok(());
    }
    cannot("a rule with => looks at the request and at the response: -> would do".to_owned(), checker.protocol)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, checked};
    use super::*;

    #[test]
    fn what_is_recognised_by_name() {
        assert!(checked("app-layer-protocol:!tls,final;").is_ok());
        assert!(checked("app-layer-protocol:failed;").is_ok());
        assert!(matches!(bad("app-layer-protocol:htp;"), (Kind::UnknownProtocol { .. }, at) if at == "htp"));
        assert!(matches!(bad("app-layer-protocol:http,first;").0, Kind::Invalid { .. }));
        assert!(checked("app-layer-event:http.missing_host_header;").is_ok());
        assert!(checked("app-layer-event:applayer_mismatch_protocol_both_directions;").is_ok());
        assert!(matches!(bad("app-layer-event:htp.x;").0, Kind::UnknownProtocol { .. }));
        assert!(matches!(bad("app-layer-event:http.;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn buffers_and_protocols_go_together() {
        assert!(matches!(bad("http.uri; content:\"a\"; tls.sni; content:\"b\";").0, Kind::CannotMatch { .. }));
    }

    #[test]
    fn integers_have_names() {
        for good in ["dns.rcode:nxdomain;", "dns.rcode:!0;", "dns.rrtype:AAAA;", "dns.opcode:>3;", "urilen:1<>9,norm;"]
        {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        for good in
            ["websocket.flags:fin,!comp;", "websocket.flags:128;", "websocket.opcode:!text;", "http2.frametype:GOAWAY;"]
        {
            assert!(checked(good).is_ok(), "{good}: {:?}", checked(good));
        }
        assert!(matches!(bad("websocket.flags:fin,rsv;"), (Kind::Invalid { .. }, at) if at == "rsv"));
        assert!(matches!(bad("dns.rcode:none;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("urilen:5,both;"), (Kind::Invalid { .. }, at) if at == "both"));
    }

    #[test]
    fn some_of_several_integers() {
        let among = |text: &str| {
            let value = Text::new(text.as_bytes(), 0);
            super::among("k", Buffer::LdapResponsesOperation, value).unwrap_or_else(|e| panic!("{text}: {e}"))
        };
        let holds = |text: &str, numbers: &[u64]| {
            among(text).unwrap_or_else(|| panic!("{text}")).holds(numbers.len(), |at| numbers.get(at).copied())
        };
        assert_eq!(among("search_result_done"), None);
        for (text, numbers, expected) in [
            ("5,any", &[4, 5][..], true),
            ("5,all", &[4, 5], false),
            ("5,all", &[], false),
            ("5,all_or_absent", &[], true),
            ("5,or_absent", &[], true),
            ("5,or_absent", &[4], false),
            ("search_result_done,1", &[4, 5], true),
            ("search_result_done,0", &[4, 5], false),
            ("!4,-1", &[4, 5], true),
            ("5,-3", &[4, 5], false),
            ("5,oob_or 2", &[4, 5], true),
            ("4,nb>1", &[4, 5, 4], true),
            ("4,nb 1", &[4, 5, 4], false),
            ("4,all,0:-1", &[4, 4, 5], true),
            ("4,any,2:3", &[4, 4, 5], false),
            ("4,any,2:9", &[4, 4, 4], false),
            ("count >2", &[4, 5, 4], true),
            ("count >2,1:3", &[4, 5, 4], false),
        ] {
            assert_eq!(holds(text, numbers), expected, "{text} of {numbers:?}");
        }
        assert!(checked("ldap.responses.operation:search_result_done,-1;").is_ok());
        assert!(matches!(bad("ldap.responses.operation:5,most;"), (Kind::Invalid { .. }, at) if at == "most"));
        assert!(matches!(bad("ldap.responses.operation:5,any,1;").0, Kind::Invalid { .. }));
        assert!(matches!(bad("ldap.request.operation:5,1;").0, Kind::Invalid { .. }));
    }

    #[test]
    fn bits_have_names() {
        let ranges = |text: &str| {
            let test = super::bits("k", Buffer::MqttConnectFlags, Text::new(text.as_bytes(), 0));
            test.unwrap_or_else(|e| panic!("{text}: {e}"))
        };
        let test = ranges("username,!will").unwrap_or_else(|| panic!("a list"));
        assert!(test.holds(0x80) && test.holds(0xc2) && !test.holds(0x84) && !test.holds(0x04));
        assert_eq!((ranges("&0x80=0x80"), ranges("!3")), (None, None));
        assert!(matches!(bad("mqtt.flags:dup,old;"), (Kind::Invalid { .. }, at) if at == "old"));
    }

    #[test]
    fn absent_stands_first() {
        assert!(checked("http.referer; absent;").is_ok());
        assert!(checked("http.referer; absent:or_else; content:\"x\";").is_ok());
        assert!(matches!(bad("http.referer; content:\"x\"; absent;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("absent;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("http.referer; absent:x;").0, Kind::Invalid { .. }));
    }
}
