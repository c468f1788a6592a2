//! Which labs and stacks there are, who owns them, and the threads behind them.
//!
//! Owns the names: of labs, of stacks (`lab/stack`, or the name given to `Attach`), and which stack a socket lives on.
//! Everything that happens inside a stack is its [thread's](crate::stack).

mod allowed;
mod attach;
mod clock;
mod opening;
mod plan;
mod registry;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockwright_engine::host::{Errno, Interface, Medium, Route};
use sockwright_engine::id::{IdSource, SessionId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_proto::v1::{self as pb, Position};
use tonic::Status;

pub(crate) use attach::AttachPlan;
pub(crate) use clock::parse_change as parse_clock_change;
pub(crate) use plan::{ImpairmentsPlan, LabPlan};
use registry::{AttachedEntry, LabEntry, Registry};

use crate::access::caller::{Access, Caller};
use crate::access::identity::IdentityId;
use crate::access::owner::owner_of;
use crate::access::quota::Quota;
use crate::access::sight::Sight;
use crate::capture::{CaptureStream, Captures, Room, Selection};
use crate::config::Config;
use crate::error::{no_such_socket, status_saying};
use crate::hub::{Hub, Places};
use crate::metrics::{AccountId, Ledger, Totals};
use crate::stack::attached::{Attached, ONLY};
use crate::stack::clock::Clock;
use crate::stack::command::{Advance, AdvanceError, Advanced, At, Description, Policy, Stop};
use crate::stack::lab::Lab;
use crate::stack::{self, Ears, Ending, Name, StackHandle, ThreadHandle};

/// What keeps its recent past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// This lab.
    Lab(String),
    /// This attached stack.
    Stack(String),
}

/// Labs and stacks, as they were at a time.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The labs.
    pub(crate) labs: Vec<pb::Lab>,
    /// The stacks, with their interfaces.
    pub(crate) stacks: Vec<(pb::Stack, Vec<Interface>)>,
}

/// The labs and stacks of a server.
pub(crate) struct Networks {
    registry: Mutex<Registry>,
    hub: Arc<Hub>,
    captures: Arc<Captures>,
    ledger: Arc<Ledger>,
    ids: IdSource,
    config: Config,
    /// Held while a lab is changed.
    changing: tokio::sync::Mutex<()>,
    /// Where the clock of every stack on a real link began.
    origin: std::time::Instant,
}

impl Networks {
    /// None yet.
    pub(crate) fn new(config: Config, hub: Arc<Hub>) -> Arc<Self> {
        let registry = Mutex::new(Registry::new(config.limits.gone_sockets));
        let captures = Captures::new(&config.limits);
        let origin = std::time::Instant::now();
        let (ledger, changing) = (Arc::default(), tokio::sync::Mutex::default());
        let ids = IdSource::new();
        Arc::new(Networks { registry, hub, captures, ledger, ids, config, changing, origin })
    }

    /// The limits and defaults.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    // ---- figures

    /// What the threads counted.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The captures.
    pub(crate) fn captures(&self) -> &Captures {
        &self.captures
    }

    /// Every thread, with its account; that of an attached stack with its unique name too.
    pub(crate) fn threads(&self) -> Vec<(AccountId, Option<Arc<str>>, ThreadHandle)> {
        self.registry().threads()
    }

    // ---- finding

    /// The stack that a socket lives on, and its name.
    ///
    /// To whoever does not see it, it is not there.
    pub(crate) fn stack_of(&self, socket: SocketId, sight: Sight) -> Result<Lives, Status> {
        let place = self.hub.place_of(socket);
        let registry = self.registry();
        match place {
            Some((_, session)) if !sight.sees_session(session) => Err(no_such_socket(socket)),
            Some((name, session)) => match registry.stack(&name) {
                Some(stack) => Ok(Lives { name, stack, session }),
                None => Err(status_saying(Errno::ENETDOWN, "the socket's stack is gone", Some(socket))),
            },
            None if registry.gone(socket).is_some_and(|session| sight.sees_session(session)) => {
                Err(status_saying(Errno::ENETDOWN, "the socket went with its stack", Some(socket)))
            }
            None => Err(no_such_socket(socket)),
        }
    }

    /// The stack that a caller means by this name, to make something on it.
    pub(crate) fn stack(&self, caller: &Caller, name: &str) -> Result<StackHandle, Status> {
        self.registry().stack_to_use(caller, name)
    }

    // ---- labs

