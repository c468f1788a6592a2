//! What an identity may do: the rules of all its roles, asked one question at a time.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use sockwright_engine::host::EPHEMERAL_PORTS;

use super::net::{Ports, Prefix, Transport};
use super::{Pattern, Role};

/// A rule about what passes on real wires: peers, ports and transports.
#[derive(Clone, Debug)]
pub(super) struct WireRule {
    pub(super) name: Arc<str>,
    pub(super) nets: Vec<Prefix>,
    /// The service's: of the peer where it is reached, our own where we are.
    pub(super) ports: Ports,
    /// None: both.
    pub(super) transports: Vec<Transport>,
}

/// A rule about stacks on links of the host.
#[derive(Clone, Debug)]
pub(super) struct AttachRule {
    pub(super) name: Arc<str>,
    /// None: of every kind.
    pub(super) links: Vec<LinkKind>,
    /// None: any, and those that have none.
    pub(super) interfaces: Vec<Pattern>,
    /// What the stack's addresses and those that it gives the host have to be in; none: any.
    pub(super) addresses: Vec<Prefix>,
}

/// A kind of link, as the contract names it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkKind {
    RawIp,
    AfPacket,
    Tun,
    Tap,
}

impl LinkKind {
    fn name(self) -> &'static str {
        match self {
            LinkKind::RawIp => "raw_ip",
            LinkKind::AfPacket => "af_packet",
            LinkKind::Tun => "tun",
            LinkKind::Tap => "tap",
        }
    }
}

/// How much an identity may have; `None`: as much as the server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Sockets, those included that came by `Accept`.
    pub(crate) sockets: Option<usize>,
    pub(crate) sessions: Option<usize>,
    pub(crate) labs: Option<usize>,
    /// Attached stacks.
    pub(crate) stacks: Option<usize>,
    /// Watches.
    pub(crate) watchers: Option<usize>,
    pub(crate) captures: Option<usize>,
    pub(crate) traces: Option<usize>,
    /// Calls at a time.
    pub(crate) calls: Option<usize>,
    pub(crate) calls_per_second: Option<NonZeroU32>,
    /// Packets that leave on real wires.
    pub(crate) packets_per_second: Option<u64>,
    /// Octets of those packets.
    pub(crate) octets_per_second: Option<u64>,
    /// How long a session may be kept alive.
    pub(crate) session_length: Option<Duration>,
}

impl Limits {
    /// Whether it is counted what leaves.
    pub(crate) fn measures_packets(&self) -> bool {
        self.packets_per_second.is_some() || self.octets_per_second.is_some()
    }

    /// What two roles give together: of each, the more.
    fn or(self, other: Limits) -> Limits {
        fn more<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.zip(other).map(|(one, other)| one.max(other))
        }
        Limits {
            sockets: more(self.sockets, other.sockets),
            sessions: more(self.sessions, other.sessions),
            labs: more(self.labs, other.labs),
            stacks: more(self.stacks, other.stacks),
            watchers: more(self.watchers, other.watchers),
            captures: more(self.captures, other.captures),
            traces: more(self.traces, other.traces),
            calls: more(self.calls, other.calls),
            calls_per_second: more(self.calls_per_second, other.calls_per_second),
            packets_per_second: more(self.packets_per_second, other.packets_per_second),
            octets_per_second: more(self.octets_per_second, other.octets_per_second),
            session_length: more(self.session_length, other.session_length),
        }
    }
}

/// What is reached, or reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// We begin: the peer's address.
    Out(Transport, SocketAddr),
    /// The peer began, or could have: its address, and our port.
    In(Transport, IpAddr, u16),
}

/// Whether what a socket sends may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It may.
    Freely,
    /// To who was heard from: an answer.
    WhereHeard,
    /// It may not.
    Never,
}

/// Where a packet that is from no socket goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// A segment: the peer's address, and our port.
    Ports(Transport, SocketAddr, u16),
    /// Without ports: ICMP.
    Address(IpAddr),
}

