//! Who is asked nothing is one identity, and the server another: what the server began with is not `local`'s.

use sockwright_proto::v1::networks_server::Networks as _;
use sockwright_proto::v1::{self as pb, advance_time_request};
use tonic::{Code, Status};

use super::world::{Somebody, World};
use crate::access::identity::{by_local, by_server};
use crate::config::Config;
use crate::server::Parts;

const POLICY: &str = r#"
    [identities]
    local = ["guest"]
    "token:user" = ["user"]
    [roles.guest]
    [roles.user]
    stacks = ["lab/a"]
"#;

/// A lab as `--lab` makes it.
async fn begin_with_lab(parts: &Parts) {
    parts.labs.create_lab(by_server(lab())).await.unwrap();
}

fn lab() -> pb::CreateLabRequest {
    let stack = |name: &str| pb::LabStack { name: name.to_owned(), ..Default::default() };
    pb::CreateLabRequest { name: "lab".into(), stacks: vec![stack("a"), stack("b")], ..Default::default() }
}

/// What comes of everything that drives a lab.
async fn driven(who: &Somebody) -> Vec<Status> {
    let (mut networks, lab) = (who.networks.clone(), "lab".to_owned());
    let how = Some(advance_time_request::How::Steps(1));
    let advanced = networks.advance_time(pb::AdvanceTimeRequest { lab: lab.clone(), how }).await;
    let impair =
        pb::SetImpairmentsRequest { lab: lab.clone(), link: "link1".to_owned(), ..Default::default() };
    let impaired = networks.set_impairments(impair).await;
    let (clock, name) = (pb::Clock::Manual.into(), lab.clone());
    let set = networks.set_clock(pb::SetClockRequest { lab: name, clock, ..Default::default() }).await;
    let what = Some(pb::record_request::What::Lab(lab.clone()));
    let recorded = networks.record(pb::RecordRequest { what, bytes: 1 << 16 }).await;
    let deleted = networks.delete_lab(pb::DeleteLabRequest { name: lab }).await;
    let came = [advanced.err(), impaired.err(), set.err(), recorded.err(), deleted.err()];
    came.into_iter().map(|error| error.expect("it is the server's")).collect()
}

#[tokio::test]
async fn a_guest_who_is_local_neither_sees_nor_drives_what_the_server_began_with() {
    let world = World::under(POLICY).await;
    begin_with_lab(&world.parts).await;
    let local = world.somebody("local");
    for refused in driven(&local).await {
        assert_eq!(refused.code(), Code::NotFound, "{refused}");
    }
    local.socket("lab/a", "").await.expect_err("no stack of his");
    let mut networks = local.networks.clone();
    let listed = networks.list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.labs, []);
    let listed = networks.list_stacks(pb::ListStacksRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.stacks, []);
    let filter = Some(pb::Filter { stacks: vec!["lab/a".to_owned()], ..Default::default() });
    let captured = networks.capture(pb::CaptureRequest { filter, ..Default::default() }).await;
    captured.expect_err("nothing there that he sees");
}

#[tokio::test]
async fn who_may_use_a_stack_of_the_servers_does_not_drive_it() {
    let world = World::under(&POLICY.replace(r#"local = ["guest"]"#, r#"local = ["user"]"#)).await;
    begin_with_lab(&world.parts).await;
    for name in ["local", "token:user"] {
        let user = world.somebody(name);
        user.socket("lab/a", "").await.unwrap();
        user.socket("lab/b", "").await.expect_err("not this one");
        for refused in driven(&user).await {
            assert_eq!(refused.code(), Code::PermissionDenied, "{name}: {refused}");
        }
        assert_eq!(user.list().await.len(), 1, "nor is what others made there his to see");
    }
}

#[tokio::test]
async fn without_a_policy_local_does_what_the_server_may() {
    let parts = Parts::new(&Config::default()).unwrap();
    begin_with_lab(&parts).await;
    let taken = parts.labs.create_lab(by_local(lab())).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists, "the two share their names");
    let how = Some(advance_time_request::How::Steps(1));
    parts.labs.advance_time(by_local(pb::AdvanceTimeRequest { lab: "lab".into(), how })).await.unwrap();
    parts.labs.delete_lab(by_local(pb::DeleteLabRequest { name: "lab".into() })).await.unwrap();
    parts.labs.create_lab(by_local(lab())).await.unwrap();
}
