//! The rest of the host: ports, the clock, limits of a process, and settings of the kernel's network.

use std::io::ErrorKind;
use std::net::TcpListener;

use rustix::process::{Resource, getrlimit};

use super::{Check, line_of};
use crate::config::Limits;

pub(super) fn checks(listen: &str) -> Vec<Check> {
    vec![
        ports(listen),
        clock(),
        descriptors(),
        buffers(),
        reverse_path(),
        forwarding(),
        congestion_control(),
        ipv6(),
    ]
}

fn ports(listen: &str) -> Check {
    let name = "ports";
    let low = line_of("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_else(|| "1024".to_owned());
    match TcpListener::bind(listen) {
        Ok(_) => {
            Check::ok(name, format!("{listen} is free; ports from {low} on need no CAP_NET_BIND_SERVICE"))
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Check::warn(
            name,
            format!("{listen} is taken: another server may be there"),
            "sockwrightd --listen 127.0.0.1:0, or end the other one (ss -ltnp)",
        ),
        Err(error) => Check::warn(name, format!("{listen}: {error}"), "sockwrightd --listen ADDRESS"),
    }
}

fn clock() -> Check {
    let name = "clock";
    let source = line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    match source.as_deref() {
        Some(slow @ ("hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" | "pit")) => Check::warn(
            name,
            format!("the clock is {slow}: each look at it is a call of the kernel, and takes a microsecond"),
            "clocksource=tsc on the kernel's command line, where the processor's can be trusted",
        ),
        Some(source) => Check::ok(name, format!("the clock is {source}")),
        None => Check::ok(name, "the kernel does not say what clock it has"),
    }
}

fn descriptors() -> Check {
    let name = "descriptors";
    let limit = getrlimit(Resource::Nofile);
    let wanted = Limits::default().guarded_ports as u64 + 1024;
    match limit.current {
        Some(current) if current < wanted => Check::warn(
            name,
            format!(
                "{current} descriptors at most: one for each call's connection and each port that a raw_ip stack holds"
            ),
            format!("ulimit -n {wanted}, or LimitNOFILE={wanted}"),
        ),
        Some(current) => Check::ok(name, format!("{current} descriptors at most")),
        None => Check::ok(name, "as many descriptors as there are"),
    }
}

fn buffers() -> Check {
    let name = "buffers";
    let most = line_of("/proc/sys/net/core/rmem_max").and_then(|text| text.parse::<u64>().ok());
    match most {
        Some(most) if most < BUFFER => Check::warn(
            name,
            format!("a socket's receive buffer has {most} octets at most: bursts are lost sooner"),
            format!("sysctl net.core.rmem_max={BUFFER}, or --keep net-admin"),
        ),
        Some(most) => Check::ok(name, format!("a socket's receive buffer may have {most} octets")),
        None => Check::ok(name, "net.core.rmem_max is not to be seen in this namespace: the host's holds"),
    }
}

/// 1 drops what comes on another interface than the way back leads to; the greater of both settings holds.
fn reverse_path() -> Check {
    let name = "rp_filter";
    let setting = |of: &str| {
        let text = line_of(&format!("/proc/sys/net/ipv4/conf/{of}/rp_filter"));
        text.and_then(|text| text.parse::<u8>().ok()).unwrap_or(0)
    };
    match setting("all").max(setting("default")) {
        1 => Check::warn(
            name,
            "strict: the host drops packets from a stack on another interface than the way back leads to",
            "sysctl net.ipv4.conf.all.rp_filter=2, where a stack is on one interface and its peers behind another",
        ),
        0 => Check::ok(name, "off"),
        _ => Check::ok(name, "loose"),
    }
}

fn forwarding() -> Check {
    let name = "ip_forward";
    match line_of("/proc/sys/net/ipv4/ip_forward").as_deref() {
        Some("1") => Check::ok(name, "the host forwards: a stack behind a TUN interface reaches beyond it"),
        _ => Check::ok(
            name,
            "the host does not forward: a stack behind a TUN interface reaches the host alone",
        ),
    }
}

/// Of the kernel that is the peer. Nothing is wrong with any of them, but figures differ.
fn congestion_control() -> Check {
    let name = "kernel's TCP";
    let own = line_of("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_else(|| "unknown".to_owned());
    let there = line_of("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap_or_default();
    Check::ok(name, format!("congestion control is {own} (there are: {there})"))
}

fn ipv6() -> Check {
    let name = "IPv6";
    match line_of("/proc/sys/net/ipv6/conf/all/disable_ipv6").as_deref() {
        Some("0") => Check::ok(name, "on"),
        Some(_) => Check::warn(name, "switched off", "sysctl net.ipv6.conf.all.disable_ipv6=0"),
        None => Check::warn(name, "the kernel has none", "a kernel with CONFIG_IPV6, and no ipv6.disable=1"),
    }
}

/// What a raw socket asks for.
const BUFFER: u64 = 8 << 20;
