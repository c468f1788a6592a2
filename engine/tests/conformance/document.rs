//! The text of an RFC, cut into its sections. Knows pages, headings and appendices, and nothing of what the text says.

/// An RFC.
pub(crate) struct Document {
    sections: Vec<Section>,
}

/// A section without its subsections.
pub(crate) struct Section {
    /// `3.8.1`, `A.2` for an appendix, and nothing for what stands before the first heading.
    pub(crate) number: String,
    lines: Vec<String>,
}

impl Document {
    pub(crate) fn parse(text: &str) -> Document {
        let lines = without_page_breaks(text);
        // RFC 1122 and its time indent the headings of their subsections.
        let deep =
            |number: &str| number.contains('.') && !number.starts_with(|c: char| c.is_ascii_uppercase());
        let indented = !lines.iter().filter_map(|line| heading_at_margin(line)).any(|number| deep(&number));
        let mut sections = vec![Section { number: String::new(), lines: Vec::new() }];
        for line in lines {
            let chapter = sections.last().map_or("", |last| last.number.split('.').next().unwrap_or(""));
            let number = heading_at_margin(line).or_else(|| {
                let number = heading_at_margin(line.trim_start())?;
                (indented && deep(&number) && number.split('.').next() == Some(chapter)).then_some(number)
            });
            if let Some(number) = number {
                sections.push(Section { number, lines: Vec::new() });
            }
            sections.last_mut().expect("there is a first one").lines.push(line.to_owned());
        }
        Document { sections }
    }

    pub(crate) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Whether the section with its subsections has the quotation; for no section, the whole document.
    pub(crate) fn quotes(&self, section: &str, quote: &str) -> Result<(), String> {
        let quote = squeezed(quote);
        if quote.is_empty() {
            return Err("nothing is quoted".into());
        }
        if !self.sections.iter().any(|other| within(&other.number, section)) {
            return Err(format!("there is no section {section}"));
        }
        let text = |keep: &dyn Fn(&Section) -> bool| {
            let lines: Vec<&str> =
                self.sections.iter().filter(|other| keep(other)).flat_map(|other| other.lines()).collect();
            squeezed(&lines.join("\n"))
        };
        if text(&|other| within(&other.number, section)).contains(&quote) {
            return Ok(());
        }
        let elsewhere = text(&|_| true).contains(&quote);
        Err(format!("not in section {section}{}", if elsewhere { ", but elsewhere in it" } else { "" }))
    }
}

impl Section {
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// Whether the section `number` is `of` or one of its subsections; every section is within the whole document.
pub(crate) fn within(number: &str, of: &str) -> bool {
    of.is_empty() || number.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The text without its white space, which differs between an RFC and a quotation of it.
pub(crate) fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The number of the section whose heading this line is: `3.5.  Establishing a Connection`, `Appendix A.  Notes`.
fn heading_at_margin(line: &str) -> Option<String> {
    // A line of the table of contents ends with a page.
    if line.contains("..") || line.contains(". .") {
        return None;
    }
    if let Some(rest) = line.strip_prefix("Appendix ") {
        let (letter, rest) = rest.split_at_checked(1)?;
        let heading = rest.is_empty() || rest.starts_with(['.', ':', ' ']);
        return (heading && letter.starts_with(|c: char| c.is_ascii_uppercase())).then(|| letter.to_owned());
    }
    let (number, title) = line.split_once(' ')?;
    let number = number.strip_suffix('.').unwrap_or(number);
    let mut parts = number.split('.');
    let first = parts.next()?;
    let lettered =
        first.len() == 1 && first.starts_with(|c: char| c.is_ascii_uppercase()) && first.len() < number.len();
    let numbers = (lettered || first.parse::<u8>().is_ok()) && parts.all(|part| part.parse::<u8>().is_ok());
    let titled = title.trim_start().starts_with(|first: char| first.is_ascii_uppercase());
    (numbers && titled).then(|| number.to_owned())
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

#[test]
fn a_quotation_is_found_across_lines_and_pages() {
    let page = "4.  Everything\n\n4.2.  Rules\n\n   A host MUST re-\n   ply at\n\nPostel      Standards Track    [Page 3]\n\x0c\n\
                RFC 9999    Rules    May 2020\n\n   once (MUST-1).\n\n4.3.  Others\n\n   Nothing.\n\nAppendix A.  Notes\n\n   Some.\n";
    let document = Document::parse(page);
    assert!(document.quotes("4.2", "A host MUST re- ply at once (MUST-1).").is_ok());
    assert!(document.quotes("4.2", "A host MAY reply").is_err());
    assert!(document.quotes("4.3", "MUST re-ply at once").is_err(), "the section matters");
    assert!(document.quotes("4", "MUST re-ply at once").is_ok(), "a section includes its subsections");
    assert!(document.quotes("A", "Some.").is_ok(), "an appendix is a section");
    assert!(document.quotes("5", "Some.").is_err(), "there is no such section");
}

#[test]
fn headings_of_subsections_may_be_indented_and_are_not_in_the_table_of_contents() {
    let document = Document::parse(
        "   4.2.1  Rules ........ 7\n4. TRANSPORT\n   4.2.1  Rules\n      Do.\n      3.1 Not a heading here.\n",
    );
    let numbers: Vec<&str> = document.sections().iter().map(|section| section.number.as_str()).collect();
    assert_eq!(numbers, ["", "4", "4.2.1"]);
}
