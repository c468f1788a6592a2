//! What somebody sees: of everything, or of what is its own.

use sockwright_engine::id::SessionId;

use super::identity::IdentityId;
use super::owner::owner_of;

/// What somebody sees. A filter has it compiled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything.
    #[default]
    All,
    /// What belongs to this identity.
    Own(IdentityId),
}

impl Sight {
    /// Whether it sees what belongs to this one.
    pub(crate) fn sees(self, owner: IdentityId) -> bool {
        match self {
            Sight::All => true,
            Sight::Own(own) => own == owner,
        }
    }

    /// Whether it sees what belongs to this session.
    pub(crate) fn sees_session(self, session: SessionId) -> bool {
        self.sees(owner_of(session))
    }
}
