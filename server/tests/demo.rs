//! The demo's picture: the same every time, and never wider than a page.

use sockwright_server::config::Config;
use sockwright_server::demo::{Ladder, play};
use sockwright_server::server::Server;

async fn picture() -> String {
    let server = Server::bind("127.0.0.1:0", Config::default()).await.unwrap();
    Ladder::of(&play(&server).await.unwrap()).to_text(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_prints_the_same_every_time() {
    let snapshot = include_str!("snapshots/demo.txt");
    for _ in 0..5 {
        let picture = picture().await;
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/demo.txt");
            std::fs::write(path, &picture).unwrap();
        } else {
            assert_eq!(picture, snapshot, "UPDATE_SNAPSHOTS=1 writes the new picture");
        }
    }
}

#[test]
fn the_demo_fits_a_page() {
    for line in include_str!("snapshots/demo.txt").lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
