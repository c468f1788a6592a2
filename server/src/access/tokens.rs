//! Bearer tokens: a file of their names and digests.
//!
//! ```toml
//! [[token]]
//! name = "ci"
//! sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! roles = ["tester"]
//! ```
//!
//! A token is 32 random octets, so that its digest gives nothing away and needs neither salt nor work. A name may be there more
//! than once, for as long as an old token and a new one are both good.
//!
//! The digest of what is given is looked up by its first octets, and the whole compared in constant time. How long that takes
//! depends on the digest of what was given, which its giver knows already; it tells nothing of any token.

use std::collections::HashMap;
use std::path::Path;

use http::HeaderValue;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::identity::{Identities, Identity, Proof};
use super::{contents, warn_of_mode};

/// The tokens that a server knows.
#[derive(Debug)]
pub(crate) struct Tokens {
    by_prefix: HashMap<[u8; PREFIX], Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    digest: [u8; 32],
    identity: Identity,
}

/// The file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    #[serde(default)]
    roles: Vec<Box<str>>,
}

impl Tokens {
    /// What a file says. An error is a sentence.
    pub(crate) fn read(file: &Path, identities: &Identities) -> Result<Tokens, String> {
        warn_of_mode(file, 0o022, "add tokens");
        let text =
            String::from_utf8(contents(file)?).map_err(|_| format!("{}: not UTF-8", file.display()))?;
        Tokens::parse(&text, identities).map_err(|problem| format!("{}: {problem}", file.display()))
    }

    fn parse(text: &str, identities: &Identities) -> Result<Tokens, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if file.token.len() > TOKENS {
            return Err(format!("{} tokens are more than {TOKENS}", file.token.len()));
        }
        let mut by_prefix: HashMap<_, Vec<Known>> = HashMap::new();
        for Entry { name, sha256, roles } in file.token {
            check_name(&name)?;
            let digest = digest_of_hex(&sha256)
                .ok_or_else(|| format!("token {name:?}: its sha256 is not 64 hexadecimal digits"))?;
            let identity = identities
                .known(&format!("token:{name}"), Proof::Token, roles.into())
                .map_err(|full| full.to_string())?;
            let prefix = prefix(&digest);
            by_prefix.entry(prefix).or_default().push(Known { digest, identity });
        }
        Ok(Tokens { by_prefix })
    }

    /// Whoever has a token, with the roles that it gives.
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.by_prefix.values().flatten().map(|known| &known.identity)
    }

    /// Whose token this value of `authorization` is.
    pub(crate) fn whose(&self, value: &HeaderValue) -> Option<Identity> {
        let (scheme, token) = value.as_bytes().split_at_checked(BEARER.len())?;
        if !scheme.eq_ignore_ascii_case(BEARER) {
            return None;
        }
        let digest: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
        let known = self.by_prefix.get(&prefix(&digest))?;
        let known = known.iter().find(|known| known.digest.ct_eq(&digest).into())?;
        Some(known.identity.clone())
    }
}

/// A new token, and the lines of the file that make it known.
pub fn make(name: &str, roles: &[String]) -> Result<(String, String), String> {
    check_name(name)?;
    let mut secret = [0; 32];
    let mut rest = secret.as_mut_slice();
    while !rest.is_empty() {
        let got = rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| format!("no random octets: {error}"))?;
        rest = &mut rest[got..];
    }
    let token = format!("{MARK}{}", hex(&secret));
    let digest: [u8; 32] = Sha256::digest(&token).into();
    let mut lines = format!("[[token]]\nname = {name:?}\nsha256 = \"{}\"\n", hex(&digest));
    if !roles.is_empty() {
        lines += &format!("roles = {roles:?}\n");
    }
    Ok((token, lines))
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"._-@/".contains(&octet);
    match (1..=NAME_OCTETS).contains(&name.len()) && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no name of a token: up to {NAME_OCTETS} letters, digits and . _ - @ / are one"
        )),
    }
}

fn prefix(digest: &[u8; 32]) -> [u8; PREFIX] {
    std::array::from_fn(|at| digest[at])
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (at, octet) in digest.iter_mut().enumerate() {
        *octet = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

/// What tokens begin with, so that one that is found somewhere is known for what it is.
const MARK: &str = "sockwright_";
const BEARER: &[u8] = b"Bearer ";
/// Octets of a digest that it is looked up by.
const PREFIX: usize = 8;
/// Tokens of one file.
const TOKENS: usize = 10_000;
const NAME_OCTETS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(tokens: &Tokens, value: &str) -> Option<String> {
        tokens.whose(&value.parse().unwrap()).map(|identity| identity.name().to_owned())
    }

    #[test]
    fn a_token_that_was_made_is_known_by_the_lines_that_came_with_it() {
        let (token, lines) = make("ci", &["tester".to_owned(), "reader".to_owned()]).unwrap();
        let (other, _) = make("ci", &[]).unwrap();
        assert!(!lines.contains(&token[MARK.len()..]), "only its digest is stored");
        assert_ne!(token, other);
        let identities = Identities::new(10);
        let tokens = Tokens::parse(&lines, &identities).unwrap();
        for value in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER  {token} ")] {
            assert_eq!(whose(&tokens, &value).as_deref(), Some("token:ci"), "{value}");
        }
        let wrong = [
            format!("Bearer {other}"),
            token.clone(),
            format!("Basic {token}"),
            "Bearer ".into(),
            String::new(),
        ];
        for value in wrong {
            assert_eq!(whose(&tokens, &value), None, "{value}");
        }
        let known = tokens.whose(&format!("Bearer {token}").parse().unwrap()).unwrap();
        assert_eq!(known.roles().collect::<Vec<_>>(), ["tester", "reader"]);
        assert_eq!(known.proof(), Proof::Token);
    }

    #[test]
    fn two_tokens_of_one_name_are_one_identity() {
        let identities = Identities::new(10);
        let ((old, first), (new, second)) = (make("ci", &[]).unwrap(), make("ci", &[]).unwrap());
        let tokens = Tokens::parse(&(first + &second), &identities).unwrap();
        let [old, new] =
            [old, new].map(|token| tokens.whose(&format!("Bearer {token}").parse().unwrap()).unwrap().id());
        assert_eq!(old, new);
    }

    #[test]
    fn a_file_that_is_not_understood_is_refused_with_what_is_wrong() {
        let identities = Identities::new(2);
        let digest = "0".repeat(64);
        let entry = |name: &str| format!("[[token]]\nname = {name:?}\nsha256 = \"{digest}\"\n");
        for (text, said) in [
            ("[[token]]\nname = \"a\"\n".to_owned(), "sha256"),
            ("[[token]]\nname = \"a\"\nsha256 = \"beef\"\n".to_owned(), "64 hexadecimal digits"),
            (entry("a b"), "no name of a token"),
            (entry("a") + "role = \"x\"\n", "role"),
            (entry("a") + &entry("b"), "limit of 2 identities"),
            ("token = ci".to_owned(), "TOML"),
        ] {
            let problem = Tokens::parse(&text, &identities).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
        assert!(Tokens::parse("", &identities).unwrap().by_prefix.is_empty());
    }
}
