//! The start of an engine's thread, for each kind of site.

use std::collections::BTreeMap;
use std::thread;

use sockwright_sim::StackId;

use super::{Ears, Ending, Name, Thread};
use crate::stack::attached::{self, Attached};
use crate::stack::handle::{Inbox, ThreadHandle, Waker, queues};
use crate::stack::lab::Lab;
use crate::stack::site::Site;

/// Starts the thread of a lab.
pub(crate) fn spawn_lab(
    lab: Lab,
    names: BTreeMap<StackId, Name>,
    ears: Ears,
    room: usize,
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    spawn_site(lab, names, ears, room, ending)
}

/// Starts the thread of any site that sleeps by parking.
pub(crate) fn spawn_site(
    site: impl Site + Send + 'static,
    names: BTreeMap<StackId, Name>,
    ears: Ears,
    room: usize,
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    let waker = Waker::Park(std::sync::OnceLock::new());
    spawn(site, names, ears, queues(room, waker), ending)
}

/// Starts the thread of an attached stack.
pub(crate) fn spawn_attached(
    attached: Attached,
    name: Name,
    ears: Ears,
    room: usize,
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    let waker = Waker::Poll(attached.waker()?);
    let names = BTreeMap::from([(attached::ONLY, name)]);
    spawn(attached, names, ears, queues(room, waker), ending)
}

fn spawn(
    site: impl Site + Send + 'static,
    names: BTreeMap<StackId, Name>,
    ears: Ears,
    (handle, inbox): (ThreadHandle, Inbox),
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    let urgent = handle.urgent();
    let first = names.values().next().map_or("engine", |name| name.split('/').next().unwrap_or(name));
    thread::Builder::new().name(format!("stack {first}")).spawn(move || {
        inbox.wake().is_this_thread();
        Thread::new(site, names, ears, inbox, urgent).run_to_the_end(ending);
    })?;
    Ok(handle)
}
