//! System calls: which ones the threads of a server make, and what becomes of the others.
//!
//! Three filters stand above each other, and the strictest of their verdicts counts:
//!
//! | filter | what it says |
//! |---|---|
//! | what is never called | a program, a namespace, a mount, another process: whoever asks for it is not this server any more, and the process ends (SIGSYS, and a line in the kernel's log) |
//! | `clone3` | ENOSYS: its flags lie in memory, where no filter can read them; libraries then use `clone`, whose flags it can |
//! | all that is called | the rest fails with EPERM, as something that is not permitted: a C library of another age may ask for what this one did not |
//!
//! The list has what the parts of a server are known to call, with what glibc and musl make of it; a confined server that does all
//! that it is there for, with a kernel opposite, is the test of it (`server/tests/kernel/confined.rs`), on x86-64.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Confined;

/// Leaves the process, with all of its threads, the calls of the lists below.
pub(super) fn restrict(confined: &mut Confined) {
    let applied = filters().and_then(|filters| {
        filters.iter().try_for_each(|filter| seccompiler::apply_filter_all_threads(filter))
    });
    match applied {
        Ok(()) => confined.done.push(format!("{} system calls", PLAIN.len() + LIMITED)),
        Err(error) => confined.missing.push(format!("seccomp: {error}")),
    }
}

/// In the order in which they are applied: the last ones would not let the others come after them.
fn filters() -> Result<[BpfProgram; 3], Error> {
    let arch: TargetArch = ARCH.try_into().map_err(Error::Backend)?;
    let program = |rules, otherwise, found| -> Result<BpfProgram, Error> {
        let filter = SeccompFilter::new(rules, otherwise, found, arch).map_err(Error::Backend)?;
        filter.try_into().map_err(Error::Backend)
    };
    let every = |calls: &[c_long]| calls.iter().map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
    let mut allowed = every(PLAIN);
    allowed.extend(limited().map_err(Error::Backend)?);
    Ok([
        program(every(NEVER), SeccompAction::Allow, SeccompAction::KillProcess)?,
        program(every(&[libc::SYS_clone3]), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?,
        program(allowed, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?,
    ])
}

/// Calls that are made with some arguments and not with others.
fn limited() -> Result<[(c_long, Vec<SeccompRule>); LIMITED], seccompiler::BackendError> {
    let one_of = |argument: u8, values: &[u64]| -> Result<Vec<SeccompRule>, _> {
        let rule = |value: &u64| {
            let is = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *value)?;
            SeccompRule::new(vec![is])
        };
        values.iter().map(rule).collect()
    };
    let none_of = |argument: u8, flags: u64| -> Result<Vec<SeccompRule>, _> {
        let is = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flags), 0)?;
        Ok(vec![SeccompRule::new(vec![is])?])
    };
    let families = FAMILIES.map(|family| family as u64);
    Ok([
        (libc::SYS_socket, one_of(0, &families)?),
        (libc::SYS_ioctl, one_of(1, &REQUESTS)?),
        (libc::SYS_prctl, one_of(0, &NAMING.map(|option| option as u64))?),
        (libc::SYS_clone, none_of(0, NAMESPACES as u64)?),
        // What was written is never run.
        (libc::SYS_mmap, none_of(2, libc::PROT_EXEC as u64)?),
        (libc::SYS_mprotect, none_of(2, libc::PROT_EXEC as u64)?),
    ])
}

const LIMITED: usize = 6;

const FAMILIES: [i32; 5] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET];

/// Of terminals, for the log; of descriptors; of interfaces; of TUN and TAP devices.
#[allow(clippy::unnecessary_cast, reason = "musl has other types for them")]
const REQUESTS: [u64; 15] = [
    libc::TCGETS as u64,
    libc::TIOCGWINSZ as u64,
    libc::FIONBIO as u64,
    libc::FIONREAD as u64,
    libc::FIOCLEX as u64,
    libc::SIOCGIFMTU as u64,
    libc::SIOCGIFINDEX as u64,
    libc::SIOCGIFNAME as u64,
    libc::SIOCGIFFLAGS as u64,
    libc::SIOCGIFHWADDR as u64,
    libc::TUNSETIFF as u64,
    libc::TUNGETIFF as u64,
    libc::TUNSETVNETHDRSZ as u64,
    libc::TUNSETOFFLOAD as u64,
    libc::TUNGETFEATURES as u64,
];

/// Threads and mappings get names, and a process may ask what it was started with; nothing of it is changed any more.
const NAMING: [i32; 4] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, PR_GET_AUXV];

/// Of `linux/prctl.h`.
const PR_GET_AUXV: i32 = 0x4155_5856;

const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

const NEVER: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_finit_module,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

const PLAIN: &[c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads, and what they wait for.
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    // Time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    // Signals, and the end by a panic.
    libc::SYS_kill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // Files.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Who it is, and what it may have.
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getrandom,
    libc::SYS_getuid,
    libc::SYS_prlimit64,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Sockets of every kind that `socket` is left.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
    // Polls.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    // The older forms of some of these.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// What `work` finds on a thread that is left those calls, and no other thread with it.
    fn confined<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let confined = thread::spawn(|| {
            rustix::thread::set_no_new_privs(true).expect("given away");
            for filter in filters().expect("filters") {
                seccompiler::apply_filter(&filter).expect("applied");
            }
            work()
        });
        confined.join().expect("it ended")
    }

    #[test]
    fn what_a_server_never_calls_is_refused_and_what_it_calls_is_not() {
        let (made, read, threads) = confined(|| {
            let made = fs::create_dir(std::env::temp_dir().join("never made")).expect_err("refused");
            let read = fs::read_to_string("/proc/self/status").expect("read");
            (made, read, thread::spawn(|| 7).join().expect("a thread"))
        });
        assert_eq!(made.kind(), std::io::ErrorKind::PermissionDenied);
        assert!(read.contains("Seccomp:"), "{read}");
        assert_eq!(threads, 7);
    }

    #[test]
    fn a_process_that_would_become_another_program_ends() {
        let status = confined(|| Command::new("true").status());
        // The child is what asked for it.
        assert!(
            match &status {
                Ok(status) => status.signal() == Some(libc::SIGSYS),
                Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
            },
            "{status:?}"
        );
    }

    #[test]
    fn a_family_of_sockets_that_no_link_has_is_refused() {
        use socket2::{Domain, Type};
        // AF_ALG: the kernel's ciphers.
        let refused = confined(|| socket2::Socket::new(Domain::from(38), Type::SEQPACKET, None));
        assert_eq!(refused.expect_err("no family of ours").kind(), std::io::ErrorKind::PermissionDenied);
    }
}
