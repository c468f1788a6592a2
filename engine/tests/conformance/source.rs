//! The citations in our sources: where each stands, what it quotes, and what it claims by standing there.
//!
//! ```text
//! //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
//! //# A TCP implementation MUST support simultaneous open attempts (MUST-10).
//! ```
//!
//! Above or inside a test this says that the test shows it; in other code, that the code does it. With `//= type=exception`
//! and `//= reason=one sentence` it says that we do not do it.

use std::fs;
use std::path::{Path, PathBuf};

const LINK: &str = "//= https://www.rfc-editor.org/rfc/";

/// Where citations are looked for, and whether what stands outside of tests is the product.
const ROOTS: [(&str, bool); 9] = [
    ("engine/src", true),
    ("engine/tests", true),
    ("link/src", true),
    ("link/tests", true),
    ("server/src", true),
    ("server/tests", true),
    ("client/src", true),
    ("sim/src", false),
    ("sim/tests", false),
];

/// A quotation of an RFC in a source.
#[derive(Debug)]
pub(crate) struct Citation {
    /// From the root of the workspace: `engine/src/host/mod.rs`.
    pub(crate) path: String,
    pub(crate) line: usize,
    /// The function, type or constant: `Connection::open`.
    pub(crate) item: String,
    /// `rfc9293`.
    pub(crate) rfc: String,
    /// Of an appendix its letter; empty for the whole document.
    pub(crate) section: String,
    pub(crate) quote: String,
    pub(crate) role: Role,
}

/// What a citation claims.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The code below does it.
    Implementation,
    /// The test below or around shows it.
    Test,
    /// We do not do it, and the reason.
    Exception(String),
    /// It claims nothing that can be: why.
    Adrift(&'static str),
}

impl Citation {
    /// For messages: `engine/src/host/mod.rs:17`.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// All citations, by path and line.
pub(crate) fn citations() -> Vec<Citation> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut citations = Vec::new();
    for (root, product) in ROOTS {
        if workspace.join(root).is_dir() {
            collect(&workspace, &workspace.join(root), product, &mut citations);
        }
    }
    citations
}

fn collect(workspace: &Path, directory: &Path, product: bool, citations: &mut Vec<Citation>) {
    let entries = fs::read_dir(directory).expect("a directory of ours can be read");
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("so can its entries").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.strip_prefix(workspace).expect("it is below").display().to_string();
        // These sources quote for the sake of their own tests.
        if name == "engine/tests/conformance" {
            continue;
        }
        if path.is_dir() {
            collect(workspace, &path, product, citations);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("a source of ours is text");
            citations.extend(of_source(&name, &source, product));
        }
    }
}

fn of_source(path: &str, source: &str, product: bool) -> Vec<Citation> {
    let lines: Vec<&str> = source.lines().collect();
    let tests_begin = inline_tests(&lines);
    let in_test_file = path.split('/').any(|part| part == "tests" || part == "tests.rs");
    let mut citations = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(link) = trimmed(&lines, at).strip_prefix(LINK) else {
            at += 1;
            continue;
        };
        let begin = at;
        let (rfc, anchor) = link.trim().split_once('#').unwrap_or((link.trim(), ""));
        let section =
            anchor.strip_prefix("section-").or_else(|| anchor.strip_prefix("appendix-")).unwrap_or(anchor);
        let (mut exception, mut reason, mut quote) = (false, None::<String>, String::new());
        at += 1;
        while at < lines.len() {
            let line = trimmed(&lines, at);
            if let Some(part) = line.strip_prefix("//#") {
                quote += part;
                quote.push('\n');
            } else if let Some(kind) = line.strip_prefix("//= type=") {
                exception = kind.trim() == "exception";
            } else if let Some(text) = line.strip_prefix("//= reason=") {
                reason = Some(text.trim().to_owned());
            } else if let (Some(reason), Some(more), true) =
                (reason.as_mut(), line.strip_prefix("//= "), !line.starts_with(LINK))
            {
                *reason += " ";
                *reason += more.trim();
            } else {
                break;
            }
            at += 1;
        }
        let site = site(&lines, begin, at);
        let in_test = in_test_file || tests_begin.is_some_and(|first| begin > first);
        let role = match (exception, reason, in_test) {
            (true, Some(reason), _) if !reason.is_empty() => Role::Exception(reason),
            (true, ..) => Role::Adrift("an exception without a reason"),
            (false, Some(_), _) => Role::Adrift("a reason, but of no exception"),
            (false, None, true) if site.test => Role::Test,
            (false, None, true) => Role::Adrift("in a test's source, but neither above a test nor in one"),
            (false, None, false) if product => Role::Implementation,
            (false, None, false) => Role::Adrift("neither in a test nor in the product"),
        };
        citations.push(Citation {
            path: path.to_owned(),
            line: begin + 1,
            item: site.item,
            rfc: rfc.to_owned(),
            section: section.to_owned(),
            quote,
            role,
        });
    }
    citations
}

