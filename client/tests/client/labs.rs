//! A lab in virtual time, and connections in it.

use sockwright_client::{Client, address, v1};

use crate::common::{lab_of, socket};

/// Two stacks, `lab/a` at 10.0.0.1 and `lab/b` at 10.0.0.2, 10 ms apart in virtual time.
pub(crate) async fn lab(client: &Client) {
    lab_with(client, v1::Impairments::default()).await;
}

/// The same, on a link that does this as well.
pub(crate) async fn lab_with(client: &Client, impairments: v1::Impairments) {
    lab_of(client, v1::Clock::Virtual, impairments).await;
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
