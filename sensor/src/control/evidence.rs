//! `sekisho evidence`: finds the packets that prove an alert. The files' names are the index, so that no sensor has to run.

use super::arguments::{ConfigArguments, Format};
use super::print::{error_line, out, outln};
use crate::config::ConfigError;
use crate::output::evidence::{EvidenceName, UNFINISHED};
use crate::output::status::grouped;
use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Find the packets that prove an alert: by EVE's flow_id, or all that there are.
///
/// Prints the path of each file, the oldest first; with --output it puts them into one. A file that is still being written is told on stderr,
/// and can be read up to where it is. Exit status 1 if there is none.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(
    after_help = "Examples:\n  sekisho evidence 1203947712093847\n  sekisho evidence 1203947712093847 --output case-17.pcapng\n  \
                        sekisho evidence --list --since 2h\n  \
                        tshark -r \"$(sekisho evidence 1203947712093847 | head -1)\" -T fields -e frame.number -e frame.comment"
)]
pub struct EvidenceArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// EVE's flow_id. May be repeated.
    #[arg(value_name = "FLOW_ID", required_unless_present = "list")]
    pub flows: Vec<u64>,
    /// All that there are, as a table: when the alert was, flow_id, bytes, path.
    #[arg(long)]
    pub list: bool,
    /// Only alerts since then: a time (2026-11-23T08:00:00Z), or how long ago (2h, 3d, "1 h 30 min").
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<jiff::Timestamp>,
    /// Put all of it into this file, the oldest first; - is standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where to look, in place of the configuration's evidence.folder.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// `text` for people, `json` for a list of objects.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the cause's own sentence")]
pub enum EvidenceError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot read the folder for evidence {}: {source}. Name it with --folder, or set evidence.folder", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write the answer: {0}")]
    Answer(#[from] serde_json::Error),
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// EVE's `flow_id`; absent for packets of no flow.
    pub flow_id: Option<u64>,
    /// When the alert's packet was captured.
    pub time: String,
    /// Bytes so far.
    pub bytes: u64,
    /// Whether it is complete.
    pub complete: bool,
    /// Where it is.
    pub path: PathBuf,
}

fn since(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time);
    }
    let ago = text.parse::<jiff::Span>().map_err(|error| error.to_string());
    let ago = ago.and_then(|span| {
        let days = jiff::SpanRelativeTo::days_are_24_hours();
        span.to_duration(days).map_err(|error| error.to_string())
    });
    let ago = ago.map_err(|error| format!("neither a time as 2026-11-23T08:00:00Z nor a duration as 2h: {error}"))?;
    jiff::Timestamp::now().checked_sub(ago.abs()).map_err(|error| error.to_string())
}

