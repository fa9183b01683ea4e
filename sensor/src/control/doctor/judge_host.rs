//! What is said about the host.

use super::facts::{DiskFacts, HostFacts, cpu_list_text};
use super::finding::{Finding, Plan, Status, Wanted};
use super::setting::Setting;

/// The first kernel that the XDP program runs on, and those that brought more.
const OLDEST: (u32, u32) = (5, 18);
const WITH_MULTI_BUFFER: (u32, u32) = (6, 6);
/// Bytes that are locked for a socket beside its frames: rings and maps.
const ROOM_PER_QUEUE: u64 = 1 << 20;
/// Less than this much room is soon full of events.
const LITTLE_ROOM: u64 = 1 << 30;
/// An idle CPU that needs longer than this to wake up misses a tenth of a ring of 2,048 frames at a million frames a second.
const SLOW_WAKEUP_US: u32 = 200;

/// All findings about the host. `queues` have packet memory each, and `workers` serve them.
#[must_use]
pub fn judge(host: &HostFacts, plan: &Plan, queues: usize, workers: usize) -> Vec<Finding> {
    let mut findings = vec![
        kernel(host, plan),
        capabilities(host),
        memlock(host, plan, queues),
        seccomp(host),
        confinement(host),
        lockdown(host),
        bpffs(host, plan),
        bpf_jit(host),
        huge_pages(host, plan, queues),
        cpus(host, plan, workers),
        isolation(host, plan),
        governor(host, plan),
        idle(host),
        irqbalance(host),
        clock(host),
    ];
    findings.extend(host.outputs.iter().map(disk));
    findings
}

fn kernel(host: &HostFacts, plan: &Plan) -> Finding {
    let (found, version) = (format!("Linux {}", host.kernel), host.kernel_version());
    if version < OLDEST {
        return Finding::fail("kernel", found)
            .because("the XDP program needs Linux 5.18 or newer, which brought XDP for packets of several buffers")
            .by_hand("update the kernel (Debian 12 has 6.1, its backports newer ones)");
    }
    if version < WITH_MULTI_BUFFER && plan.multi_buffer {
        return Finding::ok("kernel", format!("{found}; packets longer than a frame of packet memory need 6.6"));
    }
    Finding::ok("kernel", found)
}

fn capabilities(host: &HostFacts) -> Finding {
    const NEEDED: [(&str, &str); 5] = [
        ("CAP_NET_ADMIN", "attaches the XDP program"),
        ("CAP_NET_RAW", "opens AF_XDP sockets"),
        ("CAP_BPF", "loads the XDP program"),
        ("CAP_PERFMON", "has the kernel take that program as it is"),
        ("CAP_IPC_LOCK", "locks packet memory"),
    ];
    let missing: Vec<_> = NEEDED.into_iter().filter(|(name, _)| !host.has(name)).collect();
    if missing.is_empty() {
        let names: Vec<_> = NEEDED.iter().map(|(name, _)| name.trim_start_matches("CAP_")).collect();
        return Finding::ok("capabilities", names.join(", "));
    }
    // Locked memory may be allowed by its limit instead.
    let only_lock = missing.iter().all(|(name, _)| *name == "CAP_IPC_LOCK");
    let status = if only_lock { Status::Warn } else { Status::Fail };
    let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
    let uses: Vec<_> = missing.iter().map(|(name, does)| format!("{name} {does}")).collect();
    Finding::new("capabilities", status, format!("without {}", names.join(", "))).because(uses.join("; ")).by_hand(
        "run it as root, or with AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF CAP_PERFMON CAP_IPC_LOCK in its unit",
    )
}

fn memlock(host: &HostFacts, plan: &Plan, queues: usize) -> Finding {
    let frames = u64::from(plan.frames) * u64::from(plan.frame_size);
    let needed = frames.saturating_add(ROOM_PER_QUEUE).saturating_mul(queues.max(1) as u64);
    match host.memlock_bytes {
        None => Finding::ok("memlock", "no limit"),
        Some(limit) if host.has("CAP_IPC_LOCK") => {
            Finding::ok("memlock", format!("{} bytes, which CAP_IPC_LOCK goes over", limit))
        }
        Some(limit) if limit >= needed => Finding::ok("memlock", format!("{limit} bytes")),
        Some(limit) => Finding::fail("memlock", format!("{limit} bytes, of the {needed} that {queues} queues lock"))
            .because("packet memory is locked: the sockets cannot be opened")
            .by_hand("LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited` in the shell that starts it"),
    }
}

