//! Small parts of the requests of `Sockets`.

use sockwright_engine::host::op::Wait;

use crate::convert::Invalid;

/// How much one call may carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Octets of data.
    pub(super) message: usize,
}

impl Sizes {
    /// The most and the least octets that a call wants to receive.
    pub(super) fn to_receive(self, max: u32, min: u32) -> Result<(usize, usize), Invalid> {
        let max = match max as usize {
            0 => USUAL_BYTES.min(self.message),
            max if max <= self.message => max,
            max => {
                let problem = format!("{max} octets are more than the {} of one call", self.message);
                return Err(Invalid::new("max_bytes", problem));
            }
        };
        let min = (min as usize).max(1);
        match min <= max {
            true => Ok((max, min)),
            false => Err(Invalid::new("min_bytes", format!("{min} is more than max_bytes, {max}"))),
        }
    }
}

/// Whether a call may park.
pub(super) fn wait(dont_wait: bool) -> Wait {
    if dont_wait { Wait::Never } else { Wait::Park }
}

/// The socket after which a page begins.
pub(super) fn page_token(token: &str) -> Result<u64, Invalid> {
    if token.is_empty() {
        return Ok(0);
    }
    token.parse().map_err(|_| Invalid::new("page_token", "it was not given by this call"))
}

/// What a call receives that does not say how much.
const USUAL_BYTES: usize = 64 * 1024;
