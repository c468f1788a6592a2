//! A lab as it was asked for: the request, parsed, with every default filled in.
//!
//! ```text
//! stacks { name: "a" } stacks { name: "b" }
//!   -> stacks a 10.0.0.1/24 fd00::1/64, b 10.0.0.2/24 fd00::2/64; link1 joins a and b, MTU 1500, no impairments
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use sockwright_engine::host;
use sockwright_engine::id::IdSource;
use sockwright_engine::wire::{Mac, NotAMac};
use sockwright_link::Impairments;
use sockwright_link::impair::Bursts;
use sockwright_proto::v1 as pb;
use sockwright_sim::{LinkConfig, StackId, Station, World};

use super::clock;
use crate::config::Limits;
use crate::convert::{Invalid, duration, duration_to_proto};
use crate::stack::clock::Clock;

/// A lab, parsed.
#[derive(Clone, Debug)]
pub(crate) struct LabPlan {
    /// The name asked for, or empty.
    pub(crate) name: String,
    /// How time passes.
    pub(crate) clock: Clock,
    /// Of everything that is random.
    pub(crate) seed: u64,
    /// Octets of the recent past that it keeps.
    pub(super) record_bytes: u64,
    stacks: Vec<StackPlan>,
    links: Vec<LinkPlan>,
}

#[derive(Clone, Debug)]
struct StackPlan {
    name: String,
    addresses: Vec<Address>,
    routes: Vec<(Address, Option<IpAddr>)>,
}

/// What a link is to do to frames: as links take it, and as the contract shows it, with its defaults.
pub(crate) struct ImpairmentsPlan {
    pub(super) impairments: Impairments,
    pub(super) shown: Option<pb::Impairments>,
}

#[derive(Clone, Debug)]
struct LinkPlan {
    name: String,
    /// By number, ascending as they were given.
    members: Vec<usize>,
    /// Of each member, where it is an Ethernet.
    macs: Option<Vec<Mac>>,
    config: LinkConfig,
    /// As the contract shows it.
    shown: Option<pb::Impairments>,
}

/// An address and the length of its prefix.
pub(super) type Address = (IpAddr, u8);

impl LabPlan {
    /// Parses a request.
    pub(crate) fn parse(request: &pb::CreateLabRequest, limits: &Limits) -> Result<Self, Invalid> {
        check_name(&request.name, "name")?;
        if request.stacks.is_empty() {
            return Err(Invalid::new("stacks", "a lab needs at least one stack"));
        }
        at_most(request.stacks.len(), limits.stacks_per_lab, "stacks")?;
        at_most(request.links.len(), limits.links_per_lab, "links")?;
        let mut stacks: Vec<StackPlan> = Vec::new();
        for (number, stack) in request.stacks.iter().enumerate() {
            let field = format!("stacks[{number}]");
            let plan = StackPlan::parse(stack, number, &field, limits)?;
            if stacks.iter().any(|other| other.name == plan.name) {
                return Err(Invalid::new(format!("{field}.name"), format!("{:?} is there twice", plan.name)));
            }
            stacks.push(plan);
        }
        let mut links: Vec<LinkPlan> = Vec::new();
        for (number, link) in request.links.iter().enumerate() {
            let field = format!("links[{number}]");
            let plan = LinkPlan::parse(link, number, &stacks, &field)?;
            if links.iter().any(|other| other.name == plan.name) {
                return Err(Invalid::new(format!("{field}.name"), format!("{:?} is there twice", plan.name)));
            }
            links.push(plan);
        }
        if links.is_empty() {
            links.push(LinkPlan::joining_all(stacks.len()));
        }
        let clock = clock::parse(request.clock)?.unwrap_or(Clock::Virtual);
        let (name, seed, record_bytes) = (request.name.clone(), request.seed, request.record_bytes);
        Ok(LabPlan { name, clock, seed, record_bytes, stacks, links })
    }

