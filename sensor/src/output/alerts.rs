//! Alerts counted by signature, severity, category and action, in a bounded set of series, each of which is there before its first alert.
//!
//! Workers count an alert when they send it, so that one that an output loses is still counted here. With a new ruleset the
//! set grows, as far as its bound; no series ever goes or changes its place.

use crate::event::AlertAction;
use rustc_hash::FxHashMap;
use sekisho_signatures::model::{Action, Signature};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many series may be added at most, whatever the bound: room for them is there from the start.
const SPARE: usize = 8192;

/// Categories with a series of their own at most; more than any published set of rules has.
const CATEGORIES: usize = 64;
/// Signatures whose words are told: those that alerted most often.
const FIRED: usize = 200;
/// Rules without a classtype, and those beyond the bound.
const OTHER: &str = "other";

/// What a signature says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SignatureFacts {
    /// Its message.
    pub msg: Box<str>,
    /// Its classtype.
    pub category: Arc<str>,
    /// 1 is the highest.
    pub severity: u8,
    /// `alert`, `drop`, …: what it asks for.
    pub action: &'static str,
}

impl SignatureFacts {
    fn of(signature: &Signature) -> Self {
        Self {
            msg: signature.msg.clone(),
            category: signature.classtype.clone().unwrap_or_else(|| OTHER.into()),
            severity: signature.priority,
            action: action_word(signature.action),
        }
    }
}

/// Which signatures have a series of their own.
#[derive(Clone, Debug, Default)]
pub struct AlertCatalog {
    slots: FxHashMap<u32, usize>,
    sids: Vec<u32>,
    /// By slot.
    facts: Vec<Arc<SignatureFacts>>,
    category_slots: FxHashMap<Arc<str>, usize>,
    categories: Vec<Arc<str>>,
    /// More series than this there will never be.
    room: usize,
}

/// Severities with a series of their own: 1 (highest) to 4, and the rest.
pub const SEVERITIES: [&str; 5] = ["1", "2", "3", "4", OTHER];

/// What became of the packet, in the order of [`AlertCounts::by_action`].
pub const ACTIONS: [&str; 2] = ["allowed", "blocked"];

impl AlertCatalog {
    /// The `max` most severe signatures, among equals those that come first. Signatures that never alert have none.
    #[must_use]
    pub fn choose<'a>(signatures: impl IntoIterator<Item = &'a Signature>, max: usize) -> Self {
        let mut catalog = Self { room: max, ..Self::default() };
        catalog.add(most_severe_first(signatures));
        catalog.room = max.min(catalog.sids.len() + SPARE);
        catalog
    }

    /// The same series in the same places, and behind them those of signatures that have none yet, while there is room.
    #[must_use]
    pub fn grown<'a>(&self, signatures: impl IntoIterator<Item = &'a Signature>) -> Self {
        let mut catalog = self.clone();
        catalog.add(most_severe_first(signatures));
        catalog
    }

    fn add<'a>(&mut self, signatures: impl IntoIterator<Item = &'a Signature>) {
        for signature in signatures {
            if let Some(category) = &signature.classtype
                && self.categories.len() < CATEGORIES
                && !self.category_slots.contains_key(category)
            {
                self.category_slots.insert(Arc::clone(category), self.categories.len());
                self.categories.push(Arc::clone(category));
            }
            if self.sids.len() >= self.room {
                continue;
            }
            if let std::collections::hash_map::Entry::Vacant(slot) = self.slots.entry(signature.sid) {
                slot.insert(self.sids.len());
                self.sids.push(signature.sid);
                self.facts.push(Arc::new(SignatureFacts::of(signature)));
            }
        }
    }

    /// Signatures with a series of their own.
    #[must_use]
    pub fn sids(&self) -> &[u32] {
        &self.sids
    }
}

/// Those that can alert.
fn most_severe_first<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> Vec<&'a Signature> {
    let mut by_severity: Vec<&Signature> =
        signatures.into_iter().filter(|s| !s.noalert && s.action != Action::Pass).collect();
    by_severity.sort_by_key(|signature| signature.priority);
    by_severity
}

/// One worker's alerts: single writer, relaxed stores.
#[derive(Debug)]
pub(super) struct AlertCounts {
    /// By slot of the catalog, with room for all that it may grow to.
    by_sid: Box<[AtomicU64]>,
    /// All that have no slot.
    others: AtomicU64,
    by_severity: [AtomicU64; SEVERITIES.len()],
    by_action: [AtomicU64; ACTIONS.len()],
    /// By slot of the catalog; the last is for all that have none.
    by_category: [AtomicU64; CATEGORIES + 1],
}

impl AlertCounts {
    pub(super) fn new(catalog: &AlertCatalog) -> Self {
        Self {
            by_sid: (0..catalog.room).map(|_| AtomicU64::new(0)).collect(),
            others: AtomicU64::new(0),
            by_severity: Default::default(),
            by_action: Default::default(),
            by_category: [const { AtomicU64::new(0) }; CATEGORIES + 1],
        }
    }

