//! The folder of installed rules: a folder for each version, `current` for the one in use and `previous` for the one before.
//!
//! A version is whole on the disk before `current`, a symbolic link, is turned to it by one rename. Whoever reads the rules sees all of
//! the old ones or all of the new ones, also when the host loses its power meanwhile.

use crate::config::INSTALLED_CURRENT;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// The link to the rules in use.
const CURRENT: &str = INSTALLED_CURRENT;
const PREVIOUS: &str = "previous";
const STAGED: &str = ".staged";

/// Why the folder stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("cannot write {}: {source}. Run it as root, or name another folder with --into", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("another update of {} is under way; wait for its end", .0.display())]
    Busy(PathBuf),
    #[error("there are no rules before the present ones in {}", .0.display())]
    NoPrevious(PathBuf),
    #[error("{} is there and no symbolic link: it was not made by `sekisho rules update`. Move it away", .0.display())]
    NotOurs(PathBuf),
}

/// The folder, held against other updates.
pub struct Folder {
    path: PathBuf,
    _held: Flock<File>,
}

/// Rules that are on the disk, and not in use yet. What is not installed is removed when this is dropped.
pub struct Staged<'a> {
    folder: &'a Folder,
    path: PathBuf,
    hash: String,
}

impl Folder {
    /// Opens or makes it.
    ///
    /// # Errors
    /// It cannot be written, or somebody else does.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let write = |path: &Path, source| FolderError::Write { path: path.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(|source| write(path, source))?;
        let lock = path.join(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o644).open(&lock);
        let file = file.map_err(|source| write(&lock, source))?;
        let held =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| FolderError::Busy(path.to_owned()))?;
        let folder = Self { path: path.to_owned(), _held: held };
        for name in [CURRENT, PREVIOUS] {
            let link = path.join(name);
            if fs::symlink_metadata(&link).is_ok_and(|meta| !meta.is_symlink()) {
                return Err(FolderError::NotOurs(link));
            }
        }
        Ok(folder)
    }

    /// The rules in use.
    #[must_use]
    pub fn current(&self) -> PathBuf {
        self.path.join(CURRENT)
    }

    /// Writes files beside the rules in use.
    ///
    /// # Errors
    /// The disk's.
    pub fn stage(&self, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<Staged<'_>, FolderError> {
        let path = self.path.join(STAGED);
        // Of an update that was interrupted.
        let _ = fs::remove_dir_all(&path);
        let mut hash = Sha256::new();
        let mut staged = Staged { folder: self, path: path.clone(), hash: String::new() };
        let mut folders = vec![path.clone()];
        for (name, bytes) in files {
            let to = path.join(name);
            let failed = |source| FolderError::Write { path: to.clone(), source };
            if let Some(parent) = to.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(failed)?;
                if !folders.iter().any(|folder| folder == parent) {
                    folders.push(parent.to_owned());
                }
            }
            let mut file = OpenOptions::new().create_new(true).write(true).mode(0o644).open(&to).map_err(failed)?;
            file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
            let name = name.as_os_str().as_encoded_bytes();
            for part in [&(name.len() as u64).to_be_bytes()[..], name, &(bytes.len() as u64).to_be_bytes(), bytes] {
                hash.update(part);
            }
        }
        for folder in folders {
            sync(&folder)?;
        }
        staged.hash = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(staged)
    }

    /// Puts the rules before the present ones in use, and the present ones in their place: a second time undoes it.
    ///
    /// # Errors
    /// There are none, or the disk's.
    pub fn roll_back(&self) -> Result<PathBuf, FolderError> {
        let (current, previous) = (self.target(CURRENT), self.target(PREVIOUS));
        let Some(previous) = previous else { return Err(FolderError::NoPrevious(self.path.clone())) };
        if let Some(current) = current {
            self.turn(PREVIOUS, &current)?;
        }
        self.turn(CURRENT, &previous)?;
        Ok(previous)
    }

    /// The name that a link points to, if what it names is there.
    fn target(&self, link: &str) -> Option<PathBuf> {
        let target = fs::read_link(self.path.join(link)).ok()?;
        self.path.join(&target).is_dir().then_some(target)
    }

    fn turn(&self, link: &str, target: &Path) -> Result<(), FolderError> {
        let new = self.path.join(format!(".{link}.new"));
        let failed = |source| FolderError::Write { path: self.path.join(link), source };
        // Of an update that was interrupted.
        let _ = fs::remove_file(&new);
        symlink(target, &new).and_then(|()| fs::rename(&new, self.path.join(link))).map_err(failed)?;
        sync(&self.path)
    }

    /// Removes versions that neither link names.
    fn clear(&self) {
        let kept = [self.target(CURRENT), self.target(PREVIOUS)];
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = PathBuf::from(entry.file_name());
            let is_version = name.to_str().is_some_and(|name| name.starts_with("v-"));
            if is_version
                && !kept.contains(&Some(name))
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!("an old version of the rules stays in {}: {error}", entry.path().display());
            }
        }
    }
}