/// Of each family of addresses, whether everything may be reached and listened for there, and nothing is denied or measured. An
/// IPv6 address may have an IPv4 address in it: what is everything of IPv6 is so of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Everything {
    v4: bool,
    v6: bool,
}

impl Everything {
    fn of(roles: &[Arc<Role>], limits: &Limits) -> Everything {
        let restricted = limits.measures_packets() || roles.iter().any(|role| !role.deny.is_empty());
        let covers = |rules: &[WireRule], all: &Prefix| {
            let of_all = |rule: &WireRule| rule.is_about_all_ports() && rule.nets.contains(all);
            rules.iter().any(of_all)
        };
        let [v4, v6] = Prefix::everything().map(|all| {
            let reached = roles.iter().any(|role| covers(&role.reach, &all));
            !restricted && reached && roles.iter().any(|role| covers(&role.listen, &all))
        });
        Everything { v4, v6: v4 && v6 }
    }

    /// What both may.
    pub(crate) fn and(self, other: Everything) -> Everything {
        Everything { v4: self.v4 && other.v4, v6: self.v6 && other.v6 }
    }

    /// Whether this IP packet is of a family of which it is everything.
    pub(crate) fn is_of(self, packet: &[u8]) -> bool {
        match packet.first().map(|octet| octet >> 4) {
            Some(4) => self.v4,
            Some(6) => self.v6,
            _ => false,
        }
    }
}

/// No: why, and what would have to be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    /// The rule that says so; `None`: no rule allows it.
    pub(crate) rule: Option<Arc<str>>,
    message: String,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// All that the roles of an identity come to.
#[derive(Debug)]
pub(crate) struct Grants {
    roles: Vec<Arc<Role>>,
    limits: Limits,
    everything: Everything,
    /// The file that would allow more, and the roles in it; `None`: the command line.
    hint: Option<(Arc<str>, String)>,
}

impl Grants {
    pub(super) fn of(roles: Vec<Arc<Role>>, hint: Option<(Arc<str>, String)>) -> Grants {
        let limits = roles.iter().map(|role| role.limits).reduce(Limits::or).unwrap_or_default();
        let everything = Everything::of(&roles, &limits);
        Grants { roles, limits, everything, hint }
    }

    /// How much of everything.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether it sees what others own.
    pub(crate) fn sees_all(&self) -> bool {
        self.roles.iter().any(|role| role.sees_all)
    }

    /// Whether it may do with that what it likes.
    pub(crate) fn drives_all(&self) -> bool {
        self.roles.iter().any(|role| role.drives_all)
    }

    /// Whether it may use a stack that is the server's own.
    pub(crate) fn may_use_stack(&self, stack: &str) -> bool {
        self.roles.iter().any(|role| role.stacks.iter().any(|pattern| pattern.matches(stack)))
    }

    /// Whether it may make labs.
    pub(crate) fn may_create_labs(&self) -> Result<(), Denied> {
        match self.roles.iter().any(|role| role.labs) {
            true => Ok(()),
            false => Err(self.no_rule("labs", "labs = true")),
        }
    }

    /// Whether its links may do this to frames.
    pub(crate) fn may_impair(&self, impairment: &str) -> Result<(), Denied> {
        let mut allowed = self.roles.iter().flat_map(|role| &role.impairments);
        match allowed.any(|pattern| pattern.matches(impairment)) {
            true => Ok(()),
            false => Err(self.no_rule(&format!("the impairment {impairment:?}"), "impairments")),
        }
    }

    /// Whether it may attach a stack: the kind of link, the interface, and all addresses that anybody gets by it. The rule that
    /// allows it.
    pub(crate) fn may_attach(
        &self,
        link: &str,
        interface: Option<&str>,
        addresses: &[IpNet],
    ) -> Result<Arc<str>, Denied> {
        let mut rules = self.roles.iter().flat_map(|role| &role.attach);
        let found = rules.find(|rule| rule.allows(link, interface, addresses));
        found.map(|rule| Arc::clone(&rule.name)).ok_or_else(|| {
            let on = interface.map(|name| format!(" on {name}")).unwrap_or_default();
            let addresses: Vec<_> = addresses.iter().map(told).collect();
            self.no_rule(&format!("a stack by {link}{on} with {}", addresses.join(", ")), "attach")
        })
    }

