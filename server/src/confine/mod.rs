//! What the server may do to the machine that it runs on, once it has begun: as little as it can serve with.
//!
//! Owns the order in which a process gives its rights away, before it has a second thread: capabilities, the user, the way
//! back (no new privileges), files and connections (Landlock), system calls (seccomp). What is given away stays away, for
//! every thread that comes. Knows no service and no link; the command line says what is to be left.
//!
//! ```text
//! root, every capability  --user sockwright-->  CapPrm CapEff CapBnd: net_raw; NoNewPrivs: 1; Seccomp: 2; Landlock
//! ```
//!
//! A program that is run by the server (`sockwrightd -- PROGRAM`) would be confined with it, since all of this is inherited.
//! So it is either, and [`Mode::Auto`] leaves such a server as it is.

mod calls;
pub(crate) mod capabilities;
mod files;
mod user;

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;

pub use capabilities::Keep;
pub use user::User;

/// Whether a server is confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// As far as the machine allows; what it does not allow is told. Where the kernel lets nobody guard a port without
    /// CAP_NET_ADMIN, that is kept.
    #[default]
    Auto,
    /// Wholly, or it does not start.
    On,
    /// Not at all.
    Off,
}

/// What is to be left to a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Confinement {
    /// Who it is to be, where it was started as root.
    pub(crate) user: Option<User>,
    /// Capabilities that it keeps besides `CAP_NET_RAW`.
    pub(crate) keep: Vec<Keep>,
    /// It is root in a user namespace of its own, which is an ordinary user elsewhere.
    pub(crate) isolated: bool,
    /// It sends spans to a collector, by connections of the kernel's and names that are looked up.
    pub(crate) calls_out: bool,
    /// Files that it reads again while it serves.
    pub(crate) reads: Vec<PathBuf>,
    /// Files that it makes, writes or removes while it serves.
    pub(crate) writes: Vec<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confined {
    /// What holds now.
    done: Vec<String>,
    /// What does not, and how to mend it.
    missing: Vec<String>,
}

impl Confinement {
    /// Confines the calling process, which has no second thread.
    ///
    /// With [`Mode::On`] it fails where anything is missing; what was given away by then is lost all the same.
    pub(crate) fn begin(&self, mode: Mode) -> Result<Confined, String> {
        let mut confined = Confined::default();
        if mode == Mode::Off {
            confined.missing.push("nothing is confined, as asked for".to_owned());
            return Ok(confined);
        }
        let mut keep = self.keep.clone();
        if mode == Mode::Auto && capabilities::guards_need_net_admin() {
            keep.push(Keep::NetAdmin);
        }
        if let Some(user) = self.user {
            self.writes.iter().for_each(|path| user.own(path));
        }
        // A user that is asked for and cannot be had is no matter of taste.
        capabilities::keep_alone(&keep, self.user.as_ref(), self.isolated, &mut confined)?;
        files::restrict(self, &mut confined);
        calls::restrict(&mut confined);
        match mode {
            Mode::On if !confined.missing.is_empty() => {
                Err(format!("not confined: {}", confined.missing.join("; ")))
            }
            _ => Ok(confined),
        }
    }
}

impl Confined {
    /// Writes it to the log.
    pub(crate) fn tell(&self) {
        tracing::info!("{self}");
    }
}

/// `confined: capabilities net_raw; no new privileges; 98 system calls; not: it runs as root (--user NAME)`.
impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "confined: {}", self.done.join("; "))?;
        match self.missing.is_empty() {
            true => Ok(()),
            false => write!(f, "; not: {}", self.missing.join("; ")),
        }
    }
}
