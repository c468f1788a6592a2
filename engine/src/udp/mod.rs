//! UDP sockets: a bounded queue of datagrams (RFC 768, RFC 1122 §4.1).

pub(crate) mod heard;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;

use self::heard::Heard;

/// What a datagram costs besides its data, so that empty ones are not free.
const OVERHEAD: usize = 64;

/// A datagram that waits for its reader.
//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.5
//# When a UDP datagram is received, its specific-destination address MUST be passed up to the
//# application layer.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) data: Vec<u8>,
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// What a datagram socket holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct UdpSocket {
    pub(crate) queue: VecDeque<Received>,
    /// Octets in the queue.
    pub(crate) queued_bytes: usize,
    /// Datagrams that found the queue full.
    pub(crate) overflows: u64,
    /// Whom it heard from, as long as it has no peer.
    pub(crate) heard: Heard,
    pub(crate) shut_read: bool,
    pub(crate) shut_write: bool,
}

impl UdpSocket {
    /// Keeps a datagram, if the queue has room for it. An empty queue always has.
    pub(crate) fn push(&mut self, datagram: Received, limit: usize) -> bool {
        let cost = self.queued_bytes + datagram.data.len() + OVERHEAD * self.queue.len();
        if !self.queue.is_empty() && cost > limit {
            self.overflows += 1;
            return false;
        }
        self.queued_bytes += datagram.data.len();
        self.queue.push_back(datagram);
        true
    }

    /// The oldest datagram, taken or only looked at.
    pub(crate) fn take(&mut self, peek: bool) -> Option<Received> {
        if peek {
            return self.queue.front().cloned();
        }
        let datagram = self.queue.pop_front()?;
        self.queued_bytes -= datagram.data.len();
        Some(datagram)
    }

    /// Puts back a datagram that nobody received after all.
    pub(crate) fn unread(&mut self, datagram: Received) {
        self.queued_bytes += datagram.data.len();
        self.queue.push_front(datagram);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn empty_datagrams_fill_the_queue_too() {
        let address = SocketAddr::from(([10, 0, 0, 1], 1));
        let datagram = |len| Received { data: vec![0; len], remote: address, local: address };
        let mut socket = UdpSocket::default();
        assert!(socket.push(datagram(5000), 1000), "an empty queue takes any");
        assert!(!socket.push(datagram(0), 1000));
        let mut socket = UdpSocket::default();
        let taken = (0..1000).filter(|_| socket.push(datagram(0), 1000)).count();
        assert_eq!((taken, socket.overflows), (16, 984));
    }
}
