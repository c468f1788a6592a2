//! What the command line of `sockwrightd` says, and what comes of it.
//!
//! Owns the order in which a server begins: it listens where it was started, moves into namespaces of its own if it is to,
//! and only then has threads; it serves once its first stacks are there.

mod confining;
mod files;
mod program;
mod stacks;
mod supervisor;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand};
use sockwright_link::isolation;
use sockwright_proto::v1::attach_request::Link;
use sockwright_proto::v1::networks_server::Networks;
use sockwright_proto::v1::{AttachRequest, CreateLabRequest};
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tonic::Status;
use tracing_subscriber::EnvFilter;

pub use self::confining::Confining;
use self::confining::Serving;
use self::files::Files;
use self::program::Program;
use self::supervisor::Supervisor;
use crate::access::Allow;
use crate::access::identity::by_server;
use crate::access::{Credentials, address, tokens};
use crate::config::{AccessConfig, BUSY_POLL_MAX, Config, DRAIN_MAX, TlsFiles};
use crate::confine::{Confined, capabilities};
use crate::demo::{self, Ladder};
use crate::doctor::Doctor;
use crate::listen::{ListenAddress, Listener, UnixDoor};
use crate::server::Server;
use crate::telemetry::{LogFormat, Telemetry};

/// A gRPC server that owns TCP peers of its own.
#[derive(Clone, Debug, Parser)]
#[command(name = "sockwrightd", version, about, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Something to do in place of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where to listen: HOST:PORT, where port 0 takes any free one, or unix:/PATH[,mode=600]. More than once for more. Beyond
    /// loopback it needs --tls-cert and --tls-key, with --tls-client-ca or --tokens, or --insecure. [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<ListenAddress>,
    /// Speak TLS over TCP, with this certificate and those between it and a root, in PEM. It is read again when the file changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Know clients by their certificates, those that these authorities signed, in PEM. Without --tokens nobody comes in without
    /// one.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// Know clients by bearer tokens, whose digests are in this file: `sockwrightd token NAME` makes one. It is read again on
    /// SIGHUP.
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Listen wherever --listen says, though callers need not say who they are, or do so in the clear.
    #[arg(long)]
    pub insecure: bool,
    /// A name by which browsers may call the server on a loopback address, besides localhost and addresses: that of a proxy in
    /// front of it, for instance. More than once for more.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Run in a user and a network namespace of its own, where an ordinary user may have every link. It listens outside, and
    /// on loopback inside.
    #[arg(long)]
    pub isolated: bool,
    /// Begin with a stack on a real link: raw-ip, af-packet, tun or tap. More than once for more.
    ///
    /// Keys: name, address (once for each), interface; of af-packet and tap: mac, vlan, gateway, route=NETWORK=GATEWAY; of
    /// tun and tap: host (the host's addresses), mtu, no-offload.
    #[arg(long, value_name = "KIND[,KEY=VALUE...]", value_parser = stacks::attached)]
    pub attach: Vec<AttachRequest>,
    /// Begin with a lab, under a virtual clock. More than once for more.
    #[arg(long, value_name = "NAME=STACK,STACK...", value_parser = stacks::lab)]
    pub lab: Vec<CreateLabRequest>,
    /// Allow connections on real wires to peers in a prefix, and from them: 10.0.0.0/24:80,8000-8100, [fd00::/8]:443, all. The
    /// ports are those of the service, on whichever side it is. More than once for more. Without it nothing is reached there;
    /// labs are free, and with --isolated all is allowed.
    #[arg(long, value_name = "PREFIX[:PORTS]", conflicts_with = "policy")]
    pub allow: Vec<Allow>,
    /// The file that says what callers may do: docs/policy.md.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Write a line of JSON for each call that touches a real wire, and for each that is denied, to a file or to the standard
    /// output (-).
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// How long the thread of a stack on a real link looks for packets before it sleeps, in microseconds: 20 to 100 spare a
    /// peer on another core the wait for the thread to wake, and cost a processor for as long each time. `Networks.Attach`
    /// can say it for one stack.
    #[arg(long, value_name = "MICROSECONDS", default_value = "0", value_parser = busy_poll)]
    pub busy_poll: Duration,
    /// What it may do to the machine.
    #[command(flatten)]
    pub confining: Confining,
    /// How long it may take to end when it is asked to: sessions end by their policies, and peers close their ends. A PROGRAM that
    /// is still there when half of it is over is killed. A second signal ends all at once.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = drain)]
    pub drain: Duration,
    /// Play the life of a connection in a lab called `demo`, print it as a ladder, and then serve.
    #[arg(long)]
    pub demo: bool,
    /// With --demo: exit after it. It listens only where --listen says so.
    #[arg(long, requires = "demo", conflicts_with = "program")]
    pub exit: bool,
    /// Log more to stderr; twice for everything.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// What to log, in the words of RUST_LOG, which says it where this does not: `info,sockwright_server::rpc=debug`.
    #[arg(long, value_name = "FILTER", conflicts_with = "verbose", value_parser = log_filter)]
    pub log: Option<String>,
    /// How to write log lines.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// A program to run while serving, with SOCKWRIGHT_SERVER in its environment. The server ends with it, as it does.
    #[arg(last = true, value_name = "PROGRAM")]
    pub program: Vec<OsString>,
}

