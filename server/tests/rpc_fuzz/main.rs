//! Every RPC with random messages: nothing panics, nothing hangs, and nothing is INTERNAL.
//!
//! The server runs as `sockwrightd --isolated`, so that random wires are wires of its own. Calls are made from descriptors alone,
//! as reflection gives them: a method that is added tomorrow is called tomorrow. Each task has a seed of its own; together they
//! interleave as they will.
//!
//! `SOCKWRIGHT_FUZZ_SECONDS` says for how long (5), `SOCKWRIGHT_FUZZ_SEED` from which seed (the clock).

mod caller;
mod messages;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use sockwright_engine::rng::Rng;
use tokio::task::JoinSet;
use tonic::Code;

use caller::Caller;
use messages::Known;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_is_answered() {
    let time = Duration::from_secs(variable("SOCKWRIGHT_FUZZ_SECONDS").unwrap_or(5));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = variable("SOCKWRIGHT_FUZZ_SEED").unwrap_or(now);
    let Some(mut server) = Server::start() else { return };

    let pool = DescriptorPool::decode(sockwright_proto::v1::FILE_DESCRIPTOR_SET).unwrap();
    let methods: Vec<MethodDescriptor> =
        pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let known = Arc::new(Mutex::new(Known::default()));
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let caller = Caller::connect(&server.address).await;
        let rng = Rng::from_u64(seed.wrapping_add(task));
        tasks.spawn(call_at_random(caller, methods.clone(), Arc::clone(&known), rng, until));
    }
    let mut told: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    while let Some(calls) = tasks.join_next().await {
        for (method, code) in calls.unwrap_or_else(|error| panic!("seed {seed}: {error}")) {
            *told.entry(method).or_default().entry(format!("{code:?}")).or_default() += 1;
        }
    }
    let calls: u64 = told.values().flat_map(BTreeMap::values).sum();
    println!("seed {seed}: {calls} calls in {time:?}");
    for (method, codes) in &told {
        println!("  {method}: {codes:?}");
    }
    for method in &methods {
        assert!(told.contains_key(method.full_name()), "never called: {}", method.full_name());
    }

    // It serves on, and ends when it is asked to.
    let mut caller = Caller::connect(&server.address).await;
    let list = pool.get_service_by_name("sockwright.v1.Sockets").unwrap();
    let list = list.methods().find(|method| method.name() == "List").unwrap();
    assert_eq!(caller.call(&list, &[DynamicMessage::new(list.input())]).await.code, Code::Ok);
    server.end();
}

/// Calls at random until the time is over. Which methods, and how each ended.
async fn call_at_random(
    mut caller: Caller,
    methods: Vec<MethodDescriptor>,
    known: Arc<Mutex<Known>>,
    mut rng: Rng,
    until: Instant,
) -> Vec<(String, Code)> {
    let mut told = Vec::new();
    while Instant::now() < until {
        if rng.below(32) == 0 {
            connect(&mut caller, &methods, &known, &mut rng).await;
        }
        let method = &methods[rng.below(methods.len() as u32) as usize];
        // What ends much is called less, so that something is there for the others.
        if ["DeleteLab", "Detach", "Abort", "Close"].contains(&method.name()) && rng.below(8) > 0 {
            continue;
        }
        let requests: Vec<DynamicMessage> = {
            let known = known.lock().unwrap();
            let count = if method.is_client_streaming() { 1 + rng.below(4) } else { 1 };
            (0..count).map(|_| known.request(method, &mut rng)).collect()
        };
        let outcome = caller.call(method, &requests).await;
        let wrong = [Code::Internal, Code::Unknown, Code::DataLoss];
        assert!(
            !wrong.contains(&outcome.code),
            "{} is {:?}: {:?}\nfor {}",
            method.full_name(),
            outcome.code,
            outcome.message,
            serde_json::to_string(&requests).unwrap_or_default()
        );
        let mut known = known.lock().unwrap();
        if outcome.code == Code::Ok {
            requests.iter().for_each(|request| known.learn_request(method, request, &mut rng));
        }
        outcome.responses.iter().for_each(|response| known.learn(response, &mut rng));
        told.push((method.full_name().to_owned(), outcome.code));
    }
    told
}

/// Makes a connection, where nobody comes between: chance alone would hardly ever have one.
async fn connect(caller: &mut Caller, methods: &[MethodDescriptor], known: &Mutex<Known>, rng: &mut Rng) {
    let (mut sockets, mut port) = (Vec::new(), 0);
    for (name, json) in messages::CONNECTION {
        let method = methods.iter().find(|method| method.name() == name).unwrap();
        let socket = |back: usize| sockets.len().checked_sub(back).map_or(0, |place| sockets[place]);
        let json =
            json.replace("$1", &format!("\"{}\"", socket(1))).replace("$2", &format!("\"{}\"", socket(2)));
        let request = messages::read(method, &json.replace("$port", &port.to_string()));
        let outcome = caller.call(method, &[request]).await;
        let Some(response) = outcome.responses.first() else { continue };
        sockets.extend(response.get_field_by_name("socket").and_then(|socket| socket.as_u64()));
        if let Some(local) = response.get_field_by_name("local")
            && let Some(local) = local.as_message()
        {
            port = local.get_field_by_name("port").and_then(|port| port.as_u32()).unwrap_or(0);
        }
        known.lock().unwrap().learn(response, rng);
    }
}

/// `sockwrightd`, ended with the test.
struct Server {
    child: Child,
    address: String,
    /// What it says, of panics for instance: those of engine threads are told to callers as stacks that are gone.
    said: File,
}

impl Server {
    /// None, said aloud, where namespaces are not to be had.
    fn start() -> Option<Server> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockwrightd"));
        let said = tempfile::tempfile().unwrap();
        command.args(["--isolated", "--listen", "127.0.0.1:0"]).stderr(said.try_clone().unwrap());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            child.wait().unwrap();
            let said = read(said);
            assert!(
                said.contains("could not make a user and a network namespace"),
                "it did not start: {said}"
            );
            println!("skipped: {said}");
            return None;
        };
        Some(Server { child, address: address.to_owned(), said })
    }

    fn end(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it has ended by itself");
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let ended = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < ended, "it does not end");
            std::thread::yield_now();
        }
        assert!(self.child.wait().unwrap().success());
        let said = read(self.said.try_clone().unwrap());
        assert!(!said.contains("panicked"), "{said}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What was written to a file since it was made.
fn read(mut file: File) -> String {
    let mut text = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Who call at once.
const TASKS: u64 = 8;
