//! A server of ours and its client in this process, in the network namespace of the caller's thread.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::traffic_client::TrafficClient;
use sockwright_proto::v1::{self as pb, attach_request, run_request, run_response};
use sockwright_server::access::Allow;
use sockwright_server::config::Config;
use sockwright_server::server::Server;
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Endpoint};

/// Runs `work` with a client of a server that is there for it only.
pub(crate) fn with_server<T>(
    config: Config,
    work: impl AsyncFnOnce(Channel) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        // What is measured is measured on wires of the bench's own.
        let config = Config { allow: vec![Allow::everything()], ..config };
        let server = Server::bind("127.0.0.1:0", config).await?;
        let url = format!("http://{}", server.local_addr());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(async move { _ = stopped.await }));
        let channel = Endpoint::from_shared(url)?.tcp_nodelay(true).connect().await?;
        let result = work(channel).await;
        _ = stop.send(());
        serving.await??;
        result
    })
}

/// Attaches a stack of this name, whose thread looks for packets so long before it sleeps.
pub(crate) async fn attach(
    channel: &Channel,
    name: &str,
    link: attach_request::Link,
    busy_poll: Duration,
) -> anyhow::Result<()> {
    let busy_poll = Some(busy_poll.try_into()?);
    let request = pb::AttachRequest { name: name.into(), link: Some(link), busy_poll, ..Default::default() };
    NetworksClient::new(channel.clone()).attach(request).await?;
    Ok(())
}

/// A workload that opens its connections to `remotes`.
pub(crate) fn connecting(stack: &str, remotes: &[SocketAddr], role: run_request::Role) -> pb::RunRequest {
    pb::RunRequest {
        stack: stack.into(),
        side: Some(run_request::Side::Connecting(pb::ConnectingSide {
            remotes: remotes.iter().copied().map(address).collect(),
            connections_per_second: 0.0,
        })),
        role: Some(role),
        ..Default::default()
    }
}

/// An address of the contract.
pub(crate) fn address(address: SocketAddr) -> pb::SocketAddress {
    pb::SocketAddress { ip: address.ip().to_string(), port: address.port().into() }
}

/// Runs a workload to its end.
pub(crate) async fn traffic(channel: &Channel, request: pb::RunRequest) -> anyhow::Result<pb::TrafficReport> {
    let mut responses = TrafficClient::new(channel.clone()).run(request).await?.into_inner();
    while let Some(response) = responses.next().await {
        if let Some(run_response::Part::Report(report)) = response?.part {
            return Ok(report);
        }
    }
    bail!("the workload told no report")
}
