//! Frames that prove on arrival that they are whole, and a socket to send them.

use anyhow::{Context as _, Result};
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike as _, bind, send, socket};
use std::os::fd::{AsRawFd as _, OwnedFd};

/// Bytes before the payload: Ethernet, IPv4 and UDP.
pub const HEADERS: usize = 14 + 20 + 8;

/// An Ethernet frame of `len` bytes (at least 64) with an IPv4/UDP packet of flow `flow` (its source port), number `number`. Every
/// byte of its payload follows from flow and number, so a frame that arrives can be compared with the one that was sent.
#[must_use]
pub fn frame(flow: u16, number: u64, len: usize) -> Vec<u8> {
    let len = len.max(64);
    let mut frame = headers(flow, len);
    frame.extend_from_slice(&number.to_be_bytes());
    let mut state = (number << 16) | u64::from(flow);
    while frame.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        frame.push((state >> 56) as u8);
    }
    frame
}

/// An Ethernet frame with an IPv4/UDP packet of flow `flow` (its source port) that carries `payload`.
#[must_use]
pub fn datagram(flow: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = headers(flow, HEADERS + payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// The headers of a frame that will be `len` bytes long. Its UDP checksum is left out, as RFC 768 allows.
fn headers(flow: u16, len: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(len);
    frame.extend_from_slice(&[0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00]);
    let ip_len = (len - 14) as u16;
    let mut ip = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    ip[2..4].copy_from_slice(&ip_len.to_be_bytes());
    let sum = ip.chunks(2).map(|c| u32::from(u16::from_be_bytes([c[0], c[1]]))).sum::<u32>();
    let sum = (sum & 0xffff) + (sum >> 16);
    ip[10..12].copy_from_slice(&(!(((sum & 0xffff) + (sum >> 16)) as u16)).to_be_bytes());
    frame.extend_from_slice(&ip);
    frame.extend_from_slice(&flow.to_be_bytes());
    frame.extend_from_slice(&9_u16.to_be_bytes());
    frame.extend_from_slice(&(ip_len - 20).to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame
}

/// Flow and number of a frame that [`frame`] made, or `None` if any byte of it is not as it was made.
#[must_use]
pub fn identify(bytes: &[u8]) -> Option<(u16, u64)> {
    let flow = u16::from_be_bytes(bytes.get(34..36)?.try_into().ok()?);
    let number = u64::from_be_bytes(bytes.get(HEADERS..HEADERS + 8)?.try_into().ok()?);
    (bytes == frame(flow, number, bytes.len())).then_some((flow, number))
}

/// Sends frames as they are from one interface.
#[derive(Debug)]
pub struct Sender {
    socket: OwnedFd,
}

impl Sender {
    /// Opens it in the caller's network namespace.
    pub fn new(interface: &str) -> Result<Self> {
        let link: LinkAddr = nix::ifaddrs::getifaddrs()?
            .filter(|i| i.interface_name == interface)
            .find_map(|i| i.address?.as_link_addr().copied())
            .with_context(|| format!("no interface {interface} to send from"))?;
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None)?;
        debug_assert_eq!(link.family(), Some(AddressFamily::Packet));
        bind(socket.as_raw_fd(), &link)?;
        Ok(Self { socket })
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        anyhow::ensure!(sent == frame.len(), "only {sent} of {} bytes were sent", frame.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_known_again_and_a_changed_one_is_not() {
        for len in [64, 65, 1514, 9014] {
            let mut made = frame(7, 1 << 40, len);
            assert_eq!(made.len(), len);
            assert_eq!(identify(&made), Some((7, 1 << 40)));
            made[len - 1] ^= 1;
            assert_eq!(identify(&made), None);
        }
        assert_eq!(identify(&[]), None);
        assert_eq!(identify(&frame(1, 1, 64)[..63]), None);
    }
}
