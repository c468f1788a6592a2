//! `WaitFor`.

use sockwright_client::v1::wait_for_request::Condition;
use sockwright_client::v1::{EventKinds, SocketStates, TcpStates, WaitForRequest};

use super::Context;
use crate::args::sockets::{Condition as ConditionArgs, Wait};
use crate::failure::Failure;
use crate::render::{event, socket};

pub(super) async fn run(cx: &mut Context, args: Wait) -> Result<(), Failure> {
    let after = match args.after {
        Some(point) => Some(cx.position(point).await?),
        None => None,
    };
    let request = WaitForRequest { socket: args.id, condition: Some(args.condition.into()), after };
    let response = cx.client.sockets.wait_for(request).await?;
    Ok(cx.out.message(response.get_ref(), |response| match (&response.event, &response.summary) {
        (Some(made_so), _) => event::event(made_so),
        (None, Some(summary)) => socket::line(summary),
        (None, None) => String::new(),
    })?)
}

impl From<ConditionArgs> for Condition {
    fn from(args: ConditionArgs) -> Self {
        let numbers = |numbers: &mut dyn Iterator<Item = i32>| numbers.collect::<Vec<_>>();
        if let Some(readable) = args.readable {
            Self::Readable(readable)
        } else if args.acked {
            Self::AllAcknowledged(true)
        } else if args.released {
            Self::Released(true)
        } else if !args.state.is_empty() {
            Self::TcpStates(TcpStates { states: numbers(&mut args.state.into_iter().map(i32::from)) })
        } else if !args.socket_state.is_empty() {
            Self::SocketStates(SocketStates {
                states: numbers(&mut args.socket_state.into_iter().map(i32::from)),
            })
        } else {
            Self::EventKinds(EventKinds { kinds: numbers(&mut args.event.into_iter().map(i32::from)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::sockets::SocketVerb;
    use crate::args::{Cli, Verb};

    fn condition(flags: &str) -> Condition {
        let words = ["sockwright", "wait", "3"].into_iter().chain(flags.split_whitespace());
        match Cli::try_parse_from(words).unwrap().verb {
            Verb::Socket(SocketVerb::Wait(wait)) => wait.condition.into(),
            verb => panic!("{verb:?}"),
        }
    }

    #[test]
    fn each_flag_is_a_condition() {
        assert_eq!(
            condition("--state ESTABLISHED,fin_wait_2"),
            Condition::TcpStates(TcpStates { states: vec![5, 7] })
        );
        assert_eq!(
            condition("--socket-state closed"),
            Condition::SocketStates(SocketStates { states: vec![7] })
        );
        assert_eq!(condition("--event readable"), Condition::EventKinds(EventKinds { kinds: vec![10] }));
        assert_eq!(condition("--readable 0"), Condition::Readable(0));
        assert_eq!(condition("--acked --after 0"), Condition::AllAcknowledged(true));
        assert_eq!(condition("--released --after 7:9"), Condition::Released(true));
    }
}
