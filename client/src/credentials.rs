//! What a client shows to a server, and whom it believes: a token, certificates.
//!
//! Owns where they are found: the environment, files. A token is never shown again: not by `Debug`, not in an error.

use std::env;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use tonic::Code;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, Uri};

use crate::Error;

/// What a client shows to a server, and whom it believes. Empty, it shows nothing, and believes the authorities that the machine
/// does.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    authorization: Option<MetadataValue<Ascii>>,
    ca: Option<Certificate>,
    own: Option<Identity>,
    insecure: bool,
}

impl Credentials {
    /// What the environment says: `SOCKWRIGHT_TOKEN`, or `SOCKWRIGHT_TOKEN_FILE`; and PEM files in `SOCKWRIGHT_CA`, and in
    /// `SOCKWRIGHT_CERT` with `SOCKWRIGHT_KEY`; `SOCKWRIGHT_INSECURE=1` is [`Credentials::insecure`]. What is empty is not there.
    ///
    /// Errors: `INVALID_ARGUMENT` (a file that cannot be read, one of a certificate and its key alone, no token).
    pub fn from_env() -> Result<Self, Error> {
        let told = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let mut credentials = Credentials::default();
        if told(INSECURE).is_some_and(|value| value == "1") {
            credentials = credentials.insecure();
        }
        if let Some(token) = told("SOCKWRIGHT_TOKEN") {
            let token = token.into_string().map_err(|_| wrong("SOCKWRIGHT_TOKEN is no token".into()))?;
            credentials = credentials.with_token(&token)?;
        } else if let Some(file) = told("SOCKWRIGHT_TOKEN_FILE") {
            credentials = credentials.with_token_file(file.as_ref())?;
        }
        if let Some(file) = told("SOCKWRIGHT_CA") {
            credentials = credentials.with_ca_file(file.as_ref())?;
        }
        match (told("SOCKWRIGHT_CERT"), told("SOCKWRIGHT_KEY")) {
            (Some(cert), Some(key)) => credentials.with_certificate_files(cert.as_ref(), key.as_ref()),
            (None, None) => Ok(credentials),
            _ => Err(wrong("SOCKWRIGHT_CERT and SOCKWRIGHT_KEY go together".into())),
        }
    }

    /// With this bearer token. It goes to servers over TLS, on loopback and on Unix sockets; elsewhere whoever sees the packets
    /// would have it, and connecting fails: see [`Credentials::insecure`].
    ///
    /// Errors: `INVALID_ARGUMENT` (octets that no token has).
    pub fn with_token(self, token: &str) -> Result<Self, Error> {
        let token = token.trim();
        let is_token = !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_graphic());
        let value =
            is_token.then(|| format!("Bearer {token}").parse::<MetadataValue<Ascii>>().ok()).flatten();
        let mut value = value.ok_or_else(|| wrong("what was given is no token".into()))?;
        value.set_sensitive(true);
        Ok(Credentials { authorization: Some(value), ..self })
    }

    /// With the bearer token in this file.
    ///
    /// Errors: `INVALID_ARGUMENT` (it cannot be read, or holds none).
    pub fn with_token_file(self, file: &Path) -> Result<Self, Error> {
        let token = read(file)?;
        let token = str::from_utf8(&token).map_err(|_| wrong(format!("{}: no token", file.display())))?;
        self.with_token(token).map_err(|_| wrong(format!("{}: no token", file.display())))
    }

    /// Believing these authorities, in PEM, and no others.
    ///
    /// Errors: `INVALID_ARGUMENT` (it cannot be read).
    pub fn with_ca_file(self, file: &Path) -> Result<Self, Error> {
        Ok(Credentials { ca: Some(Certificate::from_pem(read(file)?)), ..self })
    }

    /// With this certificate, and its key, in PEM.
    ///
    /// Errors: `INVALID_ARGUMENT` (they cannot be read).
    pub fn with_certificate_files(self, cert: &Path, key: &Path) -> Result<Self, Error> {
        Ok(Credentials { own: Some(Identity::from_pem(read(cert)?, read(key)?)), ..self })
    }

    /// With the token also sent in clear to other machines: where the network is private, or whoever listens may have it.
    pub fn insecure(self) -> Self {
        Credentials { insecure: true, ..self }
    }

    /// Whether the token, if there is one, may go to this server: over TLS, or where it does not leave the machine.
    ///
    /// Errors: `INVALID_ARGUMENT` (it would go in clear to another machine).
    pub(crate) fn may_go_to(&self, url: &str) -> Result<(), Error> {
        if self.insecure || self.authorization.is_none() || url.starts_with("unix:") {
            return Ok(());
        }
        let server: Uri = url.parse().map_err(|error| wrong(format!("{url}: {error}")))?;
        if server.scheme_str() == Some("https") || server.host().is_some_and(is_loopback) {
            return Ok(());
        }
        Err(wrong(format!(
            "{url}: the token would go there in clear: name the server with https://, or set {INSECURE}=1 where the network is \
             private"
        )))
    }

    /// The value of `authorization`, if there is a token.
    pub(crate) fn authorization(&self) -> Option<&MetadataValue<Ascii>> {
        self.authorization.as_ref()
    }

    pub(crate) fn tls(&self) -> ClientTlsConfig {
        let tls = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(ca.clone()),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        match &self.own {
            Some(own) => tls.identity(own.clone()),
            None => tls,
        }
    }
}

/// Whether a host of a URL is this machine for sure: a name other than `localhost` leads wherever DNS says.
fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || literal.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

const INSECURE: &str = "SOCKWRIGHT_INSECURE";

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    fs::read(file).map_err(|error| wrong(format!("{}: {error}", file.display())))
}

fn wrong(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let credentials = Credentials::default().with_token("sockwright_12345\n").unwrap();
        assert_eq!(credentials.authorization().unwrap(), "Bearer sockwright_12345");
        assert!(!format!("{credentials:?}").contains("12345"), "{credentials:?}");
        for odd in ["", " ", "1234 5678", "12345\u{fc}"] {
            let error = Credentials::default().with_token(odd).unwrap_err();
            assert!(!error.to_string().contains("5"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let file = Path::new("/nowhere/ca.pem");
        for result in [
            Credentials::default().with_ca_file(file),
            Credentials::default().with_token_file(file),
            Credentials::default().with_certificate_files(file, file),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument);
            assert!(error.message.contains("/nowhere/ca.pem"), "{error}");
        }
    }
}