    /// Makes a lab.
    pub(crate) fn create_lab(
        self: &Arc<Self>,
        caller: &Caller,
        plan: LabPlan,
        session: SessionId,
    ) -> Result<At<pb::Lab>, Status> {
        caller.grants().may_create_labs()?;
        plan.impairments().try_for_each(|shown| allowed::impair(caller.grants(), shown))?;
        let (world, stacks) = plan.build(&self.config.engine, &self.ids)?;
        let lab = Lab::new(world, plan.link_names(), plan.clock, &self.config.limits);
        let record = self.room_for(plan.record_bytes)?;
        let owner = owner_of(session);
        let name = {
            let mut registry = self.registry();
            registry.check_room_for_lab(&self.config.limits)?;
            caller.has_room(Quota::Labs, || registry.count_of(owner).0)?;
            let name = registry.lab_name(&plan.name, owner)?;
            let stacks: Vec<_> = stacks
                .into_iter()
                .map(|(stack, short)| (stack, Name::new(owner, format!("{name}/{short}"))))
                .collect();
            let account = self.ledger.open(None);
            let ending = self.ending(account, {
                let name = name.clone();
                move |registry| registry.remove_lab(&name)
            });
            let names = stacks.iter().cloned().collect();
            let room = self.config.limits.commands_queued;
            let thread = stack::spawn_lab(lab, names, self.ears(), room, ending)
                .map_err(|error| self.no_thread(account, &error))?;
            record.into_iter().for_each(|room| thread.record_first(room));
            let entry = LabEntry {
                thread,
                account,
                stacks,
                links: plan.links_to_proto(),
                clock: plan.clock,
                seed: plan.seed,
                session,
            };
            registry.add_lab(name.clone(), entry);
            name
        };
        tracing::info!(lab = &*name, "lab created");
        let shown = self.lab_to_proto(&name, Instant::ZERO, plan.record_bytes);
        let lab = shown.ok_or_else(|| no_such_lab(&name))?;
        Ok(At { value: lab, at: self.hub.position() })
    }

    /// Deletes a lab; nothing more is sent.
    pub(crate) async fn delete_lab(&self, caller: &Caller, name: &str) -> Result<Position, Status> {
        let (_, thread) = self.registry().lab_to_drive(caller, name)?;
        thread.stop(Stop::Silently).await.map_err(|_| no_such_lab(name))
    }

    /// Up to `limit` labs that a caller sees, whose names come after `after`.
    pub(crate) async fn list_labs(
        &self,
        caller: &Caller,
        after: Option<Name>,
        limit: usize,
    ) -> Vec<(Name, pb::Lab)> {
        let names = self.registry().labs_after(caller, after, limit);
        let mut labs = Vec::with_capacity(names.len());
        for (name, thread) in names {
            // One that goes meanwhile is not there any more.
            if let Ok(description) = thread.describe().await {
                let recorded = description.value.recorded_at_most as u64;
                let lab = self.lab_to_proto(&name, description.value.now, recorded);
                labs.extend(lab.map(|lab| (name, lab)));
            }
        }
        labs
    }

    /// Moves the clock of a lab.
    pub(crate) async fn advance(
        &self,
        caller: &Caller,
        name: &str,
        how: Advance,
    ) -> Result<Result<At<Advanced>, AdvanceError>, Status> {
        let (_, thread) = self.registry().lab_to_drive(caller, name)?;
        thread.advance(how).await.map_err(|_| no_such_lab(name))
    }

    /// Changes how time passes in a lab from now on, and says what time it is there.
    pub(crate) async fn set_clock(
        self: &Arc<Self>,
        caller: Caller,
        lab: String,
        clock: Clock,
    ) -> Result<At<Instant>, Status> {
        let networks = Arc::clone(self);
        // Finished, and one at a time, as below.
        let changing = tokio::spawn(async move {
            let _turn = networks.changing.lock().await;
            let (name, thread) = networks.registry().lab_to_drive(&caller, &lab)?;
            let changed = thread.set_clock(clock).await.map_err(|_| no_such_lab(&lab))?;
            networks.registry().note_clock(&name, clock);
            Ok(changed)
        });
        changing.await.map_err(|_| Status::internal("the change was not finished"))?
    }

