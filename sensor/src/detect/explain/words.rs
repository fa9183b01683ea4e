//! Conditions in the words of rules, and bytes as people read them.

use crate::packet::{Packet, TcpFlags, Transport};
use sekisho_signatures::app::Protocols;
use sekisho_signatures::kept::SetCommand;
use sekisho_signatures::model::{
    BufferCondition, ByteExtract, ByteJump, ByteMath, ByteTest, Comparison, Content, FlagsMode, FlagsTest, Flowbits,
    IsDataAt, MathOperator, NumberAmong, NumberFormat, NumberTest, PacketCondition, Pcre, ProtocolMode, Signature,
    Threshold, ThresholdKind, TrackBy, Value, Which,
};
use sekisho_signatures::syntax::{Group, parse};
use std::fmt::Write;
use std::ops::Range;

/// Bytes of a buffer that are shown around what was found.
const AROUND: usize = 12;
/// Most bytes of one run that are shown.
const SHOWN: usize = 48;

/// The header, as it stands in the rule.
#[derive(Clone, Debug)]
pub(in crate::detect) struct HeaderWords {
    pub(in crate::detect) protocol: String,
    pub(in crate::detect) addresses: [String; 2],
    pub(in crate::detect) ports: [String; 2],
}

impl HeaderWords {
    pub(in crate::detect) fn of(signature: &Signature) -> Self {
        let text = signature.text.as_bytes();
        let group = |g: &Group<'_>| {
            let bytes = text.get(g.span.start as usize..g.span.end as usize).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        match parse(text) {
            Ok(rule) => Self {
                protocol: rule.protocol.to_lossy().into_string(),
                addresses: [group(&rule.source), group(&rule.destination)],
                ports: [group(&rule.source_ports), group(&rule.destination_ports)],
            },
            // Only a signature that was not made from a text.
            Err(_) => {
                let name = || "of the rule".to_owned();
                Self {
                    protocol: format!("{:?}", signature.header.proto),
                    addresses: [name(), name()],
                    ports: [name(), name()],
                }
            }
        }
    }
}

/// Bytes as rules write them: what is not printable as hexadecimal between bars.
pub(in crate::detect) fn bytes(data: &[u8]) -> String {
    let mut out = String::new();
    let mut hex = false;
    for &byte in data {
        let plain = matches!(byte, b' '..=b'~') && byte != b'|';
        if plain == hex {
            out.push('|');
            hex = !plain;
        } else if !plain {
            out.push(' ');
        }
        if plain {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "{byte:02x}");
        }
    }
    if hex {
        out.push('|');
    }
    out
}

/// What lies at `range`, between « and », with what is around it.
pub(super) fn excerpt(data: &[u8], range: Range<usize>) -> String {
    let end = range.end.min(data.len());
    let start = range.start.min(end);
    let from = start.saturating_sub(AROUND);
    let to = (end + AROUND).min(data.len());
    let part = |r: Range<usize>| bytes(data.get(r).unwrap_or_default());
    let cut = (start + SHOWN).min(end);
    let (before, behind) = (if from > 0 { "…" } else { "" }, if to < data.len() { "…" } else { "" });
    if cut < end {
        return format!("{before}{}«{}…»", part(from..start), part(start..cut));
    }
    format!("{before}{}«{}»{}{behind}", part(from..start), part(start..end), part(end..to))
}

/// What there is from `at` on.
pub(super) fn from(data: &[u8], at: usize) -> String {
    let rest = data.get(at..).unwrap_or_default();
    let more = if rest.len() > SHOWN { "…" } else { "" };
    format!("\"{}{more}\"", bytes(&rest[..rest.len().min(SHOWN)]))
}

fn value(value: Value, names: &[Box<str>]) -> String {
    match value {
        Value::Literal(n) => n.to_string(),
        Value::Variable(i) => names.get(usize::from(i)).map_or_else(|| "?".to_owned(), ToString::to_string),
    }
}

fn literal(value: Option<Value>, skip: i64) -> bool {
    value.is_some_and(|v| v != Value::Literal(skip))
}

