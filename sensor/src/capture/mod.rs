//! (skeleton of capture)
