//! The verbs of the service `Networks`.

use clap::{ArgGroup, Args, Subcommand};
use sockwright_client::v1::{Clock, LabLink, LabStack, Route};

use crate::names::Words;
use crate::parse::address::{interface_address, ip, lab_route, lab_stack, route};
use crate::parse::duration::{clock_time, duration};
use crate::parse::link::lab_link;
use crate::parse::number::size;

/// What to do with labs.
#[derive(Debug, Subcommand)]
pub(crate) enum LabVerb {
    /// Make a lab, and print its name
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateLab),
    /// List labs
    List,
    /// Delete a lab with its stacks and sockets
    Delete {
        /// The lab
        name: String,
    },
    /// Move the clock of a lab, and print its time
    #[command(after_help = ADVANCE_EXAMPLES)]
    Advance {
        /// The lab
        name: String,
        /// How far.
        #[command(flatten)]
        how: HowFar,
    },
    /// Change how time passes in a lab from now on, and print its time
    #[command(after_help = CLOCK_EXAMPLES)]
    Clock {
        /// The lab
        name: String,
        /// How time is to pass
        #[arg(value_name = "CLOCK", value_parser = Words::<Clock>::parser())]
        clock: Clock,
        /// Of a real clock, how many seconds are to pass in the lab while one passes outside [default: 1]
        #[arg(long, value_name = "FACTOR", default_value = "0", hide_default_value = true)]
        speed: f64,
    },
    /// Have a lab keep its most recent packets, for `capture --last`
    Record {
        /// The lab
        name: String,
        /// Octets at most, such as 64M; 0 keeps nothing, and forgets
        #[arg(value_parser = size)]
        size: u64,
    },
}

/// See `Networks.CreateLab`.
#[derive(Debug, Args)]
pub(crate) struct CreateLab {
    /// Its name [default: the server chooses]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// A stack, with addresses or with those the server gives it
    #[arg(long = "stack", value_name = "NAME[=ADDR/LENGTH,...]", value_parser = lab_stack, required = true)]
    pub(crate) stacks: Vec<LabStack>,
    /// A link of stacks, and what it does to frames [default: one link joins all]
    ///
    /// Keys: name, mtu, medium (ip or ethernet), mac (once for each stack), loss, burst-begin, burst-end, burst-loss, mark, delay, jitter, reorder, reorder-by, duplicate,
    /// corrupt, rate, queue.
    #[arg(long = "link", value_name = "STACK,STACK[,KEY=VALUE...]", value_parser = lab_link)]
    pub(crate) links: Vec<LabLink>,
    /// A network, and the router that leads there; without one it is on the link itself. `STACK:=ADDR` leads everywhere
    #[arg(long = "route", value_name = "STACK:NETWORK[=ADDR]", value_parser = lab_route)]
    pub(crate) routes: Vec<(String, Route)>,
    /// How time passes
    #[arg(long, value_name = "CLOCK", value_parser = Words::<Clock>::parser(), default_value = "virtual")]
    pub(crate) clock: Clock,
    /// The seed of everything random
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) seed: u64,
    /// Keep so many octets of its most recent packets, such as 64M [default: none]
    #[arg(long, value_name = "SIZE", default_value = "0", hide_default_value = true, value_parser = size)]
    pub(crate) record: u64,
    /// The session that is to own it
    #[arg(
        long,
        value_name = "SESSION",
        env = "SOCKWRIGHT_SESSION",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) session: String,
    /// A second call with the same key creates nothing
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    pub(crate) idempotency_key: String,
}

/// How far to move a clock.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct HowFar {
    /// So long from now
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) by: Option<prost_types::Duration>,
    /// To this time on the lab's clock, in nanoseconds or with a unit
    #[arg(long, value_name = "TIME", value_parser = clock_time)]
    pub(crate) to: Option<u64>,
    /// So many times to the next timer or delivery
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u32>,
    /// Until no timer and no delivery is left
    #[arg(long)]
    pub(crate) until_idle: bool,
}

/// What to do with stacks.
#[derive(Debug, Subcommand)]
pub(crate) enum StackVerb {
    /// Make a stack on a real link, and print its name
    #[command(after_help = ATTACH_EXAMPLES)]
    Attach(Box<Attach>),
    /// List stacks, in labs and on real links
    List,
    /// Remove an attached stack; its connections are reset
    Detach {
        /// The stack
        name: String,
    },
    /// Have an attached stack keep its most recent packets, for `capture --last`
    Record {
        /// The stack
        name: String,
        /// Octets at most, such as 64M; 0 keeps nothing, and forgets
        #[arg(value_parser = size)]
        size: u64,
    },
}

/// See `Networks.Attach`.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Its name [default: the server chooses]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Where.
    #[command(flatten)]
    pub(crate) place: Place,
    /// The session that is to own it
    #[arg(
        long,
        value_name = "SESSION",
        env = "SOCKWRIGHT_SESSION",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) session: String,
    /// How long its thread looks for packets before it sleeps [default: as the server was told]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) busy_poll: Option<prost_types::Duration>,
    /// Keep so many octets of its most recent packets, such as 64M [default: none]
    #[arg(long, value_name = "SIZE", default_value = "0", hide_default_value = true, value_parser = size)]
    pub(crate) record: u64,
    /// A second call with the same key creates nothing
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    pub(crate) idempotency_key: String,
}

