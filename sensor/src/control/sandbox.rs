//! The filter over the running sensor's system calls (seccomp), put on once all is set up: whoever takes over a thread by way of a packet
//! finds that the kernel does not do much for it.
//!
//! Allowed is what the sensor and the process that compiles rules for it do, generously where calls are harmless: a filter that is
//! too tight would stop a sensor that works. Anything else fails with EPERM, as if a capability were missing. Calls that only an intruder makes end
//! the process, whereupon in line the kernel goes on forwarding. `clone3` is unknown (ENOSYS), since its flags cannot be looked at; the C library
//! then takes `clone`, whose flags can: no namespaces. With the filter comes `no_new_privs`: no program that is started gets more than the sensor
//! has. Both are in force for every thread, and for every process that is started from now on.

use libc::*;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `sensor.seccomp`: what becomes of system calls that the running sensor has no use for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seccomp {
    /// They are refused.
    #[default]
    On,
    /// They are made, and the kernel's audit log tells.
    Log,
    /// There is no filter.
    Off,
}

/// How much of the kernel the sensor needs while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// On monitoring ports: of BPF only maps, no more packet sockets.
    Watching,
    /// In line: ports that return are set up anew.
    Ports,
}

/// Why the filter is not on.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It could not be built: a defect.
    #[error("the filter over system calls cannot be built: {0}")]
    Build(#[from] BackendError),
    /// The kernel does not take it.
    #[error(
        "the kernel does not take the filter over system calls ({0}): it wants Linux with CONFIG_SECCOMP_FILTER; seccomp = \"off\" under [sensor] runs \
         without"
    )]
    Kernel(Error),
}

/// Puts the filter on all threads of the process, for good. With [`Seccomp::Off`] nothing happens.
///
/// # Errors
/// The kernel has no such filters.
pub fn enter(mode: Seccomp, calls: Calls) -> Result<(), SandboxError> {
    let (unknown, no_clone3, hostile) = match mode {
        Seccomp::On => {
            (SeccompAction::Errno(EPERM as u32), SeccompAction::Errno(ENOSYS as u32), SeccompAction::KillProcess)
        }
        // Programs that filter and find out why get the same answers.
        Seccomp::Log => (SeccompAction::Log, SeccompAction::Log, SeccompAction::Log),
        Seccomp::Off => return Ok(()),
    };
    // Of several filters the severest answer stands. The first that is on must allow seccomp itself.
    for (rules, others, these) in [
        (listed(HOSTILE), SeccompAction::Allow, hostile),
        (listed(&[SYS_clone3]), SeccompAction::Allow, no_clone3),
        (allowed(calls)?, unknown, SeccompAction::Allow),
    ] {
        let filter: BpfProgram = SeccompFilter::new(rules, others, these, TargetArch::x86_64)?.try_into()?;
        apply_filter_all_threads(&filter).map_err(SandboxError::Kernel)?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn listed(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, vec![])).collect()
}

/// What is allowed: some calls with some arguments only.
fn allowed(calls: Calls) -> Result<Rules, BackendError> {
    let mut rules = listed(ALLOWED);
    let is = |value: i64| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value as u64);
    let one_of = |values: &[i64]| {
        values.iter().map(|value| SeccompRule::new(vec![is(*value)?])).collect::<Result<Vec<_>, BackendError>>()
    };
    let families: &[i32] = match calls {
        Calls::Watching => &[AF_UNIX, AF_INET, AF_INET6, AF_NETLINK],
        Calls::Ports => &[AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_XDP],
    };
    rules.insert(SYS_socket, one_of(&families.iter().map(|family| i64::from(*family)).collect::<Vec<_>>())?);
    rules.insert(SYS_bpf, if calls == Calls::Ports { vec![] } else { one_of(BPF_OF_MAPS)? });
    let namespaces =
        CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
    let none_of_them = SeccompCmpOp::MaskedEq(namespaces as u64);
    let flags = SeccompCondition::new(0, SeccompCmpArgLen::Qword, none_of_them, 0)?;
    rules.insert(SYS_clone, vec![SeccompRule::new(vec![flags])?]);
    Ok(rules)
}

/// BPF_MAP_CREATE, _LOOKUP_ELEM, _UPDATE_ELEM, _DELETE_ELEM and _GET_NEXT_KEY, BPF_OBJ_GET_INFO_BY_FD, BPF_MAP_LOOKUP_AND_DELETE_ELEM,
/// BPF_MAP_FREEZE, and the batches (linux/bpf.h).
const BPF_OF_MAPS: &[i64] = &[0, 1, 2, 3, 4, 15, 21, 22, 24, 25, 26, 27];

/// What has no place in a sensor.
const HOSTILE: &[i64] = &[
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_mount,
    SYS_umount2,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_swapon,
    SYS_swapoff,
    SYS_userfaultfd,
    SYS_iopl,
    SYS_ioperm,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_open_by_handle_at,
    SYS_acct,
    SYS_quotactl,
];

