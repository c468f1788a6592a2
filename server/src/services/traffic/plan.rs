//! A workload as it is asked for: the request, parsed, with every default filled in.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sockwright_engine::host::op::Family;
use sockwright_engine::id::SessionId;
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_proto::v1 as pb;
use sockwright_proto::v1::run_request;

use crate::convert::{Invalid, bind_address, duration, options_patch, remote_address, unknown};
use crate::services::{LABEL_OCTETS, text_up_to};
use crate::stack::StackHandle;
use crate::stack::traffic::pattern::Pattern;
use crate::stack::traffic::plan::{Content, Limits, Part, Place, Plan, Role, SidePlan, Then};

/// A request, but for what its names stand for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    label: Box<str>,
    options: OptionsPatch,
    place: Place,
    role: Role,
    concurrency: usize,
    limits: Limits,
    time: Option<Duration>,
    progress: Duration,
    peer: Option<AskedPeer>,
}

#[derive(Clone, Debug)]
struct AskedPeer {
    stack: String,
    options: OptionsPatch,
}

impl Asked {
    /// Parses a request.
    pub(super) fn parse(request: &pb::RunRequest) -> Result<Self, Invalid> {
        text_up_to(&request.label, LABEL_OCTETS, "label")?;
        let peer = match &request.peer {
            None => None,
            Some(peer) if peer.stack.is_empty() => {
                return Err(Invalid::new("peer.stack", "no stack is given"));
            }
            Some(peer) => Some(AskedPeer {
                stack: peer.stack.clone(),
                options: options_patch(peer.options.as_ref())
                    .map_err(|invalid| Invalid { field: format!("peer.{}", invalid.field), ..invalid })?,
            }),
        };
        let place = match &request.side {
            Some(run_request::Side::Connecting(side)) => connecting(side, peer.is_some())?,
            Some(run_request::Side::Listening(side)) => Place::Listening {
                locals: vec![bind_address(side.local.as_ref(), Family::V4, "listening.local")?],
                backlog: if side.backlog == 0 { u32::MAX } else { side.backlog },
            },
            None => return Err(Invalid::new("side", "it has to be said which side opens the connections")),
        };
        let connects = matches!(place, Place::Connecting { .. });
        let role = role(request, connects)?;
        let churns = matches!(request.role, Some(run_request::Role::Churn(_)));
        let (limits, time) = limits(request.limits.as_ref(), role)?;
        let concurrency = match request.concurrency {
            0 if churns && connects => CHURN_CONCURRENCY,
            0 if connects => 1,
            0 => CONCURRENCY_MAX,
            asked => asked as usize,
        };
        if concurrency > CONCURRENCY_MAX {
            return Err(Invalid::new("concurrency", format!("it is more than {CONCURRENCY_MAX}")));
        }
        let connections = limits.connections.or((connects && !churns).then_some(concurrency as u64));
        Ok(Asked {
            label: request.label.as_str().into(),
            options: options_patch(request.options.as_ref())?,
            place,
            role,
            concurrency,
            limits: Limits { connections, ..limits },
            time,
            progress: progress(request.progress_interval.as_ref())?,
            peer,
        })
    }

    /// The stack of the other side, where that is played here, too.
    pub(super) fn peer_stack(&self) -> Option<&str> {
        self.peer.as_ref().map(|peer| peer.stack.as_str())
    }

    /// The plan, now that it is known which stacks are meant.
    pub(super) fn plan(
        self,
        stack: &StackHandle,
        peer: Option<&StackHandle>,
        session: SessionId,
    ) -> Result<Plan, Invalid> {
        let Asked { label, options, place, role, concurrency, limits, time, progress, peer: asked } = self;
        let other = match (asked, peer) {
            (Some(asked), Some(other)) => {
                if !stack.shares_thread_with(other) || stack.id() == other.id() {
                    let problem = format!("{:?} is not another stack of the same lab", asked.stack);
                    return Err(Invalid::new("peer.stack", problem));
                }
                let place = opposite(&place);
                let concurrency = match place {
                    Place::Connecting { .. } => {
                        concurrency.min(limits.connections.unwrap_or(1) as usize).max(1)
                    }
                    Place::Listening { .. } => CONCURRENCY_MAX,
                };
                let connections = match place {
                    Place::Connecting { .. } => limits.connections.or(Some(concurrency as u64)),
                    Place::Listening { .. } => None,
                };
                Some(SidePlan {
                    stack: other.id(),
                    session,
                    label: label.clone(),
                    options: asked.options,
                    place,
                    role: role.counterpart(),
                    concurrency,
                    limits: Limits { connections, ..counterpart_limits(role, limits) },
                    room: None,
                })
            }
            _ => None,
        };
        let ours = SidePlan {
            stack: stack.id(),
            session,
            label,
            options,
            place,
            role,
            concurrency,
            limits,
            room: None,
        };
        Ok(Plan { ours, peer: other, time, progress })
    }
}

