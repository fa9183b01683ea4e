//! One thing that can be set, with its value: what `--fix` sets it to, what it was before, and the command that does the same.

use super::ethtool::Ethtool;
use super::facts::{Coalescing, FlowControl, cpu_list, cpu_list_text};
use super::netlink;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// Where the BPF file system belongs.
pub const BPFFS: &str = "/sys/fs/bpf";

/// A setting and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "setting", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are ethtool's words")]
pub enum Setting {
    /// Queue counts; 0 leaves a kind that the driver has not.
    Queues { interface: String, rx: u32, tx: u32, combined: u32 },
    /// Descriptor rings.
    Rings { interface: String, rx: u32, tx: u32 },
    /// Interrupt moderation.
    Coalescing { interface: String, adaptive_rx: bool, rx_usecs: u32, rx_frames: u32 },
    /// Pause frames.
    FlowControl { interface: String, autoneg: bool, rx: bool, tx: bool },
    /// An offload, by the kernel's name for it.
    Offload { interface: String, name: String, on: bool },
    /// The key of the hash that spreads packets over queues.
    RssKey { interface: String, key: String },
    /// The queue of each value of that hash.
    RssTable { interface: String, table: Vec<u32> },
    /// What that hash is made of.
    HashFields { interface: String, flow: String, fields: String },
    /// Whether the interface is set up.
    Up { interface: String, on: bool },
    /// Whether it takes frames for others.
    Promiscuous { interface: String, on: bool },
    /// The CPUs that an interrupt may come to, as the kernel's list.
    InterruptCpus { interface: String, number: u32, cpus: String },
    /// A kernel parameter.
    Sysctl { name: String, value: String },
    /// How a CPU chooses its frequency.
    Governor { cpu: usize, governor: String },
    /// Whether a BPF file system is mounted.
    Bpffs { mounted: bool },
}

impl Setting {
    /// The interface that it is of; none for the host's.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        match self {
            Self::Queues { interface, .. }
            | Self::Rings { interface, .. }
            | Self::Coalescing { interface, .. }
            | Self::FlowControl { interface, .. }
            | Self::Offload { interface, .. }
            | Self::RssKey { interface, .. }
            | Self::RssTable { interface, .. }
            | Self::HashFields { interface, .. }
            | Self::Up { interface, .. }
            | Self::Promiscuous { interface, .. }
            | Self::InterruptCpus { interface, .. } => Some(interface),
            Self::Sysctl { .. } | Self::Governor { .. } | Self::Bpffs { .. } => None,
        }
    }

    /// Whether setting it takes the link down or stops its queues for a moment, which a running sensor would suffer from.
    #[must_use]
    pub const fn interrupts_traffic(&self) -> bool {
        matches!(self, Self::Queues { .. } | Self::Rings { .. } | Self::FlowControl { .. })
    }

    /// Where it comes among others: what undoes others goes first (queue counts make the table anew, offloads may restart a NIC).
    #[must_use]
    pub const fn order(&self) -> u8 {
        match self {
            Self::Bpffs { .. } | Self::Sysctl { .. } | Self::Governor { .. } => 0,
            Self::Queues { .. } => 1,
            Self::Rings { .. } => 2,
            Self::FlowControl { .. } | Self::Offload { .. } => 3,
            Self::Up { .. } | Self::Promiscuous { .. } => 4,
            Self::Coalescing { .. } | Self::HashFields { .. } => 5,
            Self::RssKey { .. } => 6,
            Self::RssTable { .. } => 7,
            Self::InterruptCpus { .. } => 8,
        }
    }

    /// Whether it changes what others are judged by: queue counts, by which huge pages are counted, and all that restarts a NIC.
    #[must_use]
    pub const fn makes_others_anew(&self) -> bool {
        matches!(self.order(), 1..=4)
    }

    /// The command that does the same.
    #[must_use]
    pub fn command(&self) -> String {
        let on = |on: bool| if on { "on" } else { "off" };
        match self {
            Self::Queues { interface, rx, tx, combined } => {
                let mut command = format!("ethtool -L {interface}");
                for (word, n) in [("rx", rx), ("tx", tx), ("combined", combined)] {
                    if *n > 0 {
                        command.push_str(&format!(" {word} {n}"));
                    }
                }
                command
            }
            Self::Rings { interface, rx, tx } => format!("ethtool -G {interface} rx {rx} tx {tx}"),
            Self::Coalescing { interface, adaptive_rx, rx_usecs, rx_frames } => {
                let frames = if *rx_frames > 0 { format!(" rx-frames {rx_frames}") } else { String::new() };
                format!("ethtool -C {interface} adaptive-rx {} rx-usecs {rx_usecs}{frames}", on(*adaptive_rx))
            }
            Self::FlowControl { interface, autoneg, rx, tx } => {
                format!("ethtool -A {interface} autoneg {} rx {} tx {}", on(*autoneg), on(*rx), on(*tx))
            }
            Self::Offload { interface, name, on: wanted } => {
                format!("ethtool -K {interface} {} {}", short(name), on(*wanted))
            }
            Self::RssKey { interface, key } => format!("ethtool -X {interface} hkey {key}"),
            Self::RssTable { interface, table } => format!("ethtool -X {interface} {}", spread(table)),
            Self::HashFields { interface, flow, fields } => {
                format!("ethtool -N {interface} rx-flow-hash {flow} {fields}")
            }
            Self::Up { interface, on } => format!("ip link set dev {interface} {}", if *on { "up" } else { "down" }),
            Self::Promiscuous { interface, on: wanted } => {
                format!("ip link set dev {interface} promisc {}", on(*wanted))
            }
            Self::InterruptCpus { number, cpus, .. } => format!("echo {cpus} > /proc/irq/{number}/smp_affinity_list"),
            Self::Sysctl { name, value } => format!("sysctl -w {name}={value}"),
            Self::Governor { cpu, governor } => {
                format!("echo {governor} > {}", governor_file(*cpu).display())
            }
            Self::Bpffs { mounted: true } => format!("mount -t bpf bpf {BPFFS}"),
            Self::Bpffs { mounted: false } => format!("umount {BPFFS}"),
        }
    }

    /// Whether it is the same setting, whatever the value.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        if std::mem::discriminant(self) != std::mem::discriminant(other) || self.interface() != other.interface() {
            return false;
        }
        match (self, other) {
            (Self::Offload { name: a, .. }, Self::Offload { name: b, .. })
            | (Self::HashFields { flow: a, .. }, Self::HashFields { flow: b, .. })
            | (Self::Sysctl { name: a, .. }, Self::Sysctl { name: b, .. }) => a == b,
            (Self::InterruptCpus { number: a, .. }, Self::InterruptCpus { number: b, .. }) => a == b,
            (Self::Governor { cpu: a, .. }, Self::Governor { cpu: b, .. }) => a == b,
            _ => true,
        }
    }
}

