//! A ruleset made ready to run: rules compiled, address lists indexed, one literal set built for each group. Immutable;
//! all workers share one.

use super::address::{AddressIndex, AddressLists, RowId};
use super::anchored::{Anchored, AnchoredBuilder};
use super::app_engine::{AppEngine, AppPlan};
use super::cache::DatabaseCache;
use super::compile::{Plan, Sets, Wanted};
use super::file::FileNeeds;
use super::hyperscan::{BlockSet, HyperscanError, Literal, StreamSet, give_memory_back};
use super::kept::Kept;
use super::lasting::{Lasting, RuleKey};
use super::partial::{Beginnings, messages_that_drop};
use super::program::ProgramError;
use super::rule::Rule;
use crate::packet::Direction;
use crate::protocols::Recognition;
use rustc_hash::FxHashMap;
use sekisho_signatures::app::{Protocol, Protocols};
use sekisho_signatures::group::{Group, PacketClass};
use sekisho_signatures::model::{Action, AddressSet, PacketCondition, Signature};
use sekisho_signatures::ruleset::Ruleset;
use std::sync::Arc;

/// An address list with fewer addresses than this narrows enough to look its rules up by address.
const NARROW: u128 = 1 << 24;

/// A literal with fewer bits of surprise than this is not worth a search where the payload's size guards as well.
const WEAK_BITS: u32 = 36;
/// A rule that accepts at most so many payload sizes is looked up by size.
const MAX_SIZES: u64 = 16;

/// A signature that guards itself by a literal: one of those that a pattern's occurrence leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded {
    pub(super) rule: u32,
    /// From the start of the rule's content to the end of the literal.
    pub(super) content_to_end: u32,
    /// Where the content may start, counted from the start of the packet or stream.
    pub(super) starts: (u32, u32),
}

/// The literals of a group, compiled for the way in which its packets come.
pub(super) enum LiteralSet {
    None,
    /// TCP.
    Stream(Arc<StreamSet>),
    /// All else.
    Block(Arc<BlockSet>),
}

/// A rule that is judged on every packet of its group, by its headers.
struct HeaderRule {
    rule: u32,
    /// The server's ports lie between: most of a group's packets go elsewhere.
    ports: (u16, u16),
}

/// What is run on a packet of one group.
pub(super) struct GroupEngine {
    pub(super) literals: LiteralSet,
    /// Guarded rules, those of one literal together.
    guarded: Vec<Guarded>,
    /// By literal: where its rules start in `guarded`; one more entry at the end.
    first: Vec<u32>,
    /// Rules with nothing to search for: judged on every packet of the group.
    headers: Box<[HeaderRule]>,
    /// The same, judged once a flow and direction: addresses, ports and the protocol decide.
    pub(super) once: Box<[u32]>,
    /// The same, judged when what is known of the flow's application protocol has changed.
    pub(super) recognised: Box<[u32]>,
    /// Rules that ask for an event: judged on packets about which something was odd.
    pub(super) events: Box<[u32]>,
    /// By payload size: rules on single packets of few sizes, whose literals are too common to search for.
    by_size: Vec<Box<[u32]>>,
    /// Rules on single packets, and such on streams, whose literals have one place or few.
    pub(super) anchored: Anchored,
    pub(super) anchored_in_stream: Anchored,
    /// Some rule is judged on the stream.
    pub(super) streams: bool,
    /// Some rule whose literal is searched for is judged on single packets.
    pub(super) packets: bool,
}

impl GroupEngine {
    /// Rules that only packets with a payload of `len` bytes can match.
    pub(super) fn rules_of_size(&self, len: usize) -> &[u32] {
        self.by_size.get(len).map_or(&[], |rules| rules)
    }

    /// Whether there are rules with nothing to search for.
    pub(super) fn has_header_rules(&self) -> bool {
        !self.headers.is_empty()
    }

    /// Rules with nothing to search for that packets from or to this server's port may match.
    pub(super) fn header_rules(&self, server_port: u16) -> impl Iterator<Item = u32> {
        let fits = move |r: &&HeaderRule| (r.ports.0..=r.ports.1).contains(&server_port);
        self.headers.iter().filter(fits).map(|r| r.rule)
    }