/// Looks, and prints what there is.
///
/// # Errors
/// See [`EvidenceError`].
pub fn evidence(arguments: &EvidenceArguments) -> Result<ExitCode, EvidenceError> {
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None => arguments.config.load_installed()?.evidence.folder,
    };
    let mut found = find(&folder)?;
    found.retain(|(name, _)| {
        let asked = arguments.flows.is_empty() || arguments.flows.contains(&name.flow_id);
        let since = arguments.since.is_none_or(|since| i128::from(name.start.0) >= since.as_nanosecond());
        asked && since
    });
    let found: Vec<Found> = found.into_iter().map(|(_, found)| found).collect();
    for unfinished in found.iter().filter(|found| !found.complete) {
        error_line(format_args!("sekisho: {} is still being written", unfinished.path.display()));
    }
    if found.is_empty() {
        error_line(format_args!("sekisho: there is nothing of it in {}", folder.display()));
    }
    match (&arguments.output, arguments.format) {
        (Some(output), _) if !found.is_empty() => join(&found, output)?,
        (Some(_), _) => {}
        (None, Format::Json) => outln!("{}", serde_json::to_string(&found)?),
        (None, Format::Text) if arguments.list => out!("{}", table(&found)),
        (None, Format::Text) => found.iter().for_each(|found| outln!("{}", found.path.display())),
    }
    Ok(if found.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The folder's files, by the alert's time.
fn find(folder: &Path) -> Result<Vec<(EvidenceName, Found)>, EvidenceError> {
    let unreadable = |source| EvidenceError::Folder { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let Some(name) = path.file_name().and_then(|name| EvidenceName::parse(name.to_str()?)) else { continue };
        // One that was removed or completed meanwhile.
        let Ok(about) = entry.metadata() else { continue };
        let time = jiff::Timestamp::from_nanosecond(i128::from(name.start.0)).unwrap_or_default();
        let complete = path.extension().is_some_and(|end| end != UNFINISHED);
        let flow_id = (name.flow_id > 0).then_some(name.flow_id);
        found.push((name, Found { flow_id, time: time.to_string(), bytes: about.len(), complete, path }));
    }
    found.sort_by_key(|(name, _)| (name.start, name.flow_id, name.worker));
    Ok(found)
}

fn table(found: &[Found]) -> String {
    let mut text = format!("{:<32}{:>18}{:>14}  {}\n", "alert at", "flow_id", "bytes", "file");
    for Found { flow_id, time, bytes, path, .. } in found {
        let flow = flow_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        text += &format!("{time:<32}{flow:>18}{:>14}  {}\n", grouped(*bytes), path.display());
    }
    text
}

/// One file after the other: a capture may have several sections.
fn join(found: &[Found], output: &Path) -> Result<(), EvidenceError> {
    let unwritable = |source| EvidenceError::Write { path: output.to_owned(), source };
    let copy = |to: &mut dyn Write| -> Result<(), EvidenceError> {
        for Found { path, .. } in found {
            let unreadable = |source| EvidenceError::Read { path: path.clone(), source };
            let mut from = File::open(path).map_err(unreadable)?;
            let mut piece = vec![0; 256 << 10];
            loop {
                let read = from.read(&mut piece).map_err(unreadable)?;
                if read == 0 {
                    break;
                }
                to.write_all(piece.get(..read).unwrap_or_default()).map_err(unwritable)?;
            }
        }
        to.flush().map_err(unwritable)
    };
    if output == Path::new("-") {
        return copy(&mut io::stdout().lock());
    }
    // What has the name is whole.
    let mut unfinished = output.as_os_str().to_owned();
    unfinished.push(format!(".{UNFINISHED}"));
    let mut file = File::create(&unfinished).map_err(unwritable)?;
    let done = copy(&mut file).and_then(|()| std::fs::rename(&unfinished, output).map_err(unwritable));
    if done.is_err() {
        // It may not even have come to be.
        let _ = std::fs::remove_file(&unfinished);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_either_way() {
        assert_eq!(since("2026-11-23T08:00:00Z").unwrap().to_string(), "2026-11-23T08:00:00Z");
        let ago = |text| {
            let since = since(text).unwrap();
            jiff::Timestamp::now().duration_since(since).as_secs()
        };
        for (text, seconds) in [("2h", 7200), ("1 h 30 min", 5400), ("3d", 259_200)] {
            assert!((seconds..seconds + 5).contains(&ago(text)), "{text}");
        }
        assert!(since("yesterday").unwrap_err().contains("neither a time"));
    }

    #[test]
    fn files_are_found_by_their_names_and_joined_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| std::fs::write(folder.path().join(name), name).unwrap();
        let (late, early) = ("7-20261123T080001.000000000Z.pcapng", "7-20261123T080000.000000000Z.pcapng");
        let other = "noflow2-20261123T070000.000000000Z.pcapng.part";
        [late, early, other, "notes.txt"].into_iter().for_each(put);
        let all = find(folder.path()).unwrap();
        let seen: Vec<_> = all.iter().map(|(_, f)| (f.flow_id, f.complete, f.time.as_str())).collect();
        assert_eq!(
            seen,
            [
                (None, false, "2026-11-23T07:00:00Z"),
                (Some(7), true, "2026-11-23T08:00:00Z"),
                (Some(7), true, "2026-11-23T08:00:01Z")
            ]
        );
        let found: Vec<Found> = all.into_iter().map(|(_, found)| found).collect();
        let output = folder.path().join("all.pcapng");
        join(&found, &output).unwrap();
        assert_eq!(std::fs::read_to_string(&output).unwrap(), [other, early, late].concat());
        assert!(table(&found).lines().nth(2).unwrap().contains("2026-11-23T08:00:00Z"));
        let error = join(&found, &folder.path().join("no/x")).unwrap_err().to_string();
        assert!(error.contains("cannot write"), "{error}");
        assert!(find(&folder.path().join("none")).unwrap_err().to_string().contains("--folder"));
    }
}
