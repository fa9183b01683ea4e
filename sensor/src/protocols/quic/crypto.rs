//! The keys of Initial packets, and opening these (RFC 9001, 5).

use super::packet::Packet;
use super::version::Version;
use crate::packet::Direction;
use aes::Aes128;
use aes::cipher::BlockEncrypt;
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

/// Bytes of an authentication tag.
const TAG: usize = 16;

/// How much behind the beginning of the packet's number the sample is taken from, and how long it is (RFC 9001, 5.4.2).
const SAMPLE: std::ops::Range<usize> = 4..20;

/// One side's.
struct SideKeys {
    packet: Aes128Gcm,
    nonce: [u8; 12],
    header: Aes128,
}

/// Both sides' keys, of the connection that a client began by this name.
pub struct Keys([SideKeys; 2]);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// HKDF-Expand-Label with no context (RFC 8446, 7.1); `out` is shorter than 256 bytes.
fn expand(secret: &Hkdf<Sha256>, label: &[u8], out: &mut [u8]) {
    let len = [0, out.len() as u8];
    let prefix = b"tls13 ";
    let label_len = [(prefix.len() + label.len()) as u8];
    // It fails only if more is asked for than 255 digests.
    let _ = secret.expand_multi_info(&[&len, &label_len, prefix, label, &[0]], out);
}

impl SideKeys {
    fn new(initial: &Hkdf<Sha256>, side: &[u8], version: Version) -> Option<Self> {
        let [key, iv, hp]: [&[u8]; 3] = if version == Version::V2 {
            [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"]
        } else {
            [b"quic key", b"quic iv", b"quic hp"]
        };
        let mut secret = [0; 32];
        expand(initial, side, &mut secret);
        let secret = Hkdf::from_prk(&secret).ok()?;
        let (mut packet, mut nonce, mut header) = ([0; 16], [0; 12], [0; 16]);
        expand(&secret, key, &mut packet);
        expand(&secret, iv, &mut nonce);
        expand(&secret, hp, &mut header);
        Some(Self { packet: Aes128Gcm::new(&packet.into()), nonce, header: Aes128::new(&header.into()) })
    }
}

impl Keys {
    /// Of a client's packet; None where the version's are not known.
    #[must_use]
    pub fn of(version: Version, dcid: &[u8]) -> Option<Self> {
        let (_, initial) = Hkdf::<Sha256>::extract(Some(version.salt()?), dcid);
        let side = |label: &[u8]| SideKeys::new(&initial, label, version);
        Some(Self([side(b"client in")?, side(b"server in")?]))
    }

    /// Decrypts a packet to `out`, where its frames begin at the place that is returned; None if it was not encrypted with these keys.
    pub fn open(&self, packet: &Packet<'_>, direction: Direction, out: &mut Vec<u8>) -> Option<usize> {
        let side = &self.0[direction.index()];
        let at = packet.body_at;
        let sample = packet.whole.get(at + SAMPLE.start..at + SAMPLE.end)?;
        let mut mask = aes::Block::clone_from_slice(sample);
        side.header.encrypt_block(&mut mask);
        out.clear();
        out.extend_from_slice(packet.whole);
        let first = out.first_mut()?;
        *first ^= mask[0] & 0x0f;
        let number_len = usize::from(*first & 3) + 1;
        let mut nonce = side.nonce;
        let number = out.get_mut(at..at + number_len)?;
        for (byte, mask) in number.iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        for (byte, number) in nonce[12 - number_len..].iter_mut().zip(&*number) {
            *byte ^= number;
        }
        let (head, sealed) = out.split_at_mut(at + number_len);
        let (body, tag) = sealed.split_at_mut_checked(sealed.len().checked_sub(TAG)?)?;
        let tag = aes_gcm::Tag::clone_from_slice(tag);
        side.packet.decrypt_in_place_detached(&nonce.into(), head, body, &tag).ok()?;
        let (from, to) = (head.len(), head.len() + body.len());
        out.truncate(to);
        Some(from)
    }
}

/// The way back: packets for tests.
#[cfg(test)]
pub(super) mod seal {
    use super::{Direction, Keys, TAG};
    use crate::protocols::quic::version::Version;
    use aes::cipher::BlockEncrypt;
    use aes_gcm::aead::AeadInPlace;

    /// An Initial packet of 4 bytes of number with these frames.
    pub fn initial(
        version: Version,
        direction: Direction,
        key: &[u8],
        dcid: &[u8],
        number: u32,
        frames: &[u8],
    ) -> Vec<u8> {
        let keys = Keys::of(version, key).expect("keys of the version are known");
        let side = &keys.0[direction.index()];
        let code = if version == Version::V2 { 1 } else { 0 };
        let mut out = vec![0xc3 | code << 4];
        out.extend(version.0.to_be_bytes());
        out.push(dcid.len() as u8);
        out.extend(dcid);
        out.extend([0, 0]);
        out.extend((0x4000 | (4 + frames.len() + TAG) as u16).to_be_bytes());
        let at = out.len();
        out.extend(number.to_be_bytes());
        let mut nonce = side.nonce;
        nonce[8..].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        let mut body = frames.to_vec();
        let tag = side.packet.encrypt_in_place_detached(&nonce.into(), &out, &mut body).expect("it is short");
        out.extend(body);
        out.extend(tag);
        let mut mask = aes::Block::clone_from_slice(&out[at + 4..at + 20]);
        side.header.encrypt_block(&mut mask);
        out[0] ^= mask[0] & 0x0f;
        out[at..at + 4].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        out
    }
}
