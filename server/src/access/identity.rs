//! Who is calling.
//!
//! Owns [`Identity`], which is in the extensions of every call, in its [`Peer`], where services read it with
//! [`caller`], and [`Identities`], which gives each name its number. Never decides what an identity may do.
//!
//! A name says how it was proved: `local` (nobody asked), `token:ci`, `cert:spiffe://lab/ci`, `uid:1000`. A number belongs to
//! its name for as long as the server runs, so that it may be part of the numbers of sessions.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock};

use http::Extensions;
use tonic::{Request, Status};

use super::load::Load;
use crate::listen::Peer;

/// The number of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct IdentityId(pub(crate) u32);

impl IdentityId {
    /// The server itself, whose are the stacks and labs that it begins with. Nobody who calls has it.
    pub(crate) const SERVER: IdentityId = IdentityId(0);
    /// Everyone, where nobody is asked who they are.
    pub(crate) const LOCAL: IdentityId = IdentityId(1);
    /// The largest there can be: 24 bits, which the numbers of sessions have room for.
    pub(crate) const MAX: IdentityId = IdentityId((1 << 24) - 1);
}

/// Who is calling. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Identity(Arc<Known>);

/// What is known of a caller.
#[derive(Debug)]
struct Known {
    account: Arc<Account>,
    proof: Proof,
}

/// The names of roles.
pub(crate) type Roles = Arc<[Box<str>]>;

/// A name, its number, the roles that its proofs give it, and the calls that are made in it.
#[derive(Debug)]
pub(crate) struct Account {
    id: IdentityId,
    name: Box<str>,
    /// As the files said when they were last read, whoever calls by what was in them before.
    roles: RwLock<Roles>,
    pub(crate) load: Load,
}

impl Account {
    /// Whose it is.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn new(id: IdentityId, name: &str) -> Arc<Account> {
        Arc::new(Account { id, name: name.into(), roles: RwLock::default(), load: Load::default() })
    }
}

/// How an identity was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is the server itself.
    Server,
    /// Not at all: nobody is asked where the call came in.
    None,
    /// By the kernel, of a process on this machine.
    User,
    /// By a certificate, over TLS.
    Certificate,
    /// By a bearer token.
    Token,
}

impl Identity {
    /// The server itself, for the calls that it makes by itself.
    pub(crate) fn server() -> Identity {
        static ITSELF: LazyLock<Identity> = LazyLock::new(|| {
            let account = Account::new(IdentityId::SERVER, SERVER);
            Identity::new(account, Proof::Server)
        });
        ITSELF.clone()
    }

    fn new(account: Arc<Account>, proof: Proof) -> Identity {
        Identity(Arc::new(Known { account, proof }))
    }

    /// Its number.
    pub(crate) fn id(&self) -> IdentityId {
        self.0.account.id
    }

    /// Its name: `local`, `token:ci`, `cert:spiffe://lab/ci`, `uid:1000`.
    pub(crate) fn name(&self) -> &str {
        self.0.account.name()
    }

    /// What is under way in its name, however it was proved.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.0.account
    }

    /// How it was proved.
    pub(crate) fn proof(&self) -> Proof {
        self.0.proof
    }

    /// The names of the roles that its proofs give it; a policy may give it more.
    pub(crate) fn roles(&self) -> Roles {
        Arc::clone(&self.0.account.roles.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who makes the call that these extensions belong to: `caller(request.extensions())?`.
///
/// Errors: UNAUTHENTICATED where nobody has been put there, which no call that came through the layers is.
pub(crate) fn caller(extensions: &Extensions) -> Result<Identity, Status> {
    let known = extensions.get().and_then(Peer::identity).cloned();
    known.ok_or_else(|| Status::unauthenticated("nobody is known to make this call"))
}

/// A request of the server itself, which goes through no layer.
pub(crate) fn by_server<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Peer::server());
    request
}

/// A request of whoever is asked nothing.
#[cfg(test)]
pub(crate) fn by_local<T>(message: T) -> Request<T> {
    let mut peer = Peer::server();
    peer.is(Some(Identities::new(1).local()));
    let mut request = Request::new(message);
    request.extensions_mut().insert(peer);
    request
}

