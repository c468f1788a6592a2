//! How a world comes about: stacks, outsiders, links between them, and how stacks go again.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use sockwright_engine::host::{Config, Engine, Route};
use sockwright_engine::id::{IdSource, LinkId};
use sockwright_engine::wire::Mac;
use sockwright_link::virtual_link::{self, VirtualLink};

use super::link::{Link, LinkConfig};
use super::{LinkIndex, Node, StackId, Station, World, WorldError};
use crate::agenda::Source;

impl World {
    /// Adds a stack.
    pub fn add_stack(&mut self, config: Config, ids: IdSource) -> StackId {
        let stack = StackId(self.stacks.len() as u32);
        let engine = self.new_engine(config, ids);
        self.stacks.push(engine);
        self.ahead.push(Duration::ZERO);
        stack
    }

    /// Restarts a stack as if its power had failed for a moment: its engine is gone with all its sockets, unheard, and
    /// another takes its place with the same interfaces, addresses and routes and a seed of its own. The calls that waited
    /// never end. What is on its way to the stack reaches the new engine.
    pub fn restart_stack(&mut self, stack: StackId, config: Config, ids: IdSource) -> Result<(), WorldError> {
        let old = self.engine(stack).ok_or(WorldError::NoSuchStack(stack))?;
        let routes = old.routes().to_vec();
        let mut node = self.new_engine(config, ids);
        for link in &self.links {
            if let (Some(addresses), Node::Engine(engine)) = (link.addresses.get(&stack), &mut node) {
                let mac = link.macs.get(&stack).copied();
                let interface = link.interface(mac, addresses.clone());
                engine.add_interface(interface).map_err(WorldError::Interface)?;
            }
        }
        if let Node::Engine(engine) = &mut node {
            for route in routes {
                engine.add_route(route).map_err(WorldError::Interface)?;
            }
        }
        if let Some(there) = self.stacks.get_mut(stack.0 as usize) {
            *there = node;
        }
        self.drain(stack);
        Ok(())
    }

    /// A stack's clock leaps ahead, as a host's does that slept. Timers that ended meanwhile fire next.
    pub fn leap_clock(&mut self, stack: StackId, by: Duration) {
        if let Some(ahead) = self.ahead.get_mut(stack.0 as usize) {
            *ahead += by;
            self.note_stack(stack);
        }
    }

    /// Adds a peer that is no engine: another implementation, driven by the owner of the world. It joins links as a
    /// stack does, sends with [`World::send_frame`] and receives with [`World::poll_arrival`].
    pub fn add_outsider(&mut self) -> StackId {
        let outsider = StackId(self.stacks.len() as u32);
        self.stacks.push(Node::Outsider(VecDeque::new()));
        self.ahead.push(Duration::ZERO);
        outsider
    }

    /// Removes a stack as if its plug was pulled: nothing more is sent, frames on their way to it are gone.
    pub fn remove_stack(&mut self, stack: StackId) -> Option<Engine> {
        self.engine(stack)?;
        let node = std::mem::replace(self.stacks.get_mut(stack.0 as usize)?, Node::Removed);
        let Node::Engine(engine) = node else { return None };
        self.agenda.set(Source::Stack(stack), None);
        for number in 0..self.links.len() {
            let link = &mut self.links[number];
            if let Some(endpoint) = link.members.remove(&stack) {
                link.addresses.remove(&stack);
                link.macs.remove(&stack);
                link.owners.remove(&endpoint);
                link.segment.detach(endpoint);
            }
            self.note_link(LinkIndex(number as u32));
        }
        Some(*engine)
    }

    /// Adds a link between stacks, each with its addresses on it. Where it fails, members that came before the
    /// failing one keep an interface on a link that leads nowhere.
    pub fn add_link(
        &mut self,
        config: LinkConfig,
        members: &[(StackId, Vec<(IpAddr, u8)>)],
    ) -> Result<LinkIndex, WorldError> {
        config.impairments.validate().map_err(WorldError::Impairment)?;
        if let Some((stack, _)) = members.iter().find(|(stack, _)| !self.is_there(*stack)) {
            return Err(WorldError::NoSuchStack(*stack));
        }
        let segment = VirtualLink::new(self.seeds.next_u64(), virtual_link::Limits::default());
        let link = self.push_link(segment, config);
        for (stack, addresses) in members {
            self.join(link, *stack, addresses.clone())?;
        }
        Ok(link)
    }

