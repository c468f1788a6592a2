//! The requirements of one RFC, as `engine/conformance/rfcNNNN.toml` lists them:
//!
//! ```toml
//! title = "Computing TCP's Retransmission Timer"
//! levels = ["MUST", "SHOULD"]
//!
//! [[elsewhere]]
//! section = "7"
//! reason = "binds whoever assigns numbers"
//!
//! [[requirement]]
//! section = "2"
//! level = "MUST"
//! quote = "..."
//! ```
//!
//! `small_words = true` lists `must` and `should` too, `sections = [..]` lists no others. `number` is the RFC's own. A
//! requirement with `elsewhere = "..."`, or in a section that `[[elsewhere]]` names, binds others than us; the text says whom.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::document::{Document, squeezed, within};
use crate::sentence::{Asked, LEVELS, Rule, asked};

/// The list of one RFC.
pub(crate) struct List {
    /// `rfc9293`.
    pub(crate) rfc: String,
    pub(crate) title: String,
    pub(crate) rule: Rule,
    sections_elsewhere: Vec<(String, String)>,
    pub(crate) requirements: Vec<Requirement>,
    path: PathBuf,
}

/// One requirement.
pub(crate) struct Requirement {
    /// The RFC's own number, or the section and a count: `3.1-2`.
    pub(crate) id: String,
    pub(crate) asked: Asked,
    /// Whom it binds, if not a host's TCP/IP.
    pub(crate) elsewhere: Option<String>,
    /// Whether that stands at the requirement itself.
    alone: bool,
}

/// All lists, by the numbers of the RFCs.
pub(crate) fn all() -> Vec<List> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut paths: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a directory that was opened can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort_by_key(|path| {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.trim_start_matches("rfc").parse::<u32>().unwrap_or(0)
    });
    paths.into_iter().map(List::read).collect()
}

impl List {
    fn read(path: PathBuf) -> List {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let table: Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut list = List {
            rfc: path.file_stem().expect("it is a file").to_string_lossy().into_owned(),
            title: text_of(&table, "title").unwrap_or_default(),
            rule: Rule {
                levels: texts_of(&table, "levels"),
                small_words: table.get("small_words").and_then(Value::as_bool).unwrap_or(false),
                sections: texts_of(&table, "sections"),
            },
            sections_elsewhere: Vec::new(),
            requirements: Vec::new(),
            path,
        };
        for entry in tables_of(&table, "elsewhere") {
            let field =
                |key| text_of(entry, key).unwrap_or_else(|| panic!("{}: elsewhere has no {key}", list.rfc));
            let named = (field("section"), field("reason"));
            list.sections_elsewhere.push(named);
        }
        let mut requirements = Vec::new();
        for entry in tables_of(&table, "requirement") {
            let field = |key| {
                text_of(entry, key).unwrap_or_else(|| panic!("{}: a requirement has no {key}", list.rfc))
            };
            let asked = Asked {
                section: field("section"),
                number: text_of(entry, "number"),
                level: field("level"),
                quote: field("quote"),
            };
            requirements.push((asked, text_of(entry, "elsewhere")));
        }
        list.put(requirements);
        list
    }

    fn put(&mut self, requirements: Vec<(Asked, Option<String>)>) {
        self.requirements.clear();
        for (asked, alone) in requirements {
            let same = |other: &&Requirement| match &asked.number {
                Some(number) => other.asked.number.as_ref() == Some(number),
                None => other.asked.number.is_none() && other.asked.section == asked.section,
            };
            let before = self.requirements.iter().filter(same).count();
            let id = match &asked.number {
                Some(number) if before == 0 => number.clone(),
                Some(number) => format!("{number}/{}", before + 1),
                None if asked.section.is_empty() => format!("{}", before + 1),
                None => format!("{}-{}", asked.section, before + 1),
            };
            let section = self
                .sections_elsewhere
                .iter()
                .find(|(section, _)| within(&asked.section, section))
                .map(|(_, reason)| reason.clone());
            let elsewhere = alone.clone().or(section);
            self.requirements.push(Requirement { id, elsewhere, alone: alone.is_some(), asked });
        }
    }

    /// Holds the list to the text of the RFC, or writes it anew and keeps what was said of each sentence.
    pub(crate) fn hold_to(mut self, document: &Document) {
        let told = asked(document, &self.rule);
        let listed: Vec<&Asked> = self.requirements.iter().map(|requirement| &requirement.asked).collect();
        if told.iter().eq(listed.iter().copied()) {
            return;
        }
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            let known = |asked: &Asked| {
                let same = |other: &&Requirement| {
                    other.alone
                        && (&other.asked.number, &other.asked.section) == (&asked.number, &asked.section)
                        && squeezed(&other.asked.quote) == squeezed(&asked.quote)
                };
                self.requirements.iter().find(same).and_then(|known| known.elsewhere.clone())
            };
            let told = told.into_iter().map(|asked| (asked.clone(), known(&asked))).collect();
            self.put(told);
            fs::write(&self.path, self.written()).expect("the list can be written");
            return;
        }
        let missing: Vec<&Asked> = told.iter().filter(|asked| !listed.contains(asked)).collect();
        let strange: Vec<&&Asked> = listed.iter().filter(|asked| !told.contains(asked)).collect();
        panic!(
            "{} is not what the RFC says; UPDATE_SNAPSHOTS=1 writes it\n  missing: {missing:#?}\n  not there: {strange:#?}",
            self.path.display()
        );
    }

    fn written(&self) -> String {
        let mut text = format!("title = {}\nlevels = {}\n", string(&self.title), strings(&self.rule.levels));
        if self.rule.small_words {
            text += "small_words = true\n";
        }
        if !self.rule.sections.is_empty() {
            text += &format!("sections = {}\n", strings(&self.rule.sections));
        }
        for (section, reason) in &self.sections_elsewhere {
            text += &format!("\n[[elsewhere]]\nsection = {}\nreason = {}\n", string(section), string(reason));
        }
        for Requirement { asked, elsewhere, alone, .. } in &self.requirements {
            text += &format!("\n[[requirement]]\nsection = {}\n", string(&asked.section));
            if let Some(number) = &asked.number {
                text += &format!("number = {}\n", string(number));
            }
            text += &format!("level = {}\nquote = {}\n", string(&asked.level), string(&asked.quote));
            if let Some(elsewhere) = elsewhere.as_ref().filter(|_| *alone) {
                text += &format!("elsewhere = {}\n", string(elsewhere));
            }
        }
        text
    }

    /// How many requirements of a level apply to us, with or without NOT.
    pub(crate) fn count(&self, level: &str) -> usize {
        assert!(LEVELS.contains(&level));
        let ours = |requirement: &&Requirement| requirement.elsewhere.is_none();
        self.requirements.iter().filter(ours).filter(|other| other.asked.level.starts_with(level)).count()
    }
}

fn string(text: &str) -> String {
    Value::from(text).to_string()
}

fn strings(texts: &[String]) -> String {
    Value::from(texts.to_vec()).to_string()
}

fn text_of(table: &Table, key: &str) -> Option<String> {
    table.get(key)?.as_str().map(str::to_owned)
}

fn texts_of(table: &Table, key: &str) -> Vec<String> {
    let array = table.get(key).and_then(Value::as_array);
    array.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn tables_of<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}
