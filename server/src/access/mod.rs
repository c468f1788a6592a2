//! Who calls, and what they may do.
//!
//! | module | what it owns |
//! |---|---|
//! | [`identity`] | who a caller is: a name, a number, how it was proved |
//! | [`load`] | what an identity has under way, and how fast it calls |
//! | [`tokens`] | the file of bearer tokens |
//! | [`certificates`] | TLS: our certificate, and the names in those of clients |
//! | [`address`] | which addresses may be listened on |
//! | [`owner`] | whose something is: the number of a session names an identity |
//! | [`sight`] | what somebody sees, as filters ask it |
//! | [`policy`] | what an identity may do, as a file or the command line says it |
//! | [`meter`] | how much somebody sends on real wires |
//! | [`quota`] | how much of a thing somebody may have |
//! | [`audit`] | the audit log |
//! | [`caller`] | one who calls, with all that he may do |
//!
//! [`Credentials`] is what all of it comes to for a server: read from files, and read again when it is asked to, all or nothing.

pub mod address;
pub(crate) mod audit;
pub(crate) mod caller;
mod certificates;
pub(crate) mod identity;
pub(crate) mod load;
pub(crate) mod meter;
pub(crate) mod owner;
pub(crate) mod policy;
pub(crate) mod quota;
pub(crate) mod sight;
pub mod tokens;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;

use self::identity::{Identities, Identity, Proof, TooManyIdentities};
pub use self::policy::Allow;
use self::policy::Policy;
use self::tokens::Tokens;
use crate::config::AccessConfig;

/// Who may call a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Credentials(Arc<State>);

#[derive(Debug)]
struct State {
    config: AccessConfig,
    identities: Arc<Identities>,
    policy: Option<FollowedPolicy>,
    read: RwLock<Arc<Read>>,
    /// Held by who reads files until what they say is so: who read first must not have the last word.
    turn: Mutex<()>,
}

/// A policy that is read from a file, and who is to follow it.
#[derive(Debug)]
pub(crate) struct FollowedPolicy {
    pub(crate) file: PathBuf,
    pub(crate) by: Arc<caller::Access>,
}

/// What the files said when they were last read.
#[derive(Clone, Debug, Default)]
struct Read {
    tls: Option<Arc<ServerConfig>>,
    tokens: Option<Arc<Tokens>>,
}

/// What the metadata of a call says of who makes it.
pub(crate) enum Said {
    /// Nothing, or nothing that is looked at here.
    Nothing,
    /// It proves this identity.
    Proved(Identity),
    /// It proves nothing, though it was to.
    Wrong,
}

impl Credentials {
    /// Reads the files, but for that of the policy, which has been read. An error is a sentence.
    pub(crate) fn open(
        config: &AccessConfig,
        identities: Arc<Identities>,
        policy: Option<FollowedPolicy>,
    ) -> Result<Credentials, String> {
        let state = State {
            config: config.clone(),
            identities,
            policy,
            read: RwLock::default(),
            turn: Mutex::default(),
        };
        let access = Credentials(Arc::new(state));
        let read = Read::all(config, &access.0.identities)?;
        read.warn_of_roles(access.0.policy.as_ref());
        access.put(read);
        Ok(access)
    }

    /// Reads the files again. What cannot be used changes nothing, and is an error: a sentence. Connections and calls under way go
    /// on as they are.
    pub fn reload(&self) -> Result<(), String> {
        let State { config, identities, policy, .. } = &*self.0;
        let _turn = self.turn();
        let read = Read::all(config, identities)?;
        let followed = policy.as_ref().map(|followed| Ok((&followed.by, Policy::read(&followed.file)?)));
        let followed = followed.transpose().map_err(|error: policy::PolicyError| error.to_string())?;
        self.put(read);
        // With the roles that tokens give now.
        if let Some((by, policy)) = followed {
            by.follow(policy);
        }
        self.read().warn_of_roles(policy.as_ref());
        Ok(())
    }

    /// Reads the certificates again as soon as their files have changed and then rest. Never ends.
    pub(crate) async fn follow_certificates(self) {
        let Some(files) = &self.0.config.tls else { return std::future::pending().await };
        let files: Vec<PathBuf> = files.all().map(Path::to_owned).collect();
        let stamps = move || files.iter().map(|file| Stamp::of(file)).collect::<Vec<_>>();
        let mut read = stamps();
        let mut seen = read.clone();
        let mut ticks = tokio::time::interval(self.0.config.poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = stamps();
            let rests = now == seen;
            seen = now;
            if !rests || seen == read {
                continue;
            }
            read.clone_from(&seen);
            match self.reload_certificates() {
                Ok(()) => tracing::info!("the certificates have changed and were read again"),
                Err(problem) => tracing::warn!("the certificates stay as they were: {problem}"),
            }
        }
    }

    fn reload_certificates(&self) -> Result<(), String> {
        let Some(files) = &self.0.config.tls else { return Ok(()) };
        let asked = self.0.config.tokens.is_none();
        let _turn = self.turn();
        let tls = Some(Arc::new(certificates::server_config(files, asked)?));
        let tokens = self.read().tokens.clone();
        self.put(Read { tls, tokens });
        Ok(())
    }

