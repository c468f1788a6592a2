//! smoltcp as a peer in a world: an outsider with one TCP socket, driven by the world's clock.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpCidr};
use sockwright_engine::time::Instant;
use sockwright_sim::{LinkIndex, StackId, World};

use crate::queues::Queues;

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
        let mut device = Queues::new(settings.mtu);
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
        // It wraps within the first minutes.
        CLOCK.set(((micros / 1000) as u32).wrapping_sub(100_000));
        while let Some(arrival) = world.poll_arrival(self.stack) {
            self.device.arrived.push_back(arrival.frame);
        }
        let at = smoltcp::time::Instant::from_micros(micros);
        self.interface.poll(at, &mut self.device, &mut self.sockets);
        for frame in self.device.sent.drain(..) {
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
