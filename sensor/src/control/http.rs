//! `/metrics`, `/healthz`, `/status` and the sensor's page over HTTP, in a thread of its own that no packet passes.
//!
//! Read-only. It listens on the loopback address unless the configuration says otherwise, and then asks for a token ([`access`]).

use super::access::{self, Access, AccessError};
use super::page::{Page, api, assets};
use super::privilege::{self, Task};
use crate::output::MetricsConfig;
use crate::output::metrics::{CONTENT_TYPE, Metrics};
use crate::output::sources::Sources;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::TcpUserTimeout;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
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
    /// Everybody could read it.
    #[error(transparent)]
    Access(#[from] AccessError),
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

/// What is served.
pub struct Served {
    /// `/metrics`
    pub metrics: Metrics,
    /// `/status`
    pub sources: Arc<Sources>,
    /// `/healthz`
    pub health: HealthCheck,
    /// `/` and `/api/`, if there is a page.
    pub page: Option<Arc<Page>>,
    /// Who may ask.
    pub access: Arc<Access>,
}

/// The running server. It stops when dropped.
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Listens on `config.listen` (port 0: any free one) and serves from a thread of its own.
    ///
    /// # Errors
    /// When the address cannot be had, as a sentence that says what to do.
    pub fn start(config: &MetricsConfig, served: Served) -> Result<Self, HttpError> {
        let listen = config.listen;
        let listener = TcpListener::bind(listen).map_err(|error| HttpError::of_bind(listen, error))?;
        listener.set_nonblocking(true).map_err(HttpError::Start)?;
        let address = listener.local_addr().map_err(HttpError::Start)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HttpError::Start)?;
        let (stop, stopped) = oneshot::channel();
        let router = router(served);
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                privilege::keep(Task::Plain);
                if let Err(error) = runtime.block_on(serve(listener, router, stopped)) {
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

/// Whoever takes nothing of what waits for him for so long loses his connection: it holds memory, and a place among the page's browsers.
pub const STALLED: Duration = Duration::from_secs(10);

async fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|connection| {
        let limit = u32::try_from(STALLED.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = setsockopt(connection, TcpUserTimeout, &limit) {
            tracing::debug!("a connection without a limit on stalling: {error}");
        }
    });
    tokio::select! {
        // Not a graceful end: an open connection of a scraper must not hold up the sensor's.
        result = async { axum::serve(listener, router).await } => result,
        _ = stopped => Ok(()),
    }
}

/// All paths, behind the guard.
fn router(served: Served) -> Router {
    let Served { metrics: rendered, sources, health, page, access } = served;
    let app = Arc::new(App { metrics: rendered, sources, health });
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/status", get(status))
        .with_state(app)
        .merge(Router::new().route("/login", get(access::ask).post(access::login)).with_state(Arc::clone(&access)));
    match page {
        Some(page) => router.merge(api::routes(page)),
        None => router.route("/", get(index)),
    }
    .layer(from_fn_with_state(access, access::guard))
    .layer(from_fn(assets::shield))
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
