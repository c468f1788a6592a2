//! What an interface's driver does to segments, as it tells (`ethtool -k`).
//!
//! A link takes whatever comes, joined or not. Who measures what is on a wire wants to know all the same; and an interface
//! that joins segments in hardware (LRO) does so without a way back.

use std::collections::BTreeSet;
use std::fmt;

use socket2::{Domain, Socket, Type};

use crate::error::LinkError;
use crate::sys;

/// What is on. `None`: the driver does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Segments are cut by the hardware.
    pub tso: Option<bool>,
    /// Segments are cut by the kernel, at the last moment.
    pub gso: Option<bool>,
    /// Segments are joined by the kernel, so that they can be cut as they were.
    pub gro: Option<bool>,
    /// Segments are joined by the hardware, for good.
    pub lro: Option<bool>,
    /// Checksums of what arrives are looked at by the hardware.
    pub rx_checksum: Option<bool>,
    /// Checksums of what leaves are computed by the hardware.
    pub tx_checksum: Option<bool>,
}

impl Offloads {
    /// Of the interface of this name, in the network namespace of the calling thread.
    pub fn of(name: &str) -> Result<Offloads, LinkError> {
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).map_err(LinkError::io("open a socket"))?;
        sys::interface_index_of(&socket, name).map_err(|_| LinkError::NoSuchInterface(name.to_owned()))?;
        let asked = |command| sys::ethtool_value(&socket, name, command).ok();
        let on = |command| asked(command).map(|value| value != 0);
        Ok(Offloads {
            tso: on(GTSO),
            gso: on(GGSO),
            gro: on(GGRO),
            lro: asked(GFLAGS).map(|flags| flags & FLAG_LRO != 0),
            rx_checksum: on(GRXCSUM),
            tx_checksum: on(GTXCSUM),
        })
    }
}

/// `tso on, gso on, gro on, lro off, rx checksums on, tx checksums on`.
impl fmt::Display for Offloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("tso", self.tso),
            ("gso", self.gso),
            ("gro", self.gro),
            ("lro", self.lro),
            ("rx checksums", self.rx_checksum),
            ("tx checksums", self.tx_checksum),
        ];
        for (number, (what, on)) in all.into_iter().enumerate() {
            let on = match on {
                Some(true) => "on",
                Some(false) => "off",
                None => "unknown",
            };
            write!(f, "{}{what} {on}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The names of the interfaces that have an address, in the network namespace of the calling thread.
pub fn interfaces() -> Result<Vec<String>, LinkError> {
    let all = sys::interface_addresses().map_err(LinkError::io("list the interfaces"))?;
    let names: BTreeSet<String> = all.into_iter().map(|(name, _)| name).collect();
    Ok(names.into_iter().collect())
}

/// Of `linux/ethtool.h`.
const GRXCSUM: u32 = 0x14;
const GTXCSUM: u32 = 0x16;
const GTSO: u32 = 0x1e;
const GGSO: u32 = 0x23;
const GFLAGS: u32 = 0x25;
const GGRO: u32 = 0x2b;
const FLAG_LRO: u32 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_cuts_nothing_in_hardware_that_joins() {
        let offloads = Offloads::of("lo").expect("loopback is there");
        assert_eq!((offloads.lro, offloads.gso), (Some(false), Some(true)), "{offloads}");
        assert!(interfaces().expect("a list").contains(&"lo".to_owned()));
        assert!(matches!(Offloads::of("nowhere"), Err(LinkError::NoSuchInterface(_))));
    }
}
