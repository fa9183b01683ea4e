//! A compiled ruleset: immutable, shared by all workers, named by a hash.
//!
//! Signatures are put in the order in which they are judged, so that an index is also a rank: a smaller one acts first.
//! The order is Suricata's: by action (pass, drop, reject, alert), then setters of flowbits before their testers, then by
//! priority, then as in the files.

use crate::fast_pattern::{self, FastPattern};
use crate::group::GroupTable;
use crate::model::{BufferCondition, CaptureOn, Flowbits, HeaderProto, PacketCondition, Signature};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// Where the payload conditions of a signature are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Inspection {
    /// On the payload of single packets.
    pub packet: bool,
    /// On the reassembled TCP stream.
    pub stream: bool,
}

impl Inspection {
    /// Suricata's rules: `tcp-pkt` and `tcp-stream` say it; a keyword about the packet asks for the packet; all else is
    /// judged on the stream, and with `offset` or `depth` on each packet as well. Outside TCP there are only packets.
    #[must_use]
    pub fn of(signature: &Signature) -> Self {
        let tcp = matches!(
            signature.header.proto,
            HeaderProto::Ip | HeaderProto::Tcp | HeaderProto::TcpPacket | HeaderProto::TcpStream | HeaderProto::App
        );
        if signature.payload.is_empty() || signature.inspects_transactions() {
            return Self::default();
        }
        // What is overwritten must be in the packet at hand.
        if !signature.replacements.is_empty() {
            return Self { packet: true, stream: false };
        }
        if !tcp || signature.header.proto == HeaderProto::TcpPacket || signature.flow.stream == Some(false) {
            return Self { packet: true, stream: false };
        }
        if signature.header.proto == HeaderProto::TcpStream || signature.flow.stream == Some(true) {
            return Self { packet: false, stream: true };
        }
        if signature.packet.iter().any(asks_for_packet) || signature.inspects_headers() {
            return Self { packet: true, stream: false };
        }
        let positioned = signature.payload.iter().any(
            |c| matches!(c, BufferCondition::Content(c) if c.offset.is_some() || c.depth.is_some() || c.startswith),
        );
        Self { packet: positioned, stream: true }
    }
}

/// Whether a header condition ties the rule's payload conditions to the same packet.
fn asks_for_packet(condition: &PacketCondition) -> bool {
    !matches!(
        condition,
        PacketCondition::IpProto(_)
            | PacketCondition::VlanId { .. }
            | PacketCondition::VlanIdFromEnd { .. }
            | PacketCondition::VlanIdAll(_)
            | PacketCondition::VlanLayers(_)
    )
}

/// An immutable set of signatures with all that is derived from them.
#[derive(Debug, Default)]
pub struct Ruleset {
    /// In the order of judgement. Indices into this list name a signature everywhere.
    pub signatures: Vec<Arc<Signature>>,
    /// By signature: where its payload conditions are judged.
    pub inspection: Vec<Inspection>,
    /// By signature: the literal that a payload must hold for the signature to be looked at; none if it has no
    /// content that could serve.
    pub fast_patterns: Vec<Option<FastPattern>>,
    /// Names of flowbits; a bit is its index.
    pub flowbits: Vec<Box<str>>,
    /// Signatures by protocol, direction and port.
    pub groups: GroupTable,
    /// SHA-256 over the digests of the rules' texts in order of judgement, in hexadecimal.
    pub hash: String,
}

impl Ruleset {
    /// Compiles checked signatures.
    #[must_use]
    pub fn new(mut signatures: Vec<Arc<Signature>>) -> Self {
        signatures.sort_by_key(|s| (s.action, flowbits_rank(&s.flowbits), kept_rank(s), s.priority));
        let inspection = signatures.iter().map(|s| Inspection::of(s)).collect();
        let fast_patterns = signatures.iter().map(|s| fast_pattern::choose(s)).collect();
        let flowbits = flowbit_names(&signatures);
        let groups = GroupTable::new(&signatures);
        let mut hasher = Sha256::new();
        for signature in &signatures {
            hasher.update(signature.digest);
        }
        let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { signatures, inspection, fast_patterns, flowbits, groups, hash }
    }

    /// Forgets all that alerts do not say and packets are not looked up by, once the rules are compiled.
    pub fn forget_conditions(&mut self) {
        self.signatures.iter_mut().filter_map(Arc::get_mut).for_each(Signature::forget_conditions);
        self.inspection = Vec::new();
        self.fast_patterns = Vec::new();
        self.groups.forget_rules();
    }

    /// Index of each flowbit by its name.
    #[must_use]
    pub fn flowbit_index(&self) -> HashMap<&str, u16> {
        self.flowbits.iter().enumerate().map(|(i, name)| (name.as_ref(), i as u16)).collect()
    }
}

/// Some expression captures a value that is kept on this.
fn captures(signature: &Signature, on: CaptureOn) -> bool {
    let all = signature.buffers.iter().flat_map(|b| &b.conditions).chain(&signature.payload);
    all.into_iter().any(|c| matches!(c, BufferCondition::Pcre(p) if p.captures.iter().any(|c| c.on == on)))
}

/// The same for numbers on flows, then for values on flows and of packets, then for bits on hosts.
fn kept_rank(signature: &Signature) -> (u8, u8, u8, u8) {
    let kept = &signature.kept;
    let rank = |sets, tests| match (sets, tests) {
        (true, false) => 0,
        (true, true) => 1,
        (false, true) => 2,
        (false, false) => 3,
    };
    let (ints, bits) = (&kept.flow_ints, &kept.host_bits);
    let asks = |of_packet| kept.variables.iter().any(|v| v.of_packet == of_packet);
    (
        rank(ints.iter().any(|i| !i.op.is_test()), ints.iter().any(|i| i.op.is_test())),
        rank(captures(signature, CaptureOn::Flow), asks(false)),
        rank(captures(signature, CaptureOn::Packet), asks(true)),
        rank(bits.iter().any(|b| !b.command.is_test()), bits.iter().any(|b| b.command.is_test())),
    )
}

/// Setters first, then those that test and set, then testers, then the rest.
fn flowbits_rank(options: &[Flowbits]) -> u8 {
    let sets = options.iter().any(|o| matches!(o, Flowbits::Set(_) | Flowbits::Unset(_) | Flowbits::Toggle(_)));
    let tests = options.iter().any(|o| matches!(o, Flowbits::IsSet(_) | Flowbits::IsNotSet(_)));
    match (sets, tests) {
        (true, false) => 0,
        (true, true) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

/// All names, in order of first use. More than 65,535 different ones: the later ones are not kept, and the
/// signatures that use them cannot match; no real ruleset comes near.
fn flowbit_names(signatures: &[Arc<Signature>]) -> Vec<Box<str>> {
    let mut seen = std::collections::HashSet::new();
    let mut names: Vec<Box<str>> = vec![];
    for option in signatures.iter().flat_map(|s| &s.flowbits) {
        let (Flowbits::Set(list)
        | Flowbits::Unset(list)
        | Flowbits::Toggle(list)
        | Flowbits::IsSet(list)
        | Flowbits::IsNotSet(list)) = option;
        for name in list {
            if names.len() < usize::from(u16::MAX) && seen.insert(name.as_str()) {
                names.push(name.as_str().into());
            }
        }
    }
    names
}
