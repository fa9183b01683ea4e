//! (skeleton of flow)
