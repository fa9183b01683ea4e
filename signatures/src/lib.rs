//! The rule language as a library: text to syntax tree to checked rule to compiled ruleset. Knows nothing of sockets.

pub mod model;
pub mod ruleset;
