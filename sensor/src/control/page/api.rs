//! What the page and other programs read, as JSON. Texts from the traffic are data in it, never markup.

use super::alerts::Filter;
use super::evidence::beside;
use super::{Page, assets, evidence, live, rule_text};
use crate::detect::dataset::load::base64;
use crate::output::status::Status;
use crate::output::talkers::{Tally, transport_name};
use axum::Router;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A shorter answer is not worth compressing.
const COMPRESS_FROM: usize = 4096;
/// Talkers of each kind that are told.
const TALKERS: usize = 50;

/// Everything under `/api/`, and the page itself.
pub fn routes(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(assets::page))
        .route("/api/state", get(state))
        .route("/api/history", get(history))
        .route("/api/alerts", get(alerts))
        .route("/api/alerts/{number}", get(alert))
        .route("/api/talkers", get(talkers))
        .route("/api/live", get(live::live))
        .route("/api/evidence/{flow}", get(evidence::evidence))
        .with_state(page)
}

fn json(headers: &HeaderMap, value: &impl Serialize) -> Response {
    let text = match serde_json::to_vec(value) {
        Ok(text) => text,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    };
    let kind = [(header::CONTENT_TYPE, "application/json")];
    if text.len() >= COMPRESS_FROM && assets::takes_gzip(headers) {
        return (kind, [(header::CONTENT_ENCODING, "gzip")], assets::gzip(&text)).into_response();
    }
    (kind, text).into_response()
}

#[derive(Serialize)]
struct PageState {
    status: Status,
    /// What is wrong, as `/healthz` says it.
    trouble: Option<String>,
    /// The sensor's clock: milliseconds since 1970.
    now: u64,
    alerts_kept: usize,
    alerts_kept_bytes: usize,
    alerts_missed: u64,
    clients: usize,
    evidence: bool,
}

async fn state(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let (alerts_kept, alerts_kept_bytes) = page.ring().size();
    let state = PageState {
        status: page.parts.sources.status(),
        trouble: (page.parts.health)().err(),
        now: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default(),
        alerts_kept,
        alerts_kept_bytes,
        alerts_missed: page.parts.taps.missed(),
        clients: page.clients.load(Ordering::Relaxed),
        evidence: page.parts.evidence.is_some(),
    };
    json(&headers, &state)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(default)]
    range: Span,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Span {
    #[default]
    Hour,
    Day,
}

async fn history(State(page): State<Arc<Page>>, Query(range): Query<Range>, headers: HeaderMap) -> Response {
    let columns = page.history().columns(range.range == Span::Day);
    json(&headers, &columns)
}

async fn alerts(State(page): State<Arc<Page>>, Query(filter): Query<Filter>, headers: HeaderMap) -> Response {
    let found = page.ring().find(&filter);
    json(&headers, &found)
}

#[derive(Serialize)]
struct AlertDetail<'a> {
    summary: &'a super::alerts::Summary,
    /// The line of EVE JSON, as a text: its reader knows how exact its numbers must be.
    eve: &'a str,
    /// The beginning of the packet's payload, in base64.
    payload: Option<String>,
    rule: Option<RuleText>,
    /// The flow's packets are there.
    evidence: bool,
}

#[derive(Serialize)]
struct RuleText {
    file: String,
    line: u32,
    /// Absent when the file has changed since.
    text: Option<String>,
}

async fn alert(State(page): State<Arc<Page>>, UrlPath(number): UrlPath<u64>, headers: HeaderMap) -> Response {
    let Some(kept) = page.ring().get(number) else {
        return (StatusCode::NOT_FOUND, "This alert has made room for later ones; the event log has it.\n")
            .into_response();
    };
    let (own, of) = (Arc::clone(&kept), Arc::clone(&page));
    let read = beside(move || {
        let folder = of.parts.evidence.as_deref();
        let evidence =
            own.summary.flow.zip(folder).is_some_and(|(flow, folder)| evidence::find(folder, flow).is_some());
        let file = (of.parts.rule_files)(own.rule.file);
        let rule = file.map(|file| RuleText {
            text: rule_text::read(&file, own.rule.line, own.summary.sid),
            file: file.display().to_string(),
            line: own.rule.line,
        });
        (rule.filter(|rule| rule.line > 0), evidence)
    });
    let (rule, evidence) = read.await.unwrap_or_default();
    let payload = kept.payload.as_deref().map(|payload| {
        let mut text = String::new();
        base64(payload, &mut text);
        text
    });
    let eve = std::str::from_utf8(&kept.line).unwrap_or_default().trim_end();
    json(&headers, &AlertDetail { summary: &kept.summary, eve, payload, rule, evidence })
}

#[derive(Serialize)]
struct Talkers {
    hosts: Vec<Talker>,
    conversations: Vec<Talker>,
    protocols: Vec<Talker>,
}

#[derive(Serialize)]
struct Talker {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    bytes: u64,
    /// So many of `bytes` may be others'.
    error: u64,
    sent: u64,
    received: u64,
    flows: u64,
}

impl Talker {
    fn new(name: String, tally: &Tally) -> Self {
        let Tally { bytes, error, sent, received, flows } = *tally;
        Self { name, server: None, port: None, app: None, bytes, error, sent, received, flows }
    }
}

async fn talkers(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let reading = page.parts.talkers.reading(TALKERS);
    let app = |app: Option<&str>, proto: u8| app.map_or_else(|| transport_name(proto), str::to_owned);
    let talkers = Talkers {
        hosts: reading.hosts.iter().map(|(host, tally)| Talker::new(host.to_ip().to_string(), tally)).collect(),
        conversations: reading
            .conversations
            .iter()
            .map(|(of, tally)| Talker {
                server: Some(of.server.to_ip().to_string()),
                port: (of.port > 0).then_some(of.port),
                app: Some(app(of.app, of.proto)),
                ..Talker::new(of.client.to_ip().to_string(), tally)
            })
            .collect(),
        protocols: reading
            .protocols
            .iter()
            .map(|((name, proto), tally)| {
                let unknown = if name.is_some() { "" } else { ", not recognised" };
                Talker::new(app(*name, *proto) + unknown, tally)
            })
            .collect(),
    };
    json(&headers, &talkers)
}
