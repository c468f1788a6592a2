//! The ways in to a server that asks who calls: the library's and the command line's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sockwright_client::{Client, Credentials, v1};
use sockwright_server::access::tokens;
use sockwright_server::config::{AccessConfig, Config, TlsFiles};
use sockwright_server::listen::UnixDoor;
use sockwright_server::server::Server;
use tempfile::TempDir;
use tonic::Code;

/// A server with TLS, certificates, tokens and a Unix socket, and the files of a client.
struct Guarded {
    files: TempDir,
    https: String,
    unix: String,
    token: String,
}

impl Guarded {
    async fn start() -> Guarded {
        let files = tempfile::tempdir().unwrap();
        let at = |name: &str| files.path().join(name);
        let write = |name: &str, text: &str| {
            std::fs::write(at(name), text).unwrap();
            at(name)
        };
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "of the lab");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let signed = |name: &str| {
            let params = CertificateParams::new([name.to_owned(), "127.0.0.1".to_owned()]).unwrap();
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem())
        };
        let ca = write("ca.pem", &authority.pem());
        let (server, client) = (signed("localhost"), signed("ci.lab"));
        let (cert, key) = (write("server.pem", &server.0), write("server.key", &server.1));
        write("client.pem", &client.0);
        write("client.key", &client.1);
        let (token, lines) = tokens::make("ci", &[]).unwrap();
        write("token", &format!("{token}\n"));
        let tokens = Some(write("tokens.toml", &lines));
        let tls = Some(TlsFiles { cert, key, client_ca: Some(ca) });
        let access = AccessConfig { tls, tokens, ..AccessConfig::default() };
        let door = UnixDoor::open(&at("door"), 0o600).unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let https = format!("https://{}", tcp.local_addr().unwrap());
        let unix = format!("unix:{}", at("door").display());
        let config = Config { access, ..Config::default() };
        let server = Server::on(vec![tcp.into(), door.into()], config).unwrap();
        tokio::spawn(server.serve(std::future::pending()));
        Guarded { files, https, unix, token }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn believing(&self) -> Credentials {
        Credentials::default().with_ca_file(&self.file("ca.pem")).unwrap()
    }
}

async fn list(client: Result<Client, sockwright_client::Error>) -> Result<(), Code> {
    let mut client = client.map_err(|error| error.code)?;
    client.list_sockets(v1::Filter::default()).await.map(drop).map_err(|error| error.code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_a_certificate_or_a_user_of_the_machine_comes_in() {
    let server = Guarded::start().await;
    let with =
        async |credentials: &Credentials| list(Client::connect_with(&server.https, credentials).await).await;
    let token = server.believing().with_token(&server.token).unwrap();
    assert_eq!(with(&token).await, Ok(()));
    let of_file = server.believing().with_token_file(&server.file("token")).unwrap();
    assert_eq!(with(&of_file).await, Ok(()));
    let (cert, key) = (server.file("client.pem"), server.file("client.key"));
    let certificate = server.believing().with_certificate_files(&cert, &key).unwrap();
    assert_eq!(with(&certificate).await, Ok(()));
    assert_eq!(with(&server.believing()).await, Err(Code::Unauthenticated));
    let stranger = Credentials::default().with_token(&server.token).unwrap();
    assert_eq!(with(&stranger).await, Err(Code::Unavailable), "it does not believe the server");
    assert_eq!(list(Client::connect_with(&server.unix, &Credentials::default()).await).await, Ok(()));

    let timed = Client::connect_with(&server.https, &token).await.unwrap();
    assert_eq!(list(Ok(timed.with_timeout(std::time::Duration::from_secs(60)))).await, Ok(()));
}

fn sockwright(server: &str, environment: &[(&str, &Path)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockwright"));
    command.args(["--server", server]).args(arguments);
    for name in ["TOKEN", "TOKEN_FILE", "CA", "CERT", "KEY", "INSECURE"] {
        command.env_remove(format!("SOCKWRIGHT_{name}"));
    }
    command.envs(environment.iter().copied()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_reads_files_and_the_environment() {
    let server = Guarded::start().await;
    let file = |name: &str| server.file(name);
    let [ca, token, cert, key] = ["ca.pem", "token", "client.pem", "client.key"].map(file);
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let believed = ("SOCKWRIGHT_CA", ca.as_path());
    let ok = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ok(sockwright(&server.https, &[believed, ("SOCKWRIGHT_TOKEN", Path::new(&server.token))], &["list"]));
    ok(sockwright(&server.https, &[believed, ("SOCKWRIGHT_TOKEN_FILE", &token)], &["list"]));
    ok(sockwright(
        &server.https,
        &[believed, ("SOCKWRIGHT_CERT", &cert), ("SOCKWRIGHT_KEY", &key)],
        &["list"],
    ));
    ok(sockwright(&server.https, &[], &["--ca", &text(&ca), "--token-file", &text(&token), "list"]));
    ok(sockwright(&server.unix, &[], &["list"]));
    ok(sockwright(&server.https, &[believed], &["health"]));

    // Nobody listens there, and what goes there stays on the machine; but who can tell.
    let elsewhere = |environment: &[_], arguments: &[&str]| {
        let output = sockwright("0.0.0.0:1", environment, &[arguments, &["list"]].concat());
        String::from_utf8(output.stderr).unwrap()
    };
    let secret = ("SOCKWRIGHT_TOKEN_FILE", token.as_path());
    let said = elsewhere(&[secret], &[]);
    assert!(said.contains("in clear"), "{said}");
    let of_environment = elsewhere(&[secret, ("SOCKWRIGHT_INSECURE", Path::new("1"))], &[]);
    for said in [of_environment, elsewhere(&[secret], &["--insecure"])] {
        assert!(said.contains("no server at"), "{said}");
    }

    let nobody = sockwright(&server.https, &[believed], &["list"]);
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(nobody.status.code() == Some(1) && said.contains("authorization: Bearer"), "{said}");
    let half = sockwright(&server.https, &[believed, ("SOCKWRIGHT_CERT", &cert)], &["list"]);
    let said = String::from_utf8(half.stderr).unwrap();
    assert!(!half.status.success() && said.contains("SOCKWRIGHT_KEY"), "{said}");
}
