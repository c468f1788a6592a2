//! The socket options that are more than one value.
//!
//! ```text
//! on                             ->  KeepAlive { enabled: true, the defaults }
//! idle=10s,interval=1s,probes=3  ->  KeepAlive { enabled: true, .. }
//! off                            ->  KeepAlive { enabled: false }, Linger { enabled: false }
//! 5s                             ->  Linger { enabled: true, time: 5s }
//! ```

use sockwright_client::v1::{KeepAlive, Linger};

use super::duration::duration;

/// Reads `off`, `on`, or `idle=DURATION,interval=DURATION,probes=N` with any of the three.
pub(crate) fn keep_alive(text: &str) -> Result<KeepAlive, String> {
    let mut keep_alive = KeepAlive { enabled: text != "off", ..Default::default() };
    if matches!(text, "on" | "off") {
        return Ok(keep_alive);
    }
    for word in text.split(',') {
        match word.split_once('=') {
            Some(("idle", value)) => keep_alive.idle = Some(duration(value)?),
            Some(("interval", value)) => keep_alive.interval = Some(duration(value)?),
            Some(("probes", value)) => {
                keep_alive.probes =
                    value.parse().map_err(|_| format!("`{value}` is not a number of probes"))?;
            }
            _ => return Err("on, off, or idle=DURATION,interval=DURATION,probes=N".into()),
        }
    }
    Ok(keep_alive)
}

/// Reads `off` or a duration; zero makes `close` an abort.
pub(crate) fn linger(text: &str) -> Result<Linger, String> {
    match text {
        "off" => Ok(Linger { enabled: false, time: None }),
        time => Ok(Linger { enabled: true, time: Some(duration(time)?) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_is_a_switch_or_its_times() {
        assert!(keep_alive("on").unwrap().enabled);
        assert!(!keep_alive("off").unwrap().enabled);
        let times = keep_alive("idle=10s,probes=3").unwrap();
        assert_eq!((times.enabled, times.probes, times.interval), (true, 3, None));
        assert_eq!(times.idle, Some(prost_types::Duration { seconds: 10, nanos: 0 }));
        assert!(keep_alive("sometimes").is_err());
    }

    #[test]
    fn linger_is_off_or_a_time() {
        assert!(!linger("off").unwrap().enabled);
        let zero = Some(prost_types::Duration::default());
        assert_eq!(linger("0").unwrap(), Linger { enabled: true, time: zero });
        assert!(linger("on").is_err());
    }
}
