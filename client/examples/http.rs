//! HTTP between two TCP stacks of a server, with tokio's own tools on the connection: what works over `tokio::net` works here.
//!
//! ```console
//! $ cargo run -p sockwright-client --example http -- 127.0.0.1:50051
//! ```

use std::io;

use sockwright_client::net::{TcpListener, TcpStream};
use sockwright_client::{Client, v1};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".to_owned());
    let mut client = Client::connect(&server).await?;
    // Two stacks at 10.0.0.1 and 10.0.0.2, on a link that loses every tenth frame; gone with the session.
    let session = client.sessions.open(v1::OpenRequest::default()).await?.into_inner().session;
    let impairments = Some(v1::Impairments { loss: 0.1, ..Default::default() });
    let stack = |name: &str| v1::LabStack { name: name.to_owned(), ..Default::default() };
    let lab = v1::CreateLabRequest {
        stacks: vec![stack("a"), stack("b")],
        links: vec![v1::LabLink {
            stacks: vec!["a".to_owned(), "b".to_owned()],
            impairments,
            ..Default::default()
        }],
        session: session.clone(),
        ..Default::default()
    };
    let stacks = client.networks.create_lab(lab).await?.into_inner().lab.unwrap_or_default().stacks;

    let listener = TcpListener::bind(&client.stack(&stacks[1]), "10.0.0.2:80".parse()?).await?;
    let serving = tokio::spawn(async move { serve(listener).await });

    let mut stream = TcpStream::connect(&client.stack(&stacks[0]), "10.0.0.2:80".parse()?).await?;
    stream.write_all(b"GET /there HTTP/1.0\r\n\r\n").await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    println!("{answer}");
    stream.wait_for([v1::TcpState::TimeWait]).await?;
    serving.await??;
    client.sessions.close(v1::SessionsCloseRequest { session, ..Default::default() }).await?;
    Ok(())
}

/// Answers one request.
async fn serve(listener: TcpListener) -> io::Result<()> {
    let (mut stream, from) = listener.accept().await?;
    let (reading, writing) = stream.split();
    let mut request = String::new();
    BufReader::new(reading).read_line(&mut request).await?;
    let answer = format!("HTTP/1.0 200 OK\r\n\r\n{from} asked for {}", request.trim_end());
    writing.write_all(answer.as_bytes()).await?;
    // The rest of what it said, so that closing is no reset.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    stream.shutdown().await
}
