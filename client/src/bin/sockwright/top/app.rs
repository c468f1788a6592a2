//! What `top` knows, and what moves it: the server, the viewer, and time.
//!
//! Owns: the mirror of the sockets, the connection that is open, the figures that are asked for, and what is held while the
//! viewer paused. Never touches the terminal.

use std::collections::VecDeque;
use std::future::pending;

use ratatui::Frame;
use sockwright_client::connection::following::Moved;
use sockwright_client::connection::{Connection, Following};
use sockwright_client::mirror::{Socket, SocketMap};
use sockwright_client::watching::Line;
use sockwright_client::{Client, Error, StateMirror, v1};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tonic::Status;

use super::input::Action;
use super::look::Look;
use super::record::{Entry, Record};
use super::samples::Samples;
use super::table::{arrange, count, rows};
use super::ui::{Tab, Ui, View};
use super::views::{self, Scene};
use crate::render::event::missing;

type Answer = Result<v1::GetInfoResponse, Status>;

/// All of `top` but its terminal.
pub(super) struct App {
    client: Client,
    server: String,
    look: Look,
    mirror: StateMirror,
    record: Record,
    samples: Samples,
    following: Option<Following>,
    /// Figures that were asked for.
    asked: JoinSet<Answer>,
    /// Where the next figures of sockets out of sight are asked for.
    asked_until: u64,
    held: Option<Held>,
    ui: Ui,
}

/// What is shown while the viewer paused.
struct Held {
    sockets: SocketMap,
    gone: Vec<Socket>,
    samples: Samples,
    log: VecDeque<Entry>,
    connection: Option<Connection>,
}

impl App {
    pub(super) fn new(client: Client, server: String, filter: v1::Filter, look: Look, ui: Ui) -> Self {
        Self {
            mirror: StateMirror::new(&client, filter),
            client,
            server,
            look,
            record: Record::default(),
            samples: Samples::default(),
            following: None,
            asked: JoinSet::new(),
            asked_until: 0,
            held: None,
            ui,
        }
    }

    /// Waits until something moved that is shown. Dropping the future before it is ready loses nothing.
    ///
    /// Errors: what trying again does not mend.
    pub(super) async fn moved(&mut self) -> Result<(), Error> {
        let following = async {
            match &mut self.following {
                Some(following) => following.next().await,
                None => pending().await,
            }
        };
        let answer = async {
            match self.asked.join_next().await {
                Some(answer) => answer,
                None => pending().await,
            }
        };
        tokio::select! {
            update = self.mirror.next() => {
                let update = update?;
                if let sockwright_client::mirror::Update::Gap(gap) = &update {
                    self.ui.notice = Some(missing(gap));
                }
                self.record.take(update, Instant::now());
            }
            moved = following => self.followed(moved?),
            answer = answer => self.answered(answer),
        }
        Ok(())
    }