impl Staged<'_> {
    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether they are the rules in use, byte by byte.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.folder.target(CURRENT).is_some_and(|current| current == Path::new(&self.name()))
    }

    fn name(&self) -> String {
        format!("v-{}", self.hash)
    }

    /// Puts them in use.
    ///
    /// # Errors
    /// The disk's; the old ones stay in use then.
    pub fn install(self) -> Result<(), FolderError> {
        let folder = self.folder;
        let name = self.name();
        let to = folder.path.join(&name);
        let before = folder.target(CURRENT);
        if to.is_dir() && folder.target(PREVIOUS).is_some_and(|previous| previous == Path::new(&name)) {
            // The same again after others: it is there.
        } else {
            // Of an update that was interrupted.
            let _ = fs::remove_dir_all(&to);
            fs::rename(&self.path, &to).map_err(|source| FolderError::Write { path: to.clone(), source })?;
        }
        sync(&folder.path)?;
        folder.turn(CURRENT, Path::new(&name))?;
        if let Some(before) = before {
            folder.turn(PREVIOUS, &before)?;
        }
        folder.clear();
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // It may have been installed.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn sync(folder: &Path) -> Result<(), FolderError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| FolderError::Write { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        [(PathBuf::from("a.rules"), text.as_bytes().to_vec()), (PathBuf::from("data/x.lst"), b"x".to_vec())].into()
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn versions_follow_each_other_and_two_are_kept() {
        let held = tempfile::tempdir().unwrap();
        let path = held.path().join("rules");
        let folder = Folder::open(&path).unwrap();
        let read = || fs::read_to_string(path.join("current/a.rules")).unwrap();
        assert!(matches!(folder.roll_back(), Err(FolderError::NoPrevious(_))));
        for text in ["one", "two", "three"] {
            let staged = folder.stage(&files(text)).unwrap();
            assert!(!staged.is_current());
            staged.install().unwrap();
            assert_eq!(read(), text);
            assert_eq!(fs::read_to_string(path.join("current/data/x.lst")).unwrap(), "x");
        }
        assert!(folder.stage(&files("three")).unwrap().is_current());
        assert_eq!(names(&path).iter().filter(|name| name.starts_with("v-")).count(), 2);
        assert!(!path.join(STAGED).exists(), "what is not installed is removed");
        folder.roll_back().unwrap();
        assert_eq!(read(), "two");
        folder.stage(&files("three")).unwrap().install().unwrap();
        assert_eq!(read(), "three");
        folder.roll_back().unwrap();
        folder.roll_back().unwrap();
        assert_eq!(read(), "three");
    }

    #[test]
    fn two_updates_at_once_and_folders_of_others_are_refused() {
        let held = tempfile::tempdir().unwrap();
        let first = Folder::open(held.path()).unwrap();
        assert!(matches!(Folder::open(held.path()), Err(FolderError::Busy(_))));
        drop(first);
        fs::create_dir(held.path().join(CURRENT)).unwrap();
        assert!(matches!(Folder::open(held.path()), Err(FolderError::NotOurs(_))));
    }
}
