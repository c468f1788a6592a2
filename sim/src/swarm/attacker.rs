//! Somebody off the path who knows the addresses and ports, and forges segments (RFC 5961's blind attacker, and worse:
//! one that even knows where the windows are). Nothing that it sends may move a connection.

use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::host::SocketInfo;
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::info::TcpInfo;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{Flags, IpHeader, Protocol, TcpSegment};

use super::dice::Dice;
use super::run::{ActorId, Run};
use crate::check::Violation;
use crate::world::StackId;

/// The attacker.
#[derive(Debug)]
pub struct Attacker {
    actor: ActorId,
    /// The longest time between two attacks.
    pause: Duration,
}

impl Attacker {
    /// An attacker that rests for `pause` at most.
    pub fn new(actor: ActorId, pause: Duration) -> Attacker {
        Attacker { actor, pause }
    }

    /// Its time has come.
    pub fn wake(&mut self, run: &mut Run) {
        if run.calm {
            return;
        }
        self.attack(run);
        let pause = run.dice.log(1, self.pause.as_micros() as u64);
        run.wake_in(self.actor, Duration::from_micros(pause));
    }

    fn attack(&self, run: &mut Run) {
        let stacks: Vec<StackId> = run.world.stacks().collect();
        let stack = *run.dice.pick(&stacks);
        let Some(victim) = victim(run, stack) else { return };
        let (Some(tcp), Some(local), Some(remote)) = (&victim.tcp, victim.local, victim.remote) else {
            return;
        };
        let segment = forge(run, tcp, local, remote);
        let frame = frame(&segment, local, remote);
        run.inject(stack, &frame);
        let after = run.engine(stack).info(victim.socket);
        let standing = |info: &SocketInfo| {
            let tcp = info.tcp.as_ref();
            (info.tcp_state, tcp.map(|tcp| (tcp.snd_una, tcp.rcv_nxt, tcp.receive_queue)))
        };
        if after.as_ref().map(standing) != Some(standing(&victim)) {
            let detail = format_args!("{segment} moved #{}: {victim:?} to {after:?}", victim.socket);
            run.violate(Violation::new("a forged segment moves nothing", detail));
        }
    }
}

/// An open connection with somebody else.
fn victim(run: &mut Run, stack: StackId) -> Option<SocketInfo> {
    let sockets: Vec<SocketId> = run.engine(stack).sockets();
    if sockets.is_empty() {
        return None;
    }
    let socket = *run.dice.pick(&sockets);
    let info = run.engine(stack).info(socket)?;
    let open = info.tcp_state.is_some_and(|state| state.is_synchronized()) && info.tcp.is_some();
    let elsewhere = info.local.map(|local| local.ip()) != info.remote.map(|remote| remote.ip());
    (open && elsewhere).then_some(info)
}

fn forge(run: &mut Run, tcp: &TcpInfo, local: SocketAddr, remote: SocketAddr) -> TcpSegment<'static> {
    let dice = &mut run.dice;
    let (nxt, una) = (tcp.rcv_nxt, tcp.snd_una);
    let inside = nxt + 1 + dice.below(tcp.rcv_wnd.max(1));
    let outside = nxt + tcp.rcv_wnd + 1 + dice.below(1 << 30);
    let unsent = tcp.snd_nxt + 1 + dice.below(1 << 30);
    let ancient = una - (1 << 20) - dice.below(1 << 28);
    let anywhere = Seq(dice.next_u64() as u32);
    let (seq, ack, flags, payload): (Seq, Seq, Flags, &'static [u8]) = match dice.below(9) {
        0 => (inside, una, Flags::RST, b""),
        1 => (outside, una, Flags::RST | Flags::ACK, b""),
        2 => (anywhere, anywhere, Flags::SYN, b""),
        3 => (nxt, una, Flags::SYN | Flags::ACK, b""),
        4 => (nxt, unsent, Flags::ACK, b"forged"),
        5 => (nxt, ancient, Flags::ACK, b"forged"),
        6 => (outside, una, Flags::ACK | Flags::PSH, b"forged"),
        7 => (nxt, una, Flags::FIN, b"forged"),
        _ => (outside, una, Flags::FIN | Flags::ACK, b""),
    };
    TcpSegment {
        src_port: remote.port(),
        dst_port: local.port(),
        seq,
        ack,
        flags,
        window: dice.next_u64() as u16,
        payload,
        ..TcpSegment::default()
    }
}

fn frame(segment: &TcpSegment<'_>, local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let (src, dst) = (remote.ip(), local.ip());
    let header = IpHeader {
        src,
        dst,
        protocol: Protocol::Tcp,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    };
    let mut frame = Vec::new();
    header.emit(segment.len(), &mut frame);
    segment.emit(src, dst, &mut frame);
    frame
}
