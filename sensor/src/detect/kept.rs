//! What rules keep between packets and what lists say, put together: made ready with a ruleset ([`Kept`]), and asked by a
//! rule ([`KeptOps`]).
//!
//! Bits on hosts, tags and sets that rules fill outlive a ruleset: the next [`Kept`] takes them over from the one before.

use super::dataset::{BadLine, DatasetError, Datasets, Wants};
use super::flowint::{FlowIntOps, FlowInts};
use super::geoip::Countries;
use super::hashlist::HashLists;
use super::hostbits::HostBits;
use super::program::ProgramError;
use super::reputation::{Category, Reputation};
use super::rule::PacketContext;
use super::state::FlowDetect;
use super::tag::{FlowTag, HostTags};
use crate::packet::{Addr, Direction};
use crate::protocols::TransactionState;
use rustc_hash::FxHashMap;
use sekisho_signatures::kept::{
    BitCommand, BitOwner, FlowIntOperand, FlowMeasure, GeoIp, HostBit, Measure, MeasureSide, Quiet, ScoreTest,
    SetOptions, Side, Tag, TagScope,
};
use sekisho_signatures::model::{BufferCondition, Signature};
use sekisho_signatures::ruleset::Ruleset;
use sekisho_signatures::threshold_config::ThresholdConfig;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Bits on hosts that there is room for.
const MOST_HOST_BITS: usize = 1 << 20;
/// Hosts that may be tagged at the same time.
const MOST_TAGGED_HOSTS: usize = 1 << 16;
/// Bits on one transaction that there is room for.
const MOST_TRANSACTION_BITS: usize = 64;

/// Numbers for names, good for as long as the process runs.
#[derive(Debug, Default)]
struct Names {
    bits: FxHashMap<Box<str>, u32>,
    ints: HashMap<Box<str>, u16>,
}

/// What outlives a ruleset.
struct Lasting {
    host_bits: HostBits,
    host_tags: HostTags,
    names: Mutex<Names>,
}

/// What a ruleset's rules keep and ask.
#[derive(Clone)]
pub struct Kept {
    lasting: Arc<Lasting>,
    /// Sets of values.
    pub datasets: Datasets,
    /// What lists say of addresses, if any are configured.
    pub reputation: Option<Arc<Reputation>>,
    /// The countries of addresses, if a database is configured.
    pub countries: Option<Arc<Countries>>,
    /// What the operator says about how often rules may speak.
    pub thresholds: Arc<ThresholdConfig>,
    /// Lists of files' hashes.
    pub hash_lists: HashLists,
    /// Sets that could not be had: rules that name them are left out.
    set_errors: Arc<FxHashMap<Box<str>, String>>,
    /// By gid and sid: rules that say something else of a set than those before them; they are left out.
    rule_errors: Arc<FxHashMap<(u32, u32), String>>,
    /// Names of `flowint`, by number.
    ints: Arc<Vec<Box<str>>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            lasting: Arc::new(Lasting {
                host_bits: HostBits::new(MOST_HOST_BITS),
                host_tags: HostTags::new(MOST_TAGGED_HOSTS),
                names: Mutex::default(),
            }),
            datasets: Datasets::default(),
            reputation: None,
            countries: None,
            thresholds: Arc::default(),
            hash_lists: HashLists::default(),
            set_errors: Arc::default(),
            rule_errors: Arc::default(),
            ints: Arc::default(),
        }
    }
}

impl Kept {
    /// Nothing but what `running` keeps of the traffic so far.
    #[must_use]
    pub fn after(running: &Self) -> Self {
        Self { lasting: Arc::clone(&running.lasting), ..Self::default() }
    }

