//! Rules as they come: a file, a folder or an archive, read into memory with bounds, nothing written.
//!
//! An archive is somebody else's work. Names that lead out of it, links and devices refuse the whole of it; so does more than
//! [`TOTAL_MAX_BYTES`] or [`FILES_MAX`], counted as it is unpacked, whatever its own headers say.

use flate2::read::MultiGzDecoder;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Component, Path, PathBuf};

/// Bytes of all files, unpacked. ET Open has 45 MB.
pub const TOTAL_MAX_BYTES: u64 = 512 << 20;
/// Entries of an archive, files in a folder.
pub const FILES_MAX: usize = 20_000;
/// Folders in folders.
const DEPTH_MAX: usize = 8;
/// What rules name beside themselves: data sets and lists of hashes.
const DATA: [&str; 9] = ["lst", "list", "csv", "json", "ndjson", "jsonl", "md5", "sha1", "sha256"];

/// Why nothing could be taken.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is no archive that can be read: {source}", path.display())]
    Broken { path: PathBuf, source: io::Error },
    #[error("{archive} holds {name:?}, which leads out of the folder that it is unpacked in. Nothing of it was taken; ask whoever made it", archive = archive.display())]
    LeadsOut { archive: PathBuf, name: String },
    #[error("{archive} holds {name:?}, which is {what} and no file. Nothing of it was taken; ask whoever made it", archive = archive.display())]
    NoFile { archive: PathBuf, name: String, what: &'static str },
    #[error("{} holds more than {} MiB. Nothing of it was taken: rules are smaller", path.display(), TOTAL_MAX_BYTES >> 20)]
    TooLarge { path: PathBuf },
    #[error("{} holds more than {FILES_MAX} files. Nothing of it was taken: rules are fewer", path.display())]
    TooMany { path: PathBuf },
    #[error("there is no file *.rules in {}", .0.display())]
    NoRules(PathBuf),
    #[error("{} and {} would both be {name} in the rules' folder; rename one", a.display(), b.display())]
    SameName { a: PathBuf, b: PathBuf, name: String },
}

/// Files of rules and what they name, by the names under which they are installed.
#[derive(Debug, Default)]
pub struct Files {
    /// Name and content. Rules lie side by side; data lies where the rules name it.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Files that are neither, by name.
    pub left_out: Vec<PathBuf>,
}

/// Bytes and files that may still come.
struct Budget<'a> {
    path: &'a Path,
    bytes: u64,
    files: usize,
}

impl<'a> Budget<'a> {
    fn new(path: &'a Path) -> Self {
        Self { path, bytes: TOTAL_MAX_BYTES, files: FILES_MAX }
    }

    fn entry(&mut self) -> Result<(), SourceError> {
        self.files = self.files.checked_sub(1).ok_or_else(|| SourceError::TooMany { path: self.path.to_owned() })?;
        Ok(())
    }

    /// Reads all of a file.
    fn read(&mut self, from: impl Read) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        let read = from.take(self.bytes + 1).read_to_end(&mut bytes);
        let read = read.map_err(|source| SourceError::Broken { path: self.path.to_owned(), source })?;
        let left = self.bytes.checked_sub(read as u64);
        self.bytes = left.ok_or_else(|| SourceError::TooLarge { path: self.path.to_owned() })?;
        Ok(bytes)
    }
}

/// Reads `path`: a folder, an archive (tar, gzip'd tar, zip), or one file of rules.
///
/// # Errors
/// It cannot be read, is not to be trusted, or holds no rules.
pub fn read(path: &Path) -> Result<Files, SourceError> {
    let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
    let mut budget = Budget::new(path);
    let mut found: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut left_out = Vec::new();
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        folder(path, Path::new(""), DEPTH_MAX, &mut budget, &mut found, &mut left_out)?;
        return sorted(path, found, left_out);
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(512).read_to_end(&mut head).map_err(unreadable)?;
    let whole = Cursor::new(head.clone()).chain(&mut file);
    if head.starts_with(&[0x1f, 0x8b]) {
        // What it holds is at most as large as all files and their headers.
        let limit = TOTAL_MAX_BYTES + (FILES_MAX as u64) * 1024;
        tar(MultiGzDecoder::new(whole).take(limit), &mut budget, &mut found, &mut left_out)?;
    } else if head.starts_with(b"PK\x03\x04") {
        let file = File::open(path).map_err(unreadable)?;
        zip(file, &mut budget, &mut found, &mut left_out)?;
    } else if head.get(257..262) == Some(b"ustar") {
        tar(whole, &mut budget, &mut found, &mut left_out)?;
    } else {
        let name = path.file_name().map_or_else(|| PathBuf::from("rules"), PathBuf::from);
        let name = if is_rules(&name) { name } else { name.with_extension("rules") };
        found.push((name, budget.read(whole)?));
    }
    sorted(path, found, left_out)
}

