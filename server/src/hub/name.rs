//! What labs and stacks are called: a name, and whose it is. Each identity has all names for itself, but for `local`, which shares
//! them with the server: what one of the two made, both see where no policy says otherwise.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::access::identity::IdentityId;

/// The name of a lab or a stack, and whose it is. Two of the same text are two names where they are not of the same owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    owner: IdentityId,
    text: Arc<str>,
}

impl Name {
    pub(crate) fn new(owner: IdentityId, text: impl Into<Arc<str>>) -> Name {
        Name { owner, text: text.into() }
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> IdentityId {
        self.owner
    }

    /// Of a stack of a lab: the lab.
    pub(crate) fn lab(&self) -> Option<Name> {
        let (lab, _) = self.text.split_once('/')?;
        Some(Name::new(self.owner, lab))
    }

    /// The same name of the other of the two who share them, if its owner is one of those: only one of both may be there.
    pub(crate) fn namesake(&self) -> Option<Name> {
        let other = match self.owner {
            IdentityId::SERVER => IdentityId::LOCAL,
            IdentityId::LOCAL => IdentityId::SERVER,
            _ => return None,
        };
        Some(Name::new(other, Arc::clone(&self.text)))
    }

    /// The text, and the number of the owner where that has all names for itself: unlike that of any other.
    pub(crate) fn unique(&self) -> String {
        match self.owner {
            IdentityId::SERVER | IdentityId::LOCAL => self.text.to_string(),
            IdentityId(owner) => format!("{}@{owner}", self.text),
        }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One of the server's own.
impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name::new(IdentityId::SERVER, text)
    }
}

/// One of the server's own.
impl From<String> for Name {
    fn from(text: String) -> Name {
        Name::new(IdentityId::SERVER, text)
    }
}
