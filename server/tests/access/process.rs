//! `sockwrightd` as a process: what its flags let in, what its log says of who came, and what SIGHUP does.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use tonic::transport::{ClientTlsConfig, Endpoint};

use crate::authority::Authority;
use crate::rig::{call, call_with, is_asked_who};

struct Daemon {
    child: Child,
    address: String,
    log: BufReader<ChildStderr>,
}

impl Daemon {
    fn start(arguments: &[&str]) -> Daemon {
        let mut child = sockwrightd(arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            let mut said = String::new();
            log.read_to_string(&mut said).unwrap();
            panic!("{said}");
        };
        Daemon { child, address: address.to_owned(), log }
    }

    /// The next line of the log that has this in it.
    fn line_with(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it ended without saying {words}");
            if line.contains(words) {
                return line;
            }
        }
    }

    fn hang_up(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn sockwrightd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockwrightd"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> Output {
    sockwrightd(arguments).output().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_address_for_everybody_is_refused_with_the_ways_to_have_it() {
    let refused = output(&["--listen", "0.0.0.0:0"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    for way in ["0.0.0.0", "--tls-cert", "--tls-key", "--tls-client-ca", "--tokens", "--insecure"] {
        assert!(said.contains(way), "{way}: {said}");
    }
    drop(Daemon::start(&["--listen", "0.0.0.0:0", "--insecure"]));
}

#[test]
fn every_address_that_is_asked_for_is_listened_on() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("door");
    let unix = format!("unix:{},mode=640", path.display());
    let daemon = Daemon::start(&["--listen", "127.0.0.1:0", "--listen", &unix]);
    assert!(daemon.address.starts_with("127.0.0.1:"));
    std::os::unix::net::UnixStream::connect(&path).unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_token_is_made_kept_as_its_digest_and_changed_by_a_hangup() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("tokens.toml");
    let make = |name: &str| {
        let made = output(&["token", name, "--role", "tester"]);
        assert!(made.status.success());
        let said = String::from_utf8(made.stdout).unwrap();
        let (token, lines) = said.split_once('\n').unwrap();
        (token.to_owned(), lines.to_owned())
    };
    let (old, lines) = make("ci");
    std::fs::write(&file, &lines).unwrap();
    let log = "info,sockwright_server::rpc=debug";
    let mut daemon = Daemon::start(&["--listen", "127.0.0.1:0", "--tokens", text(&file), "--log", log]);
    let runtime = runtime();
    let channel = Endpoint::from_shared(format!("http://{}", daemon.address)).unwrap();
    let channel = runtime.block_on(channel.connect()).unwrap();
    runtime.block_on(call_with(channel.clone(), &old)).unwrap();
    let line = daemon.line_with("Sockets/List");
    assert!(line.contains("token:ci") && !line.contains(&old[11..]), "{line}");

    let (new, lines) = make("next");
    std::fs::write(&file, &lines).unwrap();
    daemon.hang_up();
    daemon.line_with("read again");
    assert!(is_asked_who(runtime.block_on(call_with(channel.clone(), &old))));
    runtime.block_on(call_with(channel.clone(), &new)).unwrap();
    assert!(daemon.line_with("identity").contains("token:next"));

    std::fs::write(&file, "token = 1").unwrap();
    daemon.hang_up();
    assert!(daemon.line_with("stays as it was").contains("tokens.toml"));
    runtime.block_on(call_with(channel, &new)).unwrap();
}

#[test]
fn the_log_has_the_names_in_certificates_and_of_users() {
    let room = tempfile::tempdir().unwrap();
    let authority = Authority::new("of the lab");
    let (server, client) = (authority.server(), authority.client("spiffe://lab/ci"));
    let at = |name: &str, pem: &str| {
        std::fs::write(room.path().join(name), pem).unwrap();
        room.path().join(name)
    };
    let (cert, key) = (at("cert.pem", &server.cert), at("key.pem", &server.key));
    let ca = at("ca.pem", &authority.pem());
    let unix = format!("unix:{}", room.path().join("door").display());
    let tls = ["--tls-cert", text(&cert), "--tls-key", text(&key), "--tls-client-ca", text(&ca)];
    let listen = ["--listen", "127.0.0.1:0", "--listen", &unix, "--log", "sockwright_server::rpc=debug"];
    let mut daemon = Daemon::start(&[&listen[..], &tls].concat());
    let runtime = runtime();
    let own = tonic::transport::Identity::from_pem(&client.cert, &client.key);
    let believed = tonic::transport::Certificate::from_pem(authority.pem());
    let tls = ClientTlsConfig::new().ca_certificate(believed).identity(own).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", daemon.address)).unwrap();
    let endpoint = endpoint.tls_config(tls).unwrap();
    runtime.block_on(async { call(endpoint.connect().await.unwrap()).await.unwrap() });
    assert!(daemon.line_with("Sockets/List").contains("cert:spiffe://lab/ci"));
    let endpoint = Endpoint::from_shared(unix).unwrap();
    runtime.block_on(async { call(endpoint.connect().await.unwrap()).await.unwrap() });
    let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(room.path()).unwrap());
    let line = daemon.line_with("Sockets/List");
    assert!(line.contains(&format!("uid:{user}")), "{line}");
}

#[test]
fn a_program_comes_in_where_others_have_to_prove_who_they_are() {
    let room = tempfile::tempdir().unwrap();
    let server = Authority::new("of the lab").server();
    let at = |name: &str, pem: &str| {
        std::fs::write(room.path().join(name), pem).unwrap();
        room.path().join(name)
    };
    let (cert, key, tokens) =
        (at("cert.pem", &server.cert), at("key.pem", &server.key), at("tokens.toml", ""));
    let flags = ["--tls-cert", text(&cert), "--tls-key", text(&key), "--tokens", text(&tokens)];
    let listen = ["--listen", "127.0.0.1:0"];
    let program = ["--", "sh", "-c", "echo $SOCKWRIGHT_SERVER; test -S ${SOCKWRIGHT_SERVER#unix:}"];
    let ran = output(&[&listen[..], &flags, &program].concat());
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success() && said.starts_with("unix:/"), "{said}");
    assert!(!Path::new(said.trim_end().strip_prefix("unix:").unwrap()).exists(), "it goes with the server");
}

#[test]
fn a_key_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let room = tempfile::tempdir().unwrap();
    let server = Authority::new("of the lab").server();
    let (cert, key) = (room.path().join("cert.pem"), room.path().join("key.pem"));
    std::fs::write(&cert, &server.cert).unwrap();
    std::fs::write(&key, &server.key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--tls-cert", text(&cert), "--tls-key", text(&key)];
    let mut daemon = Daemon::start(&flags);
    let line = daemon.line_with("key.pem");
    assert!(line.contains("644"), "{line}");
}
