//! Files, read again: what they said before has no say any more.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;

use tempfile::TempDir;

use super::caller::Access;
use super::policy::{Reach, Transport};
use super::*;

const POLICY: &str = r#"
    [identities]
    [roles.tester]
    reach = [{ to = ["10.0.0.0/24"] }]
"#;

/// Who may call by a file of tokens and a policy, and what the callers may do.
fn open(room: &TempDir) -> (Credentials, Arc<Access>) {
    let file = room.path().join("policy.toml");
    fs::write(&file, POLICY).unwrap();
    let by = Access::new(Policy::read(&file).unwrap(), Default::default());
    let followed = FollowedPolicy { file, by: Arc::clone(&by) };
    let tokens = Some(room.path().join("tokens.toml"));
    let config = AccessConfig { tokens, ..AccessConfig::default() };
    (Credentials::open(&config, Arc::new(Identities::new(8)), Some(followed)).unwrap(), by)
}

fn who(access: &Credentials, token: &str) -> Option<Identity> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    match access.said(&headers) {
        Said::Proved(identity) => Some(identity),
        Said::Nothing | Said::Wrong => None,
    }
}

#[test]
fn a_role_goes_with_the_reload_and_does_not_come_back_with_a_call_from_before() {
    let room = tempfile::tempdir().unwrap();
    let tokens = room.path().join("tokens.toml");
    let (token, lines) = tokens::make("ci", &["tester".to_owned()]).unwrap();
    fs::write(&tokens, &lines).unwrap();
    let (access, callers) = open(&room);
    let before = who(&access, &token).unwrap();
    let to = Reach::Out(Transport::Tcp, SocketAddr::from(([10, 0, 0, 1], 80)));
    let reaches = || callers.wire_of(before.id()).grants().may_reach(to).is_ok();
    callers.known(before.clone());
    assert!(reaches());

    fs::write(
        &tokens,
        lines.lines().filter(|line| !line.starts_with("roles")).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    access.reload().unwrap();
    assert!(!reaches(), "its packets are asked of what is so now, whether it calls or not");
    assert!(callers.known(before.clone()).grants().may_reach(to).is_err());
    assert!(!reaches(), "a call that was begun before brings nothing back");

    fs::write(&tokens, &lines).unwrap();
    access.reload().unwrap();
    assert!(reaches());
    fs::write(&tokens, "").unwrap();
    access.reload().unwrap();
    assert!(who(&access, &token).is_none() && !reaches(), "who has no token any more has no role of one");
}

#[test]
fn who_reads_the_files_has_the_turn_until_what_they_say_is_so() {
    let room = tempfile::tempdir().unwrap();
    let tokens = room.path().join("tokens.toml");
    fs::write(&tokens, "").unwrap();
    let (access, _) = open(&room);
    fs::remove_file(&tokens).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&tokens).status().unwrap().success());
    let reading = std::thread::spawn({
        let access = access.clone();
        move || access.reload()
    });
    // Open once it is being read.
    let mut writer = OpenOptions::new().write(true).open(&tokens).unwrap();
    assert!(access.0.turn.try_lock().is_err(), "no other reading may come in between");
    let (token, lines) = tokens::make("ci", &[]).unwrap();
    writer.write_all(lines.as_bytes()).unwrap();
    drop(writer);
    reading.join().unwrap().unwrap();
    assert!(who(&access, &token).is_some() && access.0.turn.try_lock().is_ok());
}

#[test]
fn roles_of_tokens_that_no_policy_has_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let entry = |name: &str, digit: &str, roles: &str| {
        format!("[[token]]\nname = {name:?}\nsha256 = \"{}\"\nroles = {roles}\n", digit.repeat(64))
    };
    let text = [
        entry("a", "1", r#"["tester", "tseter"]"#),
        entry("b", "2", r#"["tester"]"#),
        entry("c", "3", r#"["x", "y"]"#),
    ];
    fs::write(&file, text.concat()).unwrap();
    let tokens = Tokens::read(&file, &Identities::new(8)).unwrap();
    let policy = Policy::parse("[roles.tester]\nlabs = true\n", "policy.toml").unwrap();
    let access = caller::Access::new(policy, audit::Audit::default());
    let told = undefined_roles(&tokens, &access);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], "token:a has roles that give it nothing: there is no tseter in");
    assert!(told[1].contains("token:c") && told[1].contains("x, y"));
    let access = caller::Access::new(Policy::allowing(&[]), audit::Audit::default());
    assert_eq!(undefined_roles(&tokens, &access), [""; 0], "without a file there are no roles");
}
