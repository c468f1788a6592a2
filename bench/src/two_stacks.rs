//! A lab of two stacks on a server of ours, `a` and `b`.

use std::pin::Pin;

use anyhow::bail;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::traffic_client::TrafficClient;
use sockwright_proto::v1::{self as pb, run_request, run_response};
use tokio_stream::StreamExt;
use tonic::Streaming;
use tonic::transport::Channel;

/// The lab.
pub(crate) struct TwoStacks {
    channel: Channel,
}

/// A workload that goes on for as long as this lives.
pub(crate) type Running = Pin<Box<Streaming<pb::RunResponse>>>;

impl TwoStacks {
    /// Makes it.
    pub(crate) async fn create(channel: &Channel, clock: pb::Clock, mtu: u32) -> anyhow::Result<Self> {
        Self::create_on(channel, clock, pb::LabLink { mtu, ..Default::default() }).await
    }

    /// Makes it with a link like this one.
    pub(crate) async fn create_on(
        channel: &Channel,
        clock: pb::Clock,
        link: pb::LabLink,
    ) -> anyhow::Result<Self> {
        let stack = |name: &str| pb::LabStack { name: name.into(), ..Default::default() };
        // A clock that stands still has to keep something from happening: without a delay nothing waits for it.
        let delay =
            prost_types::Duration { seconds: 0, nanos: if clock == pb::Clock::Manual { 10_000 } else { 0 } };
        let impairments = Some(pb::Impairments { delay: Some(delay), ..Default::default() });
        let link = pb::LabLink { stacks: vec!["a".into(), "b".into()], impairments, ..link };
        let lab = pb::CreateLabRequest {
            name: NAME.into(),
            stacks: vec![stack("a"), stack("b")],
            links: vec![link],
            clock: clock.into(),
            ..Default::default()
        };
        NetworksClient::new(channel.clone()).create_lab(lab).await?;
        Ok(TwoStacks { channel: channel.clone() })
    }

    /// Starts a workload on `b` that listens, and says where.
    pub(crate) async fn listening(
        &self,
        role: run_request::Role,
    ) -> anyhow::Result<(Running, pb::SocketAddress)> {
        let request = pb::RunRequest {
            stack: format!("{NAME}/b"),
            side: Some(run_request::Side::Listening(pb::ListeningSide::default())),
            role: Some(role),
            ..Default::default()
        };
        let (running, started) = self.run(request).await?;
        let Some(pb::SocketAddress { port, .. }) = started.local else { bail!("it listens nowhere") };
        Ok((running, pb::SocketAddress { ip: B.into(), port }))
    }

    /// Starts a workload between both stacks, so many connections from `a`.
    pub(crate) async fn between(&self, role: run_request::Role, concurrency: u32) -> anyhow::Result<Running> {
        let remote = pb::SocketAddress { ip: B.into(), port: 0 };
        let side = pb::ConnectingSide { remotes: vec![remote], connections_per_second: 0.0 };
        let request = pb::RunRequest {
            stack: format!("{NAME}/a"),
            side: Some(run_request::Side::Connecting(side)),
            role: Some(role),
            concurrency,
            peer: Some(pb::TrafficPeer { stack: format!("{NAME}/b"), options: None }),
            ..Default::default()
        };
        Ok(self.run(request).await?.0)
    }

    async fn run(&self, request: pb::RunRequest) -> anyhow::Result<(Running, pb::TrafficStarted)> {
        let mut running = TrafficClient::new(self.channel.clone()).run(request).await?.into_inner();
        match running.next().await {
            Some(Ok(pb::RunResponse { part: Some(run_response::Part::Started(started)), .. })) => {
                Ok((Box::pin(running), started))
            }
            other => bail!("the workload did not start: {other:?}"),
        }
    }

    /// A connection from `a`.
    pub(crate) async fn connect(&self, remote: &pb::SocketAddress) -> anyhow::Result<u64> {
        let mut sockets = SocketsClient::new(self.channel.clone());
        let create = pb::CreateRequest { stack: format!("{NAME}/a"), ..Default::default() };
        let socket = sockets.create(create).await?.into_inner().socket;
        let remote = Some(remote.clone());
        sockets.connect(pb::ConnectRequest { socket, remote, ..Default::default() }).await?;
        Ok(socket)
    }
}

const NAME: &str = "bench";
/// Where `b` is.
const B: &str = "10.0.0.2";