    pub(super) fn guarded(&self, literal: u32) -> &[Guarded] {
        let at = |i: usize| self.first.get(i).copied().unwrap_or(0) as usize;
        self.guarded.get(at(literal as usize)..at(literal as usize + 1)).unwrap_or(&[])
    }
}

/// A signature that could not be compiled, and why. It is left out.
#[derive(Debug)]
pub struct Refused {
    /// Index in the ruleset.
    pub signature: u32,
    /// Why.
    pub error: ProgramError,
}

/// What of the signatures an engine keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// All of it: for reports on how they are judged.
    All,
    /// What is said in alerts: for sensors, since the rest is most of a large ruleset's memory.
    Alerts,
}

/// All that workers need of a ruleset.
pub struct Engine {
    /// The signatures.
    pub ruleset: Arc<Ruleset>,
    /// By signature; `None` where it was refused.
    pub(super) rules: Vec<Option<Rule>>,
    pub(super) addresses: AddressIndex,
    pub(super) groups: Vec<GroupEngine>,
    /// By row: rules without literals whose addresses are few, and that this row's addresses are among.
    by_row: Vec<Box<[u32]>>,
    /// By protocol and direction (to server first): what is run on transactions.
    apps: Vec<[AppEngine; 2]>,
    /// Some rule asks something of the raw stream beside a transaction's buffers.
    pub(super) looks_back: bool,
    asks_checksums: bool,
    looks_below_ip: bool,
    drops: bool,
    /// What a segment may end with that a rule drops when it is whole.
    pub beginnings: Option<Beginnings>,
    /// Of which protocols a rule drops by what stands in a message's head, to server and to client.
    drops_messages: [Protocols; 2],
    /// What rules ask of files.
    pub file_needs: FileNeeds,
    /// What rules keep between packets, and what lists say.
    pub kept: Kept,
    flowbit_names: Vec<Box<str>>,
    /// Signatures left out.
    pub refused: Vec<Refused>,
    /// Counts the rulesets of a sensor, from 1: a flow that was judged under another one has to be looked at anew.
    pub epoch: u32,
    /// By signature.
    keys: Vec<RuleKey>,
    /// By the rule's lasting number: its index.
    by_key: FxHashMap<u32, u32>,
}

impl Engine {
    /// Compiles `ruleset`, on all cores.
    ///
    /// # Errors
    /// Hyperscan fails to compile a set: out of memory, or a machine that it does not support.
    pub fn new(ruleset: Arc<Ruleset>) -> Result<Self, HyperscanError> {
        Self::with(ruleset, Kept::default())
    }

