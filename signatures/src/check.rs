//! From a rule's tree to a checked [`Signature`]: the header is resolved, each option is looked up in
//! [`crate::keywords`] and checked in its order, then the rule as a whole.
//!
//! A rule that uses a known keyword which the engine does not evaluate yet comes out as [`Checked::Skipped`]; all its other
//! options are checked all the same, so a malformed rule is an error whatever else it uses.

use crate::app::{BUILT, Protocol, Protocols};
use crate::buffers::{Buffer, Kind as BufferKind};
use crate::classification::Classifications;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::header;
use crate::keywords::{self, Effect, Keyword, Quotes, Support};
use crate::model::{
    Action, AddressSet, BufferCondition, BufferConditions, Content, Header, HeaderProto, NumberTest, PacketCondition,
    Place, PortSet, RejectTo, Signature, Value,
};
use crate::syntax::{Direction, Group, GroupKind, OptionValue, Rule, RuleOption, Span, Text};
use crate::transform::Transform;
use crate::variables::{Variables, nearest};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// What became of a rule that has no error.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all rules are signatures, and each is moved once")]
pub enum Checked {
    /// It can be evaluated.
    Signature(Signature),
    /// It is right as far as is known, but uses what is not built yet.
    Skipped(NotBuilt),
}

/// What of a rule is not built yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotBuilt {
    /// The rule's group of sids.
    pub gid: u32,
    /// The rule's sid.
    pub sid: u32,
    /// Its revision.
    pub rev: u32,
    /// The first keyword, protocol or action that is not built, as the rule spells it.
    pub keyword: Box<str>,
    /// Where it stands in the rule's text.
    pub span: Span,
}

/// Something odd in a rule that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// In words.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Whether a word is an action of the rule language.
#[must_use]
pub fn is_action(word: &[u8]) -> bool {
    ACTIONS.iter().any(|(name, _)| name.as_bytes() == word)
}

/// Actions; those without a value are known, but not built.
const ACTIONS: &[(&str, Option<Action>)] = &[
    ("alert", Some(Action::Alert)),
    ("drop", Some(Action::Drop)),
    ("pass", Some(Action::Pass)),
    ("reject", Some(Action::Reject(RejectTo::Source))),
    ("rejectsrc", Some(Action::Reject(RejectTo::Source))),
    ("rejectdst", Some(Action::Reject(RejectTo::Destination))),
    ("rejectboth", Some(Action::Reject(RejectTo::Both))),
    ("config", Some(Action::Config)),
    ("accept", None),
];

/// Protocols that are evaluated, with the IP version that the name asks for.
const PROTOCOLS: &[(&str, HeaderProto, Option<u8>)] = &[
    ("ip", HeaderProto::Ip, None),
    ("ip4", HeaderProto::Ip, Some(4)),
    ("ipv4", HeaderProto::Ip, Some(4)),
    ("ip6", HeaderProto::Ip, Some(6)),
    ("ipv6", HeaderProto::Ip, Some(6)),
    ("tcp", HeaderProto::Tcp, None),
    ("tcp-pkt", HeaderProto::TcpPacket, None),
    ("tcp-stream", HeaderProto::TcpStream, None),
    ("udp", HeaderProto::Udp, None),
    ("icmp", HeaderProto::Icmp, None),
    ("icmpv4", HeaderProto::Icmpv4, None),
    ("icmpv6", HeaderProto::Icmpv6, None),
    ("sctp", HeaderProto::Sctp, None),
    ("pkthdr", HeaderProto::PacketHeader, None),
];

/// Names of what is below IP, and what a packet must be.
const BELOW_IP: &[(&str, PacketCondition)] =
    &[("arp", PacketCondition::EtherType(0x0806)), ("ether", PacketCondition::Ethernet)];

/// IP protocols without a header of their own in the model, by their numbers (IANA, "Protocol Numbers").
const IP_PROTOCOLS: &[(&str, u64)] =
    &[("ah", 51), ("dccp", 33), ("esp", 50), ("gre", 47), ("igmp", 2), ("ipip", 4), ("udplite", 136)];

