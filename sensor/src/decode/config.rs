//! The decoder's settings.

use super::mirror::{MirrorKind, Truncated};
use crate::defrag::DefragConfig;
use serde::Deserialize;

/// The decoder's settings (section `[decode]`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeConfig {
    /// Tunnels inside tunnels before a packet is given up with `decoder.too_many_layers`; 0 to 64, more counts as 64.
    pub tunnel_limit: u8,
    /// UDP ports that carry VXLAN (RFC 7348); none turns it off.
    pub vxlan_ports: Vec<u16>,
    /// UDP ports that carry GENEVE (RFC 8926); none turns it off.
    pub geneve_ports: Vec<u16>,
    /// UDP ports that carry Teredo (RFC 4380); none turns it off.
    pub teredo_ports: Vec<u16>,
    /// Compute IP and transport checksums. Where one is wrong no stream takes the segment, as its receiver does not; it is looked
    /// at by itself, and so are datagrams. Off for captures taken on a host that leaves them to its NIC.
    pub verify_checksums: bool,
    /// The outermost tunnel of this kind is a mirror's: the frame inside is taken as if it came from the port itself.
    pub mirror: Option<MirrorKind>,
    /// Of which packets that are cut the rest is inspected.
    pub truncated: Truncated,
    /// Limits of defragmentation (section `[decode.defrag]`).
    pub defrag: DefragConfig,
}

/// What `tunnel_limit` may be at most: each level takes stack.
pub(super) const TUNNEL_LIMIT_MAX: u8 = 64;

impl DecodeConfig {
    /// All UDP ports whose datagrams are looked into.
    #[must_use]
    pub fn udp_tunnel_ports(&self) -> Vec<u16> {
        [&self.vxlan_ports[..], &self.geneve_ports, &self.teredo_ports].concat()
    }
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            tunnel_limit: 16,
            vxlan_ports: vec![4789],
            geneve_ports: vec![6081],
            teredo_ports: vec![3544],
            verify_checksums: true,
            mirror: None,
            truncated: Truncated::Known,
            defrag: DefragConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_and_missing_ones_have_defaults() {
        let config: DecodeConfig = toml::from_str("vxlan_ports = [8472]\n[defrag]\ntimeout_s = 5").unwrap();
        assert_eq!(config.vxlan_ports, [8472]);
        assert_eq!(config.defrag.timeout_s, 5);
        assert_eq!(config.tunnel_limit, 16);
        assert!(toml::from_str::<DecodeConfig>("vxlan_port = [8472]").is_err());
    }
}