/// What the sensor does: memory, threads, files, pipes, sockets that are open, time, signals of its own, and the process that compiles rules.
#[rustfmt::skip]
const ALLOWED: &[i64] = &[
    // Memory.
    SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_mincore, SYS_msync, SYS_membarrier, SYS_mlock,
    SYS_mlock2, SYS_munlock, SYS_memfd_create, SYS_get_mempolicy, SYS_mbind, SYS_set_mempolicy,
    // Threads and processes. clone3 has a filter of its own.
    SYS_clone3, SYS_vfork, SYS_fork, SYS_execve, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_pidfd_open,
    SYS_pidfd_send_signal, SYS_futex, SYS_futex_waitv, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
    SYS_arch_prctl, SYS_prctl, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getpgrp, SYS_getpgid, SYS_getsid, SYS_getpriority,
    SYS_setpriority, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_sched_getattr, SYS_getcpu, SYS_getrusage, SYS_getrlimit, SYS_prlimit64, SYS_sysinfo, SYS_uname,
    SYS_times, SYS_capget, SYS_capset, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid,
    SYS_getgroups, SYS_seccomp, SYS_restart_syscall,
    // Signals of its own.
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_rt_sigpending,
    SYS_sigaltstack, SYS_kill, SYS_tkill, SYS_tgkill, SYS_signalfd4, SYS_pause,
    // Time.
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_time, SYS_timerfd_create,
    SYS_timerfd_settime, SYS_timerfd_gettime, SYS_adjtimex, SYS_clock_adjtime, SYS_setitimer, SYS_getitimer, SYS_alarm, SYS_getrandom,
    // Files.
    SYS_open, SYS_openat, SYS_openat2, SYS_creat, SYS_close, SYS_close_range, SYS_read, SYS_readv, SYS_pread64, SYS_preadv,
    SYS_preadv2, SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_lseek, SYS_stat, SYS_fstat, SYS_lstat,
    SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_access, SYS_faccessat, SYS_faccessat2, SYS_getdents, SYS_getdents64,
    SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_rename, SYS_renameat, SYS_renameat2, SYS_link, SYS_linkat, SYS_symlink, SYS_symlinkat,
    SYS_unlink, SYS_unlinkat, SYS_mkdir, SYS_mkdirat, SYS_rmdir, SYS_readlink, SYS_readlinkat, SYS_chmod, SYS_fchmod,
    SYS_fchmodat, SYS_chown, SYS_fchown, SYS_lchown, SYS_fchownat, SYS_umask, SYS_utimensat, SYS_truncate, SYS_ftruncate,
    SYS_fallocate, SYS_fadvise64, SYS_readahead, SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_syncfs, SYS_flock, SYS_fcntl,
    SYS_ioctl, SYS_dup, SYS_dup2, SYS_dup3, SYS_pipe, SYS_pipe2, SYS_sendfile, SYS_splice, SYS_tee, SYS_copy_file_range,
    SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    // Waiting.
    SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_create, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait,
    SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2,
    // Sockets. `socket` itself has a list of families.
    SYS_socketpair, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_getsockname, SYS_getpeername, SYS_getsockopt,
    SYS_setsockopt, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    /// Set where this test program is to lock itself up and try something.
    const TRY: &str = "SEKISHO_SANDBOX_TRY";

    /// What a process of its own tries, under the filter: errno, or 0.
    fn attempt(what: &str) -> i32 {
        let errno = |result: nix::Result<()>| result.err().map_or(0, |errno| errno as i32);
        match what {
            "thread and process" => {
                let echo = || Command::new("/bin/true").status().map_or(1, |status| i32::from(!status.success()));
                std::thread::spawn(echo).join().unwrap()
            }
            "file" => std::fs::read("/proc/self/status").map_or(1, |_| 0),
            // There is no such folder, so that nothing comes of it where it is let by.
            "mkfifo" => errno(nix::unistd::mkfifo("/nowhere/x", nix::sys::stat::Mode::S_IRUSR)),
            "packet socket" => {
                use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
                errno(socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None).map(drop))
            }
            "mount" => {
                use nix::mount::{MsFlags, mount};
                errno(mount(Some("x"), "/nowhere", Some("tmpfs"), MsFlags::empty(), None::<&str>))
            }
            "unshare" => errno(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn in_the_sandbox() {
        if let Ok(asked) = std::env::var(TRY) {
            let (mode, what) = asked.split_once(' ').unwrap();
            let mode = if mode == "on" { Seccomp::On } else { Seccomp::Log };
            // Of all threads, those that are there already.
            let (go, wait) = std::sync::mpsc::channel();
            let what = what.to_owned();
            let before = std::thread::spawn(move || {
                wait.recv().unwrap();
                attempt(&what)
            });
            enter(mode, Calls::Watching).unwrap();
            go.send(()).unwrap();
            std::process::exit(before.join().unwrap());
        }
    }

    fn try_it(mode: &str, what: &str) -> (Option<i32>, Option<i32>) {
        let name = concat!(module_path!(), "::in_the_sandbox").split_once("::").unwrap().1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        let ended = command.args(["--exact", name, "--nocapture"]).env(TRY, format!("{mode} {what}")).output().unwrap();
        (ended.status.code(), ended.status.signal())
    }

    #[test]
    fn what_the_sensor_does_works_and_what_it_does_not_is_refused() {
        assert_eq!(try_it("on", "thread and process"), (Some(0), None));
        assert_eq!(try_it("on", "file"), (Some(0), None));
        assert_eq!(try_it("on", "mkfifo"), (Some(EPERM), None));
        assert_eq!(try_it("on", "packet socket"), (Some(EPERM), None));
        assert_eq!(try_it("log", "mkfifo"), (Some(ENOENT), None));
    }

    #[test]
    fn what_only_an_intruder_does_ends_the_process() {
        for what in ["mount", "unshare"] {
            assert_eq!(try_it("on", what), (None, Some(SIGSYS)), "{what}");
        }
    }

    #[test]
    fn the_words_of_the_configuration() {
        let read = |word: &str| toml::from_str::<BTreeMap<String, Seccomp>>(&format!("x = '{word}'")).map(|m| m["x"]);
        assert_eq!(
            (read("on").unwrap(), read("log").unwrap(), read("off").unwrap()),
            (Seccomp::On, Seccomp::Log, Seccomp::Off)
        );
        assert!(read("yes").is_err());
    }
}
