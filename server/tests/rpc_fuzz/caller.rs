//! Calls of methods that are known by their descriptors alone.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// A client of whatever there is.
pub(crate) struct Caller {
    grpc: Grpc<Channel>,
}

/// How a call ended.
pub(crate) struct Outcome {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) responses: Vec<DynamicMessage>,
}

impl Caller {
    pub(crate) async fn connect(address: &str) -> Caller {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Caller { grpc: Grpc::new(channel) }
    }

    /// Calls, and reads what comes until the call's deadline. One that goes on beyond it hangs.
    pub(crate) async fn call(&mut self, method: &MethodDescriptor, requests: &[DynamicMessage]) -> Outcome {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let octets: Vec<Bytes> = requests.iter().map(|request| request.encode_to_vec().into()).collect();
        let mut request = Request::new(tokio_stream::iter(octets));
        request.set_timeout(DEADLINE);
        let mut responses = Vec::new();
        let called = async {
            self.grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let path = PathAndQuery::try_from(path).unwrap();
            let mut stream = self.grpc.streaming(request, path, Octets).await?.into_inner();
            while let Some(octets) = stream.next().await {
                responses.push(DynamicMessage::decode(method.output(), octets?).unwrap());
                if responses.len() == RESPONSES {
                    break;
                }
            }
            Ok::<_, Status>(())
        };
        let ended = tokio::time::timeout(HANGS, called).await;
        let ended = ended.unwrap_or_else(|_| {
            panic!("{} hangs for {}", method.full_name(), serde_json::to_string(requests).unwrap_or_default())
        });
        let (code, message) = ended.map_or_else(
            |status| (status.code(), status.message().to_owned()),
            |()| (Code::Ok, String::new()),
        );
        // A client may give up before the server says that the time is over.
        let gone = code == Code::Cancelled && message.contains("Timeout");
        Outcome { code: if gone { Code::DeadlineExceeded } else { code }, message, responses }
    }
}

/// Messages as they are on the wire.
#[derive(Clone, Copy)]
struct Octets;

impl Codec for Octets {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Octets;
    type Decoder = Octets;

    fn encoder(&mut self) -> Octets {
        Octets
    }

    fn decoder(&mut self) -> Octets {
        Octets
    }
}

impl Encoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Of each call. Many wait for what never comes.
const DEADLINE: Duration = Duration::from_millis(50);
/// What no call may take, on a machine however busy.
const HANGS: Duration = Duration::from_secs(60);
/// Of one call, at most.
const RESPONSES: usize = 64;
