//! Every transition is in RFC 9293's table, for a cause that can make it, and begins where the one before ended.

use std::collections::BTreeMap;

use sockwright_engine::event::{Cause, Event, EventKind};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::state::{State, Trigger};
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::wire::Flags;

use super::Violation;
use crate::world::StackId;

/// The state of each socket, as the events have it.
#[derive(Debug, Default)]
pub struct States(BTreeMap<(StackId, SocketId), State>);

impl States {
    /// The event that a stack told.
    pub fn event(&mut self, stack: StackId, event: &Event) -> Result<(), Violation> {
        let Some(socket) = event.socket else { return Ok(()) };
        match &event.kind {
            EventKind::Opened { listener, .. } => {
                // A child begins where its listener is.
                let state = if listener.is_some() { State::Listen } else { State::Closed };
                self.0.insert((stack, socket), state);
                Ok(())
            }
            EventKind::TcpState { from, to, cause, .. } => {
                let last = self.0.insert((stack, socket), *to).unwrap_or(State::Closed);
                if last != *from {
                    return Err(Violation::new(
                        "a transition begins where the one before ended",
                        format_args!("#{socket} was in {last}: {from} => {to}"),
                    ));
                }
                let allowed = triggers(cause).iter().any(|trigger| from.after(*trigger) == Some(*to));
                if allowed {
                    return Ok(());
                }
                Err(Violation::new(
                    "every transition is in the table",
                    format_args!("#{socket} {from} => {to} ({cause:?})"),
                ))
            }
            EventKind::Released => {
                self.0.remove(&(stack, socket));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What a cause can be to the state machine.
fn triggers(cause: &Cause) -> &'static [Trigger] {
    use Trigger as T;
    match cause {
        Cause::Segment(flags) if flags.contains(Flags::RST) => &[T::Rst],
        Cause::Segment(flags) if flags.contains(Flags::SYN) => &[T::Syn, T::SynAck, T::AckOfSyn],
        Cause::Segment(flags) if flags.contains(Flags::FIN) => {
            &[T::AckOfSyn, T::AckOfFin, T::Fin, T::LateData, T::Syn]
        }
        // A segment may fill the hole before a FIN that came earlier, or bring data for nobody; and what ends the handshake
        // of the connection that follows one in TIME-WAIT ends that one.
        Cause::Segment(_) => &[T::AckOfSyn, T::AckOfFin, T::Fin, T::LateData, T::Syn],
        Cause::Call(_) => &[T::PassiveOpen, T::ActiveOpen, T::Close, T::Abort],
        Cause::Timer(TimerKind::TimeWait) => &[T::TwoMslTimeout],
        Cause::Timer(_) => &[T::GiveUpTimeout, T::Abort],
        Cause::Icmp { .. } => &[T::IcmpError],
        Cause::Limit(_) => &[T::Limit],
        Cause::Invariant(_) => &[],
    }
}
