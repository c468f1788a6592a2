//! The pages in `docs/conformance/`: one with the counts, and one for each RFC with a block for each requirement.
//!
//! They name functions and tests, never lines, so that they are stale only when what they say is no longer true.

use std::fmt::Write as _;

use crate::claims::{Claim, Claims};
use crate::generated::{hold_page, table};
use crate::list::{List, Requirement};
use crate::sentence::LEVELS;
use crate::source::Citation;

pub(crate) fn hold(lists: &[List], claims: &Claims) {
    hold_page("conformance/README.md", &overview(lists, claims));
    for list in lists {
        hold_page(&format!("conformance/{}.md", list.rfc), &page(list, claims));
    }
}

fn overview(lists: &[List], claims: &Claims) -> String {
    let head = ["RFC", "MUST", "SHOULD", "MAY", "implemented", "tested", "exceptions", "for others"];
    let mut sums = [0; 7];
    let mut rows = Vec::new();
    for list in lists {
        let counts = counts(list, claims);
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
        let link =
            format!("[{}]({}.md) {}", list.rfc.to_uppercase().replace("RFC", "RFC "), list.rfc, list.title);
        rows.push(row(link, counts));
    }
    rows.push(row("all".to_owned(), sums));
    format!(
        "# Conformance\n\n\
         Every requirement of the RFCs that Sockwright builds on: where it is implemented, which test shows it, or why it is\n\
         an exception. `cargo test` makes these pages from the citations (`//=`, `//#`) in the sources and fails when a\n\
         requirement has neither, or when a page is stale (`UPDATE_SNAPSHOTS=1` writes them).\n\n\
         The lists are in `engine/conformance/`: of RFC 9293 every MUST, SHOULD and MAY, of the others every MUST and SHOULD\n\
         (REQUIRED, SHALL and RECOMMENDED with them). RFCs that do not use these words in capitals are listed by their `must`,\n\
         `shall` and `should`. A sentence that binds others (routers, applications, authors of other documents), or that only\n\
         speaks of a rule, is listed with that reason and counted last; the other columns are about the rest.\n\n{}",
        table(head, rows)
    )
}

fn row(name: String, counts: [usize; 7]) -> [String; 8] {
    let mut row = std::array::from_fn(|_| String::new());
    row[0] = name;
    for (cell, count) in row[1..].iter_mut().zip(counts) {
        *cell = count.to_string();
    }
    row
}

/// In the order of the columns.
fn counts(list: &List, claims: &Claims) -> [usize; 7] {
    let [must, should, may] = LEVELS.map(|level| list.count(level));
    let (mut implemented, mut tested, mut excepted, mut others) = (0, 0, 0, 0);
    for requirement in &list.requirements {
        if requirement.elsewhere.is_some() {
            others += 1;
            continue;
        }
        let claim = claims.of_requirement(list, requirement);
        implemented += usize::from(!claim.implementations.is_empty());
        tested += usize::from(!claim.tests.is_empty());
        excepted += usize::from(!claim.exceptions.is_empty());
    }
    [must, should, may, implemented, tested, excepted, others]
}

fn page(list: &List, claims: &Claims) -> String {
    let number = list.rfc.trim_start_matches("rfc");
    let mut text = format!("# RFC {number}: {}\n\n[All RFCs](README.md)\n", list.title);
    let mut section = None;
    for requirement in &list.requirements {
        if section != Some(&requirement.asked.section) {
            section = Some(&requirement.asked.section);
            text += &heading(&list.rfc, &requirement.asked.section);
        }
        text += &block(requirement, claims.of_requirement(list, requirement));
    }
    text
}

fn heading(rfc: &str, section: &str) -> String {
    let kind = if section.starts_with(|c: char| c.is_ascii_uppercase()) { "appendix" } else { "section" };
    let link = format!("https://www.rfc-editor.org/rfc/{rfc}");
    match section {
        "" => format!("\n## [The document]({link})\n"),
        _ if kind == "appendix" => format!("\n## [Appendix {section}]({link}#appendix-{section})\n"),
        _ => format!("\n## [Section {section}]({link}#section-{section})\n"),
    }
}

fn block(requirement: &Requirement, claim: &Claim) -> String {
    let mut text = format!(
        "\n**{}** ({})\n> {}\n\n",
        requirement.id,
        requirement.asked.level,
        escaped(&requirement.asked.quote)
    );
    if let Some(whom) = &requirement.elsewhere {
        writeln!(text, "- Not for us: {whom}.").expect("a string takes it");
        return text;
    }
    for (word, citations) in [("Implemented", &claim.implementations), ("Tested", &claim.tests)] {
        if !citations.is_empty() {
            writeln!(text, "- {word}: {}", places(citations)).expect("a string takes it");
        }
    }
    for (citation, reason) in &claim.exceptions {
        writeln!(text, "- Exception: {} ({})", reason.trim_end_matches('.'), places(&[citation]))
            .expect("a string takes it");
    }
    text
}

/// Links to the files with the names of the functions, each once.
fn places(citations: &[&Citation]) -> String {
    let mut places: Vec<String> = citations
        .iter()
        .map(|citation| {
            let file = citation.path.rsplit('/').next().unwrap_or(&citation.path);
            let name = if citation.item.is_empty() { file } else { &citation.item };
            format!("[`{name}`](../../{})", citation.path)
        })
        .collect();
    places.sort();
    places.dedup();
    places.join(", ")
}

/// As Markdown shows it letter by letter.
fn escaped(quote: &str) -> String {
    let mut text = String::new();
    for c in quote.chars() {
        if matches!(c, '*' | '_' | '<' | '>' | '[' | ']' | '`' | '|' | '\\' | '#') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}
