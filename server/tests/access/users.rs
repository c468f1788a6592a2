//! Unix sockets: the kernel says who is there.

use std::path::Path;

use hyper_util::rt::TokioIo;
use sockwright_server::config::{AccessConfig, Config};
use sockwright_server::listen::UnixDoor;
use sockwright_server::server::Server;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::rig::call;

async fn channel(path: &Path) -> Channel {
    let path = path.to_owned();
    let connect = service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connect).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_the_machine_need_no_token_and_the_file_goes_with_the_server() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("door");
    std::fs::write(room.path().join("tokens"), "").unwrap();
    let access = AccessConfig { tokens: Some(room.path().join("tokens")), ..AccessConfig::default() };
    let door = UnixDoor::open(&path, 0o600).unwrap();
    let server = Server::on(vec![door.into()], Config { access, ..Config::default() }).unwrap();
    assert_eq!(server.addresses().unwrap()[0].to_string(), format!("unix:{}", path.display()));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        _ = stopped.await;
    }));
    call(channel(&path).await).await.unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(!path.exists());
}
