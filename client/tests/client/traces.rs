//! The verb `trace`: programs that are traced, files that are kept or not, and files that are no traces.

use std::io::{Cursor, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::World;
use crate::labs::lab;
use sockwright_client::{Client, v1};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sockwright-trace-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("made");
        Scratch(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a name").to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockwright"));
    command.args(["--server", &format!("http://{}", world.address)]).args(arguments);
    command.env_remove("SOCKWRIGHT_SESSION").stdin(Stdio::null());
    command
}

fn run(world: &World, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| command(world, arguments).output().expect("it runs"))
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("text");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What is in a file of the file.
fn read(path: &str, name: &str) -> Vec<u8> {
    let mut zip = ZipArchive::new(std::fs::File::open(path).expect("a file")).expect("a zip file");
    let mut octets = Vec::new();
    zip.by_name(name).expect("there").read_to_end(&mut octets).expect("read");
    octets
}

async fn connection(client: &Client) {
    let mut sockets = client.sockets.clone();
    let on = |stack: &str| v1::CreateRequest { stack: stack.to_owned(), ..Default::default() };
    let listener = sockets.create(on("lab/b")).await.expect("a socket").into_inner().socket;
    let local = Some(v1::SocketAddress { ip: "10.0.0.2".to_owned(), port: 80 });
    sockets.bind(v1::BindRequest { socket: listener, local: local.clone() }).await.expect("bound");
    sockets.listen(v1::ListenRequest { socket: listener, backlog: 0 }).await.expect("listens");
    let socket = sockets.create(on("lab/a")).await.expect("a socket").into_inner().socket;
    let request = v1::ConnectRequest { socket, remote: local, dont_wait: false, data: Default::default() };
    sockets.connect(request).await.expect("connected");
}

