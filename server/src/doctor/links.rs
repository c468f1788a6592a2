//! Links: each kind is opened, and the guard is spoken to.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use caps::{CapSet, Capability};
use sockwright_engine::wire::Mac;
use sockwright_link::offloads::{self, Offloads};
use sockwright_link::{AfPacket, PortGuard, Protocol, RawIp};

use super::Check;
use crate::confine::capabilities::guards_need_net_admin;

pub(super) fn checks(interfaces: &[String]) -> Vec<Check> {
    let mut checks = vec![raw_sockets(), packet_sockets(), kernel_guard(), tun()];
    let named = match interfaces.is_empty() {
        true => offloads::interfaces().unwrap_or_default(),
        false => interfaces.to_vec(),
    };
    checks.extend(named.iter().map(|name| interface(name)));
    checks
}

fn raw_sockets() -> Check {
    let name = "raw sockets";
    match RawIp::open(Ipv4Addr::LOCALHOST.into(), None) {
        Ok(_) => Check::ok(name, "raw sockets open (raw_ip)"),
        Err(error) => Check::fail(name, error.to_string(), "see capabilities; labs need none"),
    }
}

fn packet_sockets() -> Check {
    let name = "packet sockets";
    match AfPacket::open("lo", Mac([2, 0, 0, 0, 0, 1])) {
        Ok(_) => Check::ok(name, "packet sockets open (af_packet)"),
        Err(error) => Check::fail(name, error.to_string(), "see capabilities; labs need none"),
    }
}

/// The kernel has to keep silent at a port that is guarded: neither does it accept nor refuse.
fn kernel_guard() -> Check {
    let name = "kernel guard";
    let anywhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let guard = match PortGuard::claim(Protocol::Tcp, anywhere) {
        Ok(guard) => guard,
        Err(error) => {
            return Check::fail(
                name,
                error.to_string(),
                "CAP_NET_ADMIN, kept with --keep net-admin: this kernel keeps the filters of TCP sockets to it",
            );
        }
    };
    match TcpStream::connect_timeout(&guard.address(), SILENCE) {
        Err(error) if error.kind() == ErrorKind::TimedOut && guards_need_net_admin() => Check::warn(
            name,
            "the kernel keeps silent at a port that is guarded; it wants CAP_NET_ADMIN for that, which raw_ip then needs",
            "--keep net-admin; --confine auto keeps it by itself, and af_packet needs none",
        ),
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            Check::ok(name, "the kernel keeps silent at a port that is guarded")
        }
        Err(error) => Check::fail(
            name,
            format!("the kernel answered at a port that is guarded: {error}"),
            "a firewall of this host may answer in its place (nft list ruleset): it must let loopback pass",
        ),
        Ok(_) => {
            Check::fail(name, "the kernel accepted a connection at a port that is guarded", "another kernel")
        }
    }
}

fn tun() -> Check {
    let name = "TUN";
    let made = caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap_or(false);
    match OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        Ok(_) if made => Check::ok(name, "/dev/net/tun opens, and interfaces can be made"),
        Ok(_) => Check::warn(
            name,
            "/dev/net/tun opens; without CAP_NET_ADMIN only an interface of this user's can be had",
            "ip tuntap add dev NAME mode tun user USER, ip address add ... dev NAME, ip link set NAME up",
        ),
        Err(error) => Check::warn(
            name,
            format!("/dev/net/tun: {error}"),
            "modprobe tun; chmod 666 /dev/net/tun; in a container, give it the device",
        ),
    }
}

fn interface(name: &str) -> Check {
    const NAME: &str = "interface";
    match Offloads::of(name) {
        Err(error) => Check::warn(NAME, format!("{name}: {error}"), "ip -brief link"),
        Ok(offloads) if offloads.lro == Some(true) => Check::warn(
            NAME,
            format!(
                "{name}: {offloads}: the interface joins segments, so that what arrives is not what was sent"
            ),
            format!("ethtool -K {name} lro off"),
        ),
        Ok(offloads) => Check::ok(NAME, format!("{name}: {offloads}")),
    }
}

/// For so long the kernel has to say nothing: on loopback it would answer at once.
const SILENCE: Duration = Duration::from_millis(200);