    /// The world, and its stacks with their names in the lab.
    pub(super) fn build(
        &self,
        config: &host::Config,
        ids: &IdSource,
    ) -> Result<(World, Vec<(StackId, String)>), Invalid> {
        let mut world = World::new(self.seed);
        let stacks: Vec<_> = self
            .stacks
            .iter()
            .map(|stack| (world.add_stack(config.clone(), ids.clone()), stack.name.clone()))
            .collect();
        let mut indices = Vec::new();
        for (number, link) in self.links.iter().enumerate() {
            let mut members = Vec::new();
            for member in &link.members {
                let addresses = self.addresses_on(*member, number)?;
                members.push((stacks[*member].0, addresses));
            }
            let added = match &link.macs {
                None => world.add_link(link.config, &members),
                Some(macs) => {
                    let stations = members.into_iter().zip(macs);
                    let stations: Vec<_> = stations
                        .map(|((stack, addresses), mac)| Station { stack, mac: *mac, addresses })
                        .collect();
                    world.add_ethernet(link.config, stations)
                }
            };
            let index = added.map_err(|error| Invalid::new(format!("links[{number}]"), error.to_string()))?;
            indices.push(index);
        }
        for (number, (stack, _)) in stacks.iter().enumerate() {
            if !self.links.iter().any(|link| link.members.contains(&number)) {
                // It leads nowhere, but the stack can reach itself.
                let members = [(*stack, self.stacks[number].addresses.clone())];
                world
                    .add_link(LinkConfig::default(), &members)
                    .map_err(|error| Invalid::new(format!("stacks[{number}]"), error.to_string()))?;
            }
        }
        for (member, plan) in self.stacks.iter().enumerate() {
            for (number, (destination, gateway)) in plan.routes.iter().enumerate() {
                let wrong =
                    |problem: String| Invalid::new(format!("stacks[{member}].routes[{number}]"), problem);
                let link = self.link_of(member, *gateway).ok_or_else(|| {
                    wrong("without a gateway, the stack has to be on one link and no other".to_owned())
                })?;
                world
                    .add_route(stacks[member].0, indices[link], *destination, *gateway)
                    .map_err(|error| wrong(error.to_string()))?;
            }
        }
        Ok((world, stacks))
    }

    /// The link that a route of a stack leads over: its gateway's, or the only one there is.
    fn link_of(&self, member: usize, gateway: Option<IpAddr>) -> Option<usize> {
        let mut links = (0..self.links.len()).filter(|link| self.links[*link].members.contains(&member));
        let near = |link: &usize, gateway: IpAddr| {
            let own = self.addresses_on(member, *link).unwrap_or_default();
            own.iter().any(|own| same_network(own, &(gateway, own.1)))
        };
        match gateway {
            // A link-local one is on the first.
            Some(gateway) => links.clone().find(|link| near(link, gateway)).or(links.next()),
            None => links.next().filter(|_| links.next().is_none()),
        }
    }

    /// What each link does to frames.
    pub(super) fn impairments(&self) -> impl Iterator<Item = Option<&pb::Impairments>> {
        self.links.iter().map(|link| link.shown.as_ref())
    }

    /// What the links are called, by number.
    pub(super) fn link_names(&self) -> Vec<Arc<str>> {
        self.links.iter().map(|link| Arc::from(link.name.as_str())).collect()
    }

    /// The links, as the contract shows them.
    pub(super) fn links_to_proto(&self) -> Vec<pb::LabLink> {
        let shown = |link: &LinkPlan| pb::LabLink {
            name: link.name.clone(),
            stacks: link.members.iter().map(|member| self.stacks[*member].name.clone()).collect(),
            impairments: link.shown,
            mtu: link.config.mtu as u32,
            medium: match link.macs {
                None => pb::Medium::Ip.into(),
                Some(_) => pb::Medium::Ethernet.into(),
            },
            macs: link.macs.iter().flatten().map(Mac::to_string).collect(),
            segmentation_offload: link.config.segmentation_offload,
        };
        self.links.iter().map(shown).collect()
    }

    /// Which of a stack's addresses are on a link: all, where it is on no other; otherwise those that share a network
    /// with another member, and those that share one with nobody on the first link.
    fn addresses_on(&self, member: usize, link: usize) -> Result<Vec<Address>, Invalid> {
        let own = &self.stacks[member].addresses;
        let links: Vec<usize> =
            (0..self.links.len()).filter(|link| self.links[*link].members.contains(&member)).collect();
        if links.len() == 1 {
            return Ok(own.clone());
        }
        let joins = |link: usize, address: &Address| {
            let others = self.links[link].members.iter().filter(|other| **other != member);
            others.flat_map(|other| &self.stacks[*other].addresses).any(|other| same_network(address, other))
        };
        let home = |address: &Address| {
            links.iter().copied().find(|link| joins(*link, address)).or(links.first().copied())
        };
        let addresses: Vec<_> = own.iter().copied().filter(|address| home(address) == Some(link)).collect();
        if addresses.is_empty() {
            let problem = format!(
                "no address of {:?} is in a network of another member; a stack on several links needs one for each",
                self.stacks[member].name
            );
            return Err(Invalid::new(format!("links[{link}].stacks"), problem));
        }
        Ok(addresses)
    }
}