    /// Loads the sets and the lists of hashes that the rules name. `files` are those that the rules came from: paths in a rule are relative to its
    /// file. Sets of `running` that rules change are taken over. What is wrong is returned; rules that name a set that cannot be had
    /// are refused when they are compiled.
    #[must_use]
    pub fn load_sets(
        &mut self,
        ruleset: &Ruleset,
        files: &[PathBuf],
        running: Option<&Self>,
    ) -> (Vec<DatasetError>, Vec<BadLine>) {
        let mut wants = Wants::default();
        let mut errors = Vec::new();
        for signature in &ruleset.signatures {
            let folder = files.get(signature.place.file as usize).and_then(|file| file.parent());
            let resolved = |options: &SetOptions| {
                let mut options = options.clone();
                if let Some(folder) = folder {
                    for path in options.load.iter_mut().chain(&mut options.save) {
                        *path = folder.join(&*path);
                    }
                }
                options
            };
            for condition in signature.buffers.iter().flat_map(|b| &b.conditions) {
                let result = match condition {
                    BufferCondition::Dataset(set) => {
                        let changed = !matches!(
                            set.command,
                            sekisho_signatures::kept::SetCommand::IsSet
                                | sekisho_signatures::kept::SetCommand::IsNotSet
                        );
                        wants.add(&set.name, &resolved(&set.options), changed, false)
                    }
                    BufferCondition::Datarep(set) => wants.add(&set.name, &resolved(&set.options), false, true),
                    _ => continue,
                };
                if let Err(error) = result {
                    let rule = (signature.gid, signature.sid);
                    Arc::make_mut(&mut self.rule_errors).insert(rule, error.to_string());
                    errors.push(error);
                }
            }
        }
        let (sets, failed, mut bad) = wants.load(running.map(|kept| &kept.datasets));
        self.datasets = sets;
        let (lists, of_lists) = HashLists::load(ruleset);
        self.hash_lists = lists;
        bad.extend(of_lists);
        for error in &failed {
            Arc::make_mut(&mut self.set_errors).insert(error.name().into(), error.to_string());
        }
        errors.extend(failed);
        (errors, bad)
    }

    /// Bits on hosts and tags that found no room, and values that sets had none for.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let sets = self.datasets.iter().map(|(_, set)| match set {
            super::dataset::Dataset::Shared(set) => set.refused(),
            _ => 0,
        });
        sets.sum::<u64>() + self.lasting.host_bits.refused() + self.lasting.host_tags.refused()
    }

    /// The name of a number that rules keep on flows.
    #[must_use]
    pub fn int_name(&self, int: u16) -> Option<&str> {
        self.ints.get(usize::from(int)).map(|name| &**name)
    }

    /// Whether one of the packet's hosts is tagged; counts the packet.
    #[must_use]
    pub fn is_host_tagged(&self, src: Addr, dst: Addr, bytes: u32, now: crate::time::Timestamp) -> bool {
        self.lasting.host_tags.take(src, dst, bytes, now)
    }

    /// Why a set that a rule names is not there.
    pub(super) fn why_no_set(&self, name: &str) -> String {
        self.set_errors.get(name).cloned().unwrap_or_else(|| format!("dataset {name}: it is not loaded"))
    }

    fn bit(&self, name: &str) -> u32 {
        let mut names = self.lasting.names.lock().unwrap_or_else(PoisonError::into_inner);
        let next = names.bits.len() as u32;
        *names.bits.entry(name.into()).or_insert(next)
    }

    /// The numbers of all names that `flowint` uses, these included.
    fn ints<'a>(&self, names: impl Iterator<Item = &'a str>) -> HashMap<Box<str>, u16> {
        let mut known = self.lasting.names.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if let Ok(next) = u16::try_from(known.ints.len()) {
                known.ints.entry(name.into()).or_insert(next);
            }
        }
        known.ints.clone()
    }

    /// To be called before rules are compiled: numbers the names that they use.
    pub(super) fn number_names(&mut self, ruleset: &Ruleset) -> HashMap<Box<str>, u16> {
        let options = ruleset.signatures.iter().flat_map(|s| &s.kept.flow_ints);
        let names = options.flat_map(|option| {
            let operand = match &option.operand {
                FlowIntOperand::Name(name) => Some(&**name),
                FlowIntOperand::Number(_) => None,
            };
            std::iter::once(&*option.name).chain(operand)
        });
        let index = self.ints(names);
        let mut by_number: Vec<Box<str>> = vec![Box::default(); index.len()];
        for (name, number) in &index {
            if let Some(slot) = by_number.get_mut(usize::from(*number)) {
                slot.clone_from(name);
            }
        }
        self.ints = Arc::new(by_number);
        index
    }
}

/// The name of a captured value, and bytes that must be in it.
type WantedValue = (Box<str>, Box<[u8]>);

/// What a rule asks of what is kept, and what it does to it, names resolved.
#[derive(Debug, Default, PartialEq)]
pub struct KeptOps {
    measures: Box<[FlowMeasure]>,
    reputations: Box<[(Side, Category, ScoreTest)]>,
    countries: Box<[GeoIp]>,
    /// `flowvar`: name, and bytes that the value must hold.
    flow_variables: Box<[WantedValue]>,
    /// `pktvar`.
    packet_variables: Box<[WantedValue]>,
    flow_ints: FlowIntOps,
    host_bits: Box<[(u32, HostBit)]>,
    tags: Box<[Tag]>,
    /// What is not logged any more.
    pub quiet: Option<Quiet>,
    /// The flow is not looked at any more.
    pub bypass: bool,
    /// Certificates of the flow are stored.
    pub certificates: bool,
    tests: bool,
}

