//! The calls of the service `Networks`.

use sockwright_client::v1::{self, advance_time_request::How, attach_request::Link, record_request::What};

use super::Context;
use crate::args::networks::{HowFar, LabVerb, Place, StackVerb};
use crate::failure::Failure;
use crate::render::{network, safe};

pub(super) async fn lab(cx: &mut Context, verb: LabVerb) -> Result<(), Failure> {
    match verb {
        LabVerb::Create(args) => {
            let request = v1::CreateLabRequest {
                name: args.name,
                stacks: with_routes(args.stacks, args.routes)?,
                links: args.links,
                clock: args.clock.into(),
                seed: args.seed,
                session: args.session,
                idempotency_key: args.idempotency_key,
                record_bytes: args.record,
            };
            let response = cx.client.networks.create_lab(request).await?;
            let name = |response: &v1::CreateLabResponse| response.lab.as_ref().map(|lab| safe(&lab.name));
            Ok(cx.out.message(response.get_ref(), |response| name(response).unwrap_or_default())?)
        }
        LabVerb::List => {
            let labs = cx.client.list_labs().await?;
            if !cx.out.is_json() {
                return Ok(cx.out.line(&network::labs(&labs))?);
            }
            Ok(labs.iter().try_for_each(|lab| cx.out.message(lab, |_| String::new()))?)
        }
        LabVerb::Delete { name } => {
            let response = cx.client.networks.delete_lab(v1::DeleteLabRequest { name }).await?;
            Ok(cx.out.message(response.get_ref(), |_| String::new())?)
        }
        LabVerb::Advance { name, how } => {
            let request = v1::AdvanceTimeRequest { lab: name, how: Some(how.into()) };
            let response = cx.client.networks.advance_time(request).await?;
            Ok(cx.out.message(response.get_ref(), network::advanced)?)
        }
        LabVerb::Clock { name, clock, speed } => {
            let request = v1::SetClockRequest { lab: name, clock: clock.into(), speed };
            let response = cx.client.networks.set_clock(request).await?;
            Ok(cx.out.message(response.get_ref(), network::clock_set)?)
        }
        LabVerb::Record { name, size } => record(cx, What::Lab(name), size).await,
    }
}

async fn record(cx: &mut Context, what: What, bytes: u64) -> Result<(), Failure> {
    let request = v1::RecordRequest { what: Some(what), bytes };
    let response = cx.client.networks.record(request).await?;
    Ok(cx.out.message(response.get_ref(), |_| String::new())?)
}

/// The stacks, each with its routes.
fn with_routes(
    mut stacks: Vec<v1::LabStack>,
    routes: Vec<(String, v1::Route)>,
) -> Result<Vec<v1::LabStack>, Failure> {
    for (name, route) in routes {
        let stack = stacks.iter_mut().find(|stack| stack.name == name);
        let stack = stack.ok_or_else(|| Failure::Other(format!("--route: there is no stack `{name}`")))?;
        stack.routes.push(route);
    }
    Ok(stacks)
}

pub(super) async fn stack(cx: &mut Context, verb: StackVerb) -> Result<(), Failure> {
    match verb {
        StackVerb::Attach(args) => {
            let request = v1::AttachRequest {
                name: args.name,
                link: Some(args.place.into()),
                session: args.session,
                idempotency_key: args.idempotency_key,
                busy_poll: args.busy_poll,
                record_bytes: args.record,
            };
            let response = cx.client.networks.attach(request).await?;
            let name = |response: &v1::AttachResponse| response.stack.as_ref().map(|stack| safe(&stack.name));
            Ok(cx.out.message(response.get_ref(), |response| name(response).unwrap_or_default())?)
        }
        StackVerb::List => {
            let stacks = cx.client.list_stacks().await?;
            if !cx.out.is_json() {
                return Ok(cx.out.line(&network::stacks(&stacks))?);
            }
            Ok(stacks.iter().try_for_each(|stack| cx.out.message(stack, |_| String::new()))?)
        }
        StackVerb::Detach { name } => {
            let response = cx.client.networks.detach(v1::DetachRequest { name }).await?;
            Ok(cx.out.message(response.get_ref(), |_| String::new())?)
        }
        StackVerb::Record { name, size } => record(cx, What::Stack(name), size).await,
    }
}

impl From<Place> for Link {
    fn from(place: Place) -> Self {
        let Place {
            raw_ip,
            af_packet,
            tun,
            tap,
            interface,
            host: host_addresses,
            mtu,
            no_offload,
            mac,
            vlan,
            gateway,
            route,
        } = place;
        let defaults = gateway.into_iter().map(|gateway| v1::Route { destination: String::new(), gateway });
        let routes = defaults.chain(route).collect();
        if !raw_ip.is_empty() {
            Self::RawIp(v1::RawIp { addresses: raw_ip, interface })
        } else if !af_packet.is_empty() {
            Self::AfPacket(v1::AfPacket { interface, addresses: af_packet, mac, vlan, routes })
        } else if !tun.is_empty() {
            Self::Tun(v1::Tun { interface, addresses: tun, host_addresses, mtu, no_offload })
        } else {
            let addresses = tap;
            Self::Tap(v1::Tap { interface, addresses, host_addresses, mtu, no_offload, mac, vlan, routes })
        }
    }
}