impl StackPlan {
    fn parse(stack: &pb::LabStack, number: usize, field: &str, limits: &Limits) -> Result<Self, Invalid> {
        if stack.name.is_empty() {
            return Err(Invalid::new(format!("{field}.name"), "a stack needs a name"));
        }
        check_name(&stack.name, &format!("{field}.name"))?;
        at_most(stack.addresses.len(), limits.addresses_per_stack, &format!("{field}.addresses"))?;
        let mut addresses = Vec::new();
        for (place, text) in stack.addresses.iter().enumerate() {
            addresses.push(address(text, &format!("{field}.addresses[{place}]"))?);
        }
        if addresses.is_empty() {
            // At most `stacks_per_lab` of them: more would not fit a /24.
            let host = u8::try_from(number + 1).map_err(|_| {
                Invalid::new(format!("{field}.addresses"), "10.0.0.0/24 has no address left for it")
            })?;
            addresses.push((Ipv4Addr::new(10, 0, 0, host).into(), 24));
            addresses.push((Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host.into()).into(), 64));
        }
        let routes = routes(&stack.routes, &addresses, &format!("{field}.routes"), limits)?;
        Ok(StackPlan { name: stack.name.clone(), addresses, routes })
    }
}

impl LinkPlan {
    fn parse(link: &pb::LabLink, number: usize, stacks: &[StackPlan], field: &str) -> Result<Self, Invalid> {
        check_name(&link.name, &format!("{field}.name"))?;
        let name = if link.name.is_empty() { format!("link{}", number + 1) } else { link.name.clone() };
        let mut members = Vec::new();
        for (place, stack) in link.stacks.iter().enumerate() {
            let field = format!("{field}.stacks[{place}]");
            let member = stacks.iter().position(|plan| plan.name == *stack);
            let member =
                member.ok_or_else(|| Invalid::new(&*field, format!("there is no stack {stack:?}")))?;
            if members.contains(&member) {
                return Err(Invalid::new(field, format!("{stack:?} is there twice")));
            }
            members.push(member);
        }
        if members.len() < 2 {
            return Err(Invalid::new(format!("{field}.stacks"), "a link joins at least two stacks"));
        }
        let ImpairmentsPlan { impairments, shown } =
            ImpairmentsPlan::parse(link.impairments.as_ref(), &format!("{field}.impairments"))?;
        let least = mtu_at_least(members.iter().flat_map(|member| &stacks[*member].addresses));
        let mtu = match link.mtu {
            0 => 1500,
            mtu if (least..=65_535).contains(&mtu) => mtu,
            mtu => {
                let problem =
                    format!("{mtu} is not between {least} and 65535, as the addresses of its stacks need");
                return Err(Invalid::new(format!("{field}.mtu"), problem));
            }
        };
        let macs = parse_macs(link, number, field)?;
        let config =
            LinkConfig { impairments, mtu: mtu as usize, segmentation_offload: link.segmentation_offload };
        Ok(LinkPlan { name, members, macs, config, shown })
    }

    fn joining_all(stacks: usize) -> Self {
        LinkPlan {
            name: "link1".to_owned(),
            members: (0..stacks).collect(),
            macs: None,
            config: LinkConfig::default(),
            shown: None,
        }
    }
}

/// The MAC addresses of the members of an Ethernet, those made that are not given; `None` on a link that is none.
fn parse_macs(link: &pb::LabLink, number: usize, field: &str) -> Result<Option<Vec<Mac>>, Invalid> {
    match pb::Medium::try_from(link.medium) {
        Ok(pb::Medium::Unspecified | pb::Medium::Ip) if link.macs.is_empty() => return Ok(None),
        Ok(pb::Medium::Unspecified | pb::Medium::Ip) => {
            return Err(Invalid::new(format!("{field}.macs"), "only an Ethernet has MAC addresses"));
        }
        Ok(pb::Medium::Ethernet) => {}
        Err(_) => {
            let problem = format!("{} is none of the values of this enum", link.medium);
            return Err(Invalid::new(format!("{field}.medium"), problem));
        }
    }
    if link.macs.len() > link.stacks.len() {
        return Err(Invalid::new(format!("{field}.macs"), "there are more of them than stacks"));
    }
    let mut macs: Vec<Mac> = Vec::new();
    for place in 0..link.stacks.len() {
        let field = format!("{field}.macs[{place}]");
        let mac = match link.macs.get(place).map(String::as_str).unwrap_or_default() {
            "" => made_mac(number, place),
            text => text.parse().map_err(|problem: NotAMac| Invalid::new(&*field, problem.to_string()))?,
        };
        if !mac.is_unicast() {
            return Err(Invalid::new(field, format!("{mac} is not a unicast address")));
        }
        if macs.contains(&mac) {
            return Err(Invalid::new(field, format!("{mac} is there twice")));
        }
        macs.push(mac);
    }
    Ok(Some(macs))
}

