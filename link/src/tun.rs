//! A link on a TUN or TAP interface: an interface of the host at the other end of which is this link, and no wire.
//!
//! A TUN interface carries whole IP packets, a TAP interface whole Ethernet frames:
//!
//! ```text
//! TUN   recv:  45 00 00 3c ...                                                  what the host routes there
//! TAP   recv:  02 00 00 00 00 02 | 5e 01 02 03 04 05 | 08 00 | 45 00 00 3c ...  and what it asks for by ARP
//! ```
//!
//! What Linux does with them, and what the link makes of it:
//!
//! - **A name that is free is made an interface**, which goes with the link. It begins without addresses and down: the
//!   link gives it the [host's addresses](Config::host_addresses) and brings it up. Only then it can be sent to.
//! - **A name that is there already** is taken if it is a persistent interface of the same kind (`ip tuntap add`) that no
//!   other program has open. It stays when the link goes, with the addresses and the MTU that it was given. Where it is
//!   up and nothing is to be given, no privilege is needed but to be its owner.
//! - **The host's addresses and the link's own are not the same.** The host answers for its own, and routes their network
//!   to the interface; behind it, the link is a neighbor (TAP) or everybody (TUN) in that network.
//! - **An IPv6 address of the host's sends before it receives**: the kernel makes the route to it a moment later, by a
//!   worker of its own, and drops what comes to it before (`Ip6InAddrErrors`).
//! - **The carrier is the link**: a persistent interface has none while no program has it open, and gets one with the link,
//!   which the kernel may show a moment later.
//! - **While it is down** nothing comes but what waited before, and what is sent is refused (`EIO`). The host loses its IPv6
//!   addresses there for good, as on any interface, and keeps those of IPv4.
//! - **What waits is limited** by the interface's queue, 500 frames of any length (`txqueuelen`). What the host sends
//!   beyond it is lost, and counted by the interface (`ip -s link`, dropped), whom [`Tun::lost`] asks. To be sent there is
//!   no queue: it arrives before the call is over.
//! - **Once it is removed**, every call fails (`EBADFD`). The link is silent then, and [`Tun::status`] tells. A persistent
//!   one that comes under its name it [takes up](Tun::take_up), where it was told that name.
//! - **Segments come as long as the host can make them**, up to 64 KiB, with a partial checksum, and leave as they are: they
//!   never meet a wire, unless the host forwards them, and then it cuts them. The kernel tells with each
//!   (`IFF_VNET_HDR`), and [`Received::checksums`] passes it on. Without [`Config::offload`] none is longer than the
//!   MTU, and each has its checksum.
//! - **Datagrams never come joined**: the link does not ask for that (`TUN_F_USO4`), so the kernel takes them apart.
//! - **The MTU binds the host, not the link**: it takes frames of any length from us.
//! - **802.1Q tags stay in the frames.**
//! - **The kernel speaks by itself** once the interface is up: neighbor and router discovery from a link-local IPv6
//!   address of its own, group memberships.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::net::IpAddr;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};
use sockwright_engine::host::Offload;
use sockwright_engine::wire::{ChecksumPolicy, Unfinished};

use crate::af_packet::Received;
use crate::error::LinkError;
use crate::interface::{IP_PACKET_MAX, InterfaceName, Status};
use crate::lost::Lost;
use crate::netlink::Netlink;
use crate::offload;
use crate::raw_ip::SendError;
use crate::sys;

/// A link on a TUN or TAP interface. See the [module](self) for what passes and what does not.
#[derive(Debug)]
pub struct Tun {
    interface: String,
    config: Config,
    device: File,
    /// To ask after the interface with, where it is.
    socket: Socket,
    netlink: Netlink,
    buffer: Box<[u8]>,
    /// Frames that the interface has dropped when it was asked last.
    dropped: u64,
    lost: Lost,
}

/// Which interface, and what it is to be. The default is a new TUN interface that nobody has given an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its name; `None`: a new one, `tun0` or `tap0` or the next that is free.
    pub name: Option<InterfaceName>,
    /// What it carries.
    pub layer: Layer,
    /// The addresses that the host gets there, with the lengths of their prefixes.
    pub host_addresses: Vec<(IpAddr, u8)>,
    /// The longest IP packet that the host sends there. `None`: what it is, 1500 octets for a new one.
    pub mtu: Option<u32>,
    /// Whether the host is spared cutting segments and computing checksums, and the link too.
    pub offload: bool,
}

