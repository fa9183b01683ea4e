//! `[[output]]`: ways out of the sensor beside the event log.

use super::config::EventType;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The least that every receiver of RFC 5424 takes (section 6.1).
const MESSAGE_LEAST: usize = 480;
/// A UDP datagram's payload over IPv4.
const MESSAGE_MOST: usize = 65_507;
/// For each output together: a KiB of memory each.
const QUEUE_MOST: usize = 4 << 20;

/// What an output speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputType {
    /// EVE JSON, a line or a datagram each, to a Unix socket that somebody listens on.
    Unix,
    /// RFC 5424 messages with EVE JSON in them.
    Syslog,
    /// Entries of a Redis stream.
    Redis,
}

impl OutputType {
    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Syslog => "syslog",
            Self::Redis => "redis",
        }
    }
}

/// The kind of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SocketKind {
    /// Lines, one after the other.
    #[default]
    Stream,
    /// An event a datagram.
    Datagram,
}

/// The `local` facilities and the others that programs may use: RFC 5424, section 6.2.1.
pub(super) const FACILITIES: [(&str, u8); 13] = [
    ("user", 1),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("authpriv", 10),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// `[[output]]`: one output. A key that its type has no use for is refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// What it speaks.
    #[serde(rename = "type")]
    pub kind: OutputType,
    /// Its name in metrics, status and log. Default: its type.
    pub name: Option<String>,
    /// Where: `unix:/run/x.sock`; for syslog `unix:/dev/log`, `udp://HOST:PORT` or `tcp://HOST:PORT`; for Redis a URL.
    pub address: String,
    /// The events that it takes. Default: those of `eve.types`.
    pub types: Option<Vec<EventType>>,
    /// Alerts that wait for it at most, kept for when its peer is back; and a KiB of memory for each. Default: 65536.
    #[serde(default = "alert_queue")]
    pub alert_queue: usize,
    /// Other events that wait for it at most, and a KiB of memory for each. Default: 16384.
    #[serde(default = "event_queue")]
    pub event_queue: usize,
    /// unix: `stream` (the default) or `datagram`.
    pub socket: Option<SocketKind>,
    /// syslog: the facility. Default: `local0`.
    pub facility: Option<String>,
    /// syslog: the messages' application name. Default: `sekisho`.
    pub app_name: Option<String>,
    /// syslog, and datagrams: longer messages are not sent, but counted as lost. Default: 8192 for syslog, else 65507.
    pub message_max_bytes: Option<usize>,
    /// redis: the stream's key. Default: `sekisho`.
    pub stream: Option<String>,
    /// redis: about so many entries are kept in it; 0: all. Default: 1000000.
    pub stream_max_entries: Option<u64>,
    /// redis: a file whose first line is the password.
    pub password_file: Option<PathBuf>,
}

const fn alert_queue() -> usize {
    65_536
}

const fn event_queue() -> usize {
    16_384
}

