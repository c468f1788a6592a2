//! `sockwrightd doctor` tells the truth: each finding is made to be so, and told.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What is found by a doctor that is run by another program, or by itself.
fn doctor(by: &[&str], arguments: &[&str]) -> Option<(Value, bool)> {
    let own = [env!("CARGO_BIN_EXE_sockwrightd"), "doctor", "--json"];
    let words = [by, &own, arguments].concat();
    let output: Output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let report = match serde_json::from_slice(&output.stdout) {
        Ok(report) => report,
        Err(_) => {
            println!("skipped: {} is not to be had here: {}", words[0], said.trim());
            return None;
        }
    };
    Some((report, output.status.success()))
}

fn check<'r>(report: &'r Value, name: &str) -> &'r Value {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}"))
}

fn verdict<'r>(report: &'r Value, name: &str) -> &'r str {
    check(report, name)["verdict"].as_str().expect("a verdict")
}

const WITHOUT_CAPABILITIES: [&str; 6] =
    ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"];

#[test]
fn everything_that_is_amiss_has_a_way_to_mend_it_and_what_fails_is_the_exit_code() {
    for by in [&[][..], &WITHOUT_CAPABILITIES[..]] {
        let Some((report, succeeded)) = doctor(by, &[]) else { continue };
        let checks = report["checks"].as_array().expect("checks");
        for check in checks {
            let fine = check["verdict"] == "ok";
            assert_eq!(check["mend"] == "", fine, "{check}");
            assert_ne!(check["found"], "", "{check}");
        }
        let failed = checks.iter().any(|check| check["verdict"] == "fail");
        assert_eq!((report["ok"] == true, succeeded), (!failed, !failed));
    }
}

#[test]
fn without_the_capability_raw_sockets_are_said_to_be_missing_and_why() {
    let Some((report, succeeded)) = doctor(&WITHOUT_CAPABILITIES, &[]) else { return };
    for name in ["capabilities", "raw sockets", "packet sockets"] {
        let check = check(&report, name);
        assert_eq!(check["verdict"], "fail", "{check}");
        assert!(check["found"].as_str().expect("text").contains("CAP_NET_RAW"), "{check}");
    }
    assert!(!succeeded);
}

#[test]
fn with_the_capability_raw_sockets_are_said_to_be_there() {
    let only_raw = ["setpriv", "--bounding-set", "-all,+net_raw", "--inh-caps", "-all"];
    let Some((report, _)) = doctor(&only_raw, &[]) else { return };
    if verdict(&report, "capabilities") == "fail" {
        println!("skipped: nobody here has CAP_NET_RAW to give");
        return;
    }
    for name in ["raw sockets", "packet sockets"] {
        assert_eq!(verdict(&report, name), "ok", "{report}");
    }
    let found = check(&report, "capabilities")["found"].as_str().expect("text");
    assert!(found.contains("CAP_NET_ADMIN") && found.contains("not there"), "{found}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("an address").to_string();
    let (report, _) = doctor(&[], &["--listen", &address]).expect("it runs");
    assert_eq!(verdict(&report, "ports"), "warn");
    drop(taken);
    let (report, _) = doctor(&[], &["--listen", &address]).expect("it runs");
    assert_eq!(verdict(&report, "ports"), "ok");
}

#[test]
fn few_descriptors_are_told() {
    let Some((report, _)) = doctor(&["prlimit", "--nofile=128:128"], &[]) else { return };
    let check = check(&report, "descriptors");
    assert!(
        check["verdict"] == "warn" && check["found"].as_str().expect("text").starts_with("128 "),
        "{check}"
    );
}

#[test]
fn an_interface_is_told_and_one_that_is_not_there_too() {
    let (report, _) = doctor(&[], &["--interface", "lo"]).expect("it runs");
    let found = check(&report, "interface")["found"].as_str().expect("text").to_owned();
    assert!(found.starts_with("lo: tso on, gso on, gro on, lro off"), "{found}");
    let (report, _) = doctor(&[], &["--interface", "nowhere"]).expect("it runs");
    assert_eq!(verdict(&report, "interface"), "warn");
}

/// Settings of a namespace of the test's own.
#[test]
fn settings_of_the_kernels_network_are_told_as_they_are() {
    let name = format!("swdoctor-{}", std::process::id());
    let ip = |arguments: &[&str]| Command::new("ip").args(arguments).output();
    if !ip(&["netns", "add", &name]).is_ok_and(|output| output.status.success()) {
        println!("skipped: no network namespaces here");
        return;
    }
    for (strict, forwards) in [("1", "0"), ("2", "1")] {
        let set = format!(
            "echo {strict} >/proc/sys/net/ipv4/conf/all/rp_filter; echo {forwards} >/proc/sys/net/ipv4/ip_forward"
        );
        let set = ip(&["netns", "exec", &name, "sh", "-c", &set]).expect("it runs");
        assert!(set.status.success());
        let (report, _) = doctor(&["ip", "netns", "exec", &name], &[]).expect("it runs");
        let expected = if strict == "1" { "warn" } else { "ok" };
        assert_eq!(verdict(&report, "rp_filter"), expected);
        let forwarding = check(&report, "ip_forward")["found"].as_str().expect("text").contains("does not");
        assert_eq!(forwarding, forwards == "0");
    }
    ip(&["netns", "delete", &name]).expect("it runs");
}
