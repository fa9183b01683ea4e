//! (skeleton of ebpf)
