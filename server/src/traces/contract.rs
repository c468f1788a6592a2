//! The contract, looked at from outside: which method a path is, what a request names, and messages as protobuf's JSON.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MethodDescriptor, Value};
use sockwright_proto::v1;

/// A method of the contract, by its path: `/sockwright.v1.Sockets/Connect`.
pub(super) fn method(path: &str) -> Option<MethodDescriptor> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    POOL.get_service_by_name(service)?.methods().find(|there| there.name() == method)
}

/// A message of the contract as JSON.
pub(crate) fn message_to_json<M: Message>(name: &str, message: &M) -> serde_json::Value {
    let descriptor = POOL.get_message_by_name(&format!("sockwright.v1.{name}"));
    let message = descriptor.and_then(|of| DynamicMessage::decode(of, &*message.encode_to_vec()).ok());
    message.map(|message| to_json(&message)).unwrap_or_default()
}

/// A message as JSON; `null` where it has no JSON.
pub(super) fn to_json(message: &DynamicMessage) -> serde_json::Value {
    // Of the contract's own messages each has.
    serde_json::to_value(message).unwrap_or_default()
}

/// What a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) sessions: Vec<String>,
    pub(super) sockets: Vec<u64>,
    pub(super) labels: Vec<String>,
    pub(super) stacks: Vec<String>,
    pub(super) labs: Vec<String>,
}

impl Named {
    /// What this one does.
    pub(super) fn by(request: &DynamicMessage) -> Named {
        let mut named = Named::default();
        named.read(request, true);
        named
    }

    fn read(&mut self, message: &DynamicMessage, top: bool) {
        for (field, value) in message.fields() {
            match value {
                Value::Message(inner) => self.read(inner, false),
                Value::List(values) => values.iter().for_each(|value| self.note(field.name(), value)),
                // `DeleteLab` and `Detach` name what they end by its `name`.
                Value::String(name) if top && field.name() == "name" => {
                    self.labs.push(name.clone());
                    self.stacks.push(name.clone());
                }
                value => self.note(field.name(), value),
            }
        }
    }

    fn note(&mut self, field: &str, value: &Value) {
        match (field, value) {
            ("session" | "sessions", Value::String(name)) => self.sessions.push(name.clone()),
            ("socket" | "sockets", Value::U64(socket)) => self.sockets.push(*socket),
            ("label" | "labels", Value::String(label)) => self.labels.push(label.clone()),
            ("lab", Value::String(lab)) => self.labs.push(lab.clone()),
            ("stack" | "stacks", Value::String(stack)) => self.stacks.push(stack.clone()),
            ("link", Value::String(link)) => {
                self.labs.extend(link.split_once('/').map(|(lab, _)| lab.to_owned()));
            }
            _ => {}
        }
    }
}

/// Cuts what is longer than `at_most` in the fields that carry octets; how long each of them was, by its path behind `path`.
pub(super) fn cut(
    message: &mut DynamicMessage,
    path: &str,
    at_most: usize,
    lengths: &mut BTreeMap<String, usize>,
) {
    let present: Vec<FieldDescriptor> = message.fields().map(|(field, _)| field).collect();
    for field in present {
        let path = format!("{path}.{}", field.json_name());
        match message.get_field_mut(&field) {
            Value::Bytes(octets) if octets.len() > at_most => {
                lengths.insert(path, octets.len());
                octets.truncate(at_most);
            }
            Value::Message(inner) => cut(inner, &path, at_most, lengths),
            Value::List(values) => {
                for (number, value) in values.iter_mut().enumerate() {
                    if let Value::Message(inner) = value {
                        cut(inner, &format!("{path}[{number}]"), at_most, lengths);
                    }
                }
            }
            _ => {}
        }
    }
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    // They were made with the types.
    DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).unwrap_or_default()
});

#[cfg(test)]
mod tests {
    use super::*;
    use sockwright_proto::v1 as pb;

    fn dynamic<M: Message>(path: &str, message: &M) -> DynamicMessage {
        DynamicMessage::decode(method(path).unwrap().input(), &*message.encode_to_vec()).unwrap()
    }

    #[test]
    fn a_request_names_what_it_is_about() {
        let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let request = pb::CreateRequest {
            stack: "lab/a".into(),
            session: "s-1".into(),
            label: "web".into(),
            ..Default::default()
        };
        let named = Named::by(&dynamic("/sockwright.v1.Sockets/Create", &request));
        assert_eq!(named.sessions, strings(&["s-1"]));
        assert_eq!((named.stacks, named.labels), (strings(&["lab/a"]), strings(&["web"])));

        let filter = pb::Filter { sockets: vec![3, 4], ..Default::default() };
        let request =
            pb::CaptureRequest { link: "lab/link1".into(), filter: Some(filter), ..Default::default() };
        let named = Named::by(&dynamic("/sockwright.v1.Networks/Capture", &request));
        assert_eq!((named.labs, named.sockets), (strings(&["lab"]), vec![3, 4]));

        let request = pb::DeleteLabRequest { name: "lab".into() };
        let named = Named::by(&dynamic("/sockwright.v1.Networks/DeleteLab", &request));
        assert_eq!(named.labs, strings(&["lab"]));
        assert!(method("/sockwright.v1.Sockets/Nothing").is_none() && method("nothing").is_none());
    }

    #[test]
    fn octets_are_cut_and_their_length_is_told() {
        let request = pb::SendRequest { socket: 3, data: vec![7; 1000].into(), ..Default::default() };
        let mut message = dynamic("/sockwright.v1.Sockets/Send", &request);
        let mut lengths = BTreeMap::new();
        cut(&mut message, "request", 3, &mut lengths);
        assert_eq!(lengths, BTreeMap::from([("request.data".to_owned(), 1000)]));
        assert_eq!(to_json(&message), serde_json::json!({ "socket": "3", "data": "BwcH" }));
    }
}
