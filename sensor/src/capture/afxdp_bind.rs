//! The way to a bound AF_XDP socket: packet memory in huge or normal pages, the ways to bind from best to worst, and the
//! kernel's refusals turned into sentences.

use super::afxdp_config::{AfxdpConfig, HugePages, OpenError, ZeroCopy};
use super::link::Link;
use crate::control::privilege;
use caps::Capability;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use std::io;
use std::num::NonZeroU32;
use xsk_rs::Umem;
use xsk_rs::config::{BindFlags, FrameSize, QueueSize, UmemConfig};
use xsk_rs::umem::frame::FrameDesc;

/// libxdp's least.
pub(super) const SMALLEST_RING: u32 = 64;

/// One way to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) zero_copy: bool,
    pub(super) multi_buffer: bool,
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.zero_copy { "zero-copy" } else { "copy" })?;
        f.write_str(if self.multi_buffer { " with packets of several frames" } else { " with packets of one frame" })
    }
}

impl Attempt {
    pub(super) fn flags(self, need_wakeup: bool) -> BindFlags {
        let mut flags = if self.zero_copy { BindFlags::XDP_ZEROCOPY } else { BindFlags::XDP_COPY };
        flags.set(BindFlags::XDP_USE_SG, self.multi_buffer);
        flags.set(BindFlags::XDP_USE_NEED_WAKEUP, need_wakeup);
        flags
    }
}

/// The ways to bind, best first. Zero-copy with single frames comes before copying only if the interface's packets fit a frame.
pub(super) fn attempts(config: &AfxdpConfig, mtu: u32) -> Vec<Attempt> {
    // Ethernet header and two VLAN tags before the MTU's bytes; the kernel's headroom is part of the frame.
    let fits = mtu.saturating_add(14 + 8 + 256) <= config.frame_size;
    let mut attempts = Vec::new();
    for zero_copy in [true, false] {
        let wanted =
            if zero_copy { config.zero_copy != ZeroCopy::Never } else { config.zero_copy != ZeroCopy::Require };
        if !wanted {
            continue;
        }
        if config.multi_buffer {
            attempts.push(Attempt { zero_copy, multi_buffer: true });
        }
        // The last resort: packets longer than a frame are then dropped and counted by the kernel.
        if fits || !zero_copy || config.zero_copy == ZeroCopy::Require || !config.multi_buffer {
            attempts.push(Attempt { zero_copy, multi_buffer: false });
        }
    }
    attempts
}

/// Drivers of NICs that are told in whole KiB how much of a frame they may fill. The kernel keeps 256 bytes of a frame of 2,048, so they
/// fill 1,024: of a longer packet, igb and igc make several without a word, and ixgbe's 82599 drops it.
const FILL_WHOLE_KIB: [&str; 3] = ["igb", "igc", "ixgbe"];

/// The settings for one way to bind, on an interface with that driver: in zero-copy, frames that hold a whole packet.
pub(super) fn fitted(config: &AfxdpConfig, attempt: Attempt, driver: &str, refusals: &mut Vec<String>) -> AfxdpConfig {
    let mut config = config.clone();
    if attempt.zero_copy && config.frame_size < 4096 && FILL_WHOLE_KIB.contains(&driver) {
        let why = format!(
            "frames of {} bytes were refused: {driver} would put no more than 1024 bytes of a packet into one; they have 4096",
            config.frame_size
        );
        if !refusals.contains(&why) {
            refusals.push(why);
        }
        config.frame_size = 4096;
    }
    config
}

/// Whether another way of binding may help.
pub(super) enum BindError {
    /// Perhaps.
    Refused(io::Error),
    /// No.
    Final(OpenError),
}

impl From<OpenError> for BindError {
    fn from(error: OpenError) -> Self {
        Self::Final(error)
    }
}

