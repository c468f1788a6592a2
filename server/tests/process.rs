//! `sockwrightd` as a process: what it prints, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

fn sockwrightd(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sockwrightd"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The line that tells that it is ready.
fn ready(child: &mut Child) -> (String, BufReader<std::process::ChildStdout>) {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    (line.trim_end().to_owned(), stdout)
}

fn signal(child: &Child, signal: &str) {
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

fn ended(mut child: Child, within: Duration) -> ExitStatus {
    await_end(&mut child, within)
}

/// Waits for its end. One that does not end is ended.
fn await_end(child: &mut Child, within: Duration) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() >= within {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it did not end");
        }
        std::thread::yield_now();
    }
}

/// What is left of one that ends by itself, having said little.
fn output(mut child: Child) -> Output {
    await_end(&mut child, Duration::from_secs(5));
    child.wait_with_output().unwrap()
}

#[test]
fn it_says_where_it_listens_and_ends_well_when_asked() {
    for name in ["-INT", "-TERM"] {
        let mut child = sockwrightd(&["--listen", "127.0.0.1:0"]);
        let (line, _stdout) = ready(&mut child);
        let address = line.strip_prefix("listening on 127.0.0.1:").unwrap();
        assert_ne!(address.parse::<u16>().unwrap(), 0);
        signal(&child, name);
        assert_eq!(ended(child, Duration::from_secs(5)).code(), Some(0));
    }
}

#[test]
fn a_taken_address_is_one_clear_line_and_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(sockwrightd(&["--listen", &address]));
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains(&address) && stderr.contains("in use"), "{stderr}");
}

