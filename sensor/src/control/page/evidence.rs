//! `/api/evidence/FLOW_ID`: the packets of a flow, as the evidence folder has them.
//!
//! Nothing of the request but a number comes near the file system, links are not followed, and a large file is read piece by piece.

use super::Page;
use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Read at a time.
const PIECE: usize = 64 * 1024;

/// The latest file of the flow: `FLOW_ID.pcapng`, or with something between that begins with no digit.
pub(super) fn find(folder: &Path, flow: u64) -> Option<PathBuf> {
    let number = flow.to_string();
    let is_of_flow = |name: &str| {
        let rest = name.strip_prefix(&number).and_then(|rest| rest.strip_suffix(".pcapng"));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let files = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let files = files.filter(|file| file.file_name().to_str().is_some_and(is_of_flow));
    let files = files.filter_map(|file| {
        let about = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((about.modified().ok()?, file.path()))
    });
    files.max().map(|(_, path)| path)
}

fn open(folder: &Path, flow: u64) -> Option<(File, u64)> {
    let path = find(folder, flow)?;
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path).ok()?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    Some((file, length))
}

/// Runs what reads a disk beside what serves browsers.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// `/api/evidence/FLOW_ID`
pub(super) async fn evidence(State(page): State<Arc<Page>>, UrlPath(flow): UrlPath<u64>) -> Response {
    let Some(folder) = page.parts.evidence.clone() else {
        return (StatusCode::NOT_FOUND, "No evidence is kept: the configuration does not ask for it.\n")
            .into_response();
    };
    let Some(Some((file, length))) = beside(move || open(&folder, flow)).await else {
        let why =
            format!("There are no packets of flow {flow}: none were kept, or they have made room for later ones.\n");
        return (StatusCode::NOT_FOUND, why).into_response();
    };
    let pieces = stream::unfold(Some((file, length)), |at| async move {
        let (mut file, left) = at.filter(|(_, left)| *left > 0)?;
        let piece = beside(move || {
            let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
            file.read(&mut piece).map(|n| {
                piece.truncate(n);
                (file, piece)
            })
        });
        match piece.await.unwrap_or_else(|| Err(io::ErrorKind::Other.into())) {
            // Cut while it was read: the browser must not take it for whole.
            Ok((_, piece)) if piece.is_empty() => Some((Err(io::ErrorKind::UnexpectedEof.into()), None)),
            Ok((file, piece)) => {
                let left = left.saturating_sub(piece.len() as u64);
                Some((Ok::<_, io::Error>(Bytes::from(piece)), Some((file, left))))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    let head = [
        (header::CONTENT_TYPE, "application/x-pcapng".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{flow}.pcapng\"")),
    ];
    (head, Body::from_stream(pieces)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn the_latest_file_of_exactly_this_flow() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, age_s: u64| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age_s)).unwrap();
        };
        for (name, age) in
            [("12.pcapng", 50), ("12-2.pcapng", 9), ("12.pcapng.tmp", 0), ("123.pcapng", 0), ("112.pcapng", 0)]
        {
            put(name, age);
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("7.pcapng")).unwrap();
        std::fs::create_dir(folder.path().join("8.pcapng")).unwrap();
        let name = |flow| find(folder.path(), flow).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        assert_eq!(name(12).as_deref(), Some("12-2.pcapng"));
        assert_eq!(name(123).as_deref(), Some("123.pcapng"));
        for none in [1, 2, 7, 8, 9] {
            assert_eq!(name(none), None);
        }
        assert!(find(&folder.path().join("none"), 12).is_none());
    }
}
