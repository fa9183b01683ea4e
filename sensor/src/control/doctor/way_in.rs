//! The ways by which people reach this host: its default route, and the SSH sessions that are open. A sensor on such an interface takes the
//! packets away that they come in with.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

const SSH_PORT: u16 = 22;
/// `TCP_ESTABLISHED`, as the kernel's tables have it.
const ESTABLISHED: &str = "01";

/// A table of the calling thread's network namespace, which may be another than the process'.
fn table(file: &str) -> String {
    std::fs::read_to_string(Path::new("/proc/thread-self/net").join(file)).unwrap_or_default()
}

/// Interfaces that a default route goes out of.
#[must_use]
pub fn default_routes() -> BTreeSet<String> {
    let mut found: BTreeSet<String> = default_routes_v4(&table("route")).map(str::to_owned).collect();
    found.extend(default_routes_v6(&table("ipv6_route")).map(str::to_owned));
    found
}

/// Lines of `Iface Destination Gateway Flags … Mask`.
fn default_routes_v4(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let everything = words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000");
        words.first().copied().filter(|_| everything)
    })
}

/// Lines of `destination length source length next-hop … flags interface`; a route of refusal is on the loopback.
fn default_routes_v6(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let everything = words.get(1) == Some(&"00") && words.first().is_some_and(|d| d.bytes().all(|b| b == b'0'));
        words.last().copied().filter(|name| everything && *name != "lo")
    })
}

/// Whether an SSH session comes in at an interface: the one that this runs in, or any other to the usual port, as `sudo` hides which
/// one it was started from.
#[must_use]
pub fn has_ssh_session(interface: &str) -> bool {
    let own = std::env::var("SSH_CONNECTION").ok();
    let own = own.and_then(|session| session.split_whitespace().nth(2)?.parse::<IpAddr>().ok());
    let mut addresses: BTreeSet<IpAddr> = ssh_sessions(&table("tcp")).chain(ssh_sessions(&table("tcp6"))).collect();
    addresses.extend(own);
    !addresses.is_empty()
        && nix::ifaddrs::getifaddrs().is_ok_and(|all| {
            let mut here = all.filter(|a| a.interface_name == interface).filter_map(|a| ip(a.address?));
            here.any(|address| addresses.contains(&address))
        })
}

fn ip(address: nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
}

/// The local addresses of open connections to the SSH port. Lines of `sl local remote state …`.
fn ssh_sessions(table: &str) -> impl Iterator<Item = IpAddr> + '_ {
    table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (address, port) = words.next()?.split_once(':')?;
        let established = words.nth(1)? == ESTABLISHED;
        let ssh = u16::from_str_radix(port, 16).ok()? == SSH_PORT;
        (established && ssh).then(|| table_address(address))?
    })
}

/// An address as the kernel prints it: 32 bits at a time, each in the host's order.
fn table_address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for at in (0..text.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|b| Ipv4Addr::from(b).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|b| Ipv6Addr::from(b).to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_is_found_in_both_tables() {
        let v4 = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
                  eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\n\
                  eth1\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n";
        assert_eq!(default_routes_v4(v4).collect::<Vec<_>>(), ["eth0"]);
        let zero = "0".repeat(32);
        let v6 = format!(
            "{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth2\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n\
             fe800000000000000000000000000000 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001 eth1\n"
        );
        assert_eq!(default_routes_v6(&v6).collect::<Vec<_>>(), ["eth2"]);
    }

    #[test]
    fn open_sessions_to_the_ssh_port_are_found_and_others_are_not() {
        let address = |ip: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(ip));
        let (here, there) = (address([192, 0, 2, 1]), address([198, 51, 100, 7]));
        let v4 = format!(
            "  sl  local_address rem_address   st\n   0: {here}:0016 {there}:C350 01 0:0\n   1: {there}:0016 00000000:0000 0A 0:0\n   \
             2: {there}:01BB {here}:C351 01 0:0\n   3: nonsense\n"
        );
        assert_eq!(ssh_sessions(&v4).collect::<Vec<_>>(), [IpAddr::from([192, 0, 2, 1])]);
        let mapped = format!("{}{}{here}", "0".repeat(16), address([0, 0, 0xff, 0xff]));
        let v6 = format!("head\n   0: {mapped}:0016 {mapped}:C350 01 0:0\n");
        assert_eq!(ssh_sessions(&v6).collect::<Vec<_>>(), [IpAddr::from([192, 0, 2, 1])]);
        assert_eq!(table_address("ü0000000"), None);
    }
}
