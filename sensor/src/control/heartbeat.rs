//! A worker's signs of life, which the XDP program of a port in line reads: where they stop, the program forwards by itself.
//!
//! The words lie in a BPF map that is mapped into this process's memory, so that a sign costs one store and no system call.

#![expect(unsafe_code, reason = "the memory is shared with the kernel")]

use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::sync::atomic::{AtomicU64, Ordering};

/// One port's heartbeats, one word a queue.
#[derive(Debug)]
pub struct Heartbeats {
    words: MmapRaw,
    queues: u32,
}

impl Heartbeats {
    /// Maps the BPF array `map` of `queues` words.
    ///
    /// # Errors
    /// The kernel's.
    pub fn map(map: impl AsFd, queues: u32) -> io::Result<Self> {
        let words = MmapOptions::new().len(queues as usize * size_of::<u64>()).map_raw(map.as_fd().as_raw_fd())?;
        Ok(Self { words, queues })
    }

    /// `queue`'s worker lives at `now_ns` ([`monotonic_ns`]).
    pub fn beat(&self, queue: u32, now_ns: u64) {
        if queue < self.queues {
            // SAFETY: the word lies in the mapping, which begins on a page, so it is aligned; this process touches it only through
            // atomics, and the kernel's program reads whole words.
            let word = unsafe { AtomicU64::from_ptr(self.words.as_mut_ptr().cast::<u64>().add(queue as usize)) };
            word.store(now_ns, Ordering::Relaxed);
        }
    }
}

/// The clock that the kernel's programs read: CLOCK_MONOTONIC in nanoseconds. No system call where the kernel shares its clock.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes exactly this structure. The clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let (seconds, rest) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.wrapping_mul(1_000_000_000).wrapping_add(rest)
}
