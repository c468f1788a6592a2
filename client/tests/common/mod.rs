//! A real server in process, which can go away and come back, and a lab with a listener on it.

use std::net::SocketAddr;

use sockwright_client::{Client, address, v1};
use sockwright_server::config::Config;
use sockwright_server::server::Server;
use tokio::sync::oneshot;
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
        let allow = vec!["127.0.0.0/8".parse().expect("a prefix")];
        let server = Server::bind(at, Config { allow, ..Config::default() }).await.expect("bound");
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

/// Two stacks, `lab/a` at 10.0.0.1 and `lab/b` at 10.0.0.2, 10 ms apart on this clock.
pub(crate) async fn lab_of(client: &Client, clock: v1::Clock, impairments: v1::Impairments) {
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
