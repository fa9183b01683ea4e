//! EVE JSON to a Unix socket that somebody else listens on: lines over a stream, or an event a datagram, as Suricata's `unix_stream` and
//! `unix_dgram` do.
//!
//! What the socket's buffer took counts as written; if its reader dies, what it had not read is gone with it. A datagram that the
//! kernel finds too long (by default a little over 200 KiB) is lost, and counted as too long.

use super::health::{Loss, OutputCounts};
use super::peer::{Failure, Load, Output, PATIENCE, SEND_STEP};
use super::peers_config::SocketKind;
use nix::sys::socket::{MsgFlags, recv};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::Instant;

/// See the module.
pub(super) struct UnixOutput {
    path: PathBuf,
    kind: SocketKind,
    /// The longest datagram.
    message_max_bytes: usize,
    stream: Option<UnixStream>,
    datagram: Option<UnixDatagram>,
}

impl UnixOutput {
    pub(super) const fn new(path: PathBuf, kind: SocketKind, message_max_bytes: usize) -> Self {
        Self { path, kind, message_max_bytes, stream: None, datagram: None }
    }
}

impl Output for UnixOutput {
    fn connect(&mut self) -> Result<(), Failure> {
        match self.kind {
            SocketKind::Stream => {
                let stream = UnixStream::connect(&self.path).map_err(Failure::Connect)?;
                stream.set_write_timeout(Some(SEND_STEP)).map_err(Failure::Connect)?;
                self.stream = Some(stream);
            }
            SocketKind::Datagram => self.datagram = Some(unix_datagram(&self.path)?),
        }
        Ok(())
    }

    fn send(&mut self, load: &mut Load, counts: &OutputCounts) -> Result<(), Failure> {
        if let Some(stream) = &mut self.stream {
            return send_lines(stream, load, counts);
        }
        let most = self.message_max_bytes;
        while let (Some(datagram), Some((line, _))) = (&self.datagram, load.front()) {
            let sent = if line.len() > most { Sent::TooLong } else { sent(datagram.send(line))? };
            match sent {
                Sent::Yes => load.written(counts),
                Sent::TooLong => load.lost(Loss::TooLong, counts),
                Sent::NotNow => return Ok(()),
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Failure> {
        self.stream.as_ref().map_or(Ok(()), |stream| still_there(stream.as_raw_fd()))
    }

    fn disconnect(&mut self) {
        (self.stream, self.datagram) = (None, None);
    }
}

/// A datagram socket to whoever has bound `path`.
pub(super) fn unix_datagram(path: &std::path::Path) -> Result<UnixDatagram, Failure> {
    let datagram = UnixDatagram::unbound().map_err(Failure::Connect)?;
    datagram.set_write_timeout(Some(SEND_STEP)).map_err(Failure::Connect)?;
    datagram.connect(path).map_err(Failure::Connect)?;
    Ok(datagram)
}

/// Writes lines until the peer takes no more for now.
fn send_lines(stream: &mut impl Write, load: &mut Load, counts: &OutputCounts) -> Result<(), Failure> {
    let since = Instant::now();
    while !load.is_empty() && since.elapsed() < PATIENCE {
        match stream.write(load.stream_bytes()) {
            Ok(0) => return Err(Failure::Closed),
            Ok(n) => load.took(n, counts),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_not_now(&error) => return Ok(()),
            Err(error) => return Err(Failure::Broken(error)),
        }
    }
    Ok(())
}

/// The peer of a stream that is sent to only: it has nothing to say, but that it is gone.
pub(super) fn still_there(socket: RawFd) -> Result<(), Failure> {
    match recv(socket, &mut [0; 1], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
        Ok(0) => Err(Failure::Closed),
        Ok(_) | Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(Failure::Broken(error.into())),
    }
}

/// What became of a datagram.
pub(super) enum Sent {
    Yes,
    NotNow,
    TooLong,
}

pub(super) fn sent(result: io::Result<usize>) -> Result<Sent, Failure> {
    match result {
        Ok(_) => Ok(Sent::Yes),
        Err(error) if is_not_now(&error) => Ok(Sent::NotNow),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32) => Ok(Sent::TooLong),
        Err(error) => Err(Failure::Broken(error)),
    }
}

/// Its buffer is full, or the attempt took its time.
pub(super) fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
        || error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32)
}