    /// Whether this may pass on a real wire. The rule that allows it.
    pub(crate) fn may_reach(&self, reach: Reach) -> Result<Arc<str>, Denied> {
        if let Some(rule) = self.denies(reach) {
            let message = format!("the rule {:?} denies {reach}", rule.name);
            return Err(Denied { rule: Some(Arc::clone(&rule.name)), message });
        }
        match self.allows(reach) {
            Some(rule) => Ok(Arc::clone(&rule.name)),
            None => Err(self.unreached(reach)),
        }
    }

    /// The same of what the peer began: who is called may answer him. Denied at the port of either.
    pub(crate) fn may_answer(
        &self,
        transport: Transport,
        remote: SocketAddr,
        port: u16,
    ) -> Result<Arc<str>, Denied> {
        let out = Reach::Out(transport, remote);
        match self.denies(out) {
            Some(_) => self.may_reach(out),
            None => self.may_reach(Reach::In(transport, remote.ip(), port)),
        }
    }

    /// Whether what a socket on this port sends to a peer may leave: where it `answers`, it was the peer who began. A datagram
    /// that nobody asked for has to be one that may begin something.
    pub(crate) fn may_leave(
        &self,
        transport: Transport,
        answers: bool,
        remote: SocketAddr,
        port: u16,
    ) -> Leave {
        let (out, back) = (Reach::Out(transport, remote), Reach::In(transport, remote.ip(), port));
        let allowed = |reach| self.denies(reach).is_none() && self.allows(reach).is_some();
        let may_answer = || self.denies(out).is_none() && allowed(back);
        match transport {
            Transport::Tcp if answers && may_answer() => Leave::Freely,
            Transport::Tcp if answers => Leave::Never,
            _ if allowed(out) => Leave::Freely,
            Transport::Udp if may_answer() => Leave::WhereHeard,
            _ => Leave::Never,
        }
    }

    /// Whether a packet may leave that is from no socket: some rule is about the address, and none denies it.
    pub(crate) fn may_answer_stranger(&self, stranger: Stranger) -> bool {
        let (remote, denied) = match stranger {
            Stranger::Ports(transport, remote, port) => {
                let ends = [Reach::Out(transport, remote), Reach::In(transport, remote.ip(), port)];
                (remote.ip(), ends.into_iter().any(|reach| self.denies(reach).is_some()))
            }
            // A rule about some ports is about those alone.
            Stranger::Address(remote) => {
                let mut denies = self.roles.iter().flat_map(|role| &role.deny);
                (remote, denies.any(|rule| rule.is_about_all_ports() && rule.is_about(remote)))
            }
        };
        let mut rules = self.roles.iter().flat_map(|role| role.reach.iter().chain(&role.listen));
        !denied && rules.any(|rule| rule.is_about(remote))
    }

    /// What it may do without being asked about each packet.
    pub(crate) fn everything(&self) -> Everything {
        self.everything
    }

    /// Whether it may listen on a port, from wherever it is called: some rule has that port. 0 is any that is free: of
    /// all that it may turn out to be.
    pub(crate) fn may_listen(&self, transport: Transport, port: u16) -> Result<Arc<str>, Denied> {
        let has = |ports: &Ports| match port {
            0 => ports.cover(&EPHEMERAL_PORTS),
            port => ports.contains(port),
        };
        let mut rules = self.roles.iter().flat_map(|role| &role.listen);
        match rules.find(|rule| has(&rule.ports) && rule.is_of(transport)) {
            Some(rule) => Ok(Arc::clone(&rule.name)),
            None => {
                let what = match port {
                    0 => format!("listening on any free port of {transport}"),
                    port => format!("listening on port {port} of {transport}"),
                };
                let hint = match &self.hint {
                    None => "--allow PREFIX".to_owned(),
                    Some(_) => "listen".to_owned(),
                };
                Err(self.no_rule(&what, &hint))
            }
        }
    }

