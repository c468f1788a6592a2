//! A link on an address that the host owns: raw sockets beside the kernel's own stack.
//!
//! The host keeps its address, its routes and its neighbors; the link takes part in TCP, UDP and ICMP on that address.
//! It sends and receives whole IP packets:
//!
//! ```text
//! recv:  45 00 00 3c ... 06 ... | TCP header | payload      as it came from the wire, or nearly so:
//! ```
//!
//! What Linux does with raw sockets, and what the link makes of it:
//!
//! - **The kernel sees every packet too** and answers it unless a [guard](crate::guard) holds the port. The other way
//!   round the link sees the packets of every kernel socket on the address: [`Guards::admit`](crate::Guards::admit)
//!   tells them apart.
//! - **One protocol per socket.** So there are three to receive with: TCP, UDP, and ICMP or ICMPv6. A fourth,
//!   `IPPROTO_RAW`, sends whole packets of any protocol and receives nothing.
//! - **A raw socket receives from birth**, before it is bound, from every address. The link drops all until it is
//!   bound, empties the queue, and only then lets packets in.
//! - **Pings and neighbor discovery are the kernel's.** It answers them whatever we do, so a filter admits only ICMP
//!   errors and echo replies, and nothing is answered twice.
//! - **An address that is bound still gets multicast** in IPv6, unless `IPV6_MULTICAST_ALL` is off. It is.
//! - **IPv4 packets come with their header, IPv6 packets without.** The link rebuilds the IPv6 header: source, traffic
//!   class (so ECN marks survive) and hop limit as received; destination, the bound address. The flow label is lost,
//!   and so are extension headers. A raw ICMPv6 socket drops messages with a wrong checksum.
//! - **Fragments come reassembled**, and segments merged by receive offload come merged: up to 64 KiB, whatever the
//!   MTU. Larger ones (BIG TCP) do not fit an IP length field; the link drops and counts them.
//! - **A packet that never left the machine has a partial checksum**: the sum over the pseudo-header, left for hardware
//!   to complete. A raw socket cannot tell it from a wrong one. See [`RawIp::checksums`].
//! - **Sent IPv4 packets are touched**: the kernel writes total length and header checksum, and an identification
//!   where it is zero. Sent IPv6 packets are not. In neither does it compute the transport's checksum. That is why
//!   IPv6 goes out through `IPV6_HDRINCL` as well: the header, hop limit and flow label included, is the engine's.
//! - **Sent packets are never fragmented.** One above the MTU of its route is refused: [`SendError::TooBig`].
//! - **A full queue of an interface is not told** to raw sockets, unless they ask for errors (`IP_RECVERR`). The sending one
//!   does: [`SendError::Busy`]. No ICMP error comes to it, as none concerns its protocol.
//! - **Bound to an interface**, the link misses what the host sends to itself, which arrives on `lo`.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::Range;
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::bpf;
use crate::error::LinkError;
use crate::lost::Lost;
use crate::packet::{self, IPV6_HEADER};
use crate::sys;

/// A link on an address of the host. See the [module](self) for what passes and what does not.
#[derive(Debug)]
pub struct RawIp {
    address: IpAddr,
    interface: Option<String>,
    scope_id: u32,
    /// The interface that has the address, where one is known.
    owner: Option<String>,
    mtu: usize,
    receivers: [Receiver; 3],
    /// The receiver to ask first: the one that had something last.
    turn: usize,
    sender: Socket,
    buffer: Box<[u8]>,
    oversized: u64,
}

/// How far the checksums of received packets can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// Each is complete: one that does not match its packet marks a corrupt packet.
    Complete,
    /// Some cover the pseudo-header only, because the packet never met hardware: neither a match nor a mismatch proves
    /// anything. Packets of other hosts were verified by the kernel's hardware or by nobody.
    MayBePartial,
}

/// Why a packet was not sent.
#[derive(Debug)]
pub enum SendError {
    /// The kernel's queues are full for now. The packet may be dropped, as any router would.
    Busy,
    /// The packet is longer than the route to its destination takes.
    TooBig {
        /// Bytes of the packet.
        length: usize,
        /// The MTU of the link; the route's may be smaller.
        mtu: usize,
    },
    /// The bytes are not a whole IP packet of the link's family.
    Malformed,
    /// A packet filter of this host dropped it.
    Filtered,
    /// Anything else, such as no route to the destination.
    Io(io::Error),
}

