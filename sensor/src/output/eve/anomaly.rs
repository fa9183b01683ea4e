//! `event_type` `anomaly`: what decoding, the stream engine and protocols' parsers found odd.

use super::Context;
use super::header::Header;
use crate::event::{Anomaly, AnomalyEvent};
use crate::output::config::EventType;
use sekisho_signatures::app::Protocol;
use serde::Serialize;
use std::borrow::Cow;

/// The record.
#[derive(Debug, Serialize)]
pub(super) struct AnomalyRecord<'a> {
    #[serde(skip)]
    pub(super) header: Header<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_id: Option<u64>,
    anomaly: Body,
}

/// `anomaly`
#[derive(Debug, Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto: Option<&'static str>,
    #[serde(rename = "type")]
    kind: &'static str,
    event: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
}

impl<'a> AnomalyRecord<'a> {
    pub(super) fn of(context: &'a mut Context, event: &AnomalyEvent) -> Self {
        let (kind, name, app) = match event.anomaly {
            Anomaly::Decode(event) => ("decode", event.name(), None),
            Anomaly::Stream(event) => ("stream", event.name(), None),
            Anomaly::App { protocol, event, tx_id } => ("applayer", event, Some((protocol.name(), tx_id))),
        };
        let layer = app.map(|_| if is_of_recognition(name) { "proto_detect" } else { "proto_parser" });
        Self {
            header: Header::of_packet(context, EventType::Anomaly, &event.packet, event.flow_id),
            tx_id: app.and_then(|(_, tx_id)| tx_id),
            anomaly: Body {
                app_proto: app.map(|(protocol, _)| protocol),
                kind,
                event: spelled(name, &event.anomaly),
                layer,
            },
        }
    }
}

/// What was odd as a protocol was recognised, not as it was read.
fn is_of_recognition(name: &str) -> bool {
    name.starts_with("applayer_")
}

/// Events of Suricata's older parsers are spelled in capitals in EVE, though not in rules.
fn spelled(name: &'static str, anomaly: &Anomaly) -> Cow<'static, str> {
    match anomaly {
        Anomaly::App { .. } if is_of_recognition(name) => Cow::Owned(name.to_ascii_uppercase()),
        Anomaly::App { protocol: Protocol::Http1 | Protocol::Tls | Protocol::Smtp | Protocol::Ftp, .. } => {
            Cow::Owned(name.to_ascii_uppercase())
        }
        _ => Cow::Borrowed(name),
    }
}