/// What there is to do besides serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Say what this machine allows a server, and how to mend what it does not. Ends with 1 where real wires are not to be had.
    Doctor(Doctor),
    /// Make a bearer token: it is printed once, on the first line; the lines after it are for the file of --tokens.
    Token {
        /// Whose it is: its identity is token:NAME.
        name: String,
        /// A role that it gives. More than once for more.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Command::Doctor(doctor) => doctor.run(),
            Command::Token { name, roles } => match tokens::make(&name, &roles) {
                Ok((token, lines)) => {
                    print(&format!("{token}\n{lines}"));
                    ExitCode::SUCCESS
                }
                Err(problem) => fail(&problem),
            },
        }
    }
}

impl Cli {
    /// Does what the command line says: its command, or to serve until SIGINT or SIGTERM, or until its program has ended.
    pub fn run(self) -> ExitCode {
        capabilities::raise();
        let files = Files::raise();
        if let Some(command) = self.command {
            return command.run();
        }
        let (listeners, without_ipv6) = match self.listeners() {
            Ok(listening) => listening,
            Err(problem) => return fail(&problem),
        };
        let supervisor = Supervisor::find();
        // Threads have what the one that starts them has: there is only one yet.
        let confined = match self.confined() {
            Ok(confined) => confined,
            Err(problem) => return fail(&problem),
        };
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("no threads to run on: {error}")),
        };
        let telemetry = {
            let _on_runtime = runtime.enter();
            Telemetry::begin(self.log_format, self.filter())
        };
        let telemetry = match telemetry {
            Ok(telemetry) => telemetry,
            Err(problem) => return fail(&problem),
        };
        confined.tell();
        if without_ipv6 {
            tracing::debug!("IPv6 is off here: the interface {} has no address of it", isolation::HOST);
        }
        let code = runtime.block_on(self.serve(listeners, telemetry.collects_spans(), &supervisor, &files));
        drop(telemetry);
        // Whatever is still under way after draining is not waited for.
        runtime.shutdown_background();
        code
    }

    /// What is listened on: where the process was started, and where it is by now if that is elsewhere. And whether it
    /// is so without IPv6.
    fn listeners(&self) -> Result<(Vec<Listener>, bool), String> {
        let access = self.access();
        let outside = self.doors().iter().map(|at| open(at, &access)).collect::<Result<Vec<_>, _>>()?;
        if !self.isolated {
            return Ok((outside, false));
        }
        let given = isolation::isolate().map_err(|error| error.to_string())?;
        let mut listeners = outside;
        let there: Vec<SocketAddr> = listeners.iter().filter_map(Listener::ip_address).collect();
        for mut inside in there {
            if !inside.ip().is_loopback() && !inside.ip().is_unspecified() {
                // Outside it is an address of the host, which nobody has in here.
                inside = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), inside.port());
            }
            listeners.push(open(&ListenAddress::Tcp(inside.to_string()), &access)?);
        }
        Ok((listeners, !given.iter().any(IpAddr::is_ipv6)))
    }

    /// Where to listen.
    fn doors(&self) -> Vec<ListenAddress> {
        match self.listen.is_empty() {
            // Nobody would have the time to come.
            true if self.exit => Vec::new(),
            true => vec![ListenAddress::Tcp(LISTEN.to_owned())],
            false => self.listen.clone(),
        }
    }

    /// Gives away what is not needed from here on.
    fn confined(&self) -> Result<Confined, String> {
        let has_interfaces =
            |request: &AttachRequest| matches!(request.link, Some(Link::Tun(_) | Link::Tap(_)));
        let access = self.access();
        // A socket of the file system goes with its server.
        let doors = self.doors().into_iter().filter_map(|door| match door {
            ListenAddress::Unix { path, .. } => Some(path),
            ListenAddress::Tcp(_) => None,
        });
        let serving = Serving {
            isolated: self.isolated,
            interfaces: self.attach.iter().any(has_interfaces),
            program: !self.program.is_empty(),
            reads: access
                .tls
                .iter()
                .flat_map(TlsFiles::all)
                .map(Path::to_owned)
                .chain(access.tokens)
                .chain(self.policy.clone())
                .collect(),
            writes: doors.chain(self.audit.clone().filter(|to| to.as_os_str() != "-")).collect(),
        };
        self.confining.begin(serving)
    }

    /// A door of its own for the program, where it would have to prove who it is at the others: the kernel says it here.
    fn private_door(&self) -> Result<Option<(Listener, TempDir)>, String> {
        let access = self.access();
        if self.program.is_empty() || !(access.asks() || access.tls.is_some()) {
            return Ok(None);
        }
        let room =
            tempfile::Builder::new().prefix("sockwrightd.").tempdir().map_err(|error| error.to_string())?;
        let at = ListenAddress::Unix { path: room.path().join("door"), mode: 0o600 };
        Ok(Some((open(&at, &access)?, room)))
    }

    /// Who may call.
    fn access(&self) -> AccessConfig {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        let tls = tls.map(|(cert, key)| TlsFiles { cert, key, client_ca: self.tls_client_ca.clone() });
        AccessConfig { tls, tokens: self.tokens.clone(), insecure: self.insecure, ..AccessConfig::default() }
    }

    async fn serve(
        self,
        listeners: Vec<Listener>,
        spans: bool,
        supervisor: &Supervisor,
        files: &Files,
    ) -> ExitCode {
        let (mut signals, hangups) =
            match Signals::new().and_then(|them| Ok((them, signal(SignalKind::hangup())?))) {
                Ok(signals) => signals,
                Err(error) => return fail(&format!("signals cannot be handled: {error}")),
            };
        let (private, _room) = match self.private_door() {
            Ok(door) => door.unzip(),
            Err(problem) => return fail(&problem),
        };
        let listeners = listeners.into_iter().chain(private).collect();
        // Its first stacks take a while.
        let server = tokio::select! {
            made = self.server(listeners, spans) => match made {
                Ok(server) => server,
                Err(problem) => return fail(&problem),
            },
            () = signals.any() => return ExitCode::from(INTERRUPTED as u8),
        };
        if self.exit {
            return ExitCode::SUCCESS;
        }
        let mut program = None;
        if self.program.is_empty() {
            print(&self.ready(&server));
        } else {
            let started =
                server.last_door().map(|door| files.as_before(|| Program::start(&self.program, door)));
            match started.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into())) {
                Ok(started) => program = Some(started),
                Err(error) => {
                    fail(&format!("cannot run {}: {error}", self.program[0].display()));
                    return program::exit_code_of_none(&error);
                }
            }
        }
        supervisor.ready();
        let mut code = ExitCode::SUCCESS;
        let access = server.access().clone();
        let drain = self.drain;
        let stop = async {
            let within = tokio::select! {
                () = reload_on_hangup(hangups, access) => drain,
                within = async {
                    match &mut program {
                        None => {
                            signals.any().await;
                            drain
                        }
                        Some(program) => {
                            let within;
                            (code, within) = attend(program, &mut signals, drain).await;
                            within
                        }
                    }
                } => within,
            };
            supervisor.stopping();
            tokio::spawn(async move {
                signals.any().await;
                std::process::exit(INTERRUPTED);
            });
            within
        };
        match server.serve_and_take(stop).await {
            Ok(()) => code,
            Err(error) => fail(&format!("serving failed: {error}")),
        }
    }

    /// A server that has what it is to begin with.
    async fn server(&self, listeners: Vec<Listener>, spans: bool) -> Result<Server, String> {
        let mut allow = self.allow.clone();
        // Its wires are its own, and lead nowhere.
        allow.extend(self.isolated.then(Allow::everything));
        let config = Config {
            busy_poll: self.busy_poll,
            drain: Some(self.drain),
            hosts: self.host.clone(),
            access: self.access(),
            allow,
            policy: self.policy.clone(),
            audit: self.audit.clone(),
            spans,
            ..Config::default()
        };
        let server = Server::on(listeners, config).map_err(|error| error.to_string())?;
        self.begin(&server).await.map_err(|status| status.message().to_owned())?;
        if self.demo {
            let played = demo::play(&server).await;
            let story = played.map_err(|status| format!("the demo failed: {}", status.message()))?;
            print(&Ladder::of(&story).to_text(io::stdout().is_terminal()));
        }
        Ok(server)
    }

    /// Makes the labs and the stacks that the server is to begin with.
    async fn begin(&self, server: &Server) -> Result<(), Status> {
        let networks = &server.parts().labs;
        for lab in &self.lab {
            networks.create_lab(by_server(lab.clone())).await?;
        }
        for stack in &self.attach {
            networks.attach(by_server(stack.clone())).await?;
        }
        Ok(())
    }

    /// What there is to know of a server that is ready.
    fn ready(&self, server: &Server) -> String {
        let addresses = server.addresses().unwrap_or_default();
        // Those inside are the same again.
        let mut text: String =
            addresses.iter().take(self.doors().len()).map(|at| format!("listening on {at}\n")).collect();
        if self.isolated {
            let id = std::process::id();
            text += &format!("isolated: nsenter --preserve-credentials -U -n -t {id} PROGRAM runs inside\n");
        }
        text
    }

    /// Which log lines are written.
    fn filter(&self) -> EnvFilter {
        let told = match (&self.log, self.verbose) {
            (Some(filter), _) => return EnvFilter::new(filter),
            (None, 0) => "warn",
            (None, 1) => "info,sockwright_server=debug",
            (None, _) => "trace",
        };
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(told))
    }
}

