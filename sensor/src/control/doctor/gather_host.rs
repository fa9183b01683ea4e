//! Asks the host: /proc, /sys, and a few system calls. What cannot be read is absent.

use super::calls::clock_synchronised;
use super::facts::{DiskFacts, HostFacts, HugePages, cpu_list};
use super::setting::{bpffs_is_mounted, governor_file};
use caps::CapSet;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, Pid, access};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All that the host answers. `outputs` are the folders that are written to.
#[must_use]
pub fn gather(outputs: &[PathBuf]) -> HostFacts {
    let cpus = allowed_cpus();
    let read_list = |file: &str| read(file).map(|text| cpu_list(&text)).unwrap_or_default();
    let governor = |cpu: usize| Some((cpu, std::fs::read_to_string(governor_file(cpu)).ok()?.trim().to_owned()));
    let locked = getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft);
    let mut capabilities: Vec<String> =
        caps::read(None, CapSet::Effective).unwrap_or_default().iter().map(ToString::to_string).collect();
    capabilities.sort();
    HostFacts {
        pinnable: pinnable_cpus(read_list("/sys/devices/system/cpu/online")),
        kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
        isolated: read_list("/sys/devices/system/cpu/isolated"),
        nohz_full: read_list("/sys/devices/system/cpu/nohz_full"),
        numa: numa_nodes(),
        governors: cpus.iter().filter_map(|cpu| governor(*cpu)).collect(),
        wakeup_us: cpus.iter().filter_map(|cpu| longest_wakeup(*cpu)).max(),
        irqbalance: is_running("irqbalance"),
        huge_pages: huge_pages(&read("/proc/meminfo").unwrap_or_default()),
        capabilities,
        memlock_bytes: (locked != RLIM_INFINITY).then_some(locked),
        seccomp: read("/proc/thread-self/status").is_some_and(|status| {
            status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2"))
        }),
        confined_by: read("/proc/thread-self/attr/current")
            .map(|profile| profile.trim_end_matches('\0').to_owned())
            .filter(|profile| !profile.is_empty() && !profile.starts_with("unconfined") && profile != "kernel"),
        lockdown: read("/sys/kernel/security/lockdown").and_then(|text| chosen(&text)),
        bpffs: bpffs_is_mounted(),
        bpf_jit: read("/proc/sys/net/core/bpf_jit_enable").and_then(|text| text.parse().ok()),
        clock_synchronised: clock_synchronised(),
        outputs: outputs.iter().filter_map(|path| disk(path)).collect(),
        cpus,
    }
}

fn read(file: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

fn allowed_cpus() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect()
}

/// Those of `cpus` that a thread may be pinned to, found by trying it.
fn pinnable_cpus(cpus: Vec<usize>) -> Vec<usize> {
    let can_be_pinned = |cpu: &usize| {
        let mut set = CpuSet::new();
        set.set(*cpu).is_ok() && sched_setaffinity(Pid::from_raw(0), &set).is_ok()
    };
    // A thread of its own, as it stays where it was pinned to last.
    std::thread::spawn(move || cpus.into_iter().filter(can_be_pinned).collect()).join().unwrap_or_default()
}

/// The word in brackets: `none [integrity] confidentiality`.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

fn numa_nodes() -> BTreeMap<usize, i32> {
    let mut nodes = BTreeMap::new();
    for entry in std::fs::read_dir("/sys/devices/system/node").into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(node) = name.strip_prefix("node").and_then(|n| n.parse::<i32>().ok()) else { continue };
        let cpus = read(entry.path().join("cpulist")).map(|text| cpu_list(&text)).unwrap_or_default();
        nodes.extend(cpus.into_iter().map(|cpu| (cpu, node)));
    }
    nodes
}

/// The latency of the deepest idle state of a CPU that is not turned off.
fn longest_wakeup(cpu: usize) -> Option<u32> {
    let folder = format!("/sys/devices/system/cpu/cpu{cpu}/cpuidle");
    let states = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let in_use = states.filter(|state| read(state.join("disable")).as_deref() == Some("0"));
    in_use.filter_map(|state| read(state.join("latency"))?.parse().ok()).max()
}

fn is_running(program: &str) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let mut names = processes
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|entry| read(entry.path().join("comm")));
    names.any(|name| name == program)
}

fn huge_pages(meminfo: &str) -> HugePages {
    let value = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    HugePages {
        total: value("HugePages_Total"),
        free: value("HugePages_Free"),
        size_bytes: value("Hugepagesize").saturating_mul(1024),
    }
}

/// The file system of a folder, or of the nearest one above it that there is.
fn disk(path: &Path) -> Option<DiskFacts> {
    let there = path.ancestors().find(|folder| folder.is_dir())?;
    let fs = statvfs(there).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(fs.fragment_size());
    Some(DiskFacts {
        path: path.to_owned(),
        free_bytes: bytes(fs.blocks_available()),
        total_bytes: bytes(fs.blocks()),
        writable: access(there, AccessFlags::W_OK).is_ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_kernel_cpus_and_a_disk() {
        let host = gather(&[PathBuf::from("/no-such-folder/below")]);
        assert!(host.kernel_version() > (3, 0), "{}", host.kernel);
        assert!(!host.cpus.is_empty());
        assert!(host.cpus.iter().all(|cpu| host.pinnable.contains(cpu)), "{:?}", host.pinnable);
        assert_eq!(host.outputs.len(), 1);
        assert!(host.outputs[0].total_bytes > 0);
    }

    #[test]
    fn huge_pages_are_read_from_meminfo() {
        let text = "MemTotal: 1 kB\nHugePages_Total:      64\nHugePages_Free:       60\nHugepagesize:       2048 kB\n";
        assert_eq!(huge_pages(text), HugePages { total: 64, free: 60, size_bytes: 2 << 20 });
        assert_eq!(huge_pages(""), HugePages::default());
    }

    #[test]
    fn the_lockdown_in_force_is_the_one_in_brackets() {
        assert_eq!(chosen("none [integrity] confidentiality").as_deref(), Some("integrity"));
        assert_eq!(chosen("none"), None);
    }
}
