//! The tables behind [`Networks`](super::Networks): labs, attached stacks, and sockets whose stack is gone.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Weak};

use sockwright_engine::host::Errno;
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_proto::v1 as pb;
use sockwright_sim::{LinkIndex, StackId};
use tonic::Status;

use super::{Host, LinkKind, VIRTUAL, no_such_lab, no_such_stack};
use crate::access::caller::Caller;
use crate::access::identity::IdentityId;
use crate::access::owner::no_session_of;
use crate::access::sight::Sight;
use crate::capture::LabLink;
use crate::config::Limits;
use crate::error::status_saying;
use crate::hub::Places;
use crate::metrics::AccountId;
use crate::stack::attached::ONLY;
use crate::stack::clock::Clock;
use crate::stack::{Name, StackHandle, ThreadHandle};

/// A lab.
pub(super) struct LabEntry {
    pub(super) thread: ThreadHandle,
    pub(super) account: AccountId,
    pub(super) stacks: Vec<(StackId, Name)>,
    pub(super) links: Vec<pb::LabLink>,
    pub(super) clock: Clock,
    pub(super) seed: u64,
    pub(super) session: SessionId,
}

/// An attached stack.
pub(super) struct AttachedEntry {
    pub(super) thread: ThreadHandle,
    pub(super) account: AccountId,
    pub(super) session: SessionId,
    /// What it is on.
    pub(super) link: LinkKind,
}

/// Everything that has a name.
pub(super) struct Registry {
    labs: BTreeMap<Name, LabEntry>,
    attached: BTreeMap<Name, AttachedEntry>,
    /// Whose stacks are on their way to be attached: each has its place.
    opening: Vec<IdentityId>,
    stacks: HashMap<Name, StackHandle>,
    /// With whose they were.
    gone: BTreeMap<SocketId, SessionId>,
    /// In the order in which they went.
    gone_in_order: VecDeque<SocketId>,
    gone_limit: usize,
    /// Who wants to know of stacks as they come: of this session, or of any.
    followed: Vec<(Option<SessionId>, Weak<Places>)>,
}

impl Registry {
    pub(super) fn new(gone_limit: usize) -> Self {
        Registry {
            labs: BTreeMap::new(),
            attached: BTreeMap::new(),
            opening: Vec::new(),
            stacks: HashMap::new(),
            gone: BTreeMap::new(),
            gone_in_order: VecDeque::new(),
            gone_limit,
            followed: Vec::new(),
        }
    }

    // ---- whose

    /// The stacks of a session, and as long as somebody holds the result those that come. Of no session: only that some came,
    /// since names of all that ever come would be ever more.
    pub(super) fn follow(&mut self, session: Option<SessionId>) -> Arc<Places> {
        let places = Arc::<Places>::default();
        let hosts = self.hosts().into_iter().filter(|host| session == Some(host.session));
        places.add(hosts.flat_map(|host| host.stacks).map(|(_, name)| name));
        self.followed.retain(|(_, places)| places.strong_count() > 0);
        self.followed.push((session, Arc::downgrade(&places)));
        places
    }

    fn came(&self, session: SessionId, names: &[Name]) {
        for (of, places) in &self.followed {
            match places.upgrade() {
                Some(places) if of.is_none() => places.add([]),
                Some(places) if *of == Some(session) => places.add(names.iter().cloned()),
                Some(places) => places.remove(names),
                None => {}
            }
        }
    }

    // ---- names

    pub(super) fn stack(&self, name: &Name) -> Option<StackHandle> {
        self.stacks.get(name).cloned()
    }

    /// The stack that a caller means, to make something on it.
    pub(super) fn stack_to_use(&self, caller: &Caller, text: &str) -> Result<StackHandle, Status> {
        let name = self.stack_seen(caller, text)?;
        if !(name.owner() == IdentityId::SERVER && caller.grants().may_use_stack(&name)) {
            caller.drives(name.owner())?;
        }
        self.stack(&name).ok_or_else(|| no_stack(text))
    }