/// One condition on a buffer. `names`: the rule's variables.
pub(super) fn buffer(condition: &BufferCondition, names: &[Box<str>]) -> String {
    match condition {
        BufferCondition::Content(c) => content(c, names),
        BufferCondition::Pcre(p) => pcre(p),
        BufferCondition::ByteTest(t) => byte_test(t, names),
        BufferCondition::ByteJump(j) => byte_jump(j, names),
        BufferCondition::ByteExtract(e) => byte_extract(e, names),
        BufferCondition::ByteMath(m) => byte_math(m, names),
        BufferCondition::IsDataAt(d) => is_data_at(d, names),
        BufferCondition::Size(test) => format!("bsize:{}", number(test)),
        BufferCondition::Number(test) => number(test),
        BufferCondition::NumberAmong(among) => number_among(among),
        BufferCondition::Ask(question) => question.to_string(),
        BufferCondition::File(test) => test.to_string(),
        BufferCondition::Absent { or_else: false } => "absent".to_owned(),
        BufferCondition::Absent { or_else: true } => "absent:or_else".to_owned(),
        BufferCondition::Dataset(set) => {
            let command = match set.command {
                SetCommand::Set => "set",
                SetCommand::Unset => "unset",
                SetCommand::IsSet => "isset",
                SetCommand::IsNotSet => "isnotset",
            };
            format!("dataset:{command},{}", set.name)
        }
        BufferCondition::Datarep(set) => format!("datarep:{},{:?},{}", set.name, set.order, set.reputation),
        BufferCondition::Asn1(asn1) => format!("asn1: {asn1:?}"),
        BufferCondition::FtpBounce => "ftpbounce".to_owned(),
        BufferCondition::Entropy(entropy) => format!("entropy: {:?}", entropy.test),
        BufferCondition::Base64 { conditions, .. } => {
            let inner: Vec<String> = conditions.iter().map(|c| buffer(c, names)).collect();
            format!("base64_decode; base64_data; {}", inner.join("; "))
        }
    }
}

fn number_among(among: &NumberAmong) -> String {
    let mut out = number(&among.test);
    match &among.which {
        Which::Any => out.push_str(",any"),
        Which::All => out.push_str(",all"),
        Which::AllOrAbsent => out.push_str(",all_or_absent"),
        Which::OrAbsent => out.push_str(",or_absent"),
        Which::Times(times) => {
            let _ = write!(out, ",nb {}", number(times));
        }
        Which::At { index, or_outside } => {
            let _ = write!(out, ",{}{index}", if *or_outside { "oob_or " } else { "" });
        }
    }
    if let Some((from, to)) = among.slice {
        let _ = write!(out, ",{from}:{to}");
    }
    out
}

fn content(c: &Content, names: &[Box<str>]) -> String {
    let mut out = format!("content:{}\"{}\"", if c.negated { "!" } else { "" }, bytes(&c.pattern));
    if c.nocase {
        out.push_str("; nocase");
    }
    if c.startswith {
        out.push_str("; startswith");
    }
    if c.endswith {
        out.push_str("; endswith");
    }
    let mut place = |name: &str, v: Option<Value>| {
        if let Some(v) = v.filter(|_| !c.startswith) {
            let _ = write!(out, "; {name}:{}", value(v, names));
        }
    };
    place("offset", c.offset);
    place("depth", c.depth);
    place("distance", c.distance);
    place("within", c.within);
    out
}

fn pcre(p: &Pcre) -> String {
    let mut out = format!("pcre:{}\"/{}/", if p.negated { "!" } else { "" }, p.pattern);
    let flags = [
        (p.caseless, 'i'),
        (p.multi_line, 'm'),
        (p.dot_all, 's'),
        (p.extended, 'x'),
        (p.anchored, 'A'),
        (p.dollar_end_only, 'E'),
        (p.ungreedy, 'G'),
        (p.relative, 'R'),
    ];
    out.extend(flags.iter().filter(|(on, _)| *on).map(|(_, letter)| letter));
    out.push('"');
    out
}

fn format_words(format: NumberFormat, out: &mut String) {
    out.push_str(match format {
        NumberFormat::BigEndian => "",
        NumberFormat::LittleEndian => ",little",
        NumberFormat::Dce => ",dce",
        NumberFormat::String(8) => ",string,oct",
        NumberFormat::String(10) => ",string,dec",
        NumberFormat::String(16) => ",string,hex",
        NumberFormat::String(_) => ",string",
    });
}

