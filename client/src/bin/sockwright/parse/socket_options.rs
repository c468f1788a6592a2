//! The socket options that are more than one value.
//!
//! ```text
//! on                             ->  KeepAlive { enabled: true, the defaults }
//! idle=10s,interval=1s,probes=3  ->  KeepAlive { enabled: true, .. }
//! off                            ->  KeepAlive { enabled: false }, Linger { enabled: false }
//! 5s                             ->  Linger { enabled: true, time: 5s }
//! record-route=3,raw=94040000    ->  IpOptions { options: [record_route: 3, raw: 94 04 00 00] }
//! ```

use sockwright_client::v1::{IpOption, IpOptions, KeepAlive, Linger, ip_option};

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

/// Reads `none`, or IPv4 options in the order in which they are to stand.
pub(crate) fn ip_options(text: &str) -> Result<IpOptions, String> {
    if text == "none" {
        return Ok(IpOptions::default());
    }
    let number = |value: &str| value.parse().map_err(|_| format!("`{value}` is not a whole number"));
    let read = |word: &str| {
        let option = match word.split_once('=').unwrap_or((word, "0")) {
            ("record-route", addresses) => ip_option::Option::RecordRoute(number(addresses)?),
            ("router-alert", value) => ip_option::Option::RouterAlert(number(value)?),
            ("raw", digits) => ip_option::Option::Raw(hexadecimal(digits)?.into()),
            _ => return Err("none, or any of record-route=ADDRESSES, router-alert[=VALUE], raw=HEX".into()),
        };
        Ok(IpOption { option: Some(option) })
    };
    Ok(IpOptions { options: text.split(',').map(read).collect::<Result<_, String>>()? })
}

fn hexadecimal(digits: &str) -> Result<Vec<u8>, String> {
    let octet = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2 && !pair.starts_with('+'));
        pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    digits
        .as_bytes()
        .chunks(2)
        .map(octet)
        .collect::<Option<_>>()
        .ok_or_else(|| format!("`{digits}` is not pairs of hexadecimal digits"))
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

    #[test]
    fn ip_options_are_words_or_octets() {
        use ip_option::Option::{Raw, RecordRoute, RouterAlert};
        let read = |text: &str| {
            let options = ip_options(text).unwrap().options;
            options.into_iter().map(|option| option.option.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(read("none"), []);
        assert_eq!(read("router-alert,record-route=9"), [RouterAlert(0), RecordRoute(9)]);
        assert_eq!(read("raw=9404FFff"), [Raw(vec![0x94, 4, 0xff, 0xff].into())]);
        for wrong in ["", "raw=9", "raw=+9", "raw=ä", "record-route=x", "source-route=1"] {
            assert!(ip_options(wrong).is_err(), "{wrong}");
        }
    }
}
