//! What is so on this host, as plain data: gathered in one place, judged in another, and recorded as JSON, so that what is said about
//! a NIC that is not here is tested against what such a NIC answers.
//!
//! Whatever a kernel or a driver does not answer is absent, never guessed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All that is judged, but for the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// What belongs to no interface.
    pub host: HostFacts,
    /// The interfaces that were named, in that order.
    pub interfaces: Vec<NicFacts>,
}

/// What the host is like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostFacts {
    /// The kernel's release, as `uname -r` prints it.
    pub kernel: String,
    /// CPUs that this process runs on if it does not ask for others.
    pub cpus: Vec<usize>,
    /// CPUs that its threads can be pinned to: also isolated ones, and not those that its cgroup does not let it have.
    pub pinnable: Vec<usize>,
    /// CPUs that the scheduler leaves alone (`isolcpus=`).
    pub isolated: Vec<usize>,
    /// CPUs without a timer tick while one thread runs (`nohz_full=`).
    pub nohz_full: Vec<usize>,
    /// The NUMA node of each CPU.
    pub numa: BTreeMap<usize, i32>,
    /// The frequency governor of each CPU that has one.
    pub governors: BTreeMap<usize, String>,
    /// The longest time to wake up from any idle state that is in use, in microseconds.
    pub wakeup_us: Option<u32>,
    /// The service that moves interrupts between CPUs runs.
    pub irqbalance: bool,
    /// Huge pages of the default size: in all, free, and bytes of one.
    pub huge_pages: HugePages,
    /// Names of the capabilities that this process has in effect.
    pub capabilities: Vec<String>,
    /// Most bytes of memory that this process may lock; absent: no limit.
    pub memlock_bytes: Option<u64>,
    /// A seccomp filter is on this process.
    pub seccomp: bool,
    /// The AppArmor or SELinux profile that confines this process, if one does.
    pub confined_by: Option<String>,
    /// The kernel's lockdown: `none`, `integrity` or `confidentiality`.
    pub lockdown: Option<String>,
    /// A BPF file system is at /sys/fs/bpf.
    pub bpffs: bool,
    /// net.core.bpf_jit_enable; absent where the kernel always compiles.
    pub bpf_jit: Option<u8>,
    /// Whether the clock is kept in time (NTP, PTP).
    pub clock_synchronised: Option<bool>,
    /// Where the outputs go.
    pub outputs: Vec<DiskFacts>,
}

/// The pool of huge pages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HugePages {
    /// In the pool.
    pub total: u64,
    /// Of these, not in use.
    pub free: u64,
    /// Bytes of each.
    pub size_bytes: u64,
}

/// A file system that an output writes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskFacts {
    /// The folder.
    pub path: PathBuf,
    /// Bytes that are free for this process.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// This process may write there.
    pub writable: bool,
}

/// What a network interface answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NicFacts {
    /// Its name.
    pub name: String,
    /// The kernel's number for it.
    pub index: u32,
    /// The driver, or the kind of a virtual interface (`veth`, `loopback`).
    pub driver: String,
    /// The version of a driver that does not come with the kernel.
    pub driver_version: String,
    /// The NIC's firmware, as the driver words it.
    pub firmware: String,
    /// The PCI address.
    pub bus: String,
    /// Set up by the administrator.
    pub up: bool,
    /// The cable is in and the other end is there.
    pub carrier: bool,
    /// Takes frames that are not for its own address.
    pub promiscuous: bool,
    /// Largest packet after the Ethernet header, in bytes.
    pub mtu: u32,
    /// Megabits a second.
    pub speed_mbps: Option<u32>,
    /// The NUMA node that it hangs on.
    pub numa_node: Option<i32>,
    /// What the kernel says that the driver can do with XDP (Linux 6.3).
    pub xdp: Option<XdpFacts>,
    /// An XDP program is attached now.
    pub xdp_attached: bool,
    /// The host's default route goes out here.
    pub default_route: bool,
    /// An SSH session comes in here.
    pub ssh_session: bool,
    /// How many receive queues there are.
    pub rx_queues: u32,
    /// Queues, and how many there could be.
    pub channels: Option<Channels>,
    /// Descriptor rings.
    pub rings: Option<Rings>,
    /// When an interrupt comes.
    pub coalescing: Option<Coalescing>,
    /// Pause frames.
    pub flow_control: Option<FlowControl>,
    /// Offloads, by the kernel's names (`rx-gro`).
    pub features: BTreeMap<String, Feature>,
    /// Receive side scaling.
    pub rss: Option<Rss>,
    /// What a packet's hash is made of, by flow type (`tcp4`): letters of `sdfn`.
    pub hash_fields: BTreeMap<String, String>,
    /// Interrupts of receive queues.
    pub interrupts: Vec<Interrupt>,
}

/// XDP in the driver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XdpFacts {
    /// Programs run in the driver.
    pub native: bool,
    /// They can redirect, which AF_XDP needs.
    pub redirect: bool,
    /// The NIC can write into an AF_XDP socket's memory.
    pub zero_copy: bool,
    /// Packets of several buffers.
    pub multi_buffer: bool,
}

