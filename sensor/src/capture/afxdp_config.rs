//! How AF_XDP sockets are set up: the keys of the configuration's `[capture.afxdp]`, with their limits, and what can go
//! wrong on the way. The defaults hold 16 MiB of packet memory a queue.

use super::link::LinkError;
use serde::Deserialize;

/// Frames taken from the RX ring at a time. Frames beyond the rings are kept for it, so that the fill ring is topped up
/// as soon as frames are taken, and not only when they have been processed.
pub const BATCH: usize = 64;

/// The settings of every AF_XDP socket of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AfxdpConfig {
    /// The receive queues to serve; all of the interface's when absent. Packets of other queues are not inspected: they go where
    /// `no_socket` says, and are counted.
    pub queues: Option<Vec<u32>>,
    /// Bytes of one frame of packet memory: 2048 or 4096. 256 of them are the kernel's; a longer packet takes several frames. In
    /// zero-copy, NICs that fill whole KiB (igb, igc, ixgbe) have 4096 always.
    pub frame_size: u32,
    /// Frames of packet memory per queue, shared by both rings and the packets in work: more than `rx_ring` and `fill_ring`
    /// together. Large NIC rings in zero-copy mode want more.
    pub frames: u32,
    /// Slots of the RX ring: received frames that wait for the worker. A power of two.
    pub rx_ring: u32,
    /// Slots of the fill ring: empty frames that the NIC can take. A power of two; at least the NIC's own ring is a good choice.
    pub fill_ring: u32,
    /// Whether the NIC writes packets straight into packet memory.
    pub zero_copy: ZeroCopy,
    /// Accept packets that need several frames (jumbo frames). Needs Linux 6.6, else packets longer than a frame are dropped by
    /// the kernel (and counted in `xsk_rx_dropped`).
    pub multi_buffer: bool,
    /// Let the driver sleep and wake it by a system call only when it asks: less CPU time, and right in nearly all cases.
    pub need_wakeup: bool,
    /// Let the worker run the NIC's queue itself rather than wait for interrupts: least latency, a whole CPU per queue always.
    /// Also set the interface's `napi_defer_hard_irqs` and `gro_flush_timeout`.
    pub busy_poll: Option<BusyPoll>,
    /// Whether packet memory lies in huge pages (`sysctl vm.nr_hugepages`).
    pub huge_pages: HugePages,
}

impl Default for AfxdpConfig {
    fn default() -> Self {
        Self {
            queues: None,
            frame_size: 2048,
            frames: 8192,
            rx_ring: 2048,
            fill_ring: 4096,
            zero_copy: ZeroCopy::Auto,
            multi_buffer: true,
            need_wakeup: true,
            busy_poll: None,
            huge_pages: HugePages::Auto,
        }
    }
}

/// Whether to use zero-copy mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZeroCopy {
    /// Where the driver can, else copy; said in the log and a metric.
    #[default]
    Auto,
    /// Refuse to start without.
    Require,
    /// Copy always.
    Never,
}

/// Whether to use huge pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HugePages {
    /// Where there are free ones, else normal pages; said in the log.
    #[default]
    Auto,
    /// Refuse to start without.
    Require,
    /// Normal pages always.
    Never,
}

/// Preferred busy polling of the socket (SO_PREFER_BUSY_POLL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusyPoll {
    /// Microseconds that one call polls for when there is nothing, 1 to 1000.
    pub usec: u16,
    /// Packets that one call takes from the NIC at most, 1 to 512.
    pub budget: u16,
}

impl Default for BusyPoll {
    fn default() -> Self {
        Self { usec: 20, budget: 64 }
    }
}