/// A mistake: the key, and a sentence.
type Wrong = (&'static str, String);

impl OutputConfig {
    /// In metrics, status and log.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.kind.name())
    }

    pub(crate) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(file) = &mut self.password_file {
            *file = folder.join(&file);
        }
    }

    fn problems(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let name = self.name();
        if name.is_empty() || name.len() > 40 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        {
            wrong.push(("name", "a name is of 1 to 40 letters, digits, '-', '_' and '.'".to_owned()));
        }
        if let Err(error) = Target::of(self) {
            wrong.push(("address", error));
        }
        if self.types.as_ref().is_some_and(Vec::is_empty) {
            wrong.push((
                "types",
                "name at least one type of event, or leave the key out for those of eve.types".to_owned(),
            ));
        }
        for (key, room) in [("alert_queue", self.alert_queue), ("event_queue", self.event_queue)] {
            if !(1..=QUEUE_MOST).contains(&room) {
                wrong.push((key, format!("from 1 to {QUEUE_MOST} events")));
            }
        }
        if self.message_max_bytes.is_some_and(|bytes| !(MESSAGE_LEAST..=MESSAGE_MOST).contains(&bytes)) {
            wrong.push(("message_max_bytes", format!("from {MESSAGE_LEAST} to {MESSAGE_MOST} bytes")));
        }
        if let Some(facility) = &self.facility
            && FACILITIES.iter().all(|(name, _)| name != facility)
        {
            let known: Vec<&str> = FACILITIES.iter().map(|(name, _)| *name).collect();
            wrong
                .push(("facility", format!("`{facility}` is no facility for programs; it takes {}", known.join(", "))));
        }
        if self.app_name.as_ref().is_some_and(|name| name.is_empty() || name.len() > 48 || !is_printable(name)) {
            wrong.push(("app_name", "1 to 48 printable ASCII characters without spaces".to_owned()));
        }
        if self.stream.as_ref().is_some_and(String::is_empty) {
            wrong.push(("stream", "the stream's key cannot be empty".to_owned()));
        }
        wrong.extend(self.out_of_place());
        wrong
    }

    /// Keys that another type has.
    fn out_of_place(&self) -> Vec<Wrong> {
        use OutputType::{Redis, Syslog, Unix};
        let keys: [(&'static str, bool, &[OutputType]); 7] = [
            ("socket", self.socket.is_some(), &[Unix]),
            ("facility", self.facility.is_some(), &[Syslog]),
            ("app_name", self.app_name.is_some(), &[Syslog]),
            ("message_max_bytes", self.message_max_bytes.is_some(), &[Syslog, Unix]),
            ("stream", self.stream.is_some(), &[Redis]),
            ("stream_max_entries", self.stream_max_entries.is_some(), &[Redis]),
            ("password_file", self.password_file.is_some(), &[Redis]),
        ];
        let foreign = keys.into_iter().filter(|(_, set, types)| *set && !types.contains(&self.kind));
        foreign
            .map(|(key, _, types)| {
                let names: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
                let (here, there) = (self.kind.name(), names.join(" and "));
                (key, format!("`{key}` means nothing to an output of type {here}; it is for {there}"))
            })
            .collect()
    }
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (33..=126).contains(&byte))
}

/// What is wrong with the outputs: which, its key, a sentence.
#[must_use]
pub fn problems(outputs: &[OutputConfig]) -> Vec<(usize, &'static str, String)> {
    let mut wrong = Vec::new();
    for (i, output) in outputs.iter().enumerate() {
        wrong.extend(output.problems().into_iter().map(|(key, text)| (i, key, text)));
        let name = output.name();
        if name == super::EVE_OUTPUT {
            wrong.push((i, "name", "`eve` is the event log's name; take another".to_owned()));
        }
        if outputs.get(..i).unwrap_or_default().iter().any(|other| other.name() == name) {
            let key = if output.name.is_some() { "name" } else { "type" };
            wrong.push((
                i,
                key,
                format!("another output is called `{name}`; give each a name of its own: name = \"…\""),
            ));
        }
    }
    wrong
}

/// An address, taken apart.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Unix(PathBuf),
    Udp(String),
    Tcp(String),
    Redis(redis::ConnectionInfo),
}

impl Target {
    /// # Errors
    /// A sentence that says what it should look like.
    pub(super) fn of(config: &OutputConfig) -> Result<Self, String> {
        let address = config.address.as_str();
        let unix = address.strip_prefix("unix:").filter(|path| path.starts_with('/') && !path.starts_with("//"));
        match config.kind {
            OutputType::Unix => unix
                .map(|path| Self::Unix(path.into()))
                .ok_or_else(|| format!("`{address}` is no Unix socket; write it as unix:/run/collector.sock")),
            OutputType::Syslog => {
                if let Some(path) = unix {
                    return Ok(Self::Unix(path.into()));
                }
                let wrong =
                    |why: &str| format!("`{address}` {why}; write unix:/dev/log, udp://HOST:514 or tcp://HOST:601");
                match address.split_once("://") {
                    Some(("udp", rest)) => host_and_port(rest).map(Self::Udp).map_err(wrong),
                    Some(("tcp", rest)) => host_and_port(rest).map(Self::Tcp).map_err(wrong),
                    Some(("tls" | "tcps", _)) => {
                        Err(wrong("asks for TLS, which is not built in: let a relay on this host (rsyslog) encrypt"))
                    }
                    _ => Err(wrong("is no address of a syslog server")),
                }
            }
            OutputType::Redis => {
                let hint = "write redis://HOST:6379/0, redis://USER:PASSWORD@HOST:6379/0 or unix:///run/redis.sock";
                if address.starts_with("rediss:") {
                    return Err("TLS to Redis is not built in: use a tunnel on this host (stunnel)".to_owned());
                }
                // The address may hold a password: it is not repeated.
                let info = redis::IntoConnectionInfo::into_connection_info(address);
                info.map(Self::Redis).map_err(|error| format!("this is no address of a Redis server ({error}); {hint}"))
            }
        }
    }
}

