//! What callers may do: a policy, as a file or a command line says it, and what it grants an identity.
//!
//! ```text
//! policy.toml -- file --> Policy: roles of rules --- grants(who) ---> Grants: may_reach(tcp, 10.0.0.2:80)? Denied: which rule
//! --allow ------ allow ---^
//! ```
//!
//! Owns: [`Policy`], which is never changed once it is there, and [`Grants`], all that the roles of one identity come to. Pure:
//! it knows neither calls nor sockets. docs/policy.md has the format.
//!
//! A rule that denies goes before all that allow, whichever role has it. What no rule allows is denied.

mod allow;
mod duration;
mod file;
mod grants;
mod net;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

pub use allow::Allow;
pub(crate) use file::PolicyError;
use grants::{AttachRule, WireRule};
pub(crate) use grants::{Denied, Everything, Grants, Leave, Limits, Reach, Stranger};
pub(crate) use net::Transport;

/// What callers may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    roles: BTreeMap<Arc<str>, Arc<Role>>,
    /// Who has which roles, in the order in which they are looked up: names, then patterns.
    identities: Vec<(Pattern, Vec<Arc<str>>)>,
    source: Source,
}

/// Where a policy is from: who is denied something is told where it would be allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Source {
    /// The command line.
    #[default]
    Flags,
    /// This file.
    File(Arc<str>),
}

/// One role.
#[derive(Clone, Debug, Default)]
struct Role {
    sees_all: bool,
    drives_all: bool,
    labs: bool,
    /// Stacks of the server's own that it may use.
    stacks: Vec<Pattern>,
    /// Impairments that it may set.
    impairments: Vec<Pattern>,
    attach: Vec<AttachRule>,
    reach: Vec<WireRule>,
    listen: Vec<WireRule>,
    deny: Vec<WireRule>,
    limits: Limits,
}

/// A text, or the beginning of one, with a `*` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: Box<str>,
    open: bool,
}

impl Policy {
    /// What a server does that was given no file: nobody is restricted but in what is reached on real wires, which is what is
    /// allowed here.
    pub(crate) fn allowing(allowed: &[Allow]) -> Policy {
        let local = Role {
            sees_all: true,
            drives_all: true,
            reach: allowed.iter().map(Allow::rule).collect(),
            listen: allowed.iter().map(Allow::rule).collect(),
            ..Role::unrestricted()
        };
        // Whoever proves who he is has things of his own; who is asked nothing shares them with all who are not.
        let others = Role { sees_all: false, drives_all: false, ..local.clone() };
        let name = |name: &str| Arc::<str>::from(name);
        Policy {
            roles: BTreeMap::from([(name("local"), Arc::new(local)), (name("others"), Arc::new(others))]),
            identities: vec![
                (Pattern::of("local"), vec![name("local")]),
                (Pattern::of("*"), vec![name("others")]),
            ],
            source: Source::Flags,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that is not to be read, is no TOML, or says what a policy cannot: with the line and the column.
    pub(crate) fn read(path: &Path) -> Result<Policy, PolicyError> {
        let text = std::fs::read_to_string(path).map_err(PolicyError::unread(path))?;
        Policy::parse(&text, &path.display().to_string())
    }

    /// What the roles of an identity come to: those that its proof gave it, and those of the first entry that is of its name.
    pub(crate) fn grants<'r>(&self, name: &str, proved: impl Iterator<Item = &'r str>) -> Grants {
        let listed = self.identities.iter().find(|(pattern, _)| pattern.matches(name));
        let mut names: BTreeSet<&str> =
            listed.into_iter().flat_map(|(_, roles)| roles.iter().map(|role| &**role)).collect();
        let mut hint = None;
        // Without a file there are no roles that a proof could name.
        if let Source::File(file) = &self.source {
            names.extend(proved.filter_map(|role| self.roles.get_key_value(role)).map(|(role, _)| &**role));
            hint = Some((Arc::clone(file), Vec::from_iter(names.iter().copied()).join(", ")));
        }
        Grants::of(names.into_iter().filter_map(|role| self.roles.get(role)).cloned().collect(), hint)
    }

    /// Whether it has this role, if it is of a file, which alone has any that a proof may name.
    pub(crate) fn lacks(&self, role: &str) -> bool {
        matches!(self.source, Source::File(_)) && !self.roles.contains_key(role)
    }

    /// Whether it says of anybody how many calls he may make.
    pub(crate) fn limits_calls(&self) -> bool {
        let limits = |role: &Arc<Role>| role.limits.calls.is_some() || role.limits.calls_per_second.is_some();
        self.roles.values().any(limits)
    }

    /// What the server itself may do, for which nobody asked.
    pub(crate) fn servers_own() -> Grants {
        let role = Role { sees_all: true, drives_all: true, ..Role::unrestricted() };
        Grants::of(vec![Arc::new(role)], None)
    }

    /// What anybody may do who has any role: for what leaves in nobody's name. What some role denies, it denies.
    pub(crate) fn anybodys(&self) -> Grants {
        Grants::of(self.roles.values().cloned().collect(), None)
    }
}

impl Role {
    /// Everything but wires.
    fn unrestricted() -> Role {
        Role {
            labs: true,
            stacks: vec![Pattern::of("*")],
            impairments: vec![Pattern::of("*")],
            attach: vec![AttachRule::anything()],
            ..Role::default()
        }
    }
}

impl Pattern {
    fn of(text: &str) -> Pattern {
        match text.strip_suffix('*') {
            Some(beginning) => Pattern { text: beginning.into(), open: true },
            None => Pattern { text: text.into(), open: false },
        }
    }

    fn matches(&self, text: &str) -> bool {
        if self.open { text.starts_with(&*self.text) } else { *text == *self.text }
    }
}
