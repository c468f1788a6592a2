//! The programs in `client/examples`, run as they stand.

use std::path::Path;

use tokio::process::Command;

use crate::common::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_between_two_stacks() {
    let world = World::start().await;
    // `cargo test` builds them beside the programs.
    let example = Path::new(env!("CARGO_BIN_EXE_sockwright")).with_file_name("examples").join("http");
    let run = Command::new(example).arg(world.address.to_string()).output();
    let output = run.await.expect("cargo build -p sockwright-client --example http");
    let (said, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaints}");
    assert!(said.starts_with("HTTP/1.0 200 OK\r\n\r\n10.0.0.1:"), "{said}");
    assert!(said.ends_with(" asked for GET /there HTTP/1.0\n"), "{said}");
    assert!(world.client().await.list_labs().await.expect("a list").is_empty());
}