fn connecting(side: &pb::ConnectingSide, with_peer: bool) -> Result<Place, Invalid> {
    let field = "connecting.remotes";
    if side.remotes.is_empty() && !with_peer {
        return Err(Invalid::new(field, "an address to connect to is needed, or a peer"));
    }
    if side.remotes.len() > REMOTES_MAX {
        return Err(Invalid::new(field, format!("there are more than {REMOTES_MAX}")));
    }
    let mut remotes: Vec<SocketAddr> = Vec::new();
    for (number, remote) in side.remotes.iter().enumerate() {
        let field = format!("connecting.remotes[{number}]");
        let remote = remote_address(Some(remote), &field)?;
        if remote.port() == 0 && !with_peer {
            return Err(Invalid::new(format!("{field}.port"), "a port is needed"));
        }
        if remotes.first().is_some_and(|first| first.is_ipv4() != remote.is_ipv4()) {
            return Err(Invalid::new(format!("{field}.ip"), "it is of another family than the first"));
        }
        remotes.push(remote);
    }
    let per_second = match side.connections_per_second {
        0.0 => None,
        rate if rate > 0.0 && rate <= RATE_MAX => Some(rate),
        rate => {
            let problem = format!("{rate} is not more than 0 and up to {RATE_MAX}");
            return Err(Invalid::new("connecting.connections_per_second", problem));
        }
    };
    Ok(Place::Connecting { remotes, per_second })
}

/// Where the peer is: it listens where we connect to, and connects to where we listen.
fn opposite(place: &Place) -> Place {
    match place {
        Place::Connecting { remotes, .. } => {
            let any = match remotes.first() {
                Some(first) if first.is_ipv6() => IpAddr::from([0u16; 8]),
                _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            };
            // Several of its addresses have one listener, several of its ports one each.
            let first = remotes.first().map_or(any, SocketAddr::ip);
            let ip = if remotes.iter().all(|remote| remote.ip() == first) { first } else { any };
            let ports: BTreeSet<u16> = remotes.iter().map(SocketAddr::port).collect();
            let locals: Vec<_> = ports.into_iter().map(|port| SocketAddr::new(ip, port)).collect();
            let locals = if locals.is_empty() { vec![SocketAddr::new(any, 0)] } else { locals };
            Place::Listening { locals, backlog: u32::MAX }
        }
        Place::Listening { .. } => Place::Connecting { remotes: Vec::new(), per_second: None },
    }
}

