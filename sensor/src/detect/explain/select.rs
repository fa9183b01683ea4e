//! The rules that run when one is explained: it, those whose matches it depends on, and one that notices its literal.

use sekisho_signatures::app::Protocols;
use sekisho_signatures::fast_pattern;
use sekisho_signatures::kept::SetCommand;
use sekisho_signatures::model::{
    Action, BufferCondition, BufferConditions, Content, FastPattern, Flowbits, Header, HeaderProto, PortSet, Signature,
};
use sekisho_signatures::ruleset::Inspection;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The gid of the rule that notices the literal: no rule of a file has it.
const PROBE_GID: u32 = u32::MAX;

/// The literal that the prefilter searches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Literal {
    /// Its bytes, as rules write them.
    pub text: String,
    /// In either case.
    pub nocase: bool,
    /// Where: `http.uri`, the stream, or the payload of a packet.
    pub buffer: String,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Selection {
    /// For [`sekisho_signatures::ruleset::Ruleset::new`].
    pub signatures: Vec<Arc<Signature>>,
    /// `gid` and `sid` of the rule to be explained.
    pub id: (u32, u32),
    /// Rules that run with it: they set or unset its flowbits, or may pass its flows. By sid.
    pub with: BTreeSet<u32>,
    /// By flowbit: the sids of those that set it.
    pub setters: BTreeMap<String, BTreeSet<u32>>,
    /// Its literal; none if it is tried on all that its header admits.
    pub literal: Option<Literal>,
}

impl Selection {
    /// Chooses from all rules; none if the sid is not among them.
    #[must_use]
    pub fn new(all: Vec<Arc<Signature>>, sid: u32) -> Option<Self> {
        let target = all.iter().filter(|s| s.sid == sid).min_by_key(|s| s.gid)?.clone();
        let id = (target.gid, target.sid);
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut chosen: BTreeSet<(u32, u32)> = BTreeSet::from([id]);
        wanted.extend(tests(&target));
        loop {
            let before = chosen.len();
            for s in &all {
                let acts = s.action == Action::Pass || !effects(s).is_disjoint(&wanted);
                if acts && chosen.insert((s.gid, s.sid)) {
                    wanted.extend(tests(s));
                }
            }
            if chosen.len() == before {
                break;
            }
        }
        let mut setters: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for s in &all {
            let set = s.flowbits.iter().filter_map(|option| match option {
                Flowbits::Set(names) | Flowbits::Toggle(names) => Some(names),
                Flowbits::Unset(_) | Flowbits::IsSet(_) | Flowbits::IsNotSet(_) => None,
            });
            for name in set.flatten() {
                setters.entry(name.clone()).or_default().insert(s.sid);
            }
        }
        let with = chosen.iter().filter(|c| **c != id).map(|(_, sid)| *sid).collect();
        let mut signatures: Vec<Arc<Signature>> =
            all.into_iter().filter(|s| chosen.contains(&(s.gid, s.sid))).collect();
        let literal = fast_pattern::choose(&target).map(|pattern| {
            let (bytes, nocase) = pattern.literal();
            let buffer = pattern.buffer.and_then(|i| target.buffers.get(i));
            signatures.push(Arc::new(probe(&target, bytes, nocase, buffer)));
            Literal {
                text: super::words::bytes(bytes),
                nocase,
                buffer: match (buffer, Inspection::of(&target).stream) {
                    (Some(b), _) => b.buffer.declaration().name,
                    (None, true) => "the stream",
                    (None, false) => "the payload of a packet",
                }
                .to_owned(),
            }
        });
        Some(Self { signatures, id, with, setters, literal })
    }

    /// Whether this is the rule that notices the literal.
    #[must_use]
    pub fn is_probe(signature: &Signature) -> bool {
        signature.gid == PROBE_GID
    }
}