    /// What makes TLS of a connection, if that is spoken here.
    pub(crate) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.read().tls.clone().map(TlsAcceptor::from)
    }

    /// Who somebody is who has proved nothing: nobody, where that is asked for.
    pub(crate) fn of_nobody(&self) -> Option<Identity> {
        (!self.0.config.asks()).then(|| self.0.identities.local())
    }

    /// Who a user of this machine is.
    pub(crate) fn of_user(&self, uid: u32) -> Result<Identity, TooManyIdentities> {
        self.0.identities.known(&format!("uid:{uid}"), Proof::User)
    }

    /// Who has these certificates, which TLS has verified.
    pub(crate) fn of_certificates(
        &self,
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Result<Option<Identity>, TooManyIdentities> {
        match certificates.and_then(<[_]>::first) {
            Some(first) => match certificates::name(first) {
                Some(name) => self.0.identities.known(&format!("cert:{name}"), Proof::Certificate).map(Some),
                None => Ok(None),
            },
            None => Ok(self.of_nobody()),
        }
    }

    /// What the metadata of a call says.
    pub(crate) fn said(&self, headers: &HeaderMap) -> Said {
        let Some(value) = headers.get(AUTHORIZATION) else { return Said::Nothing };
        let read = self.0.read.read().unwrap_or_else(PoisonError::into_inner);
        match read.tokens.as_ref().map(|tokens| tokens.whose(value)) {
            None => Said::Nothing,
            Some(Some(identity)) => Said::Proved(identity),
            Some(None) => Said::Wrong,
        }
    }

    /// How to say who one is: what somebody is told who did not.
    pub(crate) fn how(&self) -> &'static str {
        let certificates = self.0.config.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        match (certificates, self.0.config.tokens.is_some()) {
            (false, _) => {
                "this server asks who calls: give a token that it knows, as `authorization: Bearer TOKEN`"
            }
            (true, false) => "this server asks who calls: give a certificate with a name in it",
            (true, true) => {
                "this server asks who calls: give a certificate with a name in it, or a token that it knows, as \
                 `authorization: Bearer TOKEN`"
            }
        }
    }

    fn read(&self) -> Arc<Read> {
        Arc::clone(&self.0.read.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, read: Read) {
        if let Some(tokens) = &read.tokens {
            self.0.identities.give_roles(tokens.roles());
        }
        *self.0.read.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
    }
}

impl Read {
    fn all(config: &AccessConfig, identities: &Identities) -> Result<Read, String> {
        let asked = config.tokens.is_none();
        let tls = config.tls.as_ref().map(|files| certificates::server_config(files, asked)).transpose()?;
        let tokens = config.tokens.as_ref().map(|file| Tokens::read(file, identities)).transpose()?;
        Ok(Read { tls: tls.map(Arc::new), tokens: tokens.map(Arc::new) })
    }

    /// Warns of the roles of tokens that the policy does not have: a slip of the pen, which would give nothing without a word.
    fn warn_of_roles(&self, policy: Option<&FollowedPolicy>) {
        let Some((tokens, FollowedPolicy { file, by })) = self.tokens.as_ref().zip(policy) else { return };
        for problem in undefined_roles(tokens, by) {
            tracing::warn!("{problem} {}", file.display());
        }
    }
}

/// A sentence, but for the policy's name, for each name that has roles which the policy does not.
fn undefined_roles(tokens: &Tokens, access: &caller::Access) -> Vec<String> {
    let told = tokens.roles().iter().filter_map(|(name, roles)| {
        let roles = access.undefined(roles);
        let roles = (!roles.is_empty()).then(|| roles.join(", "))?;
        Some(format!("{name} has roles that give it nothing: there is no {roles} in"))
    });
    let mut told: Vec<String> = told.collect();
    told.sort_unstable();
    told
}

/// What tells whether a file is the one that it was: when it was changed, how long it is, which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp(Option<(i64, i64, u64, u64)>);

impl Stamp {
    fn of(file: &Path) -> Stamp {
        let told = fs::metadata(file).ok();
        Stamp(told.map(|is| (is.mtime(), is.mtime_nsec(), is.size(), is.ino())))
    }
}

/// The octets of a file that is small.
fn contents(file: &Path) -> Result<Vec<u8>, String> {
    let refused = |error: io::Error| format!("{}: {error}", file.display());
    let length = fs::metadata(file).map_err(refused)?.len();
    if length > FILE_OCTETS {
        return Err(format!(
            "{}: {length} octets are more than the {FILE_OCTETS} that are read",
            file.display()
        ));
    }
    fs::read(file).map_err(refused)
}

/// Warns of a file that others than its owner can do more with than is good.
fn warn_of_mode(file: &Path, forbidden: u32, what: &str) {
    let mode = fs::metadata(file).map_or(0, |is| is.mode() & 0o777);
    if mode & forbidden != 0 {
        tracing::warn!("{}: its mode {mode:o} lets others {what}", file.display());
    }
}

/// Of a file of tokens or certificates.
const FILE_OCTETS: u64 = 1 << 20;

#[cfg(test)]
mod tests;
