//! Messages of the contract as canonical proto JSON.
//!
//! Owns: the encoding that `--json` promises. Fields without a value of their own (numbers, enums, lists) are always
//! there, so that a script finds them; absent messages and the branches of a `oneof` that are not taken are not.
//!
//! ```text
//! CreateResponse { socket: 3, at: Position { epoch: 7, seq: 12 } }
//!   -> {"socket":"3","at":{"epoch":"7","seq":"12"}}
//! ```

use std::sync::LazyLock;

use base64::Engine as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, SerializeOptions};
use serde_json::{Value, json};
use sockwright_client::{Error, code_name, v1};

use crate::names::Worded;

/// A message as JSON.
pub(crate) fn message<M: prost::Message>(message: &M) -> Value {
    let mut value = dynamic(message)
        .serialize_with_options(serde_json::value::Serializer, &OPTIONS)
        .expect("JSON has room for all");
    add_text(&mut value);
    value
}

/// What kind an event is of, as `Event.kind` names it: `segment_sent`.
pub(crate) fn kind_of(event: &v1::Event) -> String {
    kind_field(&dynamic(event)).map_or_else(|| "unknown".to_owned(), |field| field.name().to_owned())
}

/// What an event tells beside when and where: the message of its kind.
pub(crate) fn kind(event: &v1::Event) -> Value {
    let event = dynamic(event);
    let told = kind_field(&event).map(|field| event.get_field(&field).into_owned());
    let Some(prost_reflect::Value::Message(told)) = told else { return json!({}) };
    told.serialize_with_options(serde_json::value::Serializer, &OPTIONS).expect("JSON has room for all")
}

fn kind_field(event: &DynamicMessage) -> Option<FieldDescriptor> {
    event.fields().map(|(field, _)| field).find(|field| field.containing_oneof().is_some())
}

/// An event, with the epoch that its `seq` belongs to.
pub(crate) fn event(epoch: u64, event: &v1::Event) -> Value {
    json!({ "epoch": epoch.to_string(), "event": message(event) })
}

/// An error, as it goes to standard error.
pub(crate) fn error(verb: &str, error: &Error) -> Value {
    let mut fields = json!({ "verb": verb, "code": code_name(error.code), "message": error.message });
    if let Some(errno_name) = &error.errno_name {
        fields["errnoName"] = json!(errno_name);
    }
    if let Some(errno) = error.errno {
        fields["errno"] = json!(errno);
    }
    if let Some(state) = error.tcp_state {
        fields["tcpState"] = json!(state.proto_name());
    }
    if let Some(socket) = error.socket {
        fields["socket"] = json!(socket.to_string());
    }
    json!({ "error": fields })
}

/// What went wrong on this side, as it goes to standard error.
pub(crate) fn failure(verb: &str, message: &str) -> Value {
    json!({ "error": { "verb": verb, "message": message } })
}

fn dynamic<M: prost::Message>(message: &M) -> DynamicMessage {
    // The generated types do not carry their names, but have those of the contract.
    let name = std::any::type_name::<M>().rsplit("::").next().unwrap_or_default();
    let descriptor =
        POOL.get_message_by_name(&format!("sockwright.v1.{name}")).expect("a message of the contract");
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).expect("the same contract")
}

/// Puts `utf8` beside `data`, where that is text.
fn add_text(value: &mut Value) {
    let Some(Value::String(data)) = value.get("data") else { return };
    let bytes = base64::prelude::BASE64_STANDARD.decode(data).unwrap_or_default();
    if let Ok(text) = String::from_utf8(bytes) {
        value["utf8"] = Value::String(text);
    }
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).expect("the contract's own descriptors")
});

