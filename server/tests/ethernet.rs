//! Labs whose links are Ethernets, and whose stacks have routes.

mod common;

use common::{World, address, lab_request};
use sockwright_proto::v1::{self as pb, Clock, EventKind, Medium, NeighborState, TcpState, event};
use tonic::Code;

/// A lab of `a` (10.0.0.1/24) and `b` (10.5.0.2/24) on one Ethernet, which reach each other by routes.
fn routed() -> pb::CreateLabRequest {
    let mut lab = lab_request("lab", Clock::Virtual, "");
    lab.links[0].medium = Medium::Ethernet.into();
    lab.links[0].macs = vec!["02:00:00:00:00:0a".to_owned()];
    for (stack, (own, other)) in
        lab.stacks.iter_mut().zip([("10.0.0.1/24", "10.5.0.0/24"), ("10.5.0.2/24", "10.0.0.0/24")])
    {
        stack.addresses = vec![own.to_owned()];
        stack.routes = vec![pb::Route { destination: other.to_owned(), gateway: String::new() }];
    }
    let everywhere = pb::Route { destination: String::new(), gateway: "10.0.0.254".to_owned() };
    lab.stacks[0].routes.push(everywhere);
    lab
}

async fn listen(world: &World) -> u64 {
    let socket = world.socket("lab/b").await;
    let local = Some(address("10.5.0.2", 80));
    world.sockets.clone().bind(pb::BindRequest { socket, local }).await.unwrap();
    world.sockets.clone().listen(pb::ListenRequest { socket, backlog: 0 }).await.unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stacks_of_two_networks_find_each_other_and_the_lists_show_how() {
    let world = World::start().await;
    let lab = world.networks.clone().create_lab(routed()).await.unwrap().into_inner().lab.unwrap();
    assert_eq!(lab.links[0].medium(), Medium::Ethernet);
    assert_eq!(lab.links[0].macs, ["02:00:00:00:00:0a", "02:00:00:00:00:02"]);
    let stacks = world.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.unwrap();
    let stacks = stacks.into_inner().stacks;
    assert_eq!(stacks[0].macs, ["02:00:00:00:00:0a"]);
    let routes: Vec<_> =
        stacks[0].routes.iter().map(|route| (&*route.destination, &*route.gateway)).collect();
    assert_eq!(routes, [("10.5.0.0/24", ""), ("0.0.0.0/0", "10.0.0.254")]);

    let mut watch = world.watch(&[EventKind::Neighbor, EventKind::SegmentSent]).await;
    let listener = listen(&world).await;
    let socket = world.socket("lab/a").await;
    let remote = Some(address("10.5.0.2", 80));
    let connect = pb::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() };
    world.sockets.clone().connect(connect).await.unwrap();
    let server = world.accept(listener).await.unwrap().socket;
    world.send(socket, b"over Ethernet").await.unwrap();
    assert_eq!(world.recv_exactly(server, 13).await, b"over Ethernet");
    assert_eq!(world.info(socket).await.summary.unwrap().tcp_state(), TcpState::Established);

    // Whoever begins asks, and is answered before `b` has anything to say.
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let event = watch.next().await.unwrap();
        match event.kind.unwrap() {
            event::Kind::Neighbor(neighbor) if event.stack == "lab/a" => {
                seen.push((neighbor.address.clone(), neighbor.mac.clone(), Some(neighbor.state())));
            }
            event::Kind::SegmentSent(_) if event.stack == "lab/b" => {
                seen.push(("10.5.0.2".to_owned(), String::new(), None));
            }
            _ => {}
        }
    }
    let told = |mac: &str, state| ("10.5.0.2".to_owned(), mac.to_owned(), state);
    let asked = told("", Some(NeighborState::Incomplete));
    let answered = told("02:00:00:00:00:02", Some(NeighborState::Reachable));
    assert_eq!(seen, [asked, answered, told("", None)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_frame_on_the_wire_is_a_question() {
    let world = World::start().await;
    let mut lab = routed();
    lab.links[0].impairments = Some(pb::Impairments { loss: 1.0, ..Default::default() });
    world.networks.clone().create_lab(lab).await.unwrap();
    for (remote, whom) in [("10.5.0.2", "10.5.0.2"), ("192.0.2.1", "10.0.0.254")] {
        let mut watch = world.watch(&[EventKind::FrameLost]).await;
        let create = pb::CreateRequest {
            stack: "lab/a".to_owned(),
            kind: pb::SocketKind::Datagram.into(),
            ..Default::default()
        };
        let socket = world.create(create).await.unwrap();
        let remote = Some(address(remote, 53));
        let send = pb::SendToRequest { socket, remote, data: bytes::Bytes::from_static(b"x") };
        world.sockets.clone().send_to(send).await.unwrap();
        let text = watch
            .find(|event| match &event.kind {
                Some(event::Kind::FrameLost(lost)) => Some(lost.text.clone()),
                _ => None,
            })
            .await;
        assert_eq!(text, format!("02:00:00:00:00:0a > ff:ff:ff:ff:ff:ff: who has {whom} tell 10.0.0.1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_an_ethernet_or_a_route_names_its_field() {
    let world = World::start().await;
    let refused = async |change: &dyn Fn(&mut pb::CreateLabRequest)| {
        let mut lab = routed();
        change(&mut lab);
        let status = world.networks.clone().create_lab(lab).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        status.message().to_owned()
    };
    let macs = |macs: &[&str]| macs.iter().map(|mac| (*mac).to_owned()).collect::<Vec<_>>();
    for (list, field) in [
        (macs(&["02:00"]), "links[0].macs[0]"),
        (macs(&["", "01:00:5e:00:00:01"]), "links[0].macs[1]"),
        (macs(&["02:00:00:00:00:09", "02:00:00:00:00:09"]), "links[0].macs[1]"),
        (macs(&["", "", ""]), "links[0].macs"),
    ] {
        let message = refused(&|lab| lab.links[0].macs = list.clone()).await;
        assert!(message.contains(field), "{message}");
    }
    let message = refused(&|lab| lab.links[0].medium = Medium::Ip.into()).await;
    assert!(message.contains("links[0].macs"), "{message}");
    let message = refused(&|lab| lab.links[0].medium = 99).await;
    assert!(message.contains("links[0].medium"), "{message}");
    let route = |destination: &str, gateway: &str| pb::Route {
        destination: destination.to_owned(),
        gateway: gateway.to_owned(),
    };
    for (route, field) in [
        (route("", ""), "stacks[0].routes[0].destination"),
        (route("10.6.0.0/33", ""), "stacks[0].routes[0].destination"),
        (route("", "10.9.0.1"), "stacks[0].routes[0].gateway"),
        (route("fd00::/64", "10.0.0.254"), "stacks[0].routes[0].gateway"),
        (route("", "10.0.0.1"), "stacks[0].routes[0]"),
        (route("fd00::/64", ""), "stacks[0].routes[0]"),
    ] {
        let message = refused(&|lab| lab.stacks[0].routes = vec![route.clone()]).await;
        assert!(message.contains(field), "{message}");
    }
}
