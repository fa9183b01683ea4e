//! New addresses for the copies of a capture: every copy has its own, and each stays in the class of the one that it
//! stands for, so that rules judge all copies alike.
//!
//! Private addresses stay in their RFC 1918 block (HOME_NET), public ones stay public and as near to the old address as
//! there is room (lists of hostile networks are lists of prefixes), the last octet is kept while it can be (directed
//! broadcast, gateways). Multicast, broadcast, loopback, link-local, unspecified and reserved addresses do not change.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses an address may be exchanged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Stays as it is.
    Fixed,
    /// 10/8, 172.16/12 or 192.168/16, by the number of host bits.
    Private(u32),
    /// Any other IPv4 unicast address.
    Public,
    /// Global or unique-local IPv6 unicast.
    Unicast6,
}

fn class(addr: IpAddr) -> Class {
    match addr {
        IpAddr::V4(a) => match a.octets() {
            [10, ..] => Class::Private(24),
            [172, 16..=31, ..] => Class::Private(20),
            [192, 168, ..] => Class::Private(16),
            [0 | 127 | 224..=255, ..] | [169, 254, ..] => Class::Fixed,
            _ => Class::Public,
        },
        IpAddr::V6(a) => match a.segments()[0] {
            0x2000..=0x3fff | 0xfc00..=0xfdff => Class::Unicast6,
            _ => Class::Fixed,
        },
    }
}

/// splitmix64: spreads tries over the free bits.
fn scramble(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Tries that change the third octet alone.
const NEAR_TRIES: u64 = 512;
/// Tries that change anything below the class's prefix, but the last octet.
const FAR_TRIES: u64 = 4_096;
/// After so many tries the block is as good as full.
const TRIES: u64 = 1 << 20;

/// Candidate number `n` (from 1) for `addr`, which is of class `class`.
fn candidate(addr: IpAddr, class: Class, n: u64) -> IpAddr {
    match addr {
        IpAddr::V4(a) => {
            let bits = match (class, n) {
                (Class::Private(bits), 1..FAR_TRIES) => ((1 << bits) - 1) & !0xff,
                (Class::Private(bits), _) => (1 << bits) - 1,
                (_, 1..NEAR_TRIES) => 0xff00,
                (_, NEAR_TRIES..FAR_TRIES) => 0x00ff_ff00,
                _ => 0x00ff_ffff,
            };
            // All addresses try the same exchange first, so that neighbours mostly stay neighbours.
            IpAddr::V4(Ipv4Addr::from(u32::from(a) ^ (scramble(n) as u32 & bits)))
        }
        // Bits 48 to 63, the subnet.
        IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from(u128::from(a) ^ (u128::from(scramble(n) & 0xffff) << 64))),
    }
}

/// The addresses of every copy.
#[derive(Debug)]
pub struct AddressPlan {
    copies: Vec<HashMap<IpAddr, IpAddr>>,
}

impl AddressPlan {
    /// Plans `times` copies of a capture that uses `addresses`. Copy 0 is the capture as it is.
    ///
    /// # Errors
    /// A private block has no room for so many copies.
    pub fn new(addresses: &BTreeSet<IpAddr>, times: u32) -> anyhow::Result<Self> {
        let mut used: HashSet<IpAddr> = addresses.iter().copied().collect();
        let mut copies = vec![HashMap::new()];
        for copy in 1..times {
            let mut map = HashMap::new();
            let first = u64::from(copy);
            for &addr in addresses {
                let class = class(addr);
                if class == Class::Fixed {
                    continue;
                }
                let found = (first..first + TRIES).find_map(|n| {
                    let new = candidate(addr, class, n);
                    (self::class(new) == class && !used.contains(&new)).then_some(new)
                });
                let Some(new) = found else {
                    anyhow::bail!("copy {copy}: no unused address is left beside {addr}; make fewer copies");
                };
                used.insert(new);
                map.insert(addr, new);
            }
            copies.push(map);
        }
        Ok(Self { copies })
    }

    /// What `addr` is called in copy `copy`.
    #[must_use]
    pub fn of(&self, copy: u32, addr: IpAddr) -> IpAddr {
        self.copies.get(copy as usize).and_then(|map| map.get(&addr)).copied().unwrap_or(addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(addresses: &BTreeSet<IpAddr>, times: u32) {
        let plan = AddressPlan::new(addresses, times).expect("there is room");
        let mut seen = HashSet::new();
        for copy in 0..times {
            for &addr in addresses {
                let new = plan.of(copy, addr);
                assert_eq!(class(new), class(addr), "{addr} became {new}");
                match class(addr) {
                    Class::Fixed => assert_eq!(new, addr),
                    Class::Private(bits) => {
                        let (IpAddr::V4(a), IpAddr::V4(b)) = (addr, new) else { panic!("{addr} became {new}") };
                        assert_eq!(u32::from(a) >> bits, u32::from(b) >> bits);
                        assert!(seen.insert(new));
                    }
                    _ => assert!(seen.insert(new), "{new} twice"),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn unique_and_in_class(v4 in prop::collection::btree_set(any::<u32>(), 1..200), v6 in prop::collection::btree_set(any::<u128>(), 1..50),
                               home in prop::collection::btree_set(any::<u16>(), 1..200)) {
            let mut addresses: BTreeSet<IpAddr> = v4.into_iter().map(|a| IpAddr::V4(a.into())).collect();
            addresses.extend(v6.into_iter().map(|a| IpAddr::V6(a.into())));
            addresses.extend(home.into_iter().map(|a| IpAddr::V4((0xc0a8_0000 | u32::from(a)).into())));
            check(&addresses, 5);
        }
    }

    #[test]
    fn a_whole_subnet_keeps_its_last_octets() {
        let addresses: BTreeSet<IpAddr> = (0..=255).map(|n| IpAddr::V4(Ipv4Addr::new(192, 168, 1, n))).collect();
        check(&addresses, 5);
        let plan = AddressPlan::new(&addresses, 5).expect("there is room");
        for &addr in &addresses {
            let (IpAddr::V4(a), IpAddr::V4(b)) = (addr, plan.of(4, addr)) else { panic!() };
            assert_eq!(a.octets()[3], b.octets()[3]);
        }
    }

    #[test]
    fn a_full_block_is_an_error() {
        let addresses: BTreeSet<IpAddr> =
            (0..=u16::MAX).map(|n| IpAddr::V4((0xc0a8_0000 | u32::from(n)).into())).collect();
        assert!(AddressPlan::new(&addresses, 2).is_err());
    }
}
