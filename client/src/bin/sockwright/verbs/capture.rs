//! `Capture`.

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tonic::Code;

use super::{Context, next};
use crate::args::capture::Capture;
use crate::failure::Failure;
use crate::render::reader_gone;

/// Writes until the stream ends, `--timeout` is over or an interrupt comes: each is a proper end of the file.
pub(super) async fn capture(cx: &mut Context, args: Capture) -> Result<(), Failure> {
    let deadline = cx.deadline();
    let (request, path) = args.into_request();
    let mut blocks = cx.client.networks.capture(request).await?.into_inner();
    let mut file = open(&path).await?;
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut reader_gone = std::pin::pin!(reader_gone());
    loop {
        let response = tokio::select! {
            response = next(&mut blocks, deadline) => response,
            _ = &mut interrupted => break,
            () = &mut reader_gone, if path == STDOUT => return Err(Failure::ReaderGone),
        };
        let response = match response {
            Err(Failure::Call(error)) if error.code == Code::DeadlineExceeded && deadline.is_some() => break,
            response => response?,
        };
        let Some(response) = response else { break };
        let mut writing = std::pin::pin!(write(&mut *file, &response.pcapng));
        let written = tokio::select! {
            written = &mut writing => written,
            // Whole packets, if whoever reads them takes them now.
            _ = &mut interrupted => match timeout(LAST_WORDS, writing).await {
                Ok(written) => return written.map_err(|error| failed(&path, error)),
                Err(_) => break,
            },
        };
        written.map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

async fn open(path: &str) -> Result<Box<dyn AsyncWrite + Unpin>, Failure> {
    match path {
        STDOUT => Ok(Box::new(tokio::io::stdout())),
        path => {
            let file = tokio::fs::File::create(path).await.map_err(|error| failed(path, error))?;
            Ok(Box::new(file))
        }
    }
}

async fn write(file: &mut (dyn AsyncWrite + Unpin), octets: &[u8]) -> std::io::Result<()> {
    file.write_all(octets).await?;
    file.flush().await
}

/// Standard output that nobody reads any more ends a capture without a word.
fn failed(path: &str, error: std::io::Error) -> Failure {
    match path {
        STDOUT => error.into(),
        path => Failure::Other(format!("{path}: {error}")),
    }
}

/// How long an interrupt waits for packets to be written.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(1);
/// The name of standard output.
const STDOUT: &str = "-";
