//! A device of smoltcp whose IP packets its owner carries.

use std::collections::VecDeque;

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// Packets that arrived, and packets that it sent.
pub(crate) struct Queues {
    mtu: usize,
    pub(crate) arrived: VecDeque<Vec<u8>>,
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Queues {
    pub(crate) fn new(mtu: usize) -> Queues {
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

/// A packet that is taken in.
pub(crate) struct Arrived(Vec<u8>);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// Where a packet goes that is sent.
pub(crate) struct ToSend<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let result = write(&mut frame);
        self.0.push(frame);
        result
    }
}
