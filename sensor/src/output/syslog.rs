//! Events as syslog messages (RFC 5424): the message is the EVE JSON line, its header says when, who, which type and how grave.
//!
//! Transports: the local socket (`unix:/dev/log`, a datagram each), UDP (RFC 5426, a datagram each), TCP with octet counting
//! (RFC 6587, section 3.4.1). A message longer than `message_max_bytes` is not sent: cut, it would be no JSON any more. It is counted as too
//! long. UDP says nothing about losses on its way, and TCP keeps silent about what the peer had not read when it died.

use super::config::EventType;
use super::health::{Loss, OutputCounts};
use super::peer::{Failure, Load, Output, PATIENCE, SEND_STEP};
use super::unix::{Sent, is_not_now, sent, still_there, unix_datagram};
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Instant;

/// Messages that are made and sent together over TCP.
const TOGETHER_BYTES: usize = 64 * 1024;

/// Where messages go.
pub(super) enum Transport {
    Unix(PathBuf),
    /// `HOST:PORT`, looked up at each connection.
    Udp(String),
    /// The same.
    Tcp(String),
}

enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// See the module.
pub(super) struct SyslogOutput {
    transport: Transport,
    header: Header,
    message_max_bytes: usize,
    connection: Option<Connection>,
    /// One message, or over TCP several with their lengths.
    buffer: Vec<u8>,
    /// Over TCP: bytes of the buffer that were sent, and where each message ends.
    done: usize,
    ends: Vec<usize>,
    /// Messages of the buffer that were counted.
    counted: usize,
}

impl SyslogOutput {
    pub(super) const fn new(transport: Transport, header: Header, message_max_bytes: usize) -> Self {
        let buffer = Vec::new();
        Self { transport, header, message_max_bytes, connection: None, buffer, done: 0, ends: Vec::new(), counted: 0 }
    }

    fn send_datagrams(&mut self, load: &mut Load, counts: &OutputCounts) -> Result<(), Failure> {
        let Self { header, message_max_bytes, connection, buffer, .. } = self;
        while let Some((line, kind)) = load.front() {
            buffer.clear();
            header.write(line, kind, buffer);
            let result = match connection {
                _ if buffer.len() > *message_max_bytes => Sent::TooLong,
                Some(Connection::Unix(socket)) => sent(socket.send(buffer))?,
                Some(Connection::Udp(socket)) => sent(socket.send(buffer))?,
                _ => return Err(Failure::Closed),
            };
            match result {
                Sent::Yes => load.written(counts),
                Sent::TooLong => load.lost(Loss::TooLong, counts),
                Sent::NotNow => return Ok(()),
            }
        }
        Ok(())
    }

    fn send_counted(&mut self, load: &mut Load, counts: &OutputCounts) -> Result<(), Failure> {
        let since = Instant::now();
        loop {
            while self.done < self.buffer.len() {
                let Some(Connection::Tcp(stream)) = &mut self.connection else { return Err(Failure::Closed) };
                match stream.write(self.buffer.get(self.done..).unwrap_or_default()) {
                    Ok(0) => return Err(Failure::Closed),
                    Ok(n) => self.took(n, load, counts),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if is_not_now(&error) => return Ok(()),
                    Err(error) => return Err(Failure::Broken(error)),
                }
            }
            if load.is_empty() || since.elapsed() > PATIENCE {
                return Ok(());
            }
            self.fill(load, counts);
        }
    }

    /// Makes messages of the next lines, each behind its length.
    fn fill(&mut self, load: &mut Load, counts: &OutputCounts) {
        self.forget();
        let mut message = Vec::new();
        loop {
            let mut too_long = false;
            for (line, kind) in load.lines() {
                message.clear();
                self.header.write(line, kind, &mut message);
                too_long = message.len() > self.message_max_bytes;
                if too_long || self.buffer.len() + message.len() > TOGETHER_BYTES && !self.buffer.is_empty() {
                    break;
                }
                // Writing to a Vec cannot fail.
                let _ = write!(self.buffer, "{} ", message.len());
                self.buffer.extend_from_slice(&message);
                self.ends.push(self.buffer.len());
            }
            if !(too_long && self.buffer.is_empty()) {
                return;
            }
            load.lost(Loss::TooLong, counts);
        }
    }

    fn took(&mut self, n: usize, load: &mut Load, counts: &OutputCounts) {
        self.done += n;
        while self.ends.get(self.counted).is_some_and(|end| *end <= self.done) {
            load.written(counts);
            self.counted += 1;
        }
    }

    /// The buffer's messages are sent, or to be made again.
    fn forget(&mut self) {
        self.buffer.clear();
        self.ends.clear();
        (self.done, self.counted) = (0, 0);
    }
}