/// Header parts that were resolved before; rules repeat them a lot.
pub struct Resolved {
    addresses: FxHashMap<Box<[u8]>, Arc<AddressSet>>,
    ports: FxHashMap<Box<[u8]>, Arc<PortSet>>,
    any_port: Arc<PortSet>,
    /// Words that many rules say.
    texts: FxHashSet<Arc<str>>,
}

impl Resolved {
    /// One string for all rules that say the same.
    fn share(&mut self, text: &mut Arc<str>) {
        match self.texts.get(text) {
            Some(known) => *text = Arc::clone(known),
            None => drop(self.texts.insert(Arc::clone(text))),
        }
    }

    fn share_texts(&mut self, signature: &mut Signature) {
        self.share(&mut signature.category);
        if let Some(name) = &mut signature.classtype {
            self.share(name);
        }
        for (key, value) in signature.metadata.iter_mut().chain(&mut signature.references) {
            self.share(key);
            self.share(value);
        }
    }
}

impl Default for Resolved {
    fn default() -> Self {
        Self {
            addresses: FxHashMap::default(),
            ports: FxHashMap::default(),
            any_port: Arc::new(PortSet::any()),
            texts: FxHashSet::default(),
        }
    }
}

/// Conditions on one buffer, as they are collected.
pub(crate) struct Collected {
    /// Which buffer; none for the raw payload.
    pub(crate) chosen: Option<Buffer>,
    /// In messages of which direction, where the rule says so.
    pub(crate) to_server: Option<bool>,
    /// Where it was chosen last.
    pub(crate) span: Span,
    /// Since then something looked at it.
    pub(crate) used: bool,
    /// What is done to its bytes before.
    pub(crate) transforms: Vec<Transform>,
    /// In the rule's order.
    pub(crate) conditions: Vec<BufferCondition>,
}

impl Collected {
    fn new(chosen: Option<Buffer>, span: Span) -> Self {
        Self { chosen, to_server: None, span, used: true, transforms: Vec::new(), conditions: Vec::new() }
    }
}

/// A rule on its way to a signature; what the keywords' checkers fill.
pub(crate) struct Checker<'a> {
    pub(crate) signature: Signature,
    pub(crate) classifications: &'a Classifications,
    /// Where the header's protocol stands.
    pub(crate) protocol: Span,
    /// Its name.
    pub(crate) protocol_name: Box<str>,
    /// Given once and set: sid, rev, gid, msg, priority …
    pub(crate) given: Vec<(&'static str, Span)>,
    /// The direction that the option at hand is about, in a rule on both.
    pub(crate) side: Option<bool>,
    /// Collected conditions; the first is the raw payload.
    pub(crate) buffers: Vec<Collected>,
    /// The buffer that conditions go to.
    pub(crate) current: usize,
    /// Buffer and index of the content that a modifier changes.
    pub(crate) last_content: Option<(usize, usize)>,
    /// The buffer that the last content, expression or number is looked for in.
    pub(crate) last_looked: usize,
    /// The first thing that is not built.
    pub(crate) not_built: Option<(Box<str>, Span)>,
    pub(crate) warnings: Vec<Warning>,
}