    /// Changes what a link of a lab does to frames from now on.
    pub(crate) async fn set_impairments(
        self: &Arc<Self>,
        caller: Caller,
        lab: String,
        link: String,
        plan: ImpairmentsPlan,
    ) -> Result<At<pb::LabLink>, Status> {
        let networks = Arc::clone(self);
        // It is finished though its caller may be gone: what is listed is what is so.
        let changing = tokio::spawn(async move {
            // One at a time, so that the last to be carried out is the last to be noted.
            let _turn = networks.changing.lock().await;
            let gone = || no_such_lab(&lab);
            let (name, thread) = networks.registry().lab_to_drive(&caller, &lab)?;
            allowed::impair(caller.grants(), plan.shown.as_ref())?;
            let index = networks.registry().lab_link(&name, &link)?;
            let impaired = thread.impair(index, plan.impairments).await.map_err(|_| gone())?;
            let noted = networks.registry().note_impairments(&name, index, plan.shown);
            noted.filter(|_| impaired.value).map(|link| At { value: link, at: impaired.at }).ok_or_else(gone)
        });
        changing.await.map_err(|_| Status::internal("the change was not finished"))?
    }

    fn lab_to_proto(&self, name: &Name, now: Instant, record_bytes: u64) -> Option<pb::Lab> {
        let registry = self.registry();
        let lab = registry.lab(name)?;
        let (clock, speed) = clock::to_proto(lab.clock);
        Some(pb::Lab {
            name: name.to_string(),
            stacks: lab.stacks.iter().map(|(_, name)| name.to_string()).collect(),
            links: lab.links.clone(),
            clock: clock.into(),
            seed: lab.seed,
            session: crate::convert::session_name(lab.session),
            time_ns: now.as_nanos(),
            speed,
            record_bytes,
        })
    }

    // ---- attached stacks

    /// Makes a stack on a real link.
    pub(crate) async fn attach(
        self: &Arc<Self>,
        access: &Arc<Access>,
        caller: &Caller,
        plan: AttachPlan,
        session: SessionId,
    ) -> Result<At<pb::Stack>, Status> {
        allowed::attach(caller.grants(), &plan)?;
        let place = self.begin_opening(caller, owner_of(session))?;
        let record = self.room_for(plan.record_bytes)?;
        let config = plan.config(&self.config, self.origin, Arc::clone(access));
        let ids = self.ids.clone();
        // It may take the second in which others object to its addresses.
        // Whoever does not wait for it has its place until it is over.
        let opening = tokio::task::spawn_blocking(move || (Attached::open(config, ids), place));
        let opened = opening.await.map_err(|_| no_thread(&std::io::ErrorKind::Other.into()));
        let (opened, place) = opened?;
        let attached = opened.map_err(|error| attach::refused(&error))?;
        let description = Description { recorded_at_most: plan.record_bytes as usize, ..attached.describe() };
        let link = LinkKind { name: plan.link(), interface: attached.interface().map(Arc::from) };
        let name = {
            let mut registry = self.registry();
            place.settle(&mut registry);
            let name = registry.attached_name(&plan.name, owner_of(session))?;
            let account = self.ledger.open(Some(name.unique().into()));
            let ending = self.ending(account, {
                let name = name.clone();
                move |registry| registry.remove_attached(&name)
            });
            let room = self.config.limits.commands_queued;
            let thread = stack::spawn_attached(attached, name.clone(), self.ears(), room, ending)
                .map_err(|error| self.no_thread(account, &error))?;
            record.into_iter().for_each(|room| thread.record_first(room));
            let entry = AttachedEntry { thread, account, session, link: link.clone() };
            registry.add_attached(name.clone(), entry);
            name
        };
        tracing::info!(stack = &*name, "stack attached");
        let stacks = self.stacks_of(&[(ONLY, name)], &link, session, &description);
        let stack = stacks.into_iter().next().map(|(_, stack)| stack);
        Ok(At { value: stack.unwrap_or_default(), at: self.hub.position() })
    }

    /// Removes an attached stack; its connections are reset.
    pub(crate) async fn detach(&self, caller: &Caller, name: &str) -> Result<Position, Status> {
        let (_, thread) = self.registry().attached_to_drive(caller, name)?;
        thread.stop(Stop::Reset).await.map_err(|_| no_such_stack(name))
    }

