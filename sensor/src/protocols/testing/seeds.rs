//! Exchanges of tests as seeds for fuzzing: with `SEKISHO_SEEDS` set to a folder, what tests give a parser is written there, in a
//! folder for each protocol, as the target `protocols` of `tests/fuzz` reads it. `tests/fuzz/seeds/make-protocols` keeps of them what
//! reaches something new.

use crate::packet::Direction;
use crate::protocols::registry;
use sekisho_signatures::app::Protocol;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::LazyLock;

/// Bytes of one piece, whose length has 14 bits.
const PIECE_MAX: usize = (1 << 14) - 1;
/// Bytes of an exchange: longer ones slow fuzzing down.
const SEED_MAX: usize = 8 << 10;
/// Files of one protocol.
const FILES_MAX: usize = 400;

static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os("SEKISHO_SEEDS").map(PathBuf::from));

/// Writes an exchange, if that is asked for.
pub(in crate::protocols) fn keep<B: AsRef<[u8]>>(protocol: Protocol, pieces: &[(Direction, B)]) {
    let Some(folder) = &*FOLDER else { return };
    let len: usize = pieces.iter().map(|(_, bytes)| bytes.as_ref().len()).sum();
    if len > SEED_MAX {
        return;
    }
    let folder = folder.join(protocol.name());
    std::fs::create_dir_all(&folder).expect("the folder of the seeds can be written");
    let mut transports: Vec<_> =
        registry::readings().filter(|r| r.protocol == protocol).map(|r| r.transport as u8).collect();
    transports.dedup();
    // Which transport the test means is not known; the lowest bit of the settings chooses.
    for settings in 0..transports.len().min(2) as u8 {
        let mut seed = vec![settings, 0x5a];
        for (direction, bytes) in pieces {
            for part in bytes.as_ref().chunks(PIECE_MAX) {
                let side = if *direction == Direction::ToClient { 1 << 15 } else { 0 };
                seed.extend_from_slice(&(side | part.len() as u16).to_be_bytes());
                seed.extend_from_slice(part);
            }
        }
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        if std::fs::read_dir(&folder).map_or(0, Iterator::count) < FILES_MAX {
            let path = folder.join(format!("{:016x}", hasher.finish()));
            std::fs::write(path, seed).expect("the folder of the seeds can be written");
        }
    }
}