impl Checker<'_> {
    /// Notes that the rule needs something that is not built.
    pub(crate) fn skip(&mut self, keyword: impl Into<Box<str>>, span: Span) {
        self.not_built.get_or_insert_with(|| (keyword.into(), span));
    }

    /// Notes that a keyword was given; an error if it was before.
    pub(crate) fn once(&mut self, keyword: &'static str, span: Span) -> Result<(), RuleError> {
        if self.given_at(keyword).is_some() {
            return Err(RuleError::new(Kind::Duplicate { keyword }, span));
        }
        self.given.push((keyword, span));
        Ok(())
    }

    /// Where a keyword was given that is noted.
    pub(crate) fn given_at(&self, keyword: &str) -> Option<Span> {
        self.given.iter().find(|g| g.0 == keyword).map(|g| g.1)
    }

    /// Appends a condition on the packet's headers.
    pub(crate) fn packet(&mut self, condition: PacketCondition) {
        self.signature.packet.push(condition);
    }

    /// Appends a condition on the current buffer. Where none was chosen, a relative test follows what it is relative to into
    /// the buffer that a modifier moved that to.
    pub(crate) fn buffer(&mut self, condition: BufferCondition) {
        let is_content = matches!(condition, BufferCondition::Content(_));
        let to = if self.current == 0 && is_relative_test(&condition) { self.last_looked } else { self.current };
        let buffer = &mut self.buffers[to];
        buffer.used = true;
        buffer.conditions.push(condition);
        if is_content {
            self.last_content = Some((to, buffer.conditions.len() - 1));
        }
        self.last_looked = to;
    }

    /// Makes the content that stands right before end where its buffer ends; false if it is something else that stands there.
    pub(crate) fn end_of_content(&mut self) -> bool {
        let (looked, current) = (self.last_looked, self.current);
        let right_before = |buffer| buffer == if current == 0 { looked } else { current };
        let Some((buffer, index)) = self.last_content.filter(|(buffer, _)| right_before(*buffer)) else { return false };
        let Some(conditions) = self.buffers.get_mut(buffer).map(|b| &mut b.conditions) else { return false };
        match conditions.get_mut(index..) {
            Some([BufferCondition::Content(content)]) => {
                content.endswith = true;
                true
            }
            _ => false,
        }
    }

    /// The buffer that conditions go to.
    pub(crate) fn current_buffer(&self) -> &Collected {
        &self.buffers[self.current]
    }

    /// Makes a buffer the one that conditions go to from here on. `None` is the raw payload.
    pub(crate) fn choose(
        &mut self,
        chosen: Option<Buffer>,
        keyword: &'static str,
        span: Span,
    ) -> Result<(), RuleError> {
        self.check_used()?;
        self.needs(chosen, keyword, span);
        // Each mention of a buffer that is there many times is about another one of them.
        let again = chosen.is_some_and(|b| b.declaration().kind == BufferKind::Many);
        self.current = match self.index_of(chosen) {
            Some(known) if !again => known,
            _ => {
                self.buffers.push(Collected { to_server: self.side, ..Collected::new(chosen, span) });
                self.buffers.len() - 1
            }
        };
        let buffer = &mut self.buffers[self.current];
        buffer.span = span;
        buffer.used = chosen.is_none();
        self.last_content = None;
        self.last_looked = self.current;
        Ok(())
    }

    /// Appends a transform to the buffer that was chosen last.
    pub(crate) fn transform(
        &mut self,
        keyword: &'static str,
        transform: Transform,
        span: Span,
    ) -> Result<(), RuleError> {
        let buffer = &self.buffers[self.current];
        let Some(chosen) = buffer.chosen else {
            let other = "the raw payload: it stands behind the keyword of a buffer";
            return Err(RuleError::new(Kind::Conflict { keyword, other }, span));
        };
        if matches!(chosen.declaration().kind, BufferKind::Number | BufferKind::Asked) {
            let other = "a buffer of numbers";
            return Err(RuleError::new(Kind::Conflict { keyword, other }, span));
        }
        if !buffer.conditions.is_empty() {
            // What stands before looks at the buffer as it is without this.
            let (at, to_server, transforms) = (buffer.span, buffer.to_server, buffer.transforms.clone());
            self.buffers.push(Collected { used: false, to_server, transforms, ..Collected::new(Some(chosen), at) });
            self.current = self.buffers.len() - 1;
            self.last_content = None;
        }
        self.buffers[self.current].transforms.push(transform);
        Ok(())
    }

    /// Adds a condition to a buffer without choosing it for what follows.
    pub(crate) fn beside(&mut self, chosen: Buffer, condition: BufferCondition, span: Span) {
        self.needs(Some(chosen), chosen.name(), span);
        let index = self.find_or_add(chosen, span);
        if matches!(condition, BufferCondition::Pcre(_)) {
            self.last_looked = index;
        }
        self.buffers[index].conditions.push(condition);
    }

    /// Notes that a keyword needs a buffer that may not be built.
    pub(crate) fn needs(&mut self, buffer: Option<Buffer>, keyword: &'static str, span: Span) {
        if buffer.is_some_and(|b| !b.is_built()) {
            self.skip(keyword, span);
        }
    }

    /// Notes that a keyword needs protocols that may not be built.
    pub(crate) fn needs_protocols(&mut self, protocols: Protocols, keyword: &'static str, span: Span) {
        if !protocols.is_empty() && !protocols.intersects(BUILT) {
            let names: Vec<&str> = protocols.iter().map(Protocol::name).collect();
            self.skip(
                if keyword == "protocol" { names.join(", ") } else { format!("{keyword} of {}", names.join(", ")) },
                span,
            );
        }
    }

    /// The current buffer was chosen in vain if nothing looks at it.
    fn check_used(&self) -> Result<(), RuleError> {
        let buffer = &self.buffers[self.current];
        match buffer.chosen {
            Some(chosen) if !buffer.used => {
                Err(RuleError::new(Kind::UnusedBuffer { buffer: chosen.name() }, buffer.span))
            }
            _ => Ok(()),
        }
    }

    fn index_of(&self, chosen: Option<Buffer>) -> Option<usize> {
        let side = self.side.filter(|_| chosen.is_some());
        self.buffers.iter().position(|b| b.chosen == chosen && b.to_server == side && b.transforms.is_empty())
    }

    /// Where the conditions of a buffer are collected that is not chosen for what follows.
    pub(crate) fn find_or_add(&mut self, chosen: Buffer, span: Span) -> usize {
        self.index_of(Some(chosen)).unwrap_or_else(|| {
            self.buffers.push(Collected { to_server: self.side, ..Collected::new(Some(chosen), span) });
            self.buffers.len() - 1
        })
    }

    /// Moves the last content to another buffer, as `http_uri` and its kin do.
    pub(crate) fn move_content(&mut self, keyword: &'static str, buffer: Buffer, span: Span) -> Result<(), RuleError> {
        self.needs(Some(buffer), keyword, span);
        let Some((from, index)) = self.last_content else {
            return Err(RuleError::new(Kind::NoContent { keyword }, span));
        };
        let to = self.find_or_add(buffer, span);
        if to != from {
            if from != 0 {
                let other = "a buffer that was chosen before the content";
                return Err(RuleError::new(Kind::Conflict { keyword, other }, span));
            }
            let condition = self.buffers[from].conditions.remove(index);
            self.buffers[to].conditions.push(condition);
            self.last_content = Some((to, self.buffers[to].conditions.len() - 1));
            self.last_looked = to;
        }
        Ok(())
    }

    /// The content that a modifier changes.
    pub(crate) fn content(&mut self, keyword: &'static str, span: Span) -> Result<&mut Content, RuleError> {
        let none = RuleError::new(Kind::NoContent { keyword }, span);
        let Some((buffer, index)) = self.last_content else { return Err(none) };
        match self.buffers.get_mut(buffer).and_then(|b| b.conditions.get_mut(index)) {
            Some(BufferCondition::Content(content)) => Ok(content),
            _ => Err(none),
        }
    }

    /// The variable of this name, if `byte_extract` or `byte_math` set it before.
    pub(crate) fn variable(&self, name: Text<'_>) -> Option<u8> {
        let index = self.signature.variables.iter().position(|v| v.as_bytes() == name.bytes)?;
        u8::try_from(index).ok()
    }

    /// A number within bounds, or a variable.
    pub(crate) fn value(&self, keyword: &'static str, text: Text<'_>, min: i64, max: i64) -> Result<Value, RuleError> {
        if text.bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+')) || text.bytes.starts_with(b"0x") {
            return keywords::number::signed(keyword, text, min, max).map(Value::Literal);
        }
        self.variable(text).map(Value::Variable).ok_or_else(|| {
            let name = text.to_lossy();
            let nearest = nearest(&name, self.signature.variables.iter().map(AsRef::as_ref));
            RuleError::new(Kind::UnknownByteVariable { name: text.show(), nearest }, text.span())
        })
    }

    /// Makes a variable, or finds it.
    pub(crate) fn define(&mut self, keyword: &'static str, name: Text<'_>) -> Result<u8, RuleError> {
        const LIMIT: usize = 256;
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let named = name.bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        if !named || !name.bytes.iter().all(plain) {
            let expected = "a variable's name: letters, digits, _ . and -, a letter first";
            return Err(RuleError::new(Kind::Invalid { keyword, found: name.show(), expected }, name.span()));
        }
        if let Some(known) = self.variable(name) {
            return Ok(known);
        }
        self.signature.variables.push(name.to_lossy());
        u8::try_from(self.signature.variables.len() - 1)
            .map_err(|_| RuleError::new(Kind::TooManyVariables { limit: LIMIT }, name.span()))
    }
}

