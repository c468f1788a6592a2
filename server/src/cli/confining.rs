//! What of its rights a server is told to keep.

use std::path::PathBuf;

use clap::Args;

use crate::confine::{Confined, Confinement, Keep, Mode, User};

/// The flags of it.
#[derive(Clone, Debug, Default, Args)]
pub struct Confining {
    /// Whether to give away what a server does not need, before it serves anybody: every capability but CAP_NET_RAW and
    /// those of --keep, new privileges, most system calls, files and connections of the kernel's. `auto` does what the
    /// machine allows and logs the rest; `on` refuses to start without any of it. A PROGRAM is never confined, nor its server.
    #[arg(long, value_name = "WHETHER", default_value = "auto")]
    pub confine: Mode,
    /// A capability to keep besides CAP_NET_RAW. More than once for more. --attach tun and tap keep net-admin by themselves,
    /// --isolated keeps both, which are good for its own network alone.
    #[arg(long, value_name = "CAPABILITY")]
    pub keep: Vec<Keep>,
    /// Who to be once it listens, where it is started as root: a name, UID or UID:GID.
    #[arg(long, value_name = "USER")]
    pub user: Option<User>,
}

/// What the server is going to do, which says what it cannot do without.
pub(super) struct Serving {
    /// It is in namespaces of its own.
    pub(super) isolated: bool,
    /// It begins with a TUN or TAP interface.
    pub(super) interfaces: bool,
    /// It runs a program.
    pub(super) program: bool,
    /// What it reads again when it is told to.
    pub(super) reads: Vec<PathBuf>,
    /// What it writes or removes.
    pub(super) writes: Vec<PathBuf>,
}

impl Confining {
    /// Confines the process, which has no second thread.
    pub(super) fn begin(&self, serving: Serving) -> Result<Confined, String> {
        let mode = match (serving.program, self.confine) {
            (false, mode) => mode,
            (true, Mode::On) => {
                return Err("--confine on would confine the program with its server".to_owned());
            }
            (true, _) => Mode::Off,
        };
        if self.user.is_some() && mode == Mode::Off {
            return Err("--user is a part of --confine, which is off".to_owned());
        }
        let mut keep = self.keep.clone();
        if serving.isolated || serving.interfaces {
            keep.push(Keep::NetAdmin);
        }
        if serving.isolated {
            keep.push(Keep::NetBindService);
        }
        let confinement = Confinement {
            user: self.user,
            keep,
            isolated: serving.isolated,
            calls_out: crate::telemetry::is_asked_for(),
            reads: serving.reads,
            writes: serving.writes,
        };
        confinement.begin(mode)
    }
}
