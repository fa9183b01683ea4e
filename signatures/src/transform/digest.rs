//! Digests as raw bytes.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub(super) fn md5(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Md5::digest(input));
}

pub(super) fn sha1(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Sha1::digest(input));
}

pub(super) fn sha256(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Sha256::digest(input));
}
