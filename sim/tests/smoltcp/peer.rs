//! smoltcp as a peer in a world: an outsider with one TCP socket, driven by the world's clock.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpCidr};
use sockwright_engine::time::Instant;
use sockwright_sim::{LinkIndex, StackId, World};

/// What the peer is told to be.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) address: IpAddr,
    pub(crate) mtu: usize,
    pub(crate) receive_buffer: usize,
    pub(crate) send_buffer: usize,
    pub(crate) congestion: tcp::CongestionControl,
    pub(crate) ack_delay: Option<Duration>,
    pub(crate) nagle: bool,
    pub(crate) timestamps: bool,
}

/// The peer, and its place in the world.
pub(crate) struct Peer {
    stack: StackId,
    link: LinkIndex,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    device: Queues,
    /// When it has something to do without being asked.
    next: Option<Instant>,
}

impl Peer {
    /// `stack` is an outsider that has joined `link` with the address of `settings`.
    pub(crate) fn new(stack: StackId, link: LinkIndex, settings: &Settings) -> Peer {
        let mut device = Queues { mtu: settings.mtu, arrived: VecDeque::new(), to_send: Vec::new() };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = settings.seed;
        let mut interface = Interface::new(config, &mut device, smoltcp::time::Instant::ZERO);
        let prefix = if settings.address.is_ipv4() { 24 } else { 64 };
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(settings.address.into(), prefix)).expect("room for one address");
        });
        let buffer = |length| tcp::SocketBuffer::new(vec![0; length]);
        let mut socket = tcp::Socket::new(buffer(settings.receive_buffer), buffer(settings.send_buffer));
        socket.set_congestion_control(settings.congestion);
        socket.set_nagle_enabled(settings.nagle);
        socket.set_ack_delay(
            settings.ack_delay.map(|delay| smoltcp::time::Duration::from_micros(delay.as_micros() as u64)),
        );
        socket.set_tsval_generator(settings.timestamps.then_some(|| CLOCK.get()));
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Peer { stack, link, interface, sockets, socket, device, next: None }
    }

    pub(crate) fn connect(&mut self, remote: SocketAddr, local_port: u16) {
        let socket = self.sockets.get_mut::<tcp::Socket>(self.socket);
        socket.connect(self.interface.context(), remote, local_port).expect("an open connection");
        self.next = Some(Instant::ZERO);
    }

    pub(crate) fn listen(&mut self, port: u16) {
        self.socket().listen(port).expect("a free socket");
    }

    pub(crate) fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    /// When it has something to do without being asked.
    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.next
    }

    /// Takes in what arrived, and sends what is due.
    pub(crate) fn poll(&mut self, world: &mut World) {
        let now = world.now();
        let micros = now.since(Instant::ZERO).as_micros() as i64;
        // From somewhere within its range, as any clock.
        CLOCK.set(((micros / 1000) as u32).wrapping_add(0xffff_0000));
        while let Some(arrival) = world.poll_arrival(self.stack) {
            self.device.arrived.push_back(arrival.frame);
        }
        let at = smoltcp::time::Instant::from_micros(micros);
        self.interface.poll(at, &mut self.device, &mut self.sockets);
        for frame in self.device.to_send.drain(..) {
            assert!(world.send_frame(self.link, self.stack, &frame), "the peer is on its link");
        }
        // Its clock has microseconds, ours has nanoseconds: at least one of its ticks passes.
        let next = self.interface.poll_at(at, &self.sockets);
        self.next = next.map(|next| {
            let next = Instant::ZERO + Duration::from_micros(next.total_micros().max(0) as u64);
            next.max(now + Duration::from_micros(1))
        });
    }
}

thread_local! {
    /// What the timestamps of smoltcp's sockets on this thread read.
    static CLOCK: Cell<u32> = const { Cell::new(0) };
}

/// smoltcp's device: frames that arrived, and frames that it sent.
struct Queues {
    mtu: usize,
    arrived: VecDeque<Vec<u8>>,
    to_send: Vec<Vec<u8>>,
}

impl Device for Queues {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Arrived, ToSend<'_>)> {
        let frame = self.arrived.pop_front()?;
        Some((Arrived(frame), ToSend(&mut self.to_send)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<ToSend<'_>> {
        Some(ToSend(&mut self.to_send))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

struct Arrived(Vec<u8>);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

struct ToSend<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let result = write(&mut frame);
        self.0.push(frame);
        result
    }
}
