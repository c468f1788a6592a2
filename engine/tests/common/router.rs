//! A router between the two hosts of a [`Pair`] that takes no packet above its MTU: it tells the sender, or it does not
//! (a black hole).

use std::time::Duration;

use sockwright_engine::wire::{IcmpMessage, IpHeader, IpPacket, Protocol, Quoted};

use super::{Host, Pair};

/// The router.
pub(crate) struct Router {
    /// The longest packet that it forwards, in octets.
    pub(crate) mtu: usize,
    pub(crate) manner: Manner,
    /// Packets that were too long.
    pub(crate) too_long: usize,
}

/// What becomes of a packet that is too long.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Its sender is told the MTU.
    Tells,
    /// Its sender is told, but not the MTU: RFC 1191 §5.
    TellsNoMtu,
    /// Nobody is told.
    BlackHole,
    /// Every second one goes another way, which takes it; of the others nobody is told.
    Striped,
}

impl Router {
    pub(crate) fn new(mtu: usize, manner: Manner) -> Self {
        Router { mtu, manner, too_long: 0 }
    }

    /// Carries packets until there are none.
    pub(crate) fn run(&mut self, pair: &mut Pair) {
        for _round in 0..100_000 {
            let (from_a, from_b) = (std::mem::take(&mut pair.a.sent), std::mem::take(&mut pair.b.sent));
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
            from_a.iter().for_each(|frame| self.forward(frame, &mut pair.a, &mut pair.b));
            from_b.iter().for_each(|frame| self.forward(frame, &mut pair.b, &mut pair.a));
        }
        panic!("the packets never end");
    }

    /// Moves both clocks, and then carries what had been sent before.
    pub(crate) fn carry_for(&mut self, pair: &mut Pair, delay: Duration) {
        let (from_a, from_b) = (std::mem::take(&mut pair.a.sent), std::mem::take(&mut pair.b.sent));
        pair.a.advance(delay);
        pair.b.advance(delay);
        from_a.iter().for_each(|frame| self.forward(frame, &mut pair.a, &mut pair.b));
        from_b.iter().for_each(|frame| self.forward(frame, &mut pair.b, &mut pair.a));
    }

    /// Moves both clocks, carrying packets whenever a timer sent some.
    pub(crate) fn advance(&mut self, pair: &mut Pair, by: Duration) {
        let end = pair.a.now + by;
        loop {
            self.run(pair);
            let timers = [pair.a.engine.poll_timeout(), pair.b.engine.poll_timeout()];
            let Some(at) = timers.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            for host in [&mut pair.a, &mut pair.b] {
                host.now = at;
                host.engine.handle_timeout(at);
                host.drain();
            }
        }
        (pair.a.now, pair.b.now) = (end, end);
    }

    fn forward(&mut self, frame: &[u8], from: &mut Host, to: &mut Host) {
        let may_be_cut = frame[0] >> 4 == 4 && frame[6] & 0x40 == 0;
        if frame.len() <= self.mtu || may_be_cut {
            return to.frame(frame);
        }
        self.too_long += 1;
        match self.manner {
            Manner::Tells => from.frame(&too_big(frame, self.mtu as u32)),
            Manner::TellsNoMtu => from.frame(&too_big(frame, 0)),
            Manner::Striped if self.too_long % 2 == 1 => to.frame(frame),
            Manner::BlackHole | Manner::Striped => {}
        }
    }
}

/// What a router whose next link has this MTU says of a packet.
pub(crate) fn too_big(frame: &[u8], mtu: u32) -> Vec<u8> {
    let packet = IpPacket::parse(frame).unwrap();
    let (src, protocol) = match packet.src.is_ipv4() {
        true => ("10.0.0.254".parse().unwrap(), Protocol::Icmpv4),
        false => ("fd00::ffff".parse().unwrap(), Protocol::Icmpv6),
    };
    let quoted = Quoted::parse(&frame[..frame.len().min(100)]).unwrap();
    let mut message = Vec::new();
    IcmpMessage::PacketTooBig { mtu, quoted }.emit(src, packet.src, &mut message);
    let mut answer = Vec::new();
    IpHeader {
        src,
        dst: packet.src,
        protocol,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    }
    .emit(message.len(), &mut answer);
    answer.extend(message);
    answer
}
