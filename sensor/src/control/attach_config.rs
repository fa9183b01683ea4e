//! How the XDP program is attached: the keys of the configuration's `[capture.xdp]`.

use super::early::EarlySetup;
use super::mirror::MirrorSetup;
use sekisho_ebpf::NoSocket;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where pins go by default: one file per interface.
const PIN_FOLDER: &str = "/sys/fs/bpf/sekisho";

/// How the XDP program is attached: the keys of the configuration's `[capture.xdp]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttachConfig {
    /// Where the program runs: `auto` takes the driver, else the network stack.
    pub mode: AttachMode,
    /// Keep the program attached when the sensor ends: `true`, or the path of the pin in bpffs.
    pub pin: Pin,
    /// What becomes of packets on queues that no socket serves: `pass` them to the host, or `drop` them.
    pub no_socket: NoSocketAction,
    /// What `[capture.bypass]`, `[capture.blocklist]` and `[capture.shedding]` ask of the program.
    #[serde(skip)]
    pub early: EarlySetup,
    /// A mirror is sent to the interface's address: its packets alone are captured.
    #[serde(skip)]
    pub mirror: Option<MirrorSetup>,
}

/// Where the XDP program is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachMode {
    /// In the driver if it can, else in the network stack.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the network stack: slower, works with every driver.
    Generic,
}

/// Whether the attachment outlives the process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Pin {
    /// Not, or at `/sys/fs/bpf/sekisho/INTERFACE`.
    Switch(bool),
    /// At this path in bpffs.
    Path(PathBuf),
}

impl Default for Pin {
    fn default() -> Self {
        Self::Switch(false)
    }
}

impl Pin {
    /// Where the pin of `interface` goes, if one is asked for.
    pub(super) fn path(&self, interface: &str) -> Option<PathBuf> {
        match self {
            Self::Switch(false) => None,
            // The BPF file system takes no dots in names; VLAN interfaces have them.
            Self::Switch(true) => Some(Path::new(PIN_FOLDER).join(interface.replace('.', ":"))),
            Self::Path(path) => Some(path.clone()),
        }
    }
}

/// What becomes of packets on queues without a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoSocketAction {
    /// The host's network stack gets them.
    #[default]
    Pass,
    /// Nobody gets them.
    Drop,
}

impl From<NoSocketAction> for NoSocket {
    fn from(action: NoSocketAction) -> Self {
        match action {
            NoSocketAction::Pass => Self::Pass,
            NoSocketAction::Drop => Self::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_read_and_unknown_keys_refused() {
        let parse = |text: &str| toml::from_str::<AttachConfig>(text);
        assert_eq!(parse("").unwrap(), AttachConfig::default());
        let config = parse("mode = \"generic\"\npin = true\nno_socket = \"drop\"").unwrap();
        assert_eq!(
            (config.mode, config.pin.path("eth1"), config.no_socket),
            (AttachMode::Generic, Some(PathBuf::from("/sys/fs/bpf/sekisho/eth1")), NoSocketAction::Drop)
        );
        assert_eq!(parse("pin = \"/run/bpf/x\"").unwrap().pin.path("eth1"), Some(PathBuf::from("/run/bpf/x")));
        assert_eq!(parse("pin = false").unwrap().pin.path("eth1"), None);
        assert!(parse("pinn = true").is_err());
        assert!(parse("mode = \"fast\"").is_err());
    }
}