    /// As [`Self::new`], for rules that ask what is kept between packets, and what lists say.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(ruleset: Arc<Ruleset>, kept: Kept) -> Result<Self, HyperscanError> {
        Self::build(ruleset, &mut Lasting::default(), kept, &DatabaseCache::off(), Retention::All)
    }

    /// As [`Self::new`], for one ruleset after the other: what flows hold of the rulesets before keeps its meaning by `lasting`.
    /// `kept` is what rules keep between packets, and what lists say. Literal sets come from `cache` where it has them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn build(
        mut ruleset: Arc<Ruleset>,
        lasting: &mut Lasting,
        mut kept: Kept,
        cache: &DatabaseCache,
        retention: Retention,
    ) -> Result<Self, HyperscanError> {
        let ints = kept.number_names(&ruleset);
        let mut lists = AddressLists::default();
        let mut refused = vec![];
        let numbers = lasting.next(&ruleset);
        if numbers.nameless > 0 {
            tracing::warn!("{} flowbits find no number; rules that use them cannot match", numbers.nameless);
        }
        let bits = lasting.flowbit_index();
        let mut flowbit_names: Vec<Box<str>> = vec![Box::default(); bits.len()];
        for (name, bit) in &bits {
            if let Some(slot) = flowbit_names.get_mut(usize::from(*bit)) {
                *slot = (*name).into();
            }
        }
        let by_key = numbers.rules.iter().enumerate().map(|(i, key)| (key.number, i as u32)).collect();
        let count = ruleset.signatures.len();
        // Before what the signatures ask is forgotten.
        let beginnings = Beginnings::of(ruleset.signatures.iter().map(AsRef::as_ref));
        let drops_messages = messages_that_drop(ruleset.signatures.iter().map(AsRef::as_ref));
        let mut rules: Vec<Option<Rule>> = Vec::with_capacity(count);
        for i in 0..count {
            let rule = Rule::new(&ruleset.signatures[i], ruleset.inspection[i], &mut lists, &bits, (&kept, &ints));
            rules.push(rule.map_err(|error| refused.push(Refused { signature: i as u32, error })).ok());
            if let Some(ruleset) = owned(&mut ruleset, retention)
                && let Some(signature) = Arc::get_mut(&mut ruleset.signatures[i])
            {
                signature.forget_contents();
            }
        }
        let addresses = lists.build();
        let by_row = rules_by_row(&ruleset, &rules, &addresses);
        let looks_back = rules.iter().flatten().any(|r| !r.program.is_empty() && !r.buffers.is_empty());
        let mut plan = Plan::default();
        let groups = ruleset.groups.groups().iter().map(|group| plan_group(&ruleset, &rules, group, &mut plan));
        let groups: Vec<GroupPlan> = groups.collect();
        let apps = ruleset.groups.app_groups().iter();
        let apps: Vec<AppPlan> = apps.map(|group| AppPlan::new(&ruleset, &rules, group, &mut plan)).collect();
        if let Some(ruleset) = owned(&mut ruleset, retention) {
            ruleset.forget_conditions();
            lasting.share(ruleset, &numbers, |i| rules.get(i).is_none_or(Option::is_none));
        }
        give_memory_back();
        let sets = plan.compile(cache, &mut lasting.sets)?;
        let groups = groups.into_iter().map(|group| group.build(&sets)).collect::<Result<_, _>>()?;
        let apps = build_apps(&ruleset, apps, &sets)?;
        let asks_checksums = rules.iter().flatten().any(Rule::wants_odd_checksum);
        let looks_below_ip = rules.iter().flatten().any(Rule::looks_below_ip);
        let drops = rules.iter().flatten().any(|rule| matches!(rule.action, Action::Drop | Action::Reject(_)));
        let mut file_needs = FileNeeds::default();
        rules.iter().flatten().for_each(|rule| rule.file_needs(&mut file_needs));
        Ok(Self {
            ruleset,
            rules,
            file_needs,
            addresses,
            groups,
            by_row,
            apps,
            looks_back,
            asks_checksums,
            looks_below_ip,
            drops,
            beginnings,
            drops_messages,
            kept,
            flowbit_names,
            refused,
            epoch: numbers.epoch,
            keys: numbers.rules,
            by_key,
        })
    }

    pub(super) fn rule(&self, index: u32) -> Option<&Rule> {
        self.rules.get(index as usize).and_then(Option::as_ref)
    }

    /// By what a rule is known in other epochs.
    pub(super) fn key(&self, index: u32) -> RuleKey {
        self.keys.get(index as usize).copied().unwrap_or(RuleKey { number: u32::MAX, since: 0 })
    }

    /// The rule of a lasting number, and its index; none if it is not part of this ruleset.
    pub(super) fn rule_of_key(&self, number: u32) -> Option<(u32, &Rule)> {
        let index = *self.by_key.get(&number)?;
        Some((index, self.rule(index)?))
    }

    /// The name of a flow's bit.
    #[must_use]
    pub fn flowbit_name(&self, bit: u16) -> Option<&str> {
        self.flowbit_names.get(usize::from(bit)).map(|name| &**name)
    }

    /// Some rule wants packets whose checksum is wrong.
    #[must_use]
    pub fn asks_checksums(&self) -> bool {
        self.asks_checksums
    }

    /// Whether some rule drops or rejects.
    #[must_use]
    pub const fn drops(&self) -> bool {
        self.drops
    }

    /// Whether the head of a message in this direction, whose protocol is as far recognised as this, may be what a rule drops.
    #[must_use]
    pub fn drops_message(&self, recognised: Recognition, direction: Direction) -> bool {
        let of = self.drops_messages[direction.index()];
        match recognised {
            Recognition::Known(protocol) => of.contains(protocol),
            Recognition::Unknown => !of.is_empty(),
            Recognition::Failed => false,
        }
    }

    /// Some rule wants packets without IP, whether something was odd about them or not.
    #[must_use]
    pub fn looks_below_ip(&self) -> bool {
        self.looks_below_ip
    }

    pub(super) fn group(&self, index: u16) -> Option<&GroupEngine> {
        self.groups.get(usize::from(index))
    }

    /// What is run on transactions of a protocol in one direction; None if nothing.
    pub(super) fn app(&self, protocol: Protocol, direction: Direction) -> Option<&AppEngine> {
        let [to_server, to_client] = self.apps.get(protocol as usize)?;
        let app = if direction == Direction::ToServer { to_server } else { to_client };
        Some(app).filter(|app| !app.is_empty())
    }

    /// All sets of literals of buffers.
    pub(super) fn buffer_sets(&self) -> impl Iterator<Item = &BlockSet> {
        self.apps
            .iter()
            .flatten()
            .flat_map(|app| app.sets.iter().chain(&app.frames))
            .filter_map(|set| set.literals.as_deref())
    }

    pub(super) fn rules_of_row(&self, row: RowId) -> &[u32] {
        self.by_row.get(row.0 as usize).map_or(&[], |rules| rules)
    }
}

