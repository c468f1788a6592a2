//! What the hub knows of sockets: there, gone, by filter.

use super::*;

fn filtered(hub: &Hub, filter: &pb::Filter) -> Vec<u64> {
    let filter = CompiledFilter::try_from(filter).unwrap();
    hub.list(&filter, 0, usize::MAX).0.iter().map(|row| row.socket).collect()
}

#[test]
fn a_row_says_what_the_events_said() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(4));
    let row = hub.summary(SocketId(4)).unwrap();
    assert_eq!((row.socket, row.stack.as_str(), row.session.as_str()), (4, "lab/a", "s-1"));
    assert_eq!(
        (row.tcp_state(), row.socket_state()),
        (pb::TcpState::Established, pb::SocketState::Connected)
    );
    assert_eq!(row.local.unwrap().port, 80);
    assert_eq!(row.remote.unwrap().ip, "192.0.2.2");
    assert_eq!(hub.place_of(SocketId(4)), Some(("lab/a".into(), SessionId(1))));
    hub.reassign(SocketId(4), SessionId(9));
    assert_eq!(hub.summary(SocketId(4)).unwrap().session, "s-9");
}

#[test]
fn pages_of_a_list_meet_and_do_not_overlap() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, (1..=1000).map(opened));
    hub.publish(&stack, (1..=1000).filter(|socket| socket % 7 == 0).map(released));
    let mut all = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or(0);
        let (page, at) = hub.list(&CompiledFilter::default(), after, 100);
        assert_eq!(at, hub.position());
        all.extend(page.iter().map(|row| row.socket));
        if page.len() < 100 {
            break;
        }
    }
    assert_eq!(all, (1..=1000).filter(|socket| socket % 7 != 0).collect::<Vec<_>>());
}

#[test]
fn fields_of_a_filter_are_combined_with_and_values_with_or() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, (1..=20).map(opened));
    hub.publish(&"lab/b".into(), connect(21));
    let sessions = vec!["s-1".to_owned(), String::new()];
    let labels = vec!["label 0".to_owned()];
    let filter = pb::Filter { sessions, labels, ..Default::default() };
    assert_eq!(filtered(&hub, &filter), [10, 15]);
    let ends = pb::Filter { addresses: vec!["192.0.2.2".into()], ports: vec![80, 1], ..Default::default() };
    assert_eq!(filtered(&hub, &ends), [21]);
    let other = pb::Filter { addresses: vec!["192.0.2.3".into()], ..Default::default() };
    assert_eq!(filtered(&hub, &other), [0; 0]);
    let stacks = pb::Filter { stacks: vec!["lab/b".into()], ..Default::default() };
    assert_eq!(filtered(&hub, &stacks), [21]);
    assert_eq!(filtered(&hub, &pb::Filter::default()).len(), 21);
}

#[test]
fn the_end_of_a_socket_is_remembered_up_to_the_limit() {
    let (hub, stack) = hub(HubConfig { remember_released: 2, ..HubConfig::default() });
    for socket in 1..=3 {
        hub.publish(&stack, connect(socket));
        hub.publish(&stack, [event(socket, EventKind::Failed(Errno::ECONNRESET)), released(socket)]);
    }
    assert_eq!(hub.summary(SocketId(3)), None);
    assert_eq!(hub.ended(SocketId(1)), None);
    let ended = hub.ended(SocketId(3)).unwrap();
    assert_eq!((ended.error, ended.at.seq), (Some(Errno::ECONNRESET), 21));
    assert_eq!(ended.summary.tcp_state(), pb::TcpState::Established);
}

#[test]
fn a_removed_stack_releases_its_sockets_and_no_others() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, [opened(1), opened(3)]);
    hub.publish(&"lab/b".into(), [opened(2)]);
    let at = hub.remove_stack(&stack, Instant::from_nanos(50));
    assert_eq!(at.seq, 5);
    assert_eq!(filtered(&hub, &pb::Filter::default()), [2]);
    assert_eq!(hub.ended(SocketId(3)).unwrap().at.seq, 5);
    assert_eq!(hub.remove_stack(&stack, Instant::ZERO).seq, 5);
}

#[test]
fn positions_are_of_this_epoch_and_epochs_differ() {
    let (first, stack) = hub(HubConfig::default());
    let (second, _) = hub(HubConfig::default());
    assert_ne!(first.epoch(), 0);
    assert_ne!(first.epoch(), second.epoch());
    assert_eq!(first.publish(&stack, []), Position { epoch: first.epoch(), seq: 0 });
    assert_eq!(first.publish(&stack, [opened(1), named(1)]).seq, 2);
    assert_eq!(first.position().seq, 2);
}