    /// Whether it may have a port of its own choice: one below 1024 if it may listen there, any other if there is anything that
    /// it may reach or be reached by.
    pub(crate) fn may_bind(&self, transport: Transport, port: u16) -> Result<(), Denied> {
        let some = self.roles.iter().any(|role| !role.reach.is_empty() || !role.listen.is_empty());
        match port {
            0 => Ok(()),
            1024.. if some => Ok(()),
            port => self.may_listen(transport, port).map(drop),
        }
    }

    fn denies(&self, reach: Reach) -> Option<&WireRule> {
        self.roles.iter().flat_map(|role| &role.deny).find(|rule| rule.matches(reach))
    }

    fn allows(&self, reach: Reach) -> Option<&WireRule> {
        self.roles
            .iter()
            .flat_map(|role| match reach {
                Reach::Out(..) => &role.reach,
                Reach::In(..) => &role.listen,
            })
            .find(|rule| rule.matches(reach))
    }

    fn unreached(&self, reach: Reach) -> Denied {
        let hint = match (&self.hint, reach) {
            (None, Reach::Out(_, remote)) => allow_flag(remote.ip(), remote.port()),
            (None, Reach::In(_, remote, port)) => allow_flag(remote, port),
            (Some(_), Reach::Out(..)) => "reach".to_owned(),
            (Some(_), Reach::In(..)) => "listen".to_owned(),
        };
        self.no_rule(&reach.to_string(), &hint)
    }

    fn no_rule(&self, what: &str, would: &str) -> Denied {
        let message = match &self.hint {
            None => format!("no rule allows {what}: start the server with {would}, or with --policy FILE"),
            Some((file, roles)) if roles.is_empty() => {
                format!("no rule allows {what}: the caller has no role in {file}")
            }
            Some((file, roles)) => {
                format!("no rule allows {what}: `{would}` of the role {roles} in {file} would")
            }
        };
        Denied { rule: None, message }
    }
}

impl WireRule {
    fn matches(&self, reach: Reach) -> bool {
        let (transport, remote, port) = match reach {
            Reach::Out(transport, remote) => (transport, remote.ip(), remote.port()),
            Reach::In(transport, remote, port) => (transport, remote, port),
        };
        self.is_of(transport) && self.ports.contains(port) && self.is_about(remote)
    }

    pub(super) fn is_about(&self, remote: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(remote))
    }

    fn is_about_all_ports(&self) -> bool {
        self.ports.are_all() && self.transports.is_empty()
    }

    fn is_of(&self, transport: Transport) -> bool {
        self.transports.is_empty() || self.transports.contains(&transport)
    }
}

impl AttachRule {
    pub(super) fn anything() -> AttachRule {
        AttachRule { name: "anything".into(), links: vec![], interfaces: vec![], addresses: vec![] }
    }

    fn allows(&self, link: &str, interface: Option<&str>, addresses: &[IpNet]) -> bool {
        let on =
            |patterns: &[Pattern]| interface.is_some_and(|name| patterns.iter().any(|at| at.matches(name)));
        (self.links.is_empty() || self.links.iter().any(|kind| kind.name() == link))
            && (self.interfaces.is_empty() || on(&self.interfaces))
            && (self.addresses.is_empty()
                || addresses.iter().all(|net| self.addresses.iter().any(|of| of.covers(net))))
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Out(transport, remote) => write!(f, "{remote} over {transport}"),
            Reach::In(transport, remote, port) => write!(f, "{remote} at our port {port} of {transport}"),
        }
    }
}

/// A net as people write it: one address without a length.
fn told(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// The flag that would allow it.
fn allow_flag(ip: IpAddr, port: u16) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => format!("--allow {ip}:{port}"),
        IpAddr::V6(ip) => format!("--allow [{ip}]:{port}"),
    }
}