/// Queue counts (`ethtool -l`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the words of `ethtool -l`")]
pub struct Channels {
    pub max_rx: u32,
    pub max_tx: u32,
    pub max_combined: u32,
    pub rx: u32,
    pub tx: u32,
    pub combined: u32,
}

/// Descriptor rings (`ethtool -g`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the words of `ethtool -g`")]
pub struct Rings {
    pub max_rx: u32,
    pub max_tx: u32,
    pub rx: u32,
    pub tx: u32,
}

/// Interrupt moderation (`ethtool -c`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Coalescing {
    /// The driver changes it with the load.
    pub adaptive_rx: bool,
    /// Microseconds between a frame and its interrupt.
    pub rx_usecs: u32,
    /// Frames after which the interrupt comes at once.
    pub rx_frames: u32,
}

/// Pause frames (`ethtool -a`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the words of `ethtool -a`")]
pub struct FlowControl {
    pub autoneg: bool,
    pub rx: bool,
    pub tx: bool,
}

/// An offload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feature {
    /// In effect.
    pub on: bool,
    /// Cannot be changed.
    pub fixed: bool,
}

/// Receive side scaling (`ethtool -x`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rss {
    /// `toeplitz`, `xor`, `crc32`; empty if the driver does not say.
    pub function: String,
    /// The hash's key, in hex with colons as ethtool has it; empty if the driver neither tells it nor takes one.
    pub key: String,
    /// How the input is made symmetric: `symmetric-xor`, `symmetric-or-xor`, or empty.
    pub transformation: String,
    /// The queue of each value of the hash.
    pub table: Vec<u32>,
}

/// An interrupt of a receive queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interrupt {
    /// Its number.
    pub number: u32,
    /// The driver's name for it.
    pub name: String,
    /// The receive queue.
    pub queue: u32,
    /// CPUs that it may come to.
    pub cpus: Vec<usize>,
}

impl HostFacts {
    /// The kernel's first two numbers; (0, 0) if its release has none.
    #[must_use]
    pub fn kernel_version(&self) -> (u32, u32) {
        kernel_version(&self.kernel)
    }

    /// Whether the process has a capability. CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON, which were split from it.
    #[must_use]
    pub fn has(&self, capability: &str) -> bool {
        let has = |name: &str| self.capabilities.iter().any(|c| c == name);
        has(capability) || (matches!(capability, "CAP_BPF" | "CAP_PERFMON") && has("CAP_SYS_ADMIN"))
    }
}

impl NicFacts {
    /// Whether an offload is on.
    #[must_use]
    pub fn is_on(&self, feature: &str) -> bool {
        self.features.get(feature).is_some_and(|f| f.on)
    }

    /// Whether it is an interface with no hardware under it.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.bus.is_empty()
    }
}

/// The first two numbers of a kernel's release.
#[must_use]
pub fn kernel_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    (next(), next())
}

/// CPUs in the kernel's list form (`0-3,8`); what is not understood is left out.
#[must_use]
pub fn cpu_list(text: &str) -> Vec<usize> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let mut ends = part.splitn(2, '-').map(|n| n.trim().parse::<usize>());
        match (ends.next(), ends.next()) {
            (Some(Ok(first)), None) => cpus.push(first),
            // No machine has more CPUs than that; a nonsense range must not fill the memory.
            (Some(Ok(first)), Some(Ok(last))) if last.saturating_sub(first) < 1 << 16 => cpus.extend(first..=last),
            _ => {}
        }
    }
    cpus
}

/// The same list again: `0-3,8`.
#[must_use]
pub fn cpu_list_text(cpus: &[usize]) -> String {
    let mut cpus = cpus.to_vec();
    cpus.sort_unstable();
    cpus.dedup();
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for cpu in cpus {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => parts.push((cpu, cpu)),
        }
    }
    let text = |&(a, b): &(usize, usize)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_of_cpus_are_read_as_the_kernel_writes_them() {
        assert_eq!(cpu_list("0-3,8\n"), [0, 1, 2, 3, 8]);
        assert_eq!(cpu_list("\n"), [0; 0]);
        assert_eq!(cpu_list("(null)"), [0; 0]);
        assert_eq!(cpu_list("0-99999999999"), [0; 0]);
    }

    proptest! {
        #[test]
        fn a_list_of_cpus_is_read_back(mut cpus in prop::collection::vec(0usize..200, 0..40)) {
            cpus.sort_unstable();
            cpus.dedup();
            prop_assert_eq!(cpu_list(&cpu_list_text(&cpus)), cpus);
        }
    }

    #[test]
    fn releases_of_any_form_have_a_version() {
        assert_eq!(kernel_version("6.1.0-28-amd64"), (6, 1));
        assert_eq!(kernel_version("7.3+deb13"), (7, 3));
        assert_eq!(kernel_version("rolling"), (0, 0));
    }
}
