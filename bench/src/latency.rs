//! Ping-pong of one octet over veth beside the kernel: a stack of ours on a packet socket and a kernel client, in turn, to the
//! same kernel echo, which sleeps until something comes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use hdrhistogram::Histogram;
use sockwright_proto::v1::attach_request::Link;
use sockwright_proto::v1::{self as pb, run_request};

use crate::bulk::world;
use crate::figure::{Better, Bounds, Case, Curve, Figure, Point, Round, Sample};
use crate::net::Host;
use crate::{kernel, service};

pub(crate) const CASE: Case = Case {
    name: "ping_pong",
    figures: &[
        figure("ping-pong of one octet, blocking, p50", &BLOCKING, 50.0),
        figure("ping-pong of one octet, blocking, p90", &BLOCKING, 90.0),
        figure("ping-pong of one octet, blocking, p99", &BLOCKING, 99.0),
        figure("ping-pong of one octet, busy-poll, p50", &BUSY, 50.0),
        figure("ping-pong of one octet, busy-poll, p90", &BUSY, 90.0),
        figure("ping-pong of one octet, busy-poll, p99", &BUSY, 99.0),
    ],
    measure: |round| {
        let samples = [ping_pong(round, Waits::Sleeps)?, ping_pong(round, Waits::Spins)?];
        Ok(samples.concat())
    },
    once: false,
};

const fn figure(name: &'static str, curve: &'static Curve, quantile: f64) -> Figure {
    Figure {
        name,
        peer: "kernel client",
        unit: "us",
        better: Better::Lower,
        bounds: Bounds::Ratio { at_least: 1.5, aim: 1.0 },
        point: Some(Point { curve, x: quantile }),
    }
}

const BLOCKING: Curve = Curve {
    name: "ping-pong-blocking",
    title: "Round trip of one octet over veth; the client sleeps until it comes",
    ..ROUND_TRIP
};

const BUSY: Curve = Curve {
    name: "ping-pong-busy-poll",
    title: "Round trip of one octet over veth; the client looks for it all the time",
    ..ROUND_TRIP
};

const ROUND_TRIP: Curve = Curve {
    name: "",
    title: "",
    x: "percentile",
    x_is_logarithmic: false,
    y: "microseconds",
    y_is_logarithmic: false,
    lines: ["ours (af_packet)", "a kernel client"],
};

/// How the client waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Sleeps,
    Spins,
}

/// Each of [`QUANTILES`].
fn ping_pong(round: &Round, waits: Waits) -> anyhow::Result<Vec<Sample>> {
    let (ours, theirs) = round.in_turn(|| ours(round.length, waits), || theirs(round.length, waits))?;
    Ok(ours.into_iter().zip(theirs).map(|(ours, theirs)| Sample { ours, theirs: Some(theirs) }).collect())
}

fn ours(length: Duration, waits: Waits) -> anyhow::Result<[f64; 3]> {
    with_echo(|near, far| {
        near.run(|| {
            service::with_server(Default::default(), async |channel| {
                let link = Link::AfPacket(pb::AfPacket {
                    interface: "wire".into(),
                    addresses: vec!["10.77.0.7/24".into()],
                    ..Default::default()
                });
                let busy_poll = if waits == Waits::Spins { SPIN } else { Duration::ZERO };
                service::attach(&channel, "near", link, busy_poll).await?;
                let ping =
                    pb::TrafficRequestResponse { request_bytes: 1, response_bytes: 1, ..Default::default() };
                let role = run_request::Role::RequestResponse(ping);
                let mut request = service::connecting("near", &[far.port(PORT)], role);
                request.limits =
                    Some(pb::TrafficLimits { time: Some(length.try_into()?), ..Default::default() });
                let report = service::traffic(&channel, request).await?;
                let times = report.figures.and_then(|figures| figures.response_time).unwrap_or_default();
                anyhow::ensure!(times.count > 0, "no answer came");
                Ok([times.p50_ns, times.p90_ns, times.p99_ns].map(|time| time as f64 / 1e3))
            })
        })
    })
}

fn theirs(length: Duration, waits: Waits) -> anyhow::Result<[f64; 3]> {
    with_echo(|near, far| {
        let mut stream = near.run(|| kernel::connect(far.port(PORT)))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(waits == Waits::Spins)?;
        let mut times = Histogram::<u64>::new(3)?;
        let began = Instant::now();
        let mut octet = [7];
        while began.elapsed() < length {
            let asked = Instant::now();
            stream.write_all(&octet)?;
            match waits {
                Waits::Sleeps => stream.read_exact(&mut octet)?,
                Waits::Spins => loop {
                    match stream.read_exact(&mut octet) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                        result => break result?,
                    }
                },
            }
            times.record(asked.elapsed().as_nanos() as u64)?;
        }
        Ok(QUANTILES.map(|quantile| times.value_at_quantile(quantile) as f64 / 1e3))
    })
}

/// Runs a client beside an echo for one connection.
fn with_echo<T>(client: impl FnOnce(&Host, &Host) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let world = world()?;
    let [(near, far), _] = world.wire_pairs();
    let listener = far.run(|| kernel::listen(far.port(PORT)))?;
    let echo = thread::spawn(move || echo(listener.accept()?.0));
    let result = client(&near, &far)?;
    echo.join().map_err(|_| anyhow!("the echo panicked"))?.context("the echo")?;
    Ok(result)
}

fn echo(mut stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut octet = [0];
    loop {
        match stream.read(&mut octet) {
            Ok(0) => return Ok(()),
            Ok(_) => stream.write_all(&octet)?,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Those that are told.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
/// How long ours looks for an answer before it sleeps after all.
const SPIN: Duration = Duration::from_millis(1);
const PORT: u16 = 7;
