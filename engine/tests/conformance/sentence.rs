//! The sentences of an RFC that ask for something: `A TCP implementation MUST support simultaneous open attempts (MUST-10).`
//! has level MUST and number MUST-10.

use crate::document::{Document, Section};

/// What RFC 2119 words ask, from strong to weak.
pub(crate) const LEVELS: [&str; 3] = ["MUST", "SHOULD", "MAY"];

/// The words of RFC 2119 and the level that each has.
const WORDS: [(&str, &str); 7] = [
    ("MUST", "MUST"),
    ("SHALL", "MUST"),
    ("REQUIRED", "MUST"),
    ("SHOULD", "SHOULD"),
    ("RECOMMENDED", "SHOULD"),
    ("MAY", "MAY"),
    ("OPTIONAL", "MAY"),
];

/// The words of the RFCs that use none of RFC 2119, or did so before it.
const SMALL_WORDS: [(&str, &str); 3] = [("must", "MUST"), ("shall", "MUST"), ("should", "SHOULD")];

/// Which words make a sentence a requirement.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The levels that are listed.
    pub(crate) levels: Vec<String>,
    /// Whether `must` and `should` count as well as `MUST` and `SHOULD`.
    pub(crate) small_words: bool,
    /// The sections that are listed with their subsections; none for all.
    pub(crate) sections: Vec<String>,
}

/// A sentence that asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) section: String,
    /// The RFC's own number, such as `SHLD-3`.
    pub(crate) number: Option<String>,
    /// `MUST`, `MUST NOT`, `SHOULD`, `SHOULD NOT`, `MAY`: the strongest of a sentence that has no numbers.
    pub(crate) level: String,
    pub(crate) quote: String,
}

/// All of them in the order of the document: one for each number, or one for a sentence without numbers.
pub(crate) fn asked(document: &Document, rule: &Rule) -> Vec<Asked> {
    let listed = |section: &&Section| {
        rule.sections.is_empty()
            || rule.sections.iter().any(|of| crate::document::within(&section.number, of))
    };
    let mut asked = Vec::new();
    for section in document.sections().iter().filter(listed) {
        for sentence in paragraphs(section).iter().flat_map(|paragraph| sentences(paragraph)) {
            asked.extend(of_sentence(&section.number, &sentence, rule));
        }
    }
    asked
}

fn of_sentence(section: &str, sentence: &str, rule: &Rule) -> Vec<Asked> {
    // The paragraph that only says what the words mean.
    if sentence.contains("interpreted") && sentence.contains("SHALL NOT") {
        return Vec::new();
    }
    let ask = |number: Option<String>, level: &str| Asked {
        section: section.to_owned(),
        number,
        level: level.to_owned(),
        quote: sentence.to_owned(),
    };
    let words = words(sentence, rule.small_words);
    let numbers = numbers(sentence);
    let mut asked: Vec<Asked> = Vec::new();
    for (at, number) in &numbers {
        let level = match number.split('-').next() {
            Some("SHLD" | "REC") => "SHOULD",
            Some("MAY") => "MAY",
            _ => "MUST",
        };
        let near = words.iter().rev().find(|(word, _)| word < at).map_or(level, |(_, level)| level);
        let negative = near.ends_with(" NOT");
        asked.push(ask(
            Some(number.clone()),
            &if negative { format!("{level} NOT") } else { level.to_owned() },
        ));
    }
    if numbers.is_empty() {
        let strongest =
            LEVELS.iter().find_map(|level| words.iter().find(|(_, word)| word.starts_with(level)));
        asked.extend(strongest.map(|(_, level)| ask(None, level)));
    }
    asked.retain(|asked| rule.levels.iter().any(|level| asked.level.starts_with(level.as_str())));
    asked
}

/// Where the words that ask stand, and their level.
fn words(sentence: &str, small: bool) -> Vec<(usize, String)> {
    let known = WORDS.iter().chain(if small { SMALL_WORDS.iter() } else { [].iter() });
    let mut found = Vec::new();
    for (word, level) in known {
        for (at, _) in sentence.match_indices(word) {
            let before = sentence[..at].chars().next_back();
            let rest = &sentence[at + word.len()..];
            let whole = !before.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '"')
                && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '"');
            if whole {
                // MUST NOT, but not MUST notify; NOT RECOMMENDED.
                let next = rest.split_whitespace().next().unwrap_or_default();
                let not = next.eq_ignore_ascii_case("not") || sentence[..at].ends_with("NOT ");
                found.push((at, if not { format!("{level} NOT") } else { (*level).to_owned() }));
            }
        }
    }
    found.sort();
    found
}