#[test]
fn the_demo_prints_its_ladder_and_exits_or_serves() {
    let output = output(sockwrightd(&["--demo", "--exit", "--listen", "127.0.0.1:0"]));
    assert!(output.status.success());
    let ladder = include_str!("snapshots/demo.txt");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), ladder);

    let mut child = sockwrightd(&["--demo", "--listen", "127.0.0.1:0"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut printed = vec![0; ladder.len()];
    stdout.read_exact(&mut printed).unwrap();
    assert_eq!(printed, ladder.as_bytes());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on "), "{line}");
    signal(&child, "-TERM");
    assert_eq!(ended(child, Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn a_second_interrupt_exits_at_once() {
    // A client that does not read keeps the server draining; without one there is nothing to see but the end.
    let mut child = sockwrightd(&["--listen", "127.0.0.1:0"]);
    let (_, _stdout) = ready(&mut child);
    signal(&child, "-INT");
    signal(&child, "-INT");
    let code = ended(child, Duration::from_secs(2)).code();
    assert!(matches!(code, Some(0 | 130)), "{code:?}");
}

#[test]
fn without_the_privilege_an_attach_is_eperm_and_the_server_goes_on() {
    use sockwright_proto::v1::networks_client::NetworksClient;
    use sockwright_proto::v1::{AttachRequest, ListStacksRequest, RawIp, Tun, attach_request};
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs", "--"]);
    command.args([env!("CARGO_BIN_EXE_sockwrightd"), "--listen", "127.0.0.1:0"]);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else { return eprintln!("skipped: there is no `setpriv` here") };
    let (line, _stdout) = ready(&mut child);
    if line.is_empty() {
        return eprintln!("skipped: `setpriv` may not drop privileges here");
    }
    let address = line.strip_prefix("listening on ").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
        let mut networks = NetworksClient::new(channel.connect().await.unwrap());
        let addresses = vec!["127.0.0.1".to_owned()];
        let raw = attach_request::Link::RawIp(RawIp { addresses: addresses.clone(), ..Default::default() });
        let tun = attach_request::Link::Tun(Tun { addresses, ..Default::default() });
        for (link, needed) in [(raw, "CAP_NET_RAW"), (tun, "CAP_NET_ADMIN")] {
            let request = AttachRequest { link: Some(link), ..Default::default() };
            let refused = networks.attach(request).await.unwrap_err();
            if refused.message().contains("No such file") {
                eprintln!("skipped: {}", refused.message());
                continue;
            }
            assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused}");
            assert_eq!(refused.metadata().get("sockwright-errno").unwrap(), "EPERM");
            assert!(refused.message().contains(needed), "{}", refused.message());
        }
        let stacks = networks.list_stacks(ListStacksRequest::default()).await.unwrap().into_inner().stacks;
        assert!(stacks.is_empty());
    });
    signal(&child, "-TERM");
    assert_eq!(ended(child, Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn a_busy_poll_that_cannot_be_is_refused() {
    for time in ["1000001", "-1", "50us"] {
        let output = output(sockwrightd(&["--listen", "127.0.0.1:0", &format!("--busy-poll={time}")]));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("--busy-poll"), "{stderr}");
    }
}

#[test]
fn a_program_is_not_asked_for_where_nothing_is_served() {
    let arguments = ["--demo", "--exit", "--listen", "127.0.0.1:0", "--", "true"];
    let output = output(sockwrightd(&arguments));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("--exit") && stderr.contains("PROGRAM"), "{stderr}");
}

#[test]
fn it_begins_with_the_labs_and_stacks_that_it_is_given() {
    use sockwright_proto::v1::ListStacksRequest;
    use sockwright_proto::v1::networks_client::NetworksClient;
    let raw = "raw-ip,name=lo,address=127.0.0.1";
    let mut child = sockwrightd(&["--listen", "127.0.0.1:0", "--lab", "lab=a,b", "--attach", raw]);
    let (line, _stdout) = ready(&mut child);
    let Some(address) = line.strip_prefix("listening on ") else {
        let said = child.wait_with_output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(said.contains("not permitted"), "{said}");
        return eprintln!("skipped: {}", said.trim());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
        let mut networks = NetworksClient::new(channel.connect().await.unwrap());
        let stacks = networks.list_stacks(ListStacksRequest::default()).await.unwrap().into_inner().stacks;
        let told: Vec<_> = stacks.iter().map(|stack| (stack.name.as_str(), stack.link.as_str())).collect();
        assert_eq!(told, [("lab/a", "virtual"), ("lab/b", "virtual"), ("lo", "raw_ip")]);
    });
    signal(&child, "-TERM");
    assert_eq!(ended(child, Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn a_program_that_is_asked_to_end_ends_the_server() {
    let program = ["--listen", "127.0.0.1:0", "--", "sh", "-c", "echo there; exec sleep 1000"];
    let mut child = sockwrightd(&program);
    let (line, _stdout) = ready(&mut child);
    assert_eq!(line, "there", "what it says is all that is said");
    signal(&child, "-TERM");
    assert_eq!(ended(child, Duration::from_secs(5)).code(), Some(128 + 15));
}

#[test]
fn a_server_has_all_the_files_that_it_may_and_its_program_what_it_was_given() {
    let limits = "ulimit -Sn; ulimit -Hn; grep open.files /proc/$PPID/limits; exec sleep 1000";
    let binary = env!("CARGO_BIN_EXE_sockwrightd");
    let run =
        format!("ulimit -Sn 900; ulimit -Hn 1100; exec {binary} --listen 127.0.0.1:0 -- sh -c '{limits}'");
    let mut command = Command::new("sh");
    command.args(["-c", &run]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (soft, mut stdout) = ready(&mut child);
    let mut next = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((soft.as_str(), next()), ("900", vec!["1100".to_owned()]));
    assert_eq!(next()[3..5], ["1100", "1100"]);
    signal(&child, "-TERM");
    assert_eq!(ended(child, Duration::from_secs(5)).code(), Some(128 + 15));
}

/// A program that does not end because it is asked to.
const STUBBORN: [&str; 4] =
    ["--", "sh", "-c", "trap 'echo asked' TERM; echo there; while :; do sleep 1; done"];

#[test]
fn a_program_that_does_not_end_when_it_is_asked_to_has_half_of_the_time_to_drain() {
    let mut child = sockwrightd(&[&["--listen", "127.0.0.1:0", "--drain", "2"][..], &STUBBORN].concat());
    let (line, _stdout) = ready(&mut child);
    assert_eq!(line, "there");
    let asked = Instant::now();
    signal(&child, "-TERM");
    assert_eq!(ended(child, Duration::from_secs(20)).code(), Some(128 + 9), "it is killed");
    assert!(asked.elapsed() >= Duration::from_secs(1), "it had its time");
}

#[test]
fn a_second_signal_ends_server_and_program_at_once() {
    let mut child = sockwrightd(&[&["--listen", "127.0.0.1:0", "--drain", "3600"][..], &STUBBORN].concat());
    let (_, mut stdout) = ready(&mut child);
    signal(&child, "-TERM");
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "asked\n");
    signal(&child, "-INT");
    let code = await_end(&mut child, Duration::from_secs(20)).code();
    assert_eq!(code, Some(130));
    // The program held its end of this as well; its `sleep` does so for a second more.
    assert_eq!(stdout.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn what_the_file_of_the_program_permits_is_effective_confined_or_not() {
    let room = tempfile::tempdir().unwrap();
    let own = room.path().join("sockwrightd");
    std::fs::copy(env!("CARGO_BIN_EXE_sockwrightd"), &own).unwrap();
    std::fs::set_permissions(room.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let permitted = Command::new("setcap").arg("cap_net_raw=p").arg(&own).output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        return println!("skipped: no `setcap`, or nobody here who may give capabilities");
    }
    for flags in [&["--confine", "off"][..], &[]] {
        let mut command = Command::new(&own);
        command.args(["--listen", "127.0.0.1:0"]).args(flags).args(["--", "sh", "-c", STATUS]);
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let sets: Vec<_> = said.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        let raw = "0000000000002000";
        assert_eq!(sets, [raw, raw], "permitted and effective: {said} {:?}", output.stderr);
    }
    let mut doctor = Command::new(&own);
    std::os::unix::process::CommandExt::uid(&mut doctor, 65534);
    let told = doctor.args(["doctor", "--json"]).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("CAP_NET_RAW is effective"), "{told}");
}

/// What the server has that runs it.
const STATUS: &str = "grep -E 'Cap(Prm|Eff)' /proc/$PPID/status";

#[test]
fn a_demo_that_exits_needs_no_port() {
    // Whoever has it: it is taken.
    let _taken = std::net::TcpListener::bind("127.0.0.1:50051");
    let output = output(sockwrightd(&["--demo", "--exit"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn whoever_supervises_it_is_told_when_it_serves_and_when_it_ends() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("notify");
    let supervisor = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let told = || {
        let mut buffer = [0; 64];
        let length = supervisor.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockwrightd"));
    command.args(["--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(told(), "READY=1");
    signal(&child, "-TERM");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(ended(child, Duration::from_secs(5)).code(), Some(0));
}

/// As tools that renew certificates lay them out.
#[test]
fn a_file_behind_a_link_is_read_by_a_server_that_is_confined() {
    let room = tempfile::tempdir().unwrap();
    let (kept, linked) = (room.path().join("kept"), room.path().join("linked"));
    std::fs::create_dir(&kept).unwrap();
    std::fs::create_dir(&linked).unwrap();
    std::fs::write(kept.join("tokens-1.toml"), "").unwrap();
    let tokens = linked.join("tokens.toml");
    std::os::unix::fs::symlink("../kept/tokens-1.toml", &tokens).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockwrightd"));
    command.args(["--listen", "127.0.0.1:0", "--tokens"]).arg(&tokens);
    // It may read among its temporary files anyway: they are elsewhere.
    command.env("TMPDIR", &linked).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (line, _stdout) = ready(&mut child);
    signal(&child, "-TERM");
    assert!(line.starts_with("listening on"), "{line}");
    assert!(ended(child, Duration::from_secs(5)).success());
}
