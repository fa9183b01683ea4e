//! YARA rules over files in transfer.
//!
//! Whatever protocol carries a file, a worker keeps its first bytes until it is over and hands them to one thread ([`scan`]), which
//! looks at them with all rules ([`rules`]) and raises a real alert for each that matches: the flow, the transaction and the file
//! are in it as in any other alert. Nothing of that is on the packet path but the copying of a file's bytes, and no worker ever
//! waits for it (unless it reads capture files). So a match comes after the file has gone by: it alerts, and cannot drop.
//!
//! Memory is bounded: each worker holds at most `held_bytes` of files that are under way; those that wait for the thread, the one
//! that it looks at included, have at most `queue_bytes` in all. A file that finds no room is not scanned, and is counted.
//!
//! A build without the feature `yara` has all of this but the engine, and refuses a configuration that names YARA rules.

pub mod config;
#[cfg(feature = "yara")]
mod engine;
#[cfg(not(feature = "yara"))]
#[path = "engine_absent.rs"]
mod engine;
pub mod rules;
pub mod scan;

pub use config::YaraConfig;
pub use engine::PRESENT;
pub use rules::{LoadedYara, YaraRules};
pub use scan::{YaraQueue, YaraReading, YaraThread};

/// What is said of YARA rules in the configuration and on the command line, where no rule can be run.
pub const NOT_BUILT_IN: &str =
    "this sekisho was built without YARA rules; take them out, or build it with the feature `yara`";
