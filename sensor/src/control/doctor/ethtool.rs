//! A NIC's settings through the kernel's ethtool ioctl, which every kernel and driver answers. The published netlink crate sets queue
//! counts alone and knows nothing of hashes, so this is done here, in one place.
//!
//! Every structure is handled as the array of 32-bit words that it is, and no count in an answer is believed beyond a limit.

use super::calls::{
    self, GCHANNELS, GCOALESCE, GDRVINFO, GFEATURES, GPAUSEPARAM, GRINGPARAM, GRSSH, GRXFH, GSSET_INFO, GSTRINGS,
    MOST_NAMES, NAME_WORDS, SCHANNELS, SCOALESCE, SFEATURES, SPAUSEPARAM, SRINGPARAM, SRSSH, SRXFH,
};
use super::facts::{Channels, Coalescing, Feature, FlowControl, Rings, Rss};
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

// include/uapi/linux/ethtool.h
const SS_FEATURES: u32 = 4;
const SS_RSS_HASH_FUNCS: u32 = 5;
/// Bytes of a name in a set of strings.
const NAME_LEN: usize = NAME_WORDS * 4;
/// Table entries and bytes of keys beyond this are not believed.
const MOST: usize = 1 << 16;
const TABLE_UNCHANGED: u32 = u32::MAX;

/// Flow types whose hash is configured, by ethtool's names (`ethtool -n IF rx-flow-hash NAME`).
pub const FLOW_TYPES: [(&str, u32); 4] = [("tcp4", 1), ("udp4", 2), ("tcp6", 5), ("udp6", 6)];
/// The letters of a hash's fields that matter here, and their bits (RXH_*).
const FIELDS: [(char, u64); 8] = [
    ('s', 1 << 4),
    ('d', 1 << 5),
    ('f', 1 << 6),
    ('n', 1 << 7),
    ('v', 1 << 2),
    ('t', 1 << 3),
    ('m', 1 << 1),
    ('r', 1 << 31),
];

/// Bits of a hash's input transformation, with ethtool's words.
const TRANSFORMATIONS: [(u8, &str); 2] = [(1, "symmetric-xor"), (2, "symmetric-or-xor")];

/// The driver, as it calls itself.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the words of `ethtool -i`")]
pub struct Driver {
    pub name: String,
    pub version: String,
    pub firmware: String,
    pub bus: String,
}

/// An interface to ask.
#[derive(Debug)]
pub struct Ethtool {
    socket: OwnedFd,
    name: calls::Name,
}

impl Ethtool {
    /// For an interface in the calling thread's network namespace.
    ///
    /// # Errors
    /// No socket, or a name that is none.
    pub fn new(interface: &str) -> io::Result<Self> {
        let mut name = [0; libc::IFNAMSIZ];
        if interface.len() >= name.len() {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in name.iter_mut().zip(interface.bytes()) {
            *to = from as libc::c_char;
        }
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        Ok(Self { socket, name })
    }

    fn call(&self, words: &mut [u32]) -> io::Result<()> {
        calls::ethtool(self.socket.as_fd(), self.name, words)
    }

    fn get<const N: usize>(&self, command: u32) -> io::Result<[u32; N]> {
        let mut words = [0; N];
        words[0] = command;
        self.call(&mut words)?;
        Ok(words)
    }

    /// The driver's name, version, firmware and PCI address.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn driver(&self) -> io::Result<Driver> {
        let bytes = to_bytes(&self.get::<49>(GDRVINFO)?);
        let text = |at: usize| bytes.get(at..at + NAME_LEN).map(c_text).unwrap_or_default();
        Ok(Driver { name: text(4), version: text(36), firmware: text(68), bus: text(100) })
    }

    /// Queue counts.
    ///
    /// # Errors
    /// As the kernel says; `EOPNOTSUPP` where the driver has none.
    pub fn channels(&self) -> io::Result<Channels> {
        let [_, max_rx, max_tx, _, max_combined, rx, tx, _, combined] = self.get::<9>(GCHANNELS)?;
        Ok(Channels { max_rx, max_tx, max_combined, rx, tx, combined })
    }

