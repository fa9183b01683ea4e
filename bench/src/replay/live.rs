//! Sending by XDP live frames: the kernel runs a program thousands of times in one call, each run makes a frame from a slot and
//! redirects it to the interface. Past queueing disciplines and taps, several times as fast as a socket. The other end of
//! a veth must take XDP frames: it has an XDP program, or GRO switched on.

use super::mapped::Slots;
use super::object::OBJECT;
use super::shared::{LARGEST_FRAME, Run, SLOTS, names};
use super::{Frames, Sent};
use anyhow::{Context, bail, ensure};
use aya::maps::Array;
use aya::programs::{RawTracePoint, TestRun as _, TestRunAttrs, TestRunOptions, Xdp, XdpMode};
use aya::{Ebpf, EbpfLoader};
use std::ops::Range;

/// Frames that the kernel makes before it hands them on. More does not help, see the bench's README.
const BATCH: u32 = 64;
/// Least frame: an Ethernet header.
const LEAST_FRAME: usize = 14;
/// The loopback's index, the same in every network namespace; live frames seem to come from it.
const LOOPBACK: u32 = 1;

/// The loaded programs.
pub struct LiveFrames {
    object: Ebpf,
    slots: Slots,
    ifindex: u32,
    /// What every frame is before the program gives it its own length and bytes.
    template: Vec<u8>,
}

impl std::fmt::Debug for LiveFrames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveFrames").field("ifindex", &self.ifindex).finish_non_exhaustive()
    }
}

fn set_run(object: &mut Ebpf, run: Run) -> anyhow::Result<()> {
    let mut state: Array<_, [u64; 8]> = object.map_mut(names::RUN).context("no map of the run")?.try_into()?;
    Ok(state.set(0, run.to_words(), 0)?)
}

impl LiveFrames {
    /// On the interface of this name, for frames as long as those given.
    ///
    /// # Errors
    /// No such interface, no privilege, a kernel before 5.18, a frame that no page can hold.
    pub fn new(interface: &str, frames: &Frames) -> anyhow::Result<Self> {
        let lengths = || frames.list.iter().map(|(from, to, _)| to - from);
        let (least, largest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
        ensure!(
            least >= LEAST_FRAME && largest <= LARGEST_FRAME,
            "XDP sends frames of {LEAST_FRAME} to {LARGEST_FRAME} bytes, and these have {least} to {largest}"
        );
        let ifindex = nix::net::if_::if_nametoindex(interface)
            .with_context(|| format!("there is no interface {interface} in this network namespace"))?;
        let mut object = EbpfLoader::new().load(OBJECT).context("cannot load the replay program (as root?)")?;
        ensure!(ifindex != LOOPBACK, "XDP cannot send on the loopback");
        set_run(&mut object, Run { ifindex: ifindex.into(), ..Run::default() })?;
        let program: &mut Xdp = object.program_mut(names::PROGRAM).context("no program")?.try_into()?;
        program.load().context("the kernel does not take the replay program")?;
        // Each call changes the kernel's table of XDP programs, which takes some 15 ms, unless the program is in use anyway. As the
        // interface's own, which passes all that is received, it is. Where another program is, calls take that long.
        let _in_use = program.attach_to_if_index(ifindex, XdpMode::Skb);
        let outcome: &mut RawTracePoint = object.program_mut(names::OUTCOME).context("no program")?.try_into()?;
        outcome.load()?;
        outcome.attach("xdp_devmap_xmit").context("cannot watch what becomes of the frames")?;
        let slots = match object.map(names::FRAMES).context("no map of frames")? {
            aya::maps::Map::Array(map) => Slots::new(map.fd())?,
            _ => bail!("the map of frames is no array"),
        };
        Ok(Self { object, slots, ifindex, template: vec![0; largest] })
    }

    /// Most frames of a call.
    pub const MOST: usize = SLOTS as usize;

    /// Sends the frames of a range, at most [`Self::MOST`], in their order.
    ///
    /// # Errors
    /// The kernel stopped in the middle: the interface is down, or a frame is longer than its MTU.
    pub fn send(&mut self, frames: &Frames, range: Range<usize>, sent: &mut Sent) -> anyhow::Result<()> {
        for (slot, at) in range.clone().enumerate() {
            self.slots.put(slot, frames.get(at).0).context("a frame that does not fit")?;
        }
        let run = Run { ifindex: self.ifindex.into(), template: self.template.len() as u64, ..Run::default() };
        set_run(&mut self.object, run)?;
        let program: &Xdp = self.object.program(names::PROGRAM).context("no program")?.try_into()?;
        let result = program.test_run(TestRunOptions {
            data_in: Some(&self.template),
            repeat: range.len() as u32,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::new()
        });
        let state: Array<_, [u64; 8]> = self.object.map(names::RUN).context("no map of the run")?.try_into()?;
        let run = Run::from_words(state.get(&0, 0)?);
        result.with_context(|| {
            format!(
                "after {} frames of {} the kernel sent no more (is a frame longer than the MTU?)",
                run.sent,
                range.len()
            )
        })?;
        if run.failed == 0 && run.reported == 0 {
            // It was not even asked: it says that it takes no such frames.
            sent.refused += range.len() as u64;
            return Ok(());
        }
        ensure!(
            run.failed == 0 && run.reported == range.len() as u64,
            "of {} frames the kernel could not make {}, and reported on {}",
            range.len(),
            run.failed,
            run.reported
        );
        for (slot, at) in range.enumerate() {
            if run.refused > 0 && self.slots.refused(slot) {
                sent.refused += 1;
            } else {
                let (frame, mark) = frames.get(at);
                sent.count(frame, mark);
            }
        }
        Ok(())
    }
}
