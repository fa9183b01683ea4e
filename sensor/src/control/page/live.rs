//! Alerts and counters as they come, to browsers: Server-Sent Events.
//!
//! Each message is made once for all browsers. One that falls behind by more messages than are kept is cut off, and asks anew for what it
//! missed, by the number of the last alert that it has. One that takes nothing at all is cut off by the kernel: see
//! [`http::STALLED`](crate::control::http::STALLED).

use super::Page;
use super::alerts::Kept;
use super::history::Point;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// What browsers are told, as JSON.
#[derive(Debug)]
pub(super) struct Message {
    kind: &'static str,
    data: String,
}

impl Message {
    pub(super) fn alerts(alerts: &[Arc<Kept>]) -> Self {
        let summaries: Vec<_> = alerts.iter().map(|kept| &kept.summary).collect();
        Self::of("alerts", &summaries)
    }

    pub(super) fn tick(point: &Point) -> Self {
        Self::of("tick", point)
    }

    fn of(kind: &'static str, data: &impl Serialize) -> Self {
        // Plain structs with texts and numbers are always JSON.
        Self { kind, data: serde_json::to_string(data).unwrap_or_default() }
    }

    fn event(&self) -> Event {
        Event::default().event(self.kind).data(&self.data)
    }
}

/// A browser that goes with more messages waiting did not keep up.
const BEHIND: usize = 8;

/// Counts a browser, as long as it is there.
struct Client {
    page: Arc<Page>,
    messages: Receiver<Arc<Message>>,
}

impl Client {
    /// None when there are too many.
    fn enter(page: &Arc<Page>) -> Option<Self> {
        let most = page.parts.config.clients_max;
        let enter = |n| (n < most).then_some(n + 1);
        match page.clients.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter) {
            Ok(_) => Some(Self { page: Arc::clone(page), messages: page.live.subscribe() }),
            Err(_) => {
                page.clients_refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.page.clients.fetch_sub(1, Ordering::Relaxed);
        if self.messages.len() > BEHIND {
            self.page.clients_cut_off.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// `/api/live`
pub(super) async fn live(State(page): State<Arc<Page>>) -> Response {
    let Some(client) = Client::enter(&page) else {
        let why = "page.clients_max browsers have the page open already.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    // What is ahead of all else tells the browser that it is connected.
    let hello = stream::iter([Ok::<_, Infallible>(Event::default().event("hello").data("{}"))]);
    let rest = stream::unfold(client, |mut client| async move {
        match client.messages.recv().await {
            Ok(message) => Some((Ok(message.event()), client)),
            Err(RecvError::Lagged(_) | RecvError::Closed) => None,
        }
    });
    let events = stream::StreamExt::chain(hello, rest);
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}
