//! Frames in: from a network interface ([`afxdp`]), or from capture files ([`pcap`]). Nothing behind it knows which.

pub mod afxdp;
mod afxdp_bind;
pub mod afxdp_config;
pub mod afxdp_pair;
pub mod afxdp_statistics;
pub mod early_config;
pub mod kernel_flows;
pub mod link;
pub mod pcap;
