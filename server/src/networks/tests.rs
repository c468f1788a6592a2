//! A fault in one engine's thread, made for real: what else there is goes on, and the host has back what it held.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sockwright_link::{LinkError, netns};
use sockwright_proto::v1::networks_server::Networks as _;
use sockwright_proto::v1::sockets_server::Sockets as _;
use sockwright_proto::v1::{self as pb, attach_request::Link, watch_response::Part};
use tokio_stream::StreamExt;
use tonic::Code;

use crate::access::Allow;
use crate::access::identity::{IdentityId, by_local};
use crate::config::Config;
use crate::layers::delivered;
use crate::server::Parts;
use crate::stack::{Name, ThreadHandle};

/// A namespace of the test's own, gone when dropped.
struct Namespace(String);

impl Namespace {
    /// `None`, after saying why, where there are none to be had.
    fn new() -> Option<Namespace> {
        let namespace = Namespace(format!("swfault-{}", std::process::id()));
        let made = namespace.ip(&["netns", "add", &namespace.0])
            && namespace.ip(&["-n", &namespace.0, "link", "set", "lo", "up"]);
        if !made {
            println!("skipped: no network namespaces here");
        }
        made.then_some(namespace)
    }

    fn ip(&self, arguments: &[&str]) -> bool {
        Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
    }

    /// Runs `work` there, with every thread that it starts.
    fn run<F: Future<Output = ()>>(&self, work: impl FnOnce() -> F + Send) -> Result<(), LinkError> {
        netns::run_in(&self.0, || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(work());
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.ip(&["netns", "delete", &self.0]);
    }
}

impl Parts {
    fn thread(&self, stack: &str) -> ThreadHandle {
        let name = Name::new(IdentityId::LOCAL, stack);
        let hosts = self.networks.registry().hosts();
        let host = hosts.into_iter().find(|host| host.stacks.iter().any(|(_, stack)| *stack == name));
        host.expect("it is there").thread
    }

    async fn listener(&self, stack: &str, ip: &str) -> (u64, u16) {
        let request = pb::CreateRequest { stack: stack.into(), ..Default::default() };
        let socket = delivered(self.sockets.create(by_local(request)).await.expect("created")).socket;
        let local = Some(pb::SocketAddress { ip: ip.into(), port: 0 });
        let bound = self.sockets.bind(by_local(pb::BindRequest { socket, local })).await.expect("bound");
        self.sockets.listen(by_local(pb::ListenRequest { socket, backlog: 0 })).await.expect("listening");
        (socket, bound.into_inner().local.expect("an address").port as u16)
    }
}

#[test]
fn a_fault_takes_its_stack_down_is_told_and_leaves_nothing_of_it_with_the_host() {
    let Some(namespace) = Namespace::new() else { return };
    let ran = namespace.run(async || {
        let config = Config { allow: vec![Allow::everything()], ..Config::default() };
        let parts = Parts::new(&config).expect("nothing to read");
        let addresses = vec!["127.0.0.1".to_owned()];
        let raw = Link::RawIp(pb::RawIp { addresses, ..Default::default() });
        let tun = Link::Tun(pb::Tun {
            interface: "fault0".into(),
            addresses: vec!["10.9.0.2/24".into()],
            host_addresses: vec!["10.9.0.1/24".into()],
            ..Default::default()
        });
        for (name, link) in [("raw", raw), ("tun", tun)] {
            let request = pb::AttachRequest { name: name.into(), link: Some(link), ..Default::default() };
            if let Err(status) = parts.labs.attach(by_local(request)).await {
                println!("skipped: {}", status.message());
                return;
            }
        }
        let (stack, link) = (pb::LabStack { name: "a".into(), ..Default::default() }, pb::LabLink::default());
        let stacks = vec![stack, pb::LabStack { name: "b".into(), ..Default::default() }];
        let links = vec![pb::LabLink { stacks: vec!["a".into(), "b".into()], ..link }];
        let lab = pb::CreateLabRequest { name: "lab".into(), stacks, links, ..Default::default() };
        parts.labs.create_lab(by_local(lab)).await.expect("a lab");

        let (held, port) = parts.listener("raw", "127.0.0.1").await;
        let (behind, _) = parts.listener("tun", "10.9.0.2").await;
        let (unharmed, _) = parts.listener("lab/b", "10.0.0.2").await;
        let at: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
        TcpListener::bind(at).expect_err("the stack has it");
        assert!(interfaces().contains("fault0"));

        let mut watch = parts.hub.watch(pb::WatchRequest::default()).expect("a watch");
        let accepting = Arc::clone(&parts.sockets);
        let waiting = tokio::spawn(async move {
            accepting.accept(by_local(pb::AcceptRequest { socket: held, ..Default::default() })).await
        });
        tokio::task::yield_now().await;
        parts.thread("raw").fail();
        let (mut told, mut released) = (Vec::new(), Vec::new());
        while released.is_empty() {
            let part = watch.next().await.expect("it goes on").expect("no error").into_response().part;
            let Some(Part::Events(batch)) = part else { continue };
            for event in batch.events {
                match event.kind {
                    Some(pb::event::Kind::StackFailed(fault)) => told.push((event.stack, fault.message)),
                    Some(pb::event::Kind::Released(_)) => released.push(event.socket),
                    _ => {}
                }
            }
        }
        assert_eq!(told, [("raw".to_owned(), "as the test asked".to_owned())]);
        assert_eq!(released, [held]);
        let ended = waiting.await.expect("no panic").expect_err("its stack is gone");
        assert_eq!((ended.code(), errno(&ended)), (Code::Unavailable, "ENETDOWN"));
        let after = parts.sockets.get_info(by_local(pb::GetInfoRequest { socket: held })).await;
        assert_eq!(errno(&after.expect_err("it is gone")), "ENETDOWN");
        until("the port is given back", || TcpListener::bind(at).is_ok()).await;

        parts.thread("tun").fail();
        until("the interface is gone", || !interfaces().contains("fault0")).await;
        let gone = parts.sockets.get_info(by_local(pb::GetInfoRequest { socket: behind })).await;
        assert_eq!(errno(&gone.expect_err("it is gone")), "ENETDOWN");

        parts.sockets.get_info(by_local(pb::GetInfoRequest { socket: unharmed })).await.expect("it is there");
        let addresses = vec!["127.0.0.1".to_owned()];
        let link = Some(Link::RawIp(pb::RawIp { addresses, ..Default::default() }));
        let again = pb::AttachRequest { name: "raw".into(), link, ..Default::default() };
        parts.labs.attach(by_local(again)).await.expect("its name and its address are free");
    });
    ran.expect("entered");
}

/// What the kernel has where the calling thread is.
fn interfaces() -> BTreeSet<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").expect("a table");
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

fn errno(status: &tonic::Status) -> &str {
    status.metadata().get("sockwright-errno").and_then(|name| name.to_str().ok()).unwrap_or_default()
}

/// What the host gets back it has a moment after it is told.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(tokio::time::Instant::now() < patience, "{what}");
        tokio::task::yield_now().await;
    }
}
