//! What interfaces are made, given and told to be, asked of the kernel by `rtnetlink` messages.
//!
//! Owns the few messages that the links need, as bytes; knows nothing of what the interfaces are for. Each is answered,
//! most with an errno, 0 for done, before the call that sent it is over.
//!
//! ```text
//! length      | type  | flags | number      | 0           | family, prefix, ... | attributes: length, type, value ...
//! 2c 00 00 00 | 14 00 | 05 05 | 00 00 00 00 | 00 00 00 00 | 02 18 00 00 ...     | 08 00 02 00 0a 4d 00 01 ...
//! ```
//!
//! Numbers are in the machine's own order.

use std::io::{self, Read};
use std::net::IpAddr;

use socket2::{Domain, Protocol, Socket, Type};

/// The way to the kernel of one network namespace: that of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens it.
    pub(crate) fn open() -> io::Result<Netlink> {
        let route = Protocol::from(libc::NETLINK_ROUTE);
        Ok(Netlink { socket: Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(route))? })
    }

    /// Gives an address to the interface of this index, without asking anybody whether he has it: it can be sent from at
    /// once, and received at as soon as the kernel has made its route. One that it has already, it keeps.
    pub(crate) fn add_address(&self, index: u32, (ip, prefix): (IpAddr, u8)) -> io::Result<()> {
        let (family, octets) = match ip {
            IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
            IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
        };
        let without_asking = libc::IFA_F_NODAD as u8;
        let mut body = vec![family as u8, prefix, without_asking, libc::RT_SCOPE_UNIVERSE];
        body.extend(index.to_ne_bytes());
        body.extend(attribute(libc::IFA_LOCAL, &octets));
        body.extend(attribute(libc::IFA_ADDRESS, &octets));
        self.ask(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &body)
    }

    /// Makes a veth pair: two interfaces that are each the other's wire.
    pub(crate) fn add_veth(&self, [one, other]: [&str; 2]) -> io::Result<()> {
        let named = |name: &str| attribute(libc::IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
        let peer = attribute(VETH_INFO_PEER, &[about_link(0, 0), named(other)].concat());
        let kind =
            [attribute(libc::IFLA_INFO_KIND, b"veth"), attribute(libc::IFLA_INFO_DATA, &peer)].concat();
        let body = [about_link(0, 0), named(one), attribute(libc::IFLA_LINKINFO, &kind)].concat();
        self.ask(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
    }

    /// Brings the interface of this index up.
    pub(crate) fn set_up(&self, index: u32) -> io::Result<()> {
        self.ask(libc::RTM_NEWLINK, 0, &about_link(index, libc::IFF_UP as u32))
    }

    /// Has the interface of this index carry IP packets of so many octets.
    pub(crate) fn set_mtu(&self, index: u32, mtu: u32) -> io::Result<()> {
        let mut body = about_link(index, 0);
        body.extend(attribute(libc::IFLA_MTU, &mtu.to_ne_bytes()));
        self.ask(libc::RTM_NEWLINK, 0, &body)
    }

    /// Frames that were to leave by the interface of this index and were dropped, so far: of a TUN or TAP interface, those
    /// that its queue had no room for.
    pub(crate) fn frames_dropped(&self, index: u32) -> io::Result<u64> {
        let mut body = vec![0; 4];
        body.extend(index.to_ne_bytes());
        body.extend(COUNTERS_FILTER.to_ne_bytes());
        let told = self.exchange(libc::RTM_GETSTATS, 0, &body)?;
        let mut rest = told.get(COUNTERS_HEADER_LEN..).unwrap_or_default();
        while let Some([l0, l1, k0, k1]) = rest.first_chunk() {
            let length = usize::from(u16::from_ne_bytes([*l0, *l1])).max(ATTRIBUTE_HEADER_LEN);
            if u16::from_ne_bytes([*k0, *k1]) == COUNTERS {
                let at = ATTRIBUTE_HEADER_LEN + DROPPED_AT;
                let count = rest.get(at..).and_then(|rest| rest.first_chunk());
                return count.map(|count| u64::from_ne_bytes(*count)).ok_or(cut_short());
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Err(cut_short())
    }

    /// Carries out one request.
    fn ask(&self, kind: u16, flags: libc::c_int, body: &[u8]) -> io::Result<()> {
        self.exchange(kind, libc::NLM_F_ACK | flags, body).map(drop)
    }

    /// Sends one request. What comes back behind the header of the answer.
    fn exchange(&self, kind: u16, flags: libc::c_int, body: &[u8]) -> io::Result<Vec<u8>> {
        let flags = (libc::NLM_F_REQUEST | flags) as u16;
        let mut message = ((HEADER_LEN + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        self.socket.send(&message)?;
        let mut answer = [0; ANSWER_MAX];
        let length = (&self.socket).read(&mut answer)?;
        let (header, rest) = answer[..length].split_first_chunk::<HEADER_LEN>().ok_or(cut_short())?;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        if i32::from(kind) == libc::NLMSG_ERROR {
            match rest.first_chunk().map(|errno| i32::from_ne_bytes(*errno)).ok_or(cut_short())? {
                0 => {}
                errno => return Err(io::Error::from_raw_os_error(-errno)),
            }
        }
        Ok(rest.to_vec())
    }
}

/// An answer that ends before it is over.
fn cut_short() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// The fixed part of a request about the interface of this index, and which of its flags are to be set.
fn about_link(index: u32, flags: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    for word in [index, flags, flags] {
        body.extend(word.to_ne_bytes());
    }
    body
}

/// An attribute, and what keeps the next one aligned.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = ATTRIBUTE_HEADER_LEN + value.len();
    let mut octets = (length as u16).to_ne_bytes().to_vec();
    octets.extend(kind.to_ne_bytes());
    octets.extend(value);
    octets.resize(length.next_multiple_of(4), 0);
    octets
}

/// The attribute of a veth's data that says what the other end is to be.
const VETH_INFO_PEER: u16 = 1;
/// The counters of an interface (`IFLA_STATS_LINK_64`), as an attribute and as what is asked for.
const COUNTERS: u16 = 1;
const COUNTERS_FILTER: u32 = 1 << (COUNTERS - 1);
/// Octets before the attributes of an answer about counters.
const COUNTERS_HEADER_LEN: usize = 12;
/// Where in the counters that of the frames is that were dropped on their way out: the eighth.
const DROPPED_AT: usize = 7 * 8;
/// Octets of the header of a message.
const HEADER_LEN: usize = 16;
/// Octets of the header of an attribute.
const ATTRIBUTE_HEADER_LEN: usize = 4;
/// The longest answer that is looked at: an errno and the request that it is about, or counters.
const ANSWER_MAX: usize = 512;