/// The ruleset, if it may be made smaller. One that is shared with somebody already is kept whole.
fn owned(ruleset: &mut Arc<Ruleset>, retention: Retention) -> Option<&mut Ruleset> {
    Arc::get_mut(ruleset).filter(|_| retention == Retention::Alerts)
}

/// A set that names some addresses, and not many.
fn is_narrow(set: &AddressSet) -> bool {
    !set.include.is_empty() && AddressIndex::width(set) < NARROW
}

/// Rules without a literal that are found by an address rather than tried on every packet.
fn by_address(ruleset: &Ruleset, i: usize) -> bool {
    let header = &ruleset.signatures[i].header;
    ruleset.fast_patterns[i].is_none() && (is_narrow(&header.src) || is_narrow(&header.dst))
}

fn rules_by_row(ruleset: &Ruleset, rules: &[Option<Rule>], addresses: &AddressIndex) -> Vec<Box<[u32]>> {
    let mut by_row: Vec<Vec<u32>> = vec![vec![]; addresses.row_count()];
    for (i, rule) in rules.iter().enumerate() {
        let Some(rule) = rule.as_ref().filter(|r| by_address(ruleset, i) && !r.wants_event()) else { continue };
        let header = &ruleset.signatures[i].header;
        let src_first = is_narrow(&header.src)
            && (!is_narrow(&header.dst) || AddressIndex::width(&header.src) <= AddressIndex::width(&header.dst));
        let list = rule.addresses()[usize::from(!src_first)];
        for (row, found) in by_row.iter_mut().enumerate() {
            if addresses.contains(RowId(row as u32), list) {
                found.push(i as u32);
            }
        }
    }
    by_row.into_iter().map(Into::into).collect()
}

fn build_apps(ruleset: &Ruleset, plans: Vec<AppPlan>, sets: &Sets) -> Result<Vec<[AppEngine; 2]>, HyperscanError> {
    let mut apps: Vec<[AppEngine; 2]> = Protocol::ALL.iter().map(|_| Default::default()).collect();
    for (group, plan) in ruleset.groups.app_groups().iter().zip(plans) {
        let app = plan.build(sets)?;
        if let Some(both) = apps.get_mut(group.protocol as usize) {
            both[usize::from(!group.to_server)] = app;
        }
    }
    Ok(apps)
}

/// A group whose literals are to be compiled.
struct GroupPlan {
    engine: GroupEngine,
    /// The literals, and that they are for a stream.
    wanted: Option<(Wanted, bool)>,
}

impl GroupPlan {
    fn build(self, sets: &Sets) -> Result<GroupEngine, HyperscanError> {
        let literals = match self.wanted {
            None => LiteralSet::None,
            Some((wanted, true)) => LiteralSet::Stream(sets.stream(wanted)?),
            Some((wanted, false)) => LiteralSet::Block(sets.block(wanted)?),
        };
        Ok(GroupEngine { literals, ..self.engine })
    }
}

