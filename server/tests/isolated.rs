//! `sockwrightd --isolated`, run by an ordinary user: links without privilege, and the host's network left alone.
//!
//! Where ordinary users may not have namespaces, or a program is missing, each test says so in one line, and passes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::{self as pb, attach_request::Link};
use tonic::transport::Channel;

/// A program as an ordinary user runs it: whoever runs the tests, or nobody, where that is root.
fn by_a_user(program: impl AsRef<Path>) -> Command {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Command::new(program.as_ref());
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program.as_ref());
    command
}

/// The server's program, where that user may run it.
fn sockwrightd() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let built = PathBuf::from(env!("CARGO_BIN_EXE_sockwrightd"));
        let tried = by_a_user(&built).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if tried.is_ok_and(|status| status.success()) {
            return built;
        }
        let copy = std::env::temp_dir().join(format!("sockwrightd-{}", std::process::id()));
        fs::copy(&built, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        copy
    })
}

/// Whether the tests can be run here; says why not.
fn possible() -> bool {
    let needed = [("setpriv", "--version"), ("nsenter", "--version"), ("python3", "--version")];
    for (program, argument) in needed {
        if Command::new(program).arg(argument).output().is_err() {
            println!("skipped: there is no `{program}` here");
            return false;
        }
    }
    let tried = run_isolated(&["--", "true"]);
    let said = String::from_utf8_lossy(&tried.stderr);
    // Anything else is a failure of the tests.
    let forbidden =
        said.contains("could not make a user and a network namespace") || said.contains("setpriv");
    if forbidden {
        println!("skipped: {}", said.trim());
    }
    !forbidden
}

