//! The control thread's side: everything that is not the packet path. One file per command of the command line, and what
//! they share.

pub mod accounts;
pub mod arguments;
pub mod attach_config;
pub mod bump;
pub mod check;
pub mod explain;
pub mod heartbeat;
pub mod http;
pub mod inline;
pub mod inline_config;
pub mod interface;
pub mod lists;
pub mod live;
pub mod live_rules;
pub mod pcap;
pub mod privilege;
pub mod reload;
pub mod report;
pub mod rules;
pub mod run;
pub mod shard;
pub mod socket;
pub mod status;
