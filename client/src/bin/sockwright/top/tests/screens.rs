//! What is on the screen.

use ratatui::style::{Color, Modifier};

use super::*;

/// A listener and a connection with some data, in a lab.
async fn a_connection(stage: &mut Stage) -> (u64, u64, u64) {
    lab_by_hand(&stage.client).await;
    let listener = listener(&stage.client).await;
    let opener = stage.opener("client").await;
    let accepted = stage.connect(opener, listener).await;
    (listener, opener, accepted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_shows_each_socket_with_its_figures_in_terminals_of_every_size() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    let (_, opener, accepted) = a_connection(&mut stage).await;
    stage.client.send_all(opener, vec![7; 3000]).await.unwrap();
    advance(&stage.client, 200).await;
    stage.client.sockets.recv(v1::RecvRequest { socket: accepted, ..Default::default() }).await.unwrap();
    stage.until("3 sockets").await;
    stage.figures().await;
    hold("table", &stage.text());
    for (width, height) in [(132, 12), (50, 10), (49, 10), (50, 9), (12, 2), (1, 1)] {
        stage.resize(width, height);
        hold(&format!("table-{width}x{height}"), &stage.text());
    }
    stage.resize(80, 24);
    stage.press([Action::Help]);
    hold("help", &stage.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_sorted_searched_and_chosen_by_state() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    let (listener, opener, _) = a_connection(&mut stage).await;
    let second = socket(&stage.client, "lab/a", "second").await;
    stage.until("CLOSED 1").await;
    stage.figures().await;
    let shown = |stage: &mut Stage| -> Vec<u64> {
        let text = stage.text();
        let ids = text.lines().skip(3).filter_map(|line| line.split_whitespace().next()?.parse().ok());
        ids.collect()
    };
    assert_eq!(shown(&mut stage), [1, 2, 3, 4]);
    stage.press([Action::Reverse]);
    assert_eq!(shown(&mut stage), [4, 3, 2, 1]);
    // By state, in the order of a connection's life.
    stage.press([Action::Reverse, Action::Sort { forward: true }]);
    assert_eq!(shown(&mut stage), [listener, 2, 3, second]);
    // What is not known stands at the end, both ways.
    stage.press([Action::Sort { forward: false }]);
    stage.press([Action::Sort { forward: true }; 7]);
    assert!(stage.text().contains("RTT▲"), "{}", stage.text());
    let known = |rows: Vec<u64>| rows[..2].iter().all(|id| [2, 3].contains(id));
    assert!(known(shown(&mut stage)));
    stage.press([Action::Reverse]);
    assert!(known(shown(&mut stage)));
    // A search takes words of any column.
    stage.press([Action::Search]);
    stage.press("10.0.0.1 CLIENT".chars().map(Action::Typed));
    assert_eq!(shown(&mut stage), [opener]);
    assert!(stage.text().contains("/10.0.0.1 CLIENT"));
    stage.press([Action::Back]);
    assert_eq!(shown(&mut stage).len(), 4);
    // States, one after the other, and then all.
    let mut by_state = Vec::new();
    for _ in 0..4 {
        stage.press([Action::State]);
        by_state.push(shown(&mut stage).len());
    }
    assert_eq!(by_state, [1, 2, 1, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cursor_goes_with_its_socket_and_opens_it() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    let (_, opener, _) = a_connection(&mut stage).await;
    stage.until("ESTABLISHED 2").await;
    stage.press([Action::Move(Move::Down), Action::Reverse]);
    let screen = stage.screen();
    let chosen: Vec<u16> =
        (0..24).filter(|y| screen[(0, *y)].modifier.contains(Modifier::REVERSED)).collect();
    assert_eq!(chosen, [4], "{}", stage.text());
    stage.press([Action::Open]);
    stage.until(&format!("#{opener} client  lab/a")).await;
    stage.press([Action::Back]);
    assert!(stage.text().contains("3 sockets"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_shows_its_states_timers_windows_and_counters() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    let (_, opener, accepted) = a_connection(&mut stage).await;
    stage.app.open(opener, Tab::Details);
    stage.until("ESTABLISHED for").await;
    stage.paired().await;
    stage.client.send_all(opener, vec![7; 40_000]).await.unwrap();
    advance(&stage.client, 30).await;
    stage.client.sockets.recv(v1::RecvRequest { socket: accepted, ..Default::default() }).await.unwrap();
    stage.figures().await;
    stage.told().await;
    hold("details", &stage.text());
    stage.resize(60, 24);
    hold("details-60x24", &stage.text());
    stage.resize(80, 24);
    stage.press([Action::Events]);
    hold("events", &stage.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ladder_shows_what_was_lost_what_was_sent_again_and_every_state() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    lab_by_hand(&stage.client).await;
    let listener = listener(&stage.client).await;
    let opener = stage.opener("").await;
    stage.app.open(opener, Tab::Ladder);
    stage.until("CLOSED for").await;
    let accepted = stage.connect(opener, listener).await;
    stage.paired().await;
    stage.lose(1.0).await;
    stage.client.send_all(opener, &b"hello"[..]).await.unwrap();
    advance(&stage.client, 10).await;
    stage.lose(0.0).await;
    advance(&stage.client, 1000).await;
    stage.client.sockets.recv(v1::RecvRequest { socket: accepted, ..Default::default() }).await.unwrap();
    stage.shutdown(opener).await;
    advance(&stage.client, 20).await;
    stage.client.sockets.close(v1::CloseRequest { socket: accepted }).await.unwrap();
    advance(&stage.client, 20).await;
    stage.until("TIME-WAIT for").await;
    stage.until("LOST").await;
    stage.until("│ CLOSED").await;
    hold("ladder", &stage.text());
    stage.press([Action::Move(Move::First), Action::Move(Move::Down)]);
    hold("ladder-cursor", &stage.text());
    stage.resize(60, 20);
    hold("ladder-60x20", &stage.text());
    // The same in ASCII.
    stage.resize(80, 24);
    stage.app.set_look(Look { colour: false, unicode: false });
    let text = stage.text();
    assert!(text.is_ascii(), "{text}");
    hold("ladder-ascii", &text);
    // Every view has its place in every terminal.
    for action in [Action::Ladder, Action::Details, Action::Events, Action::Help, Action::Back, Action::Back]
    {
        stage.press([action]);
        for (width, height) in
            (1..=140).step_by(3).flat_map(|width| [9, 10, 24].map(|height| (width, height)))
        {
            stage.resize(width, height);
            stage.screen();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colours_are_an_addition() {
    let world = World::start().await;
    let colours = |screen: Buffer| -> usize {
        screen.content().iter().filter(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset)).count()
    };
    let mut stage = Stage::of(&world, PLAIN).await;
    a_connection(&mut stage).await;
    stage.until("ESTABLISHED 2").await;
    assert_eq!(colours(stage.screen()), 0);
    let plain = stage.text();
    stage.app.set_look(Look { colour: true, unicode: true });
    assert!(colours(stage.screen()) > 20);
    assert_eq!(stage.text(), plain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_stays_while_the_watch_goes_on() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    a_connection(&mut stage).await;
    stage.until("3 sockets").await;
    stage.press([Action::Pause]);
    let before = stage.text();
    assert!(before.contains("held"), "{before}");
    let late = socket(&stage.client, "lab/b", "late").await;
    while stage.app.sockets().get(late).is_none() {
        stage.moved().await;
    }
    assert_eq!(stage.text(), before);
    stage.press([Action::Pause]);
    assert!(stage.text().contains("4 sockets"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_gone_is_shown_a_moment_longer() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    lab_by_hand(&stage.client).await;
    let brief = socket(&stage.client, "lab/a", "brief").await;
    stage.until("1 socket ").await;
    stage.client.sockets.close(v1::CloseRequest { socket: brief }).await.unwrap();
    stage.until("0 sockets").await;
    assert!(stage.text().contains("brief"));
    let now = tokio::time::Instant::now();
    assert!(!stage.app.tick(now));
    assert!(stage.app.tick(now + std::time::Duration::from_secs(4)));
    assert!(!stage.text().contains("brief"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_and_comes_back_is_told_and_its_other_run_is_a_gap() {
    let world = World::start().await;
    let mut stage = Stage::of(&world, PLAIN).await;
    let (_, opener, _) = a_connection(&mut stage).await;
    stage.until("3 sockets").await;
    stage.app.open(opener, Tab::Ladder);
    stage.until("ESTABLISHED for").await;
    let restarting = tokio::spawn(world.restart());
    stage.until("  lost: ").await;
    // What was known stays.
    assert!(stage.text().contains("#2 client  lab/a"));
    let world = restarting.await.unwrap();
    stage.until("gap: other-epoch").await;
    stage.press([Action::Back, Action::Events]);
    stage.until("-- events are missing: other-epoch").await;
    stage.press([Action::Back]);
    stage.until("0 sockets").await;
    lab_by_hand(&world.client().await).await;
    socket(&world.client().await, "lab/a", "anew").await;
    stage.until("anew").await;
    assert!(!stage.text().contains("lost"));
}