    /// The stack that a caller means, to look at.
    pub(super) fn stack_seen(&self, caller: &Caller, text: &str) -> Result<Name, Status> {
        let is_there = |name: &Name| self.stacks.contains_key(name);
        meant(caller, text, is_there, self.stacks.keys()).ok_or_else(|| no_stack(text))
    }

    /// The lab that a caller means, to look at.
    pub(super) fn lab_seen(&self, caller: &Caller, text: &str) -> Result<Name, Status> {
        let is_there = |name: &Name| self.labs.contains_key(name);
        let found = meant(caller, text, is_there, self.labs.keys());
        found.or_else(|| self.servers_own_lab(caller, text)).ok_or_else(|| no_such_lab(text))
    }

    /// A lab that the server began with, of which a caller may use a stack.
    fn servers_own_lab(&self, caller: &Caller, text: &str) -> Option<Name> {
        let (name, lab) = self.labs.get_key_value(&Name::from(text))?;
        lab.stacks.iter().any(|(_, stack)| caller.grants().may_use_stack(stack)).then(|| name.clone())
    }

    /// The lab that a caller means, to do something with it.
    pub(super) fn lab_to_drive(&self, caller: &Caller, text: &str) -> Result<(Name, ThreadHandle), Status> {
        let name = self.lab_seen(caller, text)?;
        caller.drives(name.owner())?;
        let thread = self.labs.get(&name).map(|lab| lab.thread.clone());
        thread.map(|thread| (name, thread)).ok_or_else(|| no_such_lab(text))
    }

    /// The attached stack that a caller means, to do something with it.
    pub(super) fn attached_to_drive(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<(Name, ThreadHandle), Status> {
        let is_there = |name: &Name| self.attached.contains_key(name);
        let name = meant(caller, text, is_there, self.attached.keys()).ok_or_else(|| no_such_stack(text))?;
        caller.drives(name.owner())?;
        let thread = self.attached.get(&name).map(|stack| stack.thread.clone());
        thread.map(|thread| (name, thread)).ok_or_else(|| no_such_stack(text))
    }

    /// How many labs and attached stacks somebody has.
    pub(super) fn count_of(&self, owner: IdentityId) -> (usize, usize) {
        let own = |name: &&Name| name.owner() == owner;
        let opening = self.opening.iter().filter(|of| **of == owner).count();
        (self.labs.keys().filter(own).count(), self.attached.keys().filter(own).count() + opening)
    }

    /// The stacks of the lab that a link is in.
    pub(super) fn stacks_of_link(&self, LabLink { lab, link }: &LabLink) -> Result<Vec<Name>, Status> {
        self.lab_link(lab, link)?;
        let there = self.labs.get(lab).ok_or_else(|| no_such_lab(lab))?;
        Ok(there.stacks.iter().map(|(_, name)| name.clone()).collect())
    }

    pub(super) fn lab(&self, name: &Name) -> Option<&LabEntry> {
        self.labs.get(name)
    }

    /// Where a link of a lab is among the links of its world.
    pub(super) fn lab_link(&self, lab: &Name, link: &str) -> Result<LinkIndex, Status> {
        let links = &self.labs.get(lab).ok_or_else(|| no_such_lab(lab))?.links;
        let number = links.iter().position(|there| there.name == link).ok_or_else(|| {
            status_saying(Errno::ENODEV, format!("lab {:?} has no link {link:?}", &**lab), None)
        })?;
        Ok(LinkIndex(number as u32))
    }

    /// Notes what a link does to frames now, and gives it as it is listed.
    pub(super) fn note_impairments(
        &mut self,
        lab: &Name,
        link: LinkIndex,
        shown: Option<pb::Impairments>,
    ) -> Option<pb::LabLink> {
        let link = self.labs.get_mut(lab)?.links.get_mut(link.0 as usize)?;
        link.impairments = shown;
        Some(link.clone())
    }

    /// Notes how time passes in a lab now.
    pub(super) fn note_clock(&mut self, lab: &Name, clock: Clock) {
        if let Some(lab) = self.labs.get_mut(lab) {
            lab.clock = clock;
        }
    }

    /// The names of all attached stacks.
    pub(super) fn attached_names(&self) -> HashSet<Name> {
        self.attached.keys().cloned().collect()
    }

    /// The name asked for, if it is free of its owner's, or one that is.
    pub(super) fn lab_name(&self, asked: &str, owner: IdentityId) -> Result<Name, Status> {
        chosen(asked, "lab", owner, |name| self.labs.contains_key(name))
    }

    /// The same for an attached stack.
    pub(super) fn attached_name(&self, asked: &str, owner: IdentityId) -> Result<Name, Status> {
        chosen(asked, "stack", owner, |name| self.attached.contains_key(name))
    }

    // ---- lists

    /// Up to `limit` labs that a caller sees, behind this one.
    pub(super) fn labs_after(
        &self,
        caller: &Caller,
        after: Option<Name>,
        limit: usize,
    ) -> Vec<(Name, ThreadHandle)> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let labs = self.labs.range((begin, Bound::Unbounded));
        let seen = |name: &Name| {
            caller.sees(name.owner()) || self.servers_own_lab(caller, name).as_ref() == Some(name)
        };
        let labs = labs.filter(|(name, _)| seen(name));
        labs.take(limit).map(|(name, lab)| (name.clone(), lab.thread.clone())).collect()
    }

