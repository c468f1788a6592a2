//! What the RFCs ask, where the code does it, and which test shows it.
//!
//! `engine/conformance/rfcNNNN.toml` lists every requirement of an RFC, sentence by sentence. Citations in the sources (`//=`
//! names a document and a section, `//#` quotes it) are matched to them by the text that both quote. A requirement holds
//! when it is cited above code and above a test, or where an exception (`//= type=exception`, `//= reason=`) says why not.
//! The pages in `docs/conformance/` are made from that.
//!
//! The texts of the RFCs are not in the tree. Where the environment variable `SOCKWRIGHT_RFC_DIR` names the directory that
//! holds `rfc9293.txt` and the others, the lists are held to the texts: each quotation is there, and no sentence with a
//! word like MUST is missing. With `UPDATE_SNAPSHOTS=1`, lists and pages are written instead of compared.

mod claims;
mod document;
#[path = "../generated/mod.rs"]
mod generated;
mod list;
mod pages;
mod sentence;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;

use claims::Claims;
use document::Document;
use source::Role;

/// The texts of the RFCs, read once each.
struct Texts {
    directory: PathBuf,
    documents: BTreeMap<String, Option<Document>>,
}

impl Texts {
    /// None where the environment does not say where they are.
    fn find() -> Option<Texts> {
        let directory = std::env::var_os("SOCKWRIGHT_RFC_DIR").map(PathBuf::from);
        if directory.is_none() {
            println!("skipped: SOCKWRIGHT_RFC_DIR does not say where the texts of the RFCs are");
        }
        Some(Texts { directory: directory?, documents: BTreeMap::new() })
    }

    fn get(&mut self, rfc: &str) -> Option<&Document> {
        let path = self.directory.join(format!("{rfc}.txt"));
        self.documents
            .entry(rfc.to_owned())
            .or_insert_with(|| std::fs::read_to_string(path).ok().map(|text| Document::parse(&text)))
            .as_ref()
    }
}

#[test]
fn every_quotation_is_in_the_rfc_that_it_cites() {
    let Some(mut texts) = Texts::find() else { return };
    let citations = source::citations();
    let mut wrong = Vec::new();
    for citation in &citations {
        let found = match texts.get(&citation.rfc) {
            None => Err(format!("there is no text of {}", citation.rfc)),
            Some(document) => document.quotes(&citation.section, &citation.quote),
        };
        if let Err(what) = found {
            wrong.push(format!("{}: {what}: {}", citation.place(), citation.quote));
        }
    }
    assert!(citations.len() > 20, "no citations were found");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), citations.len(), wrong.join("\n"));
}

#[test]
fn every_list_holds_each_requirement_of_its_rfc() {
    let Some(mut texts) = Texts::find() else { return };
    for list in list::all() {
        let document = texts.get(&list.rfc).unwrap_or_else(|| panic!("there is no text of {}", list.rfc));
        list.hold_to(document);
    }
}

#[test]
fn every_citation_says_what_it_claims() {
    let wrong: Vec<String> = source::citations()
        .iter()
        .filter_map(|citation| match &citation.role {
            Role::Adrift(why) => Some(format!("{}: {why}", citation.place())),
            _ => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_requirement_is_implemented_and_tested_or_excepted() {
    let (lists, citations) = (list::all(), source::citations());
    let claims = Claims::of(&lists, &citations);
    let mut wrong = Vec::new();
    for list in &lists {
        for requirement in list.requirements.iter().filter(|requirement| requirement.elsewhere.is_none()) {
            let missing = claims.of_requirement(list, requirement).missing();
            if !missing.is_empty() {
                wrong.push(format!("{} {}: {}", list.rfc, requirement.id, missing.join(", ")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "requirements that nothing claims: cite them above code and above a test, or as an exception with its reason\n{}",
        wrong.join("\n")
    );
    pages::hold(&lists, &claims);
}

#[test]
fn what_binds_others_is_not_claimed() {
    let (lists, citations) = (list::all(), source::citations());
    let claims = Claims::of(&lists, &citations);
    let mut wrong = Vec::new();
    for list in &lists {
        for requirement in list.requirements.iter().filter(|requirement| requirement.elsewhere.is_some()) {
            let claim = claims.of_requirement(list, requirement);
            for place in claim.implementations.iter().chain(&claim.tests).chain(claim.exceptions()) {
                wrong.push(format!("{} {}: {}", list.rfc, requirement.id, place.place()));
            }
        }
    }
    assert!(wrong.is_empty(), "listed as `elsewhere` and yet cited; is it ours?\n{}", wrong.join("\n"));
}
