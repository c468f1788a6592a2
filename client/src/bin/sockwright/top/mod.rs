//! `top`: connections as they live, in a terminal.
//!
//! Owns: when something is drawn: what moved, at most once an interval; what a key changed, at once.
//!
//! ```text
//! app       what is known, and what moves it      input     keys
//! ui        what the viewer chose                 views     what is drawn, of both
//! table     rows, columns and their order         terminal  taken, and given back
//! samples   figures that are asked for            look      colours and glyphs
//! record    what happened, and who is gone        once      the table as text
//! ```

mod app;
mod cursor;
mod input;
mod look;
mod once;
mod record;
mod samples;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod ui;
mod views;

use std::time::Duration;

use crossterm::event::{Event, EventStream};
use sockwright_client::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_stream::StreamExt;

use self::app::App;
use self::input::action;
use self::look::Look;
pub(crate) use self::table::Column;
use self::table::Order;
use self::terminal::Screen;
use self::ui::{Tab, Ui};
use crate::args::top::Top;
use crate::failure::Failure;
use crate::render::Output;

/// Whether it can be done at all; asked before the server is.
pub(crate) fn check(args: &Top, json: bool) -> Result<(), Failure> {
    if json {
        return Err(Failure::Usage("--json: `list` and `watch` print objects".to_owned()));
    }
    if args.once { Ok(()) } else { terminal::check() }
}

/// Shows what happens until the viewer has seen enough.
pub(crate) async fn run(client: Client, server: &str, args: Top, out: &mut Output) -> Result<(), Failure> {
    let order = Order { column: args.sort, descending: args.reverse };
    if args.once {
        return Ok(out.line(&once::once(&client, args.filter.into(), order).await?)?);
    }
    let look = Look::of_environment(args.ascii);
    let mut app = App::new(client, server.to_owned(), args.filter.into(), look, Ui::new(order));
    if let Some(socket) = args.id {
        app.open(socket, Tab::Details);
    }
    let mut screen = Screen::take()?;
    let lives = live(&mut app, &mut screen, args.interval).await;
    drop(screen);
    lives
}

/// Draws, and waits for what comes first.
async fn live(app: &mut App, screen: &mut Screen, shortest: Duration) -> Result<(), Failure> {
    let mut keys = EventStream::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = |error: std::io::Error| Failure::Other(format!("the terminal: {error}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(ended)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ended)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ended)?;
    // Something moved that is not drawn, and when it may be.
    let (mut is_stale, mut next) = (true, Instant::now());
    loop {
        tokio::select! {
            moved = app.moved() => {
                moved?;
                is_stale = true;
            }
            key = keys.next() => match key {
                Some(Ok(Event::Key(key))) => {
                    let Some(action) = action(key, app.is_typing()) else { continue };
                    if !app.press(action) {
                        return Ok(());
                    }
                    (is_stale, next) = (true, Instant::now());
                }
                Some(Ok(Event::Resize(..))) => (is_stale, next) = (true, Instant::now()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(ended(error)),
                None => return Ok(()),
            },
            now = ticks.tick() => is_stale |= app.tick(now),
            () = sleep_until(next), if is_stale => {
                screen.terminal.draw(|frame| app.draw(frame)).map_err(ended)?;
                (is_stale, next) = (false, Instant::now() + shortest);
            }
            _ = hangup.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

/// How often figures are asked for.
const TICK: Duration = Duration::from_secs(1);
