//! (skeleton of bench)
