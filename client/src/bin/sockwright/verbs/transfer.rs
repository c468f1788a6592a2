//! `Transfer`: standard input to the socket, the socket to standard output.

use prost::bytes::Bytes;
use sockwright_client::v1::{TransferRequest, transfer_request, transfer_response};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Context, next};
use crate::failure::Failure;

pub(super) async fn run(cx: &mut Context, socket: u64, keep_open: bool) -> Result<(), Failure> {
    let deadline = cx.deadline();
    let (parts, requests) = mpsc::channel(PARTS_WAITING);
    tokio::spawn(pump(tokio::io::stdin(), socket, keep_open, parts));
    let mut responses = cx.client.sockets.transfer(ReceiverStream::new(requests)).await?.into_inner();
    while let Some(response) = next(&mut responses, deadline).await? {
        if cx.out.is_json() {
            cx.out.message(&response, |_| String::new())?;
        } else if let Some(transfer_response::Part::Data(data)) = &response.part {
            cx.out.bytes(data)?;
        }
    }
    Ok(())
}

/// Makes the client's stream of an input: the socket, the bytes, and the half-close at the end.
async fn pump(
    mut input: impl AsyncRead + Unpin,
    socket: u64,
    keep_open: bool,
    parts: mpsc::Sender<TransferRequest>,
) -> Option<()> {
    let part = |part| TransferRequest { part: Some(part) };
    parts.send(part(transfer_request::Part::Socket(socket))).await.ok()?;
    let mut buffer = vec![0; CHUNK];
    loop {
        match input.read(&mut buffer).await {
            Ok(0) => break,
            Ok(length) => {
                let data = Bytes::copy_from_slice(&buffer[..length]);
                parts.send(part(transfer_request::Part::Data(data))).await.ok()?;
            }
            Err(error) => {
                eprintln!("sockwright: transfer: standard input: {error}");
                break;
            }
        }
    }
    if !keep_open {
        parts.send(part(transfer_request::Part::ShutdownWrite(true))).await.ok()?;
    }
    Some(())
}

/// Octets in one part.
const CHUNK: usize = 64 << 10;
/// Parts that wait for HTTP/2's flow control.
const PARTS_WAITING: usize = 4;

#[cfg(test)]
mod tests {
    use sockwright_client::v1::transfer_request::Part;

    use super::*;

    async fn pumped(input: &[u8], keep_open: bool) -> Vec<Part> {
        let (parts, mut requests) = mpsc::channel(16);
        pump(input, 3, keep_open, parts).await;
        let mut all = Vec::new();
        while let Some(request) = requests.recv().await {
            all.extend(request.part);
        }
        all
    }

    #[tokio::test]
    async fn an_input_is_the_socket_then_the_bytes_then_the_half_close() {
        let hello = Part::Data("hello".into());
        assert_eq!(
            pumped(b"hello", false).await,
            [Part::Socket(3), hello.clone(), Part::ShutdownWrite(true)]
        );
        assert_eq!(pumped(b"hello", true).await, [Part::Socket(3), hello]);
        assert_eq!(pumped(b"", false).await, [Part::Socket(3), Part::ShutdownWrite(true)]);
        assert_eq!(pumped(&[7; CHUNK + 1], true).await.len(), 3);
    }
}
