//! What an attached stack sends and receives by: raw sockets on an address of the host, or an interface of the host.

use std::fmt;
use std::io;
use std::time::Duration;

use mio::{Registry, Token};
use sockwright_engine::host::{Errno, LinkChange, LinkState, Offload};
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, Unfinished};
use sockwright_link::af_packet::Received;
use sockwright_link::raw_ip::{Checksums, SendError};
use sockwright_link::{AfPacket, LinkError, Lost, RawIp, Status, Tun};

/// A link of the host.
pub(super) enum Wire {
    /// Raw sockets.
    RawIp(RawIp),
    /// On an interface.
    Interface(Box<Place>),
}

/// A place on an interface, which may go down, change, be removed and come back.
pub(super) struct Place {
    pub(super) device: Device,
    pub(super) known: Known,
    /// An interface came back that cannot be taken up, for now: when that is tried again.
    pub(super) try_again: Option<Instant>,
    /// The last look for what waits failed.
    pub(super) failed: bool,
}

/// What the engine knows of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    state: LinkState,
    mtu: usize,
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

    /// Takes up the interface that has the name of one that was removed.
    fn take_up(&mut self) -> Result<(), LinkError> {
        match self {
            Device::Packet(packet) => packet.take_up(),
            Device::Tun(tun) => tun.take_up(),
        }
    }

    fn lost(&mut self) -> Lost {
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

    /// As [`Wire::send`]; where many leave by one call, with the next [`Wire::flush`] at the latest, which says what became of
    /// it.
    pub(super) fn queue(&mut self, frame: &[u8], unfinished: Option<Unfinished>) -> Result<(), SendError> {
        match self.packet() {
            Some(packet) => {
                packet.queue(frame, unfinished);
                Ok(())
            }
            None => self.send(frame, unfinished),
        }
    }

    /// Sends what was queued: why some of it did not leave.
    pub(super) fn flush(&mut self) -> Vec<SendError> {
        self.packet().map(AfPacket::flush).unwrap_or_default()
    }

    /// Whether there is something to receive; `None` where a poll has to be asked.
    pub(super) fn waits(&mut self) -> Option<bool> {
        let Wire::Interface(place) = self else { return None };
        let Place { device: Device::Packet(packet), failed, .. } = &mut **place else { return None };
        let waits = packet.waits();
        let failed_before = std::mem::replace(failed, waits.is_err());
        match waits {
            Ok(waits) => Some(waits),
            // What goes wrong is told where it is received; if it goes wrong again and again, that is left to the poll.
            Err(_) => (!failed_before).then_some(true),
        }
    }

    fn packet(&mut self) -> Option<&mut AfPacket> {
        match self {
            Wire::Interface(place) => match &mut place.device {
                Device::Packet(packet) => Some(packet),
                Device::Tun(_) => None,
            },
            Wire::RawIp(_) => None,
        }
    }

    /// What was lost of what arrived.
    pub(super) fn lost(&mut self) -> Lost {
        match self {
            Wire::RawIp(raw) => raw.lost(),
            Wire::Interface(place) => place.device.lost(),
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
            Wire::Interface(place) => place.known.state == LinkState::Up,
        }
    }

    /// Whether its interface was removed, as far as the engine knows.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Wire::Interface(place) if place.known.state == LinkState::Gone)
    }

    /// The interface of the host that it is on.
    pub(super) fn interface(&self) -> Option<&str> {
        match self {
            Wire::RawIp(raw) => raw.interface(),
            Wire::Interface(place) => Some(place.device.interface()),
        }
    }

    /// When [`Wire::changes`] wants to be called, even where nothing became of an interface.
    pub(super) fn try_again(&self) -> Option<Instant> {
        match self {
            Wire::RawIp(_) => None,
            Wire::Interface(place) => place.try_again,
        }
    }

    /// What became of it since the last look. An interface that was removed is taken up again where there is one of its
    /// name by now.
    pub(super) fn changes(&mut self, now: Instant) -> Vec<LinkChange> {
        let place = match self {
            Wire::RawIp(raw) => {
                if let Err(error) = raw.follow_interface() {
                    tracing::warn!(%error, address = %raw.address(), "an interface that came back cannot be used");
                }
                return raw.look_at_mtu().map(LinkChange::Mtu).into_iter().collect();
            }
            Wire::Interface(place) => place,
        };
        let mut changes = place.known.learn(place.device.status());
        let tried_before = place.try_again.take().is_some();
        if place.known.state == LinkState::Gone {
            match place.device.take_up() {
                Ok(()) => changes.extend(place.known.learn(place.device.status())),
                Err(LinkError::NoSuchInterface(_)) => {}
                // Whoever makes a persistent interface has it open for a moment, and lets go of it without a sound.
                Err(error) => {
                    place.try_again = Some(now + BETWEEN_TRIES);
                    if !tried_before {
                        let interface = place.device.interface();
                        tracing::warn!(%error, interface, "an interface that came back cannot be used for now");
                    }
                }
            }
        }
        changes
    }
}

