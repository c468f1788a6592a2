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
        figure("ping-pong of one octet, blocking, p50", 50.0, true),
        figure("ping-pong of one octet, blocking, p90", 90.0, false),
        figure("ping-pong of one octet, blocking, p99", 99.0, true),
        figure("ping-pong of one octet, blocking, p99.9", 99.9, false),
    ],
    measure: |round| Ok(ping_pong(round, Waits::Sleeps)?.to_vec()),
    once: false,
};

const fn figure(name: &'static str, quantile: f64, is_bound: bool) -> Figure {
    Figure {
        name,
        peer: "kernel client",
        unit: "us",
        better: Better::Lower,
        bounds: if is_bound { Bounds::Ratio { at_least: 1.5, aim: 1.0 } } else { Bounds::None },
        point: Some(Point { curve: &BLOCKING, x: quantile }),
    }
}

const BLOCKING: Curve = Curve {
    name: "ping-pong",
    title: "Round trip of one octet over veth, blocking",
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
}

/// The percentiles 50, 90, 99 and 99.9.
fn ping_pong(round: &Round, waits: Waits) -> anyhow::Result<[Sample; 4]> {
    let (ours, theirs) = round.in_turn(|| ours(round.length, waits), || theirs(round.length, waits))?;
    let sample = |index: usize| Sample { ours: ours[index], theirs: Some(theirs[index]) };
    Ok([sample(0), sample(1), sample(2), sample(3)])
}

fn ours(length: Duration, _waits: Waits) -> anyhow::Result<[f64; 4]> {
    with_echo(|near, far| {
        near.run(|| {
            service::with_server(Default::default(), async |channel| {
                let link = Link::AfPacket(pb::AfPacket {
                    interface: "wire".into(),
                    addresses: vec!["10.77.0.7/24".into()],
                    ..Default::default()
                });
                service::attach(&channel, "near", link).await?;
                let ping =
                    pb::TrafficRequestResponse { request_bytes: 1, response_bytes: 1, ..Default::default() };
                let role = run_request::Role::RequestResponse(ping);
                let mut request = service::connecting("near", &[far.port(PORT)], role);
                request.limits =
                    Some(pb::TrafficLimits { time: Some(length.try_into()?), ..Default::default() });
                let report = service::traffic(&channel, request).await?;
                let times = report.figures.and_then(|figures| figures.response_time).unwrap_or_default();
                anyhow::ensure!(times.count > 0, "no answer came");
                Ok([times.p50_ns, times.p90_ns, times.p99_ns, times.p999_ns].map(|time| time as f64 / 1e3))
            })
        })
    })
}

fn theirs(length: Duration, waits: Waits) -> anyhow::Result<[f64; 4]> {
    with_echo(|near, far| {
        let mut stream = near.run(|| kernel::connect(far.port(PORT)))?;
        stream.set_nodelay(true)?;
        let mut times = Histogram::<u64>::new(3)?;
        let began = Instant::now();
        let mut octet = [7];
        while began.elapsed() < length {
            let asked = Instant::now();
            stream.write_all(&octet)?;
            match waits {
                Waits::Sleeps => stream.read_exact(&mut octet)?,
            }
            times.record(asked.elapsed().as_nanos() as u64)?;
        }
        Ok([0.5, 0.9, 0.99, 0.999].map(|quantile| times.value_at_quantile(quantile) as f64 / 1e3))
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

const PORT: u16 = 7;
