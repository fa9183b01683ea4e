//! (skeleton of detect)