fn run_isolated(arguments: &[&str]) -> Output {
    let mut command = by_a_user(sockwrightd());
    command.args(["--isolated", "--listen", "127.0.0.1:0"]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

/// A server that serves in namespaces of its own, and its clients outside.
struct Server {
    child: Child,
    networks: NetworksClient<Channel>,
    sockets: SocketsClient<Channel>,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    async fn start(arguments: &[&str]) -> Server {
        let mut command = by_a_user(sockwrightd());
        command.args(["--isolated", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut lines = [String::new(), String::new()];
        for line in &mut lines {
            stdout.read_line(line).unwrap();
        }
        let [listening, isolated] = lines;
        let address = listening.trim_end().strip_prefix("listening on ").unwrap();
        let hint = format!("isolated: nsenter --preserve-credentials -U -n -t {} ", child.id());
        assert!(isolated.starts_with(&hint), "{isolated}");
        let url = format!("http://{address}");
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        let (networks, sockets) = (NetworksClient::new(channel.clone()), SocketsClient::new(channel));
        Server { child, networks, sockets, _stdout: stdout }
    }

    /// A program of a user inside, as the server's second line says.
    fn python(&self, script: &str, arguments: &[&str]) -> Child {
        let mut command = by_a_user("nsenter");
        command.args(["--preserve-credentials", "-U", "-n", "-t", &self.child.id().to_string()]);
        command.args(["python3", "-c", script]).args(arguments);
        command.stdout(Stdio::piped()).spawn().unwrap()
    }

    async fn create(&mut self, stack: &str, v4: bool) -> u64 {
        let family = if v4 { pb::AddressFamily::Ipv4 } else { pb::AddressFamily::Ipv6 };
        let request = pb::CreateRequest {
            stack: stack.into(),
            kind: pb::SocketKind::Stream.into(),
            family: family.into(),
            ..Default::default()
        };
        self.sockets.create(request).await.unwrap().into_inner().socket
    }

    /// A kernel client of a listener of ours, and a kernel listener with a client of ours.
    async fn talk(&mut self, stack: &str, ours: &str, theirs: &str) {
        let v4 = ours.contains('.');
        let listener = self.create(stack, v4).await;
        let local = Some(pb::SocketAddress { ip: ours.to_owned(), port: 0 });
        let bound = self.sockets.bind(pb::BindRequest { socket: listener, local }).await.unwrap();
        self.sockets.listen(pb::ListenRequest { socket: listener, backlog: 0 }).await.unwrap();
        let port = bound.into_inner().local.unwrap().port.to_string();
        let client = self.python(CLIENT, &[ours, &port]);
        let accept = pb::AcceptRequest { socket: listener, ..Default::default() };
        let socket = self.sockets.accept(accept).await.unwrap().into_inner().socket;
        assert_eq!(&self.recv(socket).await[..], b"ping");
        self.send(socket, b"pong").await;
        let output = client.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "pong\n");

        let mut kernel = self.python(LISTENER, &[theirs]);
        let mut port = String::new();
        BufReader::new(kernel.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let socket = self.create(stack, v4).await;
        let remote = Some(pb::SocketAddress { ip: theirs.to_owned(), port: port.trim().parse().unwrap() });
        let connect = pb::ConnectRequest { socket, remote, ..Default::default() };
        self.sockets.connect(connect).await.unwrap();
        self.send(socket, b"hello").await;
        assert_eq!(&self.recv(socket).await[..], b"hello");
        assert!(kernel.wait().unwrap().success());
    }

    async fn send(&mut self, socket: u64, data: &'static [u8]) {
        let request = pb::SendRequest { socket, data: data.into(), ..Default::default() };
        self.sockets.send(request).await.unwrap();
    }

    async fn recv(&mut self, socket: u64) -> Vec<u8> {
        let request = pb::RecvRequest { socket, ..Default::default() };
        self.sockets.recv(request).await.unwrap().into_inner().data.to_vec()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever the test found, it does not stay.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Says `ping` and prints the answer.
const CLIENT: &str = "
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
peer.sendall(b'ping')
print(peer.recv(9).decode())
";

/// Prints its port, and sends back what it gets.
const LISTENER: &str = "
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 0), family=family)
print(listener.getsockname()[1], flush=True)
peer, _ = listener.accept()
peer.sendall(peer.recv(9))
";

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_user_has_raw_sockets_on_loopback_and_the_kernel_keeps_silent() {
    if !possible() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let addresses = vec!["127.0.0.1".to_owned(), "::1".to_owned()];
    let link = Link::RawIp(pb::RawIp { addresses, ..Default::default() });
    let request = pb::AttachRequest { name: "lo".into(), link: Some(link), ..Default::default() };
    let stack = server.networks.attach(request).await.unwrap().into_inner().stack.unwrap();
    assert_eq!((stack.link.as_str(), stack.mtu), ("raw_ip", 65_535));
    server.talk("lo", "127.0.0.1", "127.0.0.1").await;
    server.talk("lo", "::1", "::1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_user_has_a_station_opposite_the_kernel() {
    if !possible() {
        return;
    }
    let station = "af-packet,name=wire,interface=wire,address=10.0.0.7/24,address=fd00::7/64";
    let mut server = Server::start(&["--attach", station]).await;
    server.talk("wire", "10.0.0.7", "10.0.0.1").await;
    server.talk("wire", "fd00::7", "fd00::1").await;
}

#[test]
fn a_program_runs_inside_with_the_server_at_hand_and_its_end_is_the_servers() {
    if !possible() {
        return;
    }
    // It prints what it finds: who it is, its interfaces, the stacks' server.
    let script = "
import os, socket, sys
host, port = os.environ['SOCKWRIGHT_SERVER'].removeprefix('http://').split(':')
socket.create_connection((host, int(port)), 20)
print(os.getuid(), *sorted(name for _, name in socket.if_nameindex()))
sys.exit(7)
";
    let output = run_isolated(&["--lab", "lab=a,b", "--", "python3", "-c", script]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let words: Vec<_> = stdout.split_whitespace().collect();
    // Some kernels make tunnels in each namespace that there is.
    assert!(["0", "host", "lo", "wire"].iter().all(|word| words.contains(word)), "{stdout}");

    let output = run_isolated(&["--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(output.status.code(), Some(137));
    let output = run_isolated(&["--", "/no-such-program"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-program"));
}

#[test]
fn what_the_server_cannot_begin_with_is_one_clear_line() {
    if !possible() {
        return;
    }
    let output = run_isolated(&["--attach", "af-packet,interface=nowhere,address=10.0.0.7/24", "--", "true"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.lines().count() == 1 && said.contains("nowhere"), "{said}");
}
