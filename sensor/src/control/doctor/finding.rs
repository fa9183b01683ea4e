//! What `sekisho doctor` says: one finding per thing that it looked at.

use super::setting::Setting;
use serde::Serialize;

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Could not be looked at, or does not apply.
    Skip,
    /// Works, but packets or time may be lost.
    Warn,
    /// Does not work, or works wrongly.
    Fail,
}

impl Status {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The interface; absent for the host.
    pub interface: Option<String>,
    /// What was looked at, in a word that stays the same.
    pub check: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// Why it matters, if it is not ok; with `skip`, why it was not looked at.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What mends it, to be typed or done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What `--fix` sets.
    #[serde(rename = "fix", skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
}

impl Finding {
    /// Of the host.
    #[must_use]
    pub fn new(check: &'static str, status: Status, found: impl Into<String>) -> Self {
        let (found, why) = (found.into(), String::new());
        Self { interface: None, check, status, found, why, commands: Vec::new(), settings: Vec::new() }
    }

    /// As it should be.
    #[must_use]
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, found)
    }

    /// Not looked at.
    #[must_use]
    pub fn skip(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Skip, found)
    }

    /// Could be better.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, found)
    }

    /// Must be mended.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, found)
    }

    /// With the reason.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// With what a person can do.
    #[must_use]
    pub fn by_hand(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// With what `--fix` does, and the commands that do the same.
    #[must_use]
    pub fn fixed_by(mut self, settings: impl IntoIterator<Item = Setting>) -> Self {
        for setting in settings {
            let command = setting.command();
            if !self.commands.contains(&command) {
                self.commands.push(command);
            }
            self.settings.push(setting);
        }
        self
    }

    /// Of an interface.
    #[must_use]
    pub fn of(mut self, interface: &str) -> Self {
        self.interface = Some(interface.to_owned());
        self
    }
}

/// No NIC has more; facts that say otherwise must not fill the memory.
const MOST_QUEUES: u32 = 1 << 16;

/// A link that the sensor is to stand in.
#[derive(Clone, Debug, PartialEq)]
pub struct PairPlan {
    /// Its two ports.
    pub ports: [String; 2],
    /// Their MTUs may differ.
    pub mtus_may_differ: bool,
}

/// What is to run, as far as the host must be fit for it: from the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The interfaces with the queues to serve (none: all), in the order in which workers are numbered; ports in line last.
    pub interfaces: Vec<(String, Option<Vec<u32>>)>,
    /// The links that the sensor stands in: one worker serves a queue of both ports.
    pub pairs: Vec<PairPlan>,
    /// The CPUs that workers are pinned to; none: all that the process may use.
    pub cpus: Option<Vec<usize>>,
    /// Bytes of one frame of packet memory.
    pub frame_size: u32,
    /// Frames of packet memory per queue.
    pub frames: u32,
    /// Slots of the fill ring.
    pub fill_ring: u32,
    /// Packets of several frames are taken.
    pub multi_buffer: bool,
    /// Zero-copy: `auto`, `require` or `never`.
    pub zero_copy: Wanted,
    /// Huge pages: `auto`, `require` or `never`.
    pub huge_pages: Wanted,
    /// XDP in the driver: `auto`, `require` (native) or `never` (generic).
    pub native: Wanted,
    /// The attachment is pinned in bpffs.
    pub pin: bool,
}

/// How much something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Where it can be had.
    Auto,
    /// Or the sensor does not start.
    Require,
    /// Not.
    Never,
}

impl Wanted {
    /// How bad it is to have it not.
    #[must_use]
    pub const fn lacking(self) -> Status {
        match self {
            Self::Auto => Status::Warn,
            Self::Require => Status::Fail,
            Self::Never => Status::Ok,
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            pairs: Vec::new(),
            cpus: None,
            frame_size: 2048,
            frames: 8192,
            fill_ring: 4096,
            multi_buffer: true,
            zero_copy: Wanted::Auto,
            huge_pages: Wanted::Auto,
            native: Wanted::Auto,
            pin: false,
        }
    }
}