impl RawIp {
    /// Opens a link on `address`; on `interface` alone, where one is given.
    ///
    /// Fails with [`LinkError::AddressNotOwned`], [`LinkError::NoSuchInterface`], or, without `CAP_NET_RAW`,
    /// [`LinkError::NotPermitted`]; some kernels want `CAP_NET_ADMIN` for the filters as well. A link-local IPv6 address that several interfaces share needs the interface named.
    pub fn open(address: IpAddr, interface: Option<&str>) -> Result<RawIp, LinkError> {
        if !is_unicast(address) {
            return Err(LinkError::AddressNotOwned(address));
        }
        let owner = match interface {
            Some(name) => Some(name.to_owned()),
            None => owner_of(address)?,
        };
        let scope_id = match &owner {
            Some(name) => {
                sys::interface_index(name).ok_or_else(|| LinkError::NoSuchInterface(name.clone()))?
            }
            None => 0,
        };
        let place = Place { address, scope_id, interface };
        let sender = place.open(libc::IPPROTO_RAW)?;
        sender.set_send_buffer_size(SOCKET_BUFFER).map_err(LinkError::io("enlarge the send buffer"))?;
        sys::tell_full_queues(&sender, address).map_err(LinkError::io("ask for errors"))?;
        let mtu = match &owner {
            Some(name) => mtu_of(&sender, name).map_err(LinkError::io("read the interface's MTU"))?,
            None => MTU_UNKNOWN,
        };
        let icmp = if address.is_ipv4() { libc::IPPROTO_ICMP } else { libc::IPPROTO_ICMPV6 };
        Ok(RawIp {
            address,
            interface: interface.map(str::to_owned),
            scope_id,
            owner,
            mtu,
            receivers: [
                Receiver::open(&place, libc::IPPROTO_TCP)?,
                Receiver::open(&place, libc::IPPROTO_UDP)?,
                Receiver::open(&place, icmp)?,
            ],
            turn: 0,
            sender,
            buffer: vec![0; IPV6_HEADER + IP_PACKET_MAX].into(),
            oversized: 0,
        })
    }

    /// The address of the link.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The interface that it is bound to.
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// The longest packet, in bytes with its IP header, that the interface owning the address sends: at most 65535.
    ///
    /// As it was when the link was opened or [looked](RawIp::look_at_mtu) at. A destination may be reached through another
    /// interface, or a route with an MTU of its own; [`RawIp::send`] has the last word.
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// Where the interface that the link is bound to was removed, and another one has its name by now, binds it to that one.
    pub fn follow_interface(&mut self) -> io::Result<()> {
        let Some(name) = &self.interface else { return Ok(()) };
        let Ok(index) = sys::interface_index_of(&self.sender, name) else { return Ok(()) };
        if index != self.scope_id {
            for socket in self.receivers.iter().map(|receiver| &receiver.socket).chain([&self.sender]) {
                socket.bind_device(Some(name.as_bytes()))?;
            }
            self.scope_id = index;
        }
        Ok(())
    }

    /// Looks at the interface again: its MTU, if that is another one by now.
    pub fn look_at_mtu(&mut self) -> Option<usize> {
        let now = mtu_of(&self.sender, self.owner.as_deref()?).ok()?;
        let before = std::mem::replace(&mut self.mtu, now);
        (now != before).then_some(now)
    }

    /// How far the checksums of received packets can be trusted: [`Checksums::MayBePartial`], always.
    pub fn checksums(&self) -> Checksums {
        Checksums::MayBePartial
    }

    /// What was lost of the packets that arrived.
    pub fn lost(&self) -> Lost {
        let drops =
            self.receivers.iter().map(|receiver| sys::receive_drops(&receiver.socket).unwrap_or_default());
        Lost { overflowed: drops.fold(0, u32::wrapping_add), oversized: self.oversized, unreadable: 0 }
    }

