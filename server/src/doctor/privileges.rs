//! Capabilities, namespaces, and whether a server can give them away again.

use std::env;
use std::process::{Command, Stdio};

use caps::{CapSet, Capability};
use landlock::{ABI, Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr};
use rustix::process::geteuid;

use super::{Check, line_of};
use crate::confine::capabilities::holds;

pub(super) fn checks() -> Vec<Check> {
    vec![capabilities(), namespaces(), confinement(), landlock(), seccomp()]
}

fn capabilities() -> Check {
    let name = "capabilities";
    let held = |capability| holds(CapSet::Effective, capability);
    let optional = [
        (Capability::CAP_NET_ADMIN, "new TUN and TAP interfaces, longer receive buffers"),
        (Capability::CAP_NET_BIND_SERVICE, "ports below 1024 on addresses of the host"),
    ];
    if !held(Capability::CAP_NET_RAW) && holds(CapSet::Permitted, Capability::CAP_NET_RAW) {
        let mend = "something else than the permitted set keeps it: a security module of the kernel, or a filter of system calls";
        return Check::fail(name, "CAP_NET_RAW is permitted, but cannot be made effective", mend);
    }
    if !held(Capability::CAP_NET_RAW) {
        let mend = "run it as root (with --user), give it AmbientCapabilities=CAP_NET_RAW, cap_add: [NET_RAW] or \
                    `setcap cap_net_raw=p sockwrightd`; labs need none, and --isolated has its own";
        return Check::fail(name, "CAP_NET_RAW is missing: no raw_ip and no af_packet on this host", mend);
    }
    let missing = optional.iter().filter(|(capability, _)| !held(*capability));
    let missing: Vec<String> = missing.map(|(capability, what)| format!("{capability} ({what})")).collect();
    match missing.is_empty() {
        true => Check::ok(name, "CAP_NET_RAW, CAP_NET_ADMIN and CAP_NET_BIND_SERVICE are effective"),
        false => Check::warn(
            name,
            format!("CAP_NET_RAW is effective; not there: {}", missing.join(", ")),
            "give it the capability where that is needed, and keep it with --keep",
        ),
    }
}

/// A server that is isolated, and ends with a program that says its version.
fn namespaces() -> Check {
    let name = "namespaces";
    match server(&["--confine", "off", "--isolated"], true) {
        Ok(()) => Check::ok(name, "a user and a network namespace of one's own can be made (--isolated)"),
        Err(said) => Check::warn(
            name,
            format!("--isolated does not work here: {said}"),
            "sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0 or \
             user.max_user_namespaces=10000; in a container, a seccomp profile that allows unshare",
        ),
    }
}

/// A server that is confined or does not start, and ends at once.
fn confinement() -> Check {
    let name = "confinement";
    let mut arguments = vec!["--confine", "on", "--demo", "--exit"];
    if geteuid().is_root() {
        arguments.extend(["--user", "65534"]);
    }
    match server(&arguments, false) {
        Ok(()) => Check::ok(name, "a server gives away all that it does not need (--confine on)"),
        Err(said) => Check::warn(
            name,
            format!("--confine on does not work here: {said}"),
            "--confine auto, which is the default, does what can be done and logs the rest",
        ),
    }
}

/// Runs a server for a moment: what it complains of.
fn server(arguments: &[&str], with_a_program: bool) -> Result<(), String> {
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(&own);
    command.args(["--listen", "127.0.0.1:0"]).args(arguments);
    if with_a_program {
        command.arg("--").arg(&own).arg("--version");
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("it ended without a word");
            Err(said.trim_start_matches("sockwrightd: ").to_owned())
        }
    }
}

fn landlock() -> Check {
    let name = "Landlock";
    let mend = "Linux 6.12 with CONFIG_SECURITY_LANDLOCK, and `landlock` in lsm=";
    // A thread of its own is what is restricted, and it ends.
    let tried = std::thread::spawn(|| {
        let rules = Ruleset::default().handle_access(AccessFs::from_all(ABI::V6)).ok()?.create().ok()?;
        Some(rules.restrict_self().ok()?.landlock)
    });
    match tried.join().ok().flatten() {
        Some(LandlockStatus::Available { effective_abi, .. }) if effective_abi >= ABI::V6 => {
            Check::ok(name, format!("ABI {}", effective_abi as i32))
        }
        Some(LandlockStatus::Available { effective_abi, .. }) => Check::warn(
            name,
            format!("ABI {}: signals or connections are not its matter", effective_abi as i32),
            mend,
        ),
        _ => Check::warn(name, "the kernel has none, so files are not confined", mend),
    }
}

fn seccomp() -> Check {
    let name = "seccomp";
    match line_of("/proc/sys/kernel/seccomp/actions_avail") {
        Some(actions) if ["kill_process", "errno"].iter().all(|action| actions.contains(action)) => {
            Check::ok(name, "filters of system calls can be had")
        }
        _ => Check::warn(
            name,
            "the kernel has no filters of system calls that end a process",
            "Linux 4.14 with CONFIG_SECCOMP_FILTER",
        ),
    }
}
