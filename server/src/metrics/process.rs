//! What the kernel says of this process, as `/proc/self` has it.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

/// The process, at one moment. Where the kernel does not say something it is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// Time on processors, in seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// When it began, in seconds since 1970.
    pub(super) start_time_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_fds: Option<u64>,
    pub(super) max_fds: Option<u64>,
}

impl Process {
    /// This one, now.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let stat = Stat::parse(&stat);
        let ticks = clock_ticks_per_second() as f64;
        let seconds = |ticks_spent: u64| ticks_spent as f64 / ticks;
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Process {
            cpu_seconds: stat.as_ref().map(|stat| seconds(stat.user + stat.system)),
            start_time_seconds: stat.as_ref().zip(boot_time()).map(|(stat, boot)| boot + seconds(stat.start)),
            resident_bytes: stat.as_ref().map(|stat| stat.resident_pages * page_size() as u64),
            virtual_bytes: stat.as_ref().map(|stat| stat.virtual_bytes),
            threads: stat.as_ref().map(|stat| stat.threads),
            // The one that reads the directory is not ours to count.
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1) as u64),
            max_fds: max_fds(&limits),
        }
    }
}

/// The fields of `/proc/self/stat` that are used, by their meaning in proc(5).
struct Stat {
    user: u64,
    system: u64,
    threads: u64,
    start: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // The name of the program may hold anything, brackets too: what counts is behind the last one.
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
        // The first of them is the third of proc(5).
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Stat {
            user: field(14)?,
            system: field(15)?,
            threads: field(20)?,
            start: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// When the host began, in seconds since 1970.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok())
}

fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_all_of_it_of_this_process() {
        let process = Process::read();
        assert!(process.cpu_seconds.is_some_and(|seconds| (0.0..1e6).contains(&seconds)), "{process:?}");
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{process:?}");
        assert!(process.virtual_bytes > process.resident_bytes, "{process:?}");
        assert!(process.threads.is_some_and(|threads| threads >= 1), "{process:?}");
        assert!(process.open_fds.is_some_and(|open| open > 2 && Some(open) < process.max_fds), "{process:?}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(
            process.start_time_seconds.is_some_and(|start| (now - start).abs() < 86_400.0),
            "{process:?}"
        );
    }

    #[test]
    fn a_program_may_have_any_name() {
        let stat =
            "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 34 0 0 20 0 5 0 99 4096 2 18446744073709551615";
        let stat = Stat::parse(stat).unwrap();
        assert_eq!((stat.user, stat.system, stat.threads, stat.start), (12, 34, 5, 99));
        assert_eq!((stat.virtual_bytes, stat.resident_pages), (4096, 2));
        assert!(Stat::parse("7 (a) S 1").is_none());
    }
}
