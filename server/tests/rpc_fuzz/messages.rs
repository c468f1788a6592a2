//! Random messages that know a little: what fields are called, what was answered, what went well before.

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage,
    Value,
};
use sockwright_engine::rng::Rng;

/// What was learnt from requests that went well and from responses.
#[derive(Default)]
pub(crate) struct Known {
    /// By the name of a field: values that it had.
    values: HashMap<String, Vec<Value>>,
    /// By method.
    requests: HashMap<String, Vec<DynamicMessage>>,
}

impl Known {
    /// A request: one that went well before, with something changed, or one of chance alone.
    pub(crate) fn request(&self, method: &MethodDescriptor, rng: &mut Rng) -> DynamicMessage {
        let before = self.requests.get(method.full_name());
        if let Some(before) = before.filter(|_| rng.below(4) > 0) {
            let mut message = pick(before, rng).clone();
            for _ in 0..rng.below(3) {
                self.change(&mut message, rng);
            }
            return message;
        }
        if rng.below(2) == 0
            && let Some(example) = example(method.full_name())
        {
            let mut message = read(method, example);
            if rng.below(2) == 0 {
                self.change(&mut message, rng);
            }
            return message;
        }
        self.message(method.input(), rng, 0)
    }

    /// A request went well.
    pub(crate) fn learn_request(
        &mut self,
        method: &MethodDescriptor,
        request: &DynamicMessage,
        rng: &mut Rng,
    ) {
        keep(self.requests.entry(method.full_name().to_owned()).or_default(), request.clone(), rng);
        self.learn(request, rng);
    }

    /// What a message has may be asked for.
    pub(crate) fn learn(&mut self, message: &DynamicMessage, rng: &mut Rng) {
        for (field, value) in message.fields() {
            match value {
                Value::Message(message) => self.learn(message, rng),
                Value::List(values) => {
                    values.iter().filter_map(Value::as_message).for_each(|message| self.learn(message, rng));
                }
                Value::U64(_) | Value::String(_) => {
                    keep(self.values.entry(field.name().to_owned()).or_default(), value.clone(), rng);
                }
                _ => {}
            }
        }
    }

    /// Changes a field, of this message or of one inside.
    fn change(&self, message: &mut DynamicMessage, rng: &mut Rng) {
        let fields: Vec<FieldDescriptor> = message.descriptor().fields().collect();
        let Some(field) = fields.get(rng.below(fields.len().max(1) as u32) as usize) else { return };
        if let Value::Message(inner) = message.get_field_mut(field)
            && rng.below(2) == 0
        {
            return self.change(inner, rng);
        }
        match rng.below(4) {
            0 => message.clear_field(field),
            _ => message.set_field(field, self.field(field, rng, 0)),
        }
    }

    fn message(&self, of: MessageDescriptor, rng: &mut Rng, depth: u32) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        for field in of.fields() {
            // Those of a `oneof` push each other out.
            if rng.below(depth + 2) == 0 {
                message.set_field(&field, self.field(&field, rng, depth));
            }
        }
        message
    }

    fn field(&self, field: &FieldDescriptor, rng: &mut Rng, depth: u32) -> Value {
        if field.is_map() {
            return Value::Map(HashMap::new());
        }
        match field.cardinality() {
            Cardinality::Repeated => {
                Value::List((0..rng.below(4)).map(|_| self.value(field, rng, depth)).collect())
            }
            _ => self.value(field, rng, depth),
        }
    }

    fn value(&self, field: &FieldDescriptor, rng: &mut Rng, depth: u32) -> Value {
        if let Some(known) = self.values.get(field.name()).filter(|_| rng.below(4) > 0) {
            let value = pick(known, rng);
            // Fields of one name need not be of one kind.
            if value.is_valid(&field.kind()) {
                return value.clone();
            }
        }
        match field.kind() {
            Kind::Double => Value::F64(real(rng)),
            Kind::Float => Value::F32(real(rng) as f32),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number(rng) as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number(rng) as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(number(rng) as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number(rng)),
            Kind::Bool => Value::Bool(rng.below(2) == 0),
            Kind::String => Value::String(text(rng)),
            Kind::Bytes => {
                let length = [0, 1, 20, 1460, 70_000][rng.below(5) as usize];
                Value::Bytes((0..length).map(|_| rng.next_u64() as u8).collect())
            }
            Kind::Message(message) => Value::Message(self.message(message, rng, depth + 1)),
            Kind::Enum(of) => match rng.below(8) {
                0 => Value::EnumNumber(number(rng) as i32),
                _ => {
                    let values: Vec<i32> = of.values().map(|value| value.number()).collect();
                    Value::EnumNumber(values[rng.below(values.len() as u32) as usize])
                }
            },
        }
    }
}

/// Keeps a value; where there are many, in the place of another.
fn keep<T>(values: &mut Vec<T>, value: T, rng: &mut Rng) {
    if values.len() == KEPT {
        values.remove(rng.below(KEPT as u32) as usize);
    }
    values.push(value);
}

