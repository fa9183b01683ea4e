//! The control socket: how `sekisho status`, `sekisho reload` and their like ask a running sensor.
//!
//! A Unix socket, for the sensor's user and group only (mode 0660). A request is one line of JSON,
//! `{"command":"status"}`, and so is the answer: `{"ok":true,"result":…}` or `{"ok":false,"error":"a sentence"}`.
//! A connection may ask more than once.

use super::privilege::{self, Task};
use crate::output::ruleset::RuleCostTable;
use crate::output::sources::Sources;
use crate::output::status::Status;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A longer request is refused.
const REQUEST_MAX_BYTES: u64 = 64 * 1024;
/// How long either end waits for the other to read or write.
const PATIENCE: Duration = Duration::from_secs(10);
/// More clients at once than this are turned away.
const CLIENTS_MAX: usize = 16;
const MODE: u32 = 0o660;

/// A request, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `status`, or another that the sensor knows.
    pub command: String,
    /// `rules`: how many rules are listed at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<usize>,
}

/// An answer, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Answers a command: its result, or a sentence that says what is wrong. May take its time.
pub type OnCommand = Box<dyn Fn(&Request) -> Result<Value, String> + Send + Sync>;

/// The commands of a sensor: `status` is answered from `sources`, the others by `other`, which returns `None` for those
/// that it does not know.
#[must_use]
pub fn commands(
    sources: Arc<Sources>,
    other: impl Fn(&Request) -> Option<Result<Value, String>> + Send + Sync + 'static,
) -> OnCommand {
    Box::new(move |request| match request.command.as_str() {
        "status" => serde_json::to_value(sources.status()).map_err(|error| error.to_string()),
        command => other(request).unwrap_or_else(|| Err(format!("this sensor has no command {command:?}"))),
    })
}

/// What can go wrong with the socket, at either end.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum SocketError {
    #[error(
        "another sensor answers on the control socket {}. Stop it first, or give this one its own with control.socket",
        .0.display()
    )]
    InUse(PathBuf),
    #[error("the control socket cannot be made: {} is there and is no socket. Move it away, or set control.socket", .0.display())]
    NotASocket(PathBuf),
    #[error("cannot make the control socket {}: {source}. Make its folder writable for this user, or set control.socket", path.display())]
    Bind { path: PathBuf, source: io::Error },
    #[error("cannot start the control thread: {0}")]
    Thread(io::Error),
    #[error("no sensor answers on {}: {source}. Is it running, and with this control.socket?", path.display())]
    NotRunning { path: PathBuf, source: io::Error },
    #[error("this user may not ask the sensor on {}: be root, or in the sensor's group", .0.display())]
    NotAllowed(PathBuf),
    #[error("the sensor gave no answer that can be read: {0}")]
    BadAnswer(String),
    #[error("{0}")]
    Refused(String),
}

/// The listening socket. It is removed when this is dropped.
pub struct ControlSocket {
    path: PathBuf,
    /// Device and inode, so that another sensor's socket is never removed.
    identity: Option<(u64, u64)>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ControlSocket {
    /// Listens on `path`. A socket file that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// When another sensor has it, or it cannot be made.
    pub fn start(path: &Path, on_command: OnCommand) -> Result<Self, SocketError> {
        clear_stale(path)?;
        let listener = bind(path).map_err(|error| SocketError::Bind { path: path.to_owned(), source: error })?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut socket =
            Self { path: path.to_owned(), identity: identity(path), stop: Arc::clone(&stop), thread: None };
        let on_command: Arc<OnCommand> = Arc::new(on_command);
        let accept = move || {
            privilege::keep(Task::Plain);
            accept_all(&listener, &stop, &on_command);
        };
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(accept);
        socket.thread = Some(thread.map_err(SocketError::Thread)?);
        Ok(socket)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // Wakes the thread from `accept`. Should the file be gone, nothing can: then it is left behind.
            if UnixStream::connect(&self.path).is_ok()
                && identity(&self.path) == self.identity
                && thread.join().is_err()
            {
                tracing::error!("the control thread failed");
            }
        }
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // It may be gone already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

fn clear_stale(path: &Path) -> Result<(), SocketError> {
    let Ok(meta) = fs::symlink_metadata(path) else { return Ok(()) };
    if !meta.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| SocketError::Bind { path: path.to_owned(), source: error })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(SocketError::Bind { path: path.to_owned(), source: error })
        }
        _ => Err(SocketError::InUse(path.to_owned())),
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok(listener)
}

