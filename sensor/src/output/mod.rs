//! (skeleton of output)