const OPTIONS: SerializeOptions = SerializeOptions::new().skip_default_fields(false);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_lower_camel_case_and_long_numbers_strings() {
        let at = Some(v1::Position { epoch: u64::MAX, seq: 12 });
        let value = message(&v1::CreateResponse { socket: 3, at });
        assert_eq!(value.to_string(), r#"{"socket":"3","at":{"epoch":"18446744073709551615","seq":"12"}}"#);
    }

    #[test]
    fn values_that_are_zero_are_there_and_absent_messages_are_not() {
        let value = message(&v1::RecvResponse::default());
        assert_eq!(value.to_string(), r#"{"data":"","endOfStream":false,"urgent":0,"utf8":""}"#);
        let value = message(&v1::Segment::default());
        assert_eq!(value.to_string(), r#"{"seq":0,"ack":0,"flags":0,"window":0,"length":0,"text":""}"#);
    }

    #[test]
    fn bytes_are_base64_and_text_where_they_are_text() {
        let response = |data: &'static [u8]| v1::RecvResponse {
            data: data.into(),
            end_of_stream: false,
            urgent: 0,
            at: None,
        };
        assert_eq!(
            message(&response("grüß\n".as_bytes())).to_string(),
            r#"{"data":"Z3LDvMOfCg==","endOfStream":false,"urgent":0,"utf8":"grüß\n"}"#
        );
        assert_eq!(
            message(&response(b"\xff\x00")).to_string(),
            r#"{"data":"/wA=","endOfStream":false,"urgent":0}"#
        );
    }

    #[test]
    fn an_event_shows_the_branch_it_took_and_no_other() {
        let kind = v1::event::Kind::TcpStateChanged(v1::TcpStateChanged {
            from: v1::TcpState::Listen.into(),
            to: v1::TcpState::SynReceived.into(),
            cause: Some(v1::Cause { cause: Some(v1::cause::Cause::Segment("S".into())) }),
            local: Some(v1::SocketAddress { ip: "10.0.0.2".into(), port: 80 }),
            remote: None,
        });
        let value = event(
            7,
            &v1::Event { seq: 1, stack: "lab/b".into(), socket: 3, kind: Some(kind), ..Default::default() },
        );
        assert_eq!(
            value.to_string(),
            concat!(
                r#"{"epoch":"7","event":{"seq":"1","timeNs":"0","stack":"lab/b","socket":"3","session":"","label":"","#,
                r#""tcpStateChanged":{"from":"TCP_STATE_LISTEN","to":"TCP_STATE_SYN_RECEIVED","cause":{"segment":"S"},"#,
                r#""local":{"ip":"10.0.0.2","port":80}}}}"#
            )
        );
    }

    #[test]
    fn durations_are_in_seconds_and_options_that_are_not_set_are_absent() {
        let msl = Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 });
        let value = message(&v1::SocketOptions { msl, no_delay: Some(false), ..Default::default() });
        assert_eq!(
            value.to_string(),
            concat!(
                r#"{"noDelay":false,"msl":"1.500s","congestionControl":"CONGESTION_CONTROL_UNSPECIFIED","#,
                r#""ecn":"ECN_UNSPECIFIED","lossDetection":"LOSS_DETECTION_UNSPECIFIED","#,
                r#""pathMtuDiscovery":"PATH_MTU_DISCOVERY_UNSPECIFIED","synCookies":"SYN_COOKIES_UNSPECIFIED"}"#
            )
        );
    }

    #[test]
    fn every_message_that_is_printed_has_a_descriptor() {
        message(&v1::BindResponse::default());
        message(&v1::ListenResponse::default());
        message(&v1::AcceptResponse::default());
        message(&v1::ConnectResponse::default());
        message(&v1::SendResponse::default());
        message(&v1::SendToResponse::default());
        message(&v1::RecvFromResponse::default());
        message(&v1::ShutdownResponse::default());
        message(&v1::CloseResponse::default());
        message(&v1::AbortResponse::default());
        message(&v1::SetOptionsResponse::default());
        message(&v1::GetOptionsResponse::default());
        message(&v1::GetInfoResponse::default());
        message(&v1::SocketSummary::default());
        message(&v1::WaitForResponse::default());
        message(&v1::TransferResponse::default());
        message(&v1::Position::default());
        message(&v1::Gap::default());
        message(&v1::CreateLabResponse::default());
        message(&v1::DeleteLabResponse::default());
        message(&v1::Lab::default());
        message(&v1::Stack::default());
        message(&v1::AttachResponse::default());
        message(&v1::DetachResponse::default());
        message(&v1::AdvanceTimeResponse::default());
        message(&v1::SetClockResponse::default());
        message(&v1::RecordResponse::default());
        message(&v1::TracesStartResponse::default());
        message(&v1::TraceSummary::default());
        message(&v1::Trace::default());
        message(&v1::OpenResponse::default());
        message(&v1::KeepAliveResponse::default());
        message(&v1::SessionsCloseResponse::default());
        message(&v1::RunResponse::default());
    }

    #[test]
    fn an_error_names_its_verb_and_what_is_known() {
        let mut status = Error::from(tonic::Status::unavailable("nobody listens"));
        status.errno_name = Some("ECONNREFUSED".into());
        status.errno = Some(111);
        status.tcp_state = Some(v1::TcpState::SynSent);
        assert_eq!(
            error("connect", &status).to_string(),
            concat!(
                r#"{"error":{"verb":"connect","code":"UNAVAILABLE","message":"nobody listens","#,
                r#""errnoName":"ECONNREFUSED","errno":111,"tcpState":"TCP_STATE_SYN_SENT"}}"#
            )
        );
    }
}
