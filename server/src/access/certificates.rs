//! TLS: our certificate, whom we believe about clients, and the names in their certificates.
//!
//! Everything cryptographic is rustls' with ring.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::{contents, warn_of_mode};
use crate::config::TlsFiles;

/// What these files come to. Where `client_ca` is all that says who calls, the handshake itself asks for a certificate, so that
/// strangers get no further. An error is a sentence.
pub(super) fn server_config(files: &TlsFiles, only_certificates: bool) -> Result<ServerConfig, String> {
    warn_of_mode(&files.key, 0o027, "read or change the key");
    let chain = certificates(&files.cert)?;
    warn_of_age(&files.cert, &chain);
    let key = PrivateKeyDer::from_pem_slice(&contents(&files.key)?)
        .map_err(|error| format!("{}: no private key in PEM: {error}", files.key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(file)? {
                roots.add(root).map_err(|error| format!("{}: {error}", file.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = if only_certificates { verifier } else { verifier.allow_unauthenticated() };
            let built = verifier.build().map_err(|error| format!("{}: {error}", file.display()))?;
            builder.with_client_cert_verifier(built)
        }
    };
    let (cert, key_file) = (files.cert.display(), files.key.display());
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| format!("{cert} with {key_file}: {error}"))?;
    // HTTP/1.1 is for browsers' gRPC-Web and the page.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The name in a client's certificate: its first URI (SPIFFE's, for instance), else its first DNS name, else its common name. None
/// where there is none that could stand in a log and in a policy.
pub(super) fn name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let alternatives = certificate.subject_alternative_name().ok()?;
    let alternatives = alternatives.iter().flat_map(|extension| &extension.value.general_names);
    let uri = alternatives.clone().find_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let dns = alternatives.clone().find_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    let common = || certificate.subject().iter_common_name().find_map(|name| name.as_str().ok());
    let name = uri.or(dns).or_else(common)?;
    let is_plain =
        (1..=NAME_OCTETS).contains(&name.len()) && name.bytes().all(|octet| octet.is_ascii_graphic());
    is_plain.then(|| name.to_owned())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = contents(file)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match read {
        Ok(read) if read.is_empty() => Err(format!("{}: no certificate in PEM", file.display())),
        Ok(read) => Ok(read),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// Clients refuse a certificate that is too old or too new; whoever starts the server is told first.
fn warn_of_age(file: &Path, chain: &[CertificateDer<'_>]) {
    for certificate in chain.iter().filter_map(|der| X509Certificate::from_der(der).ok()) {
        let validity = certificate.1.validity();
        if !validity.is_valid() {
            let (from, to) = (validity.not_before, validity.not_after);
            tracing::warn!("{}: a certificate is valid from {from} to {to}, not now", file.display());
        }
    }
}

/// The longest name of a certificate that is one here.
const NAME_OCTETS: usize = 256;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    /// The name in a certificate with these alternatives and this common name.
    fn name_of(alternatives: Vec<SanType>, common: &str) -> Option<String> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = alternatives;
        params.distinguished_name.push(DnType::CommonName, common);
        name(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn the_name_is_the_uri_else_the_dns_name_else_the_common_name() {
        let uri = || SanType::URI("spiffe://lab/ci".try_into().unwrap());
        let dns = || SanType::DnsName("ci.lab".try_into().unwrap());
        assert_eq!(name_of(vec![dns(), uri()], "ci").as_deref(), Some("spiffe://lab/ci"));
        assert_eq!(name_of(vec![dns()], "ci").as_deref(), Some("ci.lab"));
        assert_eq!(name_of(vec![], "ci").as_deref(), Some("ci"));
    }

    #[test]
    fn a_name_that_could_not_stand_in_a_line_is_none() {
        for common in ["", "a b", "a\nidentity=local", "\u{fc}", &"a".repeat(NAME_OCTETS + 1)] {
            assert_eq!(name_of(vec![], common), None, "{common:?}");
        }
    }
}
