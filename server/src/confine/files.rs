//! Files and connections: what Landlock leaves of them.
//!
//! Raw and packet sockets are not its matter, nor what the kernel is bound to by a guard; a TCP connection of the kernel's to
//! anywhere is, which this server makes for nobody but a collector of spans. Whether Landlock is there, and how much of it, is
//! the kernel's matter: what it does not know is told as missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Confined, Confinement};

/// Leaves the files that are named and those that the process cannot do without.
pub(super) fn restrict(confinement: &Confinement, confined: &mut Confined) {
    match landlocked(confinement) {
        Ok((RulesetStatus::FullyEnforced, abi)) => confined.done.push(format!("Landlock {abi}")),
        Ok((RulesetStatus::PartiallyEnforced, abi)) => {
            confined.done.push(format!("Landlock {abi}"));
            confined.missing.push(format!(
                "Landlock {abi} knows less than it is asked for ({WANTED_ABI:?}): Linux 6.12 has all of it"
            ));
        }
        Ok((RulesetStatus::NotEnforced, _)) => confined.missing.push(
            "Landlock: the kernel has none (CONFIG_SECURITY_LANDLOCK, and `landlock` in lsm=)".to_owned(),
        ),
        Err(error) => confined.missing.push(format!("Landlock: {error}")),
    }
}

fn landlocked(confinement: &Confinement) -> Result<(RulesetStatus, String), RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED_ABI))?
        .scope(Scope::from_all(WANTED_ABI))?;
    if !confinement.calls_out {
        rules = rules.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut rules = rules.create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in READ {
        rules = allow(rules, Path::new(path), read)?;
    }
    if confinement.calls_out {
        for path in READ_TO_CALL_OUT {
            rules = allow(rules, Path::new(path), read)?;
        }
    }
    rules = allow(rules, Path::new(TUN), AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev)?;
    // Where traces grow, in files without a name; where the file system has none, in files that lose theirs at once.
    rules = allow(rules, &env::temp_dir(), FILES_OF_ITS_OWN | AccessFs::ReadFile)?;
    // Files are replaced by others of their names: it is the directory that stays, and that where a link leads to.
    for path in &confinement.reads {
        rules = allow(rules, &directory_of(path), read)?;
        if let Ok(file) = fs::canonicalize(path) {
            rules = allow(rules, &directory_of(&file), read)?;
        }
    }
    for path in &confinement.writes {
        rules = allow(rules, &directory_of(path), read | FILES_OF_ITS_OWN)?;
    }
    let status = rules.restrict_self()?;
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => format!("{effective_abi:?}"),
        other => format!("{other:?}"),
    };
    Ok((status.ruleset, abi))
}

/// What is not there needs no rule.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(open) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(WANTED_ABI) };
    rules.add_rule(PathBeneath::new(open, access))
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What its rules are written for: the last that has something for a server.
const WANTED_ABI: ABI = ABI::V6;
/// Its own figures, and how many processors it may have.
const READ: [&str; 4] = ["/proc/self", "/proc/stat", "/sys/fs/cgroup", "/sys/devices/system/cpu"];
/// How names are looked up, and whom to trust.
const READ_TO_CALL_OUT: [&str; 10] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/run/systemd/resolve",
];
const TUN: &str = "/dev/net/tun";
/// A file that grows, is turned over and given away; a Unix socket that is removed; a trace.
const FILES_OF_ITS_OWN: BitFlags<AccessFs> = landlock::make_bitflags!(AccessFs::{
    WriteFile | MakeReg | MakeSock | RemoveFile | Truncate
});

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tempfile` makes it where the file system knows no `O_TMPFILE`.
    #[test]
    fn a_trace_has_where_to_grow_also_where_each_file_has_a_name_at_first() {
        // A thread of its own is what is restricted, and it ends.
        let made = std::thread::spawn(|| {
            let mut confined = Confined::default();
            restrict(&Confinement::default(), &mut confined);
            let path = env::temp_dir().join(format!("sockwright-trace-{}", std::process::id()));
            let elsewhere = fs::read_dir("/etc").is_err();
            (elsewhere, fs::File::create_new(&path).and_then(|file| fs::remove_file(&path).map(|()| file)))
        });
        let (restricted, file) = made.join().expect("no panic");
        if !restricted {
            println!("skipped: there is no Landlock here");
        }
        std::io::Write::write_all(&mut file.expect("made"), b"it grows").expect("written");
    }
}
