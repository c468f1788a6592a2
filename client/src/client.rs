//! One connection to a server, and the clients of the services on it.
//!
//! Owns: the channel, the deadline put on every call, and the few loops that every caller would write (send all, list
//! all). Never touches: the meaning of a call.

use std::time::Duration;

use prost::bytes::Buf;
use sockwright_proto::v1;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sessions_client::SessionsClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::traces_client::TracesClient;
use sockwright_proto::v1::traffic_client::TrafficClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::{Credentials, Error};

/// What the service clients of [`Client`] speak over.
pub type Transport = InterceptedService<Channel, PerCall>;

/// A connection to a Sockwright server. Clones share it; each may have a deadline of its own.
///
/// The fields are the generated clients, to be called as they are: `client.sockets.listen(...)`.
#[derive(Clone, Debug)]
pub struct Client {
    /// The socket calls.
    pub sockets: SocketsClient<Transport>,
    /// The stream of events.
    pub events: EventsClient<Transport>,
    /// Labs, stacks and time.
    pub networks: NetworksClient<Transport>,
    /// Leases.
    pub sessions: SessionsClient<Transport>,
    /// Traces; [`Client::trace`] is their comfortable form.
    pub traces: TracesClient<Transport>,
    /// Workloads.
    pub traffic: TrafficClient<Transport>,
    channel: Channel,
    per_call: PerCall,
}

impl Client {
    /// Connects to a server, e.g. `127.0.0.1:50051`, `http://127.0.0.1:50051`, `https://peers.example:50051` or
    /// `unix:/run/sockwright.sock`, with what the environment says of tokens and certificates ([`Credentials::from_env`]).
    ///
    /// Errors: `INVALID_ARGUMENT` (not a URL, files that cannot be used, a token that would go in clear to another machine), `UNAVAILABLE` (nobody answers there, or nobody that
    /// is believed).
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, &Credentials::from_env()?).await
    }

    /// The same with these credentials.
    pub async fn connect_with(url: &str, credentials: &Credentials) -> Result<Self, Error> {
        let wrong = |error| Error::new(tonic::Code::InvalidArgument, format!("{url}: {error}"));
        let full = with_scheme(url);
        credentials.may_go_to(&full)?;
        let endpoint = Endpoint::from_shared(full.clone()).map_err(wrong)?;
        let endpoint = match full.starts_with("https:") {
            true => endpoint.tls_config(credentials.tls()).map_err(wrong)?,
            false => endpoint,
        };
        let endpoint = endpoint
            // A call may wait for hours; a server that is gone should not take as long to be missed.
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        let channel = endpoint.connect().await.map_err(|error| Error::unreachable(url, &error))?;
        let authorization = credentials.authorization().cloned();
        Ok(Self::build(channel, PerCall { authorization, timeout: None }))
    }

    /// A client over a channel of the caller's own making.
    pub fn over(channel: Channel) -> Self {
        Self::build(channel, PerCall::default())
    }

    /// The same connection with a deadline of so long, from its start, for every call. The server is told of it too.
    /// A stream that has begun is not ended by it.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self::build(self.channel, PerCall { timeout: Some(timeout), ..self.per_call })
    }

    /// The channel, for services that are not Sockwright's own: health, reflection.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Sends all of `data`, however little the send buffer takes at a time. Returns where the last of it was taken, or
    /// nothing if there was nothing to send.
    ///
    /// After an error, octets may have been sent.
    pub async fn send_all(
        &mut self,
        socket: u64,
        data: impl Into<prost::bytes::Bytes>,
    ) -> Result<Option<v1::Position>, Error> {
        let mut data = data.into();
        let mut at = None;
        while !data.is_empty() {
            let chunk = data.slice(..data.len().min(SEND_MAX));
            let request = v1::SendRequest { socket, data: chunk, dont_wait: false, urgent: false };
            let response = self.sockets.send(request).await?.into_inner();
            data.advance(data.len().min(response.accepted as usize));
            at = response.at;
        }
        Ok(at)
    }

    /// Lists the sockets that a filter admits, all pages of them.
    pub async fn list_sockets(&mut self, filter: v1::Filter) -> Result<Vec<v1::SocketSummary>, Error> {
        let mut sockets = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListRequest { filter: Some(filter.clone()), page_size: PAGE_SIZE, page_token };
            let page = self.sockets.list(request).await?.into_inner();
            sockets.extend(page.sockets);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(sockets);
            }
        }
    }

    /// Lists the labs, all pages of them.
    pub async fn list_labs(&mut self) -> Result<Vec<v1::Lab>, Error> {
        let mut labs = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListLabsRequest { page_size: PAGE_SIZE, page_token };
            let page = self.networks.list_labs(request).await?.into_inner();
            labs.extend(page.labs);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(labs);
            }
        }
    }

    /// Lists the stacks, all pages of them.
    pub async fn list_stacks(&mut self) -> Result<Vec<v1::Stack>, Error> {
        let mut stacks = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListStacksRequest { page_size: PAGE_SIZE, page_token };
            let page = self.networks.list_stacks(request).await?.into_inner();
            stacks.extend(page.stacks);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(stacks);
            }
        }
    }

    fn build(channel: Channel, per_call: PerCall) -> Self {
        let transport = InterceptedService::new(channel.clone(), per_call.clone());
        Self {
            sockets: SocketsClient::new(transport.clone()),
            events: EventsClient::new(transport.clone()),
            networks: NetworksClient::new(transport.clone()),
            sessions: SessionsClient::new(transport.clone()),
            traces: TracesClient::new(transport.clone()),
            traffic: TrafficClient::new(transport),
            channel,
            per_call,
        }
    }
}

/// Puts the deadline and the token of a [`Client`] on each of its calls.
#[derive(Clone, Debug, Default)]
pub struct PerCall {
    timeout: Option<Duration>,
    authorization: Option<MetadataValue<Ascii>>,
}

impl Interceptor for PerCall {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        Ok(request)
    }
}

/// A transport address as the contract has it: `address(([10, 0, 0, 2], 80))`.
pub fn address(address: impl Into<std::net::SocketAddr>) -> v1::SocketAddress {
    let address = address.into();
    v1::SocketAddress { ip: address.ip().to_string(), port: u32::from(address.port()) }
}

/// An address as the server prints it is one of HTTP.
fn with_scheme(url: &str) -> String {
    let has_one = url.contains("://") || url.starts_with("unix:");
    if has_one { url.to_owned() } else { format!("http://{url}") }
}

/// The most octets that one `Send` takes.
const SEND_MAX: usize = 1 << 20;
/// The largest page of a list.
const PAGE_SIZE: u32 = 1000;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_goes_to_no_other_machine_in_clear() {
        let story: serde_json::Value = serde_json::from_str(include_str!("../story.json")).unwrap();
        let addresses = |which: &str| -> Vec<String> {
            serde_json::from_value(story["tokens"][which].clone()).expect("a list of addresses")
        };
        let token = Credentials::default().with_token("sockwright_secret").unwrap();
        for address in addresses("refused") {
            let error = Client::connect_with(&address, &token).await.expect_err(&address);
            assert_eq!(error.code, tonic::Code::InvalidArgument, "{error}");
            assert!(error.message.contains("SOCKWRIGHT_INSECURE=1"), "{error}");
            assert!(!error.message.contains("secret"), "{error}");
            for well in [Credentials::default(), token.clone().insecure()] {
                assert_eq!(well.may_go_to(&with_scheme(&address)), Ok(()));
            }
        }
        for address in addresses("sent") {
            assert_eq!(token.may_go_to(&with_scheme(&address)), Ok(()));
        }
    }
}
