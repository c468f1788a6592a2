//! tonic alone: a service that does nothing but what gRPC has to, to compare ours with.
//!
//! | method | shape | what |
//! |---|---|---|
//! | `Nothing` | unary | an empty message for an empty message |
//! | `Count` | server streaming | numbers, so many to a message |
//! | `Up` | client streaming | octets, thrown away |
//! | `Down` | server streaming | octets |

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use prost::Message;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{ClientStreamingService, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// An empty message.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Nothing {}

/// How many numbers are asked for, and how many to a message.
#[derive(Clone, Copy, PartialEq, Message)]
struct HowMany {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(uint64, tag = "2")]
    batch: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Numbers {
    #[prost(message, repeated, tag = "1")]
    numbers: Vec<Number>,
}

/// A small message.
#[derive(Clone, Copy, PartialEq, Message)]
struct Number {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(uint64, tag = "2")]
    time_ns: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Octets {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

/// A client of it.
pub(crate) struct Bare(Grpc<Channel>);

/// Runs `work` with a client of a bare service that is there for it only.
pub(crate) fn with_bare<T>(work: impl AsyncFnOnce(Bare) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // The windows are those of our server.
        let serving = tonic::transport::Server::builder()
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(8 << 20)
            .add_service(BareServer)
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async move {
                _ = stopped.await
            });
        let serving = tokio::spawn(serving);
        let endpoint = Endpoint::from_shared(url)?.tcp_nodelay(true);
        let endpoint = endpoint.initial_stream_window_size(1 << 20).initial_connection_window_size(8 << 20);
        let result = work(Bare(Grpc::new(endpoint.connect().await?))).await;
        _ = stop.send(());
        serving.await??;
        result
    })
}

impl Clone for Bare {
    fn clone(&self) -> Self {
        Bare(self.0.clone())
    }
}

impl Bare {
    /// A call that does nothing.
    pub(crate) async fn nothing(&mut self) -> anyhow::Result<()> {
        self.0.ready().await?;
        let codec = ProstCodec::<Nothing, Nothing>::default();
        self.0.unary(Request::new(Nothing {}), PathAndQuery::from_static(NOTHING), codec).await?;
        Ok(())
    }

    /// Receives so many numbers, so many to a message, and looks that none is missing.
    pub(crate) async fn count(&mut self, count: u64, batch: u64) -> anyhow::Result<()> {
        self.0.ready().await?;
        let codec = ProstCodec::<HowMany, Numbers>::default();
        let request = Request::new(HowMany { count, batch });
        let streaming = self.0.server_streaming(request, PathAndQuery::from_static(COUNT), codec).await?;
        let mut messages = streaming.into_inner();
        let mut last = 0;
        while let Some(message) = messages.message().await? {
            for number in message.numbers {
                anyhow::ensure!(number.seq == last + 1, "{} after {last}", number.seq);
                last = number.seq;
            }
        }
        anyhow::ensure!(last == count, "{last} of {count}");
        Ok(())
    }

    /// Sends these chunks.
    pub(crate) async fn up(
        &mut self,
        chunks: impl Stream<Item = Bytes> + Send + 'static,
    ) -> anyhow::Result<()> {
        self.0.ready().await?;
        let codec = ProstCodec::<Octets, Nothing>::default();
        let request = Request::new(chunks.map(|data| Octets { data }));
        self.0.client_streaming(request, PathAndQuery::from_static(UP), codec).await?;
        Ok(())
    }

    /// Receives chunks for as long as `more` says so of the octets received so far.
    pub(crate) async fn down(&mut self, mut more: impl FnMut(u64) -> bool) -> anyhow::Result<()> {
        self.0.ready().await?;
        let codec = ProstCodec::<Nothing, Octets>::default();
        let request = Request::new(Nothing {});
        let streaming = self.0.server_streaming(request, PathAndQuery::from_static(DOWN), codec).await?;
        let mut messages = streaming.into_inner();
        let mut received = 0;
        while let Some(message) = messages.message().await? {
            received += message.data.len() as u64;
            if !more(received) {
                break;
            }
        }
        Ok(())
    }
}

/// The service.
#[derive(Clone, Debug)]
struct BareServer;

impl NamedService for BareServer {
    const NAME: &'static str = "bench.Bare";
}

impl Service<http::Request<Body>> for BareServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            Ok(match path.as_str() {
                NOTHING => tonic::server::Grpc::new(ProstCodec::default()).unary(Answer, request).await,
                COUNT => {
                    tonic::server::Grpc::new(ProstCodec::default()).server_streaming(Counting, request).await
                }
                UP => {
                    tonic::server::Grpc::new(ProstCodec::default()).client_streaming(Swallow, request).await
                }
                DOWN => {
                    tonic::server::Grpc::new(ProstCodec::default()).server_streaming(Pouring, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

struct Answer;

impl UnaryService<Nothing> for Answer {
    type Response = Nothing;
    type Future = BoxFuture<Response<Nothing>, Status>;

    fn call(&mut self, _: Request<Nothing>) -> Self::Future {
        Box::pin(async { Ok(Response::new(Nothing {})) })
    }
}

struct Counting;

impl ServerStreamingService<HowMany> for Counting {
    type Response = Numbers;
    type ResponseStream = std::pin::Pin<Box<dyn Stream<Item = Result<Numbers, Status>> + Send>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<HowMany>) -> Self::Future {
        let HowMany { count, batch } = request.into_inner();
        let numbers = move |first: u64| {
            let numbers =
                (first..first + batch.min(count + 1 - first)).map(|seq| Number { seq, time_ns: seq << 20 });
            Ok(Numbers { numbers: numbers.collect() })
        };
        let messages = (1..=count).step_by(batch as usize).map(numbers);
        Box::pin(async { Ok(Response::new(Box::pin(tokio_stream::iter(messages)) as Self::ResponseStream)) })
    }
}

struct Swallow;

impl ClientStreamingService<Octets> for Swallow {
    type Response = Nothing;
    type Future = BoxFuture<Response<Nothing>, Status>;

    fn call(&mut self, request: Request<Streaming<Octets>>) -> Self::Future {
        Box::pin(async {
            let mut chunks = request.into_inner();
            while chunks.message().await?.is_some() {}
            Ok(Response::new(Nothing {}))
        })
    }
}

struct Pouring;

impl ServerStreamingService<Nothing> for Pouring {
    type Response = Octets;
    type ResponseStream = std::pin::Pin<Box<dyn Stream<Item = Result<Octets, Status>> + Send>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, _: Request<Nothing>) -> Self::Future {
        let data = Bytes::from(vec![0; CHUNK]);
        let chunks = std::iter::repeat_with(move || Ok(Octets { data: data.clone() }));
        Box::pin(async { Ok(Response::new(Box::pin(tokio_stream::iter(chunks)) as Self::ResponseStream)) })
    }
}

/// Octets of one message of a bulk stream.
pub(crate) const CHUNK: usize = 64 << 10;
const NOTHING: &str = "/bench.Bare/Nothing";
const COUNT: &str = "/bench.Bare/Count";
const UP: &str = "/bench.Bare/Up";
const DOWN: &str = "/bench.Bare/Down";
