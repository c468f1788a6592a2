//! `Watch`.

use serde_json::json;
use sockwright_client::v1::watch_response::Part;
use sockwright_client::v1::{Filter, WatchRequest};
use tonic::Code;

use super::{Context, next};
use crate::args::events::Watch;
use crate::failure::Failure;
use crate::render::{Output, event, json, reader_gone};

/// Prints until the stream ends. `--timeout` says for how long to watch, so that its end is no failure.
pub(super) async fn watch(cx: &mut Context, args: Watch) -> Result<(), Failure> {
    let deadline = cx.deadline();
    let streamed = tokio::select! {
        streamed = stream(cx, args, deadline) => streamed,
        () = reader_gone() => Err(Failure::ReaderGone),
    };
    match streamed {
        Err(Failure::Call(error)) if error.code == Code::DeadlineExceeded && deadline.is_some() => Ok(()),
        result => result,
    }
}

async fn stream(
    cx: &mut Context,
    args: Watch,
    deadline: Option<tokio::time::Instant>,
) -> Result<(), Failure> {
    let kinds = args.kinds().into_iter().map(i32::from).collect();
    let delivery = args.delivery().into();
    let resume = match args.resume {
        Some(point) => Some(cx.position(point).await?),
        None => None,
    };
    let filter = Some(Filter { kinds, ..args.filter.into() });
    let request = WatchRequest { filter, delivery, resume, queue_limit: args.queue_limit };
    let mut responses = cx.client.events.watch(request).await?.into_inner();
    while let Some(response) = next(&mut responses, deadline).await? {
        if let Some(part) = response.part {
            if cx.out.is_json() { print_json(&mut cx.out, &part)? } else { print_text(&mut cx.out, &part)? }
        }
    }
    Ok(())
}

fn print_text(out: &mut Output, part: &Part) -> std::io::Result<()> {
    match part {
        Part::Snapshot(snapshot) => {
            snapshot.sockets.iter().try_for_each(|socket| out.line(&event::snapshot(socket)))
        }
        Part::Events(batch) => batch.events.iter().try_for_each(|happened| out.line(&event::event(happened))),
        Part::Gap(gap) => out.line(&event::gap(gap)),
    }
}

fn print_json(out: &mut Output, part: &Part) -> std::io::Result<()> {
    match part {
        Part::Snapshot(snapshot) => {
            for socket in &snapshot.sockets {
                out.value(&json!({ "snapshot": json::message(socket) }))?;
            }
            match &snapshot.at {
                Some(at) if snapshot.last => out.value(&json!({ "snapshotEnd": json::message(at) })),
                _ => Ok(()),
            }
        }
        Part::Events(batch) => {
            batch.events.iter().try_for_each(|happened| out.value(&json::event(batch.epoch, happened)))
        }
        Part::Gap(gap) => out.value(&json!({ "gap": json::message(gap) })),
    }
}
