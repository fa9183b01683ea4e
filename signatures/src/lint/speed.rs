//! Rules that cost more than they need: judged on all traffic of their protocol, guarded by a literal that is everywhere, or by
//! a regular expression alone.
//!
//! What narrows a rule beside its literal: a port, addresses that are not the usual variables, any condition on the packet's
//! headers or on a protocol's messages, a flowbit that it waits for. A rule that is narrowed is told of only on request.

use super::{Kind, Subject, buffers};
use crate::fast_pattern;
use crate::model::{BufferCondition, Flowbits, HeaderProto, PacketCondition};
use crate::report::Severity;
use crate::syntax::{Group, GroupKind};

/// Literals up to this length occur by chance in a good part of all packets.
const SHORT: usize = 2;

pub(super) fn lint(subject: &mut Subject<'_>) {
    if subject.signature.packet.iter().any(is_event) {
        return;
    }
    let severity = if narrowed(subject) { Severity::Info } else { Severity::Warning };
    if let Some(literal) = fast_pattern::choose(subject.signature) {
        // Parts of a longer content can be short when the rule asks for it; a content can not be made longer by asking.
        // Where a protocol is told apart before, as in the method of a request, a short word can be telling.
        if literal.len <= SHORT && literal.buffer.is_none() {
            let span = subject.at_content(literal.content(subject.signature));
            let n = literal.len;
            let message = format!(
                "the literal that stands guard for this rule is {n} byte{} long and occurs everywhere: add a longer content, a port, \
                 or a size",
                if n == 1 { "" } else { "s" }
            );
            subject.tell(Kind::ShortLiteral, severity, span, message);
        }
        return;
    }
    let has = |wanted: fn(&BufferCondition) -> bool| buffers(subject.signature).flatten().any(wanted);
    if has(|c| matches!(c, BufferCondition::Pcre(p) if !p.negated))
        && !has(|c| matches!(c, BufferCondition::Content(_)))
    {
        let message =
            "this pcre runs on every packet that the header admits: add a content that all that it matches must hold";
        subject.tell(Kind::RegexAlone, severity, subject.at("pcre"), message);
    } else if severity == Severity::Warning {
        let message = if has(|_| true) {
            "no content of this rule can stand guard for it (a negated one cannot): it is judged on all traffic that its header \
             admits; add a content, a port, or a size"
        } else if subject.signature.flow.given {
            "nothing but its header and flow narrows this rule: it matches nearly all traffic; add a port, addresses, or a content"
        } else {
            "nothing but its protocol narrows this rule: it matches all traffic of it; add a port, addresses, or a content"
        };
        subject.tell(Kind::NothingNarrows, severity, subject.rule.action.span(), message);
    }
}

fn is_event(condition: &PacketCondition) -> bool {
    matches!(condition, PacketCondition::DecodeEvent(_) | PacketCondition::StreamEvent(_))
}

fn narrowed(subject: &Subject<'_>) -> bool {
    let header = &subject.signature.header;
    let rare =
        matches!(header.proto, HeaderProto::Icmp | HeaderProto::Icmpv4 | HeaderProto::Icmpv6 | HeaderProto::Sctp);
    let usual = |group: &Group<'_>| match &group.kind {
        GroupKind::Variable(_) => true,
        GroupKind::Item(item) => item.bytes.eq_ignore_ascii_case(b"any"),
        GroupKind::List(_) => false,
    };
    // All ports but a few are still all ports.
    let wide = |set: &crate::model::PortSet| {
        set.ranges.iter().map(|&(first, last)| u32::from(last) - u32::from(first) + 1).sum::<u32>() > 32_768
    };
    rare || !wide(&header.src_ports)
        || !wide(&header.dst_ports)
        || !usual(&subject.rule.source)
        || !usual(&subject.rule.destination)
        || subject.signature.packet.iter().any(|c| !matches!(c, PacketCondition::IpProto(_)))
        || subject.signature.flowbits.iter().any(|f| matches!(f, Flowbits::IsSet(_)))
        || !subject.signature.buffers.is_empty()
        || !subject.signature.app_conditions.is_empty()
        || buffers(subject.signature).flatten().any(|c| matches!(c, BufferCondition::Size(_)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, load};
    use super::*;

    fn told(header: &str, options: &str) -> Vec<(Kind, Severity, String)> {
        let text = format!("{header} (msg:\"m\"; {options} sid:1; rev:1;)");
        let places: Vec<String> = found(&text).into_iter().map(|f| f.1).collect();
        let lints = load(&text).lints.into_iter().map(|l| (l.kind, l.problem.severity));
        lints.zip(places).map(|((kind, severity), at)| (kind, severity, at)).collect()
    }
    const ANY: &str = "alert tcp $HOME_NET any -> $EXTERNAL_NET any";
    const PORT: &str = "alert tcp $HOME_NET any -> $EXTERNAL_NET 4444";

    #[test]
    fn short_literals() {
        let at = "content:\"ab\"".to_owned();
        assert_eq!(told(ANY, "content:\"ab\";"), [(Kind::ShortLiteral, Severity::Warning, at.clone())]);
        assert_eq!(told(PORT, "content:\"ab\";"), [(Kind::ShortLiteral, Severity::Info, at)]);
        assert_eq!(told(ANY, "content:\"ab\"; content:\"abc\";"), []);
        assert_eq!(told(ANY, "content:\"ab\"; dsize:5;").first().map(|f| f.1), Some(Severity::Info));
    }

    #[test]
    fn expressions_alone() {
        let at = "pcre:\"/a.c/\"".to_owned();
        assert_eq!(told(ANY, "pcre:\"/a.c/\";"), [(Kind::RegexAlone, Severity::Warning, at.clone())]);
        assert_eq!(told(PORT, "pcre:\"/a.c/\";"), [(Kind::RegexAlone, Severity::Info, at)]);
        assert_eq!(told(ANY, "content:\"abc\"; pcre:\"/a.c/\";"), []);
    }

    #[test]
    fn rules_on_everything() {
        let all = |options| told(ANY, options).into_iter().map(|f| (f.0, f.1, f.2)).collect::<Vec<_>>();
        let warning = [(Kind::NothingNarrows, Severity::Warning, "alert".to_owned())];
        assert_eq!(all(""), warning);
        assert_eq!(all("flow:established;"), warning);
        assert_eq!(all("content:!\"abc\";"), warning);
        assert_eq!(told("alert tcp any any -> any !80", "content:!\"abc\";"), warning);
        assert_eq!(told("alert tcp [203.0.113.7,203.0.113.9] any -> any any", ""), []);
        assert_eq!(all("flags:S;"), []);
        assert_eq!(told("alert tcp any any -> any 4444", ""), []);
        assert_eq!(told("alert ip any any -> any any", "stream-event:pkt_invalid_ack;"), []);
    }
}