/// One of the addresses that anybody may use, of a link and a place on it. A lab has fewer than 65,536 of either.
fn made_mac(link: usize, place: usize) -> Mac {
    let ([link_high, link_low], [high, low]) =
        ((link as u16).to_be_bytes(), (place as u16 + 1).to_be_bytes());
    Mac([2, 0, link_high, link_low, high, low])
}

impl ImpairmentsPlan {
    /// Understands what is asked of a link in this field of a request.
    pub(crate) fn parse(impairments: Option<&pb::Impairments>, field: &str) -> Result<Self, Invalid> {
        let Some(asked) = impairments else {
            return Ok(ImpairmentsPlan { impairments: Impairments::default(), shown: None });
        };
        let impairments = parse_impairments(asked, field)?;
        let shown = pb::Impairments {
            queue_limit: impairments.queue_limit as u32,
            reorder_by: (impairments.reorder > 0.0).then(|| duration_to_proto(impairments.reorder_by)),
            bursts: impairments.bursts.map(bursts_to_proto),
            ..*asked
        };
        Ok(ImpairmentsPlan { impairments, shown: Some(shown) })
    }
}

/// What a link does to frames.
fn parse_impairments(impairments: &pb::Impairments, field: &str) -> Result<Impairments, Invalid> {
    let time = |value: &Option<prost_types::Duration>, name: &str| match value {
        Some(value) => duration(value, &format!("{field}.{name}")),
        None => Ok(std::time::Duration::ZERO),
    };
    let bursts = |bursts: pb::Bursts| Bursts {
        begin: bursts.begin,
        end: bursts.end,
        loss: bursts.loss.unwrap_or(1.0),
    };
    let default = Impairments::default();
    let parsed = Impairments {
        loss: impairments.loss,
        bursts: impairments.bursts.map(bursts),
        mark: impairments.mark,
        delay: time(&impairments.delay, "delay")?,
        jitter: time(&impairments.jitter, "jitter")?,
        reorder: impairments.reorder,
        reorder_by: match &impairments.reorder_by {
            Some(value) => duration(value, &format!("{field}.reorder_by"))?,
            None => default.reorder_by,
        },
        duplicate: impairments.duplicate,
        corrupt: impairments.corrupt,
        rate_bps: Some(impairments.rate_bps).filter(|rate| *rate > 0),
        queue_limit: match impairments.queue_limit {
            0 => default.queue_limit,
            limit => limit as usize,
        },
        // A lab's link has one of its own.
        mtu: None,
    };
    parsed.validate().map_err(|wrong| {
        let problem = format!("it has to be {}, not {}", wrong.allowed, wrong.value);
        Invalid::new(format!("{field}.{}", wrong.field), problem)
    })?;
    Ok(parsed)
}

fn bursts_to_proto(Bursts { begin, end, loss }: Bursts) -> pb::Bursts {
    pb::Bursts { begin, end, loss: Some(loss) }
}

/// An address, with the length of its prefix or the usual one.
pub(super) fn address(text: &str, field: &str) -> Result<Address, Invalid> {
    let wrong = |problem: String| Invalid::new(field, problem);
    let shown: String = text.chars().take(64).collect();
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (text, None),
    };
    let ip: IpAddr = ip.parse().map_err(|_| wrong(format!("{shown:?} is not an IP address")))?;
    let (most, usual) = if ip.is_ipv4() { (32, 24) } else { (128, 64) };
    let prefix = match prefix {
        None => usual,
        Some(prefix) => match prefix.parse() {
            Ok(prefix) if prefix <= most => prefix,
            _ => return Err(wrong(format!("{shown:?} has no prefix length of 0 to {most}"))),
        },
    };
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_unspecified() || ip.is_multicast() || broadcast {
        return Err(wrong(format!("{ip} is not a unicast address")));
    }
    Ok((ip, prefix))
}

