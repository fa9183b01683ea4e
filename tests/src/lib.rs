//! (skeleton of tests)
