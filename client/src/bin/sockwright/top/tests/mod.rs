//! `top` on events of a real server, drawn on ratatui's test backend.
//!
//! Time passes in the lab only as the test says, so that what is drawn is the same every time: exact screens lie in
//! `client/tests/snapshots/top`. `UPDATE_SNAPSHOTS=1` writes them; look at the difference before committing it.

#[path = "../../../../../tests/common/mod.rs"]
mod common;
mod screens;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{World, lab_of, listener, socket};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use sockwright_client::connection::{Connection, Side};
use sockwright_client::{Client, address, v1};

use super::app::App;
use super::input::{Action, Move};
use super::look::Look;
use super::table::{Column, Order};
use super::ui::{Tab, Ui};

/// `top` of a server, on a terminal of 80x24.
struct Stage {
    client: Client,
    app: App,
    terminal: Terminal<TestBackend>,
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
const PLAIN: Look = Look { colour: false, unicode: true };

impl Stage {
    async fn of(world: &World, look: Look) -> Self {
        let client = world.client().await;
        let order = Order { column: Column::Id, descending: false };
        // Not the real address, which is another one each time.
        let server = "127.0.0.1:50051".to_owned();
        let app = App::new(client.clone(), server, v1::Filter::default(), look, Ui::new(order));
        let terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        Self { client, app, terminal }
    }

    /// Draws, and gives the screen as it is.
    fn screen(&mut self) -> Buffer {
        self.terminal.draw(|frame| self.app.draw(frame)).expect("drawn");
        self.terminal.backend().buffer().clone()
    }

    /// Draws, and gives the screen as text.
    fn text(&mut self) -> String {
        let screen = self.screen();
        let rows = screen.content().chunks(screen.area.width.into());
        let line = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>();
        rows.map(|row| line(row).trim_end().to_owned() + "\n").collect()
    }

    /// Waits until something moved.
    async fn moved(&mut self) {
        let moved = tokio::time::timeout(PATIENCE, self.app.moved()).await;
        moved.unwrap_or_else(|_| panic!("nothing moves:\n{}", self.text())).expect("it goes on");
    }

    /// Moves until the screen has this.
    async fn until(&mut self, words: &str) {
        while !self.text().contains(words) {
            self.moved().await;
        }
    }

    /// Asks for figures, and moves until they are there.
    async fn figures(&mut self) {
        self.text();
        self.app.tick(tokio::time::Instant::now());
        while self.app.is_asking() {
            self.moved().await;
        }
    }

    /// Moves until both ends of the connection that is open are watched.
    async fn paired(&mut self) {
        while self.app.connection().is_none_or(|open| open.end(Side::Far).is_none()) {
            self.moved().await;
        }
    }

    /// Moves until all that happened before the last figures is told.
    async fn told(&mut self) {
        let is_told = |open: &Connection| {
            let at = open.info().and_then(|info| info.at).map_or(0, |at| at.seq);
            open.events().next_back().is_some_and(|event| event.seq >= at)
        };
        while !self.app.connection().is_some_and(is_told) {
            self.moved().await;
        }
    }

    fn press(&mut self, actions: impl IntoIterator<Item = Action>) {
        for action in actions {
            assert!(self.app.press(action));
        }
    }

    fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
    }

    /// A socket at 10.0.0.1:49152, whose segments have no timestamps: nothing on the screen is the engine's free choice.
    async fn opener(&self, label: &str) -> u64 {
        let create = v1::CreateRequest {
            stack: "lab/a".to_owned(),
            label: label.to_owned(),
            options: Some(v1::SocketOptions { timestamps: Some(false), ..Default::default() }),
            ..Default::default()
        };
        let mut sockets = self.client.sockets.clone();
        let socket = sockets.create(create).await.expect("a socket").into_inner().socket;
        let local = Some(address(([10, 0, 0, 1], 49152)));
        sockets.bind(v1::BindRequest { socket, local }).await.expect("bound");
        socket
    }

    /// Opens a connection to 10.0.0.2:80 in 30 ms: who accepted it.
    async fn connect(&mut self, opener: u64, listener: u64) -> u64 {
        let remote = Some(address(([10, 0, 0, 2], 80)));
        let connect =
            v1::ConnectRequest { socket: opener, remote, dont_wait: true, data: Default::default() };
        let mut sockets = self.client.sockets.clone();
        // It is under way.
        sockets.connect(connect).await.expect_err("no time has passed");
        advance(&self.client, 30).await;
        let accept = v1::AcceptRequest { socket: listener, ..Default::default() };
        sockets.accept(accept).await.expect("accepted").into_inner().socket
    }

    /// What the link does to frames from now on.
    async fn lose(&self, loss: f64) {
        let delay = Some(prost_types::Duration { seconds: 0, nanos: 10_000_000 });
        let impairments = Some(v1::Impairments { delay, loss, ..Default::default() });
        let request =
            v1::SetImpairmentsRequest { lab: "lab".to_owned(), link: "link1".to_owned(), impairments };
        self.client.networks.clone().set_impairments(request).await.expect("set");
    }

    async fn shutdown(&self, socket: u64) {
        let how = v1::ShutdownHow::Write.into();
        let request = v1::ShutdownRequest { socket, how };
        self.client.sockets.clone().shutdown(request).await.expect("shut down");
    }
}

/// A lab with time that passes only as [`advance`] says.
async fn lab_by_hand(client: &Client) {
    lab_of(client, v1::Clock::Manual, v1::Impairments::default()).await;
}

/// Lets so many milliseconds pass in a lab that was made by hand.
async fn advance(client: &Client, ms: i32) {
    let by = prost_types::Duration { seconds: (ms / 1000).into(), nanos: ms % 1000 * 1_000_000 };
    let how = Some(v1::advance_time_request::How::By(by));
    let request = v1::AdvanceTimeRequest { lab: "lab".to_owned(), how };
    client.networks.clone().advance_time(request).await.expect("advanced");
}

/// A screen is what it was.
#[track_caller]
fn hold(name: &str, screen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/top").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        return fs::write(path, screen).expect("written");
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert!(known == screen, "{name}: UPDATE_SNAPSHOTS=1 writes it\nwas:\n{known}\nis:\n{screen}");
}
