//! A server with files that say who may call, and clients that come in one way or another.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sockwright_proto::v1::ListRequest;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_server::access::{Credentials, tokens};
use sockwright_server::config::{AccessConfig, Config, Limits, TlsFiles};
use sockwright_server::server::Server;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use crate::authority::{Authority, Signed};

/// A server that serves for as long as this lives.
pub(crate) struct Rig {
    pub(crate) files: TempDir,
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
    pub(crate) access: Credentials,
    _stop: oneshot::Sender<()>,
}

/// How a server knows who calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ways {
    pub(crate) tls: bool,
    pub(crate) certificates: bool,
    pub(crate) tokens: bool,
}

impl Rig {
    pub(crate) async fn start(ways: Ways, limits: Limits) -> Rig {
        Rig::under(ways, limits, None).await
    }

    /// The same, under a policy.
    pub(crate) async fn under(ways: Ways, limits: Limits, policy: Option<&str>) -> Rig {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::new("of the lab");
        let at = |name: &str| files.path().join(name);
        std::fs::write(at("ca.pem"), authority.pem()).unwrap();
        std::fs::write(at("tokens.toml"), "").unwrap();
        let client_ca = ways.certificates.then(|| at("ca.pem"));
        let tls = ways.tls.then(|| TlsFiles { cert: at("cert.pem"), key: at("key.pem"), client_ca });
        let tokens = ways.tokens.then(|| at("tokens.toml"));
        let access = AccessConfig { tls, tokens, poll: Duration::from_millis(20), ..AccessConfig::default() };
        write_pair(&files, &authority.server());
        let policy = policy.map(|text| {
            std::fs::write(at("policy.toml"), text).unwrap();
            at("policy.toml")
        });
        let config = Config { access, limits, policy, audit: Some(at("audit.jsonl")), ..Config::default() };
        let server = Server::bind("127.0.0.1:0", config).await.unwrap();
        let (address, access) = (server.local_addr(), server.access().clone());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(async {
            _ = stopped.await;
        }));
        Rig { files, authority, address, access, _stop: stop }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Puts a certificate and its key where the server reads its own.
    pub(crate) fn write_pair(&self, signed: &Signed) {
        write_pair(&self.files, signed);
    }

    /// Makes a token, and has it be the only one in the file.
    pub(crate) fn write_token(&self, name: &str) -> String {
        let (token, lines) = tokens::make(name, &[]).unwrap();
        std::fs::write(self.file("tokens.toml"), lines).unwrap();
        token
    }

    /// A client that believes `authority`, with a certificate or without.
    pub(crate) async fn https(
        &self,
        authority: &Authority,
        own: Option<&Signed>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authority.pem()))
            .domain_name("localhost");
        if let Some(own) = own {
            tls = tls.identity(Identity::from_pem(&own.cert, &own.key));
        }
        let url = format!("https://{}", self.address);
        Endpoint::from_shared(url)?.tls_config(tls)?.connect().await
    }

    /// A client that speaks no TLS.
    pub(crate) async fn http(&self) -> Result<Channel, tonic::transport::Error> {
        Endpoint::from_shared(format!("http://{}", self.address))?.connect().await
    }
}

fn write_pair(files: &TempDir, signed: &Signed) {
    std::fs::write(files.path().join("key.pem"), &signed.key).unwrap();
    std::fs::write(files.path().join("cert.pem"), &signed.cert).unwrap();
}

/// What comes of this, which takes its time and ends.
pub(crate) async fn within<T>(something: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), something).await.expect("it does not come to an end")
}

/// A call of somebody who has to be known.
pub(crate) async fn call(channel: Channel) -> Result<(), Status> {
    SocketsClient::new(channel).list(ListRequest::default()).await.map(drop)
}

/// The same with a token.
pub(crate) async fn call_with(channel: Channel, token: &str) -> Result<(), Status> {
    SocketsClient::new(channel).list(bearing(ListRequest::default(), token)).await.map(drop)
}

/// A request with a token.
pub(crate) fn bearing<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<Ascii> = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Whether a call is one of nobody, and is told how to be somebody's.
pub(crate) fn is_asked_who(result: Result<(), Status>) -> bool {
    result.is_err_and(|status| {
        status.code() == Code::Unauthenticated && status.message().contains("this server asks who calls")
    })
}