    /// Up to `limit` stacks that a caller sees, whose names come after `after`.
    pub(crate) async fn list_stacks(
        &self,
        caller: &Caller,
        after: Option<Name>,
        limit: usize,
    ) -> Vec<(Name, pb::Stack)> {
        let hosts = self.registry().hosts();
        let may_use = |name: &Name| name.owner() == IdentityId::SERVER && caller.grants().may_use_stack(name);
        let wanted = |name: &Name| {
            after.as_ref().is_none_or(|after| name > after) && (caller.sees(name.owner()) || may_use(name))
        };
        let mut stacks = Vec::new();
        for host in hosts {
            if !host.stacks.iter().any(|(_, name)| wanted(name)) {
                continue;
            }
            if let Ok(description) = host.thread.describe().await {
                let told = self.stacks_of(&host.stacks, &host.link, host.session, &description.value);
                stacks.extend(told.into_iter().filter(|(name, _)| wanted(name)));
            }
        }
        stacks.sort_by(|(a, _), (b, _)| a.cmp(b));
        stacks.truncate(limit);
        for (_, stack) in stacks.iter_mut().filter(|(name, _)| !caller.sees(name.owner())) {
            of_others_too(stack);
        }
        stacks
    }

    fn stacks_of(
        &self,
        names: &[(sockwright_sim::StackId, Name)],
        link: &LinkKind,
        session: SessionId,
        description: &Description,
    ) -> Vec<(Name, pb::Stack)> {
        let told = |(stack, name): &(_, Name)| {
            let stack = description.stacks.iter().find(|described| described.stack == *stack)?;
            let addresses = stack.interfaces.iter().flat_map(|interface| &interface.addresses);
            let engine = stack.counters.limits_hit.iter().map(|(limit, hit)| (limit.name(), *hit));
            let own = description.limits_hit.iter().map(|(limit, hit)| (*limit, *hit));
            let shown = pb::Stack {
                name: name.to_string(),
                addresses: addresses.map(|(address, prefix)| format!("{address}/{prefix}")).collect(),
                link: link.name.to_owned(),
                mtu: stack.interfaces.iter().map(|interface| interface.mtu as u32).max().unwrap_or(0),
                session: crate::convert::session_name(session),
                time_ns: description.now.as_nanos(),
                sockets: stack.sockets as u32,
                limits_hit: engine.chain(own).map(|(limit, hit)| (limit.to_owned(), hit)).collect(),
                drops: stack
                    .counters
                    .drops
                    .iter()
                    .map(|(reason, count)| (reason.name().to_owned(), *count))
                    .collect(),
                retransmissions: crate::convert::retransmissions_by_name(&stack.counters.retransmissions)
                    .map(|(reason, count)| (reason.to_owned(), count))
                    .collect(),
                frames_lost: stack
                    .frames_lost
                    .iter()
                    .map(|(what, count)| ((*what).to_owned(), *count))
                    .collect(),
                routes: stack.routes.iter().map(route_to_proto).collect(),
                macs: stack.interfaces.iter().filter_map(mac).collect(),
                interface: link.interface.as_deref().unwrap_or_default().to_owned(),
                counters: Some(crate::convert::counters_to_proto(&stack.counters)),
                record_bytes: description.recorded_at_most as u64,
            };
            Some((name.clone(), shown))
        };
        names.iter().filter_map(told).collect()
    }

    /// The stacks of a session and those that come; of no session, only that some came.
    pub(crate) fn follow(&self, session: Option<SessionId>) -> Arc<Places> {
        self.registry().follow(session)
    }

    /// Labs and stacks of which `wanted` names a stack, as they are.
    pub(crate) async fn survey(&self, wanted: impl Fn(&Name) -> bool) -> Survey {
        let mut hosts = self.registry().hosts();
        hosts.retain(|host| host.stacks.iter().any(|(_, name)| wanted(name)));
        let mut survey = Survey::default();
        for host in hosts {
            // One that goes meanwhile is not there any more.
            let Ok(description) = host.thread.describe().await else { continue };
            let description = description.value;
            let lab = host.stacks.first().and_then(|(_, name)| name.lab());
            if let Some(lab) = lab {
                let recorded = description.recorded_at_most as u64;
                survey.labs.extend(self.lab_to_proto(&lab, description.now, recorded));
            }
            let stacks = self.stacks_of(&host.stacks, &host.link, host.session, &description);
            let interfaces = description.stacks.into_iter().map(|stack| stack.interfaces);
            survey.stacks.extend(stacks.into_iter().map(|(_, stack)| stack).zip(interfaces));
        }
        survey
    }

    // ---- sessions and the end

