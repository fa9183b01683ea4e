//! Hashes of a file as it passes, each computed only where somebody asks for it.

use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// Which hashes are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Hashes {
    pub md5: bool,
    pub sha1: bool,
    pub sha256: bool,
}

impl Hashes {
    /// Those that either wants.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { md5: self.md5 || other.md5, sha1: self.sha1 || other.sha1, sha256: self.sha256 || other.sha256 }
    }

    /// None at all.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// The hashes of a file, as far as they were wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Digests {
    pub md5: Option<[u8; 16]>,
    pub sha1: Option<[u8; 20]>,
    pub sha256: Option<[u8; 32]>,
}

/// Hashes in the making.
#[derive(Clone, Debug)]
pub(super) struct Hasher {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl Hasher {
    /// Of these; None if that is none.
    pub(super) fn new(wanted: Hashes) -> Option<Box<Self>> {
        let Hashes { md5, sha1, sha256 } = wanted;
        (!wanted.is_none()).then(|| {
            Box::new(Self {
                md5: md5.then(Md5::default),
                sha1: sha1.then(Sha1::default),
                sha256: sha256.then(Sha256::default),
            })
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// The SHA-256 of what came so far.
    pub(super) fn sha256(&self) -> Option<[u8; 32]> {
        self.sha256.clone().map(|hash| hash.finalize().into())
    }

    pub(super) fn finish(self) -> Digests {
        Digests {
            md5: self.md5.map(|hash| hash.finalize().into()),
            sha1: self.sha1.map(|hash| hash.finalize().into()),
            sha256: self.sha256.map(|hash| hash.finalize().into()),
        }
    }
}
