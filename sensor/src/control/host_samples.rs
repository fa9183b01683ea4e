//! What the sensor's host has to say for itself in the metrics: disks that outputs write to, the clock, the interfaces.

use super::doctor::calls::clock_synchronised;
use super::live::Interface;
use crate::config::Config;
use crate::output::sources::Sample;
use nix::sys::statvfs::statvfs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Folders that are written to, by what they are for.
#[must_use]
pub fn folders(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let mut folders = Vec::new();
    if config.eve.enabled {
        // A bare file name lies in the folder that the sensor runs in.
        let parent = config.eve.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        folders.push(("events", parent.unwrap_or(Path::new(".")).to_owned()));
    }
    if config.files.store.enabled {
        folders.push(("files", config.files.store.folder.clone()));
    }
    folders
}

/// To be asked at scrape.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
pub fn samples(folders: &[(&'static str, PathBuf)], interfaces: &[Arc<Interface>]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (purpose, folder) in folders {
        // A folder that cannot be asked has no series, and its absence is an alarm.
        let Ok(fs) = statvfs(folder) else { continue };
        let bytes = |blocks: u64| blocks.saturating_mul(fs.fragment_size()) as f64;
        for (name, help, value) in [
            ("disk_free_bytes", "Room that is left on the file system that holds the folder.", fs.blocks_available()),
            ("disk_size_bytes", "Size of the file system that holds the folder.", fs.blocks()),
        ] {
            samples.push(Sample::gauge(name, help, bytes(value)).label("folder", *purpose));
        }
    }
    if let Some(synchronised) = clock_synchronised() {
        let help = "1 if the kernel believes that a program keeps its clock in time (NTP, PTP).";
        samples.push(Sample::gauge("clock_synchronized", help, f64::from(u8::from(synchronised))));
    }
    for interface in interfaces {
        let up = !interface.gone.load(Ordering::Relaxed);
        let help = "1 while the sensor captures from the interface; 0 when the interface has vanished or its worker has ended.";
        let sample = Sample::gauge("interface_up", help, f64::from(u8::from(up)));
        samples.push(sample.label("interface", &interface.name));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_event_log_has_a_size_and_a_missing_one_has_none() {
        let found = samples(&[("events", PathBuf::from("/")), ("files", PathBuf::from("/no-such-folder"))], &[]);
        let of = |name: &str| found.iter().filter(|sample| sample.name == name).collect::<Vec<_>>();
        assert_eq!(of("disk_size_bytes").len(), 1);
        assert!(of("disk_size_bytes")[0].value >= of("disk_free_bytes")[0].value);
        assert_eq!(of("disk_free_bytes")[0].labels, [("folder", "events".to_owned())]);
    }

    #[test]
    fn only_what_is_written_is_watched() {
        let mut config = Config::default();
        config.eve.path = PathBuf::from("eve.json");
        config.files.store.enabled = false;
        assert_eq!(folders(&config), [("events", PathBuf::from("."))]);
        config.eve.enabled = false;
        assert_eq!(folders(&config), []);
    }
}
