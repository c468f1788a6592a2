//! A server as a process of its own, where a host of a rig is: one that can be confined, asked to end, and killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use super::Rig;
use crate::net::Host;

/// A server that serves. Whatever a test finds, it does not stay.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// Where it may write.
    pub(crate) temporary: TempDir,
    /// What is printed later has somebody to go to.
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts one where the host is.
    pub(crate) fn start(host: &Host, arguments: &[&str]) -> Process {
        let temporary = tempfile::tempdir().expect("a directory");
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o777)).expect("set");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockwrightd"));
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        // The namespaces lead nowhere.
        command.args(["--allow", "0.0.0.0/0", "--allow", "::/0"]).args(arguments);
        // What it leaves there is seen.
        command.env("TMPDIR", temporary.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = host.run(|| command.spawn()).expect("started");
        let mut stdout = BufReader::new(child.stdout.take().expect("an output"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("read");
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            panic!("it does not serve: {:?}", child.wait());
        };
        Process { url: format!("http://{address}"), temporary, child, _stdout: stdout }
    }

    /// A client of it.
    pub(crate) async fn rig(&self, ours: &Host, theirs: &Host) -> Rig {
        Rig::of(self.url.clone(), ours, theirs).await
    }

    /// Where the kernel tells of it.
    pub(crate) fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }

    /// A line of `/proc/PID/status` of each of its threads.
    pub(crate) fn status(&self, field: &str) -> Vec<String> {
        let threads = fs::read_dir(self.proc("task")).expect("it is there");
        let texts = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
        let value = |text: String| {
            let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("no {field}: {text}")).trim().to_owned()
        };
        texts.map(value).collect()
    }

    /// Sends it a signal, as in `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("`kill` runs").success());
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("it ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