impl Known {
    /// What the engine is told of an interface as it is found.
    pub(super) fn of(status: Status) -> Known {
        let state = if status.running { LinkState::Up } else { LinkState::Down };
        Known { state, mtu: status.mtu }
    }

    /// Takes note of what the interface is now, `None` if it was removed: what is new in that.
    fn learn(&mut self, status: Option<Status>) -> Vec<LinkChange> {
        let before = *self;
        *self = match status {
            Some(status) => Known::of(status),
            None => Known { state: LinkState::Gone, ..before },
        };
        // One that came back is down until all is known of it.
        let back = before.state == LinkState::Gone && self.state != LinkState::Gone;
        let before_it = if back { LinkState::Down } else { before.state };
        let state = (self.state != before_it).then_some(match self.state {
            LinkState::Up => LinkChange::Up,
            LinkState::Down => LinkChange::Down,
            LinkState::Gone => LinkChange::Gone,
        });
        let back = back.then_some(LinkChange::Down);
        let mtu = (self.mtu != before.mtu).then_some(LinkChange::Mtu(self.mtu));
        back.into_iter().chain(mtu).chain(state).collect()
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wire::RawIp(raw) => write!(f, "{}", raw.address()),
            Wire::Interface(place) => f.write_str(place.device.interface()),
        }
    }
}

/// How long an interface that cannot be taken up is left alone.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_an_interface_is_told_once() {
        let up = Status { running: true, mtu: 1500 };
        let down = Some(Status { running: false, mtu: 1500 });
        let large = Some(Status { running: true, mtu: 9000 });
        let mut known = Known::of(up);
        assert_eq!(known.learn(Some(up)), []);
        assert_eq!(known.learn(down), [LinkChange::Down]);
        assert_eq!(known.learn(down), []);
        assert_eq!(known.learn(Some(up)), [LinkChange::Up]);
        assert_eq!(known.learn(large), [LinkChange::Mtu(9000)]);
        assert_eq!(known.learn(down), [LinkChange::Mtu(1500), LinkChange::Down]);
        assert_eq!(known.learn(large), [LinkChange::Mtu(9000), LinkChange::Up]);
    }

    #[test]
    fn an_interface_that_comes_back_is_down_before_it_is_anything_else() {
        let up = Status { running: true, mtu: 1500 };
        let mut known = Known::of(up);
        assert_eq!(known.learn(None), [LinkChange::Gone]);
        assert_eq!(known.learn(None), []);
        assert_eq!(known.learn(Some(Status { running: false, ..up })), [LinkChange::Down]);
        assert_eq!(known.learn(None), [LinkChange::Gone]);
        assert_eq!(known.learn(Some(up)), [LinkChange::Down, LinkChange::Up]);
        assert_eq!(known.learn(None), [LinkChange::Gone]);
        let large = Some(Status { mtu: 9000, ..up });
        assert_eq!(known.learn(large), [LinkChange::Down, LinkChange::Mtu(9000), LinkChange::Up]);
    }
}