impl Output for SyslogOutput {
    fn connect(&mut self) -> Result<(), Failure> {
        self.connection = Some(match &self.transport {
            Transport::Unix(path) => Connection::Unix(unix_datagram(path)?),
            Transport::Udp(host) => {
                let peer = look_up(host)?;
                let any = if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).map_err(Failure::Connect)?;
                socket.set_write_timeout(Some(SEND_STEP)).map_err(Failure::Connect)?;
                socket.connect(peer).map_err(Failure::Connect)?;
                Connection::Udp(socket)
            }
            Transport::Tcp(host) => {
                let stream = TcpStream::connect_timeout(&look_up(host)?, PATIENCE).map_err(Failure::Connect)?;
                stream.set_write_timeout(Some(SEND_STEP)).map_err(Failure::Connect)?;
                stream.set_nodelay(true).map_err(Failure::Connect)?;
                Connection::Tcp(stream)
            }
        });
        Ok(())
    }

    fn send(&mut self, load: &mut Load, counts: &OutputCounts) -> Result<(), Failure> {
        // A peer that closed takes one more write without a word.
        self.check()?;
        match self.connection {
            Some(Connection::Tcp(_)) => self.send_counted(load, counts),
            _ => self.send_datagrams(load, counts),
        }
    }

    fn check(&mut self) -> Result<(), Failure> {
        match &self.connection {
            Some(Connection::Tcp(stream)) => still_there(stream.as_raw_fd()),
            _ => Ok(()),
        }
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.forget();
    }
}

fn look_up(host: &str) -> Result<SocketAddr, Failure> {
    let lookup = |source| Failure::Lookup { host: host.to_owned(), source };
    let mut found = host.to_socket_addrs().map_err(lookup)?;
    found.next().ok_or_else(|| lookup(std::io::Error::from(ErrorKind::NotFound)))
}

/// The part of a message before the event: RFC 5424, section 6.2.
#[derive(Clone, Debug)]
pub(super) struct Header {
    facility: u8,
    /// ` HOSTNAME APP-NAME PROCID `
    who: String,
}

impl Header {
    pub(super) fn new(facility: u8, host: &str, app_name: &str) -> Self {
        let who = format!(" {} {} {} ", word(host, 255), word(app_name, 48), std::process::id());
        Self { facility, who }
    }

    /// The whole message: the event has no structured data, and is what follows.
    fn write(&self, line: &[u8], kind: EventType, out: &mut Vec<u8>) {
        let priority = u16::from(self.facility) * 8 + severity(kind);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "<{priority}>1 ");
        write_time(line, out);
        out.extend_from_slice(self.who.as_bytes());
        out.extend_from_slice(kind.name().as_bytes());
        out.extend_from_slice(b" - ");
        out.extend_from_slice(line);
    }
}

/// Alerts are warnings, other oddities notices, and all else information. What an alert's rule thinks of it stands in the event.
const fn severity(kind: EventType) -> u16 {
    match kind {
        EventType::Alert => 4,
        EventType::Anomaly | EventType::Drop => 5,
        _ => 6,
    }
}

/// The event's own time: `2026-11-23T21:53:55.123456+0000` in EVE, with a colon in its zone here.
fn write_time(line: &[u8], out: &mut Vec<u8>) {
    let time = line.strip_prefix(b"{\"timestamp\":\"").and_then(|rest| rest.get(..32));
    let parts =
        time.filter(|t| t.is_ascii() && t.get(31) == Some(&b'"')).and_then(|t| Some((t.get(..29)?, t.get(29..31)?)));
    if let Some((before, minutes)) = parts {
        out.extend_from_slice(before);
        out.push(b':');
        out.extend_from_slice(minutes);
    } else {
        out.push(b'-');
    }
}

/// Printable ASCII without spaces, not too long, or `-` for nothing.
fn word(text: &str, most: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str, kind: EventType) -> String {
        let mut out = Vec::new();
        Header::new(16, "office 17", "sekisho").write(line.as_bytes(), kind, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_is_as_the_rfc_has_it() {
        let pid = std::process::id();
        let line = r#"{"timestamp":"2026-11-23T21:53:55.123456+0900","event_type":"alert"}"#;
        let want = format!("<132>1 2026-11-23T21:53:55.123456+09:00 office17 sekisho {pid} alert - {line}");
        assert_eq!(message(line, EventType::Alert), want);
        assert!(message(line, EventType::Flow).starts_with("<134>1 2026"));
        for odd in ["{}", r#"{"timestamp":"yesterday"}"#, r#"{"timestamp":"2026"#] {
            assert!(message(odd, EventType::Anomaly).starts_with("<133>1 - office17 "), "{odd}");
        }
        assert_eq!((word("", 5), word("päckchen", 4)), ("-".to_owned(), "pckc".to_owned()));
    }
}