/// What an interface carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// IP packets: it is a TUN interface.
    #[default]
    Ip,
    /// Ethernet frames: it is a TAP interface.
    Ethernet,
}

impl Default for Config {
    fn default() -> Self {
        Config { name: None, layer: Layer::Ip, host_addresses: Vec::new(), mtu: None, offload: true }
    }
}

impl Tun {
    /// Opens a link on the interface that `config` says, in the network namespace of the calling thread.
    ///
    /// Fails with [`LinkError::NoTunDevice`] where `/dev/net/tun` cannot be opened, [`LinkError::InterfaceTaken`], or
    /// [`LinkError::NotPermitted`], without `CAP_NET_ADMIN` and what it is needed for left to do.
    pub fn open(config: &Config) -> Result<Tun, LinkError> {
        let mut open = OpenOptions::new();
        let open = open.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        let device = open.open("/dev/net/tun").map_err(LinkError::NoTunDevice)?;
        let mut tun = Tun {
            interface: String::new(),
            config: config.clone(),
            device,
            socket: Socket::new(Domain::UNIX, Type::DGRAM, None).map_err(LinkError::io("open a socket"))?,
            netlink: Netlink::open().map_err(LinkError::io("open a netlink socket"))?,
            buffer: vec![0; offload::LEN + FRAME_MAX + 1].into(),
            dropped: 0,
            lost: Lost::default(),
        };
        tun.begin()?;
        Ok(tun)
    }

    /// Takes up the persistent interface that has the name of the link's now, where the one that the link was on was
    /// removed. What was registered stays so, and what was counted.
    ///
    /// Fails as [`Tun::open`] does, and with [`LinkError::NoSuchInterface`] where none has the name, or the name was the
    /// kernel's choice: who has it now was not asked for.
    pub fn take_up(&mut self) -> Result<(), LinkError> {
        let there = sys::interface_index_of(&self.socket, &self.interface).is_ok();
        if !there || self.config.name.is_none() {
            return Err(LinkError::NoSuchInterface(self.interface.clone()));
        }
        self.begin()
    }

    /// Becomes the other end of the interface, and makes it what it is to be.
    fn begin(&mut self) -> Result<(), LinkError> {
        let layer = match self.config.layer {
            Layer::Ip => libc::IFF_TUN,
            Layer::Ethernet => libc::IFF_TAP,
        };
        let asked = self.config.name.as_ref().map_or("", InterfaceName::as_str);
        let kind = layer | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        self.interface = sys::become_interface(&self.device, asked, kind).map_err(|source| {
            match source.raw_os_error() {
                // In use, or not of this kind.
                Some(libc::EBUSY | libc::EINVAL) => LinkError::InterfaceTaken(asked.to_owned()),
                _ => LinkError::privileged("make or take a TUN or TAP interface", "CAP_NET_ADMIN")(source),
            }
        })?;
        let offloads = if self.config.offload { OFFLOADS } else { 0 };
        let mut prepare = || {
            // Who had it before may have left it otherwise.
            sys::set_header_length(&self.device, offload::LEN)?;
            sys::set_offloads(&self.device, offloads)?;
            let index = sys::interface_index_of(&self.socket, &self.interface)?;
            self.dropped = self.netlink.frames_dropped(index)?;
            Ok(index)
        };
        let index = prepare().map_err(LinkError::io("prepare a TUN or TAP interface"))?;
        self.furnish(index)
    }

    /// What it does, unless told otherwise, for the segments that it is given: everything.
    pub const OFFLOAD: Offload = Offload { checksums: true, segmentation: IP_PACKET_MAX as u32 };