    /// Sets queue counts.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn set_channels(&self, rx: u32, tx: u32, combined: u32) -> io::Result<()> {
        let mut words = self.get::<9>(GCHANNELS)?;
        (words[0], words[5], words[6], words[8]) = (SCHANNELS, rx, tx, combined);
        self.call(&mut words)
    }

    /// Descriptor rings.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn rings(&self) -> io::Result<Rings> {
        let [_, max_rx, _, _, max_tx, rx, _, _, tx] = self.get::<9>(GRINGPARAM)?;
        Ok(Rings { max_rx, max_tx, rx, tx })
    }

    /// Sets descriptor rings.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn set_rings(&self, rx: u32, tx: u32) -> io::Result<()> {
        let mut words = self.get::<9>(GRINGPARAM)?;
        (words[0], words[5], words[8]) = (SRINGPARAM, rx, tx);
        self.call(&mut words)
    }

    /// Interrupt moderation of receive queues.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn coalescing(&self) -> io::Result<Coalescing> {
        let words = self.get::<23>(GCOALESCE)?;
        Ok(Coalescing { rx_usecs: words[1], rx_frames: words[2], adaptive_rx: words[10] != 0 })
    }

    /// Sets it; all else stays.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn set_coalescing(&self, wanted: Coalescing) -> io::Result<()> {
        let mut words = self.get::<23>(GCOALESCE)?;
        words[0] = SCOALESCE;
        (words[1], words[2], words[10]) = (wanted.rx_usecs, wanted.rx_frames, u32::from(wanted.adaptive_rx));
        self.call(&mut words)
    }

    /// Pause frames.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn flow_control(&self) -> io::Result<FlowControl> {
        let [_, autoneg, rx, tx] = self.get::<4>(GPAUSEPARAM)?;
        Ok(FlowControl { autoneg: autoneg != 0, rx: rx != 0, tx: tx != 0 })
    }

    /// Sets pause frames.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn set_flow_control(&self, wanted: FlowControl) -> io::Result<()> {
        let FlowControl { autoneg, rx, tx } = wanted;
        self.call(&mut [SPAUSEPARAM, autoneg.into(), rx.into(), tx.into()])
    }

    /// The names of a set of strings, in the order of their bits.
    fn strings(&self, set: u32) -> io::Result<Vec<String>> {
        // Command, reserved, the mask of sets, a count for each set asked for.
        let mut info = [GSSET_INFO, 0, 0, 0, 0];
        let mask = 1u64 << set;
        (info[2], info[3]) = split(mask);
        self.call(&mut info)?;
        let count = if join(info[2], info[3]) == mask { (info[4] as usize).min(MOST_NAMES) } else { 0 };
        let mut words = vec![0; 3 + MOST_NAMES * NAME_WORDS];
        (words[0], words[1], words[2]) = (GSTRINGS, set, u32::try_from(count).unwrap_or(0));
        self.call(&mut words)?;
        Ok(to_bytes(&words[3..]).chunks(NAME_LEN).take(count).map(c_text).collect())
    }

    /// Every offload, by its name.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn features(&self) -> io::Result<BTreeMap<String, Feature>> {
        let names = self.strings(SS_FEATURES)?;
        let blocks = names.len().div_ceil(32);
        let mut words = vec![0; 2 + blocks * 4];
        (words[0], words[1]) = (GFEATURES, u32::try_from(blocks).unwrap_or(0));
        self.call(&mut words)?;
        // Of each block: available, requested, active, never changed.
        let bit = |at: usize, part: usize| words.get(2 + at / 32 * 4 + part).is_some_and(|w| w >> (at % 32) & 1 == 1);
        let feature = |(at, name): (usize, String)| {
            let (on, changeable) = (bit(at, 2), bit(at, 0) && !bit(at, 3));
            (name, Feature { on, fixed: !changeable })
        };
        Ok(names.into_iter().enumerate().map(feature).filter(|(name, _)| !name.is_empty()).collect())
    }

    /// Turns an offload on or off.
    ///
    /// # Errors
    /// As the kernel says; `EOPNOTSUPP` when it did not change.
    pub fn set_feature(&self, name: &str, on: bool) -> io::Result<()> {
        let names = self.strings(SS_FEATURES)?;
        let at = names.iter().position(|n| n == name).ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?;
        let blocks = names.len().div_ceil(32);
        // Of each block: which are to change, and to what.
        let mut words = vec![0; 2 + blocks * 2];
        (words[0], words[1]) = (SFEATURES, u32::try_from(blocks).unwrap_or(0));
        let bit = 1 << (at % 32);
        words[2 + at / 32 * 2] = bit;
        words[3 + at / 32 * 2] = if on { bit } else { 0 };
        self.call(&mut words)?;
        match self.features()?.get(name) {
            Some(now) if now.on == on => Ok(()),
            _ => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
        }
    }

    /// The hash of receive side scaling, its words as the kernel has them, with room for table and key.
    fn rss_words(&self) -> io::Result<Vec<u32>> {
        let mut sizes = [GRSSH, 0, 0, 0, 0, 0];
        self.call(&mut sizes)?;
        let (table, key) = (sizes[2] as usize, sizes[3] as usize);
        if table.max(key) > MOST {
            return Err(io::Error::from_raw_os_error(libc::E2BIG));
        }
        let mut words = vec![0; 6 + table + key.div_ceil(4)];
        words[..4].copy_from_slice(&[GRSSH, 0, sizes[2], sizes[3]]);
        self.call(&mut words)?;
        Ok(words)
    }

    /// Receive side scaling: function, key, transformation, table.
    ///
    /// # Errors
    /// As the kernel says; `EOPNOTSUPP` where the driver has none.
    pub fn rss(&self) -> io::Result<Rss> {
        let words = self.rss_words()?;
        let (table, key) = (words[2] as usize, words[3] as usize);
        let [function, transformation, ..] = words[4].to_ne_bytes();
        let functions = self.strings(SS_RSS_HASH_FUNCS).unwrap_or_default();
        let function = functions.iter().enumerate().find(|(bit, _)| function >> bit.min(&7) & 1 == 1);
        let words_of = TRANSFORMATIONS.iter().filter(|(bit, _)| transformation & bit != 0).map(|(_, word)| *word);
        let key = to_bytes(words.get(6 + table..).unwrap_or_default()).into_iter().take(key);
        Ok(Rss {
            function: function.map(|(_, name)| name.clone()).unwrap_or_default(),
            key: key.map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
            transformation: words_of.collect::<Vec<_>>().join(" "),
            table: words.get(6..6 + table).unwrap_or_default().to_vec(),
        })
    }

    /// Sets the hash's key (hex with colons, as long as the present one); the table stays.
    ///
    /// # Errors
    /// As the kernel says; a key of another length.
    pub fn set_rss_key(&self, key: &str) -> io::Result<()> {
        let words = self.rss_words()?;
        let bytes: Option<Vec<u8>> = key.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
        let bytes = bytes.filter(|b| b.len() == words[3] as usize && !b.is_empty());
        let bytes = bytes.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mut words = vec![SRSSH, 0, TABLE_UNCHANGED, words[3], keep_transformation(words[4]), 0];
        words.extend(bytes.chunks(4).map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_ne_bytes(word)
        }));
        self.call(&mut words)
    }

    /// Sets the table of queues (as long as the present one); the key stays.
    ///
    /// # Errors
    /// As the kernel says; a table of another length.
    pub fn set_rss_table(&self, table: &[u32]) -> io::Result<()> {
        let words = self.rss_words()?;
        if table.is_empty() || table.len() != words[2] as usize {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let mut words = vec![SRSSH, 0, words[2], 0, keep_transformation(words[4]), 0];
        words.extend(table);
        self.call(&mut words)
    }

    /// What the hash of a flow type is made of: letters of `sdfn` and some rarer ones.
    ///
    /// # Errors
    /// As the kernel says; `EOPNOTSUPP` where the driver does not tell.
    pub fn hash_fields(&self, flow: &str) -> io::Result<String> {
        let words = self.hash_words(flow)?;
        let bits = join(words[2], words[3]);
        Ok(FIELDS.iter().filter(|(_, bit)| bits & bit != 0).map(|(letter, _)| *letter).collect())
    }

    /// Sets it.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn set_hash_fields(&self, flow: &str, fields: &str) -> io::Result<()> {
        let mut words = self.hash_words(flow)?;
        let bits = FIELDS.iter().filter(|(letter, _)| fields.contains(*letter)).fold(0, |bits, (_, bit)| bits | bit);
        words[0] = SRXFH;
        (words[2], words[3]) = split(bits);
        self.call(&mut words)
    }

    fn hash_words(&self, flow: &str) -> io::Result<[u32; 48]> {
        let known = FLOW_TYPES.iter().find(|(name, _)| *name == flow);
        let (_, number) = known.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mut words = [0; 48];
        (words[0], words[1]) = (GRXFH, *number);
        self.call(&mut words)?;
        Ok(words)
    }
}

