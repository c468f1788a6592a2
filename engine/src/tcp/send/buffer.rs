//! The send buffer: octets from `start` on, the first of them the oldest unacknowledged one.

use alloc::collections::VecDeque;

use crate::tcp::seq::Seq;
use crate::tcp::spares::Spares;

/// Octets taken from the user. No memory until there are some.
#[derive(Clone, Debug)]
pub(crate) struct SendBuffer {
    /// The sequence number of the first octet.
    start: Seq,
    octets: VecDeque<u8>,
}

impl SendBuffer {
    pub(crate) fn new(start: Seq) -> Self {
        SendBuffer { start, octets: VecDeque::new() }
    }

    pub(crate) fn start(&self) -> Seq {
        self.start
    }

    /// The sequence number after the last octet.
    pub(crate) fn end(&self) -> Seq {
        self.start + self.len()
    }

    pub(crate) fn len(&self) -> u32 {
        self.octets.len() as u32
    }

    /// Takes as much of `data` as leaves no more than `capacity` octets, and says how much.
    pub(crate) fn push(&mut self, data: &[u8], capacity: u32, spares: &mut Spares) -> usize {
        spares.lend_octets(&mut self.octets, capacity);
        let room = capacity.saturating_sub(self.len()) as usize;
        let taken = data.len().min(room);
        self.octets.extend(&data[..taken]);
        taken
    }

    /// Forgets what is before `una`, and says how many octets that were.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-8
    //# Since the data receiver may later discard data reported in a SACK option, the sender MUST
    //# NOT discard data before it is acknowledged by the Acknowledgment Number field in the TCP
    //# header.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# Note: SACK information is advisory and therefore SACKed data MUST NOT be removed from the
    //# TCP's retransmission buffer until the data is cumulatively acknowledged [RFC2018].
    pub(crate) fn acknowledge(&mut self, una: Seq, spares: &mut Spares) -> u32 {
        let acked = una.octets_since(self.start).min(self.len());
        self.octets.drain(..acked as usize);
        self.start += acked;
        if self.octets.is_empty() {
            // An idle connection keeps no memory.
            spares.take_octets(&mut self.octets);
        }
        acked
    }

    /// `len` octets from `seq` on, in the two parts in which they lie.
    pub(crate) fn slice(&self, seq: Seq, len: u32) -> [&[u8]; 2] {
        let from = seq.octets_since(self.start) as usize;
        let to = (from + len as usize).min(self.octets.len());
        let from = from.min(to);
        let (a, b) = self.octets.as_slices();
        let split = a.len();
        [&a[from.min(split)..to.min(split)], &b[from.max(split) - split..to.max(split) - split]]
    }

    /// Gives back the memory that nothing is in.
    pub(crate) fn rest(&mut self) {
        self.octets.shrink_to_fit();
    }

    pub(crate) fn clear(&mut self) {
        self.start = self.end();
        self.octets = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        /// Against a plain list of all octets ever taken.
        #[test]
        fn it_keeps_what_is_between_una_and_the_end(
            start: u32,
            steps in prop::collection::vec((0usize..400, 0u32..400, 0u32..400, 0u32..400), 1..60),
        ) {
            let (start, capacity) = (Seq(start), 700);
            let (mut buffer, mut all) = (SendBuffer::new(start), Vec::new());
            let mut spares = Spares::default();
            let mut una = 0u32;
            for (push, ack, offset, len) in steps {
                let data: Vec<u8> = (0..push).map(|i| (all.len() + i) as u8).collect();
                let taken = buffer.push(&data, capacity, &mut spares);
                prop_assert_eq!(taken, push.min((capacity - (all.len() as u32 - una)) as usize));
                all.extend(&data[..taken]);
                let acked = ack.min(all.len() as u32 - una);
                prop_assert_eq!(buffer.acknowledge(start + una + ack, &mut spares), acked);
                una += acked;
                let from = (una + offset).min(all.len() as u32);
                let to = (from + len).min(all.len() as u32);
                let [a, b] = buffer.slice(start + from, len);
                prop_assert_eq!([a, b].concat(), &all[from as usize..to as usize]);
                prop_assert_eq!(buffer.end(), start + all.len() as u32);
            }
        }
    }
}