fn role(request: &pb::RunRequest, connects: bool) -> Result<Role, Invalid> {
    Ok(match &request.role {
        None => return Err(Invalid::new("role", "it has to be said what is done on the connections")),
        Some(run_request::Role::Source(_)) => Role::Stream { send: Some(Content::Zeros), verify: None },
        Some(run_request::Role::Sink(_)) => Role::Stream { send: None, verify: None },
        Some(run_request::Role::Echo(_)) => Role::Echo,
        Some(run_request::Role::RequestResponse(exchange)) => {
            let part = match pb::RequestResponsePart::try_from(exchange.part) {
                Ok(pb::RequestResponsePart::Unspecified) if connects => Part::Request,
                Ok(pb::RequestResponsePart::Unspecified | pb::RequestResponsePart::Respond) => Part::Respond,
                Ok(pb::RequestResponsePart::Request) => Part::Request,
                Err(_) => return Err(unknown(exchange.part, "request_response.part")),
            };
            let request = size(exchange.request_bytes, "request_response.request_bytes")?.max(1);
            let response = size(exchange.response_bytes, "request_response.response_bytes")?.max(1);
            Role::Exchange { part, request, response, then: Then::Again }
        }
        Some(run_request::Role::Pattern(pattern)) => {
            let seeded = Pattern::new(pattern.seed);
            let (send, verify) = match pb::PatternPart::try_from(pattern.part) {
                Ok(pb::PatternPart::Unspecified) => (connects, !connects),
                Ok(pb::PatternPart::Send) => (true, false),
                Ok(pb::PatternPart::Verify) => (false, true),
                Ok(pb::PatternPart::Both) => (true, true),
                Err(_) => return Err(unknown(pattern.part, "pattern.part")),
            };
            Role::Stream { send: send.then_some(Content::Pattern(seeded)), verify: verify.then_some(seeded) }
        }
        Some(run_request::Role::Churn(churn)) => {
            let closes = match pb::ChurnCloser::try_from(churn.closes_first) {
                Ok(pb::ChurnCloser::Unspecified | pb::ChurnCloser::Connecting) => connects,
                Ok(pb::ChurnCloser::Listening) => !connects,
                Err(_) => return Err(unknown(churn.closes_first, "churn.closes_first")),
            };
            let then = match (closes, churn.reset) {
                (true, false) => Then::Close,
                (true, true) => Then::Abort,
                (false, _) => Then::PeerCloses,
            };
            Role::Exchange {
                part: if connects { Part::Request } else { Part::Respond },
                request: size(churn.request_bytes, "churn.request_bytes")?,
                response: size(churn.response_bytes, "churn.response_bytes")?,
                then,
            }
        }
        Some(run_request::Role::Idle(idle)) => {
            let every = idle.interval.as_ref().map(|every| duration(every, "idle.interval")).transpose()?;
            if every.is_some_and(|every| !(MILLISECOND..=DAY).contains(&every)) {
                return Err(Invalid::new("idle.interval", "it has to be 1 ms to 1 day"));
            }
            Role::Idle { every }
        }
    })
}

fn limits(limits: Option<&pb::TrafficLimits>, role: Role) -> Result<(Limits, Option<Duration>), Invalid> {
    let Some(limits) = limits else { return Ok((Limits::default(), None)) };
    let some = |limit: u64| (limit > 0).then_some(limit);
    let again = matches!(role, Role::Exchange { then: Then::Again, .. });
    if limits.exchanges > 0 && !again {
        return Err(Invalid::new("limits.exchanges", "only requests and responses are counted so"));
    }
    let time = limits.time.as_ref().map(|time| duration(time, "limits.time")).transpose()?;
    let time = time.filter(|time| !time.is_zero());
    if time.is_some_and(|time| !(MICROSECOND..=TEN_YEARS).contains(&time)) {
        return Err(Invalid::new("limits.time", "it has to be 1 µs to 10 years"));
    }
    let limits = Limits {
        octets: some(limits.octets),
        connections: some(limits.connections),
        exchanges: some(limits.exchanges),
    };
    Ok((limits, time))
}

/// What ends the other side: where ours takes so many octets, it sends as many, and stops by itself.
fn counterpart_limits(role: Role, limits: Limits) -> Limits {
    let octets = match role {
        Role::Stream { send: None, .. } | Role::Echo => limits.octets,
        _ => None,
    };
    let exchanges = match role {
        Role::Exchange { part: Part::Respond, .. } => limits.exchanges,
        _ => None,
    };
    Limits { octets, connections: None, exchanges }
}

fn progress(interval: Option<&prost_types::Duration>) -> Result<Duration, Invalid> {
    let Some(interval) = interval else { return Ok(Duration::from_secs(1)) };
    let interval = duration(interval, "progress_interval")?;
    match (MILLISECOND..=HOUR).contains(&interval) {
        true => Ok(interval),
        false => Err(Invalid::new("progress_interval", "it has to be 1 ms to 1 hour")),
    }
}

fn size(octets: u32, field: &str) -> Result<u32, Invalid> {
    match octets <= SIZE_MAX {
        true => Ok(octets),
        false => Err(Invalid::new(field, format!("{octets} octets are more than {SIZE_MAX}"))),
    }
}

/// Connections of one side at a time.
const CONCURRENCY_MAX: usize = 1 << 20;
/// What is open at a time of a churn that does not say.
const CHURN_CONCURRENCY: usize = 1024;
/// Addresses that are connected to in turn.
const REMOTES_MAX: usize = 64;
/// Connections a second.
const RATE_MAX: f64 = 10_000_000.0;
/// Octets of a request, or of a response.
const SIZE_MAX: u32 = 1 << 30;
const MICROSECOND: Duration = Duration::from_micros(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const TEN_YEARS: Duration = Duration::from_secs(10 * 31_557_600);