    /// Time has passed: asks for figures, and lets go of who is gone. True if anybody was.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let swept = self.record.sweep(now);
        if *self.mirror.line() == Line::Live && self.asked.is_empty() {
            self.ask();
        }
        swept
    }

    fn ask(&mut self) {
        for socket in self.wanted() {
            let mut sockets = self.client.sockets.clone();
            self.asked.spawn(async move {
                Ok(sockets.get_info(v1::GetInfoRequest { socket }).await?.into_inner())
            });
        }
    }

    /// The sockets in sight; and where the order asks for the figures of all, some of the others each time.
    fn wanted(&mut self) -> Vec<u64> {
        match self.ui.view {
            View::Connection(_) => self.following.iter().map(|open| open.connection().socket()).collect(),
            View::Events => Vec::new(),
            View::Table => {
                let mut asked = self.ui.in_sight.clone();
                if self.ui.order.column.is_sampled() {
                    let all = || self.mirror.sockets().iter().map(|socket| socket.summary.socket);
                    let rest = all().filter(|socket| *socket > self.asked_until).chain(all());
                    let others: Vec<u64> =
                        rest.filter(|socket| !self.ui.in_sight.contains(socket)).take(OUT_OF_SIGHT).collect();
                    self.asked_until = others.last().copied().unwrap_or(0);
                    asked.extend(others);
                    asked.sort_unstable();
                    asked.dedup();
                }
                asked
            }
        }
    }

    fn followed(&mut self, moved: Moved) {
        match moved {
            Moved::Line(_) | Moved::Connection => {}
            Moved::Gap(gap) => self.ui.notice = Some(missing(&gap)),
            Moved::Over => {
                self.ui.notice = Some("the server was started anew: this was before".to_owned());
            }
        }
    }

    fn answered(&mut self, answer: Result<Answer, JoinError>) {
        // A socket may be gone by now, and so may the server: both are told by the watch.
        let Ok(Ok(info)) = answer else { return };
        if let Some(summary) = &info.summary {
            self.mirror.tell_time(&summary.stack, info.time_ns);
        }
        self.samples.take(&info);
        let sockets = self.mirror.sockets();
        self.samples.keep(|socket| sockets.get(socket).is_some());
        if let Some(following) = &mut self.following {
            following.tell(info);
        }
    }

    /// Does what the viewer asks for; false: it is to end.
    pub(super) fn press(&mut self, action: Action) -> bool {
        self.ui.notice = None;
        match action {
            Action::Quit => return false,
            Action::Help => self.ui.help = !self.ui.help,
            Action::Back => self.back(),
            Action::Pause => self.pause(),
            Action::Move(step) => match self.ui.view {
                View::Table => {
                    self.ui.cursor.step(step, false);
                    self.ui.chosen = self.socket_at(self.ui.cursor.at());
                }
                View::Events => self.ui.log.step(step, true),
                View::Connection(Tab::Details) => {}
                View::Connection(Tab::Ladder) => self.ui.ladder.step(step, true),
                View::Connection(Tab::Events) => self.ui.events.step(step, true),
            },
            Action::Open => self.show(Tab::Details, false),
            Action::Details => self.show(Tab::Details, true),
            Action::Ladder => self.show(Tab::Ladder, true),
            Action::Events if self.ui.view == View::Table => self.ui.view = View::Events,
            Action::Events => self.show(Tab::Events, true),
            Action::Next => {
                if let View::Connection(tab) = &mut self.ui.view {
                    *tab = tab.next();
                }
            }
            Action::Sort { forward } => self.ui.order.column = self.ui.order.column.beside(forward),
            Action::Reverse => self.ui.order.descending = !self.ui.order.descending,
            Action::State => self.next_state(),
            Action::Search => {
                self.ui.typing = self.ui.view == View::Table;
                if self.ui.typing {
                    self.ui.wanted.search.clear();
                }
            }
            Action::Typed(letter) => self.ui.wanted.search.push(letter),
            Action::Erased => _ = self.ui.wanted.search.pop(),
            Action::Entered => self.ui.typing = false,
        }
        true
    }

    /// The socket of a row, as the table is now.
    fn socket_at(&self, row: usize) -> Option<u64> {
        let rows = match &self.held {
            None => rows(self.mirror.sockets(), self.record.gone(), &self.samples),
            Some(held) => rows(&held.sockets, held.gone.iter(), &held.samples),
        };
        let shown = arrange(rows, &self.ui.wanted, self.ui.order);
        shown.get(row).map(|row| row.socket.summary.socket)
    }

    /// Opens the connection of a socket. What was held is let go.
    pub(super) fn open(&mut self, socket: u64, tab: Tab) {
        self.held = None;
        self.following = Some(Following::new(&self.client, socket));
        self.ui.open(tab);
    }

    /// Shows a view of the connection that is open, or opens the one under the cursor.
    fn show(&mut self, tab: Tab, among_tabs: bool) {
        match self.ui.view {
            View::Table => {
                if let Some(socket) = self.ui.chosen {
                    self.open(socket, tab);
                }
            }
            View::Connection(_) if among_tabs => self.ui.view = View::Connection(tab),
            View::Connection(_) | View::Events => {}
        }
    }

    /// One step out of what the viewer went into last.
    fn back(&mut self) {
        let ui = &mut self.ui;
        if ui.help {
            ui.help = false;
        } else if ui.typing || !(ui.view != View::Table || ui.wanted.search.is_empty()) {
            ui.typing = false;
            ui.wanted.search.clear();
        } else if ui.view == View::Table {
            ui.wanted.state = None;
        } else {
            ui.view = View::Table;
            if self.following.take().is_some() {
                self.held = None;
            }
        }
    }

    fn pause(&mut self) {
        self.held = match self.held {
            Some(_) => None,
            None => Some(Held {
                sockets: self.mirror.sockets().clone(),
                gone: self.record.gone().cloned().collect(),
                samples: self.samples.clone(),
                log: self.record.log.clone(),
                connection: self.following.as_ref().map(|following| following.connection().clone()),
            }),
        };
    }

    /// The next state of those that are counted; behind the last, all.
    fn next_state(&mut self) {
        let counts = count(&rows(self.mirror.sockets(), std::iter::empty(), &self.samples));
        let mut states = counts.into_iter().map(|(state, _)| state);
        self.ui.wanted.state = match &self.ui.wanted.state {
            None => states.next(),
            Some(present) => states.skip_while(|state| state != present).nth(1),
        };
    }

    /// Draws all of it.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let live = self.following.as_ref().map(Following::connection);
        let scene = match &self.held {
            None => Scene {
                server: &self.server,
                line: self.mirror.line(),
                sockets: self.mirror.sockets(),
                gone: self.record.gone().collect(),
                samples: &self.samples,
                log: &self.record.log,
                connection: live,
                paused: false,
                look: self.look,
            },
            Some(held) => Scene {
                server: &self.server,
                line: self.mirror.line(),
                sockets: &held.sockets,
                gone: held.gone.iter().collect(),
                samples: &held.samples,
                log: &held.log,
                connection: held.connection.as_ref(),
                paused: true,
                look: self.look,
            },
        };
        let area = frame.area();
        views::draw(&scene, &mut self.ui, area, frame.buffer_mut());
    }

    /// Whether a search is being typed.
    pub(super) fn is_typing(&self) -> bool {
        self.ui.typing
    }
}

#[cfg(test)]
impl App {
    pub(super) fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    pub(super) fn sockets(&self) -> &SocketMap {
        self.mirror.sockets()
    }

    pub(super) fn connection(&self) -> Option<&Connection> {
        self.following.as_ref().map(Following::connection)
    }

    pub(super) fn set_look(&mut self, look: Look) {
        self.look = look;
    }
}

/// Figures of sockets out of sight that are asked for at a time.
const OUT_OF_SIGHT: usize = 100;
