//! A policy as a file: TOML, of which nothing is ignored.
//!
//! ```toml
//! [identities]
//! "token:ci" = ["tester"]
//!
//! [roles.tester]
//! labs = true
//! reach = [{ name = "the test network", to = ["10.0.0.0/24"], ports = [80, "8000-8100"] }]
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::grants::{AttachRule, LinkKind, WireRule};
use super::net::{Ports, Prefix, Transport, port_range};
use super::{Pattern, Policy, Role, Source, duration};
use crate::access::policy::grants::Limits;

/// Why a file is no policy.
#[derive(Debug)]
pub(crate) struct PolicyError(String);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}

impl PolicyError {
    pub(super) fn unread(path: &Path) -> impl FnOnce(io::Error) -> PolicyError {
        move |error| PolicyError(format!("the policy {} cannot be read: {error}", path.display()))
    }
}

impl Policy {
    /// Reads what a file has; `name` is the file's, for whoever is told of it.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Policy, PolicyError> {
        let wrong = |error: toml::de::Error| PolicyError(format!("the policy {name} is wrong: {error}"));
        let file: File = toml::from_str(text).map_err(wrong)?;
        for roles in file.identities.values() {
            for role in roles {
                if !file.roles.contains_key(role.as_ref()) {
                    let (line, column) = place(text, role.span().start);
                    let message =
                        format!("line {line}, column {column}: there is no role {:?}", role.as_ref());
                    return Err(PolicyError(format!("the policy {name} is wrong: {message}")));
                }
            }
        }
        let roles =
            file.roles.into_iter().map(|(name, role)| (name.as_str().into(), Arc::new(role.compiled(&name))));
        let names =
            |roles: Vec<Spanned<String>>| roles.into_iter().map(|role| role.into_inner().into()).collect();
        let mut identities: Vec<(Pattern, Vec<Arc<str>>)> =
            file.identities.into_iter().map(|(who, roles)| (Pattern::of(&who), names(roles))).collect();
        // The closest description of somebody counts: a name, then the longest beginning.
        identities.sort_by_key(|(pattern, _)| (pattern.open, std::cmp::Reverse(pattern.text.len())));
        Ok(Policy { roles: roles.collect(), identities, source: Source::File(name.into()) })
    }
}

