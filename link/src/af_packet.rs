//! A link on an Ethernet interface of the host: a station of its own beside the host's, through a packet socket.
//!
//! It sends and receives whole Ethernet frames:
//!
//! ```text
//! recv:  02 00 00 00 00 02 | 5e 01 02 03 04 05 | 08 00 | 45 00 00 3c ...     as it came from the wire, or nearly so:
//! ```
//!
//! What Linux does with packet sockets, and what the link makes of it:
//!
//! - **The kernel sees every frame too**, and is silent: it drops what is for a MAC address that is not the
//!   interface's, and answers no ARP request for an IP address that it does not have. So nothing has to be guarded.
//! - **Stations on one interface do not hear each other.** A frame that the host sends, or another link of ours, leaves
//!   by the wire; a switch does not send it back. The link does not look at what the host sends (Linux 4.20), so that
//!   it never takes the host's frames for a neighbor's.
//! - **A packet socket of protocol 0 receives nothing** until it is bound with a protocol. So no frame comes in before
//!   the filter is there.
//! - **Hardware filters by address.** The link has the interface admit its MAC address, which makes interfaces that
//!   have no such filter promiscuous, and every group: IPv6 neighbors are found by groups. Both end with the socket.
//!   What else comes in, a filter of the link's own drops before it is queued.
//! - **802.1Q tags are taken out** of received frames and told beside them. The link puts them back.
//! - **Segments merged by receive offload come merged**, up to 64 KiB, whatever the MTU, and so do the super-segments
//!   of a peer on the other end of a veth. Larger ones (BIG TCP) do not fit an IP length field; the link drops and
//!   counts them.
//! - **Other super-segments than TCP's and UDP's** (SCTP's) have no name in what the kernel tells with each frame: it takes
//!   such a frame from the queue and gives an error in its place. The link counts it and takes the next.
//! - **Datagrams that were sent joined (`UDP_SEGMENT`) come joined** from such a peer. They are no one datagram: the link
//!   takes them apart.
//! - **A frame that never left the machine has a partial checksum**: the sum over the pseudo-header, left for hardware
//!   to complete. The kernel tells with each frame (`PACKET_VNET_HDR`), and [`Received::checksums`] passes it on.
//! - **Sent frames are finished as they say**: the kernel computes the checksum and cuts the super-segment that a frame
//!   comes with, or has the hardware do it, whatever the interface can. Of others no octet is touched. What goes round
//!   the queueing discipline (`PACKET_QDISC_BYPASS`) is not cut, so nothing goes round it. One above the interface's
//!   MTU is refused: [`SendError::TooBig`].
//! - **Of each frame that has left the kernel tells whoever may wait for room**, which takes time where somebody polls the
//!   socket, if only for what arrives. So frames leave by a socket of their own, which nobody polls.
//! - **An interface that goes down** is told as an error of the next call, once, whether it is back up by then or not.
//!   The link passes over it: the socket stays bound, and [`AfPacket::status`] tells.
//! - **One that is removed takes the binding with it**, and one that comes under its name is another: nothing comes from
//!   there until the link [takes it up](AfPacket::take_up).

use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};
use sockwright_engine::host::Offload;
use sockwright_engine::wire::checksum::Sum;
use sockwright_engine::wire::{ChecksumPolicy, Mac, Unfinished};

use crate::bpf;
use crate::error::LinkError;
use crate::interface::{IP_PACKET_MAX, Status};
use crate::lost::Lost;
use crate::offload;
use crate::raw_ip::SendError;
use crate::sys;

/// A link on an Ethernet interface. See the [module](self) for what passes and what does not.
#[derive(Debug)]
pub struct AfPacket {
    interface: String,
    mac: Mac,
    socket: Socket,
    /// What frames leave by.
    sender: Socket,
    /// Room for [`BATCH`](sys::BATCH) frames.
    buffer: Box<[u8]>,
    arrived: Arrived,
    leaving: Leaving,
    joined: Option<Joined>,
    /// Counted here; what the kernel counts is asked of it.
    lost: Lost,
}

/// Frames that were received by one call, to be given one by one.
#[derive(Debug, Default)]
struct Arrived {
    messages: Vec<sys::Message>,
    /// How many of them were given.
    given: usize,
    /// No more waited behind them.
    are_all: bool,
    /// The last of them was a long one.
    are_long: bool,
}

/// Short frames that are to leave by one call.
#[derive(Debug, Default)]
struct Leaving {
    /// Each behind its header.
    octets: Vec<u8>,
    /// Where each of them ends there.
    ends: Vec<usize>,
    /// Why some did not leave.
    refused: Vec<SendError>,
}

