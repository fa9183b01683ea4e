//! Which capabilities a thread of the running sensor keeps ([`keep`]), and which of the kernel's gates is shut when it says "not
//! permitted" ([`explain_eperm`]): a capability, a seccomp filter, or the lockdown.
//!
//! Setting up takes five capabilities; after it, the threads that read what comes from the network have none. They are a thread's own:
//! each thread gives its away when it begins.

use caps::{CapSet, Capability};
use std::collections::HashSet;

/// What a thread does, as far as it takes a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Judges packets, answers questions, scans files: nothing that takes one. Before Linux 5.19 the maps of the XDP program can be read and
    /// changed with CAP_BPF alone, so it is kept there.
    Plain,
    /// Opens files that may be somebody else's. For root that is CAP_DAC_OVERRIDE, without which it is kept out of folders whose
    /// owner it is not; who is not root has none.
    Files,
    /// Loads the rules again: opens files, and makes the maps of the next block list (CAP_BPF).
    Reload,
    /// Looks after ports in line, which takes all that setting up does: one that vanished and comes back gets the program and its
    /// sockets anew.
    Ports,
}

/// All that setting up takes.
pub const SET_UP: [Capability; 5] = [
    Capability::CAP_NET_ADMIN,
    Capability::CAP_NET_RAW,
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
    Capability::CAP_IPC_LOCK,
];

impl Task {
    fn needs(self, is_root: bool, kernel: (u32, u32)) -> Vec<Capability> {
        let mut needs = match self {
            Self::Plain if kernel < (5, 19) => vec![Capability::CAP_BPF],
            Self::Plain | Self::Files => vec![],
            Self::Reload => vec![Capability::CAP_BPF],
            Self::Ports => SET_UP.to_vec(),
        };
        if is_root && self != Self::Plain {
            needs.push(Capability::CAP_DAC_OVERRIDE);
        }
        needs
    }
}

/// The calling thread, and threads and programs that it starts, have from now on the capabilities that `task` takes and no others; of those
/// only what they had. A kernel that refuses is told in the log.
pub fn keep(task: Task) {
    let kernel = nix::sys::utsname::uname().map(|name| kernel_version(&name.release().to_string_lossy()));
    let needs = task.needs(nix::unistd::geteuid().is_root(), kernel.unwrap_or_default());
    if let Err(error) = keep_only(&needs) {
        tracing::warn!("capabilities could not be given away: {error}");
    }
}