/// The line and the column of an octet, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    identities: BTreeMap<String, Vec<Spanned<String>>>,
    #[serde(default)]
    roles: BTreeMap<String, FileRole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRole {
    #[serde(default)]
    see: Whose,
    #[serde(default)]
    drive: Whose,
    #[serde(default)]
    labs: bool,
    #[serde(default)]
    stacks: Vec<String>,
    #[serde(default = "every_impairment")]
    impairments: Vec<Impairment>,
    #[serde(default)]
    attach: Vec<FileAttach>,
    #[serde(default)]
    reach: Vec<FileReach>,
    #[serde(default)]
    listen: Vec<FileListen>,
    #[serde(default)]
    deny: Vec<FileReach>,
    #[serde(default)]
    limits: FileLimits,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Whose {
    #[default]
    Own,
    All,
}

/// What links may do to frames, by the names that `Impairments` has.
#[derive(Clone, Copy, Deserialize)]
enum Impairment {
    #[serde(rename = "*")]
    Any,
    #[serde(rename = "loss")]
    Loss,
    #[serde(rename = "delay")]
    Delay,
    #[serde(rename = "jitter")]
    Jitter,
    #[serde(rename = "reorder")]
    Reorder,
    #[serde(rename = "duplicate")]
    Duplicate,
    #[serde(rename = "corrupt")]
    Corrupt,
    #[serde(rename = "rate")]
    Rate,
    #[serde(rename = "mark")]
    Mark,
    #[serde(rename = "bursts")]
    Bursts,
}

fn every_impairment() -> Vec<Impairment> {
    vec![Impairment::Any]
}

impl Impairment {
    fn name(self) -> &'static str {
        match self {
            Impairment::Any => "*",
            Impairment::Loss => "loss",
            Impairment::Delay => "delay",
            Impairment::Jitter => "jitter",
            Impairment::Reorder => "reorder",
            Impairment::Duplicate => "duplicate",
            Impairment::Corrupt => "corrupt",
            Impairment::Rate => "rate",
            Impairment::Mark => "mark",
            Impairment::Bursts => "bursts",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAttach {
    name: Option<String>,
    #[serde(default)]
    links: Vec<LinkKind>,
    #[serde(default)]
    interfaces: Vec<String>,
    #[serde(default)]
    addresses: Vec<Prefix>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileReach {
    name: Option<String>,
    to: Vec<Prefix>,
    #[serde(default)]
    ports: Vec<PortRange>,
    #[serde(default)]
    transports: Vec<Transport>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileListen {
    name: Option<String>,
    from: Vec<Prefix>,
    #[serde(default)]
    ports: Vec<PortRange>,
    #[serde(default)]
    transports: Vec<Transport>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimits {
    sockets: Option<usize>,
    sessions: Option<usize>,
    labs: Option<usize>,
    stacks: Option<usize>,
    watchers: Option<usize>,
    captures: Option<usize>,
    traces: Option<usize>,
    calls: Option<usize>,
    calls_per_second: Option<NonZeroU32>,
    packets_per_second: Option<u64>,
    octets_per_second: Option<u64>,
    session_length: Option<Length>,
}

impl FileRole {
    fn compiled(self, role: &str) -> Role {
        let named = |name: Option<String>, kind: &str, number: usize| -> Arc<str> {
            match name {
                Some(name) => name.into(),
                None => format!("{role}.{kind}[{number}]").into(),
            }
        };
        let reach = |kind: &'static str, rules: Vec<FileReach>| {
            let rules = rules.into_iter().enumerate();
            rules
                .map(|(number, FileReach { name, to, ports, transports })| WireRule {
                    name: named(name, kind, number),
                    nets: to,
                    ports: ports_of(ports),
                    transports,
                })
                .collect()
        };
        let listen = self.listen.into_iter().enumerate();
        let listen = listen.map(|(number, FileListen { name, from, ports, transports })| WireRule {
            name: named(name, "listen", number),
            nets: from,
            ports: ports_of(ports),
            transports,
        });
        let attach = self.attach.into_iter().enumerate();
        let attach = attach.map(|(number, FileAttach { name, links, interfaces, addresses })| AttachRule {
            name: named(name, "attach", number),
            links,
            interfaces: interfaces.iter().map(|interface| Pattern::of(interface)).collect(),
            addresses,
        });
        Role {
            // Nobody drives what he does not see.
            sees_all: self.see == Whose::All || self.drive == Whose::All,
            drives_all: self.drive == Whose::All,
            labs: self.labs,
            stacks: self.stacks.iter().map(|stack| Pattern::of(stack)).collect(),
            impairments: self.impairments.into_iter().map(|kind| Pattern::of(kind.name())).collect(),
            attach: attach.collect(),
            listen: listen.collect(),
            reach: reach("reach", self.reach),
            deny: reach("deny", self.deny),
            limits: self.limits.compiled(),
        }
    }
}

impl FileLimits {
    fn compiled(self) -> Limits {
        Limits {
            sockets: self.sockets,
            sessions: self.sessions,
            labs: self.labs,
            stacks: self.stacks,
            watchers: self.watchers,
            captures: self.captures,
            traces: self.traces,
            calls: self.calls,
            calls_per_second: self.calls_per_second,
            packets_per_second: self.packets_per_second,
            octets_per_second: self.octets_per_second,
            session_length: self.session_length.map(|Length(length)| length),
        }
    }
}

fn ports_of(ranges: Vec<PortRange>) -> Ports {
    Ports::of(ranges.into_iter().map(|PortRange(range)| range).collect())
}

/// A length of time.
struct Length(std::time::Duration);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        duration::parse(&text).map(Length).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Transport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "tcp" => Ok(Transport::Tcp),
            "udp" => Ok(Transport::Udp),
            other => Err(D::Error::custom(format!("{other:?} is neither tcp nor udp"))),
        }
    }
}

/// A number, or a text with two.
struct PortRange(RangeInclusive<u16>);

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ports;
        impl Visitor<'_> for Ports {
            type Value = PortRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port, 1 to 65535, or a range of ports such as \"8000-8100\"")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<PortRange, E> {
                let port = u16::try_from(number).ok().filter(|port| *port > 0);
                let port = port.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))?;
                Ok(PortRange(port..=port))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PortRange, E> {
                port_range(text).map(PortRange).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Ports)
    }
}