fn seccomp(host: &HostFacts) -> Finding {
    if !host.seccomp {
        return Finding::ok("seccomp", "no filter");
    }
    Finding::warn("seccomp", "a filter is on this process")
        .because("without the system calls bpf and socket(AF_XDP, AF_NETLINK) the program cannot be loaded nor sockets be opened")
        .by_hand("SystemCallFilter=bpf perf_event_open and RestrictAddressFamilies=AF_XDP AF_NETLINK AF_PACKET AF_UNIX AF_INET AF_INET6 in the unit")
}

fn confinement(host: &HostFacts) -> Finding {
    match &host.confined_by {
        None => Finding::ok("lsm", "not confined"),
        Some(profile) => Finding::warn("lsm", format!("confined by {profile}"))
            .because(
                "AppArmor or SELinux may forbid BPF and AF_XDP; the kernel then says no more than \"not permitted\"",
            )
            .by_hand("journalctl -k --grep 'apparmor=\"DENIED\"|avc: *denied'"),
    }
}

fn lockdown(host: &HostFacts) -> Finding {
    match host.lockdown.as_deref() {
        None => Finding::ok("lockdown", "not built in, or not to be read"),
        Some("confidentiality") => Finding::fail("lockdown", "confidentiality")
            .because("the kernel then lets no BPF program read its memory, and may refuse the XDP program")
            .by_hand("start the kernel with lockdown=integrity"),
        Some(mode) => Finding::ok("lockdown", mode),
    }
}

fn bpffs(host: &HostFacts, plan: &Plan) -> Finding {
    let mount = || Setting::Bpffs { mounted: true };
    if host.bpffs {
        return Finding::ok("bpffs", "/sys/fs/bpf");
    }
    if plan.pin {
        return Finding::fail("bpffs", "none at /sys/fs/bpf")
            .because("capture.xdp.pin asks that the XDP program outlives the sensor, and pins live there")
            .fixed_by([mount()]);
    }
    Finding::warn("bpffs", "none at /sys/fs/bpf")
        .because("the XDP program cannot be pinned there (capture.xdp.pin)")
        .fixed_by([mount()])
}

fn bpf_jit(host: &HostFacts) -> Finding {
    match host.bpf_jit {
        Some(0) => Finding::fail("bpf-jit", "off")
            .because("the XDP program is interpreted: many times slower for each packet")
            .fixed_by([Setting::Sysctl { name: "net.core.bpf_jit_enable".to_owned(), value: "1".to_owned() }]),
        Some(2) => Finding::warn("bpf-jit", "on, and tracing to the kernel's log")
            .because("every program that is loaded is printed to the kernel's log, its addresses with it")
            .fixed_by([Setting::Sysctl { name: "net.core.bpf_jit_enable".to_owned(), value: "1".to_owned() }]),
        Some(_) => Finding::ok("bpf-jit", "on"),
        None => Finding::ok("bpf-jit", "always on in this kernel, or not to be read"),
    }
}

fn huge_pages(host: &HostFacts, plan: &Plan, queues: usize) -> Finding {
    if plan.huge_pages == Wanted::Never {
        return Finding::skip("huge-pages", "capture.afxdp.huge_pages is \"never\"");
    }
    let pool = &host.huge_pages;
    if pool.size_bytes == 0 {
        return Finding::new("huge-pages", plan.huge_pages.lacking(), "this kernel has none")
            .because("packet memory lies in normal pages: a little more work for each packet");
    }
    let bytes = u64::from(plan.frames) * u64::from(plan.frame_size);
    let needed = bytes.div_ceil(pool.size_bytes).saturating_mul(queues.max(1) as u64);
    let found = format!("{} free of {}, each {} KiB", pool.free, pool.total, pool.size_bytes >> 10);
    if pool.free >= needed {
        return Finding::ok("huge-pages", found);
    }
    let value = pool.total.saturating_add(needed - pool.free).to_string();
    Finding::new("huge-pages", plan.huge_pages.lacking(), format!("{found}; {queues} queues take {needed}"))
        .because("packet memory lies in normal pages: a little more work for each packet (once the sensor runs, it has its pages, and this is in order)")
        .fixed_by([Setting::Sysctl { name: "vm.nr_hugepages".to_owned(), value }])
}

/// `CPU 3`, `CPUs 0-3`.
fn named(cpus: &[usize]) -> String {
    format!("{} {}", if cpus.len() == 1 { "CPU" } else { "CPUs" }, cpu_list_text(cpus))
}