    /// Has `registry` report, under `token`, when there is something to receive.
    ///
    /// Edge-triggered, as mio is: after a report, [`recv`](RawIp::recv) until it gives `None`.
    pub fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        for receiver in &self.receivers {
            registry.register(&mut SourceFd(&receiver.socket.as_raw_fd()), token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Ends what [`register`](RawIp::register) began.
    pub fn deregister(&self, registry: &Registry) -> io::Result<()> {
        for receiver in &self.receivers {
            registry.deregister(&mut SourceFd(&receiver.socket.as_raw_fd()))?;
        }
        Ok(())
    }

    /// The next whole IP packet, in the link's own buffer; `None` when nothing waits.
    ///
    /// Packets of one protocol come in the order of their arrival; between protocols there is no order.
    pub fn recv(&mut self) -> io::Result<Option<&mut [u8]>> {
        for _ in 0..self.receivers.len() {
            if let Some(packet) = self.recv_from_turn()? {
                return Ok(Some(&mut self.buffer[packet]));
            }
            self.turn = (self.turn + 1) % self.receivers.len();
        }
        Ok(None)
    }

    /// Sends one whole IP packet, to the destination in its header.
    ///
    /// The source may be any address: a link that only tells the truth would be a poor tool for testing filters.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let to: SocketAddr = match packet::destination(packet) {
            Some(IpAddr::V4(to)) if self.address.is_ipv4() => (to, 0).into(),
            // The scope counts for link-local destinations only; the kernel ignores it for others.
            Some(IpAddr::V6(to)) if self.address.is_ipv6() => {
                SocketAddrV6::new(to, 0, 0, self.scope_id).into()
            }
            _ => return Err(SendError::Malformed),
        };
        match self.sender.send_to(packet, &to.into()) {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM | libc::EINTR) => SendError::Busy,
                Some(libc::EMSGSIZE) => SendError::TooBig { length: packet.len(), mtu: self.mtu },
                Some(libc::EINVAL) => SendError::Malformed,
                Some(libc::EPERM) => SendError::Filtered,
                _ => SendError::Io(error),
            }),
        }
    }

    /// The place in the buffer of the next packet of the receiver whose turn it is.
    fn recv_from_turn(&mut self) -> io::Result<Option<Range<usize>>> {
        let receiver = &mut self.receivers[self.turn];
        // A packet without its header is received behind the place of the header.
        let start = if self.address.is_ipv4() { 0 } else { IPV6_HEADER };
        loop {
            let message = match sys::receive(&receiver.socket, &mut self.buffer[start..start + IP_PACKET_MAX])
            {
                Ok(message) => message,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if message.truncated {
                self.oversized += 1;
                continue;
            }
            if let IpAddr::V6(address) = self.address {
                let header = ipv6_header(&message, receiver.protocol, address);
                self.buffer[..IPV6_HEADER].copy_from_slice(&header);
            }
            return Ok(Some(0..start + message.length));
        }
    }
}

/// The header that the kernel stripped, as far as it tells.
fn ipv6_header(message: &sys::Message, next_header: u8, destination: Ipv6Addr) -> [u8; IPV6_HEADER] {
    let traffic_class = message.traffic_class.unwrap_or(0);
    let source = message.source.unwrap_or(Ipv6Addr::UNSPECIFIED);
    let mut header = [0; IPV6_HEADER];
    header[0] = 0x60 | traffic_class >> 4;
    header[1] = traffic_class << 4;
    // Fits: the buffer for what follows the header is no longer than IP_PACKET_MAX.
    header[4..6].copy_from_slice(&(message.length as u16).to_be_bytes());
    header[6] = next_header;
    header[7] = message.hop_limit.unwrap_or(64);
    header[8..24].copy_from_slice(&source.octets());
    header[24..40].copy_from_slice(&destination.octets());
    header
}

/// Where the sockets of a link are bound.
struct Place<'a> {
    address: IpAddr,
    scope_id: u32,
    interface: Option<&'a str>,
}

impl Place<'_> {
    /// A raw socket for `protocol`, bound here, that lets nothing in yet.
    fn open(&self, protocol: i32) -> Result<Socket, LinkError> {
        let bind_to: SocketAddr = match self.address {
            IpAddr::V4(address) => (address, 0).into(),
            IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, self.scope_id).into(),
        };
        let socket = Socket::new(Domain::for_address(bind_to), Type::RAW, Some(Protocol::from(protocol)))
            .map_err(LinkError::privileged("open a raw socket", "CAP_NET_RAW"))?;
        socket
            .attach_filter(&bpf::drop_all())
            .map_err(LinkError::privileged("attach a filter to a socket", "CAP_NET_ADMIN"))?;
        socket.set_nonblocking(true).map_err(LinkError::io("make a raw socket non-blocking"))?;
        if let Some(name) = self.interface {
            socket.bind_device(Some(name.as_bytes())).map_err(|source| match source.raw_os_error() {
                Some(libc::ENODEV) => LinkError::NoSuchInterface(name.to_owned()),
                _ => LinkError::privileged("bind to an interface", "CAP_NET_RAW")(source),
            })?;
        }
        socket.bind(&bind_to.into()).map_err(|source| match source.kind() {
            io::ErrorKind::AddrNotAvailable => LinkError::AddressNotOwned(self.address),
            _ => LinkError::Io { what: "bind a raw socket", source },
        })?;
        Ok(socket)
    }
}

