//! smoltcp as a peer: two of it joined in memory.
//!
//! Set up to be fast: no congestion control, no delayed acknowledgments, no Nagle, and the buffers that it is fastest with.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::anyhow;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

/// Gbit/s of one flow between two smoltcp joined by queues, in one thread.
pub(crate) fn pair_in_memory(mtu: usize, length: Duration) -> anyhow::Result<f64> {
    let clock = std::time::Instant::now();
    let mut sender = Station::new(Queues::new(mtu), HardwareAddress::Ip, Ipv4Addr::new(10, 0, 0, 1));
    let mut receiver = Station::new(Queues::new(mtu), HardwareAddress::Ip, Ipv4Addr::new(10, 0, 0, 2));
    receiver.socket().listen(PORT).map_err(|why| anyhow!("{why}"))?;
    let (socket, context) =
        (sender.sockets.get_mut::<tcp::Socket>(sender.handle), sender.interface.context());
    socket.connect(context, (Ipv4Addr::new(10, 0, 0, 2), PORT), 40_000).map_err(|why| anyhow!("{why}"))?;
    let (mut octets, mut began, mut turns) = (0, None, 0u32);
    loop {
        sender.poll();
        receiver.device.arrived.extend(sender.device.sent.drain(..));
        receiver.poll();
        sender.device.arrived.extend(receiver.device.sent.drain(..));
        let socket = sender.socket();
        while socket.can_send() {
            socket.send(|room| (room.len(), ())).map_err(|why| anyhow!("{why}"))?;
        }
        octets += receiver.take()?;
        turns = turns.wrapping_add(1);
        // The clock is looked at now and then.
        if turns.is_multiple_of(64) {
            match began {
                None if clock.elapsed() > WARM_UP => {
                    octets = 0;
                    began = Some(std::time::Instant::now());
                }
                Some(began) if began.elapsed() >= length => {
                    return Ok(octets as f64 * 8.0 / 1e9 / began.elapsed().as_secs_f64());
                }
                _ => {}
            }
        }
    }
}

/// One smoltcp, and one socket of it.
struct Station<D: Device> {
    device: D,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

impl<D: Device> Station<D> {
    fn new(mut device: D, hardware: HardwareAddress, address: Ipv4Addr) -> Self {
        let mut config = Config::new(hardware);
        config.random_seed = 7;
        let mut interface = Interface::new(config, &mut device, Instant::now());
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(address.into(), 24)).expect("room for one address");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket());
        Station { device, interface, sockets, handle }
    }

    fn poll(&mut self) {
        self.interface.poll(Instant::now(), &mut self.device, &mut self.sockets);
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// Takes what came, and says how much.
    fn take(&mut self) -> anyhow::Result<usize> {
        let socket = self.socket();
        let mut octets = 0;
        while socket.can_recv() {
            octets += socket.recv(|data| (data.len(), data.len())).map_err(|why| anyhow!("{why}"))?;
        }
        Ok(octets)
    }
}

fn socket() -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    socket.set_ack_delay(None);
    socket.set_nagle_enabled(false);
    socket
}

/// A device whose frames its owner carries.
struct Queues {
    mtu: usize,
    arrived: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

impl Queues {
    fn new(mtu: usize) -> Queues {
        Queues { mtu, arrived: VecDeque::new(), sent: Vec::new() }
    }
}

impl Device for Queues {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, ToSend<'_>)> {
        let frame = self.arrived.pop_front()?;
        Some((Arrived(frame), ToSend(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        Some(ToSend(&mut self.sent))
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

/// Octets of each buffer.
const BUFFER: usize = 65_535;
const PORT: u16 = 80;
const WARM_UP: Duration = Duration::from_millis(100);