    pub(super) fn hosts(&self) -> Vec<Host> {
        let labs = self.labs.values().map(|lab| Host {
            thread: lab.thread.clone(),
            stacks: lab.stacks.clone(),
            link: LinkKind { name: VIRTUAL, interface: None },
            session: lab.session,
        });
        let attached = self.attached.iter().map(|(name, stack)| Host {
            thread: stack.thread.clone(),
            stacks: vec![(ONLY, name.clone())],
            link: stack.link.clone(),
            session: stack.session,
        });
        labs.chain(attached).collect()
    }

    /// Every thread, with its account; that of an attached stack with its unique name too.
    pub(super) fn threads(&self) -> Vec<(AccountId, Option<Arc<str>>, ThreadHandle)> {
        let labs = self.labs.values().map(|lab| (lab.account, None, lab.thread.clone()));
        let attached = self.attached.iter();
        let attached =
            attached.map(|(name, stack)| (stack.account, Some(name.unique().into()), stack.thread.clone()));
        labs.chain(attached).collect()
    }

    // ---- changes

    pub(super) fn check_room_for_lab(&self, limits: &Limits) -> Result<(), Status> {
        check_room(self.labs.len(), limits.labs, "labs")
    }

    pub(super) fn check_room_for_attached(&self, limits: &Limits) -> Result<(), Status> {
        check_room(self.attached.len() + self.opening.len(), limits.attached_stacks, "attached_stacks")
    }

    /// A stack of somebody is about to be attached.
    pub(super) fn opens(&mut self, owner: IdentityId) {
        self.opening.push(owner);
    }

    /// It was, or could not be.
    pub(super) fn opened(&mut self, owner: IdentityId) {
        if let Some(place) = self.opening.iter().position(|of| *of == owner) {
            self.opening.swap_remove(place);
        }
    }

    pub(super) fn add_lab(&mut self, name: Name, lab: LabEntry) {
        for (stack, name) in &lab.stacks {
            self.stacks.insert(name.clone(), lab.thread.stack(*stack));
        }
        let names: Vec<_> = lab.stacks.iter().map(|(_, name)| name.clone()).collect();
        self.came(lab.session, &names);
        self.labs.insert(name, lab);
    }

    pub(super) fn add_attached(&mut self, name: Name, stack: AttachedEntry) {
        self.stacks.insert(name.clone(), stack.thread.stack(ONLY));
        self.came(stack.session, std::slice::from_ref(&name));
        self.attached.insert(name, stack);
    }

