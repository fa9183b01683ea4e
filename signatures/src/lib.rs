//! The rule language as a library: text to syntax tree to checked rule to compiled ruleset. Knows nothing of sockets.
//!
//! [`syntax`] reads a rule's text and keeps every part with its place; [`keywords`] holds one entry per keyword (name,
//! doc, checker, tests together); [`check`] walks the tree and fills a [`model::Signature`]; [`load`] does it for files and
//! says what was wrong, where, in words. Rule text is bytes: nothing here needs it to be UTF-8, and nothing panics on it.

pub mod app;
pub mod buffers;
pub mod check;
pub mod classification;
pub mod dnp3;
pub mod error;
pub mod fast_pattern;
pub mod file;
pub mod group;
pub mod header;
pub mod kept;
pub mod keywords;
pub mod krb5;
pub mod lint;
pub mod load;
pub mod modbus;
pub mod model;
pub mod question;
pub mod report;
pub mod ruleset;
pub mod syntax;
pub mod threshold_config;
pub mod transform;
pub mod variables;
