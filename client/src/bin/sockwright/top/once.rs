//! `top --once`: the table as text.

use sockwright_client::{Client, StateMirror, v1};
use tokio::task::JoinSet;

use super::samples::Samples;
use super::table::{Column, Order, Wanted, arrange, rows};
use crate::failure::Failure;
use crate::render::table::table;

/// The table, all columns of it.
pub(super) async fn once(client: &Client, filter: v1::Filter, order: Order) -> Result<String, Failure> {
    let mut mirror = StateMirror::new(client, filter);
    mirror.until(|_| true).await?;
    let mut samples = Samples::default();
    let all: Vec<u64> = mirror.sockets().iter().map(|socket| socket.summary.socket).collect();
    for some in all.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        for socket in some.iter().copied() {
            let mut sockets = client.sockets.clone();
            asked.spawn(async move { sockets.get_info(v1::GetInfoRequest { socket }).await });
        }
        while let Some(answer) = asked.join_next().await {
            // One that is gone by now has no figures.
            let Ok(Ok(info)) = answer else { continue };
            let info = info.into_inner();
            if let Some(summary) = &info.summary {
                mirror.tell_time(&summary.stack, info.time_ns);
            }
            samples.take(&info);
        }
    }
    let rows = arrange(rows(mirror.sockets(), std::iter::empty(), &samples), &Wanted::default(), order);
    let cells: Vec<[String; COLUMNS.len()]> =
        rows.iter().map(|row| COLUMNS.map(|column| column.text(row))).collect();
    Ok(table(COLUMNS.map(Column::heading), &cells))
}

/// All but the curve.
const COLUMNS: [Column; 13] = [
    Column::Id,
    Column::State,
    Column::Local,
    Column::Remote,
    Column::Age,
    Column::Sent,
    Column::Received,
    Column::Rtt,
    Column::Cwnd,
    Column::Again,
    Column::Label,
    Column::Stack,
    Column::Session,
];
/// Calls at a time.
const AT_ONCE: usize = 100;
