//! Workloads as text.

use std::time::Duration;

use sockwright_client::v1::{Latency, PatternFigures, TrafficFigures, TrafficReport, TrafficStarted};

use super::socket::address;
use super::table::pairs;
use crate::names::Worded;

/// Where it listens.
pub(crate) fn started(started: &TrafficStarted) -> Option<String> {
    started.local.as_ref().map(|local| format!("listening at {}", address(Some(local))))
}

/// How it goes, on one line: what is not zero.
///
/// ```text
///     2.0s  open 1  sent 2.2 GiB, 9.41 Gbit/s  resent 3
///     2.0s  open 800  closed 20,400, 10,123/s  connect p50 812us p99 1.2ms
/// ```
pub(crate) fn progress(figures: &TrafficFigures, before: &TrafficFigures) -> String {
    let lately = elapsed(figures.elapsed).saturating_sub(elapsed(before.elapsed)).as_secs_f64();
    let a_second = |now: u64, before: u64| match lately {
        0.0 => String::new(),
        lately => format!(", {}/s", grouped((now.saturating_sub(before) as f64 / lately).round() as u64)),
    };
    let mut line =
        format!("{:>8.1}s  open {}", elapsed(figures.elapsed).as_secs_f64(), grouped(figures.open));
    if figures.octets_sent > 0 {
        line += &format!("  sent {}, {}", octets(figures.octets_sent), bits(figures.sent_bps));
    }
    if figures.octets_received > 0 {
        line += &format!("  received {}, {}", octets(figures.octets_received), bits(figures.received_bps));
    }
    if figures.exchanges > 0 {
        let rate = a_second(figures.exchanges, before.exchanges);
        line += &format!("  exchanges {}{rate}", grouped(figures.exchanges));
    }
    if figures.closed > 0 {
        line += &format!("  closed {}{}", grouped(figures.closed), a_second(figures.closed, before.closed));
    }
    if figures.retransmissions > 0 {
        line += &format!("  resent {}", grouped(figures.retransmissions));
    }
    let failed: u64 = figures.failed.values().sum();
    if failed > 0 {
        line += &format!("  failed {}", grouped(failed));
    }
    let latency = figures.response_time.filter(|latency| latency.count > 0);
    let named = latency.map(|latency| ("response", latency)).or_else(|| {
        let connect = figures.connect_time.filter(|_| figures.closed > 0 || figures.open > 1)?;
        (connect.count > 0).then_some(("connect", connect))
    });
    if let Some((name, latency)) = named {
        line += &format!("  {name} p50 {} p99 {}", time(latency.p50_ns), time(latency.p99_ns));
    }
    line
}

/// What it came to.
pub(crate) fn report(report: &TrafficReport) -> String {
    let figures = report.figures.clone().unwrap_or_default();
    let mut rows = vec![("ended by", report.ended_by().word())];
    rows.extend(rows_of(&figures));
    let mut text = pairs(&rows);
    if let Some(peer) = &report.peer {
        text += "\n\nits peer\n";
        text += &pairs(&rows_of(peer));
    }
    text
}

fn rows_of(figures: &TrafficFigures) -> Vec<(&'static str, String)> {
    let seconds = |time| format!("{:.6}s", elapsed(time).as_secs_f64());
    let mut rows = vec![
        ("elapsed", format!("{}, active {}", seconds(figures.elapsed), seconds(figures.active))),
        (
            "connections",
            format!(
                "{} opened, {} established, {} closed, {} open",
                grouped(figures.opened),
                grouped(figures.established),
                grouped(figures.closed),
                grouped(figures.open)
            ),
        ),
    ];
    if !figures.failed.is_empty() {
        let mut failed: Vec<_> = figures.failed.iter().collect();
        failed.sort();
        let failed = failed.into_iter().map(|(errno, count)| format!("{} {errno}", grouped(*count)));
        rows.push(("failed", failed.collect::<Vec<_>>().join(", ")));
    }
    rows.push(("sent", moved(figures.octets_sent, figures.sent_bps)));
    rows.push(("received", moved(figures.octets_received, figures.received_bps)));
    rows.push(("resent", format!("{} segments", grouped(figures.retransmissions))));
    if figures.exchanges > 0 {
        rows.push(("exchanges", grouped(figures.exchanges)));
    }
    let latencies = [("connect time", figures.connect_time), ("response time", figures.response_time)];
    for (name, latency) in latencies {
        rows.extend(latency.filter(|latency| latency.count > 0).map(|latency| (name, quantiles(&latency))));
    }
    rows.extend(figures.pattern.as_ref().map(|found| ("pattern", pattern(found))));
    rows
}