/// Listens at an address that may be listened on.
fn open(at: &ListenAddress, access: &AccessConfig) -> Result<Listener, String> {
    let refused = |error: io::Error| format!("cannot listen on {at}: {error}");
    match at {
        ListenAddress::Unix { path, mode } => {
            UnixDoor::open(path, *mode).map(Listener::from).map_err(refused)
        }
        ListenAddress::Tcp(name) => {
            let resolved: Vec<SocketAddr> = name.to_socket_addrs().map_err(refused)?.collect();
            for address in &resolved {
                address::admit(address.ip(), access)
                    .map_err(|problem| format!("will not listen on {at}: {problem}"))?;
            }
            TcpListener::bind(&*resolved).map(Listener::from).map_err(refused)
        }
    }
}

/// Has what says who may call read again, each time that the process is hung up on. Never ends.
async fn reload_on_hangup(mut hangups: Signal, access: Credentials) {
    while hangups.recv().await.is_some() {
        let access = access.clone();
        match tokio::task::spawn_blocking(move || access.reload()).await {
            Ok(Ok(())) => tracing::info!("tokens, certificates and policy were read again"),
            Ok(Err(problem)) => tracing::error!("nothing was read again, all stays as it was: {problem}"),
            Err(lost) => tracing::error!("nothing was read again: {lost}"),
        }
    }
    std::future::pending().await
}