/// Checks one rule. `text` is the rule that was parsed, `place` goes into the signature. Warnings are appended.
///
/// # Errors
/// The first thing in the rule that is wrong.
pub fn check(
    rule: &Rule<'_>,
    text: &[u8],
    place: Place,
    variables: &Variables,
    classifications: &Classifications,
    resolved: &mut Resolved,
    warnings: &mut Vec<Warning>,
) -> Result<Checked, RuleError> {
    // A rule for another version may use what only that version has, so only its shape can be judged.
    if let Some(span) = unmet_requirement(rule)? {
        let number = |name: &[u8]| option_number(rule, name);
        let sid = number(b"sid").unwrap_or(0);
        let (gid, rev) = (number(b"gid").unwrap_or(1), number(b"rev").unwrap_or(0));
        return Ok(Checked::Skipped(NotBuilt { gid, sid, rev, keyword: "requires".into(), span }));
    }
    let mut not_built = None;
    let action = action(rule, &mut not_built)?;
    let (header, app) = header_of(rule, text, variables, resolved, &mut not_built)?;
    let mut checker = Checker {
        signature: Signature { app, ..Signature::new(place, action, header) },
        classifications,
        protocol: rule.protocol.span(),
        protocol_name: rule.protocol.to_lossy(),
        given: Vec::new(),
        side: None,
        buffers: vec![Collected::new(None, Span::default())],
        current: 0,
        last_content: None,
        last_looked: 0,
        not_built,
        warnings: Vec::new(),
    };
    if let Some((_, number)) = IP_PROTOCOLS.iter().find(|p| p.0.as_bytes() == rule.protocol.bytes) {
        checker.packet(PacketCondition::IpProto(NumberTest { ranges: vec![*number..=*number] }));
    }
    if let Some((_, condition)) = BELOW_IP.iter().find(|p| p.0.as_bytes() == rule.protocol.bytes) {
        checker.packet(condition.clone());
    }
    for option in &rule.options {
        match keywords::find(option.name.bytes) {
            Some(keyword) if rule.direction == Direction::Transaction => {
                let (side, option) = split_side(*option);
                checker.side = side;
                apply(&mut checker, keyword, &option)?;
                checker.side = None;
            }
            Some(keyword) => apply(&mut checker, keyword, option)?,
            None => {
                let name = option.name.to_lossy();
                let nearest = nearest(&name, keywords::names());
                return Err(RuleError::new(
                    Kind::UnknownKeyword { name: option.name.show(), nearest },
                    option.name.span(),
                ));
            }
        }
    }
    checker.check_used()?;
    if checker.signature.sid == 0 {
        let end = text.len();
        return Err(RuleError::new(Kind::Missing { missing: "sid" }, Span::new(end.saturating_sub(1), end)));
    }
    keywords::whole_rule(&mut checker)?;
    warnings.append(&mut checker.warnings);
    let mut signature = checker.signature;
    if let Some((keyword, span)) = checker.not_built {
        return Ok(Checked::Skipped(NotBuilt {
            gid: signature.gid,
            sid: signature.sid,
            rev: signature.rev,
            keyword,
            span,
        }));
    }
    let mut collected = checker.buffers.into_iter();
    signature.payload = collected.next().map(|raw| raw.conditions).unwrap_or_default();
    let used = collected.filter(|b| !b.conditions.is_empty());
    signature.buffers = used
        .filter_map(|b| {
            let Collected { chosen, to_server, transforms, conditions, .. } = b;
            Some(BufferConditions { buffer: chosen?, to_server, transforms, conditions })
        })
        .collect();
    signature.text = String::from_utf8_lossy(text.trim_ascii()).into();
    resolved.share_texts(&mut signature);
    signature.shrink();
    Ok(Checked::Signature(signature))
}

