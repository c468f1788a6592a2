//! `sockwrightd doctor`: what this machine allows a server, found out by trying it, and how to mend what it does not.
//!
//! Owns the checks and how they are told. Each looks at one thing and changes nothing that outlives it: it opens what a server
//! would open and lets go of it again. Where a thing can only be known by being a server, it runs one.
//!
//! ```text
//! ok    raw sockets      a raw socket on 127.0.0.1 opens
//! warn  ports            127.0.0.1:50051 is taken: another server may be there
//!                        -> sockwrightd --listen 127.0.0.1:0, or end the other one (ss -ltnp)
//! fail  kernel guard     could not attach a filter to a socket: ...
//! ```

mod host;
mod links;
mod privileges;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

/// What to look at.
#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Print one JSON object: {"ok": bool, "checks": [{"name", "verdict", "found", "mend"}]}.
    #[arg(long)]
    pub json: bool,
    /// Look at this interface; every one that is up, if none is named. More than once for more.
    #[arg(long, value_name = "NAME")]
    pub interface: Vec<String>,
    /// Where a server is to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    pub listen: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// Something is not possible, or slower, that many do not need.
    Warn,
    /// Real wires are not to be had.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    /// What was found, in a sentence.
    found: String,
    /// What to do about it; empty where there is nothing to do.
    mend: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Ok, found: found.into(), mend: String::new() }
    }

    fn warn(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Warn, found: found.into(), mend: mend.into() }
    }

    fn fail(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Fail, found: found.into(), mend: mend.into() }
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

impl Doctor {
    /// Looks, prints what it found, and ends with 1 where something failed.
    pub fn run(&self) -> ExitCode {
        let checks =
            [privileges::checks(), links::checks(&self.interface), host::checks(&self.listen)].concat();
        let report = Report { ok: checks.iter().all(|check| check.verdict != Verdict::Fail), checks };
        let text = match self.json {
            true => serde_json::to_string(&report).unwrap_or_default() + "\n",
            false => report.to_text(),
        };
        super::cli::print(&text);
        if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Report {
    fn to_text(&self) -> String {
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for Check { name, verdict, found, mend } in &self.checks {
            let verdict = match verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "fail",
            };
            _ = writeln!(text, "{verdict}  {name:width$}  {found}");
            if !mend.is_empty() {
                _ = writeln!(text, "      {:width$}  -> {mend}", "");
            }
        }
        text
    }
}

/// What a file of one line says, as those below `/proc/sys` do.
fn line_of(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_line_a_check_and_one_for_how_to_mend_it() {
        let checks = vec![
            Check::ok("clock", "the clock is tsc"),
            Check::fail("raw sockets", "CAP_NET_RAW is missing", "run it as root"),
        ];
        let report = Report { ok: false, checks };
        let text = "ok    clock        the clock is tsc\n\
                    fail  raw sockets  CAP_NET_RAW is missing\n\
                    \u{20}                  -> run it as root\n";
        assert_eq!(report.to_text(), text);
        let json = serde_json::to_value(&report).expect("serializes");
        assert_eq!(json["checks"][1]["verdict"], "fail");
        assert_eq!(json["checks"][0]["mend"], "");
    }
}