    /// Treats everything that a session owns. How many sockets there were, and where it took effect; and the attached stacks that
    /// end with it.
    pub(crate) async fn end_session(&self, session: SessionId, policy: Policy) -> (At<u32>, Vec<Name>) {
        let hosts = self.registry().hosts();
        let mut treated = At { value: 0, at: self.hub.position() };
        let mut later = |at: Position| {
            if at.seq > treated.at.seq {
                treated.at = at
            }
        };
        let (mut sockets, mut detached) = (0, Vec::new());
        for host in &hosts {
            if let Ok(answer) = host.thread.end_session(session, policy).await {
                sockets += answer.value;
                later(answer.at);
            }
        }
        for host in hosts.iter().filter(|host| host.session == session) {
            let stop = match (policy, host.link.name) {
                (Policy::Keep, _) => None,
                // The kernel would answer the peers once the ports are its own again.
                (Policy::Vanish, "raw_ip") => None,
                (Policy::Fin, _) => Some(Stop::WhenClosed),
                (Policy::Vanish, _) | (Policy::Reset, VIRTUAL) => Some(Stop::Silently),
                (Policy::Reset, _) => Some(Stop::Reset),
            };
            self.registry().disown(host);
            if stop.is_some() && host.link.name != VIRTUAL {
                detached.extend(host.stacks.iter().map(|(_, name)| name.clone()));
            }
            if let Some(how) = stop
                && let Ok(at) = host.thread.stop(how).await
            {
                later(at);
            }
        }
        treated.value = sockets;
        (treated, detached)
    }

    /// Whether any session, there or ended, has a connection with a peer out there that is not over, TIME-WAIT aside.
    pub(crate) fn has_peers(&self) -> bool {
        let names: HashSet<Name> = self.registry().attached_names();
        self.hub.has_connections_of_sessions(|stack| names.contains(stack))
    }

    /// Ends all threads; attached stacks reset their connections and give their ports back.
    pub(crate) async fn shut_down(&self) {
        self.captures.shut_down();
        let hosts = self.registry().hosts();
        for host in hosts {
            let how = if host.link.name == VIRTUAL { Stop::Silently } else { Stop::Reset };
            // One that is gone already is what we want.
            _ = host.thread.stop(how).await;
        }
    }

    // ---- captures

    /// Has a lab or an attached stack keep so much of its recent past; 0 is nothing.
    pub(crate) async fn record(
        &self,
        caller: &Caller,
        what: Recorded,
        octets: u64,
    ) -> Result<Position, Status> {
        let (_, thread) = match &what {
            Recorded::Lab(name) => self.registry().lab_to_drive(caller, name),
            Recorded::Stack(name) => self.registry().attached_to_drive(caller, name),
        }?;
        let room = self.room_for(octets)?;
        thread.record(room).await.map_err(|_| match &what {
            Recorded::Lab(name) => no_such_lab(name),
            Recorded::Stack(name) => no_such_stack(name),
        })
    }

    /// Begins a capture. Where the recent past is asked for, it is there already when this returns.
    pub(crate) async fn capture(
        &self,
        caller: &Caller,
        selection: Selection,
        stacks: &[String],
        queue_octets: usize,
    ) -> Result<CaptureStream, Status> {
        let (since, follows) = (selection.since(), selection.follows());
        let (stream, hosts) = {
            // Held until it has begun: none of the stacks goes before its end is waited for.
            let registry = self.registry();
            let lab = selection.link().map(|link| registry.lab_seen(caller, &link.lab)).transpose()?;
            // Who does not see a lab but may use its stacks sees of its links what is his own.
            let selection = lab.into_iter().fold(selection.seen_by(caller.sight()), Selection::in_lab);
            let named: Vec<Name> = match selection.link() {
                Some(link) => registry.stacks_of_link(link)?,
                None => {
                    stacks.iter().map(|name| registry.stack_seen(caller, name)).collect::<Result<_, _>>()?
                }
            };
            let mut hosts = registry.hosts();
            hosts.retain(|host| {
                host.stacks.iter().any(|(_, name)| caller.sees(name.owner()) || named.contains(name))
            });
            if !named.is_empty() {
                hosts.retain(|host| host.stacks.iter().any(|(_, name)| named.contains(name)));
            }
            let named = Some(named).filter(|named| !named.is_empty());
            (self.captures.begin(selection, named, queue_octets, Some(caller))?, hosts)
        };
        if since.is_some() {
            let mut recorded = false;
            for host in hosts {
                // Before it answers, a thread gives the capture what it kept. One that is gone kept nothing.
                let description = host.thread.describe().await;
                recorded |= description.is_ok_and(|description| description.value.recorded_at_most > 0);
            }
            if !recorded {
                return Err(Status::failed_precondition(
                    "none of the stacks keeps its recent packets: `Record`",
                ));
            }
        }
        if !follows {
            stream.end();
        }
        Ok(stream)
    }

