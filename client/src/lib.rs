//! The Rust client of Sockwright: a thin layer over the generated clients of `sockwright.v1`.
//!
//! Owns: how to reach a server, deadlines, errors in the words of POSIX, connections as `AsyncRead` and `AsyncWrite` ([`net`]),
//! and watching that survives the line to the server.
//! The calls themselves are the contract's; their documentation is in `proto/`.
//!
//! ```no_run
//! use sockwright_client::{Client, address, v1};
//!
//! # async fn example() -> Result<(), sockwright_client::Error> {
//! let mut client = Client::connect("http://127.0.0.1:50051").await?;
//! let stacks = ["a", "b"].map(|name| v1::LabStack { name: name.into(), ..Default::default() }).to_vec();
//! client.networks.create_lab(v1::CreateLabRequest { name: "lab".into(), stacks, ..Default::default() }).await?;
//!
//! let create = v1::CreateRequest { stack: "lab/a".into(), ..Default::default() };
//! let socket = client.sockets.create(create).await?.into_inner().socket;
//! let remote = Some(address(([10, 0, 0, 2], 80)));
//! match client.sockets.connect(v1::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() }).await {
//!     Ok(_) => unreachable!("nobody listens"),
//!     Err(status) => {
//!         let error = sockwright_client::Error::from(status);
//!         assert_eq!(error.errno_name.as_deref(), Some("ECONNREFUSED"));
//!         assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::ConnectionRefused);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod client;
pub mod connection;
mod credentials;
mod error;
pub mod mirror;
pub mod net;
mod tracing;
pub mod watching;

pub use client::{Client, PerCall, Transport, address};
pub use credentials::Credentials;
pub use error::{Error, code_name};
pub use mirror::StateMirror;
/// The contract: messages, and the clients that [`Client`] holds.
pub use sockwright_proto::v1;
pub use tracing::RunningTrace;