fn keep_only(needs: &[Capability]) -> Result<(), caps::errors::CapsError> {
    let has = caps::read(None, CapSet::Permitted)?;
    let kept = kept(&has, needs);
    // What programs that are started could get back. Who may not change this set has no use for it.
    if has.contains(&Capability::CAP_SETPCAP) {
        let bounding = caps::read(None, CapSet::Bounding)?;
        bounding.difference(&kept).try_for_each(|capability| caps::drop(None, CapSet::Bounding, *capability))?;
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::clear(None, CapSet::Inheritable)
}

/// Of those that a thread has, those that are needed; where CAP_SYS_ADMIN stands in for one of them, that.
fn kept(has: &HashSet<Capability>, needs: &[Capability]) -> HashSet<Capability> {
    let stand_in = |needed: &Capability| {
        matches!(needed, Capability::CAP_BPF | Capability::CAP_PERFMON).then_some(Capability::CAP_SYS_ADMIN)
    };
    let pick = |needed: &Capability| Some(*needed).filter(|n| has.contains(n)).or_else(|| stand_in(needed));
    needs.iter().filter_map(pick).filter(|capability| has.contains(capability)).collect()
}

/// Major and minor of a release ("6.18.3-amd64"); 0.0 if it is none.
fn kernel_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// A sentence that follows an EPERM: names what is missing of `needed`, and what to do. With nothing missing it names the
/// other gates that are known to be shut, or what else may be.
#[must_use]
pub fn explain_eperm(needed: &[Capability]) -> String {
    let missing = missing(needed);
    if !missing.is_empty() {
        return format!(
            "the process lacks {}: run it as root, or give it {} (systemd: AmbientCapabilities=; or `setcap`)",
            missing.join(" and "),
            if missing.len() == 1 { "that capability" } else { "those capabilities" },
        );
    }
    let mut gates = Vec::new();
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    if status.lines().any(|l| l.strip_prefix("Seccomp:").is_some_and(|v| v.trim() == "2")) {
        gates.push("a seccomp filter is on the process: it must allow the system calls bpf and socket(AF_XDP)");
    }
    let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if lockdown.contains("[confidentiality]") {
        gates.push("the kernel is in lockdown=confidentiality");
    }
    if gates.is_empty() {
        gates.push(
            "it has the capabilities, but perhaps only inside a user namespace or container: run it in the initial user namespace, \
             and check what AppArmor or SELinux logged",
        );
    }
    gates.join("; ")
}

/// The names of those of `needed` that the calling thread does not have in its effective set.
#[must_use]
pub fn missing(needed: &[Capability]) -> Vec<String> {
    let effective = caps::read(None, CapSet::Effective).unwrap_or_default();
    needed.iter().filter(|c| !has(&effective, **c)).map(ToString::to_string).collect()
}

/// CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON, which were split from it in Linux 5.8.
fn has(effective: &caps::CapsHashSet, capability: Capability) -> bool {
    let split = matches!(capability, Capability::CAP_BPF | Capability::CAP_PERFMON);
    effective.contains(&capability) || (split && effective.contains(&Capability::CAP_SYS_ADMIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_without_capabilities_is_told_which() {
        let sentence = std::thread::spawn(|| {
            caps::clear(None, CapSet::Effective).unwrap();
            explain_eperm(&[Capability::CAP_BPF, Capability::CAP_NET_ADMIN])
        })
        .join()
        .unwrap();
        assert!(sentence.contains("lacks CAP_BPF and CAP_NET_ADMIN"), "{sentence}");
    }

    #[test]
    fn a_thread_keeps_what_its_task_takes_and_nothing_else() {
        let had = caps::read(None, CapSet::Permitted).unwrap();
        let after = |task| {
            let look = move || {
                keep(task);
                [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable].map(|set| caps::read(None, set).unwrap())
            };
            std::thread::spawn(look).join().unwrap()
        };
        let root = nix::unistd::geteuid().is_root();
        for task in [Task::Plain, Task::Files, Task::Reload, Task::Ports] {
            let needs: HashSet<Capability> = task.needs(root, (6, 1)).into_iter().collect();
            let wanted: HashSet<Capability> = needs.intersection(&had).copied().collect();
            let [permitted, effective, inheritable] = after(task);
            assert_eq!((&permitted, &effective), (&wanted, &wanted), "{task:?}");
            assert!(inheritable.is_empty());
        }
        assert!(Task::Plain.needs(true, (6, 1)).is_empty());
        assert_eq!(Task::Plain.needs(false, (5, 18)), [Capability::CAP_BPF]);
        assert_eq!((kernel_version("6.18.3-amd64"), kernel_version("?")), ((6, 18), (0, 0)));
    }

    #[test]
    fn the_older_capability_is_kept_only_where_the_newer_is_missing() {
        let set = |all: &[Capability]| all.iter().copied().collect::<HashSet<_>>();
        let (bpf, admin) = (Capability::CAP_BPF, Capability::CAP_SYS_ADMIN);
        assert_eq!(kept(&set(&[bpf, admin]), &[bpf]), set(&[bpf]));
        assert_eq!(kept(&set(&[admin]), &[bpf]), set(&[admin]));
        assert_eq!(kept(&set(&[admin]), &[Capability::CAP_NET_RAW]), set(&[]));
    }

    #[test]
    fn the_older_capability_stands_in_for_those_split_from_it() {
        let effective = [Capability::CAP_SYS_ADMIN].into_iter().collect();
        assert!(has(&effective, Capability::CAP_BPF));
        assert!(!has(&effective, Capability::CAP_NET_RAW));
    }
}
