//! (skeleton of config)