/// ethtool's own word for an offload, where it has one that people know.
fn short(name: &str) -> &str {
    match name {
        "rx-gro" => "gro",
        "rx-lro" => "lro",
        "rx-vlan-hw-parse" => "rxvlan",
        name => name,
    }
}

/// A table in ethtool's words: `equal N`, or the weight of each queue.
fn spread(table: &[u32]) -> String {
    let queues = table.iter().max().map_or(0, |last| last.saturating_add(1)).min(1 << 16);
    if table.iter().zip((0..queues).cycle()).all(|(a, b)| *a == b) {
        return format!("equal {queues}");
    }
    let weight = |queue: u32| table.iter().filter(|q| **q == queue).count().to_string();
    format!("weight {}", (0..queues).map(weight).collect::<Vec<_>>().join(" "))
}

/// What reads and writes settings: this host, or in tests one that is only in memory.
pub trait Settings {
    /// The same setting with its present value.
    ///
    /// # Errors
    /// As the kernel says.
    fn read(&mut self, setting: &Setting) -> io::Result<Setting>;

    /// Sets it.
    ///
    /// # Errors
    /// As the kernel says.
    fn write(&mut self, setting: &Setting) -> io::Result<()>;
}

/// This host.
#[derive(Debug)]
pub struct ThisHost;

impl Settings for ThisHost {
    fn read(&mut self, setting: &Setting) -> io::Result<Setting> {
        let mut now = setting.clone();
        match &mut now {
            Setting::Queues { interface, rx, tx, combined } => {
                let channels = Ethtool::new(interface)?.channels()?;
                (*rx, *tx, *combined) = (channels.rx, channels.tx, channels.combined);
            }
            Setting::Rings { interface, rx, tx } => {
                let rings = Ethtool::new(interface)?.rings()?;
                (*rx, *tx) = (rings.rx, rings.tx);
            }
            Setting::Coalescing { interface, adaptive_rx, rx_usecs, rx_frames } => {
                let now = Ethtool::new(interface)?.coalescing()?;
                (*adaptive_rx, *rx_usecs, *rx_frames) = (now.adaptive_rx, now.rx_usecs, now.rx_frames);
            }
            Setting::FlowControl { interface, autoneg, rx, tx } => {
                let now = Ethtool::new(interface)?.flow_control()?;
                (*autoneg, *rx, *tx) = (now.autoneg, now.rx, now.tx);
            }
            Setting::Offload { interface, name, on } => {
                let features = Ethtool::new(interface)?.features()?;
                *on = features.get(name.as_str()).ok_or(io::ErrorKind::NotFound)?.on;
            }
            Setting::RssKey { interface, key } => *key = Ethtool::new(interface)?.rss()?.key,
            Setting::RssTable { interface, table } => *table = Ethtool::new(interface)?.rss()?.table,
            Setting::HashFields { interface, flow, fields } => *fields = Ethtool::new(interface)?.hash_fields(flow)?,
            Setting::Up { interface, on } => *on = netlink::flags(interface)?.up,
            Setting::Promiscuous { interface, on } => *on = netlink::flags(interface)?.promiscuous,
            Setting::InterruptCpus { number, cpus, .. } => {
                *cpus = cpu_list_text(&cpu_list(&std::fs::read_to_string(interrupt_file(*number))?));
            }
            Setting::Sysctl { name, value } => {
                *value = std::fs::read_to_string(sysctl_file(name))?.trim().to_owned();
            }
            Setting::Governor { cpu, governor } => {
                *governor = std::fs::read_to_string(governor_file(*cpu))?.trim().to_owned();
            }
            Setting::Bpffs { mounted } => *mounted = bpffs_is_mounted(),
        }
        Ok(now)
    }