    pub(super) fn count(&self, catalog: &AlertCatalog, signature: Option<&Signature>, action: AlertAction) {
        let (sid, severity) = signature.map_or((0, 0), |signature| (signature.sid, signature.priority));
        let category = signature.and_then(|signature| signature.classtype.as_ref());
        let category = category.and_then(|name| catalog.category_slots.get(name)).copied().unwrap_or(CATEGORIES);
        if let Some(category) = self.by_category.get(category) {
            super::queue::bump(category, 1);
        }
        let [allowed, blocked] = &self.by_action;
        super::queue::bump(if action == AlertAction::Blocked { blocked } else { allowed }, 1);
        let slot = catalog.slots.get(&sid).and_then(|&slot| self.by_sid.get(slot));
        super::queue::bump(slot.unwrap_or(&self.others), 1);
        let severity = usize::from(severity.wrapping_sub(1)).min(SEVERITIES.len() - 1);
        super::queue::bump(&self.by_severity[severity], 1);
    }

    pub(super) fn add_to(&self, reading: &mut AlertReading) {
        if let Some((others, by_sid)) = reading.by_sid.split_last_mut() {
            for (sum, counter) in by_sid.iter_mut().zip(&self.by_sid) {
                sum.1 += counter.load(Ordering::Relaxed);
            }
            others.1 += self.others.load(Ordering::Relaxed);
        }
        for (sum, counter) in reading.by_severity.iter_mut().zip(&self.by_severity) {
            sum.1 += counter.load(Ordering::Relaxed);
        }
        for (sum, counter) in reading.by_action.iter_mut().zip(&self.by_action) {
            sum.1 += counter.load(Ordering::Relaxed);
        }
        if let (Some((others, sums)), [counters @ .., other]) =
            (reading.by_category.split_last_mut(), &self.by_category)
        {
            others.1 += other.load(Ordering::Relaxed);
            for (sum, counter) in sums.iter_mut().zip(counters) {
                sum.1 += counter.load(Ordering::Relaxed);
            }
        }
    }
}

