//! The slots of the replay program, mapped into memory: writing frames there costs no system call. The one file of the replay
//! with `unsafe` in it.
#![expect(unsafe_code, reason = "the map's memory is shared with the kernel")]

use super::shared::{LARGEST_FRAME, SLOTS, Slot};
use anyhow::Context;
use memmap2::{MmapMut, MmapOptions};
use std::mem::{offset_of, size_of};
use std::os::fd::{AsFd, AsRawFd};

/// The array of slots.
#[derive(Debug)]
pub struct Slots {
    memory: MmapMut,
}

impl Slots {
    /// Maps the array behind this descriptor.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn new(map: impl AsFd) -> anyhow::Result<Self> {
        let len = SLOTS as usize * size_of::<Slot>();
        // SAFETY: the map was made by this process for itself and has this length. The kernel changes it only while a run, which
        // borrows the whole sender, is inside its system call; all bit patterns are bytes.
        let memory = unsafe { MmapOptions::new().len(len).map_mut(map.as_fd().as_raw_fd()) };
        Ok(Self { memory: memory.context("cannot map the frames' slots into memory")? })
    }

    /// Puts a frame into a slot; `None` if there is no such slot or the frame is too long.
    pub fn put(&mut self, slot: usize, frame: &[u8]) -> Option<()> {
        let start = slot.checked_mul(size_of::<Slot>())?;
        let bytes = self.memory.get_mut(start..start + size_of::<Slot>())?;
        if frame.len() > LARGEST_FRAME {
            return None;
        }
        bytes
            .get_mut(offset_of!(Slot, len)..)?
            .first_chunk_mut()
            .map(|len| *len = (frame.len() as u32).to_ne_bytes())?;
        bytes.get_mut(offset_of!(Slot, refused)..)?.first_chunk_mut().map(|refused| *refused = [0; 4])?;
        bytes.get_mut(offset_of!(Slot, bytes)..)?.get_mut(..frame.len())?.copy_from_slice(frame);
        Some(())
    }

    /// The interface refused the frame of this slot.
    pub fn refused(&self, slot: usize) -> bool {
        let at = slot.saturating_mul(size_of::<Slot>()).saturating_add(offset_of!(Slot, refused));
        self.memory.get(at..).and_then(|bytes| bytes.first_chunk::<4>()) != Some(&[0; 4])
    }
}
