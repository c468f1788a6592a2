//! The pages in `docs/` that list what the engine names: reasons to drop, limits.

mod generated;

use std::collections::BTreeSet;

use generated::{hold_part, table};
use sockwright_engine::event::DropReason;
use sockwright_engine::limits::{Limit, Limits};

#[test]
fn drop_reasons_are_listed_with_their_meanings() {
    let rows =
        DropReason::ALL.iter().map(|reason| [format!("`{}`", reason.name()), reason.meaning().to_owned()]);
    hold_part("drop-reasons.md", "drop reasons", &table(["Reason", "Means"], rows));
}

#[test]
fn limits_are_listed_with_their_defaults() {
    let defaults = Limits::default();
    let rows = Limit::ALL.iter().map(|limit| {
        [format!("`{}`", limit.name()), grouped(limit.of(&defaults)), limit.meaning().to_owned()]
    });
    hold_part("limits.md", "limits", &table(["Limit", "Default", "Bounds"], rows));
}

#[test]
fn names_are_different_and_meanings_are_sentences() {
    let reasons = DropReason::ALL.iter().map(|reason| (reason.name(), reason.meaning()));
    let limits = Limit::ALL.iter().map(|limit| (limit.name(), limit.meaning()));
    for named in [reasons.collect::<Vec<_>>(), limits.collect()] {
        let names: BTreeSet<_> = named.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), named.len());
        for (name, meaning) in named {
            assert!(meaning.ends_with('.') && !meaning.contains('|'), "{name}: {meaning}");
        }
    }
}

/// `262144` as `262,144`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
