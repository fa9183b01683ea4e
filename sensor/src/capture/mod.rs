//! (skeleton of capture)
pub mod pcap;
