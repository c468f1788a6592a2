//! Packet I/O for the engine: where packets and frames come from and go to.
//!
//! Owns the links (virtual, raw and on Ethernet), the impairments that may stand in front of any of them, and the guards that
//! keep the host's own stack silent on ports that belong to an engine. Knows nothing of TCP beyond port numbers,
//! and nothing of tokio or the contract. A link deals in one kind of thing: a whole IPv4 or IPv6 packet, or a whole
//! Ethernet frame, in a slice.
//!
//! | module | what it is | needs |
//! |---|---|---|
//! | [`virtual_link`] | a segment inside this process, in any clock's time | nothing |
//! | [`impair`] | loss, delay, reordering ... as a seeded value | nothing |
//! | [`raw_ip`] | raw sockets on an address that the host owns | `CAP_NET_RAW` |
//! | [`relay`] | a bump in the wire between two interfaces | `CAP_NET_RAW` |
//! | [`af_packet`] | a station of its own on an interface of the host | `CAP_NET_RAW` |
//! | [`tun`] | the other end of a TUN or TAP interface | `/dev/net/tun`, and `CAP_NET_ADMIN` to make one |
//! | [`bell`] | what tells that something became of an interface | nothing |
//! | [`guard`] | ports taken from the kernel | free ports |
//! | [`isolation`] | namespaces of the process's own, with what links need in them | nothing, where users may |
//! | [`netns`] | running any of these in another network namespace | `CAP_SYS_ADMIN` |
//!
//! `unsafe` is denied everywhere but in `sys`, which holds the few system calls that socket2 and mio lack.
#![deny(unsafe_code)]

pub mod af_packet;
pub mod bell;
mod bpf;
mod error;
pub mod guard;
pub mod impair;
mod interface;
pub mod isolation;
mod lost;
mod netlink;
pub mod netns;
mod offload;
pub mod offloads;
mod packet;
pub mod raw_ip;
pub mod relay;
pub mod rng;
#[allow(unsafe_code)]
mod sys;
pub mod tun;
pub mod virtual_link;

pub use af_packet::AfPacket;
pub use bell::Bell;
pub use error::LinkError;
pub use guard::{Guards, PortGuard, Protocol};
pub use impair::{Bursts, Impairer, Impairments};
pub use interface::{InterfaceName, NotAnInterfaceName, Status};
pub use lost::Lost;
pub use raw_ip::RawIp;
pub use relay::Relay;
pub use tun::Tun;
pub use virtual_link::VirtualLink;
