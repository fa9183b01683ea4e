//! Which system runs on the hosts of which network, as far as it matters here: how it takes segments and fragments that overlap.
//!
//! Section `[host_os_policy]` of the configuration lists networks by system, as Suricata's `host-os-policy` does. The longest
//! prefix that an address lies in decides; an address in none of them is taken as `stream.overlap` and `decode.defrag.policy`
//! say. It is looked up once for each connection and once for each fragmented datagram, by a binary search.

use crate::defrag::Policy;
use crate::packet::Addr;
use crate::stream::OverlapPolicy;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A system, under the names of Suricata's `host-os-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum HostOs {
    Windows,
    Bsd,
    BsdRight,
    OldLinux,
    Linux,
    OldSolaris,
    Solaris,
    Hpux10,
    Hpux11,
    Irix,
    Macos,
    Windows2k3,
    Vista,
    /// Whatever it is: the first bytes hold.
    First,
    /// Whatever it is: the last bytes hold.
    Last,
}

impl HostOs {
    /// How it takes TCP segments that overlap (Novak and Sturges, "Target-Based TCP Stream Reassembly", 2007).
    #[must_use]
    pub const fn segments(self) -> OverlapPolicy {
        match self {
            Self::Windows | Self::Windows2k3 | Self::Bsd | Self::Hpux10 | Self::Irix | Self::Macos => {
                OverlapPolicy::Bsd
            }
            Self::OldLinux => OverlapPolicy::OldLinux,
            Self::Linux => OverlapPolicy::Linux,
            Self::Solaris | Self::Hpux11 => OverlapPolicy::Solaris,
            Self::Vista | Self::First | Self::BsdRight | Self::OldSolaris => OverlapPolicy::First,
            Self::Last => OverlapPolicy::Last,
        }
    }

    /// How it takes IP fragments that overlap (Novak, "Target-Based Fragmentation Reassembly", 2005).
    #[must_use]
    pub const fn fragments(self) -> Policy {
        match self {
            Self::Windows | Self::Windows2k3 | Self::Vista => Policy::Windows,
            Self::Bsd | Self::Hpux10 | Self::Irix => Policy::Bsd,
            Self::BsdRight => Policy::BsdRight,
            Self::OldLinux | Self::Linux => Policy::Linux,
            Self::Solaris => Policy::Solaris,
            Self::OldSolaris | Self::Hpux11 | Self::Macos | Self::First => Policy::First,
            Self::Last => Policy::Last,
        }
    }
}

/// A network: an address, and how many of its first bits count (all if nothing is said).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    first: u128,
    /// Bits that count, of 128.
    len: u8,
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || {
            format!("`{text}` is no network: an address is expected, or one and its prefix length, as in 10.0.0.0/8")
        };
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len.parse::<u8>().map_err(|_| wrong())?)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let len = len.unwrap_or(bits);
        if len > bits {
            return Err(wrong());
        }
        let len = len + (128 - bits);
        let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
        Ok(Self { first: Addr::from(address).0 & !host, len })
    }
}

impl Network {
    const fn last(self) -> u128 {
        match u128::MAX.checked_shr(self.len as u32) {
            Some(host) => self.first | host,
            None => self.first,
        }
    }
}

/// `[host_os_policy]`: networks by the system that their hosts run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct HostOsConfig(pub BTreeMap<HostOs, Vec<Network>>);

/// The networks, ready to be asked.
#[derive(Debug, Default)]
pub struct HostOsTable {
    /// Where each run of addresses of one system begins; it ends where the next one begins. Sorted.
    runs: Vec<(u128, Option<HostOs>)>,
}

impl HostOsTable {
    /// Of the configuration. A network that is named twice is of the system that comes last in [`HostOs`].
    #[must_use]
    pub fn new(config: &HostOsConfig) -> Self {
        let networks = config.0.iter().flat_map(|(os, networks)| networks.iter().map(|network| (*network, *os)));
        let mut networks: Vec<(Network, HostOs)> = networks.collect();
        // A network comes after those that it lies in, which are open while it is looked at.
        networks.sort_by_key(|(network, _)| (network.first, network.len));
        let mut table = Self::default();
        let mut open: Vec<(u128, HostOs)> = vec![];
        for (network, os) in networks {
            table.close(&mut open, network.first);
            table.begin(network.first, Some(os));
            open.push((network.last(), os));
        }
        table.close(&mut open, u128::MAX);
        table
    }