/// One of some values, at least one: often of the last, for what they name is still there.
fn pick<'v, T>(values: &'v [T], rng: &mut Rng) -> &'v T {
    let last = if rng.below(4) > 0 { values.len().min(8) } else { values.len() };
    &values[values.len() - 1 - rng.below(last as u32) as usize]
}

/// Numbers at which something may change.
fn number(rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => rng.below(5).into(),
        1 => 1u64 << rng.below(64),
        2 => (1u64 << rng.below(64)).wrapping_sub(1),
        _ => rng.next_u64() >> rng.below(64),
    }
}

fn real(rng: &mut Rng) -> f64 {
    let values = [0.0, 0.01, 0.5, 1.0, 1.5, -1.0, 1e300, f64::INFINITY, f64::NAN, f64::MIN_POSITIVE];
    values[rng.below(values.len() as u32) as usize]
}

fn text(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => String::new(),
        1 => "ä\u{202e}\0/\n".repeat(rng.below(100) as usize),
        2 => "x".repeat(1 << rng.below(17)),
        _ => TEXTS[rng.below(TEXTS.len() as u32) as usize].to_owned(),
    }
}

/// What some fields want.
const TEXTS: [&str; 28] = [
    "fuzz",
    "fuzz/a",
    "fuzz/b",
    "a",
    "b",
    "lab",
    "wire",
    "lo",
    "eth0",
    "tun9",
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.1/24",
    "127.0.0.1",
    "127.0.0.1/8",
    "0.0.0.0",
    "0.0.0.0/0",
    "255.255.255.255",
    "224.0.0.1",
    "::",
    "::1",
    "fd00::1/64",
    "fe80::1%1",
    "::ffff:10.0.0.1",
    "02:00:00:00:00:01",
    "s-1",
    "tcp",
    "../../etc/passwd",
];

/// A request in canonical JSON.
pub(crate) fn read(method: &MethodDescriptor, json: &str) -> DynamicMessage {
    let mut json = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(method.input(), &mut json)
        .unwrap_or_else(|error| panic!("{}: {error}", method.full_name()))
}

/// The calls that make a connection; `$1` is the socket that was made last, `$2` the one before, `$port` where one was bound last.
pub(crate) const CONNECTION: [(&str, &str); 7] = [
    ("CreateLab", LAB),
    ("Create", r#"{"stack": "fuzz/b"}"#),
    ("Bind", r#"{"socket": $1, "local": {"ip": "10.0.0.2"}}"#),
    ("Listen", r#"{"socket": $1}"#),
    ("Create", r#"{"stack": "fuzz/a"}"#),
    ("Connect", r#"{"socket": $1, "remote": {"ip": "10.0.0.2", "port": $port}}"#),
    ("Accept", r#"{"socket": $2}"#),
];

const LAB: &str = r#"{"name": "fuzz", "stacks": [{"name": "a", "addresses": ["10.0.0.1/24"]}, {"name": "b", "addresses": ["10.0.0.2/24"]}],
    "links": [{"name": "wire", "stacks": ["a", "b"]}], "clock": "CLOCK_VIRTUAL"}"#;

/// A request that is right, in canonical JSON: chance alone would not find it.
fn example(method: &str) -> Option<&'static str> {
    Some(match method.strip_prefix("sockwright.v1.")? {
        "Networks.CreateLab" => LAB,
        "Networks.Attach" => r#"{"name": "lo", "rawIp": {"addresses": ["127.0.0.1"]}}"#,
        "Sockets.Create" => r#"{"stack": "fuzz/a", "kind": "SOCKET_KIND_STREAM"}"#,
        "Sockets.Bind" => r#"{"socket": "1", "local": {"ip": "10.0.0.2", "port": 80}}"#,
        "Sockets.Connect" => r#"{"socket": "1", "remote": {"ip": "10.0.0.2", "port": 80}, "dontWait": true}"#,
        "Sockets.SendTo" => r#"{"socket": "1", "remote": {"ip": "10.0.0.2", "port": 80}, "data": "eA=="}"#,
        "Networks.Capture" => r#"{"link": "fuzz/wire"}"#,
        "Networks.Record" => r#"{"lab": "fuzz", "bytes": "65536"}"#,
        "Sockets.WaitFor" => r#"{"socket": "1", "tcpStates": {"states": ["TCP_STATE_ESTABLISHED"]}}"#,
        "Networks.SetImpairments" => r#"{"lab": "fuzz", "link": "wire", "impairments": {}}"#,
        "Networks.AdvanceTime" => r#"{"lab": "fuzz", "by": "1s"}"#,
        "Traffic.Run" => {
            r#"{"stack": "fuzz/a", "connecting": {"remotes": [{"ip": "10.0.0.2", "port": 80}]}, "source": {}, "limits": {"octets": "100000"}}"#
        }
        _ => return None,
    })
}

/// Of each.
const KEPT: usize = 64;
