//! One connection's variables: its states, timers, windows, round trips and counters.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use sockwright_client::connection::curves::{Curve, round_trips, windows};
use sockwright_client::connection::flights::flights;
use sockwright_client::connection::road::road;
use sockwright_client::connection::timers::timers;
use sockwright_client::connection::{Connection, Side};
use sockwright_client::v1::{GetInfoResponse, TcpInfo};

use super::{Scene, curve, fit, line_of, row};
use crate::names::Worded;
use crate::render::event::cause_text;
use crate::render::figures::{octets, span};
use crate::render::socket::tcp_state;
use crate::render::time;
use crate::top::look::Look;

type Words = Vec<Span<'static>>;

/// Draws all of it in two columns, or, where there is no room beside each other, one below the other.
pub(super) fn draw(scene: &Scene<'_>, connection: &Connection, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let left = [states(connection, look), running(connection, look)].concat();
    if usize::from(area.width) < LEFT + RIGHT {
        let all = [left, figures(connection, area.width.into(), look)].concat();
        return draw_lines(all, area, look, buffer);
    }
    let left_area = Rect { width: LEFT as u16, ..area };
    let right_area = Rect { x: area.x + LEFT as u16, width: area.width - LEFT as u16, ..area };
    draw_lines(left, left_area, look, buffer);
    draw_lines(figures(connection, right_area.width.into(), look), right_area, look, buffer);
}

fn draw_lines(lines: Vec<Words>, area: Rect, look: Look, buffer: &mut Buffer) {
    for (line, words) in lines.into_iter().enumerate() {
        let Some(line) = line_of(area, line) else { break };
        row(words, line, look, buffer);
    }
}

/// The road of states: how long in each, and what led there.
fn states(connection: &Connection, look: Look) -> Vec<Words> {
    let mut lines = vec![heading("States", look)];
    let steps = road(connection, Side::Near);
    for (place, step) in steps.iter().enumerate() {
        let state = tcp_state(step.to);
        let dwell = step.dwell_ns.or_else(|| dwells(connection, step.at_ns));
        let cause = step.cause.map(cause_text).unwrap_or_default();
        lines.push(vec![
            Span::styled(format!("{:>2} ", place + 1), look.quiet()),
            Span::styled(format!("{state:<13}"), look.state(&state)),
            Span::raw(format!("{:>8}  ", dwell.map(span).unwrap_or_default())),
            Span::raw(fit(&cause, LEFT - 27, look)),
        ]);
    }
    if steps.is_empty() {
        lines.push(vec![Span::styled("no change is remembered", look.quiet())]);
    }
    lines
}

/// How long it is in its last state by now.
fn dwells(connection: &Connection, since_ns: u64) -> Option<u64> {
    let end = connection.end(Side::Near)?;
    (!end.released).then(|| connection.now_ns().saturating_sub(since_ns))
}

/// The timers that run, and when they will fire.
fn running(connection: &Connection, look: Look) -> Vec<Words> {
    let mut lines = vec![heading("Timers", look)];
    let now = connection.now_ns();
    for timer in timers(connection) {
        let left = match timer.deadline_ns.checked_sub(now) {
            Some(left) => format!("in {}", span(left)),
            None => "due".to_owned(),
        };
        let name = timer.timer().word();
        lines.push(vec![Span::raw(format!("{name:<14}{left:<11} at {}", time(timer.deadline_ns)))]);
    }
    if lines.len() == 1 {
        lines.push(vec![Span::styled("none runs", look.quiet())]);
    }
    lines
}

/// Windows and round trips as curves, and the counters.
fn figures(connection: &Connection, width: usize, look: Look) -> Vec<Words> {
    let windows = windows(connection, &flights(connection));
    let trips = round_trips(connection);
    let since = [&windows.cwnd, &windows.flight, &windows.rwnd, &trips.srtt, &trips.rto]
        .iter()
        .filter_map(|curve| curve.since_ns())
        .min();
    let span_of = (since.unwrap_or(0), connection.now_ns());
    let line = |name: &'static str, told: &Curve, text: fn(u64) -> String, unknown: &'static str| -> Words {
        let value = told.last().map_or_else(|| unknown.to_owned(), text);
        let values =
            told.sampled(span_of.0, span_of.1, width.saturating_sub(NAME + VALUE + 2).min(CURVE_MAX));
        let drawn = curve(&values, told.largest().unwrap_or(0), look);
        vec![Span::raw(format!("{name:<NAME$}{value:>VALUE$}  ")), Span::raw(drawn)]
    };
    let over = format!("Windows, over {}", span(span_of.1.saturating_sub(span_of.0)));
    let mut lines = vec![
        vec![Span::styled(over, look.heading())],
        line("cwnd", &windows.cwnd, octets, ""),
        line("ssthresh", &windows.ssthresh, octets, look.glyphs().infinite),
        line("flight", &windows.flight, octets, ""),
        line("rwnd", &windows.rwnd, octets, ""),
        heading("Round trips", look),
        line("rtt", &trips.rtt, span, ""),
        line("srtt", &trips.srtt, span, ""),
        line("rto", &trips.rto, span, ""),
        heading("Counters", look),
    ];
    match connection.info() {
        Some(info) => {
            lines.extend(counters(info).into_iter().map(|(name, value)| {
                vec![Span::raw(format!("{name:<17}")), Span::styled(value, Style::new())]
            }))
        }
        None => lines.push(vec![Span::styled("not asked yet", look.quiet())]),
    }
    lines
}

fn counters(info: &GetInfoResponse) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if let Some(tcp) = &info.tcp {
        pairs.extend(tcp_counters(tcp));
    }
    if let Some(listener) = &info.listener {
        pairs.extend([
            ("accept queue", format!("{} of {}", listener.accept_queue, listener.backlog)),
            ("half open", listener.half_open.to_string()),
            ("overflows", listener.overflows.to_string()),
        ]);
    }
    if let Some(datagram) = &info.datagram {
        pairs.extend([
            ("queued", format!("{} datagrams", datagram.queued)),
            ("queued bytes", octets(datagram.queued_bytes.into())),
            ("overflows", datagram.overflows.to_string()),
        ]);
    }
    pairs
}

fn tcp_counters(tcp: &TcpInfo) -> Vec<(&'static str, String)> {
    vec![
        ("bytes sent", format!("{}, acked {}", octets(tcp.bytes_sent), octets(tcp.bytes_acked))),
        ("bytes sent again", octets(tcp.bytes_retrans)),
        ("bytes received", octets(tcp.bytes_received)),
        ("segments", format!("out {}, in {}", tcp.segments_out, tcp.segments_in)),
        ("retransmissions", tcp.retransmissions.to_string()),
        ("timeouts", tcp.total_rto.to_string()),
        ("recovery", tcp.ca_state().word()),
        ("congestion", format!("{}, {}", tcp.congestion_control().word(), tcp.congestion_phase().word())),
        ("send queue", octets(tcp.send_queue.into())),
        ("receive queue", octets(tcp.receive_queue.into())),
    ]
}

fn heading(text: &'static str, look: Look) -> Words {
    vec![Span::styled(text, look.heading())]
}

/// The width of the left column.
const LEFT: usize = 40;
/// The least width of the right one.
const RIGHT: usize = 32;
const NAME: usize = 9;
const VALUE: usize = 8;
/// More would say no more.
const CURVE_MAX: usize = 80;