/// Where to attach a stack: one of the links, and what is to be said of it.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("link").required(true).args(["raw_ip", "af_packet", "tun", "tap"])),
    group(ArgGroup::new("ethernet").args(["af_packet", "tap"])),
    group(ArgGroup::new("tunnel").args(["tun", "tap"]))
)]
pub(crate) struct Place {
    /// Raw sockets on an address that the host owns: one of IPv4, one of IPv6, or one of each
    #[arg(long, value_name = "ADDR,...", value_delimiter = ',', value_parser = ip)]
    pub(crate) raw_ip: Vec<String>,
    /// A station of its own on --interface, with addresses that the host does not have
    #[arg(
        long,
        value_name = "ADDR/LENGTH,...",
        value_delimiter = ',',
        value_parser = interface_address,
        requires = "interface"
    )]
    pub(crate) af_packet: Vec<String>,
    /// The other end of a TUN interface of the host, with these addresses
    #[arg(long, value_name = "ADDR/LENGTH,...", value_delimiter = ',', value_parser = interface_address)]
    pub(crate) tun: Vec<String>,
    /// A station with these addresses at the other end of a TAP interface of the host
    #[arg(long, value_name = "ADDR/LENGTH,...", value_delimiter = ',', value_parser = interface_address)]
    pub(crate) tap: Vec<String>,
    /// The interface: for raw sockets to bind to [default: any], to be a station on, or the TUN or TAP interface, made if
    /// it is not there [default: a new one]
    #[arg(long, value_name = "IF", default_value = "", hide_default_value = true)]
    pub(crate) interface: String,
    /// The host's addresses on its TUN or TAP interface
    #[arg(
        long,
        value_name = "ADDR/LENGTH,...",
        value_delimiter = ',',
        value_parser = interface_address,
        requires = "tunnel"
    )]
    pub(crate) host: Vec<String>,
    /// The MTU of the TUN or TAP interface [default: as it is; a new one's is 1500]
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true, requires = "tunnel")]
    pub(crate) mtu: u32,
    /// Have the TUN or TAP interface carry nothing longer than its MTU, and whole checksums
    #[arg(long, requires = "tunnel")]
    pub(crate) no_offload: bool,
    /// The station's MAC address [default: a random one]
    #[arg(long, value_name = "MAC", default_value = "", hide_default_value = true, requires = "ethernet")]
    pub(crate) mac: String,
    /// The VLAN that the station's frames are tagged for [default: none]
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true, requires = "ethernet")]
    pub(crate) vlan: u32,
    /// A router that leads everywhere; one for each family
    #[arg(long, value_name = "ADDR", value_parser = ip, requires = "ethernet")]
    pub(crate) gateway: Vec<String>,
    /// A network, and the router that leads there; without one it is on the link itself
    #[arg(long, value_name = "NETWORK[=ADDR]", value_parser = route, requires = "ethernet")]
    pub(crate) route: Vec<Route>,
}

impl LabVerb {
    /// The verb as typed.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "lab create",
            Self::List => "lab list",
            Self::Delete { .. } => "lab delete",
            Self::Advance { .. } => "lab advance",
            Self::Clock { .. } => "lab clock",
            Self::Record { .. } => "lab record",
        }
    }
}

impl StackVerb {
    /// The verb as typed.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Attach(_) => "stack attach",
            Self::List => "stack list",
            Self::Detach { .. } => "stack detach",
            Self::Record { .. } => "stack record",
        }
    }
}

const CREATE_EXAMPLES: &str = "\
Examples:
  sockwright lab create lab --stack a --stack b
  sockwright lab create six --stack a=fd00::1/64 --stack b=fd00::2/64 --clock manual
  sockwright lab create wan --stack a --stack b --link a,b,delay=50ms,loss=1% --seed 7
  sockwright lab create radio --stack a --stack b --link a,b,burst-begin=1%,burst-end=20%
  sockwright lab create lan --stack a --stack b --link a,b,medium=ethernet --route a:=10.0.0.254";

const ATTACH_EXAMPLES: &str = "\
Examples:
  sockwright stack attach lo --raw-ip 127.0.0.1,::1
  sockwright stack attach eth --af-packet 192.0.2.7/24 --interface eth0 --gateway 192.0.2.1
  sockwright stack attach tun --tun 10.9.0.2/24 --host 10.9.0.1/24
  sockwright stack attach tap --tap 10.9.0.2/24,fd09::2/64 --host 10.9.0.1/24,fd09::1/64 --interface tap7";

const CLOCK_EXAMPLES: &str = "\
Examples:
  sockwright lab clock lab real --speed 0.01
  sockwright lab clock lab manual
  sockwright lab clock lab virtual";

const ADVANCE_EXAMPLES: &str = "\
Examples:
  sockwright lab advance lab --by 60s
  sockwright lab advance lab --to 1.5s
  sockwright lab advance lab --steps 1
  sockwright lab advance lab --until-idle";
