//! `/metrics`, `/healthz` and `/status` over HTTP, in a thread of its own that no packet passes.
//!
//! Read-only and without authentication, so that it listens on the loopback address unless the configuration says
//! otherwise.

use crate::output::metrics::{CONTENT_TYPE, Metrics};
use crate::output::sources::Sources;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Says what is wrong with the sensor, if anything is.
pub type HealthCheck = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken.
    #[error(
        "cannot serve metrics on {0}: another program listens there. Stop it, or set metrics.listen to a free port"
    )]
    InUse(SocketAddr),
    /// The port is for root.
    #[error("cannot serve metrics on {0}: this user may not open that port. Set metrics.listen to a port above 1023")]
    NotAllowed(SocketAddr),
    /// The address is none of this machine's.
    #[error("cannot serve metrics on {0}: this machine has no such address. Set metrics.listen to one that it has")]
    NoSuchAddress(SocketAddr),
    /// Anything else.
    #[error("cannot serve metrics on {0}: {1}")]
    Bind(SocketAddr, io::Error),
    /// The thread or its runtime.
    #[error("cannot start the HTTP server: {0}")]
    Start(io::Error),
}

impl HttpError {
    fn of_bind(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::NotAllowed(address),
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress(address),
            _ => Self::Bind(address, error),
        }
    }
}

struct App {
    metrics: Metrics,
    sources: Arc<Sources>,
    health: HealthCheck,
}

/// The running server. It stops when dropped.
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Listens on `listen` (port 0: any free one) and serves from a thread of its own.
    ///
    /// # Errors
    /// When the address cannot be had, as a sentence that says what to do.
    pub fn start(
        listen: SocketAddr,
        metrics: Metrics,
        sources: Arc<Sources>,
        health: HealthCheck,
    ) -> Result<Self, HttpError> {
        let listener = TcpListener::bind(listen).map_err(|error| HttpError::of_bind(listen, error))?;
        listener.set_nonblocking(true).map_err(HttpError::Start)?;
        let address = listener.local_addr().map_err(HttpError::Start)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HttpError::Start)?;
        let (stop, stopped) = oneshot::channel();
        let app = Arc::new(App { metrics, sources, health });
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, app, stopped)) {
                    tracing::error!("the HTTP server stopped: {error}");
                }
            })
            .map_err(HttpError::Start)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // Fails when the server has already stopped.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the HTTP thread failed");
        }
    }
}

async fn serve(listener: TcpListener, app: Arc<App>, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/status", get(status))
        .with_state(app);
    tokio::select! {
        // Not a graceful end: an open connection of a scraper must not hold up the sensor's.
        result = async { axum::serve(listener, router).await } => result,
        _ = stopped => Ok(()),
    }
}

async fn index() -> Html<&'static str> {
    Html(concat!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sekisho</title></head><body>",
        "<h1>Sekisho ",
        env!("CARGO_PKG_VERSION"),
        "</h1><ul>",
        "<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>",
        "<li><a href=\"/status\">/status</a>: the sensor's state as JSON</li>",
        "<li><a href=\"/healthz\">/healthz</a>: 200 when all is well, else 503 and why</li>",
        "</ul></body></html>\n"
    ))
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn healthz(State(app): State<Arc<App>>) -> Response {
    match (app.health)() {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn status(State(app): State<Arc<App>>) -> Response {
    match serde_json::to_string(&app.sources.status()) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
