//! The replay program as `ebpf/build` built it, committed beside the sensor's own; only the bench carries it.

/// An object file's bytes, aligned for ELF's 8-byte fields.
#[repr(C, align(8))]
struct Aligned<const N: usize>([u8; N]);

const BYTES: &[u8] = include_bytes!("../../../ebpf/sekisho-replay.o");
static ALIGNED: Aligned<{ BYTES.len() }> = Aligned(*include_bytes!("../../../ebpf/sekisho-replay.o"));

/// The object file (ELF, with BTF), for a loader.
pub static OBJECT: &[u8] = &ALIGNED.0;

#[cfg(test)]
mod tests {
    use super::super::shared::names::{FRAMES, OUTCOME, PROGRAM, RUN};
    use super::*;

    #[test]
    fn it_is_an_aligned_bpf_elf_with_the_names_that_the_loader_asks_for() {
        assert_eq!(OBJECT.as_ptr().align_offset(8), 0);
        assert_eq!(&OBJECT[..7], b"\x7fELF\x02\x01\x01");
        assert_eq!(u16::from_le_bytes([OBJECT[18], OBJECT[19]]), 247, "e_machine is EM_BPF");
        for name in [PROGRAM, OUTCOME, FRAMES, RUN, "xdp", "raw_tp"] {
            assert!(OBJECT.windows(name.len()).any(|w| w == name.as_bytes()), "the object has no {name}");
        }
    }
}