/// The least MTU that a link of these addresses may have.
pub(super) fn mtu_at_least<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> u32 {
    if addresses.into_iter().any(|(ip, _)| ip.is_ipv6()) { 1280 } else { 576 }
}

/// Ways to other networks, each with the router that leads there.
pub(super) fn routes(
    routes: &[pb::Route],
    own: &[Address],
    field: &str,
    limits: &Limits,
) -> Result<Vec<(Address, Option<IpAddr>)>, Invalid> {
    at_most(routes.len(), limits.routes_per_stack, field)?;
    let parse = |(number, route): (usize, &pb::Route)| {
        let field = format!("{field}[{number}]");
        if route.gateway.is_empty() {
            let destination = network(&route.destination, &format!("{field}.destination"))?;
            return Ok((destination, None));
        }
        let (gateway, _) = address(&route.gateway, &format!("{field}.gateway"))?;
        let near = |network: &Address| same_network(&(gateway, network.1), network);
        let link_local = matches!(gateway, IpAddr::V6(ip) if ip.is_unicast_link_local());
        if !own.iter().any(near) && !link_local {
            let problem = format!("{gateway} is in no network of the stack's addresses");
            return Err(Invalid::new(format!("{field}.gateway"), problem));
        }
        let destination = match route.destination.as_str() {
            "" if gateway.is_ipv4() => (Ipv4Addr::UNSPECIFIED.into(), 0),
            "" => (Ipv6Addr::UNSPECIFIED.into(), 0),
            text => network(text, &format!("{field}.destination"))?,
        };
        if destination.0.is_ipv4() != gateway.is_ipv4() {
            return Err(Invalid::new(
                format!("{field}.gateway"),
                "it is of the other family than the destination",
            ));
        }
        Ok((destination, Some(gateway)))
    };
    routes.iter().enumerate().map(parse).collect()
}

/// A network, with the length of its prefix or that of one address.
fn network(text: &str, field: &str) -> Result<Address, Invalid> {
    let shown: String = text.chars().take(64).collect();
    let wrong = || Invalid::new(field, format!("{shown:?} is not a network such as 192.0.2.0/24"));
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    match prefix.map_or(Ok(most), str::parse) {
        Ok(prefix) if prefix <= most => Ok((ip, prefix)),
        _ => Err(wrong()),
    }
}

fn same_network((a, a_prefix): &Address, (b, b_prefix): &Address) -> bool {
    let prefix = u32::from(*a_prefix.min(b_prefix));
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            u32::from(*a).checked_shr(32 - prefix).unwrap_or(0)
                == u32::from(*b).checked_shr(32 - prefix).unwrap_or(0)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            u128::from(*a).checked_shr(128 - prefix).unwrap_or(0)
                == u128::from(*b).checked_shr(128 - prefix).unwrap_or(0)
        }
        _ => false,
    }
}

pub(super) fn at_most(there: usize, limit: usize, field: &str) -> Result<(), Invalid> {
    match there <= limit {
        true => Ok(()),
        false => Err(Invalid::new(field, format!("{there} are more than the limit of {limit}"))
            .with_errno(host::Errno::ENOBUFS)),
    }
}