    fn write(&mut self, setting: &Setting) -> io::Result<()> {
        match setting {
            Setting::Queues { interface, rx, tx, combined } => {
                Ethtool::new(interface)?.set_channels(*rx, *tx, *combined)
            }
            Setting::Rings { interface, rx, tx } => Ethtool::new(interface)?.set_rings(*rx, *tx),
            Setting::Coalescing { interface, adaptive_rx, rx_usecs, rx_frames } => {
                let (adaptive_rx, rx_usecs, rx_frames) = (*adaptive_rx, *rx_usecs, *rx_frames);
                Ethtool::new(interface)?.set_coalescing(Coalescing { adaptive_rx, rx_usecs, rx_frames })
            }
            Setting::FlowControl { interface, autoneg, rx, tx } => {
                let wanted = FlowControl { autoneg: *autoneg, rx: *rx, tx: *tx };
                Ethtool::new(interface)?.set_flow_control(wanted)
            }
            Setting::Offload { interface, name, on } => Ethtool::new(interface)?.set_feature(name, *on),
            Setting::RssKey { interface, key } => Ethtool::new(interface)?.set_rss_key(key),
            Setting::RssTable { interface, table } => Ethtool::new(interface)?.set_rss_table(table),
            Setting::HashFields { interface, flow, fields } => Ethtool::new(interface)?.set_hash_fields(flow, fields),
            Setting::Up { interface, on } => netlink::set_up(interface, *on),
            Setting::Promiscuous { interface, on } => netlink::set_promiscuous(interface, *on),
            Setting::InterruptCpus { number, cpus, .. } => std::fs::write(interrupt_file(*number), cpus),
            Setting::Sysctl { name, value } => std::fs::write(sysctl_file(name), value),
            Setting::Governor { cpu, governor } => std::fs::write(governor_file(*cpu), governor),
            Setting::Bpffs { mounted: true } => {
                Ok(mount(Some("bpf"), BPFFS, Some("bpf"), MsFlags::empty(), None::<&str>)?)
            }
            Setting::Bpffs { mounted: false } => Ok(umount2(BPFFS, MntFlags::UMOUNT_NOFOLLOW)?),
        }
    }
}

/// Whether the BPF file system is where it belongs.
#[must_use]
pub fn bpffs_is_mounted() -> bool {
    statfs(BPFFS).is_ok_and(|fs| fs.filesystem_type() == BPF_FS_MAGIC)
}

/// The file that says which CPUs an interrupt may come to.
#[must_use]
pub fn interrupt_file(number: u32) -> PathBuf {
    PathBuf::from(format!("/proc/irq/{number}/smp_affinity_list"))
}

/// The file of a kernel parameter.
#[must_use]
pub fn sysctl_file(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name.replace('.', "/"))
}

/// The file that says how a CPU chooses its frequency.
#[must_use]
pub fn governor_file(cpu: usize) -> PathBuf {
    PathBuf::from(format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_tools() {
        let interface = || "eth1".to_owned();
        let queues = Setting::Queues { interface: interface(), rx: 0, tx: 0, combined: 4 };
        assert_eq!(queues.command(), "ethtool -L eth1 combined 4");
        let table = |table| Setting::RssTable { interface: interface(), table }.command();
        assert_eq!(table(vec![0, 1, 2, 0, 1, 2]), "ethtool -X eth1 equal 3");
        assert_eq!(table(vec![0, 2, 2, 0]), "ethtool -X eth1 weight 2 0 2");
        assert_eq!(table(Vec::new()), "ethtool -X eth1 equal 0");
    }

    #[test]
    fn a_setting_is_told_from_others_by_its_place_and_not_by_its_value() {
        let offload = |interface: &str, name: &str, on| {
            let (interface, name) = (interface.to_owned(), name.to_owned());
            Setting::Offload { interface, name, on }
        };
        assert!(offload("eth1", "rx-gro", true).same_place(&offload("eth1", "rx-gro", false)));
        assert!(!offload("eth1", "rx-gro", true).same_place(&offload("eth2", "rx-gro", true)));
        assert!(!offload("eth1", "rx-gro", true).same_place(&offload("eth1", "rx-lro", true)));
    }
}