    /// The names of its stacks.
    pub(super) fn remove_lab(&mut self, name: &Name) -> Vec<Name> {
        let Some(lab) = self.labs.remove(name) else { return Vec::new() };
        let names: Vec<_> = lab.stacks.into_iter().map(|(_, name)| name).collect();
        for name in &names {
            self.stacks.remove(name);
        }
        names
    }

    /// Its name.
    pub(super) fn remove_attached(&mut self, name: &Name) -> Vec<Name> {
        self.stacks.remove(name);
        self.attached.remove(name).map(|_| name.clone()).into_iter().collect()
    }

    /// What a thread holds belongs to no session any more.
    pub(super) fn disown(&mut self, host: &Host) {
        for (_, stack) in &host.stacks {
            let nobody = no_session_of(stack.owner());
            if let Some(attached) = self.attached.get_mut(stack) {
                attached.session = nobody;
            }
            if let Some(lab) = stack.lab().and_then(|lab| self.labs.get_mut(&lab)) {
                lab.session = nobody;
            }
        }
    }

    // ---- what is gone

    /// Calls on these sockets are to be told that their stack is gone. The oldest are forgotten.
    pub(super) fn remember_gone(&mut self, sockets: Vec<(SocketId, SessionId)>) {
        for (socket, session) in sockets {
            if self.gone.insert(socket, session).is_none() {
                self.gone_in_order.push_back(socket);
            }
        }
        while self.gone_in_order.len() > self.gone_limit {
            if let Some(oldest) = self.gone_in_order.pop_front() {
                self.gone.remove(&oldest);
            }
        }
    }

    /// Whose a socket was that went with its stack.
    pub(super) fn gone(&self, socket: SocketId) -> Option<SessionId> {
        self.gone.get(&socket).copied()
    }
}

/// What a caller means by a name: its own, or one of the server's own that it sees, or, who sees all, that of anybody.
fn meant<'n>(
    caller: &Caller,
    text: &str,
    is_there: impl Fn(&Name) -> bool,
    mut all: impl Iterator<Item = &'n Name>,
) -> Option<Name> {
    let own = Name::new(caller.id(), text);
    if is_there(&own) {
        return Some(own);
    }
    let servers = Name::from(text);
    let sees = caller.sees(IdentityId::SERVER) || caller.grants().may_use_stack(text);
    if sees && is_there(&servers) {
        return Some(servers);
    }
    match caller.sight() {
        Sight::All => all.find(|name| ***name == *text).cloned(),
        Sight::Own(_) => None,
    }
}

fn chosen(
    asked: &str,
    kind: &str,
    owner: IdentityId,
    is_there: impl Fn(&Name) -> bool,
) -> Result<Name, Status> {
    let is_taken = |name: &Name| is_there(name) || name.namesake().is_some_and(|name| is_there(&name));
    let mut names = (1..).map(|number: u64| Name::new(owner, format!("{kind}-{number}")));
    let name = match asked {
        "" => names.find(|name| !is_taken(name)),
        asked => Some(Name::new(owner, asked)).filter(|name| !is_taken(name)),
    };
    name.ok_or_else(|| Status::already_exists(format!("there is a {kind} {asked:?} already")))
}

fn no_stack(name: &str) -> Status {
    status_saying(Errno::ENODEV, format!("there is no stack {name:?}"), None)
}

fn check_room(there: usize, limit: usize, name: &str) -> Result<(), Status> {
    if there < limit {
        return Ok(());
    }
    tracing::warn!(limit = name, "a limit of the server was hit");
    Err(status_saying(Errno::ENOBUFS, format!("the server's limit of {limit} {name} is reached"), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_follows_all_hears_of_what_comes_and_keeps_no_names() {
        let mut registry = Registry::new(1);
        let (all, own) = (registry.follow(None), registry.follow(Some(SessionId(7))));
        all.changed().await;
        registry.came(SessionId(7), &["lab/a".into()]);
        all.changed().await;
        assert_eq!((all.contains(&"lab/a".into()), own.contains(&"lab/a".into())), (false, true));
    }
}
