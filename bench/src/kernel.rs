//! The kernel's TCP as a peer: small programs on its sockets, each with CUBIC, set before it connects or listens.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, bail};
use socket2::{Domain, Socket, Type};

use crate::net::Host;

/// Listens.
pub(crate) fn listen(at: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = cubic(at)?;
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

/// Connects.
pub(crate) fn connect(to: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = cubic(to)?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

/// A stream socket with CUBIC.
pub(crate) fn cubic(address: SocketAddr) -> anyhow::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_tcp_congestion(b"cubic").context("the kernel needs CUBIC")?;
    Ok(socket)
}

/// Reads to the end, or until told to stop, and counts.
pub(crate) fn read_until(mut stream: TcpStream, octets: &AtomicU64, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut buffer = vec![0; CHUNK];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(some) => _ = octets.fetch_add(some as u64, Ordering::Relaxed),
            // The other side is measured no longer.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(())
}

/// Writes until told to stop, or nobody reads any more, and counts.
pub(crate) fn write_until(
    mut stream: TcpStream,
    octets: &AtomicU64,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let chunk = vec![7; CHUNK];
    while !stop.load(Ordering::Relaxed) {
        match stream.write(&chunk) {
            Ok(some) => _ = octets.fetch_add(some as u64, Ordering::Relaxed),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Runs a command where a host is.
pub(crate) fn run(host: &Host, command: &str) -> anyhow::Result<String> {
    let mut words = command.split(' ');
    let program = words.next().unwrap_or_default();
    let output =
        host.run(|| Command::new(program).args(words).output()).with_context(|| program.to_owned())?;
    if !output.status.success() {
        bail!("`{command}`: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Octets that programs read and write at once.
const CHUNK: usize = 256 << 10;