    /// Gives the interface what it is to have, and brings it up.
    fn furnish(&mut self, index: u32) -> Result<(), LinkError> {
        let Tun { config, netlink, .. } = &*self;
        if let Some(mtu) = config.mtu {
            let set = netlink.set_mtu(index, mtu);
            set.map_err(LinkError::privileged("set the MTU of an interface", "CAP_NET_ADMIN"))?;
        }
        for address in &config.host_addresses {
            let added = netlink.add_address(index, *address);
            added.map_err(LinkError::privileged("give an interface an address", "CAP_NET_ADMIN"))?;
        }
        // An owner without privilege may not even say what is so already.
        if self.status().is_none_or(|status| !status.running) {
            let up = netlink.set_up(index);
            up.map_err(LinkError::privileged("bring an interface up", "CAP_NET_ADMIN"))?;
        }
        Ok(())
    }

    /// The name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// What it does for the segments that it is given.
    pub fn offload(&self) -> Offload {
        if self.config.offload { Self::OFFLOAD } else { Offload::default() }
    }

    /// What the interface is now; `None` if it was removed, even where another one has its name.
    pub fn status(&self) -> Option<Status> {
        sys::interface_of(&self.device).filter(|name| *name == self.interface)?;
        // The carrier is ours, though the kernel may take a moment to say so.
        Status::of(&self.socket, &self.interface, libc::IFF_UP)
    }

    /// What was lost of the frames that arrived, or should have.
    pub fn lost(&mut self) -> Lost {
        let index = sys::interface_index_of(&self.socket, &self.interface);
        // Of one that was removed, what came after the last look is not known.
        if let Ok(dropped) = index.and_then(|index| self.netlink.frames_dropped(index)) {
            let more = dropped.saturating_sub(self.dropped) as u32;
            self.lost.overflowed = self.lost.overflowed.wrapping_add(more);
            self.dropped = dropped;
        }
        self.lost
    }

    /// Has `registry` report, under `token`, when there is something to receive.
    ///
    /// Edge-triggered, as mio is: after a report, [`recv`](Tun::recv) until it gives `None`.
    pub fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.device.as_raw_fd()), token, Interest::READABLE)
    }

    /// Ends what [`register`](Tun::register) began.
    pub fn deregister(&self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.device.as_raw_fd()))
    }

    /// The next packet or frame, in the link's own buffer; `None` when nothing waits.
    pub fn recv(&mut self) -> io::Result<Option<Received<'_>>> {
        let Some((frame, checksums)) = self.recv_range()? else { return Ok(None) };
        Ok(Some(Received { frame: &mut self.buffer[frame], checksums }))
    }

    /// Sends one packet or frame, or all that is to be cut from it.
    ///
    /// The source may be any address: a link that only tells the truth would be a poor tool for testing filters.
    pub fn send(&mut self, frame: &[u8], unfinished: Option<Unfinished>) -> Result<(), SendError> {
        let header = offload::header(unfinished);
        match self.device.write_vectored(&[IoSlice::new(&header), IoSlice::new(frame)]) {
            // All or nothing.
            Ok(_written) => Ok(()),
            Err(error) => Err(match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM | libc::EINTR) => SendError::Busy,
                Some(libc::EINVAL) => SendError::Malformed,
                _ => SendError::Io(error),
            }),
        }
    }

    /// The place in the buffer of the next packet or frame, and what is to be believed of it.
    fn recv_range(&mut self) -> io::Result<Option<(Range<usize>, ChecksumPolicy)>> {
        loop {
            let length = match self.device.read(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // It was removed, and says so for ever.
                Err(error) if error.raw_os_error() == Some(libc::EBADFD) => return Ok(None),
                Err(error) => return Err(error),
            };
            // What does not fit is cut off without a word.
            let Some(header) = self.buffer.first_chunk().filter(|_| length < self.buffer.len()) else {
                self.lost.oversized += 1;
                continue;
            };
            return Ok(Some((offload::LEN..length, offload::policy(header))));
        }
    }
}

/// A persistent interface is left so that a program that knows nothing of offloads can have it next.
impl Drop for Tun {
    fn drop(&mut self) {
        // It fails where the interface is gone.
        _ = sys::set_offloads(&self.device, 0);
    }
}

/// What is taken unfinished: checksums, TCP super-segments, and those of them that begin with CWR.
const OFFLOADS: libc::c_uint = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
/// The longest frame: an IP packet and a header with a tag.
const FRAME_MAX: usize = IP_PACKET_MAX + 18;