    /// Adds an Ethernet between stacks. They find each other by ARP and
    /// neighbor discovery, and use their addresses without asking whether somebody else does.
    pub fn add_ethernet(
        &mut self,
        config: LinkConfig,
        stations: Vec<Station>,
    ) -> Result<LinkIndex, WorldError> {
        config.impairments.validate().map_err(WorldError::Impairment)?;
        let segment = VirtualLink::ethernet(self.seeds.next_u64(), virtual_link::Limits::default());
        let link = self.push_link(segment, config);
        for Station { stack, mac, addresses } in stations {
            self.attach(link, stack, Some(mac), addresses)?;
        }
        Ok(link)
    }

    fn push_link(&mut self, segment: VirtualLink, config: LinkConfig) -> LinkIndex {
        let link = LinkIndex(self.links.len() as u32);
        self.links.push(Link::new(link, segment, config));
        link
    }

    /// Adds a route to a stack, over a link that it is on; `gateway` as in [`Route::gateway`].
    pub fn add_route(
        &mut self,
        stack: StackId,
        link: LinkIndex,
        (destination, prefix): (IpAddr, u8),
        gateway: Option<IpAddr>,
    ) -> Result<(), WorldError> {
        let engine = self.engine_mut(stack).ok_or(WorldError::NoSuchStack(stack))?;
        let route = Route { destination, prefix, gateway, link: LinkId(link.0) };
        engine.add_route(route).map_err(WorldError::Interface)
    }

    /// Gives a stack an interface on a link that is there already.
    pub fn join(
        &mut self,
        link: LinkIndex,
        stack: StackId,
        addresses: Vec<(IpAddr, u8)>,
    ) -> Result<(), WorldError> {
        self.attach(link, stack, None, addresses)
    }

    fn attach(
        &mut self,
        link: LinkIndex,
        stack: StackId,
        mac: Option<Mac>,
        addresses: Vec<(IpAddr, u8)>,
    ) -> Result<(), WorldError> {
        let there = self.links.get_mut(link.0 as usize).ok_or(WorldError::NoSuchLink(link))?;
        let node = self.stacks.get_mut(stack.0 as usize).ok_or(WorldError::NoSuchStack(stack))?;
        if there.members.contains_key(&stack) {
            return Err(WorldError::Membership(stack, link));
        }
        let plain: Vec<IpAddr> = addresses.iter().map(|(address, _)| *address).collect();
        let endpoint = match mac {
            Some(mac) => there.segment.attach_station(mac),
            None => there.segment.attach(&plain),
        };
        let endpoint = endpoint.map_err(WorldError::Attach)?;
        let interface = there.interface(mac, addresses.clone());
        let added = match node {
            Node::Engine(engine) => engine.add_interface(interface).map_err(WorldError::Interface),
            Node::Outsider(_) => {
                there.has_outsider = true;
                Ok(())
            }
            Node::Removed => Err(WorldError::NoSuchStack(stack)),
        };
        let added = added.and_then(|()| {
            let impairments = there.config.impairments;
            there.segment.set_impairments(endpoint, impairments).map_err(WorldError::Impairment)
        });
        if added.is_err() {
            there.segment.detach(endpoint);
            return added;
        }
        there.members.insert(stack, endpoint);
        there.addresses.insert(stack, addresses);
        there.macs.extend(mac.map(|mac| (stack, mac)));
        there.owners.insert(endpoint, stack);
        self.drain(stack);
        Ok(())
    }

    fn is_there(&self, stack: StackId) -> bool {
        matches!(self.stacks.get(stack.0 as usize), Some(Node::Engine(_) | Node::Outsider(_)))
    }

    fn new_engine(&mut self, config: Config, ids: IdSource) -> Node {
        let mut seed = [0; 32];
        for word in seed.chunks_exact_mut(8) {
            word.copy_from_slice(&self.seeds.next_u64().to_le_bytes());
        }
        Node::Engine(Box::new(Engine::new(config, seed, ids)))
    }
}
