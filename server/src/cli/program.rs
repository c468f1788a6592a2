//! A program that runs while the server serves, and with whose end the server ends.

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::listen::Listener;

/// A program that was started.
pub(super) struct Program {
    child: Child,
}

impl Program {
    /// Starts it where this process is, telling it where it comes in to the server, as `sockwright` wants to know it.
    pub(super) fn start(command: &[OsString], door: &Listener) -> io::Result<Program> {
        let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
        let server = match door.ip_address() {
            None => door.address()?.to_string(),
            Some(server) => {
                let here: IpAddr = match server.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                    ip => ip,
                };
                format!("http://{}", SocketAddr::new(here, server.port()))
            }
        };
        let child = Command::new(program).args(arguments).env("SOCKWRIGHT_SERVER", server).spawn()?;
        Ok(Program { child })
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id as i32));
        if let Some(id) = id {
            // It fails where the program has ended by itself.
            _ = kill_process(id, Signal::TERM);
        }
    }

    /// Ends it.
    pub(super) fn kill(&mut self) {
        // It fails where the program has ended by itself.
        _ = self.child.start_kill();
    }
}

/// What a shell would make of how a program ended: its own code, or 128 and the number of the signal.
pub(super) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// And of how it did not begin.
pub(super) fn exit_code_of_none(error: &io::Error) -> ExitCode {
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_program_is_told_as_a_shell_tells_it() {
        // As `wait` gives it: the code in the second octet, a signal in the first.
        for (raw, code) in [(0, 0), (7 << 8, 7), (9, 137), (255 << 8, 255)] {
            let told = exit_code(ExitStatus::from_raw(raw));
            assert_eq!(format!("{told:?}"), format!("{:?}", ExitCode::from(code)));
        }
    }
}
