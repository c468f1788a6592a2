//! What an attached stack sends and receives by: raw sockets on an address of the host, or an interface of the host.

use std::fmt;
use std::io;
use std::time::Duration;

use mio::{Registry, Token};
use sockwright_engine::host::{Errno, LinkChange, Offload};
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, Unfinished};
use sockwright_link::af_packet::Received;
use sockwright_link::raw_ip::{Checksums, SendError};
use sockwright_link::{AfPacket, Lost, RawIp, Status, Tun};

/// A link of the host.
pub(super) enum Wire {
    /// Raw sockets.
    RawIp(RawIp),
    /// On an interface.
    Interface(Box<Place>),
}

/// A place on an interface, which may go down, change or be removed.
pub(super) struct Place {
    pub(super) device: Device,
    /// What the engine knows of the interface; `None`: that it was removed.
    pub(super) told: Option<Status>,
    /// When it is looked at again.
    pub(super) look_again: Instant,
}

/// What there is to have on an interface.
pub(super) enum Device {
    /// A station beside the host's.
    Packet(AfPacket),
    /// The other end of it.
    Tun(Tun),
}

impl Device {
    /// The name of the interface.
    pub(super) fn interface(&self) -> &str {
        match self {
            Device::Packet(packet) => packet.interface(),
            Device::Tun(tun) => tun.interface(),
        }
    }

    /// What the interface is now; `None` if it was removed.
    pub(super) fn status(&self) -> Option<Status> {
        match self {
            Device::Packet(packet) => packet.status(),
            Device::Tun(tun) => tun.status(),
        }
    }

    /// What it finishes.
    pub(super) fn offload(&self) -> Offload {
        match self {
            Device::Packet(_) => AfPacket::OFFLOAD,
            Device::Tun(tun) => tun.offload(),
        }
    }

    /// Has `registry` report, under `token`, when there is something to receive.
    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Device::Packet(packet) => packet.register(registry, token),
            Device::Tun(tun) => tun.register(registry, token),
        }
    }

    fn lost(&self) -> Lost {
        match self {
            Device::Packet(packet) => packet.lost(),
            Device::Tun(tun) => tun.lost(),
        }
    }

    fn recv(&mut self) -> io::Result<Option<Received<'_>>> {
        match self {
            Device::Packet(packet) => packet.recv(),
            Device::Tun(tun) => tun.recv(),
        }
    }

    fn send(&mut self, frame: &[u8], unfinished: Option<Unfinished>) -> Result<(), SendError> {
        match self {
            Device::Packet(packet) => packet.send(frame, unfinished),
            Device::Tun(tun) => tun.send(frame, unfinished),
        }
    }
}

impl Wire {
    /// The next packet or frame; `None` when nothing waits.
    pub(super) fn recv(&mut self) -> io::Result<Option<Received<'_>>> {
        match self {
            Wire::RawIp(raw) => {
                let checksums = match raw.checksums() {
                    Checksums::Complete => ChecksumPolicy::Verify,
                    Checksums::MayBePartial => ChecksumPolicy::AllowPartial,
                };
                Ok(raw.recv()?.map(|frame| Received { frame, checksums }))
            }
            Wire::Interface(place) => place.device.recv(),
        }
    }

    /// Sends one packet or frame, finished as its link is to.
    pub(super) fn send(&mut self, frame: &[u8], unfinished: Option<Unfinished>) -> Result<(), SendError> {
        match self {
            Wire::RawIp(raw) => raw.send(frame),
            Wire::Interface(place) => place.device.send(frame, unfinished),
        }
    }

    /// What was lost of what arrived.
    pub(super) fn lost(&self) -> Lost {
        match self {
            Wire::RawIp(raw) => raw.lost(),
            Wire::Interface(place) => place.device.lost(),
        }
    }

    /// What became of an address of the host, where there is no interface of the stack's own to look at.
    pub(super) fn change_of_address(&mut self) -> Option<LinkChange> {
        match self {
            Wire::RawIp(raw) => raw.look_at_mtu().map(LinkChange::Mtu),
            Wire::Interface(_) => None,
        }
    }

    /// What it means to the sender of a packet that the host does not send it; `None`: it is lost on the way like any
    /// other. A frame that an interface does not take is lost; that the interface is down is told by itself.
    pub(super) fn unreachable(&self, error: &SendError) -> Option<Errno> {
        match (self, error) {
            (Wire::Interface(_), _) | (_, SendError::Busy | SendError::TooBig { .. }) => None,
            (_, SendError::Filtered) => Some(Errno::EPERM),
            // Our packets are whole: so the kernel has no way from this source to this destination.
            (_, SendError::Malformed) => Some(Errno::ENETUNREACH),
            (_, SendError::Io(error)) => match error.kind() {
                io::ErrorKind::HostUnreachable => Some(Errno::EHOSTUNREACH),
                _ => Some(Errno::ENETUNREACH),
            },
        }
    }

    /// Whether it carries packets, as far as the engine knows.
    pub(super) fn is_running(&self) -> bool {
        match self {
            Wire::RawIp(_) => true,
            Wire::Interface(place) => place.told.is_some_and(|status| status.running),
        }
    }

    /// Whether its interface was removed, as far as the engine knows.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Wire::Interface(place) if place.told.is_none())
    }

    /// The interface of the host that it is on.
    pub(super) fn interface(&self) -> Option<&str> {
        match self {
            Wire::RawIp(raw) => raw.interface(),
            Wire::Interface(place) => Some(place.device.interface()),
        }
    }

    /// When [`Wire::changes`] wants to be called next. An interface that was removed is not looked at any more.
    pub(super) fn look_again(&self) -> Option<Instant> {
        match self {
            Wire::RawIp(_) => None,
            Wire::Interface(place) => place.told.map(|_| place.look_again),
        }
    }

    /// What became of it since the last look, once a second.
    pub(super) fn changes(&mut self, now: Instant) -> Vec<LinkChange> {
        match self {
            Wire::Interface(place) if place.told.is_some() && place.look_again <= now => {
                place.look_again = now + BETWEEN_LOOKS;
                let before = std::mem::replace(&mut place.told, place.device.status());
                changes(before, place.told)
            }
            _ => Vec::new(),
        }
    }
}

fn changes(before: Option<Status>, after: Option<Status>) -> Vec<LinkChange> {
    let Some(after) = after else { return vec![LinkChange::Gone] };
    let mtu = before.is_none_or(|before| before.mtu != after.mtu).then_some(LinkChange::Mtu(after.mtu));
    let state = if after.running { LinkChange::Up } else { LinkChange::Down };
    let state = before.is_none_or(|before| before.running != after.running).then_some(state);
    mtu.into_iter().chain(state).collect()
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wire::RawIp(raw) => write!(f, "{}", raw.address()),
            Wire::Interface(place) => f.write_str(place.device.interface()),
        }
    }
}

/// How often an interface is looked at.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_an_interface_is_told_once() {
        let up = Some(Status { running: true, mtu: 1500 });
        let down = Some(Status { running: false, mtu: 1500 });
        let large = Some(Status { running: true, mtu: 9000 });
        assert_eq!(changes(up, up), []);
        assert_eq!(changes(up, down), [LinkChange::Down]);
        assert_eq!(changes(down, up), [LinkChange::Up]);
        assert_eq!(changes(up, large), [LinkChange::Mtu(9000)]);
        assert_eq!(changes(down, large), [LinkChange::Mtu(9000), LinkChange::Up]);
        assert_eq!(changes(up, None), [LinkChange::Gone]);
    }
}