/// Waits until something is so.
async fn until(mut is: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is().await {
        assert!(began.elapsed() < Duration::from_secs(20), "it never was");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_leaves_its_trace_and_passes_its_status_on() {
    let world = World::start().await;
    let scratch = Scratch::new("retained");
    let file = scratch.file("trace.zip");
    let program = |status: &str| {
        format!("{} lab create made --stack a --stack b && exit {status}", env!("CARGO_BIN_EXE_sockwright"))
    };
    for (mode, status, kept) in
        [("retain-on-failure", 0, false), ("retain-on-failure", 3, true), ("on", 0, true), ("on", 9, true)]
    {
        let script = program(&status.to_string());
        let words = ["trace", "run", "--own", "--mode", mode, "-o", &file, "--", "sh", "-c", &script];
        let (code, stdout, stderr) = said(&run(&world, &words));
        // It has the server and the session: the lab is made, and gone with them.
        assert_eq!((code, stdout.as_str()), (Some(status), "made\n"), "{stderr}");
        assert_eq!(Path::new(&file).exists(), kept, "{mode} {status}");
        if kept {
            assert!(String::from_utf8(read(&file, "calls.jsonl")).expect("text").contains("CreateLab"));
            std::fs::remove_file(&file).expect("removed");
        }
        let client = world.client().await;
        let labs = || async { client.clone().list_labs().await.expect("labs").is_empty() };
        until(labs).await;
        let left = client.traces.clone().list(v1::TracesListRequest {}).await.expect("traces").into_inner();
        assert_eq!(left.traces, []);
    }
    assert_eq!(std::fs::read_dir(&scratch.0).expect("there").count(), 0);
    let (code, _, stderr) = said(&run(&world, &["trace", "run", "-o", &file, "--", "/no/such/program"]));
    assert!(code == Some(127) && stderr.contains("/no/such/program"), "{stderr}");
    assert!(!Path::new(&file).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_is_the_programs_and_its_trace_is_kept() {
    let world = World::start().await;
    let scratch = Scratch::new("interrupted");
    let (file, ready) = (scratch.file("trace.zip"), scratch.file("ready"));
    let script = format!("trap 'exit 7' INT; touch {ready}; while :; do sleep 0.01; done");
    // A shell cannot trap what was ignored before it began, as it is in the background of another.
    let sh = ["env", "--default-signal=INT", "sh", "-c", &script];
    let words = [&["trace", "run", "--mode", "retain-on-failure", "-o", &file, "--"], &sh[..]].concat();
    let mut child = command(&world, &words).process_group(0).spawn().expect("it runs");
    until(async || Path::new(&ready).exists()).await;
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().expect("kill runs").success());
    let status = tokio::task::block_in_place(|| child.wait().expect("it ends"));
    assert_eq!(status.code(), Some(7));
    assert!(Path::new(&file).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_takes_the_trace_and_not_the_status() {
    let world = World::start().await;
    let scratch = Scratch::new("restarted");
    let (file, ready, go) = (scratch.file("trace.zip"), scratch.file("ready"), scratch.file("go"));
    let script = format!("touch {ready}; while [ ! -e {go} ]; do sleep 0.01; done; exit 5");
    let words = ["trace", "run", "-o", &file, "--", "sh", "-c", &script];
    let child = command(&world, &words).stderr(Stdio::piped()).spawn().expect("it runs");
    until(async || Path::new(&ready).exists()).await;
    let world = world.restart().await;
    std::fs::write(&go, "").expect("written");
    let output = tokio::task::block_in_place(|| child.wait_with_output().expect("it ends"));
    let (code, _, stderr) = said(&output);
    assert!(code == Some(5) && stderr.contains("no trace"), "{stderr}");
    assert!(!Path::new(&file).exists());
    assert_eq!(std::fs::read_dir(&scratch.0).expect("there").count(), 2);
    drop(world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_begins_and_ends_by_hand() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let scratch = Scratch::new("by-hand");
    let file = scratch.file("trace.zip");
    let start = || {
        let (code, stdout, stderr) = said(&run(&world, &["trace", "start", "--title", "by hand"]));
        assert_eq!(code, Some(0), "{stderr}");
        stdout.trim().to_owned()
    };
    let trace = start();
    let (_, list, _) = said(&run(&world, &["trace", "list"]));
    assert!(list.contains(&trace) && list.contains("by hand") && list.contains("runs"), "{list}");
    connection(&client).await;
    let (code, summary, _) = said(&run(&world, &["trace", "stop", &trace, "-o", &file]));
    assert!(code == Some(0) && summary.contains("events") && summary.contains("packets"), "{summary}");
    let (code, _, stderr) = said(&run(&world, &["trace", "stop", &trace, "-o", &file]));
    assert!(code == Some(1) && stderr.contains("there is no trace"), "{stderr}");
    // The file that was there is as it was.
    let packets = scratch.file("packets.pcapng");
    std::fs::write(&packets, read(&file, "packets.pcapng")).expect("written");
    match Command::new("tshark").args(["-r", &packets, "-Y", "tcp.flags.syn == 1"]).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: there is no tshark")
        }
        output => {
            let output = output.expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            // A SYN and its answer, each as it leaves and as it arrives.
            assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 4);
        }
    }

    let (code, shown, _) = said(&run(&world, &["trace", "show", &file]));
    assert_eq!(code, Some(0));
    for words in ["by hand", "lab/a", "VIRTUAL seed", "events.binpb", "segment_sent", "everything", "STOP"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let (_, manifest, _) = said(&run(&world, &["--json", "trace", "show", &file]));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["title"], "by hand");

    let (code, qlog, _) = said(&run(&world, &["trace", "export", "--format", "qlog", &file]));
    assert_eq!(code, Some(0));
    let records: Vec<serde_json::Value> = qlog
        .split_inclusive('\n')
        .map(|record| {
            serde_json::from_str(record.strip_prefix('\u{1e}').expect("it begins so")).expect("JSON")
        })
        .collect();
    assert_eq!(records[0]["file_schema"], "urn:ietf:params:qlog:file:sequential");
    let events: usize =
        manifest["files"]["events.binpb"]["count"].as_str().expect("text").parse().expect("a number");
    assert_eq!(records.len(), 1 + events);
    let sent = records.iter().filter(|record| record["name"] == "tcp:segment_sent").count();
    assert!(sent >= 3);
    assert!(records[1..].iter().all(|record| record["time"].is_f64() && record["data"]["event"].is_string()));

    let trace = start();
    assert_eq!(said(&run(&world, &["trace", "stop", &trace, "--discard"])).0, Some(0));
    assert_eq!(said(&run(&world, &["trace", "stop", &trace, "--discard"])).0, Some(1));
    assert_eq!(said(&run(&world, &["trace", "start", "--session", "s-1"])).0, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_in_rust_traces_itself() {
    let world = World::start().await;
    let mut client = world.client().await;
    lab(&client).await;
    let filter = Some(v1::Filter { stacks: vec!["lab/a".to_owned()], ..Default::default() });
    let request = v1::TracesStartRequest { filter, ..Default::default() };
    let trace = client.trace(request.clone()).await.expect("begun");
    connection(&client).await;
    let mut file = Vec::new();
    let summary = trace.stop(&mut file).await.expect("ended");
    assert!(summary.events > 5 && summary.packets >= 3 && summary.bytes == file.len() as u64);
    assert!(ZipArchive::new(Cursor::new(file)).expect("a zip file").len() == 6);

    let trace = client.trace(request).await.expect("begun");
    let name = trace.name().to_owned();
    trace.discard().await.expect("gone");
    let error = client.trace_named(name).stop(&mut Vec::new()).await.expect_err("gone");
    assert_eq!(error.errno_name.as_deref(), Some("ENOENT"));
}

const MANIFEST: &str = r#"{"format":"sockwright-trace","version":1,"files":{}}"#;

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, contents) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("begun");
        zip.write_all(contents).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

/// Has the directory say that the last file in it is so long.
fn lying(mut octets: Vec<u8>, length: u32) -> Vec<u8> {
    let entry = octets.windows(4).rposition(|octets| octets == b"PK\x01\x02").expect("an entry");
    octets[entry + 24..entry + 28].copy_from_slice(&length.to_le_bytes());
    octets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_trace_is_told_in_words() {
    let world = World::start().await;
    let scratch = Scratch::new("foreign");
    let whole = zip(&[("trace.json", MANIFEST.as_bytes()), ("events.binpb", &[0; 3000])]);
    let with = |manifest: &str| zip(&[("trace.json", manifest.as_bytes())]);
    let damaged = {
        let mut octets = whole.clone();
        let at = octets.windows(12).position(|octets| octets == b"events.binpb").expect("there") + 14;
        octets[at] ^= 0x55;
        octets
    };
    for (name, octets, words) in [
        ("empty", Vec::new(), "not a trace, or one that was cut off"),
        ("text", b"hello".to_vec(), "not a trace, or one that was cut off"),
        ("truncated", whole[..whole.len() - 30].to_vec(), "not a trace, or one that was cut off"),
        ("foreign", zip(&[("word/document.xml", b"<a/>")]), "a zip file, and no trace"),
        ("no-json", with("hello"), "trace.json is no JSON"),
        ("other", with(r#"{"format":"playwright","version":1}"#), "does not say `sockwright-trace`"),
        ("no-version", with(r#"{"format":"sockwright-trace"}"#), "has no version"),
        ("newer", with(r#"{"format":"sockwright-trace","version":2}"#), "a trace of version 2"),
        ("bomb", lying(whole.clone(), u32::MAX - 1), "events.binpb is too large"),
        ("more", lying(whole.clone(), 10), "events.binpb is damaged or cut off"),
        ("damaged", damaged, "events.binpb"),
        (
            "cut",
            zip(&[("trace.json", MANIFEST.as_bytes()), ("events.binpb", &[9, 1])]),
            "events.binpb is damaged or cut off",
        ),
        (
            "cut-lines",
            zip(&[("trace.json", MANIFEST.as_bytes()), ("calls.jsonl", b"{\"a\":")]),
            "calls.jsonl is damaged or cut off",
        ),
    ] {
        let path = scratch.file(name);
        std::fs::write(&path, octets).expect("written");
        let (code, stdout, stderr) = said(&run(&world, &["trace", "show", &path]));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{name}: {stderr}");
        assert!(stderr.contains(&path) && stderr.contains(words), "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{name}: {stderr}");
    }
    let (code, _, stderr) = said(&run(&world, &["trace", "export", &scratch.file("nothing")]));
    assert!(code == Some(2) && stderr.contains("No such file"), "{stderr}");
}