/// A test of bytes that counts from where the condition before it ended.
fn is_relative_test(condition: &BufferCondition) -> bool {
    match condition {
        BufferCondition::ByteTest(test) => test.relative,
        BufferCondition::ByteJump(jump) => jump.relative,
        BufferCondition::ByteExtract(extract) => extract.relative,
        BufferCondition::ByteMath(math) => math.relative,
        BufferCondition::IsDataAt(at) => at.relative,
        BufferCondition::Base64 { decode, .. } => decode.relative,
        BufferCondition::Asn1(asn1) => asn1.relative,
        _ => false,
    }
}

/// In a rule on both sides of a transaction, a value may begin with the side that it is about: to the server or not.
fn split_side(option: RuleOption<'_>) -> (Option<bool>, RuleOption<'_>) {
    let Some(value) = option.value.filter(|v| !v.quoted) else { return (None, option) };
    let (side, rest) = value.text.split_once(b',').unwrap_or((value.text, value.text.from(value.text.bytes.len())));
    // These have sides of their own.
    let own = [&b"flow"[..], b"filestore"].iter().any(|name| option.name.bytes.eq_ignore_ascii_case(name));
    if own || !matches!(side.bytes, b"to_server" | b"to_client") {
        return (None, option);
    }
    let (to_server, rest) = (side.bytes == b"to_server", rest.trim());
    let value = (!rest.bytes.is_empty()).then_some(OptionValue { text: rest, ..value });
    (Some(to_server), RuleOption { value, ..option })
}