/// Nine rules of ten ask and do nothing of the kind.
static NOTHING: LazyLock<Arc<KeptOps>> = LazyLock::new(Arc::default);

impl KeptOps {
    /// As rules hold it: those that ask and do nothing have one in common.
    pub(super) fn shared(self) -> Arc<Self> {
        if self == **NOTHING { Arc::clone(&NOTHING) } else { Arc::new(self) }
    }

    /// Resolves names.
    ///
    /// # Errors
    /// Where the rule asks for a list that is not configured.
    pub(super) fn new(signature: &Signature, kept: &Kept, ints: &HashMap<Box<str>, u16>) -> Result<Self, ProgramError> {
        if let Some(error) = kept.rule_errors.get(&(signature.gid, signature.sid)) {
            return Err(ProgramError::NoSet(error.clone()));
        }
        let conditions = &signature.kept;
        let reputations = conditions.reputations.iter().map(|condition| {
            let lists = kept.reputation.as_ref().ok_or(ProgramError::NoReputation)?;
            let category = lists.category(&condition.category);
            let category = category.ok_or_else(|| ProgramError::NoCategory(condition.category.to_string()))?;
            Ok((condition.side, category, condition.test))
        });
        let reputations = reputations.collect::<Result<Box<[_]>, ProgramError>>()?;
        if !conditions.countries.is_empty() && kept.countries.is_none() {
            return Err(ProgramError::NoCountries);
        }
        let ints: HashMap<&str, u16> = ints.iter().map(|(name, number)| (&**name, *number)).collect();
        let flow_ints = FlowIntOps::new(&conditions.flow_ints, &ints);
        let host_bits: Box<[_]> = conditions.host_bits.iter().map(|bit| (kept.bit(&bit.name), bit.clone())).collect();
        let variables = |of_packet| {
            let wanted = conditions.variables.iter().filter(move |v| v.of_packet == of_packet);
            wanted.map(|v| (v.name.clone(), v.content.clone())).collect::<Box<[_]>>()
        };
        let (flow_variables, packet_variables) = (variables(false), variables(true));
        Ok(Self {
            measures: conditions.measures.clone().into(),
            reputations,
            countries: conditions.countries.clone().into(),
            tests: !flow_ints.is_empty() || !host_bits.is_empty() || !conditions.variables.is_empty(),
            flow_variables,
            packet_variables,
            flow_ints,
            host_bits,
            tags: conditions.tags.clone().into(),
            quiet: signature.quiet,
            bypass: signature.bypass,
            certificates: signature.tls_store,
        })
    }

    /// Nothing is asked of the flow: it makes no difference how often a packet is judged.
    #[must_use]
    pub fn is_stateless(&self) -> bool {
        !self.tests && self.measures.is_empty()
    }

    /// Whether what does not change while a packet is judged holds: how much the flow has seen, and what lists say.
    #[must_use]
    pub(super) fn admit(&self, cx: &PacketContext<'_>) -> bool {
        self.measures.iter().all(|measure| measure_holds(measure, cx))
            && (self.reputations.is_empty() && self.countries.is_empty() || self.lists_hold(cx))
    }

    #[cold]
    fn lists_hold(&self, cx: &PacketContext<'_>) -> bool {
        let (Some(ip), kept) = (&cx.packet.ip, &cx.engine.kept) else { return false };
        let scores = self.reputations.iter().all(|&(side, category, test)| {
            let one = |address| test.holds(kept.reputation.as_ref().and_then(|r| r.score(category, address)));
            match side {
                Side::Source => one(ip.src),
                Side::Destination => one(ip.dst),
                Side::Any => one(ip.src) || one(ip.dst),
                Side::Both => one(ip.src) && one(ip.dst),
            }
        });
        let countries = kept.countries.as_ref();
        scores && self.countries.iter().all(|c| countries.is_some_and(|known| known.hold(c, ip.src, ip.dst)))
    }