/// 1 to 64 of `a-z`, `A-Z`, `0-9`, `-`, `_`, `.`; or nothing.
pub(super) fn check_name(name: &str, field: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match name.len() <= 64 && name.chars().all(allowed) {
        true => Ok(()),
        false => Err(Invalid::new(field, "a name is 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(stacks: &[&str]) -> pb::CreateLabRequest {
        let stacks =
            stacks.iter().map(|name| pb::LabStack { name: (*name).to_owned(), ..Default::default() });
        pb::CreateLabRequest { name: "lab".to_owned(), stacks: stacks.collect(), ..Default::default() }
    }

    fn parse(request: &pb::CreateLabRequest) -> Result<LabPlan, Invalid> {
        LabPlan::parse(request, &Limits::default())
    }

    fn refused(request: &pb::CreateLabRequest) -> String {
        parse(request).unwrap_err().field
    }

    #[test]
    fn an_empty_lab_gets_what_the_contract_says() {
        let plan = parse(&request(&["a", "b"])).unwrap();
        let told: Vec<_> = plan.stacks.iter().map(|stack| format!("{:?}", stack.addresses)).collect();
        assert_eq!(told, ["[(10.0.0.1, 24), (fd00::1, 64)]", "[(10.0.0.2, 24), (fd00::2, 64)]"]);
        assert_eq!(plan.clock, Clock::Virtual);
        let links = plan.links_to_proto();
        assert_eq!((links[0].name.as_str(), links[0].mtu), ("link1", 1500));
        assert_eq!(links[0].stacks, ["a", "b"]);
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        assert_eq!(refused(&request(&[])), "stacks");
        assert_eq!(refused(&request(&["a", "a"])), "stacks[1].name");
        assert_eq!(refused(&request(&["a/b"])), "stacks[0].name");
        assert_eq!(refused(&request(&[""])), "stacks[0].name");
        let with = |change: &dyn Fn(&mut pb::CreateLabRequest)| {
            let mut request = request(&["a", "b"]);
            change(&mut request);
            refused(&request)
        };
        assert_eq!(with(&|lab| lab.name = "x".repeat(65)), "name");
        assert_eq!(with(&|lab| lab.clock = 99), "clock");
        assert_eq!(
            with(&|lab| lab.stacks[1].addresses = vec!["10.0.0.1/33".into()]),
            "stacks[1].addresses[0]"
        );
        assert_eq!(with(&|lab| lab.stacks[1].addresses = vec!["::".into()]), "stacks[1].addresses[0]");
        let link = |stacks: &[&str]| pb::LabLink {
            stacks: stacks.iter().map(|stack| (*stack).to_owned()).collect(),
            ..Default::default()
        };
        assert_eq!(with(&|lab| lab.links = vec![link(&["a"])]), "links[0].stacks");
        assert_eq!(with(&|lab| lab.links = vec![link(&["a", "c"])]), "links[0].stacks[1]");
        assert_eq!(with(&|lab| lab.links = vec![link(&["a", "a"])]), "links[0].stacks[1]");
        let mtu = pb::LabLink { mtu: 1279, ..link(&["a", "b"]) };
        assert_eq!(with(&|lab| lab.links = vec![mtu.clone()]), "links[0].mtu");
        let impairments = Some(pb::Impairments { loss: 1.5, ..Default::default() });
        let lossy = pb::LabLink { impairments, ..link(&["a", "b"]) };
        assert_eq!(with(&|lab| lab.links = vec![lossy.clone()]), "links[0].impairments.loss");
        let wrong = |impairments: pb::Impairments| {
            let link = pb::LabLink { impairments: Some(impairments), ..link(&["a", "b"]) };
            with(&|lab| lab.links = vec![link.clone()])
        };
        let bursts = pb::Bursts { begin: 0.1, end: 0.1, loss: Some(0.1) };
        let with_bursts = |bursts| wrong(pb::Impairments { bursts: Some(bursts), ..Default::default() });
        assert_eq!(with_bursts(pb::Bursts { begin: -0.1, ..bursts }), "links[0].impairments.bursts.begin");
        assert_eq!(with_bursts(pb::Bursts { end: f64::NAN, ..bursts }), "links[0].impairments.bursts.end");
        assert_eq!(with_bursts(pb::Bursts { loss: Some(1.1), ..bursts }), "links[0].impairments.bursts.loss");
        let reorder_by = Some(prost_types::Duration::default());
        let at_once = pb::Impairments { reorder: 0.1, reorder_by, ..Default::default() };
        assert_eq!(wrong(at_once), "links[0].impairments.reorder_by");
    }

    #[test]
    fn a_stack_on_two_links_has_the_address_of_each_networks() {
        let mut request = request(&["a", "router", "b"]);
        let addresses = [&["10.1.0.1/24"][..], &["10.1.0.9/24", "10.2.0.9/24"], &["10.2.0.1/24"]];
        for (stack, addresses) in request.stacks.iter_mut().zip(addresses) {
            stack.addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
        }
        let link = |stacks: [&str; 2]| pb::LabLink {
            stacks: stacks.map(str::to_owned).to_vec(),
            ..Default::default()
        };
        request.links = vec![link(["a", "router"]), link(["router", "b"])];
        let plan = parse(&request).unwrap();
        let told = |link| plan.addresses_on(1, link).unwrap()[0].0.to_string();
        assert_eq!((told(0).as_str(), told(1).as_str()), ("10.1.0.9", "10.2.0.9"));
    }
}
