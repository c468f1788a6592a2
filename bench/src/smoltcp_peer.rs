//! smoltcp as a peer: two of it joined in memory, and one on a TAP of the host.
//!
//! Set up as its own benchmark is: no congestion control, buffers of 65,535 octets, with which it is fastest.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, Medium, TunTapInterface};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use crate::queues::Queues;

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

/// Serves on a TAP of this name, in the namespace of the thread, until told to stop: who connects to port 1234 gets octets,
/// and who connects to 1235 gets rid of them.
pub(crate) fn serve_on_tap(name: &str, address: Ipv4Addr, stop: &AtomicBool) -> anyhow::Result<()> {
    let device = TunTapInterface::new(name, Medium::Ethernet).context("open the TAP")?;
    let fd = device.as_raw_fd();
    let mac = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, 1]));
    let mut station = Station::new(device, mac, address);
    let sink = station.sockets.add(socket());
    let source = station.handle;
    while !stop.load(Ordering::Relaxed) {
        station.poll();
        let socket = station.sockets.get_mut::<tcp::Socket>(source);
        if !socket.is_open() {
            socket.listen(SOURCE).map_err(|why| anyhow!("{why}"))?;
        }
        while socket.can_send() {
            socket.send(|room| (room.len(), ())).map_err(|why| anyhow!("{why}"))?;
        }
        let socket = station.sockets.get_mut::<tcp::Socket>(sink);
        if !socket.is_open() {
            socket.listen(SINK).map_err(|why| anyhow!("{why}"))?;
        }
        while socket.can_recv() {
            socket.recv(|data| (data.len(), ())).map_err(|why| anyhow!("{why}"))?;
        }
        let now = Instant::now();
        let wait = match station.interface.poll_at(now, &station.sockets) {
            Some(at) if at <= now => continue,
            Some(at) => (at - now).min(NAP),
            None => NAP,
        };
        smoltcp::phy::wait(fd, Some(wait))?;
    }
    Ok(())
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
    tcp::Socket::new(buffer(), buffer())
}

/// Where it sends octets.
pub(crate) const SOURCE: u16 = 1234;
/// Where it takes octets.
pub(crate) const SINK: u16 = 1235;
/// Octets of each buffer.
const BUFFER: usize = 65_535;
const PORT: u16 = 80;
const WARM_UP: Duration = Duration::from_millis(100);
const NAP: smoltcp::time::Duration = smoltcp::time::Duration::from_millis(50);
