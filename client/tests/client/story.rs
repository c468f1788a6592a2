//! The story that the clients of all languages tell: see `client/STORY.md`.

use std::collections::{BTreeMap, VecDeque};

use crate::common::World;
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _, Bytes};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value;
use sockwright_client::{Client, Error, code_name, v1};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

type Kept = BTreeMap<String, Value>;

#[tokio::test]
async fn the_story() {
    let text = include_str!("../../story.json");
    let story: Value = serde_json::from_str(text).expect("JSON");
    let pool = DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).expect("the contract");
    let message = |name: &str| pool.get_message_by_name(&format!("sockwright.v1.{name}")).expect(name);
    let world = World::start().await;
    let mut client = world.client().await;
    let mut kept = Kept::new();
    let mut watch = None;

    for (number, step) in story["steps"].as_array().expect("steps").iter().enumerate() {
        if let Some(asked) = step.get("watch") {
            let request = encoded(message("WatchRequest"), asked);
            let request = v1::WatchRequest::decode(request).expect("the same contract");
            let mut stream = client.events.watch(request).await.expect("watching").into_inner();
            let first = stream.message().await.expect("a response").expect("one").part;
            assert!(matches!(first, Some(v1::watch_response::Part::Snapshot(snapshot)) if snapshot.last));
            watch = Some(stream);
            continue;
        }
        let call = step["call"].as_str().expect("a call");
        let outcome = invoke(&client, &pool, call, &filled(&step["request"], &kept)).await;
        if let Some(wanted) = step.get("error") {
            let error = outcome.expect_err(call);
            assert_eq!(wanted["code"], code_name(error.code), "step {number}: {step}");
            if let Some(detail) = wanted.get("detail") {
                let errno = (error.errno_name.as_deref(), error.errno.map(i64::from));
                assert_eq!(
                    (detail["errnoName"].as_str(), detail["errno"].as_i64()),
                    errno,
                    "step {number}: {step}"
                );
                if let Some(state) = detail.get("tcpState") {
                    assert_eq!(
                        state.as_str(),
                        error.tcp_state.map(|state| state.as_str_name()),
                        "step {number}"
                    );
                }
            }
            continue;
        }
        let reply = outcome.unwrap_or_else(|error| panic!("step {number}: {step}: {error}"));
        let wanted = filled(&step["reply"], &kept);
        assert!(fits(&wanted, &reply), "step {number}: {step}: {reply}");
        for (name, field) in step.get("keep").and_then(Value::as_object).into_iter().flatten() {
            kept.insert(name.clone(), reply[field.as_str().expect("a field")].clone());
        }
    }

    let mut watch = watch.expect("a watch");
    let mut told = VecDeque::new();
    for event in story["events"].as_array().expect("events") {
        while told.is_empty() {
            if let Some(v1::watch_response::Part::Events(batch)) =
                watch.message().await.expect("a response").expect("one").part
            {
                told.extend(batch.events);
            }
        }
        let next = told.pop_front().expect("it was filled");
        let found = decoded(message("Event"), next.encode_to_vec().into());
        assert!(fits(&filled(event, &kept), &found), "{event}: {found}");
    }
}

async fn invoke(client: &Client, pool: &DescriptorPool, call: &str, request: &Value) -> Result<Value, Error> {
    let (service, method) = call.split_once('.').expect("Service.Method");
    let described = pool.get_service_by_name(&format!("sockwright.v1.{service}")).expect("a service");
    let described = described.methods().find(|each| each.name() == method).expect("a method");
    let mut grpc = tonic::client::Grpc::new(client.channel());
    grpc.ready().await.expect("connected");
    let path = format!("/sockwright.v1.{service}/{method}").parse().expect("a path");
    let request = Request::new(encoded(described.input(), request));
    let response = grpc.unary(request, path, Octets).await?;
    Ok(decoded(described.output(), response.into_inner()))
}

fn encoded(kind: MessageDescriptor, value: &Value) -> Bytes {
    DynamicMessage::deserialize(kind, value.clone())
        .expect("a message of the contract")
        .encode_to_vec()
        .into()
}

fn decoded(kind: MessageDescriptor, octets: Bytes) -> Value {
    let message = DynamicMessage::decode(kind, octets).expect("a message of the contract");
    serde_json::to_value(message).expect("JSON has room for all")
}

/// What was kept, in the place of `$name`.
fn filled(value: &Value, kept: &Kept) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, each)| (key.clone(), filled(each, kept))).collect(),
        Value::Array(values) => values.iter().map(|each| filled(each, kept)).collect(),
        Value::String(text) => {
            text.strip_prefix('$').map_or_else(|| value.clone(), |name| kept[name].clone())
        }
        _ => value.clone(),
    }
}

/// Objects may have more than is wanted, lists and values may not.
fn fits(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(key, each)| found.get(key).is_some_and(|found| fits(each, found)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| fits(wanted, found))
        }
        _ => wanted == found,
    }
}

/// Messages as the octets that they are.
#[derive(Clone, Copy)]
struct Octets;

impl Codec for Octets {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
