//! A trace as text: what it is of, what is in it, what it lacks, and how to see more.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Bundle, number};
use crate::failure::Failure;
use crate::render::table::{pairs, table};
use crate::render::{json, safe, time};

/// The text.
pub(crate) fn text(bundle: &mut Bundle, path: &str) -> Result<String, Failure> {
    let (kinds, calls) = (kinds(bundle)?, bundle.lines("calls.jsonl")?);
    let log = bundle.lines("log.jsonl")?;
    let manifest = &bundle.manifest;
    let parts = [
        head(manifest),
        places(manifest),
        files(manifest),
        kinds,
        ended_badly(&calls),
        warnings(&log),
        missing(manifest),
        further(path),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(parts.join("\n\n"))
}

fn head(manifest: &Value) -> String {
    let text = |value: &Value| safe(value.as_str().unwrap_or_default());
    let (asked, start, end) = (&manifest["asked"], &manifest["start"], &manifest["end"]);
    let of = match (asked["session"].as_str(), asked.get("filter")) {
        (_, Some(filter)) if filter.as_object().is_none_or(|fields| fields.is_empty()) => "everything".into(),
        (_, Some(filter)) => safe(&filter.to_string()),
        (session, None) => format!("session {}", safe(session.unwrap_or_default())),
    };
    let environment = &manifest["environment"];
    let system = ["system", "kernel", "arch"].map(|field| text(&environment[field])).join(" ");
    let server = &manifest["server"];
    pairs(&[
        ("title", text(&manifest["title"])),
        ("trace", text(&manifest["trace"])),
        ("of", of),
        ("from", format!("{}, after event {}", text(&start["time"]), text(&start["seq"]))),
        ("to", format!("{}, at event {}, {}", text(&end["time"]), text(&end["seq"]), text(&end["by"]))),
        ("server", format!("{}, epoch {}", text(&server["version"]), text(&server["epoch"]))),
        ("system", system),
    ])
}

fn places(manifest: &Value) -> String {
    let text = |value: &Value| safe(value.as_str().unwrap_or_default());
    let lab_of = |name: &str| {
        let lab = name.split_once('/')?.0;
        let mut labs = manifest["labs"].as_array()?.iter().map(|lab| &lab["lab"]);
        let lab = labs.find(|there| there["name"] == lab)?;
        let clock = text(&lab["clock"]);
        Some(format!("{} seed {}", clock.trim_start_matches("CLOCK_"), lab["seed"].as_str().unwrap_or("0")))
    };
    let stacks = manifest["stacks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<[String; 5]> = stacks
        .iter()
        .map(|seen| {
            let name = text(&seen["stack"]["name"]);
            let lab = lab_of(&name).unwrap_or_default();
            let [start, end] = ["startNs", "endNs"].map(|field| time(number(&seen[field])));
            [name, text(&seen["stack"]["link"]), lab, start, end]
        })
        .collect();
    if rows.is_empty() { String::new() } else { table(["STACK", "LINK", "CLOCK", "FROM", "TO"], &rows) }
}

fn files(manifest: &Value) -> String {
    let files = manifest["files"].as_object().into_iter().flatten();
    let rows: Vec<[String; 3]> = files
        .map(|(name, has)| [safe(name), number(&has["count"]).to_string(), number(&has["bytes"]).to_string()])
        .collect();
    table(["FILE", "COUNT", "OCTETS"], &rows)
}

fn kinds(bundle: &mut Bundle) -> Result<String, Failure> {
    let mut counts = BTreeMap::<String, u64>::new();
    bundle.events(|event| {
        *counts.entry(json::kind_of(&event)).or_default() += 1;
        Ok(())
    })?;
    let rows: Vec<[String; 2]> = counts.into_iter().map(|(kind, count)| [kind, count.to_string()]).collect();
    Ok(if rows.is_empty() { String::new() } else { table(["EVENT", "COUNT"], &rows) })
}

/// The calls that failed, and those that had not ended.
fn ended_badly(calls: &[Value]) -> String {
    let text = |value: &Value| safe(value.as_str().unwrap_or_default());
    let bad = calls.iter().filter(|call| call["status"]["code"] != "OK");
    let rows: Vec<[String; 4]> = bad
        .map(|call| {
            let method = text(&call["method"]);
            let method = method.trim_start_matches("/sockwright.v1.").to_owned();
            let how = match call.get("status") {
                Some(status) => format!("{} {}", text(&status["code"]), text(&status["errno"])),
                None => "not ended".to_owned(),
            };
            [
                method,
                text(&call["request"]["socket"]),
                how.trim().to_owned(),
                text(&call["status"]["message"]),
            ]
        })
        .collect();
    if rows.is_empty() { String::new() } else { table(["CALL", "SOCKET", "ENDED", "MESSAGE"], &rows) }
}

/// What the server complained of.
fn warnings(log: &[Value]) -> String {
    let text = |value: &Value| safe(value.as_str().unwrap_or_default());
    let bad = log.iter().filter(|line| line["level"] == "WARN" || line["level"] == "ERROR");
    let rows: Vec<[String; 3]> =
        bad.map(|line| [text(&line["level"]), text(&line["target"]), text(&line["message"])]).collect();
    if rows.is_empty() { String::new() } else { table(["LOG", "WHERE", "MESSAGE"], &rows) }
}

fn missing(manifest: &Value) -> String {
    let missing = manifest["missing"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = missing.iter().map(|missing| {
        let text = |field: &str| missing[field].as_str().map(safe);
        let mut line = format!("{}: {}", text("file").unwrap_or_default(), text("why").unwrap_or_default());
        if let Some(count) = text("count") {
            line += &format!(", {count} are missing");
        }
        if let (Some(after), Some(through)) = (text("after"), text("through")) {
            line += &format!(", those after {after} through {through} are missing");
        }
        line
    });
    let lines: Vec<String> = told.collect();
    if lines.is_empty() { String::new() } else { format!("MISSING\n{}", lines.join("\n")) }
}

fn further(path: &str) -> String {
    let path = safe(path);
    format!(
        "To look at it, open the page of any server in a browser and give it the file: nothing is sent anywhere.\n\
         Its packets: unzip -p {path} packets.pcapng | wireshark -k -i -"
    )
}
