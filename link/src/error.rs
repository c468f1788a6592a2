//! What can go wrong while a link is set up, each a sentence that says what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::guard::Protocol;

/// Why a link, a guard or a namespace could not be had.
#[derive(Debug)]
pub enum LinkError {
    /// The process lacks the named capability.
    NotPermitted {
        /// What was attempted, as in "open a raw socket".
        what: &'static str,
        /// The capability that allows it, as in `CAP_NET_RAW`.
        capability: &'static str,
    },
    /// No network interface has this name.
    NoSuchInterface(String),
    /// The interface of this name is of another kind, or another program has it.
    InterfaceTaken(String),
    /// `/dev/net/tun` could not be opened.
    NoTunDevice(io::Error),
    /// No network namespace has this name.
    NoSuchNamespace(String),
    /// The process may not make namespaces of its own.
    NoNamespaces(io::Error),
    /// The address belongs to no interface of this host, or is not a unicast address.
    AddressNotOwned(IpAddr),
    /// Another station on the link has the address.
    AddressTaken(IpAddr),
    /// A socket of the kernel, or another guard, holds the port.
    PortTaken(Protocol, SocketAddr),
    /// The limit of [`Guards`](crate::Guards) is reached.
    TooManyGuards {
        /// The limit.
        limit: usize,
    },
    /// Any other failure of the operating system.
    Io {
        /// What was attempted, as in "listen on the guarded port".
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

impl LinkError {
    /// Wraps a failure of the operating system, for `map_err`.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> LinkError {
        move |source| LinkError::Io { what, source }
    }

    /// The like, where the error may also be the lack of `capability`.
    pub(crate) fn privileged(
        what: &'static str,
        capability: &'static str,
    ) -> impl FnOnce(io::Error) -> LinkError {
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied => LinkError::NotPermitted { what, capability },
            _ => LinkError::Io { what, source },
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::NotPermitted { what, capability } => write!(
                f,
                "not permitted to {what}: run with {capability}, as root{}, or in a user namespace of its own \
                 (sockwrightd --isolated)",
                match *capability {
                    "CAP_NET_ADMIN" => " with --keep net-admin",
                    "CAP_NET_BIND_SERVICE" => " with --keep net-bind-service",
                    _ => "",
                }
            ),
            LinkError::NoSuchInterface(name) => write!(f, "there is no network interface named {name:?}"),
            LinkError::InterfaceTaken(name) => write!(
                f,
                "the network interface {name:?} is there already, and is of another kind or in use by another program; \
                 `ip -details link` tells"
            ),
            LinkError::NoTunDevice(source) => write!(
                f,
                "could not open /dev/net/tun: {source}; TUN and TAP need the kernel's module `tun`, and this device with \
                 the permission to read and write it"
            ),
            LinkError::NoSuchNamespace(name) => write!(
                f,
                "there is no network namespace named {name:?}; `ip netns add` makes one, `ip netns` lists them"
            ),
            LinkError::NoNamespaces(source) => write!(
                f,
                "could not make a user and a network namespace: {source}; \
                 kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns and \
                 user.max_user_namespaces (sysctl), or the container's seccomp profile, may forbid it"
            ),
            LinkError::AddressNotOwned(address) => write!(
                f,
                "{address} is not a unicast address of this host; `ip address` lists those that are \
                 (an IPv6 address marked tentative is not ready yet)"
            ),
            LinkError::AddressTaken(address) => {
                write!(f, "another station on the link has the address {address}")
            }
            LinkError::PortTaken(protocol, address) => write!(
                f,
                "{protocol} {address} is taken by another socket of this host; `ss -ap` shows whose it is"
            ),
            LinkError::TooManyGuards { limit } => {
                write!(f, "all {limit} guards of this stack are in use; release a port or raise the limit")
            }
            LinkError::Io { what, source } => write!(f, "could not {what}: {source}"),
        }
    }
}

impl Error for LinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LinkError::Io { source, .. }
            | LinkError::NoTunDevice(source)
            | LinkError::NoNamespaces(source) => Some(source),
            _ => None,
        }
    }
}
