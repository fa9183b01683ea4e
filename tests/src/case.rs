//! The folders of `tests/cases`: a capture, or the script that makes it, beside what is expected of it.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// All folders, sorted.
///
/// # Panics
/// `tests/cases` is not there.
#[must_use]
pub fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&root)
        .expect("tests/cases is there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("case.toml").exists())
        .collect();
    cases.sort();
    cases
}

/// The committed capture, or what `make.py` makes in the folder `work`.
///
/// # Errors
/// `make.py` failed, or there is no python3.
pub fn capture_of(folder: &Path, work: &Path) -> Result<PathBuf> {
    let committed = folder.join("capture.pcap");
    if committed.exists() {
        return Ok(committed);
    }
    let capture = work.join("capture.pcap");
    let made = Command::new("python3")
        .arg(folder.join("make.py"))
        .arg(&capture)
        .env("PYTHONPATH", folder.join(".."))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .context("python3, which makes the captures")?;
    ensure!(made.status.success(), "make.py failed:\n{}", String::from_utf8_lossy(&made.stderr));
    Ok(capture)
}
