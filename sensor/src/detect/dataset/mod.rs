//! Sets of values that rules test buffers against, and fill (`dataset`, `datarep`).
//!
//! A set that rules only ask is [`Fixed`]: loaded with the ruleset, never changed, read with no lock. One that rules change, or
//! that is saved, is [`Shared`]: shards with a lock each, held for one look into a table, and only rules that name such a set come
//! there. Shared sets outlive a reload: the next ruleset takes them over. Memory is counted against each set's cap; what found no
//! room is counted too. Files are written beside their place and moved there, so that a torn one is never read back.

mod fixed;
mod json;
pub(crate) mod load;
mod shared;

pub use fixed::Fixed;
pub use shared::Shared;

use crate::packet::Addr;
use rustc_hash::FxHashMap;
use sekisho_signatures::kept::{SetCommand, SetFormat, SetKind, SetOptions};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes that a set may take unless it says otherwise.
pub const DEFAULT_MEMCAP: u64 = 512 << 20;

/// A set cannot be had, or not saved.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DatasetError {
    #[error("dataset {name}: {} cannot be read: {source}", file.display())]
    Read { name: Box<str>, file: PathBuf, source: std::io::Error },
    #[error("dataset {name}: {} cannot be written: {source}", file.display())]
    Write { name: Box<str>, file: PathBuf, source: std::io::Error },
    #[error("dataset {name}: {} needs more than the {memcap} bytes that memcap allows", file.display())]
    OverMemcap { name: Box<str>, file: PathBuf, memcap: u64 },
    #[error("dataset {name}: {}:{line}:{column}: {message}", file.display())]
    Json { name: Box<str>, file: PathBuf, line: usize, column: usize, message: String },
    #[error("dataset {name}: no rule and no setting says of which type it is")]
    NoType { name: Box<str> },
    #[error("dataset {name}: {what} differs from what was said of it before")]
    Differs { name: Box<str>, what: &'static str },
    #[error("dataset {name}: a set in JSON cannot be changed or saved")]
    JsonIsFixed { name: Box<str> },
}

impl DatasetError {
    /// The set's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Read { name, .. }
            | Self::Write { name, .. }
            | Self::OverMemcap { name, .. }
            | Self::Json { name, .. }
            | Self::NoType { name }
            | Self::Differs { name, .. }
            | Self::JsonIsFixed { name } => name,
        }
    }
}

/// A line of a set's file that is wrong, and is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file.
    pub file: PathBuf,
    /// 1-based.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// A value's bytes as a set keeps them: any for strings, 16 or 32 for digests, 16 for addresses of either version.
/// `None` for what cannot be in a set of that kind.
fn key(kind: SetKind, data: &[u8]) -> Option<Key<'_>> {
    Some(match (kind, data.len()) {
        (SetKind::String, _) | (SetKind::Md5, 16) | (SetKind::Sha256, 32) => Key::Bytes(data),
        (SetKind::Ipv4 | SetKind::Ip, 4) => Key::Address(Addr::v4(data.try_into().ok()?).0.to_be_bytes()),
        (SetKind::Ip, 16) => Key::Address(Addr::v6(data.try_into().ok()?).0.to_be_bytes()),
        (SetKind::Ipv4, 16) => match Addr::v6(data.try_into().ok()?).to_ip() {
            IpAddr::V4(_) => Key::Address(data.try_into().ok()?),
            IpAddr::V6(_) => return None,
        },
        _ => return None,
    })
}

enum Key<'a> {
    Bytes(&'a [u8]),
    Address([u8; 16]),
}

impl AsRef<[u8]> for Key<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Address(bytes) => bytes,
        }
    }
}

/// A set, ready to be asked.
pub enum Dataset {
    /// With nothing kept beside the values.
    Fixed(Fixed<()>),
    /// With a reputation for each value.
    Reputation(Fixed<u16>),
    /// With the JSON of each value, which alerts carry.
    Context(Fixed<Box<str>>),
    /// That changes.
    Shared(Shared),
}

impl Dataset {
    /// Whether a buffer's bytes are in the set.
    #[must_use]
    pub fn contains(&self, data: &[u8]) -> bool {
        match self {
            Self::Fixed(set) => set.get(data).is_some(),
            Self::Reputation(set) => set.get(data).is_some(),
            Self::Context(set) => set.get(data).is_some(),
            Self::Shared(set) => set.contains(data),
        }
    }

    /// Does what a rule's `dataset` says; whether the condition holds: `set` holds when the value is new, `unset` when it was there.
    pub fn run(&self, command: SetCommand, data: &[u8]) -> bool {
        match (command, self) {
            (SetCommand::IsSet, _) => self.contains(data),
            (SetCommand::IsNotSet, _) => !self.contains(data),
            (SetCommand::Set, Self::Shared(set)) => set.insert(data),
            (SetCommand::Unset, Self::Shared(set)) => set.remove(data),
            (SetCommand::Set | SetCommand::Unset, _) => false,
        }
    }