/// The identities that a server has met: each name has one number, for good.
#[derive(Debug)]
pub(crate) struct Identities {
    /// By their names. Nobody is forgotten: the next number is that of the last and one, the server having the first.
    accounts: Mutex<HashMap<Box<str>, Arc<Account>>>,
    limit: usize,
    local: Identity,
}

/// There are as many identities as the server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyIdentities(pub(crate) usize);

impl fmt::Display for TooManyIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server's limit of {} identities is reached", self.0)
    }
}

impl Identities {
    /// `local` alone, and room for `limit` names with it.
    pub(crate) fn new(limit: usize) -> Self {
        let account = Account::new(IdentityId::LOCAL, LOCAL);
        let accounts = HashMap::from([(account.name.clone(), Arc::clone(&account))]);
        Identities { accounts: Mutex::new(accounts), limit, local: Identity::new(account, Proof::None) }
    }

    /// Who everyone is where nobody is asked.
    pub(crate) fn local(&self) -> Identity {
        self.local.clone()
    }

    /// Who goes by this name, proved so; the same number for the same name.
    pub(crate) fn known(&self, name: &str, proof: Proof) -> Result<Identity, TooManyIdentities> {
        Ok(Identity::new(self.account(name)?, proof))
    }

    /// Gives these names these roles, and all others none.
    pub(crate) fn give_roles(&self, by_name: &HashMap<Box<str>, Roles>) {
        for (name, account) in self.accounts().iter() {
            let roles = by_name.get(name).cloned().unwrap_or_default();
            *account.roles.write().unwrap_or_else(PoisonError::into_inner) = roles;
        }
    }

    fn account(&self, name: &str) -> Result<Arc<Account>, TooManyIdentities> {
        let mut accounts = self.accounts();
        if let Some(account) = accounts.get(name) {
            return Ok(Arc::clone(account));
        }
        let next = u32::try_from(accounts.len() + 1).ok().filter(|next| *next <= IdentityId::MAX.0);
        let Some(next) = next.filter(|_| accounts.len() < self.limit) else {
            return Err(TooManyIdentities(self.limit));
        };
        let account = Account::new(IdentityId(next), name);
        accounts.insert(name.into(), Arc::clone(&account));
        Ok(account)
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the audit log and the server's own log call the server.
const SERVER: &str = "server";
const LOCAL: &str = "local";

#[cfg(test)]
mod tests {
    use super::*;

    fn known(identities: &Identities, name: &str) -> Result<IdentityId, TooManyIdentities> {
        identities.known(name, Proof::None).map(|identity| identity.id())
    }

    #[test]
    fn a_name_keeps_its_number_and_one_too_many_has_none() {
        let identities = Identities::new(3);
        assert_eq!(known(&identities, "token:a"), Ok(IdentityId(2)));
        assert_eq!(known(&identities, "token:b"), Ok(IdentityId(3)));
        assert_eq!(known(&identities, "token:c"), Err(TooManyIdentities(3)));
        assert_eq!(known(&identities, "token:a"), Ok(IdentityId(2)), "whoever is known stays known");
    }

    #[test]
    fn everyone_where_nobody_is_asked_is_not_the_server() {
        let identities = Identities::new(1);
        assert_eq!(known(&identities, "local"), Ok(IdentityId::LOCAL));
        assert_eq!(identities.local().id(), IdentityId::LOCAL);
        assert_eq!(Identity::server().id(), IdentityId::SERVER);
        assert_ne!(IdentityId::SERVER, IdentityId::LOCAL);
        assert_eq!((identities.local().proof(), Identity::server().proof()), (Proof::None, Proof::Server));
    }

    #[test]
    fn a_call_that_nobody_makes_is_refused() {
        let nobody = caller(Request::new(()).extensions()).unwrap_err();
        assert_eq!(nobody.code(), tonic::Code::Unauthenticated);
        assert_eq!(caller(by_server(()).extensions()).unwrap().id(), IdentityId::SERVER);
    }
}
