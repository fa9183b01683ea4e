//! The XDP program as the sensor uses it: the object built from `program/`, and the plain data both sides share.
//!
//! The object is committed, so that building the sensor needs neither a BPF linker nor a special compiler. `RECORD`
//! says what it was built from, and `ebpf/build --check` holds it to that.

pub mod early;
pub mod shared;

pub use shared::{NoSocket, PeerRule, QueueCounters, Verdict, names};

/// The object file's bytes, aligned for ELF's 8-byte fields.
#[repr(C, align(8))]
struct Aligned<const N: usize>([u8; N]);

const BYTES: &[u8] = include_bytes!("../sekisho-xdp.o");
static ALIGNED: Aligned<{ BYTES.len() }> = Aligned(*include_bytes!("../sekisho-xdp.o"));

/// The XDP program's object file (ELF, with BTF), for a loader.
pub static OBJECT: &[u8] = &ALIGNED.0;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_verdict_has_its_own_place_and_words() {
        let mut words = HashSet::new();
        for (i, verdict) in Verdict::ALL.into_iter().enumerate() {
            assert_eq!(verdict as usize, i);
            assert!(words.insert((verdict.kind(), verdict.reason())));
        }
    }

    #[test]
    fn a_packet_is_counted_under_its_verdict_alone() {
        for verdict in Verdict::ALL {
            let mut counters = QueueCounters::default();
            counters.count(verdict, 60);
            counters.count(verdict, 1500);
            assert_eq!((counters.packets(verdict), counters.bytes(verdict)), (2, 1560));
            assert_eq!(counters.total_packets(), 2);
            for other in Verdict::ALL.into_iter().filter(|v| *v != verdict) {
                assert_eq!((counters.packets(other), counters.bytes(other)), (0, 0));
            }
        }
    }

    #[test]
    fn shares_of_all_cpus_add_up() {
        let mut sum = QueueCounters::default();
        for n in 1..=3 {
            let mut share = QueueCounters::default();
            share.count(Verdict::Redirected, n * 100);
            sum.add(&share);
        }
        assert_eq!((sum.packets(Verdict::Redirected), sum.bytes(Verdict::Redirected)), (3, 600));
    }

    #[test]
    fn a_flow_has_one_key_in_both_directions_and_no_other_flow_has_it() {
        use early::FlowKey;
        let ends = [([0, 0xffff_c000_0201], 7), ([0, 0xffff_c000_0201], 9), ([1, 0], 0), ([0x2001 << 48, 1], 0xffff)];
        let mut keys = HashSet::new();
        for (i, a) in ends.into_iter().enumerate() {
            for b in ends.into_iter().skip(i + 1) {
                for vlans in [[0, 0], [7, 0], [0, 7], [4095, 4095]] {
                    for (proto, version) in [(6, 4), (17, 4), (6, 6), (17, 6)] {
                        let (there, from_high) = FlowKey::of(a, b, vlans, proto, version);
                        let (back, back_from_high) = FlowKey::of(b, a, vlans, proto, version);
                        assert_eq!((there, from_high), (back, !back_from_high));
                        assert!(keys.insert(there), "{a:?} {b:?} {vlans:?} {proto} {version}");
                    }
                }
            }
        }
        let counted = early::FlowCount([1, 2, 3, 4, 5]);
        assert_eq!((counted.packets(false), counted.bytes(false)), (1, 2));
        assert_eq!((counted.packets(true), counted.bytes(true), counted.last_ns()), (3, 4, 5));
    }

    #[test]
    fn the_object_is_an_aligned_bpf_elf_with_the_names_that_the_loader_asks_for() {
        assert_eq!(OBJECT.as_ptr().align_offset(8), 0);
        assert_eq!(&OBJECT[..7], b"\x7fELF\x02\x01\x01");
        assert_eq!(u16::from_le_bytes([OBJECT[18], OBJECT[19]]), 247, "e_machine is EM_BPF");
        for name in [
            names::PROGRAM,
            names::SOCKETS,
            names::COUNTERS,
            names::HEARTBEATS,
            names::PEER,
            names::NO_SOCKET,
            names::QUEUES,
            names::PEER_RULE,
            names::STALE_NS,
            names::MIRROR,
            names::MIRROR_PORT,
            names::MIRROR_TO,
            "xdp.frags",
        ]
        .into_iter()
        .chain(early::names::LISTS)
        .chain([
            early::names::FLOWS,
            early::names::CONTROL,
            early::names::LISTED,
            early::names::SHEDDING,
            early::names::SEEN,
            early::names::SHED,
        ]) {
            let found =
                OBJECT.windows(name.len() + 1).any(|w| &w[..name.len()] == name.as_bytes() && w[name.len()] == 0);
            assert!(found, "the object has no {name}");
        }
    }
}