    /// The value's reputation, if the set has one for it.
    #[must_use]
    pub fn reputation(&self, data: &[u8]) -> Option<u16> {
        match self {
            Self::Reputation(set) => set.get(data).copied(),
            _ => None,
        }
    }

    /// The JSON object that came with the value, as text.
    #[must_use]
    pub fn context(&self, data: &[u8]) -> Option<&str> {
        match self {
            Self::Context(set) => set.get(data).map(|json| &**json),
            _ => None,
        }
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(set) => set.len(),
            Self::Reputation(set) => set.len(),
            Self::Context(set) => set.len(),
            Self::Shared(set) => set.len(),
        }
    }

    /// It holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What all rules and settings together say of one set.
#[derive(Clone, Debug, Default)]
struct Wanted {
    options: SetOptions,
    changed: bool,
    reputation: bool,
}

/// Collects what rules say of sets, then loads them.
#[derive(Debug, Default)]
pub struct Wants(FxHashMap<Box<str>, Wanted>);

impl Wants {
    /// A rule, or a setting, names this set. `changed`: it sets or takes out values; `reputation`: it asks for one.
    ///
    /// # Errors
    /// When it contradicts what was said before.
    pub fn add(
        &mut self,
        name: &str,
        options: &SetOptions,
        changed: bool,
        reputation: bool,
    ) -> Result<(), DatasetError> {
        fn merge<T: PartialEq + Clone>(known: &mut Option<T>, new: &Option<T>) -> bool {
            match (&known, new) {
                (Some(known), Some(new)) => known == new,
                (None, Some(new)) => {
                    *known = Some(new.clone());
                    true
                }
                (_, None) => true,
            }
        }
        let fresh = !self.0.contains_key(name);
        let wanted = self.0.entry(name.into()).or_default();
        if fresh {
            *wanted = Wanted { options: options.clone(), changed, reputation };
            return Ok(());
        }
        let known = &mut wanted.options;
        let agreed = [
            ("type", merge(&mut known.kind, &options.kind)),
            ("load", merge(&mut known.load, &options.load)),
            ("save", merge(&mut known.save, &options.save)),
            ("value_key", merge(&mut known.value_key, &options.value_key)),
            ("array_key", merge(&mut known.array_key, &options.array_key)),
            ("context_key", merge(&mut known.context_key, &options.context_key)),
            ("whether it has reputations", wanted.reputation == reputation),
        ];
        merge(&mut known.memcap, &options.memcap);
        if options.format != SetFormat::Csv {
            known.format = options.format;
        }
        known.remove_key |= options.remove_key;
        wanted.changed |= changed;
        match agreed.iter().find(|(_, agreed)| !agreed) {
            Some((what, _)) => Err(DatasetError::Differs { name: name.into(), what }),
            None => Ok(()),
        }
    }

    /// Loads all sets. Those of `running` that change are taken over as they are.
    #[must_use]
    pub fn load(self, running: Option<&Datasets>) -> (Datasets, Vec<DatasetError>, Vec<BadLine>) {
        let (mut sets, mut errors, mut bad) = (FxHashMap::default(), Vec::new(), Vec::new());
        for (name, wanted) in self.0 {
            let context_key = wanted.options.context_key.clone();
            let kept = running.and_then(|r| r.sets.get(&name)).filter(|kept| match &*kept.set {
                Dataset::Shared(set) => wanted.is_shared() && wanted.options.kind.is_none_or(|k| k == set.kind()),
                _ => false,
            });
            if let Some(kept) = kept {
                sets.insert(name, kept.clone());
                continue;
            }
            match load::load(&name, &wanted, &mut bad) {
                Ok(set) => drop(sets.insert(name, Named { set: Arc::new(set), context_key })),
                Err(error) => errors.push(error),
            }
        }
        errors.sort_by_key(ToString::to_string);
        (Datasets { sets }, errors, bad)
    }
}

impl Wanted {
    fn is_shared(&self) -> bool {
        self.changed || self.options.save.is_some()
    }
}

#[derive(Clone)]
struct Named {
    set: Arc<Dataset>,
    context_key: Option<Box<str>>,
}

/// The sets of a ruleset, by name.
#[derive(Clone, Default)]
pub struct Datasets {
    sets: FxHashMap<Box<str>, Named>,
}

impl Datasets {
    /// The set of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Dataset>> {
        self.sets.get(name).map(|named| &named.set)
    }

    /// The name under which an alert carries what the set says of a value.
    #[must_use]
    pub fn context_key(&self, name: &str) -> Option<&str> {
        self.sets.get(name)?.context_key.as_deref()
    }

    /// Name and set, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Dataset)> {
        self.sets.iter().map(|(name, named)| (&**name, &*named.set))
    }

    /// Writes the sets that are to be saved and have changed.
    pub fn save(&self) -> Vec<DatasetError> {
        let save = |(name, set): (&str, &Dataset)| match set {
            Dataset::Shared(set) => set.save(name).err(),
            _ => None,
        };
        self.iter().filter_map(save).collect()
    }
}

#[cfg(test)]
mod tests;
