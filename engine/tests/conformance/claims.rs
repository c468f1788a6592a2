//! Which citations claim which requirement: those of its RFC and section whose quotation has text of its own in common.

use std::collections::BTreeMap;

use crate::document::{squeezed, within};
use crate::list::{List, Requirement};
use crate::source::{Citation, Role};

/// A quotation that begins in one sentence and ends in another claims both, if it has at least this much of them.
const OVERLAP_MIN: usize = 30;

/// All claims, by the RFC and the identifier of the requirement.
pub(crate) struct Claims<'a> {
    claims: BTreeMap<(String, String), Claim<'a>>,
    none: Claim<'a>,
}

/// What the sources say of one requirement.
#[derive(Default)]
pub(crate) struct Claim<'a> {
    pub(crate) implementations: Vec<&'a Citation>,
    pub(crate) tests: Vec<&'a Citation>,
    /// With the reasons.
    pub(crate) exceptions: Vec<(&'a Citation, &'a str)>,
}

impl<'a> Claims<'a> {
    pub(crate) fn of(lists: &[List], citations: &'a [Citation]) -> Claims<'a> {
        let mut by_rfc: BTreeMap<&str, Vec<(&Citation, String)>> = BTreeMap::new();
        for citation in citations {
            by_rfc.entry(&citation.rfc).or_default().push((citation, squeezed(&citation.quote)));
        }
        let mut claims = BTreeMap::new();
        for list in lists {
            let cited = by_rfc.get(list.rfc.as_str()).map_or(&[][..], Vec::as_slice);
            for requirement in &list.requirements {
                let sentence = squeezed(&requirement.asked.quote);
                let section = &requirement.asked.section;
                let claim: &mut Claim = claims.entry(key(list, requirement)).or_default();
                for (citation, quote) in cited {
                    if within(section, &citation.section) && quotes(quote, &sentence) {
                        claim.add(citation);
                    }
                }
            }
        }
        Claims { claims, none: Claim::default() }
    }

    pub(crate) fn of_requirement(&self, list: &List, requirement: &Requirement) -> &Claim<'a> {
        self.claims.get(&key(list, requirement)).unwrap_or(&self.none)
    }
}

fn key(list: &List, requirement: &Requirement) -> (String, String) {
    (list.rfc.clone(), requirement.id.clone())
}

impl<'a> Claim<'a> {
    fn add(&mut self, citation: &'a Citation) {
        match &citation.role {
            Role::Implementation => self.implementations.push(citation),
            Role::Test => self.tests.push(citation),
            Role::Exception(reason) => self.exceptions.push((citation, reason)),
            Role::Adrift(_) => {}
        }
    }

    pub(crate) fn exceptions(&self) -> impl Iterator<Item = &&'a Citation> {
        self.exceptions.iter().map(|(citation, _)| citation)
    }

    /// What is missing until the requirement is claimed as a whole.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        if !self.exceptions.is_empty() {
            return Vec::new();
        }
        let mut missing = Vec::new();
        if self.implementations.is_empty() {
            missing.push("implementation");
        }
        if self.tests.is_empty() {
            missing.push("test");
        }
        missing
    }
}

/// Whether a quotation has text of a sentence; both without white space.
fn quotes(quote: &str, sentence: &str) -> bool {
    let joint = |first: &str, second: &str| {
        let longest = first.len().min(second.len());
        (OVERLAP_MIN..=longest).any(|length| second.get(..length).is_some_and(|begin| first.ends_with(begin)))
    };
    sentence.contains(quote) || quote.contains(sentence) || joint(quote, sentence) || joint(sentence, quote)
}

#[test]
fn a_quotation_claims_each_sentence_that_it_has_text_of() {
    let sentence = "AHostMUSTDoThisAtOnceAndForEver,withoutDelay.";
    assert!(quotes("MUSTDoThis", sentence), "a part of it");
    assert!(quotes(&format!("Before.{sentence}After."), sentence), "more than it");
    assert!(quotes("Before.AHostMUSTDoThisAtOnceAndForEver,", sentence), "its beginning");
    assert!(quotes("DoThisAtOnceAndForEver,withoutDelay.Then", sentence), "its end");
    assert!(!quotes("Before.AHostMUST", sentence), "two words are no quotation");
    assert!(!quotes("AnotherHostMUSTDoThat.", sentence));
}
