//! Turns `proto/` into Rust with protox, so that nobody needs `protoc`, and writes the descriptor set that the
//! server's reflection serves.

use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 7] = [
    "proto/sockwright/v1/common.proto",
    "proto/sockwright/v1/events.proto",
    "proto/sockwright/v1/networks.proto",
    "proto/sockwright/v1/sessions.proto",
    "proto/sockwright/v1/sockets.proto",
    "proto/sockwright/v1/traces.proto",
    "proto/sockwright/v1/traffic.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("sockwright.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // The generated `connect` constructor would clash with the RPC of that name.
        .build_transport(false)
        // Socket bytes travel as reference-counted buffers, not copies.
        .bytes(".sockwright.v1")
        .compile_fds(descriptors)?;
    Ok(())
}
