//! Which of the kernel's gates is shut when it says "not permitted": a capability, a seccomp filter, or the lockdown.

use caps::{CapSet, Capability};

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
    fn the_older_capability_stands_in_for_those_split_from_it() {
        let effective = [Capability::CAP_SYS_ADMIN].into_iter().collect();
        assert!(has(&effective, Capability::CAP_BPF));
        assert!(!has(&effective, Capability::CAP_NET_RAW));
    }
}
