//! Each quotation of an RFC in the sources is really in that RFC: `//=` names the document and its section, and the
//! `//#` lines below quote it. Needs the texts of the RFCs: the directory that holds `rfc9293.txt` and the others is
//! in the environment variable `SOCKWRIGHT_RFC_DIR`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const LINK: &str = "https://www.rfc-editor.org/rfc/";

struct Citation {
    place: String,
    rfc: String,
    section: String,
    quote: String,
}

#[test]
fn every_quotation_is_in_the_rfc_that_it_cites() {
    let Some(rfcs) = std::env::var_os("SOCKWRIGHT_RFC_DIR").map(PathBuf::from) else {
        println!("skipped: SOCKWRIGHT_RFC_DIR does not say where the texts of the RFCs are");
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut citations = Vec::new();
    for directory in ["src", "tests"] {
        collect(&root.join(directory), root, &mut citations);
    }
    let (mut texts, mut wrong) = (BTreeMap::new(), Vec::new());
    for citation in &citations {
        let text = texts
            .entry(citation.rfc.clone())
            .or_insert_with(|| fs::read_to_string(rfcs.join(format!("{}.txt", citation.rfc))).ok());
        let Some(text) = text else {
            wrong.push(format!("{}: there is no text of {}", citation.place, citation.rfc));
            continue;
        };
        if let Err(what) = check(text, citation) {
            wrong.push(format!("{}: {what}: {}", citation.place, citation.quote));
        }
    }
    assert!(citations.len() > 20, "no citations were found");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), citations.len(), wrong.join("\n"));
}

#[test]
fn a_quotation_is_found_across_lines_and_pages() {
    let page = "4.  Everything\n\n4.2.  Rules\n\n   A host MUST re-\n   ply at\n\nPostel      Standards Track    [Page 3]\n\x0c\n\
                RFC 9999    Rules    May 2020\n\n   once (MUST-1).\n\n4.3.  Others\n\n   Nothing.\n";
    let cite = |section: &str, quote: &str| Citation {
        place: String::new(),
        rfc: "rfc9999".into(),
        section: section.into(),
        quote: quote.into(),
    };
    assert!(check(page, &cite("4.2", "A host MUST re- ply at once (MUST-1).")).is_ok());
    assert!(check(page, &cite("4.2", "A host MAY reply")).is_err());
    assert!(check(page, &cite("4.3", "MUST re-ply at once")).is_err(), "the section matters");
    assert!(check(page, &cite("4", "MUST re-ply at once")).is_ok(), "a section includes its subsections");
}

fn collect(directory: &Path, root: &Path, citations: &mut Vec<Citation>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, root, citations);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if !name.ends_with("citations.rs") {
                citations_of(&source, &name, citations);
            }
        }
    }
}

fn citations_of(source: &str, name: &str, citations: &mut Vec<Citation>) {
    let mut lines = source.lines().map(str::trim_start).enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let Some(link) = line.strip_prefix("//= ").and_then(|rest| rest.strip_prefix(LINK)) else { continue };
        let (rfc, section) = link.trim().split_once("#section-").unwrap_or((link.trim(), ""));
        let mut quote = String::new();
        while let Some((_, next)) = lines.peek() {
            if let Some(part) = next.strip_prefix("//#") {
                quote += part;
                quote.push('\n');
            } else if !next.starts_with("//= type=") && !next.starts_with("//= reason=") {
                break;
            }
            lines.next();
        }
        let place = format!("{name}:{}", number + 1);
        citations.push(Citation { place, rfc: rfc.into(), section: section.into(), quote });
    }
}

fn check(text: &str, citation: &Citation) -> Result<(), String> {
    let quote = squeezed(&citation.quote);
    if quote.is_empty() {
        return Err("nothing is quoted".into());
    }
    let body = section(text, &citation.section)
        .ok_or_else(|| format!("there is no section {} in {}", citation.section, citation.rfc))?;
    if squeezed(&body).contains(&quote) {
        return Ok(());
    }
    let elsewhere = squeezed(&without_page_breaks(text).join("\n")).contains(&quote);
    Err(format!(
        "not in section {} of {}{}",
        citation.section,
        citation.rfc,
        if elsewhere { ", but elsewhere in it" } else { "" }
    ))
}

/// The text of a section with its subsections; of an empty one the whole.
fn section(text: &str, number: &str) -> Option<String> {
    let lines = without_page_breaks(text);
    if number.is_empty() {
        return Some(lines.join("\n"));
    }
    // The last heading of that number: an earlier one is in the table of contents. RFC 1122 indents its headings.
    let margins = [heading_at_margin as fn(&str) -> Option<&str>, heading_indented];
    let heading =
        margins.into_iter().find(|heading| lines.iter().any(|line| heading(line) == Some(number)))?;
    let start = lines.iter().rposition(|line| heading(line) == Some(number))?;
    let inside = format!("{number}.");
    let end = lines[start + 1..]
        .iter()
        .position(|line| heading(line).is_some_and(|other| !other.starts_with(&inside)))
        .map_or(lines.len(), |at| start + 1 + at);
    Some(lines[start..end].join("\n"))
}

/// The number of the section whose heading this line is: `3.5.  Establishing a Connection`.
fn heading_at_margin(line: &str) -> Option<&str> {
    let (number, title) = line.split_once(' ')?;
    let number = number.strip_suffix('.').unwrap_or(number);
    let numbers = number.split('.').all(|part| part.parse::<u8>().is_ok());
    (numbers && title.trim_start().starts_with(|first: char| first.is_ascii_uppercase())).then_some(number)
}

/// As RFC 1122 writes them: `      4.2.2.13  Closing a Connection`.
fn heading_indented(line: &str) -> Option<&str> {
    let number = heading_at_margin(line.trim_start())?;
    (number.split('.').count() > 1).then_some(number)
}

/// The lines, without the foot and the head of each page.
fn without_page_breaks(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    let mut after_break = false;
    for line in text.lines() {
        if line.contains('\x0c') {
            while lines.last().is_some_and(|last| last.trim().is_empty() || last.contains("[Page ")) {
                lines.pop();
            }
            after_break = true;
        } else if after_break && (line.trim().is_empty() || line.starts_with("RFC")) {
            // The head.
        } else if !line.contains("[Page ") {
            after_break = false;
            // RFC 9293 marks what errata changed with a bar at the left.
            lines.push(line.strip_prefix("   |  ").unwrap_or(line));
        }
    }
    lines
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
