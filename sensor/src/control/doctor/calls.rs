//! The two system calls of `sekisho doctor` that no crate wraps: ethtool's ioctl, and the question whether the clock is kept in time.

#![expect(unsafe_code, reason = "SIOCETHTOOL and adjtimex take pointers that only the caller can vouch for")]

use nix::libc;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// An interface's name as the kernel takes it.
pub type Name = [libc::c_char; libc::IFNAMSIZ];

// include/uapi/linux/ethtool.h
pub const GDRVINFO: u32 = 0x03;
pub const GCOALESCE: u32 = 0x0e;
pub const SCOALESCE: u32 = 0x0f;
pub const GRINGPARAM: u32 = 0x10;
pub const SRINGPARAM: u32 = 0x11;
pub const GPAUSEPARAM: u32 = 0x12;
pub const SPAUSEPARAM: u32 = 0x13;
pub const GSTRINGS: u32 = 0x1b;
pub const GRXFH: u32 = 0x29;
pub const SRXFH: u32 = 0x2a;
pub const GSSET_INFO: u32 = 0x37;
pub const GFEATURES: u32 = 0x3a;
pub const SFEATURES: u32 = 0x3b;
pub const GCHANNELS: u32 = 0x3c;
pub const SCHANNELS: u32 = 0x3d;
pub const GRSSH: u32 = 0x46;
pub const SRSSH: u32 = 0x47;

/// Names that there is room for in the answer to `GSTRINGS`, which the kernel does not bound: many times what any set has that is asked
/// for here (the kernel's own, of a fixed length; never a driver's).
pub const MOST_NAMES: usize = 4096;
/// 32-bit words of a name.
pub const NAME_WORDS: usize = 8;

/// How many words a request and the answer to it take; none if the command is not known here.
fn room(words: &[u32]) -> Option<usize> {
    let word = |at: usize| words.get(at).copied().unwrap_or(0) as usize;
    Some(match *words.first()? {
        GDRVINFO => 49,
        GCOALESCE | SCOALESCE => 23,
        GRINGPARAM | SRINGPARAM | GCHANNELS | SCHANNELS => 9,
        GPAUSEPARAM | SPAUSEPARAM => 4,
        GSTRINGS => 3 + MOST_NAMES * NAME_WORDS,
        GRXFH | SRXFH => 48,
        GSSET_INFO => 4 + (word(2).count_ones() + word(3).count_ones()) as usize,
        GFEATURES => word(1).checked_mul(4)?.checked_add(2)?,
        SFEATURES => word(1).checked_mul(2)?.checked_add(2)?,
        GRSSH => word(2).checked_add(word(3).div_ceil(4))?.checked_add(6)?,
        SRSSH => {
            let table = if words.get(2) == Some(&u32::MAX) { 0 } else { word(2) };
            table.checked_add(word(3).div_ceil(4))?.checked_add(6)?
        }
        _ => return None,
    })
}

/// One request to ethtool: `words` is the command's structure, which the answer overwrites.
///
/// # Errors
/// As the kernel says; `EINVAL` for an unknown command, or words with too little room for its answer.
pub fn ethtool(socket: BorrowedFd<'_>, name: Name, words: &mut [u32]) -> io::Result<()> {
    if room(words).is_none_or(|needed| words.len() < needed) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data: words.as_mut_ptr().cast() };
    let mut request = libc::ifreq { ifr_name: name, ifr_ifru };
    // SAFETY: request and words outlive the call; the kernel reads and writes no more than the command's structure with the counts in
    // it, and the check above has found room for that.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether the kernel believes that its clock is kept in time by some program.
#[must_use]
pub fn clock_synchronised() -> Option<bool> {
    // SAFETY: all-zero bytes are a valid timex.
    let mut time: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a whole timex that outlives the call; with modes 0 it only asks.
    let state = unsafe { libc::adjtimex(&raw mut time) };
    (state >= 0).then_some(time.status & libc::STA_UNSYNC == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    use proptest::prelude::*;
    use std::os::fd::AsFd as _;

    proptest! {
        #[test]
        fn words_without_room_are_refused(command in 0u32..0x60, sizes: [u32; 3], len in 1usize..64) {
            let mut words = vec![0; len];
            for (word, value) in words.iter_mut().zip([command, sizes[0], sizes[1], sizes[2]]) {
                *word = value;
            }
            prop_assert!(room(&words).is_none_or(|needed| needed >= 2));
            let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).unwrap();
            // No interface has an empty name, so nothing is changed whatever the words say.
            prop_assert!(ethtool(socket.as_fd(), [0; libc::IFNAMSIZ], &mut words).is_err());
        }
    }
}
