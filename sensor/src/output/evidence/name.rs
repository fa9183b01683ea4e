//! Names of evidence: `FLOW_ID-TIME.pcapng`, so that a folder is its own index. TIME is that of the packet that alerted, in UTC. Packets
//! that alerted and belong to no flow are in `noflowN-TIME.pcapng`, N being the worker.

use crate::time::Timestamp;
use std::fmt;

/// What finished files end in.
pub const EXTENSION: &str = "pcapng";
/// What is behind that while a file is being written.
pub const UNFINISHED: &str = "part";
const TIME: &str = "%Y%m%dT%H%M%S.%9fZ";
const NO_FLOW: &str = "noflow";

/// The name of one file of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvidenceName {
    /// EVE's `flow_id`; 0 for packets of no flow.
    pub flow_id: u64,
    /// The worker's number, which tells files of no flow apart.
    pub worker: u16,
    /// When the alert's packet was captured.
    pub start: Timestamp,
}

impl fmt::Display for EvidenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = time_text(self.start);
        match self.flow_id {
            0 => write!(f, "{NO_FLOW}{}-{time}.{EXTENSION}", self.worker),
            id => write!(f, "{id}-{time}.{EXTENSION}"),
        }
    }
}

impl EvidenceName {
    /// Reads a file's name; finished or not.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(UNFINISHED).and_then(|rest| rest.strip_suffix('.')).unwrap_or(name);
        let (flow, time) = stem.strip_suffix(EXTENSION)?.strip_suffix('.')?.split_once('-')?;
        let time = jiff::civil::DateTime::strptime(TIME.trim_end_matches('Z'), time.strip_suffix('Z')?).ok()?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        let start = Timestamp(u64::try_from(time.as_nanosecond()).ok()?);
        Some(match flow.strip_prefix(NO_FLOW) {
            Some(worker) => Self { flow_id: 0, worker: worker.parse().ok()?, start },
            None => Self { flow_id: flow.parse().ok().filter(|id| *id != 0)?, worker: 0, start },
        })
    }
}

/// A time as it stands in file names.
#[must_use]
pub fn time_text(time: Timestamp) -> String {
    // All of a timestamp's values are before the year 2555, which the library knows.
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or_default();
    time.strftime(TIME).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = EvidenceName { flow_id: 1_234_567, worker: 0, start: Timestamp(1_795_000_000_000_000_042) };
        assert_eq!(name.to_string(), "1234567-20261118T110640.000000042Z.pcapng");
        let none = EvidenceName { flow_id: 0, worker: 3, start: Timestamp(0) };
        assert_eq!(none.to_string(), "noflow3-19700101T000000.000000000Z.pcapng");
        for name in [name, none, EvidenceName { start: Timestamp(u64::MAX), ..name }] {
            assert_eq!(EvidenceName::parse(&name.to_string()), Some(name));
            assert_eq!(EvidenceName::parse(&format!("{name}.part")), Some(name));
        }
        for odd in ["", "x.pcapng", "-.pcapng", "0-19700101T000000.000000000Z.pcapng", "7-yesterdayZ.pcapng", "7.pcap"]
        {
            assert_eq!(EvidenceName::parse(odd), None, "{odd}");
        }
    }
}