fn folder(
    root: &Path,
    below: &Path,
    depth: usize,
    budget: &mut Budget<'_>,
    found: &mut Vec<(PathBuf, Vec<u8>)>,
    left_out: &mut Vec<PathBuf>,
) -> Result<(), SourceError> {
    let here = root.join(below);
    let unreadable = |source| SourceError::Unreadable { path: here.clone(), source };
    let mut entries: Vec<_> = fs::read_dir(&here).and_then(Iterator::collect).map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        budget.entry()?;
        let name = below.join(entry.file_name());
        // Links to files are the operator's own; links to folders could go round in circles.
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if depth > 0 && !entry.file_name().as_encoded_bytes().starts_with(b".") {
                folder(root, &name, depth - 1, budget, found, left_out)?;
            }
        } else if !is_wanted(&name) {
            left_out.push(name);
        } else if entry.path().is_file() {
            let file =
                File::open(entry.path()).map_err(|source| SourceError::Unreadable { path: entry.path(), source })?;
            found.push((name, budget.read(file)?));
        }
    }
    Ok(())
}

fn tar(
    from: impl Read,
    budget: &mut Budget<'_>,
    found: &mut Vec<(PathBuf, Vec<u8>)>,
    left_out: &mut Vec<PathBuf>,
) -> Result<(), SourceError> {
    let archive = budget.path.to_owned();
    let broken = |source| SourceError::Broken { path: archive.clone(), source };
    let mut tar = tar::Archive::new(from);
    for entry in tar.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        budget.entry()?;
        let path = entry.path().map_err(broken)?.into_owned();
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let name = inside(&archive, &path)?;
        if kind.is_dir() {
            continue;
        }
        if !kind.is_file() && !kind.is_contiguous() {
            let what = if kind.is_symlink() || kind.is_hard_link() { "a link" } else { "a device" };
            return Err(SourceError::NoFile { archive, name: path.display().to_string(), what });
        }
        if is_wanted(&name) {
            let bytes = budget.read(entry)?;
            found.push((name, bytes));
        } else {
            left_out.push(name);
        }
    }
    Ok(())
}

fn zip(
    file: File,
    budget: &mut Budget<'_>,
    found: &mut Vec<(PathBuf, Vec<u8>)>,
    left_out: &mut Vec<PathBuf>,
) -> Result<(), SourceError> {
    let archive = budget.path.to_owned();
    let broken = |error: zip::result::ZipError| SourceError::Broken {
        path: archive.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    };
    let mut zip = zip::ZipArchive::new(file).map_err(broken)?;
    for index in 0..zip.len() {
        budget.entry()?;
        let entry = zip.by_index(index).map_err(broken)?;
        let raw = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let name = inside(&archive, Path::new(&raw))?;
        if entry.is_dir() {
            continue;
        }
        if entry.is_symlink() {
            return Err(SourceError::NoFile { archive, name: raw, what: "a link" });
        }
        if is_wanted(&name) {
            let bytes = budget.read(entry)?;
            found.push((name, bytes));
        } else {
            left_out.push(name);
        }
    }
    Ok(())
}

/// The name of an entry, if it stays in the archive.
fn inside(archive: &Path, path: &Path) -> Result<PathBuf, SourceError> {
    let mut name = PathBuf::new();
    for part in path.components() {
        match part {
            // A backslash is a way up where it separates names, and in no name of a rule file.
            Component::Normal(part) if !part.as_encoded_bytes().iter().any(|b| *b == b'\\' || *b < b' ') => {
                name.push(part);
            }
            Component::CurDir => {}
            _ => {
                let name = path.display().to_string();
                return Err(SourceError::LeadsOut { archive: archive.to_owned(), name });
            }
        }
    }
    Ok(name)
}

fn extension(name: &Path) -> String {
    name.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase()
}

fn is_rules(name: &Path) -> bool {
    let hidden = name.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    extension(name) == "rules" && !hidden
}

fn is_wanted(name: &Path) -> bool {
    is_rules(name) || DATA.contains(&extension(name).as_str())
}

/// Rules side by side, data where it lies as seen from them.
fn sorted(path: &Path, found: Vec<(PathBuf, Vec<u8>)>, left_out: Vec<PathBuf>) -> Result<Files, SourceError> {
    let folders = found.iter().filter(|(name, _)| is_rules(name)).map(|(name, _)| parent(name));
    let Some(common) = folders.reduce(common_start) else { return Err(SourceError::NoRules(path.to_owned())) };
    let common = common.to_owned();
    let mut files = Files { left_out, ..Files::default() };
    let mut from: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for (name, bytes) in found {
        let Ok(below) = name.strip_prefix(&common).map(Path::to_owned) else {
            files.left_out.push(name);
            continue;
        };
        // The sensor reads one folder: a rule file below it goes beside the others.
        let to = if is_rules(&name) { PathBuf::from(below.to_string_lossy().replace('/', "-")) } else { below };
        if let Some(other) = from.insert(to.clone(), name.clone()) {
            return Err(SourceError::SameName { a: other, b: name, name: to.display().to_string() });
        }
        files.files.insert(to, bytes);
    }
    Ok(files)
}

fn parent(name: &Path) -> &Path {
    name.parent().unwrap_or(Path::new(""))
}

fn common_start<'a>(a: &'a Path, b: &'a Path) -> &'a Path {
    a.ancestors().find(|folder| b.starts_with(folder)).unwrap_or(Path::new(""))
}