/// `HOST:PORT`, `[V6]:PORT`.
fn host_and_port(text: &str) -> Result<String, &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("has no port")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_fine = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    if !host_is_fine {
        return Err("names no host");
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(text.to_owned()),
        _ => Err("has no port from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        #[derive(Deserialize)]
        struct File {
            output: Vec<OutputConfig>,
        }
        let file: File = toml::from_str(text).unwrap();
        problems(&file.output).into_iter().map(|(i, key, text)| format!("{i} {key}: {text}")).collect()
    }

    fn one(text: &str) -> String {
        let told = told(&format!("[[output]]\n{text}"));
        assert!(told.len() < 2, "{told:?}");
        told.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn addresses_are_what_their_type_needs() {
        for good in [
            "type = 'unix'\naddress = 'unix:/run/x.sock'\nsocket = 'datagram'",
            "type = 'syslog'\naddress = 'unix:/dev/log'",
            "type = 'syslog'\naddress = 'udp://collector.example:514'\nfacility = 'local3'",
            "type = 'syslog'\naddress = 'tcp://[2001:db8::1]:601'\nmessage_max_bytes = 65507",
            "type = 'redis'\naddress = 'redis://:secret@10.0.0.1:6379/2'\nstream = 's'",
            "type = 'redis'\naddress = 'unix:///run/redis.sock'\nstream_max_entries = 0",
        ] {
            assert_eq!(one(good), "", "{good}");
        }
        for (bad, want) in [
            ("type = 'unix'\naddress = '/run/x.sock'", "unix:/run/collector.sock"),
            ("type = 'syslog'\naddress = 'tcp://host'", "has no port"),
            ("type = 'syslog'\naddress = 'udp://:514'", "names no host"),
            ("type = 'syslog'\naddress = 'tcp://host:0'", "has no port from 1"),
            ("type = 'syslog'\naddress = 'tls://host:6514'", "TLS, which is not built in"),
            ("type = 'syslog'\naddress = 'collector'", "no address of a syslog server"),
            ("type = 'redis'\naddress = 'collector'", "write redis://HOST:6379/0"),
            ("type = 'redis'\naddress = 'rediss://host:6379'", "stunnel"),
        ] {
            assert!(one(bad).contains(want), "{bad}: {}", one(bad));
        }
        let password = one("type = 'redis'\naddress = 'redis//:secret@host'");
        assert!(!password.is_empty() && !password.contains("secret"), "{password}");
    }

    #[test]
    fn keys_belong_to_a_type_and_have_a_range() {
        let syslog = "type = 'syslog'\naddress = 'unix:/dev/log'\n";
        for (more, want) in [
            ("stream = 'x'", "0 stream: `stream` means nothing to an output of type syslog; it is for redis"),
            ("facility = 'kern'", "0 facility: `kern` is no facility"),
            ("app_name = 'a b'", "0 app_name"),
            ("message_max_bytes = 100", "0 message_max_bytes: from 480"),
            ("types = []", "0 types: name at least one"),
            ("alert_queue = 0", "0 alert_queue: from 1"),
            ("name = 'a b'", "0 name: a name is of"),
            ("name = 'eve'", "0 name: `eve` is the event log's"),
        ] {
            let text = one(&format!("{syslog}{more}"));
            assert!(text.starts_with(want), "{more}: {text}");
        }
        let twice = told(&format!("[[output]]\n{syslog}[[output]]\n{syslog}"));
        assert!(twice[0].starts_with("1 type: another output is called `syslog`"), "{twice:?}");
    }
}