fn mask_words(bitmask: Option<u32>, out: &mut String) {
    if let Some(mask) = bitmask {
        let _ = write!(out, ",bitmask {mask:#x}");
    }
}

fn byte_test(t: &ByteTest, names: &[Box<str>]) -> String {
    let operator = match t.comparison {
        Comparison::Less => "<",
        Comparison::Greater => ">",
        Comparison::Equal => "=",
        Comparison::LessOrEqual => "<=",
        Comparison::GreaterOrEqual => ">=",
        Comparison::And => "&",
        Comparison::Or => "^",
    };
    let negated = if t.negated { "!" } else { "" };
    let [bytes, with, offset] = [t.bytes, t.value, t.offset].map(|v| value(v, names));
    let mut out = format!("byte_test:{bytes},{negated}{operator},{with},{offset}");
    if t.relative {
        out.push_str(",relative");
    }
    format_words(t.format, &mut out);
    mask_words(t.bitmask, &mut out);
    out
}

fn byte_jump(j: &ByteJump, names: &[Box<str>]) -> String {
    let mut out = format!("byte_jump:{},{}", value(j.bytes, names), value(j.offset, names));
    for (on, word) in [
        (j.relative, ",relative"),
        (j.align, ",align"),
        (j.from_beginning, ",from_beginning"),
        (j.from_end, ",from_end"),
    ] {
        if on {
            out.push_str(word);
        }
    }
    if j.multiplier != 1 {
        let _ = write!(out, ",multiplier {}", j.multiplier);
    }
    if literal(Some(j.post_offset), 0) {
        let _ = write!(out, ",post_offset {}", value(j.post_offset, names));
    }
    format_words(j.format, &mut out);
    mask_words(j.bitmask, &mut out);
    out
}

fn byte_extract(e: &ByteExtract, names: &[Box<str>]) -> String {
    let mut out = format!("byte_extract:{},{},{}", e.bytes, e.offset, value(Value::Variable(e.variable), names));
    if e.relative {
        out.push_str(",relative");
    }
    if e.multiplier != 1 {
        let _ = write!(out, ",multiplier {}", e.multiplier);
    }
    format_words(e.format, &mut out);
    mask_words(e.bitmask, &mut out);
    out
}

fn byte_math(m: &ByteMath, names: &[Box<str>]) -> String {
    let operator = match m.operator {
        MathOperator::Add => "+",
        MathOperator::Subtract => "-",
        MathOperator::Multiply => "*",
        MathOperator::Divide => "/",
        MathOperator::ShiftLeft => "<<",
        MathOperator::ShiftRight => ">>",
    };
    let (bytes, operand, result) =
        (value(m.bytes, names), value(m.operand, names), value(Value::Variable(m.variable), names));
    let mut out =
        format!("byte_math:bytes {bytes},offset {},oper {operator},rvalue {operand},result {result}", m.offset);
    if m.relative {
        out.push_str(",relative");
    }
    format_words(m.format, &mut out);
    mask_words(m.bitmask, &mut out);
    out
}

fn is_data_at(d: &IsDataAt, names: &[Box<str>]) -> String {
    let (negated, relative) = (if d.negated { "!" } else { "" }, if d.relative { ",relative" } else { "" });
    format!("isdataat:{negated}{}{relative}", value(d.position, names))
}

/// Accepted numbers.
pub(super) fn number(test: &NumberTest) -> String {
    let range = |r: &std::ops::RangeInclusive<u64>| match (*r.start(), *r.end()) {
        (a, b) if a == b => a.to_string(),
        (0, b) => format!("0 to {b}"),
        (a, u64::MAX) => format!("{a} or more"),
        (a, b) => format!("{a} to {b}"),
    };
    let ranges: Vec<String> = test.ranges.iter().map(range).collect();
    if ranges.is_empty() { "no number".to_owned() } else { ranges.join(" or ") }
}

fn letters(bits: u8, names: &[(u8, char)]) -> String {
    let found: String = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, letter)| letter).collect();
    if found.is_empty() { "0".to_owned() } else { found }
}