/// What asks a process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Signals { interrupt, terminate })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits for the end of a program: how the server is to end, and how long that may take. An interrupt from a terminal is the program's as well,
/// which does with it what it likes; a request to end is passed on to it. From then on it has half of the time that there is, and
/// the next signal ends both at once.
async fn attend(program: &mut Program, signals: &mut Signals, drain: Duration) -> (ExitCode, Duration) {
    let told = |ended: io::Result<ExitStatus>| {
        let lost = |error| fail(&format!("the program is lost: {error}"));
        ended.map_or_else(lost, program::exit_code)
    };
    loop {
        tokio::select! {
            ended = program.ended() => return (told(ended), drain),
            _ = signals.interrupt.recv() => {}
            _ = signals.terminate.recv() => break,
        }
    }
    program.terminate();
    let end = Instant::now() + drain;
    let left = || end.saturating_duration_since(Instant::now());
    tokio::select! {
        ended = program.ended() => return (told(ended), left()),
        () = tokio::time::sleep_until(end - drain / 2) => program.kill(),
        () = signals.any() => {
            program.kill();
            std::process::exit(INTERRUPTED);
        }
    }
    let code = told(program.ended().await);
    (code, left())
}

fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn drain(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time <= DRAIN_MAX => Ok(time),
        _ => Err("not between 0 and an hour".into()),
    }
}

fn busy_poll(text: &str) -> Result<Duration, String> {
    let time = text.parse().map(Duration::from_micros).map_err(|_| "not a number of microseconds")?;
    if time > BUSY_POLL_MAX { Err("longer than a second".into()) } else { Ok(time) }
}

/// Written at once, and nobody may be there to read it.
pub(crate) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn fail(problem: &str) -> ExitCode {
    _ = writeln!(io::stderr(), "sockwrightd: {problem}");
    ExitCode::FAILURE
}

/// Where to listen if nothing is said.
const LISTEN: &str = "127.0.0.1:50051";
/// How it ends at a second signal.
const INTERRUPTED: i32 = 130;

const EXAMPLES: &str = "\
Examples:
  sockwrightd --lab lab=a,b
  sockwrightd --attach raw-ip,name=lo,address=127.0.0.1 --allow 127.0.0.0/8
  sockwrightd --attach tun,name=tun,address=10.9.0.2/24,host=10.9.0.1/24 --allow 10.9.0.0/24
  sockwrightd --isolated --attach af-packet,name=wire,interface=wire,address=10.0.0.7/24
  sockwrightd --isolated -- pytest
  sockwrightd --confine on --user nobody
  sockwrightd doctor

Isolated, there are lo and a veth pair: `host`, with the kernel's addresses 10.0.0.1/24 and fd00::1/64, and `wire`, for
stations of this server. Further programs come in by: nsenter --preserve-credentials -U -n -t PID PROGRAM";