/// A socket that receives the packets of one protocol.
#[derive(Debug)]
struct Receiver {
    socket: Socket,
    /// As in the protocol or next header field.
    protocol: u8,
}

impl Receiver {
    fn open(place: &Place<'_>, protocol: i32) -> Result<Receiver, LinkError> {
        let socket = place.open(protocol)?;
        Self::prepare(&socket, place.address, protocol).map_err(LinkError::io("prepare a raw socket"))?;
        Ok(Receiver { socket, protocol: protocol as u8 })
    }

    /// Sets what a receiver needs, forgets what came before it was bound, and lets packets in.
    fn prepare(socket: &Socket, address: IpAddr, protocol: i32) -> io::Result<()> {
        sys::set_receive_buffer(socket, SOCKET_BUFFER)?;
        if address.is_ipv6() {
            socket.set_multicast_all_v6(false)?;
            socket.set_recv_tclass_v6(true)?;
            socket.set_recv_hoplimit_v6(true)?;
        }
        while sys::receive(socket, &mut []).is_ok() {}
        match protocol {
            libc::IPPROTO_ICMP => socket.attach_filter(&bpf::icmpv4_types(&ICMPV4_TYPES)),
            libc::IPPROTO_ICMPV6 => socket.attach_filter(&bpf::icmpv6_types(&ICMPV6_TYPES)),
            _ => socket.detach_filter(),
        }
    }
}

/// The interface that has `address`; `None` for one that the host owns by a route alone.
fn owner_of(address: IpAddr) -> Result<Option<String>, LinkError> {
    let listed = sys::interface_addresses().map_err(LinkError::io("list the interfaces"))?;
    // The host owns all of 127.0.0.0/8, of which `lo` lists one address.
    let on_loopback = |listed: IpAddr| listed.is_loopback() && address.is_loopback();
    let exact = listed.iter().find(|(_, listed)| *listed == address);
    let owner = exact.or_else(|| listed.iter().find(|(_, listed)| on_loopback(*listed)));
    Ok(owner.map(|(name, _)| name.clone()))
}

/// The longest packet that an interface sends, as far as an IP packet can be so long.
fn mtu_of(socket: &Socket, interface: &str) -> io::Result<usize> {
    Ok(sys::interface_mtu(socket, interface)?.min(IP_PACKET_MAX))
}

fn is_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

impl SendError {
    /// Whether the same packet may pass if sent again later.
    pub fn is_transient(&self) -> bool {
        matches!(self, SendError::Busy)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Busy => f.write_str("the kernel's queues are full for now"),
            SendError::TooBig { length, mtu } => {
                write!(
                    f,
                    "a packet of {length} bytes is longer than its route takes (the link's MTU is {mtu})"
                )
            }
            SendError::Malformed => f.write_str("the bytes are not a whole IP packet of the link's family"),
            SendError::Filtered => f.write_str("a packet filter of this host dropped the packet"),
            SendError::Io(error) => write!(f, "the packet could not be sent: {error}"),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SendError::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The longest IP packet, and the longest payload of an IPv6 packet: what 16 bits of length can say.
const IP_PACKET_MAX: usize = 65535;
/// Bytes asked for in each socket's buffer. The kernel counts its own overhead in it.
const SOCKET_BUFFER: usize = 8 << 20;
/// The MTU of an address that no interface lists: Ethernet's, which few routes go below.
const MTU_UNKNOWN: usize = 1500;
/// Echo reply, destination unreachable, time exceeded, parameter problem (RFC 792).
const ICMPV4_TYPES: [u8; 4] = [0, 3, 11, 12];
/// The four errors, and echo reply (RFC 4443).
const ICMPV6_TYPES: [u8; 5] = [1, 2, 3, 4, 129];
