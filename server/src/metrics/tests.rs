//! The list of metrics against its page, and against what a scrape writes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::described::{ALL, Described, Kind};

/// The table between the marks of `docs/metrics.md`.
fn table() -> String {
    let mut text = String::from("| Metric | Kind | Labels | What it is |\n| --- | --- | --- | --- |\n");
    for metric in ALL {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        _ = writeln!(text, "| `{}` | {kind} | {} | {} |", metric.name(), labels.join(", "), metric.help);
    }
    text
}

#[test]
fn the_page_lists_every_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- generated: metrics -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end: metrics -->").unwrap();
    let due = format!("{before}<!-- generated: metrics -->\n\n{}\n<!-- end: metrics -->{after}", table());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &due).unwrap();
    }
    assert!(page == due || std::env::var_os("UPDATE_SNAPSHOTS").is_some(), "stale: set UPDATE_SNAPSHOTS=1");
}

/// <https://prometheus.io/docs/practices/naming/>.
#[test]
fn names_are_as_prometheus_asks() {
    let names: BTreeSet<String> = ALL.iter().map(|metric| metric.name()).collect();
    assert_eq!(names.len(), ALL.len());
    for Described { stem, kind, labels, help, .. } in ALL {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(plain(stem) && labels.iter().copied().all(plain), "{stem}");
        assert!(stem.starts_with("sockwright_") || stem.starts_with("process_"), "{stem}");
        assert!(help.ends_with('.') && !help.contains(['|', '\n']), "{stem}: {help}");
        for suffix in ["_total", "_count", "_sum", "_bucket", "_info", "_seconds", "_bytes"] {
            assert!(
                !stem.ends_with(suffix),
                "{stem}: {suffix} is appended, or means something else ({kind:?})"
            );
        }
    }
}
