//! What of the outputs can be set: one struct per section of the configuration file.

use super::rotate::RotateConfig;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

macro_rules! event_types {
    (
        $($variant:ident $name:literal $doc:literal,)*
        @ $($record:ident $record_name:literal $record_doc:literal,)*
        @ $($beyond:ident $beyond_name:literal $beyond_doc:literal,)*
    ) => {
        /// The kinds of events that an output can write.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum EventType {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
            $(#[doc = $record_doc] #[serde(rename = $record_name)] $record,)*
            $(#[doc = $beyond_doc] #[serde(rename = $beyond_name)] $beyond,)*
        }

        impl EventType {
            /// Every type, in the order of its [`index`](Self::index).
            pub const ALL: &'static [Self] = &[$(Self::$variant,)* $(Self::$record,)* $(Self::$beyond,)*];
            /// Those that Suricata's published schema knows: what is written unless more is asked for.
            pub const PUBLISHED: &'static [Self] = &[$(Self::$variant,)* $(Self::$record,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
            /// Those of application protocols.
            pub const RECORDS: &'static [Self] = &[$(Self::$record,)* $(Self::$beyond,)*];

            /// EVE's `event_type`, the label of the metrics, and the word of the configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    $(Self::$record => $record_name,)*
                    $(Self::$beyond => $beyond_name,)*
                }
            }
        }
    };
}

event_types! {
    Alert "alert" "A signature matched.",
    Flow "flow" "A flow ended.",
    Anomaly "anomaly" "A decoder, stream or protocol event.",
    Stats "stats" "The counters, at an interval.",
    Packet "packet" "A packet that a rule's `tag` asked for.",
    Drop "drop" "A packet that a rule dropped.",
    @
    Http "http" "An HTTP exchange.",
    Dns "dns" "A DNS message.",
    Mdns "mdns" "A multicast DNS message.",
    Tls "tls" "A TLS handshake.",
    Ssh "ssh" "An SSH handshake.",
    Dcerpc "dcerpc" "A DCE/RPC call.",
    Sip "sip" "A SIP message.",
    Quic "quic" "A packet of a QUIC handshake.",
    Smtp "smtp" "A mail, and what led to it.",
    Smb "smb" "An SMB command, file or call.",
    Ldap "ldap" "An LDAP request with its responses.",
    Ftp "ftp" "An FTP command and its reply.",
    FtpData "ftp_data" "A transfer over a data connection of FTP.",
    Pop3 "pop3" "A POP3 command and its response.",
    Tftp "tftp" "A TFTP request.",
    Websocket "websocket" "A frame of WebSocket.",
    Snmp "snmp" "An SNMP message.",
    Mqtt "mqtt" "An MQTT exchange.",
    Rfb "rfb" "An RFB (VNC) handshake.",
    Ike "ike" "An IKE message.",
    Ntp "ntp" "An NTP message.",
    Dhcp "dhcp" "A DHCP message.",
    BittorrentDht "bittorrent_dht" "A BitTorrent DHT message.",
    Krb5 "krb5" "A Kerberos message.",
    Nfs "nfs" "An NFS call, or a file in transfer.",
    Modbus "modbus" "A Modbus request and its response.",
    Dnp3 "dnp3" "A DNP3 fragment.",
    Enip "enip" "An EtherNet/IP message and its answer.",
    Rdp "rdp" "A message of how an RDP connection begins.",
    Pgsql "pgsql" "A message of a PostgreSQL client, with its answer.",
    Fileinfo "fileinfo" "A file that a protocol carried.",
    @
    S7comm "s7comm" "An S7comm job and its answer.",
    Iec104 "iec104" "An IEC 104 frame.",
    Mysql "mysql" "A login or a command of MySQL, with its answer.",
    Llmnr "llmnr" "A message of link-local multicast name resolution.",
}

impl EventType {
    /// The type of an application protocol's record, by the name that the record gives itself.
    #[must_use]
    pub fn of_record(kind: &str) -> Option<Self> {
        static BY_NAME: LazyLock<FxHashMap<&str, EventType>> =
            LazyLock::new(|| EventType::RECORDS.iter().map(|t| (t.name(), *t)).collect());
        BY_NAME.get(kind).copied()
    }

    /// Its place in arrays with an entry per type.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What a worker does when the queue to the output is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// Counts the event as lost and goes on: a slow disk never stalls a ring. For live capture.
    #[default]
    Drop,
    /// Waits for room, so that no event is lost. For capture files, which can wait. An output that fails (a full
    /// disk) is not waited for: what it cannot take is counted as lost.
    Wait,
}

