//! (skeleton of control)
