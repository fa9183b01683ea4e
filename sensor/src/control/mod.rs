//! The control thread's parts: what is not on the packet path. One file per command of the command line, and what they share.

pub mod accounts;
pub mod arguments;
pub mod check;
pub mod http;
pub mod pcap;
pub mod report;
pub mod rules;
pub mod shard;
pub mod socket;
pub mod status;
