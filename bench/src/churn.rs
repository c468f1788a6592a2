//! Connections opened and closed a second, over veth: a churn of ours and a kernel client, in turn, against the same kernel
//! server. Both keep so many under way at a time; the server counts those that it read to their end.
//!
//! Each is opened by a three-way handshake and closed by both sides, the client first: its end waits in TIME-WAIT. The server
//! listens on several ports, so that nobody runs out of theirs.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use sockwright_proto::v1::attach_request::Link;
use sockwright_proto::v1::{self as pb, run_request};

use crate::bulk::world;
use crate::figure::{Better, Bounds, Case, Figure, Round};
use crate::net::Host;
use crate::{kernel, service};

pub(crate) const CASE: Case = Case {
    name: "churn",
    figures: &[Figure {
        name: "connections opened and closed over veth",
        peer: "kernel client",
        unit: "/s",
        better: Better::Higher,
        bounds: Bounds::Ratio { at_least: 1.0, aim: 1.5 },
        point: None,
    }],
    measure: |round: &Round| {
        let sample =
            round.compare(|| against_server(ours, round.length), || against_server(theirs, round.length))?;
        Ok(vec![sample])
    },
    once: false,
};

/// Connections a second that the server has read to their end, while `client` runs.
fn against_server(
    client: fn(&Host, &[SocketAddr], &AtomicBool) -> anyhow::Result<()>,
    length: Duration,
) -> anyhow::Result<f64> {
    let world = world()?;
    let [(near, far), _] = world.wire_pairs();
    near.sysctl("ipv4/ip_local_port_range", "1024 65535");
    near.sysctl("ipv4/tcp_max_tw_buckets", "1000000");
    near.sysctl("ipv4/tcp_congestion_control", "reno");
    let ports: Vec<SocketAddr> = (0..PORTS).map(|port| far.port(5001 + port)).collect();
    let (served, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let listeners = far.run(|| {
        let listen = |at: &SocketAddr| {
            let listener = kernel::listen(*at)?;
            listener.set_nonblocking(true)?;
            Ok(TcpListener::from_std(listener))
        };
        ports.iter().map(listen).collect::<anyhow::Result<Vec<_>>>()
    })?;
    let server = thread::spawn({
        let (served, stop) = (Arc::clone(&served), Arc::clone(&stop));
        move || serve(listeners, &served, &stop)
    });
    let rate = thread::scope(|scope| {
        let client = scope.spawn(|| client(&near, &ports, &stop));
        let began = Instant::now();
        while served.load(Ordering::Relaxed) == 0 && began.elapsed() < PATIENCE && !client.is_finished() {
            thread::sleep(MOMENT);
        }
        thread::sleep(WARM_UP);
        let (before, began) = (served.load(Ordering::Relaxed), Instant::now());
        thread::sleep(length);
        let (after, took) = (served.load(Ordering::Relaxed), began.elapsed());
        stop.store(true, Ordering::Relaxed);
        client.join().map_err(|_| anyhow!("the client panicked"))??;
        anyhow::Ok((after - before) as f64 / took.as_secs_f64())
    });
    stop.store(true, Ordering::Relaxed);
    server.join().map_err(|_| anyhow!("the server panicked"))?.context("the server")?;
    rate
}

fn ours(near: &Host, remotes: &[SocketAddr], stop: &AtomicBool) -> anyhow::Result<()> {
    near.run(|| {
        service::with_server(Default::default(), async |channel| {
            let link = Link::AfPacket(pb::AfPacket {
                interface: "wire".into(),
                addresses: vec!["10.77.0.7/24".into()],
                ..Default::default()
            });
            service::attach(&channel, "near", link).await?;
            let mut request =
                service::connecting("near", remotes, run_request::Role::Churn(pb::TrafficChurn::default()));
            request.concurrency = UNDER_WAY as u32;
            let churn = service::traffic(&channel, request);
            let stopped = async {
                while !stop.load(Ordering::Relaxed) {
                    tokio::time::sleep(MOMENT).await;
                }
            };
            tokio::select! {
                report = churn => anyhow::bail!("the churn ended: {:?}", report?),
                () = stopped => Ok(()),
            }
        })
    })
}

/// A kernel client as it would be written for speed: non-blocking sockets, one thread.
fn theirs(near: &Host, remotes: &[SocketAddr], stop: &AtomicBool) -> anyhow::Result<()> {
    near.run(|| {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(UNDER_WAY);
        let mut streams: Vec<Option<TcpStream>> = (0..UNDER_WAY).map(|_| None).collect();
        let mut free: VecDeque<usize> = (0..UNDER_WAY).collect();
        let mut next = remotes.iter().cycle();
        while !stop.load(Ordering::Relaxed) {
            while let Some(slot) = free.pop_front() {
                let remote = *next.next().context("nowhere to connect to")?;
                let mut stream = TcpStream::connect(remote)?;
                poll.registry().register(&mut stream, Token(slot), Interest::WRITABLE)?;
                streams[slot] = Some(stream);
            }
            poll.poll(&mut events, Some(PATIENCE))?;
            for event in &events {
                let slot = event.token().0;
                if streams[slot].take_if(|_| event.is_writable()).is_some() {
                    free.push_back(slot);
                }
            }
        }
        Ok(())
    })
}

fn serve(mut listeners: Vec<TcpListener>, served: &AtomicU64, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut poll = Poll::new()?;
    for (number, listener) in listeners.iter_mut().enumerate() {
        poll.registry().register(listener, Token(number), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(1024);
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(WARM_UP))?;
        for event in &events {
            let token = event.token().0;
            if let Some(listener) = listeners.get(token) {
                loop {
                    let mut stream = match listener.accept() {
                        Ok((stream, _)) => stream,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error.into()),
                    };
                    // Most have their FIN by now.
                    if at_end(&mut stream) {
                        served.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let slot = free.pop().unwrap_or_else(|| {
                        streams.push(None);
                        streams.len() - 1
                    });
                    let token = Token(listeners.len() + slot);
                    poll.registry().register(&mut stream, token, Interest::READABLE)?;
                    streams[slot] = Some(stream);
                }
                continue;
            }
            let slot = token - listeners.len();
            if streams[slot].take_if(at_end).is_some() {
                served.fetch_add(1, Ordering::Relaxed);
                free.push(slot);
            }
        }
    }
    Ok(())
}

/// Whether the peer has closed, one way or another.
fn at_end(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 16]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Connections that are under way at a time.
const UNDER_WAY: usize = 64;
/// Ports of the server.
const PORTS: u16 = 32;
const MOMENT: Duration = Duration::from_millis(5);
const WARM_UP: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(10);
