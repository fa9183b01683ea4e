//! (skeleton of defrag)
