//! The rule language as a library: text to syntax tree to checked rule to compiled ruleset. Knows nothing of sockets.

pub mod fast_pattern;
pub mod group;
pub mod model;
pub mod ruleset;
