//! Command line only: parse, call, print.

fn main() {}
