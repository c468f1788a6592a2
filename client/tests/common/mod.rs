//! A real server in process, which can go away and come back, and a wire to it that can be cut.
#![allow(dead_code, reason = "each program of tests uses its part")]

use std::net::SocketAddr;

use sockwright_client::{Client, address, v1};
use sockwright_server::config::Config;
use sockwright_server::server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A server.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    async fn start_at(at: &str) -> Self {
        let server = Server::bind(at, Config::default()).await.expect("bound");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(async {
            _ = stopped.await;
        }));
        Self { address, stop, serving }
    }

    /// Another run, at the same address: nothing that was there is there.
    pub(crate) async fn restart(self) -> Self {
        let Self { address, stop, serving } = self;
        _ = stop.send(());
        serving.await.expect("it ended").expect("it served");
        Self::start_at(&address.to_string()).await
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.address.to_string()).await.expect("connected")
    }
}

/// Two stacks, `lab/a` at 10.0.0.1 and `lab/b` at 10.0.0.2, 10 ms apart in virtual time.
pub(crate) async fn lab(client: &Client) {
    lab_with(client, v1::Impairments::default()).await;
}

/// The same, on a link that does this as well.
pub(crate) async fn lab_with(client: &Client, impairments: v1::Impairments) {
    lab_of(client, v1::Clock::Virtual, impairments).await;
}

/// The same, with time that passes only as [`advance`] says.
pub(crate) async fn lab_by_hand(client: &Client) {
    lab_of(client, v1::Clock::Manual, v1::Impairments::default()).await;
}

/// Lets so many milliseconds pass in a lab that was made by hand.
pub(crate) async fn advance(client: &Client, ms: i32) {
    let by = prost_types::Duration { seconds: (ms / 1000).into(), nanos: ms % 1000 * 1_000_000 };
    let how = Some(v1::advance_time_request::How::By(by));
    let request = v1::AdvanceTimeRequest { lab: "lab".to_owned(), how };
    client.networks.clone().advance_time(request).await.expect("advanced");
}

async fn lab_of(client: &Client, clock: v1::Clock, impairments: v1::Impairments) {
    let stack = |name: &str| v1::LabStack { name: name.to_owned(), ..Default::default() };
    let delay = Some(prost_types::Duration { seconds: 0, nanos: 10_000_000 });
    let link = v1::LabLink {
        stacks: vec!["a".to_owned(), "b".to_owned()],
        impairments: Some(v1::Impairments { delay, ..impairments }),
        ..Default::default()
    };
    let lab = v1::CreateLabRequest {
        name: "lab".to_owned(),
        stacks: vec![stack("a"), stack("b")],
        links: vec![link],
        clock: clock.into(),
        seed: 1,
        ..Default::default()
    };
    client.networks.clone().create_lab(lab).await.expect("a lab");
}

/// A socket on a stack.
pub(crate) async fn socket(client: &Client, stack: &str, label: &str) -> u64 {
    let create = v1::CreateRequest { stack: stack.to_owned(), label: label.to_owned(), ..Default::default() };
    client.sockets.clone().create(create).await.expect("a socket").into_inner().socket
}

/// A listener at 10.0.0.2:80.
pub(crate) async fn listener(client: &Client) -> u64 {
    let socket = socket(client, "lab/b", "web").await;
    let mut sockets = client.sockets.clone();
    let local = Some(address(([10, 0, 0, 2], 80)));
    sockets.bind(v1::BindRequest { socket, local }).await.expect("bound");
    sockets.listen(v1::ListenRequest { socket, backlog: 0 }).await.expect("listening");
    socket
}

/// A connection to that listener: who opened it, and who accepted it.
pub(crate) async fn connection(client: &Client, listener: u64) -> (u64, u64) {
    let opener = socket(client, "lab/a", "").await;
    let remote = Some(address(([10, 0, 0, 2], 80)));
    let connect = v1::ConnectRequest { socket: opener, remote, dont_wait: false, data: Default::default() };
    let mut sockets = client.sockets.clone();
    sockets.connect(connect).await.expect("connected");
    let accept = v1::AcceptRequest { socket: listener, ..Default::default() };
    let accepted = sockets.accept(accept).await.expect("accepted").into_inner().socket;
    (opener, accepted)
}

pub(crate) async fn close(client: &Client, socket: u64) {
    client.sockets.clone().close(v1::CloseRequest { socket }).await.expect("closed");
}

/// A wire to a server. While it is cut, nobody gets through.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Wire {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let (whole, is_whole) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut is_whole = is_whole.clone();
                tokio::spawn(async move {
                    if !*is_whole.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_whole.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        Self { address, whole }
    }

    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

/// Sends so much from one end, while the other takes it.
pub(crate) async fn transfer(client: &Client, from: u64, to: u64, octets: usize) {
    let mut sending = client.clone();
    let send = async move { sending.send_all(from, vec![7; octets]).await.expect("sent") };
    let receive = async {
        let mut sockets = client.sockets.clone();
        let mut left = octets;
        while left > 0 {
            let recv = v1::RecvRequest { socket: to, ..Default::default() };
            left -= sockets.recv(recv).await.expect("received").into_inner().data.len();
        }
    };
    tokio::join!(send, receive);
}
