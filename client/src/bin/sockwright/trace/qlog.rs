//! The events of a trace as qlog has events: a JSON text sequence (RFC 7464) that begins with a `QlogFileSeq`, as
//! draft-ietf-quic-qlog-main-schema describes it. The namespace is ours; docs/traces.md describes it.

use serde_json::{Value, json};
use sockwright_client::v1::Event;

use super::Bundle;
use crate::failure::Failure;
use crate::render::json as proto_json;

/// The records, each in one piece, from the header on.
pub(crate) fn records(
    bundle: &mut Bundle,
    mut to: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut write = |value: &Value| to(&format!("{RECORD_SEPARATOR}{value}\n"));
    write(&header(bundle.manifest["title"].as_str().unwrap_or_default()))?;
    bundle.events(|event| write(&record(&event)))
}

fn header(title: &str) -> Value {
    json!({
        "file_schema": "urn:ietf:params:qlog:file:sequential",
        "serialization_format": "application/qlog+json-seq",
        "title": title,
        "trace": {
            "common_fields": {
                "time_format": "relative_to_epoch",
                "reference_time": { "clock_type": "monotonic", "epoch": "unknown" },
            },
            "vantage_point": { "type": "unknown" },
            "event_schemas": [SCHEMA],
        },
    })
}

fn record(event: &Event) -> Value {
    let mut data = proto_json::kind(event);
    data["event"] = event.seq.to_string().into();
    for (name, text) in [("session", &event.session), ("label", &event.label)] {
        if !text.is_empty() {
            data[name] = text.as_str().into();
        }
    }
    json!({
        "time": event.time_ns as f64 / 1e6,
        "name": format!("tcp:{}", proto_json::kind_of(event)),
        "group_id": format!("{}#{}", event.stack, event.socket),
        "data": data,
    })
}

/// What begins each record of a JSON text sequence.
const RECORD_SEPARATOR: char = '\u{1e}';
const SCHEMA: &str = "urn:sockwright:tcp:1";

#[cfg(test)]
mod tests {
    use sockwright_client::v1::{Retransmission, RetransmissionReason, event::Kind};

    use super::*;

    #[test]
    fn an_event_has_its_time_in_milliseconds_and_its_own_fields() {
        let reason = RetransmissionReason::Rack.into();
        let event = Event {
            seq: 7,
            time_ns: 1_500_000,
            stack: "lab/a".into(),
            socket: 3,
            label: "web".into(),
            kind: Some(Kind::Retransmission(Retransmission { seq: 100, length: 10, reason })),
            ..Default::default()
        };
        let told = record(&event);
        assert_eq!((&told["time"], &told["name"]), (&json!(1.5), &json!("tcp:retransmission")));
        assert_eq!(told["group_id"], "lab/a#3");
        assert_eq!(told["data"]["reason"], "RETRANSMISSION_REASON_RACK");
        assert_eq!((&told["data"]["event"], &told["data"]["label"]), (&json!("7"), &json!("web")));
        assert_eq!(told["data"]["seq"], 100);
    }
}
