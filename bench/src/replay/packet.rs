//! Sending by an AF_PACKET socket: one call a frame, on any interface, and an answer for each frame.

use super::{Frames, Sent};
use anyhow::Context;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, send, socket};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

/// A socket bound to an interface, for sending only: its protocol is 0, so nothing is ever queued on it.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
}

impl PacketSocket {
    /// On the interface of this name.
    ///
    /// # Errors
    /// No such interface, no privilege.
    pub fn new(interface: &str) -> anyhow::Result<Self> {
        let address: LinkAddr = nix::ifaddrs::getifaddrs()
            .context("cannot list the interfaces")?
            .filter(|entry| entry.interface_name == interface)
            .find_map(|entry| entry.address.and_then(|a| a.as_link_addr().copied()))
            .with_context(|| {
                format!("there is no interface {interface} in this network namespace (ip link shows those that are)")
            })?;
        let fd = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(
            |errno| match errno {
                Errno::EPERM => anyhow::anyhow!("raw sockets need CAP_NET_RAW: run this as root"),
                errno => anyhow::anyhow!("cannot open an AF_PACKET socket: {errno}"),
            },
        )?;
        bind(fd.as_raw_fd(), &address).with_context(|| format!("cannot bind to {interface}"))?;
        Ok(Self { fd })
    }

    /// Sends the frames of a range, one after another.
    ///
    /// # Errors
    /// The interface went away or is down; a frame is too long for it.
    pub fn send(&mut self, frames: &Frames, range: Range<usize>, sent: &mut Sent) -> anyhow::Result<()> {
        for at in range {
            let (frame, mark) = frames.get(at);
            loop {
                match send(self.fd.as_raw_fd(), frame, MsgFlags::empty()) {
                    Ok(_) => sent.count(frame, mark),
                    Err(Errno::ENOBUFS | Errno::EAGAIN) => sent.refused += 1,
                    Err(Errno::EINTR) => continue,
                    Err(errno) => {
                        return Err(
                            anyhow::Error::from(errno).context(format!("sending failed after {} frames", sent.sent))
                        );
                    }
                }
                break;
            }
        }
        Ok(())
    }
}