const TCP_LETTERS: [(u8, char); 8] = [
    (TcpFlags::FIN, 'F'),
    (TcpFlags::SYN, 'S'),
    (TcpFlags::RST, 'R'),
    (TcpFlags::PSH, 'P'),
    (TcpFlags::ACK, 'A'),
    (TcpFlags::URG, 'U'),
    (TcpFlags::ECE, 'E'),
    (TcpFlags::CWR, 'C'),
];
const FRAGMENT_LETTERS: [(u8, char); 3] = [(1, 'M'), (2, 'D'), (4, 'R')];

fn flags(name: &str, test: &FlagsTest, names: &[(u8, char)]) -> String {
    let mode = match test.mode {
        FlagsMode::Exact => "",
        FlagsMode::All => "+",
        FlagsMode::Any => "*",
        FlagsMode::Not => "!",
    };
    let mut out = format!("{name}:{mode}{}", letters(test.flags, names));
    if test.ignored != 0 {
        let _ = write!(out, ",{}", letters(test.ignored, names));
    }
    out
}

/// A condition on a packet's headers.
pub(in crate::detect) fn packet(condition: &PacketCondition) -> String {
    use PacketCondition as P;
    match condition {
        P::Dsize(t) => format!("dsize:{}", number(t)),
        P::TcpFlags(t) => flags("tcp.flags", t, &TCP_LETTERS),
        P::TcpSeq(n) => format!("seq:{n}"),
        P::TcpAck(n) => format!("ack:{n}"),
        P::TcpWindow(t) => format!("window:{}", number(t)),
        P::TcpMss(t) => format!("tcp.mss:{}", number(t)),
        P::Ttl(t) => format!("ttl:{}", number(t)),
        P::Tos(t) => format!("tos:{}", number(t)),
        P::IpProto(t) => format!("ip_proto:{}", number(t)),
        P::IpId(n) => format!("id:{n}"),
        P::FragBits(t) => flags("fragbits", t, &FRAGMENT_LETTERS),
        P::FragOffset(t) => format!("fragoffset:{}", number(t)),
        P::SameIp => "sameip".to_owned(),
        P::IcmpType(t) => format!("itype:{}", number(t)),
        P::IcmpCode(t) => format!("icode:{}", number(t)),
        P::IcmpId(n) => format!("icmp_id:{n}"),
        P::IcmpSeq(n) => format!("icmp_seq:{n}"),
        P::VlanLayers(t) => format!("vlan.layers:{}", number(t)),
        // The others as the engine has them, which can be read as well.
        other => format!("{other:?}"),
    }
}

/// What a packet has where a condition on its headers looks; empty where there is little to say.
pub(in crate::detect) fn there(condition: &PacketCondition, packet: &Packet<'_>) -> String {
    use PacketCondition as P;
    let say = |there: Option<u64>, none: &str| there.map_or_else(|| none.to_owned(), |n| n.to_string());
    let ip = packet.ip.as_ref();
    let tcp = packet.tcp();
    let icmp = match &packet.transport {
        Transport::Icmp(h) | Transport::Icmpv6(h) => Some(h),
        _ => None,
    };
    match condition {
        P::Dsize(_) => packet.payload.len().to_string(),
        P::TcpFlags(_) => tcp.map_or_else(|| "no TCP".to_owned(), |h| letters(h.flags.0, &TCP_LETTERS)),
        P::TcpSeq(_) => say(tcp.map(|h| h.seq.into()), "no TCP"),
        P::TcpAck(_) => say(tcp.map(|h| h.ack.into()), "no TCP"),
        P::TcpWindow(_) => say(tcp.map(|h| h.window.into()), "no TCP"),
        P::TcpMss(_) => say(tcp.and_then(|h| h.mss).map(u64::from), "no such option"),
        P::Ttl(_) => say(ip.map(|h| h.ttl.into()), "no IP"),
        P::Tos(_) => say(ip.map(|h| h.tos.into()), "no IP"),
        P::IpProto(_) => say(ip.map(|h| h.proto.0.into()), "no IP"),
        P::IpId(_) => say(ip.map(|h| h.id.into()), "no IP"),
        P::FragBits(_) => ip.map_or_else(|| "no IP".to_owned(), |h| letters(h.flags, &FRAGMENT_LETTERS)),
        P::FragOffset(_) => say(ip.map(|h| (h.fragment_offset / 8).into()), "no IP"),
        P::IcmpType(_) => say(icmp.map(|h| h.kind.into()), "no ICMP"),
        P::IcmpCode(_) => say(icmp.map(|h| h.code.into()), "no ICMP"),
        P::IcmpId(_) => say(icmp.and_then(|h| h.id).map(u64::from), "none"),
        P::IcmpSeq(_) => say(icmp.and_then(|h| h.seq).map(u64::from), "none"),
        P::VlanLayers(_) => packet.vlans.count.to_string(),
        _ => String::new(),
    }
}

