//! What may leave by a real wire: each packet of an attached stack is asked about as it leaves, whoever made it, and measured.
//!
//! The calls that begin something are asked before ([`services`](crate::services)), and say which rule denies. This stands behind them: it
//! has answers to strangers, what listens, retransmissions of a flow that a new policy denies, and whatever a call was not asked
//! about. ARP and what IPv6 does in its place are what a link is, and go.
//!
//! ```text
//! all who have sockets here may do everything -----------------------------------> leaves: nothing is looked at
//! with ports:     whose socket is it from? -> what is known of that flow, or its grants -> his rate -> leaves
//! from no socket: the last of that flow; else all who have sockets here, or anybody -----> the rate of that one
//! fragments:      as the first, which has the ports
//! ```
//!
//! [`packet`] reads what leaves, [`memory`] has what was found out before.

mod memory;
mod packet;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use sockwright_engine::host::{Engine, PortKind, Sender};
use sockwright_engine::id::SessionId;
use sockwright_engine::time::Instant;

use self::memory::{Cut, Flows, Known};
pub(super) use self::packet::ip_packet;
use self::packet::{Flow, Fragment, Ports, Read};
use crate::access::caller::{Access, Wire};
use crate::access::identity::IdentityId;
use crate::access::owner::owner_of;
use crate::access::policy::{Everything, Leave, Stranger, Transport};

/// What may leave by the links of a stack.
#[derive(Debug)]
pub(super) struct Egress {
    access: Arc<Access>,
    /// Of the policy that everything here is of.
    generation: u64,
    /// Who has sockets on the stack, or had.
    owners: BTreeMap<IdentityId, Wire>,
    /// Who had the last one that was opened.
    last: Option<IdentityId>,
    /// What anybody may: for what is from nobody.
    anybody: Wire,
    /// What all of them may do without being asked.
    everything: Everything,
    flows: Flows,
    cut: Cut,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It leaves.
    Leaves,
    /// No rule allows it.
    Denied,
    /// It is more than may be sent in this time.
    TooMuch,
}

/// Whose rate a packet is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Owner(IdentityId),
    /// It is from no socket.
    Nobodys,
}

impl Egress {
    pub(super) fn new(access: Arc<Access>) -> Self {
        let anybody = access.wire_of_anybody();
        let mut egress = Egress {
            access,
            generation: 0,
            owners: BTreeMap::new(),
            last: None,
            anybody,
            everything: Everything::default(),
            flows: Flows::default(),
            cut: Cut::default(),
        };
        egress.follow();
        egress
    }

    /// A socket of this session is there from now on.
    pub(super) fn opened(&mut self, session: SessionId) {
        let owner = owner_of(session);
        if self.last.replace(owner) != Some(owner) && !self.owners.contains_key(&owner) {
            self.owners.insert(owner, self.access.wire_of(owner));
            self.note_everything();
        }
    }

    /// Whether an IP packet leaves, which a link may cut into pieces with so many octets of data.
    pub(super) fn pass(&mut self, now: Instant, engine: &Engine, packet: &[u8], cut: Option<u16>) -> Passed {
        if self.generation != self.access.generation() {
            self.follow();
        }
        if self.everything.is_of(packet) {
            return Passed::Leaves;
        }
        // One that cannot be read goes nowhere.
        let Some(Read { flow, fragment }) = Read::of(packet) else { return Passed::Denied };
        let (asked, whose) = match (&flow, &fragment) {
            (Flow::Link, _) => return Passed::Leaves,
            // Without the first nobody knows what it belongs to.
            (_, Some(Fragment { key, first: false, .. })) => {
                self.cut.of(key).unwrap_or((Passed::Denied, Whose::Nobodys))
            }
            (Flow::Ports(ports), _) => self.ask(now, engine, ports),
            (Flow::Address(remote), _) => (self.ask_of_nobody(Stranger::Address(*remote)), Whose::Nobodys),
        };
        let packets = cut.map_or(1, |cut| packet.len().div_ceil(usize::from(cut).max(1)));
        let passed = match asked {
            Passed::Leaves if !self.wire(whose).take(packets as u64, packet.len() as u64) => Passed::TooMuch,
            asked => asked,
        };
        if let Some(fragment) = fragment {
            self.cut.note(fragment, passed, whose);
        }
        passed
    }

    /// What becomes of a packet with these ports, whatever the rate, and whose it is.
    fn ask(&mut self, now: Instant, engine: &Engine, ports: &Ports) -> (Passed, Whose) {
        let kind = match ports.transport {
            Transport::Tcp => PortKind::Tcp,
            Transport::Udp => PortKind::Udp,
        };
        let known = self.flows.of(ports);
        let Some(Sender { socket, session, answers }) =
            engine.sender_between(kind, ports.local, ports.remote)
        else {
            return match known {
                // What ends a connection whose socket is gone by now.
                Some(Known { owner, leave: Leave::Freely, .. }) => (Passed::Leaves, Whose::Owner(*owner)),
                Some(Known { owner, .. }) => (Passed::Denied, Whose::Owner(*owner)),
                None => {
                    let Ports { transport, local, remote } = *ports;
                    let stranger = Stranger::Ports(transport, remote, local.port());
                    (self.ask_of_nobody(stranger), Whose::Nobodys)
                }
            };
        };
        let owner = owner_of(session);
        let leave = match known {
            Some(known) if (known.owner, known.answers) == (owner, answers) => known.leave,
            _ => {
                let Ports { transport, local, remote } = *ports;
                let grants = self.wire(Whose::Owner(owner)).grants();
                let leave = grants.may_leave(transport, answers, remote, local.port());
                self.flows.note(Known { ports: *ports, owner, answers, leave });
                leave
            }
        };
        let leaves = match leave {
            Leave::Freely => true,
            Leave::WhereHeard => engine.has_heard(now, socket, ports.remote),
            Leave::Never => false,
        };
        (if leaves { Passed::Leaves } else { Passed::Denied }, Whose::Owner(owner))
    }

    /// What becomes of a packet that is from no socket.
    fn ask_of_nobody(&self, stranger: Stranger) -> Passed {
        match self.wire(Whose::Nobodys).grants().may_answer_stranger(stranger) {
            true => Passed::Leaves,
            false => Passed::Denied,
        }
    }

    /// What he may do whose it is: of what is nobody's, he who alone has sockets here, and else anybody.
    fn wire(&self, whose: Whose) -> &Wire {
        match (whose, self.owners.first_key_value()) {
            (Whose::Owner(owner), _) => self.owners.get(&owner).unwrap_or(&self.anybody),
            (Whose::Nobodys, Some((_, wire))) if self.owners.len() == 1 => wire,
            (Whose::Nobodys, _) => &self.anybody,
        }
    }

    /// Begins anew with the policy that there is.
    fn follow(&mut self) {
        // Asked first: what comes between is asked about again.
        self.generation = self.access.generation();
        self.anybody = self.access.wire_of_anybody();
        for (owner, wire) in &mut self.owners {
            *wire = self.access.wire_of(*owner);
        }
        self.flows.forget();
        self.note_everything();
    }

    fn note_everything(&mut self) {
        let all = self.owners.values().map(|wire| wire.grants().everything()).reduce(Everything::and);
        self.everything = all.unwrap_or_else(|| self.anybody.grants().everything());
    }
}
