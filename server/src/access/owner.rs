//! Whose something is: the number of a session names its identity, so that whose a socket is follows from what every event and
//! row carries already, without a table.
//!
//! ```text
//! SessionId   0000_0000 0000_0000 0000_0007 | 00 0000 0003      session 3 of identity 7
//!             0000_0000 0000_0000 0000_0007 | 00 0000 0000      what identity 7 makes without a session
//! ```

use sockwright_engine::id::SessionId;

use super::identity::IdentityId;

/// Whose a session is, and all that belongs to it.
pub(crate) fn owner_of(SessionId(session): SessionId) -> IdentityId {
    // What is left has 24 bits.
    IdentityId((session >> NUMBER_BITS) as u32)
}

/// The session of an identity with this number, which has 40 bits.
pub(crate) fn session_of(owner: IdentityId, number: u64) -> SessionId {
    SessionId(u64::from(owner.0) << NUMBER_BITS | number & NUMBER_MAX)
}

/// What an identity makes without a session belongs to this one.
pub(crate) fn no_session_of(owner: IdentityId) -> SessionId {
    session_of(owner, 0)
}

/// Whether it stands for no session.
pub(crate) fn is_no_session(SessionId(session): SessionId) -> bool {
    session & NUMBER_MAX == 0
}

const NUMBER_BITS: u32 = 40;
const NUMBER_MAX: u64 = (1 << NUMBER_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_names_its_identity() {
        for owner in [IdentityId::SERVER, IdentityId::LOCAL, IdentityId::MAX] {
            for number in [1, 999_999_000_001, NUMBER_MAX] {
                let session = session_of(owner, number);
                assert_eq!((owner_of(session), is_no_session(session)), (owner, false));
            }
            assert_eq!(owner_of(no_session_of(owner)), owner);
            assert!(is_no_session(no_session_of(owner)));
        }
        assert_eq!(no_session_of(IdentityId::SERVER), SessionId(0));
    }
}
