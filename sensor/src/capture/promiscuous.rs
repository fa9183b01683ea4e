//! Has a monitoring port take frames to any address, which is all that a mirror sends, for as long as this process has it so.
//!
//! The kernel counts who wants it (`packet(7)`, PACKET_MR_PROMISC) and ends it with the last one: also after a crash nothing stays behind.
//! The socket receives nothing.

#![expect(unsafe_code, reason = "PACKET_ADD_MEMBERSHIP is a socket option that no crate has")]

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Promiscuous mode of one interface, until it is dropped.
#[derive(Debug)]
pub struct Promiscuous(#[expect(dead_code, reason = "held open: closing it ends the mode")] OwnedFd);

impl Promiscuous {
    /// For the interface of this number, in the network namespace of the calling thread. Needs `CAP_NET_RAW`.
    ///
    /// # Errors
    /// The capability is missing, or the interface is gone.
    pub fn new(index: u32) -> io::Result<Self> {
        // SAFETY: no pointer is passed. Protocol 0: no frame comes here.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let membership = libc::packet_mreq {
            mr_ifindex: i32::try_from(index).map_err(io::Error::other)?,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        // SAFETY: the pointer and the length describe `membership`, which outlives the call.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_ADD_MEMBERSHIP,
                (&raw const membership).cast(),
                size_of::<libc::packet_mreq>() as libc::socklen_t,
            )
        };
        if result == 0 { Ok(Self(socket)) } else { Err(io::Error::last_os_error()) }
    }
}
