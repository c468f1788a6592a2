//! The files of traces, read from disk. docs/traces.md has their format.
//!
//! Owns: [`Bundle`], which trusts nothing that a file says of itself: what is truncated, foreign, damaged, or expands to more than
//! a trace can have is told in words. [`show`] and [`qlog`] are what is made of one.

pub(crate) mod qlog;
pub(crate) mod show;

use std::fs::File;
use std::io::{BufReader, Read};

use prost::Message;
use serde_json::Value;
use sockwright_client::v1;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::failure::Failure;

/// The file of a trace.
pub(crate) struct Bundle {
    path: String,
    zip: ZipArchive<BufReader<File>>,
    /// What it is of, when it was, and what it lacks.
    pub(crate) manifest: Value,
}

impl Bundle {
    /// Opens one.
    pub(crate) fn open(path: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::Usage(format!("{path}: {what}"));
        let file = File::open(path).map_err(|error| wrong(&error.to_string()))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|_| wrong("not a trace, or one that was cut off: it does not end as a zip file does"))?;
        let mut bundle = Bundle { path: path.to_owned(), zip, manifest: Value::Null };
        let Some(manifest) = bundle.read("trace.json", MANIFEST_MAX)? else {
            return Err(wrong("a zip file, and no trace: there is no trace.json in it"));
        };
        bundle.manifest = serde_json::from_slice(&manifest)
            .map_err(|error| wrong(&format!("not a trace: trace.json is no JSON: {error}")))?;
        if bundle.manifest["format"] != FORMAT {
            return Err(wrong(&format!("not a trace: trace.json does not say `{FORMAT}`")));
        }
        match bundle.manifest["version"].as_u64() {
            Some(version) if version > VERSION => {
                Err(wrong(&format!("a trace of version {version}, which a newer sockwright reads")))
            }
            Some(1..) => Ok(bundle),
            _ => Err(wrong("not a trace: trace.json has no version")),
        }
    }

    /// The messages of a `.binpb` file, each as it is read.
    pub(crate) fn each<M: Message + Default>(
        &mut self,
        name: &str,
        mut each: impl FnMut(M) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let octets = self.read(name, FILE_MAX)?.unwrap_or_default();
        let mut rest = &octets[..];
        while !rest.is_empty() {
            let message = M::decode_length_delimited(&mut rest)
                .map_err(|error| self.wrong(&format!("{name} is damaged or cut off: {error}")))?;
            each(message)?;
        }
        Ok(())
    }

    /// The events.
    pub(crate) fn events(
        &mut self,
        each: impl FnMut(v1::Event) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.each("events.binpb", each)
    }

    /// The lines of a `.jsonl` file.
    pub(crate) fn lines(&mut self, name: &str) -> Result<Vec<Value>, Failure> {
        let octets = self.read(name, FILE_MAX)?.unwrap_or_default();
        let lines = octets.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let wrong = |error| self.wrong(&format!("{name} is damaged or cut off: {error}"));
                serde_json::from_slice(line).map_err(wrong)
            })
            .collect()
    }

    /// A file that is in it.
    fn read(&mut self, name: &str, at_most: u64) -> Result<Option<Vec<u8>>, Failure> {
        let path = &self.path;
        let wrong = |what: String| Failure::Usage(format!("{path}: {name} {what}"));
        let mut file = match self.zip.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
        };
        let said = file.size();
        if said > at_most {
            return Err(wrong(format!("is too large: {said} octets, where {at_most} are the most")));
        }
        let mut octets = Vec::new();
        // One more than was said tells a file that has more.
        let read = (&mut file).take(said + 1).read_to_end(&mut octets);
        read.map_err(|error| wrong(format!("is damaged or cut off: {error}")))?;
        match octets.len() as u64 == said {
            true => Ok(Some(octets)),
            false => Err(wrong("is not as long as the file says".to_owned())),
        }
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::Usage(format!("{}: {what}", self.path))
    }
}

/// A number that stands in JSON as a string.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

const FORMAT: &str = "sockwright-trace";
const VERSION: u64 = 1;
/// Octets of the manifest, and of any other file.
const MANIFEST_MAX: u64 = 64 << 20;
const FILE_MAX: u64 = 1 << 30;
