//! Which addresses may be listened on: those of loopback always, others only where callers have to say who they are.

use std::net::IpAddr;

use crate::config::AccessConfig;

/// Refuses an address where whoever reaches it would have every right, or would send tokens in the clear. An error is a sentence.
pub fn admit(ip: IpAddr, access: &AccessConfig) -> Result<(), String> {
    if ip.to_canonical().is_loopback() || access.insecure || (access.tls.is_some() && access.asks()) {
        return Ok(());
    }
    let lacks = match (&access.tls, access.asks()) {
        (Some(_), _) => {
            "callers would not have to say who they are; give --tls-client-ca FILE or --tokens FILE"
        }
        (None, true) => "tokens would pass in the clear; give --tls-cert FILE and --tls-key FILE",
        (None, false) => {
            "anybody there could do anything; give --tls-cert FILE and --tls-key FILE, with --tls-client-ca FILE or --tokens \
             FILE"
        }
    };
    Err(format!(
        "{ip} is not loopback, and {lacks}, or --insecure if the network itself says who comes (docs/security.md)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsFiles;

    #[test]
    fn beyond_loopback_there_is_tls_and_an_identity_or_a_word_for_it() {
        let tls = |client_ca: bool| {
            let client_ca = client_ca.then(|| "ca.pem".into());
            Some(TlsFiles { cert: "cert.pem".into(), key: "key.pem".into(), client_ca })
        };
        let none = AccessConfig::default();
        let tokens = AccessConfig { tokens: Some("tokens.toml".into()), ..none.clone() };
        let server = AccessConfig { tls: tls(false), ..none.clone() };
        let mutual = AccessConfig { tls: tls(true), ..none.clone() };
        let both = AccessConfig { tls: tls(false), ..tokens.clone() };
        let insecure = AccessConfig { insecure: true, ..none.clone() };
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(admit(ip.parse().unwrap(), &none), Ok(()), "{ip}");
        }
        for ip in ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1"] {
            let ip = ip.parse().unwrap();
            for (access, named) in [
                (&none, ["--tls-cert", "--tls-client-ca", "--tokens", "--insecure"].as_slice()),
                (&tokens, ["--tls-cert", "--insecure"].as_slice()),
                (&server, ["--tls-client-ca", "--tokens", "--insecure"].as_slice()),
            ] {
                let refusal = admit(ip, access).unwrap_err();
                assert!(named.iter().all(|flag| refusal.contains(flag)), "{refusal}");
            }
            for access in [&mutual, &both, &insecure] {
                assert_eq!(admit(ip, access), Ok(()));
            }
        }
    }
}