fn cpus(host: &HostFacts, plan: &Plan, workers: usize) -> Finding {
    let cpus = plan.worker_cpus(host);
    let found = format!("{workers} workers on {}", named(cpus));
    let gone: Vec<usize> = cpus.iter().copied().filter(|cpu| !host.pinnable.contains(cpu)).collect();
    if !gone.is_empty() {
        let (gone, there) = (cpu_list_text(&gone), cpu_list_text(&host.pinnable));
        return Finding::fail("cpus", format!("{found}; this process may not use {gone}"))
            .because("workers cannot be pinned to them, and move about")
            .by_hand(format!(
                "name some of {there} in capture.cpus, or widen the unit's AllowedCPUs= or CPUAffinity="
            ));
    }
    if workers > cpus.len() {
        return Finding::warn("cpus", found)
            .because("workers share a CPU: while one works, the other's ring fills")
            .by_hand("name more CPUs in capture.cpus, or set fewer queues");
    }
    Finding::ok("cpus", found)
}

fn isolation(host: &HostFacts, plan: &Plan) -> Finding {
    let cpus = plan.worker_cpus(host);
    let (text, named) = (cpu_list_text(cpus), named(cpus));
    let without = |list: &[usize]| cpus.iter().any(|cpu| !list.contains(cpu));
    if plan.cpus.is_none() {
        return Finding::warn("isolation", "capture.cpus is not set: workers take every CPU")
            .because("what else runs on the host (the outputs, too) takes its time from workers")
            .by_hand("leave at least one CPU out: name the workers' in capture.cpus");
    }
    if without(&host.isolated) {
        return Finding::warn("isolation", format!("the scheduler may put others on {named}"))
            .because("each other task there stops a worker for milliseconds, and its ring fills")
            .by_hand(format!(
                "add isolcpus={text} nohz_full={text} rcu_nocbs={text} to the kernel's command line, and restart"
            ));
    }
    if without(&host.nohz_full) {
        return Finding::ok("isolation", format!("{named} isolated; nohz_full={text} would also spare the timer"));
    }
    Finding::ok("isolation", format!("{named} isolated and without timer"))
}

fn governor(host: &HostFacts, plan: &Plan) -> Finding {
    let workers = plan.worker_cpus(host);
    let here = || host.governors.iter().filter(|(cpu, _)| workers.contains(cpu));
    if here().next().is_none() {
        return Finding::skip("governor", "the kernel does not set these CPUs' frequency");
    }
    let slow: Vec<usize> = here().filter(|(_, governor)| *governor != "performance").map(|(cpu, _)| *cpu).collect();
    let Some(governor) = slow.first().and_then(|cpu| host.governors.get(cpu)) else {
        return Finding::ok("governor", "performance");
    };
    let fix = slow.iter().map(|cpu| Setting::Governor { cpu: *cpu, governor: "performance".to_owned() });
    Finding::warn("governor", format!("{governor} on {}", named(&slow)))
        .because("a CPU that slept starts slow, and a burst is lost before it is fast")
        .fixed_by(fix)
}

fn idle(host: &HostFacts) -> Finding {
    match host.wakeup_us {
        None => Finding::skip("idle-states", "the kernel does not manage them"),
        Some(us) if us <= SLOW_WAKEUP_US => Finding::ok("idle-states", format!("awake within {us} µs")),
        Some(us) => Finding::warn("idle-states", format!("up to {us} µs to wake up"))
            .because("a burst that comes to a sleeping CPU waits in the NIC's ring")
            .by_hand(format!("cpupower idle-set --disable-by-latency {SLOW_WAKEUP_US}")),
    }
}

fn irqbalance(host: &HostFacts) -> Finding {
    if !host.irqbalance {
        return Finding::ok("irqbalance", "not running");
    }
    Finding::warn("irqbalance", "running")
        .because("it moves interrupts away from the workers' CPUs again")
        .by_hand("systemctl disable --now irqbalance (or name the workers' CPUs in IRQBALANCE_BANNED_CPULIST)")
}

fn clock(host: &HostFacts) -> Finding {
    match host.clock_synchronised {
        Some(true) => Finding::ok("clock", "synchronised"),
        Some(false) => Finding::warn("clock", "not synchronised")
            .because("events of several sensors cannot be put in order, and evidence has a wrong time")
            .by_hand("apt-get install chrony"),
        None => Finding::skip("clock", "the kernel does not say"),
    }
}

fn disk(disk: &DiskFacts) -> Finding {
    let (gib, path) = (disk.free_bytes >> 30, disk.path.display());
    let found = format!("{gib} GiB free at {path}");
    if !disk.writable {
        return Finding::fail("disk", format!("{path} cannot be written to"))
            .because("events go there, and would be lost")
            .by_hand(format!("mkdir -p {path}, and give it to the sensor's user"));
    }
    if disk.free_bytes < LITTLE_ROOM || disk.free_bytes < disk.total_bytes / 20 {
        return Finding::warn("disk", found)
            .because("when it is full, events are lost (and counted)")
            .by_hand(format!("make room at {path}, or rotate more often"));
    }
    Finding::ok("disk", found)
}
