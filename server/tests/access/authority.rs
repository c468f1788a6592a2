//! An authority of our own, and what it signs.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Somebody whose word is believed, or not.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Signed {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// How a client speaks TLS that believes it.
    pub(crate) fn client_config(&self) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem().as_bytes()).unwrap()).unwrap();
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
    }

    /// Of a server called `localhost`.
    pub(crate) fn server(&self) -> Signed {
        self.sign(CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap())
    }

    /// Of a client with this URI.
    pub(crate) fn client(&self, uri: &str) -> Signed {
        self.sign(client(uri))
    }

    /// The same, of long ago.
    pub(crate) fn expired_client(&self, uri: &str) -> Signed {
        let mut params = client(uri);
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Signed { cert: cert.pem(), key: key.serialize_pem() }
    }
}

fn client(uri: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
    params
}
