//! A mirror that is sent to an interface's own address: what the XDP program is told, so that it takes that alone and leaves the rest to the
//! host. Addresses may come and go (DHCP); the program's map follows them.

use super::interface::AttachError;
use crate::capture::link::Link;
use crate::decode::{DecodeConfig, MirrorKind};
use aya::maps::{HashMap, MapData, MapError};
use aya::{Ebpf, EbpfLoader};
use sekisho_ebpf::names;
use sekisho_ebpf::shared::mirror;
use std::collections::HashSet;
use std::net::IpAddr;

/// What the program is told when it is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorSetup {
    kinds: u32,
    port: u32,
}

impl MirrorSetup {
    /// For a mirror of this kind; the port of VXLAN is the first that the decoder knows.
    #[must_use]
    pub fn new(kind: MirrorKind, decode: &DecodeConfig) -> Self {
        let kinds = match kind {
            MirrorKind::Erspan => mirror::ERSPAN,
            MirrorKind::Gre => mirror::GRE,
            MirrorKind::Vxlan => mirror::VXLAN,
        };
        Self { kinds, port: decode.vxlan_ports.first().map_or(0, |port| u32::from(*port)) }
    }

    /// Tells the loader.
    pub(super) fn apply<'a>(setup: Option<&'a Self>, loader: &mut EbpfLoader<'a>) {
        if let Some(setup) = setup {
            loader.override_global(names::MIRROR, &setup.kinds, true).override_global(
                names::MIRROR_PORT,
                &setup.port,
                true,
            );
        }
    }
}

/// The addresses that the program takes a mirror's packets to.
#[derive(Debug, Default)]
pub(super) struct MirrorAddresses {
    known: HashSet<[u8; 16]>,
}

impl MirrorAddresses {
    /// Makes the map hold the interface's addresses of now.
    pub(super) fn follow(&mut self, ebpf: &mut Ebpf, link: &Link) -> Result<(), MapError> {
        let now = addresses(link);
        if now == self.known {
            return Ok(());
        }
        let Some(map) = ebpf.map_mut(names::MIRROR_TO) else {
            return Err(MapError::InvalidName { name: names::MIRROR_TO.to_owned() });
        };
        let mut map: HashMap<&mut MapData, [u8; 16], u8> = HashMap::try_from(map)?;
        for gone in self.known.difference(&now) {
            map.remove(gone)?;
        }
        for new in now.difference(&self.known) {
            map.insert(new, 1, 0)?;
        }
        if now.is_empty() {
            tracing::warn!("{} has no address: no mirror can be sent to it", link.name);
        }
        self.known = now;
        Ok(())
    }
}

/// The interface's addresses, as the program compares them; as many as its map holds.
fn addresses(link: &Link) -> HashSet<[u8; 16]> {
    let all = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let own = all.filter(|one| one.interface_name == link.name).filter_map(|one| one.address);
    let ip = own.filter_map(|address| match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
        (_, Some(v6)) => Some(IpAddr::V6(v6.ip())),
        _ => None,
    });
    let octets = |ip| match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    ip.map(octets).take(mirror::ADDRESSES_MAX as usize).collect()
}

/// What went wrong, for who attaches.
pub(super) fn explain(link: &Link, error: &MapError) -> AttachError {
    super::interface::explain("tell the XDP program the interface's addresses", link, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_interface() {
        let lo = Link::by_name("lo").unwrap();
        let addresses = addresses(&lo);
        assert!(addresses.contains(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1]), "{addresses:?}");
    }
}
