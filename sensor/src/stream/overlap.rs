//! Which bytes hold where two segments with different data overlap and neither was delivered yet. What was delivered stays delivered.
//!
//! Systems differ, and who knows the receiver's can show a sensor other bytes than the receiver takes: Ptacek and Newsham,
//! "Insertion, Evasion, and Denial of Service" (1998); Shankar and Paxson, "Active Mapping" (2003); Novak and Sturges,
//! "Target-Based TCP Stream Reassembly" (2007), whose classes these are.

use serde::Deserialize;

/// Whose bytes hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlapPolicy {
    /// The bytes that came first (what today's Windows does).
    #[default]
    First,
    /// The bytes that came last.
    Last,
    /// Those of the earlier segment, unless the later one starts before it.
    Bsd,
    /// As `Bsd`; and the later one's if both start together and it ends no earlier.
    OldLinux,
    /// As `Bsd`; and the later one's if both start together and it ends later.
    Linux,
    /// Those of the later segment if it ends later, and also if it ends together with the earlier one and starts no later.
    Solaris,
}

impl OverlapPolicy {
    /// Whether the later of two overlapping segments holds: where each starts and ends.
    pub(super) const fn later_wins(self, earlier: (u64, u64), later: (u64, u64)) -> bool {
        let together = later.0 == earlier.0;
        match self {
            Self::First => false,
            Self::Last => true,
            Self::Bsd => later.0 < earlier.0,
            Self::OldLinux => later.0 < earlier.0 || together && later.1 >= earlier.1,
            Self::Linux => later.0 < earlier.0 || together && later.1 > earlier.1,
            Self::Solaris => later.1 > earlier.1 || later.0 <= earlier.0 && later.1 == earlier.1,
        }
    }

    /// Whether it matters where segments start and end.
    pub(super) const fn minds_borders(self) -> bool {
        !matches!(self, Self::First | Self::Last)
    }
}