/// The line where a module of tests begins inside a source, which stands last, as `#[cfg(test)] mod tests {`.
fn inline_tests(lines: &[&str]) -> Option<usize> {
    let begins =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(begins)
}

/// What a citation stands above, or in.
struct Site {
    item: String,
    test: bool,
}

/// The site of the citation in the lines from `begin` until `end`.
fn site(lines: &[&str], begin: usize, end: usize) -> Site {
    let beside = |line: &str| line.is_empty() || line.starts_with("//") || line.starts_with("#[");
    let below = (end..lines.len()).find(|&at| !beside(trimmed(lines, at)));
    let mut names = Vec::new();
    let mut test = false;
    let mut depth = indent(lines[begin]);
    if let Some((at, name)) = below.and_then(|at| Some((at, declared(trimmed(lines, at))?))) {
        let above = (0..begin).rev().take_while(|&at| beside(trimmed(lines, at)) && !lines[at].is_empty());
        test = above.chain(begin..at).any(|at| is_test(trimmed(lines, at))) || is_table(trimmed(lines, at));
        names.push(name);
    }
    for at in (0..begin).rev() {
        let line = trimmed(lines, at);
        // The end of a signature of several lines stands as far out as its beginning.
        if line.is_empty() || line.starts_with(')') || indent(lines[at]) >= depth {
            continue;
        }
        depth = indent(lines[at]);
        let Some(name) = declared(line) else { continue };
        let attributes = (0..at).rev().take_while(|&at| beside(trimmed(lines, at)) && !lines[at].is_empty());
        test |= attributes.into_iter().any(|at| is_test(trimmed(lines, at))) || is_table(line);
        if !line.contains("mod ") {
            names.push(name);
        }
    }
    names.reverse();
    Site { item: names.join("::"), test }
}

fn is_test(line: &str) -> bool {
    line.starts_with("#[") && (line.contains("[test]") || line.contains("::test"))
}

/// The cases of a test may stand in a table.
fn is_table(line: &str) -> bool {
    let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
    line.starts_with("const ") && !line.starts_with("const fn") || line.starts_with("static ")
}

/// The name of what a line declares.
fn declared(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.next() {
        match word {
            "async" | "unsafe" | "pub" => {}
            _ if word.starts_with("pub(") => {}
            "const" if words.peek() == Some(&"fn") => {}
            "fn" | "struct" | "enum" | "trait" | "mod" | "const" | "static" | "type" => {
                let name: String =
                    words.next()?.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                return (!name.is_empty()).then_some(name);
            }
            _ if word == "impl" || word.starts_with("impl<") => {
                let rest = line.split_once(" for ").map_or(line.split_once("impl")?.1, |(_, of)| of);
                let rest = rest.trim_start();
                let rest = if rest.starts_with('<') { rest.split_once('>')?.1.trim_start() } else { rest };
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                return (!name.is_empty()).then_some(name);
            }
            _ => return None,
        }
    }
    None
}

fn trimmed<'a>(lines: &[&'a str], at: usize) -> &'a str {
    lines[at].trim_start()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
#[cfg(test)]
mod testing;

impl<T> Connection<T> {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
    //# MUST open.
    pub(crate) fn open(&mut self) {
        if self.closed() {
            //= https://www.rfc-editor.org/rfc/rfc7323#appendix-B.2
            //= type=exception
            //= reason=there is no
            //= time for it
            //# SHOULD wait
            //# long.
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
    //# MUST open.
    #[test]
    fn it_opens() {
        //= https://www.rfc-editor.org/rfc/rfc9293
        //# MAY close.
        close();
    }

    //= https://www.rfc-editor.org/rfc/rfc9293
    //# MAY help.
    fn helper() {}
}
"#;

    #[test]
    fn a_citation_says_where_it_stands_and_what_it_claims() {
        let citations = of_source("engine/src/x.rs", SOURCE, true);
        let told: Vec<(&str, &str, &str, &Role)> = citations
            .iter()
            .map(|citation| {
                (citation.item.as_str(), citation.section.as_str(), citation.quote.as_str(), &citation.role)
            })
            .collect();
        let exception = Role::Exception("there is no time for it".into());
        let adrift = Role::Adrift("in a test's source, but neither above a test nor in one");
        assert_eq!(
            told,
            [
                ("Connection::open", "3.5", " MUST open.\n", &Role::Implementation),
                ("Connection::open", "B.2", " SHOULD wait\n long.\n", &exception),
                ("it_opens", "3.5", " MUST open.\n", &Role::Test),
                ("it_opens", "", " MAY close.\n", &Role::Test),
                ("helper", "", " MAY help.\n", &adrift),
            ]
        );
        assert_eq!(citations[1].line, 10);
    }
}