fn accept_all(listener: &UnixListener, stop: &AtomicBool, on_command: &Arc<OnCommand>) {
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            // Out of file descriptors, most likely: not to be tried again in a hurry.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if clients.load(Ordering::Acquire) >= CLIENTS_MAX {
            continue;
        }
        clients.fetch_add(1, Ordering::AcqRel);
        let on_command = Arc::clone(on_command);
        let leaving = Leaving(Arc::clone(&clients));
        let serve = move || {
            let _leaving = leaving;
            if let Err(error) = serve(&stream, &on_command) {
                tracing::debug!("a client of the control socket left: {error}");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("control-client".to_owned()).spawn(serve) {
            tracing::warn!("no thread for a client of the control socket: {error}");
        }
    }
}

/// Counts a client out, whatever happens.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn serve(stream: &UnixStream, on_command: &OnCommand) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(REQUEST_MAX_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let too_long = line.last() != Some(&b'\n') && read as u64 == REQUEST_MAX_BYTES;
        let result = if too_long {
            Err(format!("a request may be {REQUEST_MAX_BYTES} bytes long"))
        } else {
            serde_json::from_slice::<Request>(&line)
                .map_err(|error| format!("this is no request such as {{\"command\":\"status\"}}: {error}"))
                .and_then(|request| on_command(&request))
        };
        let answer = match result {
            Ok(result) => Answer { ok: true, result: Some(result), error: None },
            Err(error) => Answer { ok: false, result: None, error: Some(error) },
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        (&*stream).write_all(&text)?;
        if too_long {
            return Ok(());
        }
    }
}

/// Asks the sensor on `path`.
///
/// # Errors
/// When none answers, or it refuses.
pub fn ask(path: &Path, command: &str) -> Result<Value, SocketError> {
    ask_request(path, &Request { command: command.to_owned(), top: None })
}

/// As [`ask`], with more than a word.
///
/// # Errors
/// As [`ask`].
pub fn ask_request(path: &Path, request: &Request) -> Result<Value, SocketError> {
    let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => SocketError::NotAllowed(path.to_owned()),
        _ => SocketError::NotRunning { path: path.to_owned(), source: error },
    })?;
    let bad = |error: &dyn std::fmt::Display| SocketError::BadAnswer(error.to_string());
    stream.set_write_timeout(Some(PATIENCE)).map_err(|error| bad(&error))?;
    let mut text = serde_json::to_vec(request).map_err(|error| bad(&error))?;
    text.push(b'\n');
    (&stream).write_all(&text).map_err(|error| bad(&error))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).map_err(|error| bad(&error))?;
    let answer: Answer = serde_json::from_str(&line).map_err(|error| bad(&error))?;
    match (answer.ok, answer.result, answer.error) {
        (true, Some(result), _) => Ok(result),
        (false, _, Some(error)) => Err(SocketError::Refused(error)),
        _ => Err(SocketError::BadAnswer(line)),
    }
}

/// What rules cost, the `top` costliest, for `sekisho status --rules`.
///
/// # Errors
/// As [`ask`].
pub fn ask_rule_costs(path: &Path, top: usize) -> Result<RuleCostTable, SocketError> {
    let value = ask_request(path, &Request { command: "rules".to_owned(), top: Some(top) })?;
    serde_json::from_value(value).map_err(|error| SocketError::BadAnswer(error.to_string()))
}

/// The sensor's status, for `sekisho status`.
///
/// # Errors
/// As [`ask`].
pub fn ask_status(path: &Path) -> Result<Status, SocketError> {
    let value = ask(path, "status")?;
    serde_json::from_value(value).map_err(|error| SocketError::BadAnswer(error.to_string()))
}
