//! Running code in another network namespace.
//!
//! A socket belongs for life to the namespace of the thread that made it. So entering a namespace is the matter of
//! one short-lived thread: what it opens may be used anywhere afterwards.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use crate::error::LinkError;
use crate::sys;

/// Runs `work` on a thread of its own inside the network namespace `name`, and gives back its result.
///
/// `name` is a name as `ip netns` lists it, or a path such as `/proc/42/ns/net`. Sockets that `work` opens and
/// threads that it starts stay in the namespace; the caller's thread never enters it. A panic of `work` continues in
/// the caller.
pub fn run_in<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> Result<T, LinkError> {
    let namespace = File::open(path_of(name)).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LinkError::NoSuchNamespace(name.to_owned()),
        _ => LinkError::Io { what: "open the network namespace", source },
    })?;
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(format!("netns {}", name.replace('\0', "")));
        let inside = thread.spawn_scoped(scope, move || {
            sys::enter_network_namespace(&namespace)
                .map_err(LinkError::privileged("enter a network namespace", "CAP_SYS_ADMIN"))?;
            Ok(work())
        });
        let inside = inside.map_err(LinkError::io("start a thread for the network namespace"))?;
        inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn path_of(name: &str) -> PathBuf {
    // `join` with an absolute path is that path.
    Path::new("/var/run/netns").join(name)
}