fn plan_group(ruleset: &Ruleset, rules: &[Option<Rule>], group: &Group, plan: &mut Plan) -> GroupPlan {
    let mut ids: FxHashMap<(Box<[u8]>, bool), u32> = FxHashMap::default();
    let mut literals: Vec<Literal> = vec![];
    let mut found: Vec<(u32, Guarded)> = vec![];
    let (mut headers, mut once, mut recognised, mut events) = (vec![], vec![], vec![], vec![]);
    let mut by_size: Vec<Vec<u32>> = vec![];
    let (mut streams, mut packets) = (false, false);
    let (mut anchored, mut anchored_in_stream) = (AnchoredBuilder::default(), AnchoredBuilder::default());
    for &i in &group.rules {
        let index = i as usize;
        let Some(rule) = &rules[index] else { continue };
        let signature = &ruleset.signatures[index];
        if rule.wants_event() {
            events.push(i);
            continue;
        }
        let Some(pattern) = &ruleset.fast_patterns[index] else {
            if !by_address(ruleset, index) {
                match (rule.is_address_only(), rule.is_protocol_only()) {
                    (true, _) => once.push(i),
                    (_, true) => recognised.push(i),
                    _ => headers.push(HeaderRule { rule: i, ports: signature.server_port_range(group.to_server) }),
                }
            }
            continue;
        };
        if let Some(sizes) = few_sizes(signature).filter(|_| pattern.bits < WEAK_BITS && !rule.inspection.stream) {
            for size in sizes {
                if by_size.len() <= size {
                    by_size.resize(size + 1, vec![]);
                }
                by_size[size].push(i);
            }
            continue;
        }
        streams |= rule.inspection.stream;
        let (bytes, nocase) = pattern.literal();
        let starts = pattern.starts;
        let guarded = Guarded { rule: i, content_to_end: (pattern.from + pattern.len) as u32, starts };
        if AnchoredBuilder::takes(pattern.bits, pattern.from, starts) {
            if rule.inspection.packet {
                anchored.add(bytes, nocase, pattern.from, guarded);
            }
            if rule.inspection.stream {
                anchored_in_stream.add(bytes, nocase, pattern.from, guarded);
            }
            continue;
        }
        packets |= rule.inspection.packet;
        let bytes: Box<[u8]> = if nocase { bytes.to_ascii_lowercase().into() } else { bytes.into() };
        let literal = *ids.entry((bytes.clone(), nocase)).or_insert_with(|| {
            literals.push(Literal { bytes, nocase });
            (literals.len() - 1) as u32
        });
        found.push((literal, guarded));
    }
    found.sort_by_key(|(literal, _)| *literal);
    let first =
        (0..=literals.len()).map(|l| found.partition_point(|(literal, _)| (*literal as usize) < l) as u32).collect();
    let stream = group.class == Some(PacketClass::Tcp);
    let wanted = match (literals.is_empty(), stream) {
        (true, _) => None,
        (false, true) => Some((plan.stream(literals), true)),
        (false, false) => Some((plan.block(literals), false)),
    };
    let guarded = found.into_iter().map(|(_, g)| g).collect();
    let by_size = by_size.into_iter().map(Into::into).collect();
    let engine = GroupEngine {
        literals: LiteralSet::None,
        guarded,
        first,
        headers: headers.into(),
        once: once.into(),
        recognised: recognised.into(),
        events: events.into(),
        by_size,
        anchored: anchored.build(),
        anchored_in_stream: anchored_in_stream.build(),
        streams,
        packets,
    };
    GroupPlan { engine, wanted }
}

/// The payload sizes that a rule's `dsize` accepts, if they are few.
fn few_sizes(signature: &Signature) -> Option<Vec<usize>> {
    let test = signature.packet.iter().find_map(|c| match c {
        PacketCondition::Dsize(test) => Some(test),
        _ => None,
    })?;
    let count = test.ranges.iter().map(|r| r.end().saturating_sub(*r.start()).saturating_add(1));
    if count.fold(0_u64, u64::saturating_add) > MAX_SIZES {
        return None;
    }
    let sizes = test.ranges.iter().cloned().flatten();
    Some(sizes.filter_map(|n| usize::try_from(n).ok()).filter(|n| *n <= usize::from(u16::MAX)).collect())
}