/// Holds an option against what its keyword takes, then lets the keyword check it.
fn apply(checker: &mut Checker<'_>, keyword: &'static Keyword, option: &RuleOption<'_>) -> Result<(), RuleError> {
    let name = keyword.spelled(option.name.bytes);
    let fail = |kind, span| Err(RuleError::new(kind, span));
    match (&option.value, keyword.value.needed, keyword.value.allowed) {
        (None, true, _) => return fail(Kind::MissingValue { keyword: name }, option.name.span()),
        (Some(value), _, false) => return fail(Kind::UnexpectedValue { keyword: name }, value.text.span()),
        _ => {}
    }
    if let Some(value) = &option.value {
        match keyword.value.quotes {
            Quotes::Needed if !value.quoted => return fail(Kind::QuotesNeeded { keyword: name }, value.text.span()),
            Quotes::Forbidden if value.quoted => {
                return fail(Kind::UnexpectedQuotes { keyword: name }, value.text.span());
            }
            _ => {}
        }
        if value.negated && !keyword.value.negatable {
            return fail(Kind::UnexpectedNegation { keyword: name }, value.text.span());
        }
    }
    match keyword.support {
        Support::Built(check) => check(checker, name, option),
        Support::Sticky(buffer) => checker.choose(Some(buffer), name, option.name.span()),
        Support::Modifier(buffer) => checker.move_content(name, buffer, option.name.span()),
        Support::Number(buffer) => keywords::app::integer(checker, name, buffer, option),
        Support::Asked(buffer) => keywords::questions::question(checker, name, buffer, option),
        Support::NotBuilt(effect) => {
            checker.skip(name, option.name.span());
            match effect {
                Effect::None => Ok(()),
                Effect::Looks => {
                    let current = checker.current;
                    checker.buffers[current].used = true;
                    Ok(())
                }
            }
        }
    }
}

type NotBuiltYet = Option<(Box<str>, Span)>;

fn action(rule: &Rule<'_>, not_built: &mut NotBuiltYet) -> Result<Action, RuleError> {
    let found = rule.action;
    match ACTIONS.iter().find(|(name, _)| name.as_bytes() == found.bytes) {
        Some((_, Some(action))) => Ok(*action),
        Some((name, None)) => {
            not_built.get_or_insert_with(|| ((*name).into(), found.span()));
            Ok(Action::Alert)
        }
        None => {
            let nearest = nearest(&found.to_lossy(), ACTIONS.iter().map(|a| a.0));
            Err(RuleError::new(Kind::UnknownAction { name: found.show(), nearest }, found.span()))
        }
    }
}

