//! (skeleton of verdict)
