//! Text that tests hold to the code: whole files beside the tests, parts of hand-written pages in `docs/`, and the tables of
//! the engine that the dashboard draws.
//!
//! A part stands between two markers, and the test compares what is there with what the code gives:
//!
//! ```text
//! <!-- generated: errnos -->
//! ...
//! <!-- end: errnos -->
//! ```
//!
//! With `UPDATE_SNAPSHOTS=1` in the environment the text is written instead of compared.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Tests of one binary run at once, and some hold parts of one page.
static WRITING: Mutex<()> = Mutex::new(());

/// Holds the file `name` in `engine/tests/snapshots` to `expected`.
pub(crate) fn hold_snapshot(name: &str, expected: &str) {
    hold(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name), |_| expected.to_owned());
}

/// Holds the page `page` in `docs/` to `expected` as a whole.
pub(crate) fn hold_page(page: &str, expected: &str) {
    hold(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page), |_| expected.to_owned());
}

/// Holds the file `name` among the generated sources of the dashboard to `expected`.
pub(crate) fn hold_dashboard(name: &str, expected: &str) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard/src/gen");
    hold(&sources.join(name), |_| expected.to_owned());
}

/// Holds the part `part` of the page `page` in `docs/` to `expected`.
pub(crate) fn hold_part(page: &str, part: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    hold(&path, |text| {
        let (begin, end) = (format!("<!-- generated: {part} -->\n"), format!("<!-- end: {part} -->"));
        let (before, rest) =
            text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no line {begin:?}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{page} has no line {end:?}"));
        format!("{before}{begin}\n{}\n\n{end}{after}", expected.trim_matches('\n'))
    });
}

/// A table in Markdown.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String; N]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", " --- |".repeat(N));
    let rows: String = rows.into_iter().map(|row| line(&row)).collect();
    line(&head.map(str::to_owned)) + &rule + &rows
}

fn hold(path: &PathBuf, expected: impl FnOnce(&str) -> String) {
    let _writing = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let found = fs::read_to_string(path).unwrap_or_default();
    let expected = expected(&found);
    if found == expected {
        return;
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, expected).unwrap();
        return;
    }
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let at = differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
    panic!(
        "{} is not what the code says, from line {}:\n  it says   {:?}\n  should be {:?}\n\
         UPDATE_SNAPSHOTS=1 writes it; look at the difference before committing it.",
        path.display(),
        at + 1,
        found.lines().nth(at).unwrap_or("(the end)"),
        expected.lines().nth(at).unwrap_or("(the end)"),
    );
}
