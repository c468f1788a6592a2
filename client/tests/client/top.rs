//! `sockwright top` as a process in a terminal: what a person sees, and how the terminal is left.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::common::{World, listener};
use crate::labs::{close, connection, lab};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

/// A terminal with `top` in it.
struct Terminal {
    child: Child,
    master: File,
    slave: OwnedFd,
    before: Termios,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Terminal {
    fn run(server: &str, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let slave =
            rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
        tcsetwinsize(&master, size(80, 24)).expect("a size");
        let before = tcgetattr(&slave).expect("its modes");
        let end = || Stdio::from(slave.try_clone().expect("cloned"));
        // In a session of its own, so that it hears of the terminal's size.
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_sockwright"), "--server", server, "top"]).args(arguments);
        command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("it runs");
        let master = File::from(master);
        let mut reader = master.try_clone().expect("cloned");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(octets @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..octets].to_vec()).is_err() {
                    break;
                }
            }
        });
        let (rows, columns) = nonzero(24, 80);
        Self { child, master, slave, before, output, screen: vt100::Parser::new(rows, columns, 0) }
    }

    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("pressed");
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        tcsetwinsize(&self.master, size(columns, rows)).expect("resized");
        let (rows, columns) = nonzero(rows, columns);
        self.screen.screen_mut().set_size(rows, columns);
    }

    /// Reads what is drawn until something is true of the screen.
    fn until(&mut self, is_true: impl Fn(&str) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_true(&self.screen.screen().contents()) {
            let left = until.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(octets) => self.screen.process(&octets),
                Err(_) => panic!("it does not come to that:\n{}", self.screen.screen().contents()),
            }
        }
    }

    fn until_it_says(&mut self, words: &str) {
        self.until(|screen| screen.contains(words));
    }

    /// Waits for its end, and sees that the terminal is as it was.
    fn ended(mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            while let Ok(octets) = self.output.try_recv() {
                self.screen.process(&octets);
            }
            std::thread::yield_now();
        };
        while self.screen.screen().alternate_screen() || self.screen.screen().hide_cursor() {
            let octets = self.output.recv_timeout(PATIENCE).expect("the terminal is given back");
            self.screen.process(&octets);
        }
        let after = tcgetattr(&self.slave).expect("its modes");
        assert!(after.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO));
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.input_modes, self.before.input_modes);
        assert_eq!(after.output_modes, self.before.output_modes);
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, unless a test failed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn nonzero(rows: u16, columns: u16) -> (NonZero<u16>, NonZero<u16>) {
    (NonZero::new(rows).expect("rows"), NonZero::new(columns).expect("columns"))
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_comes_and_goes_keys_are_answered_and_the_terminal_is_given_back() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let mut terminal = Terminal::run(&world.address.to_string(), &["--interval", "10ms"]);
    terminal.until_it_says("0 sockets");
    assert!(terminal.screen.screen().alternate_screen());
    let listener = listener(&client).await;
    let (opener, accepted) = connection(&client, listener).await;
    terminal.until_it_says("3 sockets  LISTEN 1  ESTABLISHED 2");
    terminal.press("?");
    terminal.until_it_says("the connection under the cursor");
    terminal.press("?");
    terminal.until_it_says("3 sockets");
    // The one that was opened stands second.
    terminal.press("j\r");
    terminal.until(|screen| screen.contains("RETRANSMIT") || screen.contains("Counters"));
    terminal.until_it_says(&format!("#{opener}  lab/a"));
    terminal.press("l");
    terminal.until_it_says("lab/b 10.0.0.2:80");
    terminal.resize(100, 30);
    terminal.until(|screen| screen.lines().nth(29).is_some_and(|foot| foot.starts_with("? help")));
    close(&client, opener).await;
    close(&client, accepted).await;
    terminal.until(|screen| screen.contains("FIN-WAIT-1") && screen.contains("CLOSED  released"));
    terminal.press("\x1b");
    terminal.until(|screen| screen.contains("1 socket  LISTEN 1"));
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_and_a_signal_give_the_terminal_back() {
    let world = World::start().await;
    let server = world.address.to_string();
    let mut terminal = Terminal::run(&server, &[]);
    terminal.until_it_says("0 sockets");
    terminal.press("\x03");
    assert_eq!(terminal.ended().code(), Some(0));
    for name in ["-TERM", "-HUP", "-INT"] {
        let mut terminal = Terminal::run(&server, &[]);
        terminal.until_it_says("0 sockets");
        let killed = Command::new("kill").args([name, &terminal.child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
        assert_eq!(terminal.ended().code(), Some(0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shown_is_told_without_taking_the_terminal() {
    let world = World::start().await;
    let server = world.address.to_string();
    let sockwright = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockwright"));
        let output = command.args(["--server", &server, "top"]).args(arguments).stdin(Stdio::null()).output();
        let output = output.expect("it ran");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, said) = sockwright(&[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(said.contains("standard output is no terminal: --once prints the table"), "{said}");
    assert_eq!(sockwright(&["--json"]).0, Some(2));

    let client = world.client().await;
    lab(&client).await;
    let listener = listener(&client).await;
    connection(&client, listener).await;
    let (code, out, said) = sockwright(&["--once", "--sort", "state", "--reverse"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let states: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(states, ["STATE", "ESTABLISHED", "ESTABLISHED", "LISTEN"], "{out}");

    // A filter that the server refuses ends it, with the reason and the terminal as it was.
    let mut terminal = Terminal::run(&server, &["--session", "nobody"]);
    terminal.until_it_says("EINVAL: filter.sessions");
    assert_eq!(terminal.ended().code(), Some(1));
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
