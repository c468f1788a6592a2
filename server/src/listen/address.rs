//! What `--listen` says: `127.0.0.1:50051`, `localhost:0`, `unix:/run/sockwright.sock`, `unix:/run/sockwright.sock,mode=660`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A host and a port, as they are resolved when they are used.
    Tcp(String),
    /// The file of a Unix socket.
    Unix {
        /// Where it is.
        path: PathBuf,
        /// Who may connect, as the bits of its file's mode.
        mode: u32,
    },
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(text) = text.strip_prefix("unix:") else { return Ok(ListenAddress::Tcp(text.to_owned())) };
        let (path, mode) = match text.rsplit_once(",mode=") {
            Some((path, bits)) => {
                let mode = u32::from_str_radix(bits, 8).ok().filter(|mode| *mode <= 0o777);
                (path, mode.ok_or_else(|| format!("{bits:?} are no mode bits: 600 to 777, in octal"))?)
            }
            None => (text, OWNER_ONLY),
        };
        if !path.starts_with('/') {
            return Err(format!("unix:{path}: the path has to begin with /"));
        }
        Ok(ListenAddress::Unix { path: path.into(), mode })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => f.write_str(address),
            ListenAddress::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The mode of a Unix socket that says nothing of it.
const OWNER_ONLY: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_say_who_connects() {
        let unix = |path: &str, mode| ListenAddress::Unix { path: path.into(), mode };
        assert_eq!("unix:/run/s".parse(), Ok(unix("/run/s", 0o600)));
        assert_eq!("unix:/run/a,b,mode=660".parse(), Ok(unix("/run/a,b", 0o660)));
        assert_eq!("127.0.0.1:0".parse(), Ok(ListenAddress::Tcp("127.0.0.1:0".into())));
        for wrong in ["unix:", "unix:run/s", "unix:/run/s,mode=9", "unix:/run/s,mode=1777"] {
            assert!(wrong.parse::<ListenAddress>().is_err(), "{wrong}");
        }
    }
}
