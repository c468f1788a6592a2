//! Policies, asked.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::net::Transport::{Tcp, Udp};
use super::*;

const GUIDE: &str = include_str!("../../../../docs/policy.md");

fn policy(text: &str) -> Policy {
    Policy::parse(text, "policy.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    Policy::parse(text, "policy.toml").unwrap_err().to_string()
}

fn grants(policy: &Policy, name: &str) -> Grants {
    policy.grants(name, std::iter::empty())
}

fn flags(allowed: &[&str]) -> Grants {
    let allowed: Vec<Allow> = allowed.iter().map(|text| text.parse().unwrap()).collect();
    grants(&Policy::allowing(&allowed), "local")
}

fn out(transport: Transport, remote: &str) -> Reach {
    Reach::Out(transport, remote.parse().unwrap())
}

fn into(transport: Transport, remote: &str, port: u16) -> Reach {
    Reach::In(transport, remote.parse().unwrap(), port)
}

fn rule(grants: &Grants, reach: Reach) -> Result<String, String> {
    grants.may_reach(reach).map(|rule| rule.to_string()).map_err(|denied| denied.to_string())
}

/// Addresses, and prefixes, that a stack would have.
fn nets(texts: &[&str]) -> Vec<IpNet> {
    let one = |text: &str| text.parse::<IpAddr>().map(IpNet::from);
    texts.iter().map(|text| one(text).unwrap_or_else(|_| text.parse().unwrap())).collect()
}

/// The complete example of the guide.
fn example() -> Policy {
    let (_, rest) = GUIDE.split_once("```toml\n").unwrap();
    policy(rest.split_once("\n```").unwrap().0)
}

#[test]
fn without_flags_everything_may_be_done_and_nothing_reached() {
    let grants = flags(&[]);
    assert!(grants.sees_all() && grants.drives_all() && grants.may_use_stack("wire"));
    assert!(grants.may_create_labs().is_ok() && grants.may_impair("loss").is_ok());
    assert!(grants.may_attach("raw_ip", None, &nets(&["127.0.0.1"])).is_ok());
    assert_eq!(*grants.limits(), Limits::default());
    let told = "no rule allows 10.0.0.2:80 over tcp: start the server with --allow 10.0.0.2:80, or with --policy FILE";
    assert_eq!(rule(&grants, out(Tcp, "10.0.0.2:80")).unwrap_err(), told);
    let told = "no rule allows fd00::1 at our port 80 of udp: start the server with --allow [fd00::1]:80, or with --policy FILE";
    assert_eq!(rule(&grants, into(Udp, "fd00::1", 80)).unwrap_err(), told);
    assert!(grants.may_listen(Tcp, 80).is_err() && grants.may_listen(Tcp, 0).is_err());
    assert!(grants.may_bind(Tcp, 0).is_ok() && grants.may_bind(Tcp, 40_000).is_err());
}

#[test]
fn what_is_allowed_by_a_flag_is_reached_and_reaches_us() {
    let grants = flags(&["10.0.0.0/24:80,8000-8100", "[fd00::/8]:443", "192.0.2.7"]);
    let allowed = |reach| rule(&grants, reach).is_ok();
    assert_eq!(rule(&grants, out(Tcp, "10.0.0.2:80")).unwrap(), "--allow 10.0.0.0/24:80,8000-8100");
    assert!(allowed(out(Udp, "10.0.0.255:8050")) && allowed(into(Tcp, "10.0.0.2", 8100)));
    assert!(!allowed(out(Tcp, "10.0.0.2:81")) && !allowed(out(Tcp, "10.0.1.2:80")));
    assert!(!allowed(into(Tcp, "10.0.0.2", 40_000)));
    assert!(allowed(out(Tcp, "[fd00::5]:443")) && !allowed(out(Tcp, "[fe80::5]:443")));
    assert!(allowed(out(Tcp, "192.0.2.7:1")) && allowed(into(Udp, "192.0.2.7", 65_535)));
    assert!(
        grants.may_listen(Tcp, 80).is_ok() && grants.may_listen(Tcp, 0).is_ok(),
        "192.0.2.7 has all ports"
    );
    assert!(flags(&["10.0.0.0/24:80"]).may_listen(Tcp, 0).is_err());
    // Of a port that is free, each that it may turn out to be.
    assert!(flags(&["10.0.0.0/24:32768-65535"]).may_listen(Tcp, 0).is_ok());
    assert!(flags(&["10.0.0.0/24:32769-65535"]).may_listen(Tcp, 0).is_err());
    assert!(grants.may_bind(Tcp, 40_000).is_ok() && flags(&["10.0.0.0/24:80"]).may_bind(Tcp, 79).is_err());
}

#[test]
fn all_is_every_address() {
    for grants in [flags(&["all"]), grants(&Policy::allowing(&[Allow::everything()]), "local")] {
        for remote in ["8.8.8.8:53", "[2001:db8::1]:53", "[::ffff:8.8.8.8]:53"] {
            assert!(rule(&grants, out(Udp, remote)).is_ok(), "{remote}");
        }
    }
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    for text in [
        "",
        "lo",
        "10.0.0.0/33",
        "10.0.0.1/24",
        "10.0.0.0/24:",
        "10.0.0.0/24:x",
        "10.0.0.0/24:9-8",
        "10.0.0.0/24:80,",
        "[fd00::/8]80",
        "::ffff:10.0.0.0/104",
        "10.0.0.0/24:70000",
    ] {
        assert!(text.parse::<Allow>().is_err(), "{text}");
    }
    let told = "10.0.0.1/24".parse::<Allow>().unwrap_err();
    assert_eq!(told, r#""10.0.0.1/24" has bits behind its prefix: 10.0.0.0/24 or 10.0.0.1 is meant"#);
}

#[test]
fn an_address_in_ipv6_clothes_is_what_it_is() {
    let grants = flags(&["10.0.0.0/24"]);
    assert!(rule(&grants, out(Tcp, "[::ffff:10.0.0.9]:80")).is_ok());
    assert!(rule(&grants, out(Tcp, "[::ffff:10.0.1.9]:80")).is_err());
    let six = flags(&["::/0"]);
    assert!(rule(&six, out(Tcp, "[::ffff:10.0.0.9]:80")).is_err(), "it is an IPv4 address");
}

#[test]
fn who_is_somebody_has_things_of_his_own() {
    let grants = grants(&Policy::allowing(&["10.0.0.0/24".parse().unwrap()]), "token:ci");
    assert!(!grants.sees_all() && !grants.drives_all() && grants.may_create_labs().is_ok());
    assert!(rule(&grants, out(Tcp, "10.0.0.2:80")).is_ok());
    let proved = Policy::allowing(&[]).grants("token:ci", ["local"].into_iter());
    assert!(!proved.sees_all(), "a proof names no role where no file has any");
}

#[test]
fn the_example_of_the_guide_says_what_is_written_beside_it() {
    let policy = example();
    let admin = grants(&policy, "uid:0");
    assert!(admin.sees_all() && admin.drives_all());
    let ci = grants(&policy, "token:ci");
    assert!(!ci.sees_all() && !ci.drives_all() && ci.may_create_labs().is_ok());
    assert_eq!(rule(&ci, out(Tcp, "10.0.0.2:80")).unwrap(), "services of the test network");
    assert_eq!(
        rule(&ci, out(Tcp, "10.0.0.1:80")).unwrap_err(),
        r#"the rule "not the router" denies 10.0.0.1:80 over tcp"#
    );
    let told = rule(&ci, out(Tcp, "8.8.8.8:53")).unwrap_err();
    assert_eq!(told, "no rule allows 8.8.8.8:53 over tcp: `reach` of the role tester in policy.toml would");
    assert!(rule(&ci, into(Tcp, "10.0.0.9", 8080)).is_ok() && rule(&ci, into(Tcp, "10.0.0.9", 22)).is_err());
    assert!(ci.may_attach("af_packet", Some("test0"), &nets(&["10.0.0.7"])).is_ok());
    assert!(ci.may_attach("af_packet", Some("eth0"), &nets(&["10.0.0.7"])).is_err());
    assert!(ci.may_attach("af_packet", Some("test0"), &nets(&["10.0.0.7", "10.9.0.7"])).is_err());
    assert!(ci.may_attach("tun", Some("test0"), &nets(&["10.0.0.7"])).is_err());
    // What the kernel would send there counts whole.
    assert!(ci.may_attach("af_packet", Some("test0"), &nets(&["10.0.0.7/28"])).is_ok());
    assert!(ci.may_attach("af_packet", Some("test0"), &nets(&["10.0.0.7/1"])).is_err());
    assert!(ci.may_impair("loss").is_ok() && ci.may_impair("corrupt").is_err());
    assert_eq!(ci.limits().session_length, Some(Duration::from_secs(3600)));
    assert_eq!(ci.limits().packets_per_second, Some(20_000));
    let guest = grants(&policy, "cert:spiffe://elsewhere/x");
    assert!(guest.may_create_labs().is_err() && !guest.may_use_stack("wire"));
}

#[test]
fn the_closest_description_of_somebody_counts() {
    let policy = policy(
        r#"
        [identities]
        "*" = ["nobody"]
        "cert:*" = ["some"]
        "cert:spiffe://lab/*" = ["lab"]
        "cert:spiffe://lab/ci" = ["ci"]
        [roles.nobody]
        [roles.some.limits]
        sockets = 1
        [roles.lab.limits]
        sockets = 2
        [roles.ci.limits]
        sockets = 3
        "#,
    );
    let sockets = |name| grants(&policy, name).limits().sockets;
    assert_eq!(sockets("cert:spiffe://lab/ci"), Some(3));
    assert_eq!(sockets("cert:spiffe://lab/other"), Some(2));
    assert_eq!(sockets("cert:x"), Some(1));
    assert_eq!(sockets("token:x"), None);
}

#[test]
fn roles_add_up_and_of_limits_the_more_counts() {
    let policy = policy(
        r#"
        [identities]
        "token:both" = ["one", "other"]
        "token:one" = ["one"]
        [roles.one]
        reach = [{ to = ["10.0.0.1"] }]
        limits = { sockets = 5, labs = 1 }
        [roles.other]
        see = "all"
        reach = [{ to = ["10.0.0.2"] }]
        deny = [{ to = ["10.0.0.1"], ports = [25] }]
        limits = { sockets = 9 }
        "#,
    );
    let both = grants(&policy, "token:both");
    assert!(both.sees_all() && !both.drives_all());
    assert_eq!(rule(&both, out(Tcp, "10.0.0.1:80")).unwrap(), "one.reach[0]");
    assert_eq!(rule(&both, out(Tcp, "10.0.0.2:80")).unwrap(), "other.reach[0]");
    assert!(rule(&both, out(Tcp, "10.0.0.1:25")).unwrap_err().contains("other.deny[0]"));
    assert!(rule(&grants(&policy, "token:one"), out(Tcp, "10.0.0.1:25")).is_ok());
    assert_eq!((both.limits().sockets, both.limits().labs), (Some(9), None));
    let proved = policy.grants("token:one", ["other", "no such role"].into_iter());
    assert!(proved.sees_all(), "what the proof gave adds up as well");
}

#[test]
fn who_has_no_role_is_told_so() {
    let policy = policy("[roles.tester]\nlabs = true\n");
    let told = grants(&policy, "local").may_create_labs().unwrap_err().to_string();
    assert_eq!(told, "no rule allows labs: the caller has no role in policy.toml");
}

#[test]
fn who_began_decides_which_rule_lets_it_leave() {
    let policy = policy(
        r#"
        identities = { local = ["a"] }
        [roles.a]
        reach = [{ to = ["10.0.0.2"], ports = [80] }]
        listen = [{ from = ["10.0.0.3"], ports = [8080, 25] }]
        deny = [{ name = "no games", to = ["10.0.0.3"], ports = [666] }, { to = ["0.0.0.0/0"], ports = [25] }]
        "#,
    );
    let grants = grants(&policy, "local");
    let leaves = |transport, answers, local: u16, remote: &str| {
        grants.may_leave(transport, answers, remote.parse().unwrap(), local)
    };
    use Leave::{Freely, Never, WhereHeard};
    assert_eq!(leaves(Tcp, false, 40_000, "10.0.0.2:80"), Freely);
    assert_eq!(leaves(Tcp, false, 8080, "10.0.0.3:40000"), Never, "we do not call from there");
    assert_eq!(leaves(Tcp, true, 8080, "10.0.0.3:40000"), Freely, "somebody called us there");
    assert_eq!(leaves(Tcp, true, 8080, "10.0.0.2:80"), Never, "he may be reached, and not be let in");
    assert_eq!(leaves(Tcp, true, 8080, "10.0.0.3:666"), Never, "a rule that denies goes first");
    assert_eq!(leaves(Tcp, true, 25, "10.0.0.3:40000"), Never, "at our own port too");
    assert_eq!(leaves(Udp, false, 40_000, "10.0.0.2:80"), Freely);
    assert_eq!(leaves(Udp, false, 8080, "10.0.0.3:40000"), WhereHeard);
    assert_eq!(leaves(Udp, false, 25, "10.0.0.3:40000"), Never);
    assert_eq!(leaves(Udp, false, 8081, "10.0.0.3:40000"), Never);

    let answer = |port, remote: &str| grants.may_answer(Tcp, remote.parse().unwrap(), port);
    assert!(answer(8080, "10.0.0.3:40000").is_ok());
    let told = answer(8080, "10.0.0.3:666").unwrap_err().to_string();
    assert_eq!(told, "the rule \"no games\" denies 10.0.0.3:666 over tcp");
    assert!(answer(25, "10.0.0.3:40000").unwrap_err().to_string().contains("our port 25"));
}

#[test]
fn a_stranger_is_answered_where_some_rule_is_about_him_and_none_denies_it() {
    let policy = policy(
        r#"
        [roles.a]
        reach = [{ to = ["10.0.0.0/24"], ports = [80] }]
        [roles.b]
        listen = [{ from = ["10.0.1.0/24"] }]
        deny = [{ to = ["10.0.0.1"] }, { to = ["10.0.0.2"], ports = [25] }]
        "#,
    );
    let anybodys = policy.anybodys();
    let address = |ip: &str| anybodys.may_answer_stranger(Stranger::Address(ip.parse().unwrap()));
    assert!(address("10.0.0.9") && address("10.0.1.9") && !address("10.0.2.9"));
    assert!(!address("10.0.0.1"), "whichever role denies it");
    assert!(address("10.0.0.2"), "a rule about one port is not about a ping");
    let segment = |port, remote: &str| {
        anybodys.may_answer_stranger(Stranger::Ports(Tcp, remote.parse().unwrap(), port))
    };
    assert!(segment(9, "10.0.0.9:40000") && !segment(9, "10.0.2.9:40000"));
    assert!(!segment(9, "10.0.0.1:40000") && !segment(9, "10.0.0.2:25") && !segment(25, "10.0.0.2:40000"));
    assert!(segment(9, "10.0.0.2:40000"));
}

#[test]
fn who_may_do_everything_need_not_be_asked_about_each_packet() {
    let of = |grants: Grants| [4, 6].map(|version| grants.everything().is_of(&[version << 4]));
    assert_eq!(of(flags(&["all"])), [true, true]);
    assert_eq!(of(flags(&["0.0.0.0/0"])), [true, false]);
    assert_eq!(of(flags(&["::/0"])), [false, false], "an IPv4 address may be in it");
    assert_eq!(of(flags(&["all:80"])), [false, false]);
    assert_eq!(of(flags(&["10.0.0.0/8"])), [false, false]);
    let role = |rest: &str| {
        let all = r#"to = ["0.0.0.0/0", "::/0"]"#;
        let text = format!("identities = {{ local = [\"a\"] }}\n[roles.a]\nreach = [{{ {all} }}]\n{rest}");
        of(grants(&policy(&text), "local"))
    };
    let listen = r#"listen = [{ from = ["0.0.0.0/0", "::/0"] }]"#;
    assert_eq!(role(listen), [true, true]);
    assert_eq!(role(""), [false, false], "not listen");
    assert_eq!(role(&format!("{listen}\ndeny = [{{ to = [\"10.0.0.1\"] }}]")), [false, false]);
    assert_eq!(role(&format!("{listen}\nlimits = {{ packets_per_second = 5 }}")), [false, false]);
    assert_eq!(role(r#"listen = [{ from = ["0.0.0.0/0"], transports = ["tcp"] }]"#), [false, false]);
}

#[test]
fn a_policy_that_is_wrong_says_where() {
    for (text, told) in [
        ("[roles.a]\nlab = true\n", &["line 2, column 1", "unknown field `lab`"][..]),
        ("[rolls.a]\n", &["line 1, column 2", "unknown field `rolls`"]),
        (
            "[roles.a]\nreach = [{ to = [\"10.0.0.0/33\"] }]\n",
            &["line 2, column 17", "neither an IP address nor"],
        ),
        (
            "[roles.a]\nreach = [{ to = [\"10.0.0.0/8\"], ports = [70000] }]\n",
            &["line 2, column 42", "a port"],
        ),
        (
            "[roles.a]\nlisten = [{ from = [\"10.0.0.0/8\"], ports = [0] }]\n",
            &["line 2, column 45", "a port, 1 to 65535"],
        ),
        ("[roles.a]\nreach = [{ ports = [80] }]\n", &["line 2", "missing field `to`"]),
        ("[roles.a]\nimpairments = [\"fire\"]\n", &["line 2, column 16", "unknown variant `fire`"]),
        ("[roles.a]\nsee = \"some\"\n", &["line 2, column 7", "unknown variant `some`"]),
        ("[roles.a.limits]\nsession_length = \"long\"\n", &["line 2, column 18", "length of time"]),
        ("[roles.a.limits]\nsockets = -1\n", &["line 2, column 11"]),
        ("[identities]\nlocal = [\"b\"]\n\n[roles.a]\n", &["line 2, column 10", "there is no role \"b\""]),
        ("[roles.a]\nlabs = yes\n", &["line 2, column 8"]),
    ] {
        let error = refused(text);
        assert!(error.starts_with("the policy policy.toml is wrong: "), "{error}");
        assert!(told.iter().all(|told| error.contains(told)), "{told:?} in {error}");
    }
}
