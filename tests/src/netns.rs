//! Network namespaces for live tests: links of the test's own, which the host never sees and which go with the test.
//!
//! A [`Namespace`] is held by an open file, not by a name or a process, so nothing is left behind however the test ends. What is
//! run in it ([`Namespace::run`]) also has its own `/sys`, which shows the namespace's interfaces, and its own, empty, BPF file
//! system at `/sys/fs/bpf`.

use anyhow::{Context as _, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::process::Command;

/// Whether live tests can run: as root. Without, it prints why the test is skipped; where the environment says `CI=true` it panics, so
/// that a suite that is meant to run them cannot pass without.
#[must_use]
pub fn can_run() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let reason = "live tests make network namespaces and need root";
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
    eprintln!("skipped: {reason}");
    false
}

/// A network namespace. It lives as long as this, or as anything runs in it.
#[derive(Debug)]
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// Makes an empty one: a loopback that is up, no addresses, and IPv6 off so that the kernel sends nothing by itself.
    pub fn new() -> Result<Self> {
        let file = std::thread::spawn(|| -> Result<File> {
            unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
            std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")?;
            std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")?;
            command("ip link set dev lo up")?;
            Ok(File::open("/proc/thread-self/ns/net")?)
        });
        let file = file.join().map_err(|_| anyhow::anyhow!("the namespace's thread panicked"))??;
        Ok(Self { file })
    }

    /// Runs `work` in it, on a thread of its own, and returns what it returns. A panic in it goes on in the caller.
    /// Programs that `work` starts run in the namespace too.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let result = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    self.enter().expect("cannot enter the test's network namespace");
                    work()
                })
                .join()
        });
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Puts the calling thread into it for good.
    fn enter(&self) -> Result<()> {
        setns(&self.file, CloneFlags::CLONE_NEWNET).context("setns")?;
        unshare(CloneFlags::CLONE_NEWNS).context("unshare the mounts")?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("make the mounts private")?;
        mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), None::<&str>).context("mount /sys")?;
        mount(Some("bpf"), "/sys/fs/bpf", Some("bpf"), MsFlags::empty(), None::<&str>)
            .context("mount the BPF file system")
    }

    /// A name that iproute2 takes for this namespace: `ip link set dev IF netns PATH`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }
}

/// Runs a program in the caller's namespace; its words are separated by blanks. Returns what it printed.
///
/// Fails with what it wrote to standard error if it does not end well.
pub fn command(line: &str) -> Result<String> {
    let mut words = line.split_whitespace();
    let program = words.next().context("an empty command")?;
    let output = Command::new(program).args(words).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Makes a pair of joined virtual interfaces in the caller's namespace, both up, with `queues` receive queues each.
///
/// Set up as capture tests need it: no offloads that make the kernel hand over unfinished checksums, and an MTU of `mtu` bytes.
pub fn veth(one: &str, other: &str, queues: u32, mtu: u32) -> Result<()> {
    let q = format!("numrxqueues {queues} numtxqueues {queues} mtu {mtu}");
    command(&format!("ip link add name {one} {q} type veth peer name {other} {q}"))?;
    for end in [one, other] {
        command(&format!("ethtool -K {end} tx off"))?;
        command(&format!("ip link set dev {end} up"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_namespace_and_all_in_it_go_with_the_test() {
        if !can_run() {
            return;
        }
        let outside: HashSet<String> = nix::ifaddrs::getifaddrs().unwrap().map(|i| i.interface_name).collect();
        assert!(!outside.contains("tap0"), "the tests' interfaces are not the host's");
        let namespace = Namespace::new().unwrap();
        let inside: HashSet<String> = namespace.run(|| {
            veth("tap0", "gen0", 1, 1500).unwrap();
            std::fs::read_dir("/sys/class/net")
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect()
        });
        assert_eq!(inside, HashSet::from(["lo", "tap0", "gen0"].map(String::from)));
        let other = Namespace::new().unwrap();
        namespace.run(|| command(&format!("ip link set dev gen0 netns {}", other.path())).unwrap());
        assert!(other.run(|| sekisho::capture::link::Link::by_name("gen0").is_ok()));
        assert!(namespace.run(|| sekisho::capture::link::Link::by_name("gen0").is_err()));
    }
}