/// Section `[eve]`: the EVE JSON log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EveConfig {
    /// Whether it is written at all. Default: true.
    pub enabled: bool,
    /// The file, or a named pipe. One JSON object a line. Default: `/var/log/sekisho/eve.json`.
    pub path: PathBuf,
    /// The events to write: any of `alert`, `flow`, `anomaly`, `stats`, `packet`, `drop` and the protocols' names. Default: all that Suricata's
    /// published schema knows, which leaves out `s7comm`, `iec104`, `mysql` and `llmnr`.
    pub types: Vec<EventType>,
    /// Add to a file that is already there (true, the default) or empty it first.
    pub append: bool,
    /// Seconds between `stats` events. 0: only one, at the end. Default: 8.
    pub stats_interval_s: u64,
    /// Room for alerts between each worker and the output, in events and in KiB of their lines. Default: 4096.
    pub alert_queue: usize,
    /// Room for all other events between each worker and the output, in events and in KiB of their lines. Default: 8192.
    pub event_queue: usize,
    /// `drop` or `wait` when a queue is full. Default: `drop`; reading capture files sets `wait`.
    pub when_full: WhenFull,
    /// At the end, how many seconds an output may take with no progress before what is left is given up and
    /// counted as lost. Default: 5.
    pub shutdown_grace_s: u64,
    /// `[eve.rotate]`: rotation by the sensor itself.
    pub rotate: RotateConfig,
}

impl Default for EveConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            path: PathBuf::from("/var/log/sekisho/eve.json"),
            types: EventType::PUBLISHED.to_vec(),
            append: true,
            stats_interval_s: 8,
            alert_queue: 4096,
            event_queue: 8192,
            when_full: WhenFull::Drop,
            shutdown_grace_s: 5,
            rotate: RotateConfig::default(),
        }
    }
}

/// Section `[metrics]`: Prometheus metrics and status over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Whether the HTTP server runs. Default: true.
    pub enabled: bool,
    /// Address and port. Default: `127.0.0.1:9477`. Beyond the loopback address a token or clients' certificates are required.
    pub listen: SocketAddr,
    /// A file with the token that every request must show, readable by its owner (and group) alone. Default: none.
    pub token_file: Option<PathBuf>,
    /// Names, beside `localhost` and addresses, that a loopback address may be asked by, as behind a proxy. Default: none.
    pub host_names: Vec<String>,
    /// At most so many signatures get a time series of their own in `sekisho_alerts_total`; the others count
    /// under `sid="other"`. Default: 2000.
    pub alert_sids_max: usize,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9477)),
            token_file: None,
            host_names: Vec::new(),
            alert_sids_max: 2000,
        }
    }
}

impl MetricsConfig {
    /// Relative paths are relative to the configuration's folder.
    pub fn resolve_paths(&mut self, folder: &Path) {
        if let Some(file) = &mut self.token_file {
            *file = folder.join(&*file);
        }
    }
}

/// Section `[control]`: the control socket of `sekisho status`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlConfig {
    /// Whether there is one. Default: true.
    pub enabled: bool,
    /// Where it lies. Default: `/run/sekisho/sekisho.sock`.
    pub socket: PathBuf,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self { enabled: true, socket: PathBuf::from("/run/sekisho/sekisho.sock") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_own_place() {
        for (i, kind) in EventType::ALL.iter().copied().enumerate() {
            assert_eq!(kind.index(), i);
        }
    }

    #[test]
    fn an_empty_section_is_the_default() {
        assert_eq!(toml::from_str::<EveConfig>("").unwrap(), EveConfig::default());
        assert_eq!(toml::from_str::<MetricsConfig>("").unwrap(), MetricsConfig::default());
        assert_eq!(toml::from_str::<ControlConfig>("").unwrap(), ControlConfig::default());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<EveConfig>("pth = 'x'").is_err());
        assert!(toml::from_str::<MetricsConfig>("port = 1").is_err());
        assert!(toml::from_str::<ControlConfig>("sock = 'x'").is_err());
    }

    #[test]
    fn what_the_schema_does_not_know_is_asked_for() {
        let types = EveConfig::default().types;
        assert!(types.contains(&EventType::Modbus) && !types.contains(&EventType::S7comm));
        let config: EveConfig = toml::from_str("types = ['s7comm', 'iec104']").unwrap();
        assert_eq!(config.types, [EventType::S7comm, EventType::Iec104]);
    }

    #[test]
    fn types_and_policy_are_words() {
        let config: EveConfig = toml::from_str("types = ['alert', 'stats']\nwhen_full = 'wait'").unwrap();
        assert_eq!(config.types, [EventType::Alert, EventType::Stats]);
        assert_eq!(config.when_full, WhenFull::Wait);
        assert!(toml::from_str::<EveConfig>("types = ['http2']").is_err());
    }
}