/// The word with function and transformation: the function is not changed, and the transformation is said again, since an older
/// kernel takes nothing but 0 there and a newer one takes 0 as "none".
fn keep_transformation(word: u32) -> u32 {
    let [_, transformation, ..] = word.to_ne_bytes();
    u32::from_ne_bytes([0, transformation, 0, 0])
}

fn split(value: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = value.to_ne_bytes();
    (u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h]))
}

fn join(first: u32, second: u32) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

fn to_bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn c_text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_answers_what_it_has_and_refuses_the_rest() {
        let lo = Ethtool::new("lo").unwrap();
        assert!(lo.features().unwrap().contains_key("rx-gro"));
        assert!(lo.features().unwrap()["rx-lro"].fixed);
        assert_eq!(lo.channels().unwrap_err().raw_os_error(), Some(libc::EOPNOTSUPP));
        assert!(lo.rss().is_err());
        assert!(lo.hash_fields("no-such-flow").is_err());
    }

    #[test]
    fn what_is_no_interface_is_an_error() {
        assert!(Ethtool::new(&"x".repeat(16)).is_err());
        assert!(Ethtool::new("no-such-if").unwrap().driver().is_err());
    }

    #[test]
    fn two_words_are_one_number_and_back() {
        for value in [0, 1, u64::MAX, 1 << 31, 0x0123_4567_89ab_cdef] {
            let (first, second) = split(value);
            assert_eq!(join(first, second), value);
        }
    }
}