/// Makes packet memory: in huge pages if wanted and to be had. Also says which it was. `completion_ring`: slots for sent frames that
/// come back.
pub(super) fn packet_memory(
    interface: &str,
    queue: u32,
    config: &AfxdpConfig,
    completion_ring: u32,
    refusals: &mut Vec<String>,
) -> Result<(Umem, Vec<FrameDesc>, bool), OpenError> {
    let failed = |source: io::Error| match Errno::from_raw(source.raw_os_error().unwrap_or_default()) {
        Errno::EPERM => OpenError::NotPermitted {
            interface: interface.to_owned(),
            why: privilege::explain_eperm(&[Capability::CAP_NET_RAW]),
        },
        Errno::ENOBUFS => OpenError::LockedMemory {
            needed_bytes: config.memory_bytes(),
            limit_bytes: getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft),
        },
        Errno::EAFNOSUPPORT => OpenError::NoAfxdp,
        _ => OpenError::Io { interface: interface.to_owned(), queue, step: "make the packet memory", source },
    };
    let umem_config = UmemConfig::builder()
        .frame_size(FrameSize::new(config.frame_size).map_err(|e| failed(io::Error::other(e)))?)
        .fill_queue_size(ring(config.fill_ring).map_err(failed)?)
        .comp_queue_size(ring(completion_ring).map_err(failed)?)
        .build()
        .map_err(|e| failed(io::Error::other(e)))?;
    if config.huge_pages != HugePages::Never {
        match Umem::new(umem_config, whole_huge_pages(config), true) {
            Ok((umem, frames)) => return Ok((umem, frames, true)),
            Err(error) => {
                let source = cause(&error);
                // Only the mapping itself can lack huge pages; all else would fail with normal pages too.
                if config.huge_pages == HugePages::Require && source.raw_os_error() == Some(libc::ENOMEM) {
                    return Err(OpenError::NoHugePages { needed_bytes: config.memory_bytes(), source });
                }
                let refusal = format!("huge pages were refused: {source}");
                if !refusals.contains(&refusal) {
                    refusals.push(refusal);
                }
            }
        }
    }
    let frames = NonZeroU32::new(config.frames).unwrap_or(NonZeroU32::MIN);
    let (umem, frames) = Umem::new(umem_config, frames, false).map_err(|e| failed(cause(&e)))?;
    Ok((umem, frames, false))
}

