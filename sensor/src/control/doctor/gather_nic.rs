//! Asks an interface: ethtool, netlink and /sys, all of the network namespace that the calling thread is in.

use super::ethtool::{Ethtool, FLOW_TYPES};
use super::facts::{Interrupt, NicFacts, cpu_list};
use super::netlink;
use super::setting::interrupt_file;
use super::way_in;
use crate::capture::link::{Link, LinkError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// All that an interface answers.
///
/// # Errors
/// There is none of that name.
pub fn gather(interface: &str) -> Result<NicFacts, LinkError> {
    let link = Link::by_name(interface)?;
    let sys = sys_folder(&link);
    let mut facts = NicFacts {
        name: link.name.clone(),
        index: link.index,
        driver: if link.name == "lo" { "loopback".to_owned() } else { link.driver() },
        up: link.up,
        carrier: link.running,
        promiscuous: netlink::flags(interface).is_ok_and(|flags| flags.promiscuous),
        mtu: link.mtu,
        speed_mbps: number(&sys, "speed").filter(|n| *n > 0).and_then(|n| u32::try_from(n).ok()),
        numa_node: number(&sys, "device/numa_node").and_then(|n| i32::try_from(n).ok()).filter(|n| *n >= 0),
        xdp: netlink::xdp_features(link.index).ok(),
        xdp_attached: link.xdp.is_some(),
        default_route: way_in::default_routes().contains(interface),
        ssh_session: way_in::has_ssh_session(interface),
        rx_queues: link.queues().unwrap_or(0),
        interrupts: interrupts(&sys),
        ..NicFacts::default()
    };
    if let Ok(ethtool) = Ethtool::new(interface) {
        ask(&ethtool, &mut facts);
    }
    Ok(facts)
}

/// What ethtool tells; what it refuses stays absent.
fn ask(ethtool: &Ethtool, facts: &mut NicFacts) {
    if let Ok(driver) = ethtool.driver() {
        if facts.driver.is_empty() {
            facts.driver = driver.name;
        }
        (facts.driver_version, facts.firmware, facts.bus) = (driver.version, driver.firmware, driver.bus);
    }
    facts.channels = ethtool.channels().ok();
    facts.rings = ethtool.rings().ok();
    facts.coalescing = ethtool.coalescing().ok();
    facts.flow_control = ethtool.flow_control().ok();
    facts.features = ethtool.features().unwrap_or_default();
    // Kernels before 6.17 tell of a hash function alone where there is neither key nor table.
    facts.rss = ethtool.rss().ok().filter(|rss| !rss.key.is_empty() || !rss.table.is_empty());
    let fields = FLOW_TYPES.iter().filter_map(|(flow, _)| Some(((*flow).to_owned(), ethtool.hash_fields(flow).ok()?)));
    facts.hash_fields = fields.filter(|(_, fields)| !fields.is_empty()).collect();
}

/// The interface's folder in /sys, if that is of this network namespace.
fn sys_folder(link: &Link) -> Option<PathBuf> {
    let folder = Path::new("/sys/class/net").join(&link.name);
    let index = std::fs::read_to_string(folder.join("ifindex")).ok()?;
    (index.trim() == link.index.to_string()).then_some(folder)
}

fn number(folder: &Option<PathBuf>, file: &str) -> Option<i64> {
    std::fs::read_to_string(folder.as_ref()?.join(file)).ok()?.trim().parse().ok()
}

/// The interrupts of the device's receive queues.
fn interrupts(sys: &Option<PathBuf>) -> Vec<Interrupt> {
    let Some(device) = sys.as_ref().map(|sys| sys.join("device")) else { return Vec::new() };
    // A virtio device is a child of the PCI device that has the interrupts.
    let folders = [device.join("msi_irqs"), device.join("../msi_irqs")];
    let Some(listed) = folders.iter().find_map(|folder| std::fs::read_dir(folder).ok()) else { return Vec::new() };
    let numbers: BTreeSet<u32> =
        listed.filter_map(|entry| entry.ok()?.file_name().to_string_lossy().parse().ok()).collect();
    let names = interrupt_names(&std::fs::read_to_string("/proc/interrupts").unwrap_or_default());
    let found = numbers.iter().filter_map(|number| {
        let name = names.get(number)?;
        let cpus = std::fs::read_to_string(interrupt_file(*number)).ok()?;
        Some(Interrupt { number: *number, queue: receive_queue(name)?, name: name.clone(), cpus: cpu_list(&cpus) })
    });
    found.collect()
}

/// Lines of ` 38:  count…  chip  place  name`.
fn interrupt_names(table: &str) -> BTreeMap<u32, String> {
    let line = |line: &str| {
        let (number, rest) = line.split_once(':')?;
        Some((number.trim().parse().ok()?, rest.split_whitespace().last()?.to_owned()))
    };
    table.lines().filter_map(line).collect()
}

/// The receive queue that an interrupt is of, by the name that the driver gave it: `eth0-TxRx-3`, `mlx5_comp3@pci:0000:03:00.0`,
/// `virtio2-input.3`, `ens5-Tx-Rx-3`.
fn receive_queue(name: &str) -> Option<u32> {
    let name = name.split('@').next()?.to_ascii_lowercase();
    let is_receive = ["rx", "input", "comp", "ntfy"].iter().any(|word| name.contains(word));
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    name.get(name.len() - digits..)?.parse().ok().filter(|_| is_receive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_names_of_interrupts_tell_the_receive_queue() {
        for (name, queue) in [
            ("ice-eth0-TxRx-3", Some(3)),
            ("i40e-ens1f0-TxRx-12", Some(12)),
            ("mlx5_comp7@pci:0000:af:00.0", Some(7)),
            ("virtio2-input.0", Some(0)),
            ("virtio2-output.0", None),
            ("ens5-Tx-Rx-1", Some(1)),
            ("eth0-rx-2", Some(2)),
            ("eth0-tx-2", None),
            ("virtio2-config", None),
            ("mlx5_async0@pci:0000:af:00.0", None),
            ("eth0", None),
            ("", None),
        ] {
            assert_eq!(receive_queue(name), queue, "{name}");
        }
    }

    #[test]
    fn the_loopback_has_facts() {
        let lo = gather("lo").unwrap();
        assert_eq!((lo.driver.as_str(), lo.up, lo.channels), ("loopback", true, None));
        assert!(gather("no-such-if").is_err());
    }
}
