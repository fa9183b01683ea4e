//! Keywords on application protocols: which was recognised, what was odd about it, and those that look at one of its buffers
//! under a name of their own.

use super::meta::{invalid, text};
use super::{Keyword, OPTIONAL, PATTERN, PLAIN, number, values};
use crate::app::{Protocol, Protocols};
use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{AppCondition, BufferCondition, HeaderProto, NumberTest, ProtocolMode};
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
    let (negated, word) = match value.strip(b"!") {
        Some(rest) => (true, rest.trim()),
        None => (false, value.trim()),
    };
    let named = values::names(buffer).iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word.bytes));
    let test = match named {
        Some(&(_, n)) if negated && n > 0 => Some(NumberTest { ranges: vec![0..=n - 1, n + 1..=u64::MAX] }),
        Some(_) if negated => Some(NumberTest { ranges: vec![1..=u64::MAX] }),
        Some(&(_, n)) => Some(NumberTest { ranges: vec![n..=n] }),
        None => number::test(name, value, values::widest(buffer))?,
    };
    match test {
        Some(test) => checker.beside(buffer, BufferCondition::Number(test), option.name.span()),
        None => checker.skip(format!("{name} with a bit mask"), option.name.span()),
    }
    Ok(())
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
    Ok(())
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
    fn absent_stands_first() {
        assert!(checked("http.referer; absent;").is_ok());
        assert!(checked("http.referer; absent:or_else; content:\"x\";").is_ok());
        assert!(matches!(bad("http.referer; content:\"x\"; absent;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("absent;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("http.referer; absent:x;").0, Kind::Invalid { .. }));
    }
}