/// Where RFC 9293 gives its requirements their numbers: `(MUST-4 -- note ...)`, `(REC- 1)` across a line.
fn numbers(sentence: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for kind in ["MUST", "SHLD", "MAY", "REC"] {
        for (at, opening) in sentence.match_indices(&format!("({kind}-")) {
            let digits: String = sentence[at + opening.len()..]
                .trim_start()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if !digits.is_empty() {
                found.push((at, format!("{kind}-{digits}")));
            }
        }
    }
    found.sort();
    found
}

/// The text between empty lines, each on one line; figures and tables are left out.
fn paragraphs(section: &Section) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in section.lines() {
        let drawn = line.matches('|').count() > 1 || line.contains("+--") || line.contains("+==");
        if line.trim().is_empty() || drawn {
            paragraphs.push(String::new());
        } else if let Some(last) = paragraphs.last_mut() {
            *last += line.trim();
            last.push(' ');
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

fn sentences(paragraph: &str) -> Vec<String> {
    let tokens: Vec<&str> = paragraph.split_whitespace().collect();
    let (mut sentences, mut sentence) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        sentence.push(*token);
        let next = tokens.get(at + 1).copied();
        let numbering = sentence.len() == 1 && token.ends_with(['.', ')']);
        if next.is_none_or(|next| !numbering && ends(token, next)) {
            sentences.push(sentence.join(" "));
            sentence.clear();
        }
    }
    sentences
}

/// Whether a sentence ends between these two.
fn ends(token: &str, next: &str) -> bool {
    const SHORT: [&str; 9] = ["e.g.", "i.e.", "etc.", "cf.", "vs.", "al.", "sec.", "fig.", "eq."];
    let bare = token.trim_start_matches(['(', '[', '"', '\'']).to_lowercase();
    let closed = token.trim_end_matches([')', ']', '"', '\'']).ends_with(['.', '?', '!']);
    let begins = next
        .trim_start_matches(['(', '[', '"', '\''])
        .starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    closed && begins && !SHORT.contains(&bare.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, levels: &[&str], small_words: bool) -> Vec<(Option<String>, String, String)> {
        let rule = Rule {
            levels: levels.iter().map(|&level| level.to_owned()).collect(),
            small_words,
            sections: Vec::new(),
        };
        let document = Document::parse(text);
        asked(&document, &rule).into_iter().map(|asked| (asked.number, asked.level, asked.quote)).collect()
    }

    #[test]
    fn a_sentence_with_numbers_asks_once_for_each() {
        let text = "3.  Rules\n\n   It is.  A host (e.g., TCP) MUST (MUST-1) try,\n   but MUST NOT wait (SHLD-\n   2).  Fine.\n";
        let quote = "A host (e.g., TCP) MUST (MUST-1) try, but MUST NOT wait (SHLD- 2).";
        assert_eq!(
            of(text, &LEVELS, false),
            [
                (Some("MUST-1".into()), "MUST".into(), quote.into()),
                (Some("SHLD-2".into()), "SHOULD NOT".into(), quote.into()),
            ]
        );
    }

    #[test]
    fn the_strongest_word_gives_the_level() {
        let text = "3.  Rules\n\n   It MAY try and it\n   MUST not wait.  It should rest.  A \"MUST\" is a word.\n   It MUST notify.  It is NOT RECOMMENDED.\n";
        let levels: Vec<String> = of(text, &LEVELS, false).into_iter().map(|(_, level, _)| level).collect();
        assert_eq!(levels, ["MUST NOT", "MUST", "SHOULD NOT"]);
        assert_eq!(of(text, &["SHOULD"], true)[0].2, "It should rest.");
    }

    #[test]
    fn tables_and_the_paragraph_on_the_words_are_no_requirements() {
        let text = "3.  Rules\n\n   The keywords MUST and SHALL NOT are to be\n   interpreted.\n\n   | MUST-1 | MUST | X |\n";
        assert_eq!(of(text, &LEVELS, false), []);
    }
}