impl Plan {
    /// The CPUs of workers, by the host's if the configuration names none.
    #[must_use]
    pub fn worker_cpus<'a>(&'a self, host: &'a super::facts::HostFacts) -> &'a [usize] {
        self.cpus.as_deref().unwrap_or(&host.cpus)
    }

    /// The port that has the same workers and comes before this one, if it is the second of a pair.
    #[must_use]
    pub fn first_of_pair(&self, interface: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.ports[1] == interface).map(|pair| pair.ports[0].as_str())
    }

    /// How many workers there will be.
    #[must_use]
    pub fn workers(&self, facts: &super::facts::Facts) -> usize {
        let own = facts.interfaces.iter().filter(|nic| self.first_of_pair(&nic.name).is_none());
        own.map(|nic| self.queues(&nic.name, nic.rx_queues).len()).sum()
    }

    /// The queues of an interface that workers serve.
    #[must_use]
    pub fn queues(&self, interface: &str, present: u32) -> Vec<u32> {
        let named = self.interfaces.iter().find(|(name, _)| name == interface).and_then(|(_, queues)| queues.clone());
        named.unwrap_or_else(|| (0..present.min(MOST_QUEUES)).collect())
    }

    /// The CPU of the worker of each queue that is served: workers are numbered over all interfaces and take the CPUs in turn.
    #[must_use]
    pub fn cpu_of_queues(&self, facts: &super::facts::Facts, interface: &str) -> Vec<(u32, usize)> {
        let cpus = self.worker_cpus(&facts.host);
        let interface = self.first_of_pair(interface).unwrap_or(interface);
        let mut worker = 0usize;
        for (name, _) in self.interfaces.iter().filter(|(name, _)| self.first_of_pair(name).is_none()) {
            let present = facts.interfaces.iter().find(|f| f.name == *name).map_or(0, |f| f.rx_queues);
            let queues = self.queues(name, present);
            if name == interface {
                let cpu = |at: usize| cpus.get((worker + at) % cpus.len().max(1)).copied();
                return queues.iter().enumerate().filter_map(|(at, &queue)| Some((queue, cpu(at)?))).collect();
            }
            worker += queues.len();
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, NicFacts};
    use super::*;

    #[test]
    fn workers_are_numbered_over_all_interfaces_and_take_the_cpus_in_turn() {
        let nic = |name: &str, rx_queues| NicFacts { name: name.to_owned(), rx_queues, ..NicFacts::default() };
        let facts = Facts { interfaces: vec![nic("eth1", 3), nic("eth2", 4)], ..Facts::default() };
        let plan = Plan {
            interfaces: vec![("eth1".to_owned(), None), ("eth2".to_owned(), Some(vec![1, 3]))],
            cpus: Some(vec![4, 5]),
            ..Plan::default()
        };
        assert_eq!(plan.cpu_of_queues(&facts, "eth1"), [(0, 4), (1, 5), (2, 4)]);
        assert_eq!(plan.cpu_of_queues(&facts, "eth2"), [(1, 5), (3, 4)]);
        assert_eq!(plan.cpu_of_queues(&facts, "eth3"), []);
        assert_eq!(plan.workers(&facts), 5);
        // Two ports in line have one worker for a queue of both.
        let pair = Plan {
            interfaces: ["eth1", "eth2"].map(|name| (name.to_owned(), Some(vec![0, 1]))).into(),
            pairs: vec![PairPlan { ports: ["eth1", "eth2"].map(str::to_owned), mtus_may_differ: false }],
            ..plan.clone()
        };
        assert_eq!(pair.workers(&facts), 2);
        assert_eq!(pair.cpu_of_queues(&facts, "eth2"), [(0, 4), (1, 5)]);
        assert_eq!(pair.cpu_of_queues(&facts, "eth2"), pair.cpu_of_queues(&facts, "eth1"));
        assert_eq!(Plan { cpus: Some(Vec::new()), ..plan }.cpu_of_queues(&facts, "eth1"), []);
    }
}
