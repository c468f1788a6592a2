//! The requirements that nothing in the tree claims yet: `engine/conformance/unclaimed.txt`, one a line with what is missing.
//! It only shrinks: a requirement that is not on it has to be claimed, and one that is claimed has to leave it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::claims::Claims;
use crate::list::List;

/// Holds the file to the claims, or takes out of it what is claimed; gives what it holds, by RFC and identifier.
pub(crate) fn hold(lists: &[List], claims: &Claims) -> BTreeMap<(String, String), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/unclaimed.txt");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut missing = BTreeMap::new();
    for list in lists {
        for requirement in list.requirements.iter().filter(|requirement| requirement.elsewhere.is_none()) {
            let what = claims.of_requirement(list, requirement).missing();
            if !what.is_empty() {
                missing.insert((list.rfc.clone(), requirement.id.clone()), what.join(" "));
            }
        }
    }
    let listed: BTreeMap<(String, String), String> = text.lines().filter_map(entry).collect();
    let neither: Vec<String> = missing
        .iter()
        .filter(|(key, what)| {
            listed.get(key).is_none_or(|known| what.split(' ').any(|part| !known.contains(part)))
        })
        .map(|((rfc, id), what)| format!("{rfc} {id}: {what}"))
        .collect();
    assert!(
        neither.is_empty(),
        "requirements that nothing claims: cite them above code and above a test, or as an exception with its reason\n{}",
        neither.join("\n")
    );
    let expected: String = missing.iter().map(|((rfc, id), what)| format!("{rfc} {id} {what}\n")).collect();
    if text != expected {
        assert!(
            std::env::var_os("UPDATE_SNAPSHOTS").is_some(),
            "{} lists what is claimed by now; UPDATE_SNAPSHOTS=1 takes it out:\n{}",
            path.display(),
            text.lines()
                .filter(|line| !expected.lines().any(|other| other == *line))
                .collect::<Vec<_>>()
                .join("\n")
        );
        fs::write(&path, expected).expect("the list can be written");
    }
    missing
}

fn entry(line: &str) -> Option<((String, String), String)> {
    let (rfc, rest) = line.split_once(' ')?;
    let (id, what) = rest.split_once(' ')?;
    Some(((rfc.to_owned(), id.to_owned()), what.to_owned()))
}