    /// Begins the capture of a trace.
    pub(crate) fn capture_of_trace(&self, selection: Selection) -> Result<CaptureStream, Status> {
        self.captures.begin(selection, None, 0, None)
    }

    // ---- inside

    fn room_for(&self, record_bytes: u64) -> Result<Option<Room>, Status> {
        (record_bytes > 0).then(|| self.captures.room(record_bytes)).transpose()
    }

    fn ears(&self) -> Ears {
        Ears { hub: Arc::clone(&self.hub), captures: Arc::clone(&self.captures) }
    }

    /// The thread that was to have the account does not begin.
    fn no_thread(&self, account: AccountId, error: &std::io::Error) -> Status {
        self.ledger.close(account, &Totals::default());
        no_thread(error)
    }

    /// What a thread does when it has ended: its account is closed, its stacks leave the registry, then the hub.
    fn ending(
        self: &Arc<Self>,
        account: AccountId,
        remove: impl FnOnce(&mut Registry) -> Vec<Name> + Send + 'static,
    ) -> Ending {
        let networks = Arc::downgrade(self);
        let ledger = Arc::clone(&self.ledger);
        let Ears { hub, captures } = self.ears();
        Box::new(move |at, totals| {
            ledger.close(account, totals);
            let names = match networks.upgrade() {
                Some(networks) => {
                    let mut registry = networks.registry();
                    let names = remove(&mut registry);
                    for name in &names {
                        registry.remember_gone(hub.sockets_on(name, networks.config.limits.gone_sockets));
                    }
                    names
                }
                None => Vec::new(),
            };
            names.iter().for_each(|name| captures.stack_gone(name));
            names.iter().fold(hub.position(), |_, name| hub.remove_stack(name, at))
        })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Every change of it is whole before anything can panic.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn route_to_proto(route: &Route) -> pb::Route {
    let Route { destination, prefix, gateway, link: _ } = route;
    pb::Route {
        destination: format!("{destination}/{prefix}"),
        gateway: gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
    }
}

fn mac(interface: &Interface) -> Option<String> {
    match interface.medium {
        Medium::Ip => None,
        Medium::Ethernet(ethernet) => Some(ethernet.mac.to_string()),
    }
}

/// Threads do not outlive the server that they belong to.
impl Drop for Networks {
    fn drop(&mut self) {
        for host in self.registry().hosts() {
            host.thread.let_go();
        }
    }
}

/// Takes out of a stack that others use as well what it tells of them, and whose it is.
fn of_others_too(stack: &mut pb::Stack) {
    let pb::Stack { name, addresses, link, mtu, time_ns, routes, macs, interface, .. } =
        std::mem::take(stack);
    *stack = pb::Stack { name, addresses, link, mtu, time_ns, routes, macs, interface, ..Default::default() };
}

fn no_such_lab(name: &str) -> Status {
    status_saying(Errno::ENOENT, format!("there is no lab {name:?}"), None)
}

fn no_such_stack(name: &str) -> Status {
    status_saying(Errno::ENOENT, format!("there is no attached stack {name:?}"), None)
}

fn no_thread(error: &std::io::Error) -> Status {
    tracing::error!(%error, "no thread for a stack");
    status_saying(Errno::ENOBUFS, "the host has no thread left for the stack", None)
}

/// Where a socket lives.
pub(crate) struct Lives {
    /// The stack.
    pub(crate) name: Name,
    /// Its thread.
    pub(crate) stack: StackHandle,
    /// The session that the socket belongs to.
    pub(crate) session: SessionId,
}

/// The thread that a list of stacks comes from.
pub(crate) struct Host {
    pub(crate) thread: ThreadHandle,
    pub(crate) stacks: Vec<(sockwright_sim::StackId, Name)>,
    pub(crate) link: LinkKind,
    pub(crate) session: SessionId,
}

/// What links stacks are on.
#[derive(Clone)]
pub(crate) struct LinkKind {
    /// As the contract names it.
    name: &'static str,
    /// The interface of the host.
    interface: Option<Arc<str>>,
}

/// The kind of the links of labs.
const VIRTUAL: &str = "virtual";