fn moved(count: u64, rate: u64) -> String {
    match count {
        0 => "nothing".to_owned(),
        count => format!("{} octets, {}", grouped(count), bits(rate)),
    }
}

fn quantiles(latency: &Latency) -> String {
    let Latency { count, p50_ns, p90_ns, p99_ns, p999_ns, max_ns } = *latency;
    let [p50, p90, p99, p999, max] = [p50_ns, p90_ns, p99_ns, p999_ns, max_ns].map(time);
    format!("p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p999}  max {max}  of {}", grouped(count))
}

fn pattern(found: &PatternFigures) -> String {
    let verified = format!("{} octets verified", grouped(found.verified));
    match &found.first {
        None => verified,
        Some(first) => format!(
            "{verified}; {} connections with a wrong one, the first: octet {} of socket {} is {:#04x}, not {:#04x}",
            grouped(found.mismatches),
            grouped(first.offset),
            first.socket,
            first.found,
            first.expected
        ),
    }
}

fn elapsed(time: Option<prost_types::Duration>) -> Duration {
    time.and_then(|time| Duration::try_from(time).ok()).unwrap_or_default()
}

/// `12345678` as `12,345,678`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let all: Vec<_> = (!head.is_empty()).then(|| head.to_owned()).into_iter().chain(groups).collect();
    all.join(",")
}

/// Octets, in powers of 1024.
fn octets(count: u64) -> String {
    scaled(count as f64, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// Bits a second, in powers of 1000.
fn bits(rate: u64) -> String {
    scaled(rate as f64, 1000.0, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s"])
}

/// Nanoseconds, in powers of 1000 up to seconds.
fn time(nanos: u64) -> String {
    scaled(nanos as f64, 1000.0, ["ns", "us", "ms", "s"]).replace(' ', "")
}

/// Three digits and a unit.
fn scaled<const N: usize>(mut value: f64, step: f64, units: [&str; N]) -> String {
    let mut unit = 0;
    // What would be rounded to the next unit is told in it.
    while value >= step - 0.5 && unit + 1 < N {
        value /= step;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([0, 1_023, 1_048_576, 3 << 40].map(octets), ["0 B", "1023 B", "1.00 MiB", "3.00 TiB"]);
        assert_eq!([999, 9_610_000_000].map(bits), ["999 bit/s", "9.61 Gbit/s"]);
        assert_eq!([7, 2_000_895, 61_000_000_000].map(time), ["7ns", "2.00ms", "61.0s"]);
    }

    #[test]
    fn a_line_tells_what_is_not_zero() {
        let duration = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let before = TrafficFigures { elapsed: duration(1), closed: 400, ..Default::default() };
        let latency = Latency { count: 9, p50_ns: 812_000, p99_ns: 1_200_000, ..Default::default() };
        let figures = TrafficFigures {
            elapsed: duration(3),
            open: 800,
            closed: 20_400,
            failed: [("ECONNREFUSED".to_owned(), 3)].into(),
            connect_time: Some(latency),
            ..Default::default()
        };
        assert_eq!(
            progress(&figures, &before),
            "     3.0s  open 800  closed 20,400, 10,000/s  failed 3  connect p50 812us p99 1.20ms"
        );
        let bulk = TrafficFigures {
            elapsed: duration(2),
            open: 1,
            octets_sent: 1 << 31,
            sent_bps: 9_410_000_000,
            ..Default::default()
        };
        let line = "     2.0s  open 1  sent 2.00 GiB, 9.41 Gbit/s";
        assert_eq!(progress(&bulk, &TrafficFigures::default()), line);
    }
}