/// One condition of `app-layer-protocol`.
pub(in crate::detect) fn app_protocol((protocols, negated, mode): (Protocols, bool, ProtocolMode)) -> String {
    let names: Vec<&str> = protocols.iter().map(sekisho_signatures::app::Protocol::name).collect();
    let name = if names.is_empty() { "failed".to_owned() } else { names.join(" or ") };
    let mode = match mode {
        ProtocolMode::Direction => "",
        ProtocolMode::Final => ",final",
        ProtocolMode::Either => ",either",
        ProtocolMode::ToServer => ",to_server",
        ProtocolMode::ToClient => ",to_client",
        ProtocolMode::Original => ",original",
    };
    format!("app-layer-protocol:{}{name}{mode}", if negated { "!" } else { "" })
}

/// The options of a rule that have one of these names, as they stand there.
pub(super) fn options(signature: &Signature, names: &[&str]) -> String {
    let text = signature.text.as_bytes();
    let Ok(rule) = parse(text) else { return String::new() };
    let wanted = rule.options.iter().filter(|o| names.iter().any(|n| n.as_bytes() == o.name.bytes));
    let shown = wanted.filter_map(|o| text.get(o.span().start as usize..o.span().end as usize));
    shown.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect::<Vec<_>>().join("; ")
}

/// A test of flowbits, and its names; none for what only has an effect.
pub(super) fn flowbits(option: &Flowbits) -> Option<(String, &[String])> {
    let (word, names) = match option {
        Flowbits::IsSet(names) => ("isset", names),
        Flowbits::IsNotSet(names) => ("isnotset", names),
        Flowbits::Set(_) | Flowbits::Unset(_) | Flowbits::Toggle(_) => return None,
    };
    Some((format!("flowbits:{word},{}", names.join("|")), names))
}

/// `threshold` or `detection_filter`.
pub(super) fn threshold(t: &Threshold) -> String {
    let track = match t.track {
        TrackBy::Rule => "by_rule",
        TrackBy::Source => "by_src",
        TrackBy::Destination => "by_dst",
        TrackBy::Both => "by_both",
        TrackBy::Flow => "by_flow",
    };
    let (count, seconds) = (t.count, t.seconds);
    match t.kind {
        ThresholdKind::DetectionFilter => format!("detection_filter:track {track}, count {count}, seconds {seconds}"),
        ThresholdKind::Backoff { multiplier } => {
            format!("threshold:type backoff, track {track}, count {count}, seconds {seconds}, multiplier {multiplier}")
        }
        ThresholdKind::Limit => format!("threshold:type limit, track {track}, count {count}, seconds {seconds}"),
        ThresholdKind::Threshold => {
            format!("threshold:type threshold, track {track}, count {count}, seconds {seconds}")
        }
        ThresholdKind::Both => format!("threshold:type both, track {track}, count {count}, seconds {seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_rules_write_them() {
        assert_eq!(bytes(b"GET |\0\x01x"), "GET |7c 00 01|x");
        assert_eq!(bytes(b""), "");
        assert_eq!(bytes(b"\xff"), "|ff|");
    }

    #[test]
    fn excerpts_say_what_is_found_and_what_is_around_it() {
        assert_eq!(excerpt(b"abcdef", 2..4), "ab«cd»ef");
        assert_eq!(excerpt(b"0123456789abcdefghijklmnopqrstuvwxyz", 15..16), "…3456789abcde«f»ghijklmnopqr…");
        assert_eq!(excerpt(&[b'a'; 100], 0..100), format!("«{}…»", "a".repeat(48)));
        assert_eq!(excerpt(b"abc", 7..9), "abc«»");
    }
}
