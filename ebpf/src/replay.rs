//! The plain data that the replay program and `sekisho-bench` share. No `std`, no dependencies: both include this very
//! file.

/// Frames in [`names::FRAMES`]: the most that one call into the kernel sends.
pub const SLOTS: u32 = 4096;

/// Longest frame of a slot in bytes. A live frame, its headroom and the kernel's own data share a page of 4,096 bytes.
pub const LARGEST_FRAME: usize = 3064;

/// A frame to be sent.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Slot {
    /// Length of the frame in bytes, 14 to [`LARGEST_FRAME`].
    pub len: u32,
    /// Set to 1 when the interface refused it.
    pub refused: u32,
    /// The frame, and whatever was there before.
    pub bytes: [u8; LARGEST_FRAME],
}

/// What a run is to do, and what came of it. The one element of [`names::RUN`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Run {
    /// Index of the interface to send on.
    pub ifindex: u64,
    /// Length in bytes that every frame has before the program gives it its own.
    pub template: u64,
    /// Slot of the next frame.
    pub next: u64,
    /// The process that sends; the program notes it.
    pub process: u64,
    /// Slot of the next frame whose transmission is to be reported: less than `next` while some are pending.
    pub reported: u64,
    /// Frames that the interface took.
    pub sent: u64,
    /// Frames that it refused.
    pub refused: u64,
    /// Frames that could not be made; after one, what is reported is not to be relied on.
    pub failed: u64,
}

impl Run {
    /// As an array, which is what the map holds for a loader that knows plain numbers only.
    #[must_use]
    pub const fn to_words(self) -> [u64; 8] {
        [self.ifindex, self.template, self.next, self.process, self.reported, self.sent, self.refused, self.failed]
    }

    /// From an array.
    #[must_use]
    pub const fn from_words(words: [u64; 8]) -> Self {
        let [ifindex, template, next, process, reported, sent, refused, failed] = words;
        Self { ifindex, template, next, process, reported, sent, refused, failed }
    }
}

/// Names of programs and maps in the object.
pub mod names {
    /// The XDP program that makes each live frame.
    pub const PROGRAM: &str = "sekisho_replay";
    /// The program at the raw tracepoint `xdp_devmap_xmit`, which reports what became of them.
    pub const OUTCOME: &str = "sekisho_outcome";
    /// Array of [`Slot`](super::Slot), which can be mapped into memory.
    pub const FRAMES: &str = "FRAMES";
    /// Array of one [`Run`](super::Run).
    pub const RUN: &str = "RUN";
}