    /// Whether the tests of numbers on the flow and of bits hold.
    #[must_use]
    pub(super) fn hold(
        &self,
        cx: &PacketContext<'_>,
        flow: Option<&FlowDetect>,
        transaction: Option<&TransactionState>,
    ) -> bool {
        if !self.tests {
            return true;
        }
        let ints = self.flow_ints.is_empty()
            || flow.is_some_and(|flow| match &flow.kept {
                Some(kept) => self.flow_ints.hold(&kept.ints),
                None => self.flow_ints.hold(&FlowInts::default()),
            });
        let variables = self.flow_variables.is_empty()
            || flow
                .and_then(|flow| flow.kept.as_ref())
                .is_some_and(|kept| hold_all(&self.flow_variables, &kept.captures));
        ints && variables
            && self.host_bits.iter().all(|(number, bit)| {
                if bit.owner == BitOwner::Transaction {
                    let set = transaction.is_some_and(|t| t.bits.contains(number));
                    return match bit.command {
                        BitCommand::IsSet => set,
                        BitCommand::IsNotSet => transaction.is_some() && !set,
                        BitCommand::Set | BitCommand::Unset | BitCommand::Toggle => transaction.is_some(),
                    };
                }
                let Some(ip) = &cx.packet.ip else { return false };
                let bits = &cx.engine.kept.lasting.host_bits;
                bits.holds(bit.command, *number, bit.owner, (ip.src, ip.dst), cx.packet.ts)
            })
    }

    /// Whether what was captured for the packet at hand is as the rule wants it.
    #[inline]
    #[must_use]
    pub(super) fn packet_variables_hold(&self, captured: &[(Arc<str>, Box<[u8]>)]) -> bool {
        self.packet_variables.is_empty() || hold_all(&self.packet_variables, captured)
    }

    /// Does what the rule does when it matches.
    pub(super) fn apply(&self, cx: &PacketContext<'_>, rule: u32, mut flow: Option<&mut FlowDetect>) {
        if let Some(flow) = flow.as_deref_mut() {
            if self.flow_ints.changes() {
                self.flow_ints.apply(&mut flow.kept.get_or_insert_default().ints);
            }
            flow.quiet |= self.quiet == Some(Quiet::Flow);
        }
        let Some(ip) = &cx.packet.ip else { return };
        for (number, bit) in self.host_bits.iter().filter(|(_, bit)| bit.owner != BitOwner::Transaction) {
            let bits = &cx.engine.kept.lasting.host_bits;
            bits.apply(bit.command, *number, bit.owner, (ip.src, ip.dst), bit.expire_s, cx.packet.ts);
        }
        for tag in &self.tags {
            match (tag.scope, flow.as_deref_mut()) {
                // One that runs goes on as it is.
                (TagScope::Session, Some(flow)) => {
                    let running = &mut flow.kept.get_or_insert_default().tag;
                    if running.is_none_or(|running| running.is_over(cx.packet.ts)) {
                        *running = Some(FlowTag::new(tag.length, cx.packet.ts));
                    }
                }
                (TagScope::Session, None) => {}
                _ => cx.engine.kept.lasting.host_tags.set(*tag, rule, ip.src, ip.dst, cx.packet.ts),
            }
        }
    }

    /// The same for the transaction that matched.
    pub(super) fn apply_to(&self, transaction: &mut TransactionState) {
        transaction.quiet |= self.quiet.is_some();
        for (number, bit) in self.host_bits.iter().filter(|(_, bit)| bit.owner == BitOwner::Transaction) {
            let bits = &mut transaction.bits;
            let set = bits.contains(number);
            match bit.command {
                BitCommand::Set | BitCommand::Toggle if !set && bits.len() < MOST_TRANSACTION_BITS => {
                    bits.push(*number);
                }
                BitCommand::Unset | BitCommand::Toggle if set => bits.retain(|b| b != number),
                _ => {}
            }
        }
    }
}

/// Whether each variable is set, and has its bytes in it.
fn hold_all(wanted: &[WantedValue], captured: &[(Arc<str>, Box<[u8]>)]) -> bool {
    wanted.iter().all(|(name, content)| {
        let value = captured.iter().find(|(known, _)| **known == **name);
        value.is_some_and(|(_, value)| memchr::memmem::find(value, content).is_some())
    })
}

fn measure_holds(measure: &FlowMeasure, cx: &PacketContext<'_>) -> bool {
    if cx.direction.is_none() {
        return false;
    }
    let facts = &cx.flow;
    let of = |direction: Direction| match measure.what {
        Measure::Age => cx.packet.ts.seconds().saturating_sub(facts.start.seconds()),
        Measure::Packets => facts.counts[direction.index()].packets,
        Measure::Bytes => facts.counts[direction.index()].bytes,
        Measure::StreamSize => facts.stream[direction.index()],
    };
    if measure.what == Measure::StreamSize && cx.packet.tcp().is_none() {
        return false;
    }
    let one = |direction| measure.test.holds(of(direction));
    match measure.side {
        MeasureSide::ToServer => one(Direction::ToServer),
        MeasureSide::ToClient => one(Direction::ToClient),
        MeasureSide::Both => one(Direction::ToServer) && one(Direction::ToClient),
        MeasureSide::Either => one(Direction::ToServer) || one(Direction::ToClient),
    }
}
