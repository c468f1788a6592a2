//! The table of sockets: which rows are shown, in which order, and what each column says.
//!
//! Owns: columns, sorting, searching and counting. Pure: knows no terminal and no server.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sockwright_client::mirror::{Socket, SocketMap};
use sockwright_client::v1::{SocketKind, TcpState};

use super::samples::{Sample, Samples};
use crate::names::Worded;
use crate::render::figures::{octets, span};
use crate::render::safe;
use crate::render::socket::address;

/// A socket, as the table shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) socket: &'a Socket,
    pub(super) sample: Option<&'a Sample>,
    /// The time on its stack's clock.
    pub(super) now_ns: u64,
    /// It was released, and is shown a moment longer.
    pub(super) gone: bool,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// The socket's identifier.
    Id,
    /// TCP's state, or the socket's where there is none.
    State,
    /// Its own address.
    Local,
    /// Its peer's.
    Remote,
    /// Since it was opened.
    Age,
    /// Octets of data sent.
    Sent,
    /// Octets of data received.
    Received,
    /// The smoothed round trip.
    Rtt,
    /// The congestion window.
    Cwnd,
    /// Segments sent again.
    Again,
    /// Octets moved between samples, as a curve.
    Moved,
    /// Its label.
    Label,
    /// Its stack.
    Stack,
    /// Its session.
    Session,
}

/// Which way the table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: Column,
    pub(super) descending: bool,
}

/// Which rows are shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Words that a row has, each in whatever column.
    pub(super) search: String,
    /// The state that a row is in, as it is counted.
    pub(super) state: Option<String>,
}

impl Column {
    /// In the order in which they are shown.
    pub(crate) const ALL: [Self; 14] = [
        Self::Id,
        Self::State,
        Self::Local,
        Self::Remote,
        Self::Age,
        Self::Sent,
        Self::Received,
        Self::Rtt,
        Self::Cwnd,
        Self::Again,
        Self::Moved,
        Self::Label,
        Self::Stack,
        Self::Session,
    ];

    /// In the order in which they are given up where there is no room, the last first.
    pub(super) const BY_WORTH: [Self; 14] = [
        Self::Id,
        Self::State,
        Self::Local,
        Self::Remote,
        Self::Sent,
        Self::Received,
        Self::Rtt,
        Self::Label,
        Self::Age,
        Self::Cwnd,
        Self::Again,
        Self::Moved,
        Self::Stack,
        Self::Session,
    ];

    /// What stands above it.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::State => "STATE",
            Self::Local => "LOCAL",
            Self::Remote => "REMOTE",
            Self::Age => "AGE",
            Self::Sent => "SENT",
            Self::Received => "RECEIVED",
            Self::Rtt => "RTT",
            Self::Cwnd => "CWND",
            Self::Again => "AGAIN",
            Self::Moved => "MOVED",
            Self::Label => "LABEL",
            Self::Stack => "STACK",
            Self::Session => "SESSION",
        }
    }

    /// Whether it is a figure, which stands to the right.
    pub(super) fn is_figure(self) -> bool {
        matches!(
            self,
            Self::Id | Self::Age | Self::Sent | Self::Received | Self::Rtt | Self::Cwnd | Self::Again
        )
    }

    /// Whether only samples tell of it.
    pub(super) fn is_sampled(self) -> bool {
        matches!(self, Self::Sent | Self::Received | Self::Rtt | Self::Cwnd | Self::Again | Self::Moved)
    }

    /// What it says of a row. `Moved` is a curve, and is drawn.
    pub(super) fn text(self, row: &Row<'_>) -> String {
        let summary = &row.socket.summary;
        let sampled = |value: fn(&Sample) -> String| row.sample.map(value).unwrap_or_default();
        match self {
            Self::Id => summary.socket.to_string(),
            Self::State => state(row),
            Self::Local => address(summary.local.as_ref()),
            Self::Remote => address(summary.remote.as_ref()),
            Self::Age => span(row.age_ns()),
            Self::Sent => sampled(|sample| octets(sample.sent)),
            Self::Received => sampled(|sample| octets(sample.received)),
            Self::Rtt => sampled(|sample| sample.rtt_ns.map(span).unwrap_or_default()),
            Self::Cwnd => sampled(|sample| octets(sample.cwnd)),
            Self::Again => sampled(|sample| sample.retransmissions.to_string()),
            Self::Moved => String::new(),
            Self::Label => safe(&summary.label),
            Self::Stack => safe(&summary.stack),
            Self::Session => safe(&summary.session),
        }
    }

    /// The column beside it; the other end behind the last.
    pub(super) fn beside(self, forward: bool) -> Self {
        let place = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        let count = Self::ALL.len();
        Self::ALL[(place + if forward { 1 } else { count - 1 }) % count]
    }

    /// How two rows compare; what is not known is `None`.
    fn compare(self, one: &Row<'_>, two: &Row<'_>) -> Option<Ordering> {
        let figure = |row: &Row<'_>| {
            let sample = row.sample;
            match self {
                Self::Age => Some(row.age_ns()),
                Self::Sent => sample.map(|sample| sample.sent),
                Self::Received => sample.map(|sample| sample.received),
                Self::Rtt => sample.and_then(|sample| sample.rtt_ns),
                Self::Cwnd => sample.map(|sample| sample.cwnd),
                Self::Again => sample.map(|sample| sample.retransmissions),
                Self::Moved => sample.map(|sample| sample.moved.back().copied().unwrap_or(0)),
                _ => Some(row.socket.summary.socket),
            }
        };
        match self {
            Self::State => Some(rank(&state(one)).cmp(&rank(&state(two)))),
            Self::Local | Self::Remote | Self::Label | Self::Stack | Self::Session => {
                let text = |row| Some(self.text(row)).filter(|text| !text.is_empty());
                both(text(one), text(two))
            }
            _ => both(figure(one), figure(two)),
        }
    }
}