/// What a rule tests that other rules change: flowbits, bits on hosts, numbers on flows, sets; each with its kind before it.
fn tests(signature: &Signature) -> BTreeSet<String> {
    let bits = signature.flowbits.iter().filter_map(super::words::flowbits).flat_map(|(_, names)| names);
    let mut found: BTreeSet<String> = bits.map(|name| format!("flowbit {name}")).collect();
    let kept = &signature.kept;
    found.extend(kept.host_bits.iter().filter(|b| b.command.is_test()).map(|b| format!("bit {}", b.name)));
    found.extend(kept.flow_ints.iter().filter(|i| i.op.is_test()).map(|i| format!("number {}", i.name)));
    found.extend(sets(signature).filter(|(_, command)| !changes_set(*command)).map(|(name, _)| format!("set {name}")));
    found.extend(kept.variables.iter().map(|v| format!("value {}", v.name)));
    found
}

/// What a rule changes, named alike.
fn effects(signature: &Signature) -> BTreeSet<String> {
    let changed = signature.flowbits.iter().filter_map(|option| match option {
        Flowbits::Set(names) | Flowbits::Unset(names) | Flowbits::Toggle(names) => Some(names),
        Flowbits::IsSet(_) | Flowbits::IsNotSet(_) => None,
    });
    let mut found: BTreeSet<String> = changed.flatten().map(|name| format!("flowbit {name}")).collect();
    let kept = &signature.kept;
    found.extend(kept.host_bits.iter().filter(|b| !b.command.is_test()).map(|b| format!("bit {}", b.name)));
    found.extend(kept.flow_ints.iter().filter(|i| !i.op.is_test()).map(|i| format!("number {}", i.name)));
    found.extend(sets(signature).filter(|(_, command)| changes_set(*command)).map(|(name, _)| format!("set {name}")));
    let conditions = signature.payload.iter().chain(signature.buffers.iter().flat_map(|b| &b.conditions));
    let captures = conditions.filter_map(|c| match c {
        BufferCondition::Pcre(pcre) => Some(&pcre.captures),
        _ => None,
    });
    found.extend(captures.flatten().map(|capture| format!("value {}", capture.name)));
    found
}

fn sets(signature: &Signature) -> impl Iterator<Item = (&str, SetCommand)> {
    signature.buffers.iter().flat_map(|b| &b.conditions).filter_map(|c| match c {
        BufferCondition::Dataset(set) => Some((&*set.name, set.command)),
        _ => None,
    })
}

fn changes_set(command: SetCommand) -> bool {
    matches!(command, SetCommand::Set | SetCommand::Unset)
}

/// A rule that asks for nothing but the literal, so that its occurrence is seen wherever the header or `flow` are wrong.
fn probe(target: &Signature, bytes: &[u8], nocase: bool, buffer: Option<&BufferConditions>) -> Signature {
    let inspection = Inspection::of(target);
    let proto = match buffer {
        Some(_) => HeaderProto::App,
        None if inspection.packet && !inspection.stream && target.header.proto != HeaderProto::Udp => {
            if matches!(target.header.proto, HeaderProto::Tcp | HeaderProto::TcpPacket) {
                HeaderProto::TcpPacket
            } else {
                target.header.proto
            }
        }
        None => HeaderProto::Ip,
    };
    let header = Header {
        proto,
        ip_version: None,
        src: Arc::default(),
        src_ports: Arc::new(PortSet::any()),
        dst: Arc::default(),
        dst_ports: Arc::new(PortSet::any()),
        bidirectional: false,
        transactional: false,
    };
    let literal = BufferCondition::Content(Content {
        pattern: bytes.into(),
        nocase,
        negated: false,
        offset: None,
        depth: None,
        distance: None,
        within: None,
        startswith: false,
        endswith: false,
        fast_pattern: FastPattern::Unspecified,
    });
    let mut signature = Signature::new(target.place, Action::Alert, header);
    signature.gid = PROBE_GID;
    signature.priority = u8::MAX;
    signature.noalert = true;
    match buffer {
        Some(b) => {
            let (buffer, transforms) = (b.buffer, b.transforms.clone());
            signature.app = b.buffer.declaration().protocols;
            signature.buffers.push(BufferConditions {
                buffer,
                to_server: b.to_server,
                transforms,
                conditions: vec![literal],
            });
        }
        None => {
            signature.app = Protocols::NONE;
            signature.payload.push(literal);
        }
    }
    signature
}
