//! (skeleton of worker)