impl Row<'_> {
    fn age_ns(&self) -> u64 {
        self.now_ns.saturating_sub(self.socket.summary.opened_time_ns)
    }

    fn has_all(&self, words: &[String]) -> bool {
        let columns = [
            Column::Id,
            Column::State,
            Column::Local,
            Column::Remote,
            Column::Label,
            Column::Stack,
            Column::Session,
        ];
        let mut text: Vec<String> = columns.iter().map(|column| column.text(self)).collect();
        text.extend(self.socket.failed.as_ref().map(|error| error.errno_name.clone()));
        let text = text.join(" ").to_lowercase();
        words.iter().all(|word| text.contains(word))
    }
}

/// What a state is called in the table and its counts: TCP's where there is one, else the socket's.
pub(super) fn state(row: &Row<'_>) -> String {
    let summary = &row.socket.summary;
    match (summary.kind(), summary.tcp_state()) {
        (SocketKind::Datagram, _) => "UDP".to_owned(),
        (_, TcpState::Unspecified) => summary.socket_state().word().to_uppercase(),
        (_, state) => state.word(),
    }
}

/// All rows: those that are, and those that are gone and still shown.
pub(super) fn rows<'a>(
    sockets: &'a SocketMap,
    gone: impl Iterator<Item = &'a Socket>,
    samples: &'a Samples,
) -> Vec<Row<'a>> {
    let row = |socket: &'a Socket, gone| Row {
        socket,
        sample: samples.of(socket.summary.socket),
        now_ns: sockets.time(&socket.summary.stack).unwrap_or(socket.summary.state_time_ns),
        gone,
    };
    let there = sockets.iter().map(|socket| row(socket, false));
    there.chain(gone.map(|socket| row(socket, true))).collect()
}

/// How many rows there are of each state, in the order of a connection's life.
pub(super) fn count(rows: &[Row<'_>]) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.gone) {
        *counts.entry(state(row)).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(state, _)| rank(state));
    counts
}

/// The rows that are wanted, in this order. What is not known stands at the end, whichever way it is sorted.
pub(super) fn arrange<'a>(mut rows: Vec<Row<'a>>, wanted: &Wanted, order: Order) -> Vec<Row<'a>> {
    let words: Vec<String> = wanted.search.to_lowercase().split_whitespace().map(str::to_owned).collect();
    rows.retain(|row| {
        wanted.state.as_ref().is_none_or(|wanted| *wanted == state(row)) && row.has_all(&words)
    });
    let id = |row: &Row<'_>| row.socket.summary.socket;
    rows.sort_by(|one, two| {
        let compared = order.column.compare(one, two).unwrap_or_else(|| {
            // Only one of them is known.
            let unknown = |row: &Row<'_>| order.column.compare(row, row).is_none();
            let last = unknown(one).cmp(&unknown(two));
            if order.descending { last.reverse() } else { last }
        });
        let compared = if order.descending { compared.reverse() } else { compared };
        compared.then(id(one).cmp(&id(two)))
    });
    rows
}

/// How two values compare; nothing where either is not known.
fn both<T: Ord>(one: Option<T>, two: Option<T>) -> Option<Ordering> {
    Some(one?.cmp(&two?))
}

/// A state's place in the life of a connection.
fn rank(state: &str) -> usize {
    let life = [
        TcpState::Listen,
        TcpState::SynSent,
        TcpState::SynReceived,
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::CloseWait,
        TcpState::Closing,
        TcpState::LastAck,
        TcpState::TimeWait,
        TcpState::Closed,
    ];
    life.iter().position(|known| known.word() == state).unwrap_or(life.len())
}
