//! The services of the contract, one file each: thin translations. Requests are parsed, handed to whoever owns the
//! matter, and what comes back is put into the contract's words.

pub(crate) mod events;
pub(crate) mod networks;
pub(crate) mod sessions;
pub(crate) mod sockets;
#[cfg(test)]
mod tests;
pub(crate) mod traces;
pub(crate) mod traffic;

use sockwright_engine::host::Errno;

use crate::convert::Invalid;

/// A text that a client chose, of up to so many octets.
fn text_up_to(text: &str, octets: usize, field: &str) -> Result<(), Invalid> {
    match text.len() <= octets {
        true => Ok(()),
        false => Err(Invalid::new(field, format!("it is longer than {octets} octets"))),
    }
}

/// Data of one call.
fn data_up_to(length: usize, limit: usize, field: &str) -> Result<(), Invalid> {
    match length <= limit {
        true => Ok(()),
        false => Err(Invalid::new(field, format!("{length} octets are more than the {limit} of one call"))
            .with_errno(Errno::EMSGSIZE)),
    }
}

/// The size of a page: 0 is 100, and more than 1000 is 1000.
fn page_size(asked: u32) -> usize {
    match asked {
        0 => 100,
        asked => asked.min(1000) as usize,
    }
}

/// Octets of a label.
const LABEL_OCTETS: usize = 128;
