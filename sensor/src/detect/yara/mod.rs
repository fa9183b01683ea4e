//! YARA rules over files in transfer.
//!
//! Whatever protocol carries a file, a worker keeps its first bytes until it is over and hands them to one thread ([`scan`]), which
//! looks at them with all rules ([`rules`]) and raises a real alert for each that matches: the flow, the transaction and the file
//! are in it as in any other alert. Nothing of that is on the packet path but the copying of a file's bytes, and no worker ever
//! waits for it (unless it reads capture files). So a match comes after the file has gone by: it alerts, and cannot drop.
//!
//! Memory is bounded: each worker holds at most `held_bytes` of files that are under way; those that wait for the thread, the one
//! that it looks at included, have at most `queue_bytes` in all. A file that finds no room is not scanned, and is counted.

pub mod config;
pub mod rules;
pub mod scan;

pub use config::YaraConfig;
pub use rules::{LoadedYara, YaraRules};
pub use scan::{YaraQueue, YaraReading, YaraThread};