/// A setting out of its limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error("frame_size is {0}: it must be 2048 or 4096")]
    FrameSize(u32),
    #[error("{key} is {value}: it must be a power of two from 64 to 65536")]
    Ring { key: &'static str, value: u32 },
    #[error(
        "frames is {frames}: it must be more than rx_ring and fill_ring together ({rings}), and at least {least}, to at most 4194304"
    )]
    Frames { frames: u32, rings: u32, least: u32 },
    #[error("busy_poll.usec is {0}: it must be 1 to 1000")]
    BusyPollTime(u16),
    #[error("busy_poll.budget is {0}: it must be 1 to 512")]
    BusyPollBudget(u16),
    #[error("queues is empty: name at least one queue, or leave the key out to serve all")]
    NoQueues,
    #[error("queues names queue {0} twice")]
    QueueTwice(u32),
}

impl AfxdpConfig {
    /// Checks every value against its limits, and reports the first that is out of them.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !matches!(self.frame_size, 2048 | 4096) {
            return Err(ConfigError::FrameSize(self.frame_size));
        }
        for (key, value) in [("rx_ring", self.rx_ring), ("fill_ring", self.fill_ring)] {
            if !value.is_power_of_two() || !(64..=65536).contains(&value) {
                return Err(ConfigError::Ring { key, value });
            }
        }
        let rings = self.rx_ring + self.fill_ring;
        let least = rings + BATCH as u32;
        if !(least..=4_194_304).contains(&self.frames) {
            return Err(ConfigError::Frames { frames: self.frames, rings, least });
        }
        if let Some(busy) = self.busy_poll {
            if !(1..=1000).contains(&busy.usec) {
                return Err(ConfigError::BusyPollTime(busy.usec));
            }
            if !(1..=512).contains(&busy.budget) {
                return Err(ConfigError::BusyPollBudget(busy.budget));
            }
        }
        if let Some(queues) = &self.queues {
            let mut seen = std::collections::HashSet::new();
            if let Some(twice) = queues.iter().find(|q| !seen.insert(**q)) {
                return Err(ConfigError::QueueTwice(*twice));
            }
            if queues.is_empty() {
                return Err(ConfigError::NoQueues);
            }
        }
        Ok(())
    }

    /// The queues to serve of an interface that has `all`: those that are named, whether they exist or not, or all.
    #[must_use]
    pub fn queues_to_serve(&self, all: u32) -> Vec<u32> {
        self.queues.clone().unwrap_or_else(|| (0..all).collect())
    }

    /// Packet memory of one queue, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        u64::from(self.frames) * u64::from(self.frame_size)
    }
}