/// The number of frames, rounded up so that they fill whole huge pages: a part of one can be mapped, but not unmapped.
fn whole_huge_pages(config: &AfxdpConfig) -> NonZeroU32 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib =
        meminfo.lines().find_map(|l| l.strip_prefix("Hugepagesize:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    let huge_page = kib.unwrap_or(2048_u32).saturating_mul(1024);
    let per_page = (huge_page / config.frame_size).max(1);
    NonZeroU32::new(config.frames.div_ceil(per_page).saturating_mul(per_page)).unwrap_or(NonZeroU32::MIN)
}

/// The last refusal as an error that speaks to the person.
pub(super) fn refused(
    interface: &str,
    queue: u32,
    link: &Link,
    config: &AfxdpConfig,
    last: Option<(Attempt, io::Error)>,
) -> OpenError {
    let interface = interface.to_owned();
    let Some((attempt, source)) = last else {
        return OpenError::Io { interface, queue, step: "bind", source: io::Error::from(Errno::EINVAL) };
    };
    match Errno::from_raw(source.raw_os_error().unwrap_or_default()) {
        Errno::EBUSY => OpenError::QueueTaken { interface, queue },
        Errno::EPERM => OpenError::NotPermitted {
            interface,
            why: privilege::explain_eperm(&[Capability::CAP_NET_RAW, Capability::CAP_NET_ADMIN]),
        },
        Errno::ENETDOWN if !link.up => OpenError::Down { interface },
        _ if attempt.zero_copy && config.zero_copy == ZeroCopy::Require => {
            OpenError::NoZeroCopy { interface, queue, source }
        }
        _ => OpenError::Io { interface, queue, step: "bind an AF_XDP socket", source },
    }
}

pub(super) fn ring(size: u32) -> io::Result<QueueSize> {
    QueueSize::new(size).map_err(io::Error::other)
}

/// The operating system's error under one of the crate's.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> io::Error {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(code);
        }
        next = error.source();
    }
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(config: &AfxdpConfig, mtu: u32) -> Vec<(bool, bool)> {
        attempts(config, mtu).into_iter().map(|a| (a.zero_copy, a.multi_buffer)).collect()
    }

    #[test]
    fn the_best_way_to_bind_is_tried_first_and_the_settings_are_kept() {
        let auto = AfxdpConfig::default();
        assert_eq!(ways(&auto, 1500), [(true, true), (true, false), (false, true), (false, false)]);
        let require = AfxdpConfig { zero_copy: ZeroCopy::Require, ..AfxdpConfig::default() };
        assert_eq!(ways(&require, 9000), [(true, true), (true, false)]);
        let never = AfxdpConfig { zero_copy: ZeroCopy::Never, ..AfxdpConfig::default() };
        assert_eq!(ways(&never, 1500), [(false, true), (false, false)]);
        let single = AfxdpConfig { multi_buffer: false, ..AfxdpConfig::default() };
        assert_eq!(ways(&single, 1500), [(true, false), (false, false)]);
    }

    #[test]
    fn jumbo_frames_are_rather_copied_whole_than_dropped_without_a_copy() {
        let ways = ways(&AfxdpConfig::default(), 9000);
        assert_eq!(ways, [(true, true), (false, true), (false, false)]);
    }

    #[test]
    fn a_nic_that_fills_whole_kib_gets_frames_that_hold_a_packet() {
        let size = |driver: &str, zero_copy: bool, config: &AfxdpConfig| {
            let mut said = Vec::new();
            for multi_buffer in [true, false] {
                let fitted = fitted(config, Attempt { zero_copy, multi_buffer }, driver, &mut said);
                assert_eq!(said.is_empty(), fitted.frame_size == config.frame_size);
                assert_eq!(fitted.frames, config.frames);
            }
            assert!(said.len() <= 1, "{said:?}");
            fitted(config, Attempt { zero_copy, multi_buffer: false }, driver, &mut said).frame_size
        };
        let config = AfxdpConfig::default();
        for driver in ["igb", "igc", "ixgbe"] {
            assert_eq!((size(driver, true, &config), size(driver, false, &config)), (4096, 2048));
        }
        for driver in ["ice", "i40e", "mlx5_core", "virtio_net", ""] {
            assert_eq!(size(driver, true, &config), 2048);
        }
        assert_eq!(size("igb", true, &AfxdpConfig { frame_size: 4096, ..config }), 4096);
    }

    #[test]
    fn huge_pages_are_filled_to_the_end() {
        let config = AfxdpConfig { frames: 6209, ..AfxdpConfig::default() };
        let frames = whole_huge_pages(&config).get();
        assert!(frames >= 6209);
        assert_eq!(u64::from(frames) * 2048 % (2 << 20), 0);
    }

    #[test]
    fn refusals_speak_to_the_person() {
        let link = Link { name: "eth1".into(), index: 3, mtu: 1500, up: true, running: true, kind: None, xdp: None };
        let say = |code: i32, link: &Link, zero_copy: bool| {
            let mode = if zero_copy { ZeroCopy::Require } else { ZeroCopy::Auto };
            let config = AfxdpConfig { zero_copy: mode, ..AfxdpConfig::default() };
            let last = Some((Attempt { zero_copy, multi_buffer: true }, io::Error::from_raw_os_error(code)));
            refused("eth1", 2, link, &config, last).to_string()
        };
        assert!(say(libc::EBUSY, &link, false).starts_with("queue 2 of eth1 is served by another AF_XDP socket"));
        assert!(say(libc::EOPNOTSUPP, &link, true).starts_with("the driver of eth1 refuses zero-copy on queue 2"));
        assert!(say(libc::EPERM, &link, false).starts_with("not permitted to open an AF_XDP socket on eth1"));
        let down = Link { up: false, ..link.clone() };
        assert_eq!(say(libc::ENETDOWN, &down, false), "eth1 is down: `ip link set dev eth1 up`");
        assert!(say(libc::EIO, &link, false).starts_with("cannot bind an AF_XDP socket for queue 2 of eth1"));
    }
}
