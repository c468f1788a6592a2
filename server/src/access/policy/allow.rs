//! `--allow PREFIX[:PORTS]`: what may be reached on real wires where there is no file.

use std::str::FromStr;

use super::grants::WireRule;
use super::net::{Ports, Prefix, port_range};

/// What is allowed: connections to peers in a prefix, and from them, over TCP and UDP. The ports are those of the service,
/// on whichever side it is.
///
/// ```
/// use sockwright_server::access::Allow;
/// for text in ["10.0.0.0/24", "127.0.0.1:80", "10.0.0.0/8:80,8000-8100", "fd00::/8", "[fd00::/8]:443", "all"] {
///     text.parse::<Allow>().unwrap();
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    nets: Vec<Prefix>,
    ports: Ports,
    text: String,
}

impl Allow {
    /// All that there is to be reached.
    pub fn everything() -> Allow {
        Allow { nets: Prefix::everything().to_vec(), ports: Ports::default(), text: EVERYTHING.to_owned() }
    }

    pub(super) fn rule(&self) -> WireRule {
        WireRule {
            name: format!("--allow {}", self.text).into(),
            nets: self.nets.clone(),
            ports: self.ports.clone(),
            transports: Vec::new(),
        }
    }
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (nets, ports) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((net, "")) => (net, None),
            Some((net, ports)) => {
                (net, Some(ports.strip_prefix(':').ok_or_else(|| format!("{ports:?} is not `:PORTS`"))?))
            }
            // More than one colon: those of an IPv6 address.
            None => match text.split_once(':') {
                Some((net, ports)) if !ports.contains(':') => (net, Some(ports)),
                _ => (text, None),
            },
        };
        let ports = ports.map_or(Ok(Vec::new()), |ports| ports.split(',').map(port_range).collect());
        let nets = match nets {
            EVERYTHING => Prefix::everything().to_vec(),
            net => vec![net.parse()?],
        };
        Ok(Allow { nets, ports: Ports::of(ports?), text: text.to_owned() })
    }
}

/// The word for every address of both families.
const EVERYTHING: &str = "all";