/// Alerts of all workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertReading {
    /// By signature; `None` is all that have no series of their own.
    pub by_sid: Vec<(Option<u32>, u64)>,
    /// By severity, in the order of [`SEVERITIES`].
    pub by_severity: [(&'static str, u64); SEVERITIES.len()],
    /// By what became of the packet.
    pub by_action: [(&'static str, u64); ACTIONS.len()],
    /// By classtype; the last is all others.
    pub by_category: Vec<(Arc<str>, u64)>,
    /// What those that alerted most often say of themselves.
    pub fired: Vec<(u32, Arc<SignatureFacts>)>,
}

impl AlertReading {
    pub(super) fn zero(catalog: &AlertCatalog) -> Self {
        Self {
            by_sid: catalog.sids.iter().map(|&sid| (Some(sid), 0)).chain([(None, 0)]).collect(),
            by_severity: SEVERITIES.map(|name| (name, 0)),
            by_action: ACTIONS.map(|name| (name, 0)),
            by_category: catalog.categories.iter().cloned().chain([OTHER.into()]).map(|name| (name, 0)).collect(),
            fired: Vec::new(),
        }
    }

    /// Looks up the words of those that alerted.
    pub(super) fn find_fired(&mut self, catalog: &AlertCatalog) {
        let mut fired: Vec<_> = self.by_sid.iter().zip(&catalog.facts).filter(|((_, count), _)| *count > 0).collect();
        fired.sort_by_key(|((_, count), _)| std::cmp::Reverse(*count));
        self.fired =
            fired.into_iter().filter_map(|((sid, _), facts)| Some(((*sid)?, Arc::clone(facts)))).take(FIRED).collect();
    }

    /// All alerts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_severity.iter().map(|&(_, n)| n).sum()
    }
}

const fn action_word(action: Action) -> &'static str {
    match action {
        Action::Alert => "alert",
        Action::Drop => "drop",
        Action::Pass => "pass",
        Action::Reject(_) => "reject",
        Action::Config => "config",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the loader makes them of `(sid, priority, classtype)`.
    fn rules(of: &[(u32, u8, Option<&str>)]) -> Vec<Arc<Signature>> {
        // It takes each number once; here some stand for the same signature.
        let text: String = (1..)
            .zip(of)
            .map(|(own, (sid, priority, class))| {
                let class = class.map_or_else(String::new, |class| format!("classtype:{class}; "));
                format!("alert ip any any -> any any (msg:\"m{sid}\"; {class}priority:{priority}; sid:{own};)\n")
            })
            .collect();
        let name = std::path::Path::new("x.rules");
        let (variables, classes) = Default::default();
        let loaded = sekisho_signatures::load::load_text(name, text.as_bytes(), &variables, &classes);
        let sids = of.iter().map(|(sid, ..)| *sid);
        let with = |(signature, sid): (_, u32)| Arc::new(Signature { sid, ..Arc::unwrap_or_clone(signature) });
        loaded.signatures.into_iter().zip(sids).map(with).collect()
    }

    fn catalog(rules: &[Arc<Signature>], max: usize) -> AlertCatalog {
        AlertCatalog::choose(rules.iter().map(|s| &**s), max)
    }

    fn read(counts: &AlertCounts, catalog: &AlertCatalog) -> AlertReading {
        let mut reading = AlertReading::zero(catalog);
        counts.add_to(&mut reading);
        reading.find_fired(catalog);
        reading
    }

    #[test]
    fn signatures_beyond_the_bound_count_as_other() {
        let rules = rules(&[(7, 1, None), (7, 1, None), (9, 2, None), (9, 4, None), (11, 5, None), (12, 255, None)]);
        let catalog = catalog(&rules, 2);
        assert_eq!(catalog.sids(), [7, 9]);
        let counts = AlertCounts::new(&catalog);
        for rule in [0, 2, 3, 4, 5] {
            counts.count(&catalog, Some(&rules[rule]), AlertAction::Allowed);
        }
        counts.count(&catalog, None, AlertAction::Allowed);
        let reading = read(&counts, &catalog);
        assert_eq!(reading.by_sid, [(Some(7), 1), (Some(9), 2), (None, 3)]);
        assert_eq!(reading.by_severity, [("1", 1), ("2", 1), ("3", 0), ("4", 1), ("other", 3)]);
        assert_eq!(reading.total(), 6);
    }

    #[test]
    fn alerts_are_counted_by_category_and_action() {
        let rules = rules(&[(1, 1, Some("trojan-activity")), (2, 3, None), (3, 3, Some("misc-activity"))]);
        let catalog = catalog(&rules, 10);
        let counts = AlertCounts::new(&catalog);
        counts.count(&catalog, Some(&rules[0]), AlertAction::Blocked);
        counts.count(&catalog, Some(&rules[0]), AlertAction::Allowed);
        counts.count(&catalog, Some(&rules[1]), AlertAction::Allowed);
        let reading = read(&counts, &catalog);
        let by_category: Vec<(&str, u64)> = reading.by_category.iter().map(|(name, n)| (&**name, *n)).collect();
        assert_eq!(by_category, [("trojan-activity", 2), ("misc-activity", 0), ("other", 1)]);
        assert_eq!(reading.by_action, [("allowed", 2), ("blocked", 1)]);
        let fired: Vec<(u32, &str)> = reading.fired.iter().map(|(sid, facts)| (*sid, &*facts.msg)).collect();
        assert_eq!(fired, [(1, "m1"), (2, "m2")]);
    }

    #[test]
    fn categories_and_told_signatures_are_bounded() {
        let names: Vec<String> = (0..300).map(|n| format!("c{n}")).collect();
        let of: Vec<(u32, u8, Option<&str>)> = (1..).zip(&names).map(|(sid, name)| (sid, 3, Some(&**name))).collect();
        let mut rules = rules(&of);
        // Class names that classification.config does not have may be refused by the loader; here any will do.
        for (rule, name) in rules.iter_mut().zip(&names) {
            Arc::make_mut(rule).classtype = Some(name.as_str().into());
        }
        let catalog = catalog(&rules, 1000);
        let counts = AlertCounts::new(&catalog);
        for rule in &rules {
            counts.count(&catalog, Some(rule), AlertAction::Allowed);
        }
        let reading = read(&counts, &catalog);
        assert_eq!(reading.by_category.len(), CATEGORIES + 1);
        assert_eq!(reading.by_category[CATEGORIES].1, 300 - CATEGORIES as u64);
        assert_eq!(reading.fired.len(), FIRED);
    }

    #[test]
    fn it_grows_behind_what_is_there_as_far_as_its_bound() {
        let some = |sids: &[u32]| rules(&sids.iter().map(|sid| (*sid, 3, None)).collect::<Vec<_>>());
        let (first, second) = (some(&[1, 2]), some(&[9, 2, 8, 7]));
        let before = catalog(&first, 4);
        let counts = AlertCounts::new(&before);
        counts.count(&before, Some(&first[1]), AlertAction::Allowed);
        let after = before.grown(second.iter().map(|s| &**s));
        assert_eq!(after.sids(), [1, 2, 9, 8]);
        for rule in [0, 3, 1] {
            counts.count(&after, Some(&second[rule]), AlertAction::Allowed);
        }
        let reading = read(&counts, &after);
        assert_eq!(reading.by_sid, [(Some(1), 0), (Some(2), 2), (Some(9), 1), (Some(8), 0), (None, 1)]);
    }

    #[test]
    fn with_no_catalog_all_count_as_other() {
        let catalog = AlertCatalog::default();
        let counts = AlertCounts::new(&catalog);
        counts.count(&catalog, None, AlertAction::Allowed);
        assert_eq!(read(&counts, &catalog).by_sid, [(None, 1)]);
    }
}
