//! Real peers: the Linux kernel's TCP and UDP, curl and Python's http.server, over raw sockets and on Ethernet, on
//! loopback, veth, TUN and TAP, IPv4 and IPv6, through a kernel that routes, and through an impairing relay of our own.
//!
//! Server and client run in a network namespace of the test's own, the kernel peer in the same one (loopback) or in
//! another (veth). Where namespaces cannot be made, each test says so in one line, and passes.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../link/tests/common/mod.rs"]
mod net;
mod rig;

mod bulk;
mod captures;
mod closing;
mod confined;
mod covering;
mod fragments;
mod interfaces;
mod killed;
mod losses;
mod matrix;
mod path_mtu;
mod policy;
mod programs;
mod refusals;
mod sessions;
mod stations;
mod traffic;
mod tunnels;
mod udp;
mod vlan;
mod waiting;