/// Datagrams that came as one frame, to be given one by one.
#[derive(Debug)]
struct Joined {
    /// The headers of each, up to UDP's.
    headers: Vec<u8>,
    /// Octets of them before IP's.
    ip_at: usize,
    /// Octets of data in each but the last.
    each: usize,
    /// Where in the buffer the data is that is left.
    data: Range<usize>,
}

/// A frame that was received.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Its octets.
    pub frame: &'a mut [u8],
    /// What is to be believed of the checksums in it.
    pub checksums: ChecksumPolicy,
}

impl AfPacket {
    /// What it does for the segments that it is given: everything, whatever the interface can.
    pub const OFFLOAD: Offload = Offload { checksums: true, segmentation: IP_PACKET_MAX as u32 };

    /// Opens a link on `interface`, as the station `mac`.
    ///
    /// Fails with [`LinkError::NoSuchInterface`], or, without `CAP_NET_RAW`, [`LinkError::NotPermitted`].
    pub fn open(interface: &str, mac: Mac) -> Result<AfPacket, LinkError> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))
            .map_err(LinkError::privileged("open a packet socket", "CAP_NET_RAW"))?;
        let prepare = || {
            socket.set_nonblocking(true)?;
            sys::set_receive_buffer(&socket, SOCKET_BUFFER)?;
            sys::frames_with_their_tags(&socket)?;
            sys::frames_from_outside_with_their_offloads(&socket)
        };
        prepare().map_err(LinkError::io("prepare a packet socket"))?;
        socket
            .attach_filter(&bpf::frames_for(mac.0))
            .map_err(LinkError::privileged("attach a filter to a socket", "CAP_NET_ADMIN"))?;
        let sender = sender().map_err(LinkError::io("prepare a packet socket"))?;
        let mut link = AfPacket {
            interface: interface.to_owned(),
            mac,
            socket,
            sender,
            buffer: vec![0; sys::BATCH * ROOM].into(),
            arrived: Arrived::default(),
            leaving: Leaving::default(),
            joined: None,
            lost: Lost::default(),
        };
        link.take_up()?;
        Ok(link)
    }

    /// Takes up the interface that has the name of the link's now, where the one that the link was on was removed. What was
    /// registered stays so, and what was counted.
    ///
    /// Fails with [`LinkError::NoSuchInterface`] where none has the name.
    pub fn take_up(&mut self) -> Result<(), LinkError> {
        let index = sys::interface_index_of(&self.socket, &self.interface)
            .map_err(|_| LinkError::NoSuchInterface(self.interface.clone()))?;
        sys::admit_station(&self.socket, index, self.mac.0)
            .and_then(|()| sys::bind_to_interface_to_send(&self.sender, index))
            .and_then(|()| sys::bind_to_interface(&self.socket, index))
            .map_err(LinkError::io("bind a packet socket"))
    }

    /// The name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The MAC address of the link.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// What the interface is now; `None` if it was removed, even where another one has its name.
    pub fn status(&self) -> Option<Status> {
        let named = sys::interface_index_of(&self.socket, &self.interface).ok();
        named.filter(|index| sys::bound_interface(&self.socket) == Some(*index))?;
        Status::of(&self.socket, &self.interface, libc::IFF_UP | libc::IFF_RUNNING)
    }

    /// What was lost of the frames that arrived.
    pub fn lost(&self) -> Lost {
        let overflowed = sys::receive_drops(&self.socket).unwrap_or_default();
        Lost { overflowed, ..self.lost }
    }

    /// Has `registry` report, under `token`, when there is something to receive.
    ///
    /// Edge-triggered, as mio is: after a report, [`recv`](AfPacket::recv) until it gives `None`, and before the next, see
    /// [`waits`](AfPacket::waits).
    pub fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, Interest::READABLE)
    }

    /// Ends what [`register`](AfPacket::register) began.
    pub fn deregister(&self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()))
    }

    /// The next frame, in the link's own buffer; `None` when nothing waits.
    pub fn recv(&mut self) -> io::Result<Option<Received<'_>>> {
        let Some((frame, checksums)) = self.recv_range()? else { return Ok(None) };
        Ok(Some(Received { frame: &mut self.buffer[frame], checksums }))
    }

    /// Whether there is something to receive, or something was lost just now. Quicker than to poll: what is there, the next
    /// call has without another one to the kernel.
    ///
    /// Whoever goes to sleep on a poll asks this last: there may be frames behind one that could not be read.
    pub fn waits(&mut self) -> io::Result<bool> {
        let given = self.joined.is_none() && self.arrived.given == self.arrived.messages.len();
        let lost = self.lost;
        Ok(!given || self.receive()? || self.lost != lost)
    }

    /// Sends one frame, or all that is to be cut from it.
    ///
    /// The source may be any address: a link that only tells the truth would be a poor tool for testing filters.
    pub fn send(&mut self, frame: &[u8], unfinished: Option<Unfinished>) -> Result<(), SendError> {
        let header = offload::header(unfinished);
        let parts = [IoSlice::new(&header), IoSlice::new(frame)];
        match even_if_it_was_down(|| self.sender.send_vectored(&parts)) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refusal(error, frame.len())),
        }
    }

    /// As [`send`](AfPacket::send), with the next [`flush`](AfPacket::flush) at the latest, behind what was queued before.
    pub fn queue(&mut self, frame: &[u8], unfinished: Option<Unfinished>) {
        if frame.len() > QUEUED_MAX {
            self.send_queued();
            let sent = self.send(frame, unfinished);
            return self.leaving.refused.extend(sent.err());
        }
        self.leaving.octets.extend_from_slice(&offload::header(unfinished));
        self.leaving.octets.extend_from_slice(frame);
        self.leaving.ends.push(self.leaving.octets.len());
        if self.leaving.ends.len() == sys::BATCH {
            self.send_queued();
        }
    }

    /// Sends what was queued: what became of the frames that did not leave, since the last time.
    pub fn flush(&mut self) -> Vec<SendError> {
        self.send_queued();
        std::mem::take(&mut self.leaving.refused)
    }

    fn send_queued(&mut self) {
        let Leaving { octets, ends, .. } = &self.leaving;
        let (mut from, mut left) = (0, &ends[..]);
        let mut refused = Vec::new();
        while let Some(first) = left.first() {
            let sent = even_if_it_was_down(|| sys::send_several(&self.sender, octets, from, left));
            let gone = sent.unwrap_or_else(|error| {
                refused.push(self.refusal(error, first - from - offload::LEN));
                1
            });
            (from, left) = (left[gone - 1], &left[gone..]);
        }
        self.leaving.octets.clear();
        self.leaving.ends.clear();
        self.leaving.refused.append(&mut refused);
    }

    /// What it means that a frame of this length did not leave.
    fn refusal(&self, error: io::Error, length: usize) -> SendError {
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM | libc::EINTR) => SendError::Busy,
            Some(libc::EMSGSIZE) => {
                let mtu = sys::interface_mtu(&self.socket, &self.interface).unwrap_or(0);
                SendError::TooBig { length, mtu }
            }
            Some(libc::EINVAL) => SendError::Malformed,
            _ => SendError::Io(error),
        }
    }

    /// The place in the buffer of the next frame, and what is to be believed of it.
    fn recv_range(&mut self) -> io::Result<Option<(Range<usize>, ChecksumPolicy)>> {
        if let Some(frame) = self.next_joined() {
            return Ok(Some((frame, ChecksumPolicy::Ignore)));
        }
        while let Some((start, message)) = self.next_message()? {
            let Some(header) = self.buffer[start..].first_chunk().filter(|_| !message.truncated) else {
                self.lost.oversized += 1;
                continue;
            };
            let (checksums, datagrams) = (offload::policy(header), offload::joined_datagrams(header));
            let untagged = start + offload::LEN;
            let mut frame = untagged..start + message.length;
            if let Some(tag) = message.tag.filter(|_| frame.len() >= ADDRESSES_LEN) {
                // The two addresses move to the front, over what stood before the frame, and the tag takes the place
                // that they leave.
                frame.start -= TAG_LEN;
                self.buffer.copy_within(untagged..untagged + ADDRESSES_LEN, frame.start);
                self.buffer[frame.start + ADDRESSES_LEN..untagged + ADDRESSES_LEN].copy_from_slice(&tag);
            }
            if let Some((udp_at, each)) = datagrams {
                // A tag that was put back moved nothing that is behind it.
                let data = untagged + udp_at + UDP_HEADER_LEN..frame.end;
                let headers = self.buffer.get(frame.start..data.start).unwrap_or_default().to_vec();
                let ip_at = untagged + ETHERNET_HEADER_LEN - frame.start;
                self.joined = Some(Joined { headers, ip_at, each, data });
                if let Some(first) = self.next_joined() {
                    return Ok(Some((first, checksums)));
                }
            }
            return Ok(Some((frame, checksums)));
        }
        Ok(None)
    }

    /// The next of those that were received, or are now, and where in the buffer it is; `None` when nothing waits.
    fn next_message(&mut self) -> io::Result<Option<(usize, sys::Message)>> {
        loop {
            let number = self.arrived.given;
            if let Some(message) = self.arrived.messages.get(number) {
                self.arrived.given += 1;
                return Ok(Some((number * ROOM, *message)));
            }
            if std::mem::take(&mut self.arrived.are_all) || !self.receive()? {
                return Ok(None);
            }
        }
    }

    /// Receives what waits. Whether there was something.
    fn receive(&mut self) -> io::Result<bool> {
        let Arrived { messages, given, are_all, are_long } = &mut self.arrived;
        // Long ones take longer to move than to call for, least of all in memory that was used just now.
        let at_most = if *are_long { 1 } else { sys::BATCH };
        (*given, *are_all) = (0, false);
        loop {
            match sys::receive_several(&self.socket, &mut self.buffer, ROOM, at_most, messages) {
                Ok(()) => {
                    *are_all = messages.len() < at_most;
                    *are_long = messages.last().is_some_and(|last| last.length > LONG);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::NetworkDown) => {}
                // What is to be cut from it has no name in the header, which takes it from the queue all the same.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.lost.unreadable += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The next of the datagrams that came joined. Its headers are put before its data, over what was given before.
    fn next_joined(&mut self) -> Option<Range<usize>> {
        let Joined { headers, ip_at, each, mut data } =
            self.joined.take().filter(|joined| !joined.data.is_empty())?;
        let end = data.end.min(data.start + each);
        let frame = data.start.checked_sub(headers.len())?..end;
        let octets = self.buffer.get_mut(frame.clone())?;
        octets.get_mut(..headers.len())?.copy_from_slice(&headers);
        set_lengths(octets, ip_at, headers.len().checked_sub(UDP_HEADER_LEN)?)?;
        data.start = end;
        self.joined = Some(Joined { headers, ip_at, each, data });
        Some(frame)
    }
}

/// A socket to send by, not yet bound.
fn sender() -> io::Result<Socket> {
    let sender = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    sender.set_nonblocking(true)?;
    sender.set_send_buffer_size(SOCKET_BUFFER)?;
    sys::frames_with_their_offloads(&sender)?;
    Ok(sender)
}

/// An interface that was down is told once, as an error of the next call: then it goes now.
fn even_if_it_was_down<T>(mut send: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    send().or_else(|error| match error.kind() {
        io::ErrorKind::NetworkDown => send(),
        _ => Err(error),
    })
}

/// Makes a frame with the headers of more datagrams one of a single one. Before its IP header are `ip_at` octets, before
/// UDP's `udp_at`. `None`: it is not what it was taken for, and is left alone.
fn set_lengths(frame: &mut [u8], ip_at: usize, udp_at: usize) -> Option<()> {
    let [ip_len, udp_len] = [ip_at, udp_at].map(|at| frame.len().saturating_sub(at) as u16);
    let (headers, datagram) = frame.split_at_mut_checked(udp_at)?;
    let packet = headers.get_mut(ip_at..)?;
    match packet.first()? >> 4 {
        4 => {
            packet.get_mut(2..4)?.copy_from_slice(&ip_len.to_be_bytes());
            packet.get_mut(10..12)?.fill(0);
            let sum = Sum::of(packet).checksum();
            packet.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
        }
        6 => packet.get_mut(4..6)?.copy_from_slice(&ip_len.saturating_sub(IPV6_HEADER_LEN).to_be_bytes()),
        _ => return None,
    }
    datagram.get_mut(4..6)?.copy_from_slice(&udp_len.to_be_bytes());
    Some(())
}

/// Octets of an 802.1Q tag.
const TAG_LEN: usize = 4;
/// Octets of the two addresses that a frame begins with.
const ADDRESSES_LEN: usize = 12;
/// Octets of a UDP header.
const UDP_HEADER_LEN: usize = 8;
/// Octets of an IPv6 header.
const IPV6_HEADER_LEN: u16 = 40;
/// Octets of an Ethernet header without a tag.
const ETHERNET_HEADER_LEN: usize = 14;
/// Octets of a frame that is queued, which is to copy it.
const QUEUED_MAX: usize = 512;
/// Octets of a frame beyond which the next are received one by one.
const LONG: usize = 2048;
/// The longest frame: such a packet and a header without a tag.
const FRAME_MAX: usize = IP_PACKET_MAX + ETHERNET_HEADER_LEN;
/// Octets for each frame in the buffer, behind its header.
const ROOM: usize = offload::LEN + FRAME_MAX;
/// Bytes asked for in each of the socket's buffers. The kernel counts its own overhead in it.
const SOCKET_BUFFER: usize = 8 << 20;