/// Why a socket could not be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is out of its limits.
    #[error("capture.afxdp: {0}")]
    Config(#[from] ConfigError),
    /// The interface could not be looked up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The interface has fewer queues.
    #[error(
        "{interface} has no queue {queue}: it has {queues} (0 to {last}). Correct capture.afxdp.queues, or give it more with `ethtool -L`",
        last = queues.saturating_sub(1)
    )]
    NoQueue {
        /// The interface.
        interface: String,
        /// The queue asked for.
        queue: u32,
        /// How many it has.
        queues: u32,
    },
    /// Another AF_XDP socket has the queue.
    #[error(
        "queue {queue} of {interface} is served by another AF_XDP socket already: stop the other program (another sensor, Suricata, DPDK …), \
         or leave the queue out"
    )]
    QueueTaken {
        /// The interface.
        interface: String,
        /// The queue asked for.
        queue: u32,
    },
    /// The process may not.
    #[error("not permitted to open an AF_XDP socket on {interface}: {why}")]
    NotPermitted {
        /// The interface.
        interface: String,
        /// The gate that is shut, and how to open it.
        why: String,
    },
    /// The limit of locked memory is too low.
    #[error(
        "a queue's packet memory ({needed_bytes} bytes) is over the limit of locked memory ({limit_bytes} bytes): set LimitMEMLOCK=infinity in \
         the unit (or `ulimit -l unlimited`), give the process CAP_IPC_LOCK, or lower capture.afxdp.frames"
    )]
    LockedMemory {
        /// What one queue needs.
        needed_bytes: u64,
        /// RLIMIT_MEMLOCK's soft limit.
        limit_bytes: u64,
    },
    /// Huge pages were required.
    #[error(
        "there are not enough free huge pages for a queue's packet memory ({needed_bytes} bytes): raise `sysctl vm.nr_hugepages`, or set \
         capture.afxdp.huge_pages to \"auto\" ({source})"
    )]
    NoHugePages {
        /// What one queue needs.
        needed_bytes: u64,
        /// The kernel's word.
        source: std::io::Error,
    },
    /// Zero-copy was required.
    #[error(
        "the driver of {interface} refuses zero-copy on queue {queue} ({source}): see `sekisho doctor`, or set capture.afxdp.zero_copy to \"auto\""
    )]
    NoZeroCopy {
        /// The interface.
        interface: String,
        /// The queue.
        queue: u32,
        /// The kernel's word.
        source: std::io::Error,
    },
    /// The kernel was built without AF_XDP.
    #[error("this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): use a distribution's kernel from 5.18 on")]
    NoAfxdp,
    /// The interface is down.
    #[error("{interface} is down: `ip link set dev {interface} up`")]
    Down {
        /// The interface.
        interface: String,
    },
    /// Anything else.
    #[error("cannot {step} for queue {queue} of {interface}: {source}")]
    Io {
        /// The interface.
        interface: String,
        /// The queue.
        queue: u32,
        /// What was being done.
        step: &'static str,
        /// The kernel's word.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> AfxdpConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn nothing_said_is_the_default_and_the_default_is_within_its_limits() {
        assert_eq!(parse(""), AfxdpConfig::default());
        AfxdpConfig::default().validate().unwrap();
        assert_eq!(AfxdpConfig::default().memory_bytes(), 16 << 20);
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            "queues = [0, 2]\nframe_size = 4096\nframes = 400\nrx_ring = 64\nfill_ring = 128\nzero_copy = \"require\"\n\
             multi_buffer = false\nneed_wakeup = false\nbusy_poll = { usec = 50, budget = 128 }\nhuge_pages = \"never\"",
        );
        let expected = AfxdpConfig {
            queues: Some(vec![0, 2]),
            frame_size: 4096,
            frames: 400,
            rx_ring: 64,
            fill_ring: 128,
            zero_copy: ZeroCopy::Require,
            multi_buffer: false,
            need_wakeup: false,
            busy_poll: Some(BusyPoll { usec: 50, budget: 128 }),
            huge_pages: HugePages::Never,
        };
        assert_eq!(config, expected);
        config.validate().unwrap();
    }

    #[test]
    fn all_queues_are_served_unless_some_are_named() {
        assert_eq!(parse("").queues_to_serve(3), [0, 1, 2]);
        assert_eq!(parse("queues = [2]").queues_to_serve(3), [2]);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<AfxdpConfig>("frame_sise = 2048").unwrap_err().to_string().contains("frame_sise"));
        assert!(toml::from_str::<AfxdpConfig>("busy_poll = { usecs = 1 }").is_err());
    }

    #[test]
    fn values_out_of_their_limits_are_named() {
        let cases = [
            ("frame_size = 1500", "frame_size is 1500"),
            ("frame_size = 8192", "frame_size is 8192"),
            ("rx_ring = 1000", "rx_ring is 1000"),
            ("fill_ring = 0", "fill_ring is 0"),
            ("fill_ring = 131072", "fill_ring is 131072"),
            ("frames = 6144", "frames is 6144"),
            ("frames = 4294967295", "frames is 4294967295"),
            ("busy_poll = { usec = 0 }", "busy_poll.usec is 0"),
            ("busy_poll = { budget = 513 }", "busy_poll.budget is 513"),
            ("queues = []", "queues is empty"),
            ("queues = [1, 0, 1]", "queue 1 twice"),
        ];
        for (text, expected) in cases {
            let message = parse(text).validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
        parse("frames = 6208").validate().unwrap();
    }
}
