//! The names of sessions: `s-1`, `s-2`, ...

use sockwright_engine::id::SessionId;

use crate::access::owner::is_no_session;

/// The name of a session in the contract; empty for none, whoever has none.
pub fn session_name(session: SessionId) -> String {
    match session {
        session if is_no_session(session) => String::new(),
        SessionId(number) => format!("s-{number}"),
    }
}

/// The session of that name; `None` where no session can have it. The empty name is none: whose, its caller knows.
///
/// Only the very text that [`session_name`] gives is a name: `s-01` is not.
pub fn parse_session(name: &str) -> Option<SessionId> {
    if name.is_empty() {
        return Some(SessionId(0));
    }
    let session = SessionId(name.strip_prefix("s-")?.parse().ok()?);
    (session_name(session) == name).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_by_its_name_and_by_no_other_text() {
        for number in [0, 1, 42, 7 << 40 | 42, u64::MAX] {
            assert_eq!(parse_session(&session_name(SessionId(number))), Some(SessionId(number)));
        }
        assert_eq!(session_name(SessionId(7 << 40)), "");
        for text in
            ["s-7696581394432", "s-", "s-0", "s-01", "s-+1", "S-1", "1", "s-18446744073709551616", " s-1"]
        {
            assert_eq!(parse_session(text), None, "{text}");
        }
    }
}
