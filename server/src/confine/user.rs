//! Who the server is to be.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use rustix::process::{DumpableBehavior, Gid, Uid, set_dumpable_behavior};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// A user and its group, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    uid: u32,
    gid: u32,
}

/// A name that `/etc/passwd` has, or `UID` or `UID:GID`; the group is that of the user, or has its number.
impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<User, String> {
        let numbers = || {
            let (uid, gid) = text.split_once(':').unwrap_or((text, text));
            Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        };
        let named = || fs::read_to_string("/etc/passwd").ok().and_then(|users| find(&users, text));
        let user =
            numbers().or_else(named).ok_or_else(|| format!("there is no user {text:?} in /etc/passwd"))?;
        match user {
            User { uid: 0, .. } | User { gid: 0, .. } => Err("root is who it is not to be".to_owned()),
            User { uid: u32::MAX, .. } | User { gid: u32::MAX, .. } => {
                Err("the number is nobody's".to_owned())
            }
            user => Ok(user),
        }
    }
}

/// `name:x:uid:gid:...`
fn find(users: &str, name: &str) -> Option<User> {
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
    Some(User { uid: found.get(2)?.parse().ok()?, gid: found.get(3)?.parse().ok()? })
}

impl User {
    /// Gives it a file that was made for it, where that may be.
    pub(super) fn own(self, path: &Path) {
        // Whose it is matters to who comes in by it; it is there in any case. Where a link leads is not given away: that user may
        // have put it there.
        _ = std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid));
    }

    /// Makes the calling thread, which is root's, this user's, in no other group.
    pub(super) fn take_over(self) -> rustix::io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        set_thread_groups(&[gid])?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        // Otherwise what the kernel tells of the process would be root's to read, and not its own.
        set_dumpable_behavior(DumpableBehavior::Dumpable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_or_numbers_and_never_root() {
        let users = "root:x:0:0:root:/root:/bin/sh\nsockwright:x:977:976::/:/usr/sbin/nologin\nbroken:x\n";
        assert_eq!(find(users, "sockwright"), Some(User { uid: 977, gid: 976 }));
        assert_eq!((find(users, "sock"), find(users, "broken")), (None, None));
        assert_eq!("65534".parse(), Ok(User { uid: 65534, gid: 65534 }));
        assert_eq!("1000:100".parse(), Ok(User { uid: 1000, gid: 100 }));
        for wrong in ["0", "1000:0", "root", "no such user", "", "4294967295", "1:2:3"] {
            assert!(wrong.parse::<User>().is_err(), "{wrong}");
        }
    }
}
