//! IPv4 options of a socket, over the contract.

mod common;

use common::{World, refusal};
use sockwright_proto::v1::ip_option::Option as Shown;
use sockwright_proto::v1::{self as pb, Clock};
use tonic::Code;

fn with(options: &[Shown]) -> pb::SocketOptions {
    let options = options.iter().map(|option| pb::IpOption { option: Some(option.clone()) }).collect();
    pb::SocketOptions { ip_options: Some(pb::IpOptions { options }), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_set_told_and_taken_from_the_segments() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let given = with(&[Shown::RecordRoute(2), Shown::RouterAlert(1), Shown::Raw(vec![68, 4, 5, 0].into())]);
    let create =
        pb::CreateRequest { stack: format!("{lab}/a"), options: Some(given.clone()), ..Default::default() };
    let client = world.create(create).await.unwrap();
    let told = world
        .sockets
        .clone()
        .get_options(pb::GetOptionsRequest { socket: client })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(told.options.unwrap().ip_options, given.ip_options);

    world.connect(client).await.unwrap();
    let server = world.accept(listener).await.unwrap().socket;
    world.send(client, &[7; 5000]).await.unwrap();
    world.recv_exactly(server, 5000).await;
    let sizes = |info: pb::GetInfoResponse| info.tcp.map(|tcp| (tcp.snd_mss, tcp.rcv_mss)).unwrap();
    // Options of IP: eleven octets, four and four, filled up to twenty. Timestamps: twelve.
    assert_eq!(sizes(world.info(client).await), (1460 - 20 - 12, 1460));
    assert_eq!(sizes(world.info(server).await), (1460 - 12, 1460));

    let set = pb::SetOptionsRequest { socket: client, options: Some(given) };
    let refused = world.sockets.clone().set_options(set).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "EISCONN".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_is_refused() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let create = |options, family: pb::AddressFamily| pb::CreateRequest {
        stack: format!("{lab}/a"),
        options: Some(options),
        family: family.into(),
        ..Default::default()
    };
    let invalid = (Code::InvalidArgument, "EINVAL".to_owned());
    for option in [
        Shown::RecordRoute(0),
        Shown::RecordRoute(u32::MAX),
        Shown::RouterAlert(65_536),
        Shown::Raw(vec![7, 3].into()),
        Shown::Raw(vec![137, 3, 4].into()),
        Shown::Raw(vec![1; 1 << 16].into()),
    ] {
        let refused = world.create(create(with(&[option]), pb::AddressFamily::Ipv4)).await;
        assert_eq!(refusal(refused), invalid);
    }
    let refused = world.create(create(with(&[Shown::RouterAlert(0)]), pb::AddressFamily::Ipv6)).await;
    assert_eq!(refusal(refused), invalid);
    world.create(create(with(&[]), pb::AddressFamily::Ipv6)).await.unwrap();
}