    /// Ends the networks that end before `next`, the innermost first.
    fn close(&mut self, open: &mut Vec<(u128, HostOs)>, next: u128) {
        while let Some(&(last, _)) = open.last().filter(|(last, _)| *last < next) {
            open.pop();
            // Its last address is below `next`, so there is one behind it.
            self.begin(last + 1, open.last().map(|(_, os)| *os));
        }
    }

    fn begin(&mut self, at: u128, os: Option<HostOs>) {
        match self.runs.last_mut() {
            Some(last) if last.0 == at => last.1 = os,
            _ => self.runs.push((at, os)),
        }
    }

    /// No network is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The system of this address, if a network that it lies in is named.
    #[must_use]
    pub fn find(&self, address: Addr) -> Option<HostOs> {
        let behind = self.runs.partition_point(|(first, _)| *first <= address.0);
        self.runs.get(behind.checked_sub(1)?)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(text: &str) -> HostOsTable {
        HostOsTable::new(&toml::from_str(text).unwrap())
    }

    fn find(table: &HostOsTable, address: &str) -> Option<HostOs> {
        table.find(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn the_longest_prefix_decides() {
        let table = table(
            r#"windows = ["0.0.0.0/0"]
               linux = ["10.0.0.0/8", "10.2.0.0/16", "2001:db8::/32"]
               old-linux = ["10.1.0.0/16"]
               vista = ["10.1.2.3", "2001:db8::1"]"#,
        );
        for (address, expected) in [
            ("9.255.255.255", Some(HostOs::Windows)),
            ("10.0.0.0", Some(HostOs::Linux)),
            ("10.1.2.2", Some(HostOs::OldLinux)),
            ("10.1.2.3", Some(HostOs::Vista)),
            ("10.1.2.4", Some(HostOs::OldLinux)),
            ("10.2.0.1", Some(HostOs::Linux)),
            ("10.255.255.255", Some(HostOs::Linux)),
            ("11.0.0.0", Some(HostOs::Windows)),
            ("255.255.255.255", Some(HostOs::Windows)),
            ("2001:db8::1", Some(HostOs::Vista)),
            ("2001:db8::2", Some(HostOs::Linux)),
            ("2001:db9::", None),
            ("::", None),
        ] {
            assert_eq!(find(&table, address), expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_network_or_no_system_is_refused() {
        for text in ["linux = [\"10.0.0.0/33\"]", "linux = [\"10.0.0/8\"]", "linux = [\"::/129\"]", "beos = []"] {
            assert!(toml::from_str::<HostOsConfig>(text).is_err(), "{text}");
        }
        let whole = table("bsd = [\"::/0\"]");
        assert_eq!(find(&whole, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Some(HostOs::Bsd));
        assert!(table("").is_empty());
    }

    proptest! {
        #[test]
        fn as_trying_every_network(
            named in proptest::collection::vec((0u8..8, 0u8..4, 24u8..33), 0..12),
            asked in proptest::collection::vec((0u8..8, 0u8..4), 1..20),
        ) {
            let systems = [HostOs::Windows, HostOs::Bsd, HostOs::Linux, HostOs::Solaris];
            let mut config = HostOsConfig::default();
            for (low, os, len) in &named {
                let network = Network::try_from(format!("10.0.0.{low}/{len}")).unwrap();
                config.0.entry(systems[usize::from(*os)]).or_default().push(network);
            }
            let table = HostOsTable::new(&config);
            for (low, third) in asked {
                let address = Addr::v4([10, 0, third, low]);
                let holds = |n: &Network| n.first <= address.0 && address.0 <= n.last();
                let all = config.0.iter().flat_map(|(os, networks)| networks.iter().map(move |n| (n, *os)));
                let expected = all.filter(|(n, _)| holds(n)).max_by_key(|(n, os)| (n.len, *os)).map(|(_, os)| os);
                prop_assert_eq!(table.find(address), expected);
            }
        }
    }
}
