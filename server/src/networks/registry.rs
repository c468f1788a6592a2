//! The tables behind [`Networks`](super::Networks): labs, attached stacks, and sockets whose stack is gone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Weak};

use sockwright_engine::host::Errno;
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_proto::v1 as pb;
use sockwright_sim::{LinkIndex, StackId};
use tonic::Status;

use super::{Host, LinkKind, VIRTUAL, no_such_lab};
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
    labs: BTreeMap<String, LabEntry>,
    attached: BTreeMap<Name, AttachedEntry>,
    stacks: HashMap<Name, StackHandle>,
    gone: BTreeSet<SocketId>,
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
            stacks: HashMap::new(),
            gone: BTreeSet::new(),
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

    pub(super) fn stack(&self, name: &str) -> Option<StackHandle> {
        self.stacks.get(name).cloned()
    }

    /// The name of a stack that is there.
    pub(super) fn stack_name(&self, name: &str) -> Result<Name, Status> {
        let there = self.stacks.get_key_value(name).map(|(name, _)| Arc::clone(name));
        there.ok_or_else(|| status_saying(Errno::ENODEV, format!("there is no stack {name:?}"), None))
    }

    /// The stacks of the lab that a link is in.
    pub(super) fn stacks_of_link(&self, LabLink { lab, link }: &LabLink) -> Result<Vec<Name>, Status> {
        self.lab_link(lab, link)?;
        let there = self.labs.get(lab).ok_or_else(|| no_such_lab(lab))?;
        Ok(there.stacks.iter().map(|(_, name)| Arc::clone(name)).collect())
    }

    pub(super) fn lab(&self, name: &str) -> Option<&LabEntry> {
        self.labs.get(name)
    }

    pub(super) fn lab_thread(&self, name: &str) -> Option<ThreadHandle> {
        Some(self.labs.get(name)?.thread.clone())
    }

    /// Where a link of a lab is among the links of its world.
    pub(super) fn lab_link(&self, lab: &str, link: &str) -> Result<LinkIndex, Status> {
        let links = &self.labs.get(lab).ok_or_else(|| no_such_lab(lab))?.links;
        let number = links
            .iter()
            .position(|there| there.name == link)
            .ok_or_else(|| status_saying(Errno::ENODEV, format!("lab {lab:?} has no link {link:?}"), None))?;
        Ok(LinkIndex(number as u32))
    }

    /// Notes what a link does to frames now, and gives it as it is listed.
    pub(super) fn note_impairments(
        &mut self,
        lab: &str,
        link: LinkIndex,
        shown: Option<pb::Impairments>,
    ) -> Option<pb::LabLink> {
        let link = self.labs.get_mut(lab)?.links.get_mut(link.0 as usize)?;
        link.impairments = shown;
        Some(link.clone())
    }

    /// Notes how time passes in a lab now.
    pub(super) fn note_clock(&mut self, lab: &str, clock: Clock) {
        if let Some(lab) = self.labs.get_mut(lab) {
            lab.clock = clock;
        }
    }

    pub(super) fn attached_thread(&self, name: &str) -> Option<ThreadHandle> {
        Some(self.attached.get(name)?.thread.clone())
    }

    /// The names of all attached stacks.
    pub(super) fn attached_names(&self) -> HashSet<Name> {
        self.attached.keys().cloned().collect()
    }

    /// The name asked for, if it is free, or one that is.
    pub(super) fn lab_name(&self, asked: &str) -> Result<String, Status> {
        if asked.is_empty() {
            let mut chosen = (1..).map(|number: u64| format!("lab-{number}"));
            return Ok(chosen.find(|name| !self.labs.contains_key(name)).unwrap_or_default());
        }
        match self.labs.contains_key(asked) {
            true => Err(Status::already_exists(format!("there is a lab {asked:?} already"))),
            false => Ok(asked.to_owned()),
        }
    }

    /// The same for an attached stack.
    pub(super) fn attached_name(&self, asked: &str) -> Result<Name, Status> {
        if asked.is_empty() {
            let mut chosen = (1..).map(|number: u64| Name::from(format!("stack-{number}")));
            return Ok(chosen.find(|name| !self.attached.contains_key(name)).unwrap_or_default());
        }
        match self.attached.contains_key(asked) {
            true => Err(Status::already_exists(format!("there is a stack {asked:?} already"))),
            false => Ok(Name::from(asked)),
        }
    }

    // ---- lists

    pub(super) fn labs_after(&self, after: &str, limit: usize) -> Vec<(String, ThreadHandle)> {
        let labs = self.labs.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
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
            stacks: vec![(ONLY, Arc::clone(name))],
            link: stack.link.clone(),
            session: stack.session,
        });
        labs.chain(attached).collect()
    }

    /// Every thread, with its account; that of an attached stack with its name too.
    pub(super) fn threads(&self) -> Vec<(AccountId, Option<Name>, ThreadHandle)> {
        let labs = self.labs.values().map(|lab| (lab.account, None, lab.thread.clone()));
        let attached = self.attached.iter();
        let attached =
            attached.map(|(name, stack)| (stack.account, Some(Arc::clone(name)), stack.thread.clone()));
        labs.chain(attached).collect()
    }

    // ---- changes

    pub(super) fn check_room_for_lab(&self, limits: &Limits) -> Result<(), Status> {
        check_room(self.labs.len(), limits.labs, "labs")
    }

    pub(super) fn check_room_for_attached(&self, limits: &Limits) -> Result<(), Status> {
        check_room(self.attached.len(), limits.attached_stacks, "attached_stacks")
    }

    pub(super) fn add_lab(&mut self, name: String, lab: LabEntry) {
        for (stack, name) in &lab.stacks {
            self.stacks.insert(Arc::clone(name), lab.thread.stack(*stack));
        }
        let names: Vec<_> = lab.stacks.iter().map(|(_, name)| Arc::clone(name)).collect();
        self.came(lab.session, &names);
        self.labs.insert(name, lab);
    }

    pub(super) fn add_attached(&mut self, name: Name, stack: AttachedEntry) {
        self.stacks.insert(Arc::clone(&name), stack.thread.stack(ONLY));
        self.came(stack.session, std::slice::from_ref(&name));
        self.attached.insert(name, stack);
    }

    /// The names of its stacks.
    pub(super) fn remove_lab(&mut self, name: &str) -> Vec<Name> {
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
        self.attached.remove(name).map(|_| Arc::clone(name)).into_iter().collect()
    }

    /// What a thread holds belongs to no session any more.
    pub(super) fn disown(&mut self, host: &Host) {
        for (_, stack) in &host.stacks {
            if let Some(attached) = self.attached.get_mut(stack) {
                attached.session = SessionId(0);
            }
            let lab = stack.split_once('/').and_then(|(lab, _)| self.labs.get_mut(lab));
            if let Some(lab) = lab {
                lab.session = SessionId(0);
            }
        }
    }

    // ---- what is gone

    /// Calls on these sockets are to be told that their stack is gone. The oldest are forgotten.
    pub(super) fn remember_gone(&mut self, sockets: Vec<SocketId>) {
        for socket in sockets {
            if self.gone.insert(socket) {
                self.gone_in_order.push_back(socket);
            }
        }
        while self.gone_in_order.len() > self.gone_limit {
            if let Some(oldest) = self.gone_in_order.pop_front() {
                self.gone.remove(&oldest);
            }
        }
    }

    pub(super) fn is_gone(&self, socket: SocketId) -> bool {
        self.gone.contains(&socket)
    }
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
        assert_eq!((all.contains("lab/a"), own.contains("lab/a")), (false, true));
    }
}