impl From<HowFar> for How {
    fn from(args: HowFar) -> Self {
        match args {
            HowFar { by: Some(by), .. } => Self::By(by),
            HowFar { to: Some(to), .. } => Self::ToTimeNs(to),
            HowFar { steps: Some(steps), .. } => Self::Steps(steps),
            HowFar { until_idle, .. } => Self::UntilIdle(until_idle),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Verb};

    /// The link that `sockwright stack attach` asks for with these arguments.
    fn link(arguments: &str) -> Result<Link, clap::error::ErrorKind> {
        let words = ["sockwright", "stack", "attach"].into_iter().chain(arguments.split(' '));
        match Cli::try_parse_from(words).map_err(|error| error.kind())?.verb {
            Verb::Stack(StackVerb::Attach(attach)) => Ok(attach.place.into()),
            verb => panic!("{verb:?}"),
        }
    }

    fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
        texts.map(str::to_owned).to_vec()
    }

    #[test]
    fn every_kind_of_link_can_be_asked_for() {
        let raw = v1::RawIp { addresses: texts(["127.0.0.1", "::1"]), interface: String::new() };
        assert_eq!(link("--raw-ip 127.0.0.1,::1"), Ok(Link::RawIp(raw)));

        let routes = vec![v1::Route { destination: String::new(), gateway: "10.0.0.1".into() }];
        let packet = v1::AfPacket {
            interface: "eth0".into(),
            addresses: texts(["10.0.0.7/24"]),
            mac: "02:00:00:00:00:01".into(),
            vlan: 5,
            routes: routes.clone(),
        };
        let line =
            "--af-packet 10.0.0.7/24 --interface eth0 --mac 02:00:00:00:00:01 --vlan 5 --gateway 10.0.0.1";
        assert_eq!(link(line), Ok(Link::AfPacket(packet)));

        let tun = v1::Tun {
            interface: String::new(),
            addresses: texts(["10.0.0.2/24"]),
            host_addresses: texts(["10.0.0.1/24", "fd00::1/64"]),
            mtu: 9000,
            no_offload: true,
        };
        let line = "--tun 10.0.0.2/24 --host 10.0.0.1/24,fd00::1/64 --mtu 9000 --no-offload";
        assert_eq!(link(line), Ok(Link::Tun(tun)));

        let tap = v1::Tap {
            interface: "t0".into(),
            addresses: texts(["10.0.0.2/24"]),
            routes,
            ..Default::default()
        };
        assert_eq!(link("--tap 10.0.0.2/24 --interface t0 --gateway 10.0.0.1"), Ok(Link::Tap(tap)));
    }

    #[test]
    fn a_clock_may_have_a_speed() {
        let asked = |arguments: &str| {
            let words = ["sockwright", "lab", "clock"].into_iter().chain(arguments.split(' '));
            match Cli::try_parse_from(words).map_err(|error| error.kind())?.verb {
                Verb::Lab(LabVerb::Clock { name, clock, speed }) => Ok((name, clock, speed)),
                verb => panic!("{verb:?}"),
            }
        };
        use clap::error::ErrorKind::{InvalidValue, MissingRequiredArgument};
        assert_eq!(asked("lab real --speed 0.01"), Ok(("lab".into(), v1::Clock::Real, 0.01)));
        assert_eq!(asked("lab manual"), Ok(("lab".into(), v1::Clock::Manual, 0.0)));
        assert_eq!(asked("lab backwards"), Err(InvalidValue));
        assert_eq!(asked("lab"), Err(MissingRequiredArgument));
    }

    #[test]
    fn what_a_link_does_not_have_is_refused() {
        use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
        for (line, why) in [
            ("--interface eth0", MissingRequiredArgument),
            ("--af-packet 10.0.0.7/24", MissingRequiredArgument),
            ("--raw-ip 127.0.0.1 --tun 10.0.0.2/24", ArgumentConflict),
            ("--raw-ip 127.0.0.1 --mac 02:00:00:00:00:01", MissingRequiredArgument),
            ("--raw-ip 127.0.0.1 --host 10.0.0.1/24", MissingRequiredArgument),
            ("--tun 10.0.0.2/24 --vlan 5", MissingRequiredArgument),
            ("--af-packet 10.0.0.7/24 --interface eth0 --mtu 1400", MissingRequiredArgument),
        ] {
            assert_eq!(link(line), Err(why), "{line}");
        }
    }
}