fn header_of(
    rule: &Rule<'_>,
    text: &[u8],
    variables: &Variables,
    resolved: &mut Resolved,
    not_built: &mut NotBuiltYet,
) -> Result<(Header, Protocols), RuleError> {
    let name = rule.protocol;
    let known = PROTOCOLS.iter().find(|p| p.0.as_bytes() == name.bytes);
    let mut app = Protocols::NONE;
    let (proto, ip_version) = match (known, Protocols::from_name(name.bytes)) {
        (Some(&(_, proto, version)), _) => (proto, version),
        (None, Some(protocols)) => {
            app = protocols;
            (HeaderProto::App, None)
        }
        (None, None) if IP_PROTOCOLS.iter().any(|p| p.0.as_bytes() == name.bytes) => (HeaderProto::Ip, None),
        (None, None) if BELOW_IP.iter().any(|p| p.0.as_bytes() == name.bytes) => (HeaderProto::PacketHeader, None),
        (None, None) => {
            let all = PROTOCOLS.iter().map(|p| p.0).chain(BELOW_IP.iter().map(|p| p.0));
            let all = all.chain(IP_PROTOCOLS.iter().map(|p| p.0));
            let nearest = nearest(&name.to_lossy(), all.chain(Protocol::names()));
            return Err(RuleError::new(Kind::UnknownProtocol { name: name.show(), nearest }, name.span()));
        }
    };
    if !app.is_empty() && !app.intersects(BUILT) {
        not_built.get_or_insert_with(|| (name.to_lossy(), name.span()));
    }
    let header = Header {
        proto,
        ip_version,
        src: addresses(&rule.source, text, variables, resolved)?,
        src_ports: ports(&rule.source_ports, text, variables, resolved)?,
        dst: addresses(&rule.destination, text, variables, resolved)?,
        dst_ports: ports(&rule.destination_ports, text, variables, resolved)?,
        bidirectional: rule.direction == Direction::Both,
        transactional: rule.direction == Direction::Transaction,
    };
    Ok((header, app))
}

fn is_any(group: &Group<'_>) -> bool {
    matches!(&group.kind, GroupKind::Item(item) if !group.negated && item.bytes == b"any")
}

fn group_text<'a>(group: &Group<'_>, text: &'a [u8]) -> &'a [u8] {
    text.get(group.span.start as usize..group.span.end as usize).unwrap_or_default()
}

fn addresses(
    group: &Group<'_>,
    text: &[u8],
    variables: &Variables,
    resolved: &mut Resolved,
) -> Result<Arc<AddressSet>, RuleError> {
    let text = group_text(group, text);
    if let Some(known) = resolved.addresses.get(text) {
        return Ok(known.clone());
    }
    let any = is_any(group);
    let set = if any { AddressSet::default() } else { header::addresses(group, &variables.for_addresses())? };
    let set = Arc::new(set);
    resolved.addresses.insert(text.into(), set.clone());
    Ok(set)
}

fn ports(
    group: &Group<'_>,
    text: &[u8],
    variables: &Variables,
    resolved: &mut Resolved,
) -> Result<Arc<PortSet>, RuleError> {
    if is_any(group) {
        return Ok(Arc::clone(&resolved.any_port));
    }
    let text = group_text(group, text);
    if let Some(known) = resolved.ports.get(text) {
        return Ok(known.clone());
    }
    let set = Arc::new(header::ports(group, &variables.for_ports())?);
    resolved.ports.insert(text.into(), set.clone());
    Ok(set)
}

/// The number that an option gives, for rules that are not checked further.
pub(crate) fn option_number(rule: &Rule<'_>, name: &[u8]) -> Option<u32> {
    let option = rule.options.iter().find(|o| o.name.bytes.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(option.value?.text.bytes).ok()?.parse().ok()
}

/// Where the rule asks for what this rule language is not, if it does.
fn unmet_requirement(rule: &Rule<'_>) -> Result<Option<Span>, RuleError> {
    for option in &rule.options {
        if option.name.bytes == b"requires"
            && let Some(value) = &option.value
            && !keywords::meta::requirement_met(value.text)?
        {
            return Ok(Some(option.name.span()));
        }
    }
    Ok(None)
}
