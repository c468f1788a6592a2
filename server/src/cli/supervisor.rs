//! Who started the server and wants to know how it is: systemd, by `sd_notify`.
//!
//! ```text
//! NOTIFY_SOCKET=/run/systemd/notify   ->  READY=1 ... STOPPING=1
//! ```

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Hears of the server, if there is one.
pub(super) struct Supervisor(Option<UnixDatagram>);

impl Supervisor {
    /// The one that the environment names. To be found before the process gives its rights away.
    pub(super) fn find() -> Supervisor {
        let connected = env::var_os("NOTIFY_SOCKET").and_then(|name| {
            let address = match name.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                _ => SocketAddr::from_pathname(&name),
            };
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect_addr(&address.ok()?).ok()?;
            Some(socket)
        });
        Supervisor(connected)
    }

    /// It serves.
    pub(super) fn ready(&self) {
        self.tell("READY=1");
    }

    /// It ends.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.0
            && let Err(error) = socket.send(what.as_bytes())
        {
            tracing::warn!(%error, what, "the supervisor was not told");
        }
    }
}
