//! Embeds `dashboard/dist`, the page that the server shows to browsers: each file as it is and compressed, with its tag.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let dist = manifest.join("../dashboard/dist");
    println!("cargo:rerun-if-changed={}", dist.display());

    let mut found = Vec::new();
    collect(&dist, &mut found)?;
    // In the order of their paths as text, in which the server looks for them: as paths, `a/b` comes before `a-b`.
    let mut files = BTreeMap::new();
    for file in found {
        let path = file.strip_prefix(&dist).map_err(io::Error::other)?.to_string_lossy().into_owned();
        files.insert(path, file);
    }
    let mut table = String::from("&[\n");
    for (number, (path, file)) in files.iter().enumerate() {
        let octets = fs::read(file)?;
        let compressed = out.join(format!("page-{number}.gz"));
        fs::write(&compressed, gzip(&octets)?)?;
        let mut hasher = DefaultHasher::new();
        octets.hash(&mut hasher);
        let (file, tag) = (file.canonicalize()?, hasher.finish());
        _ = writeln!(
            table,
            "    Embedded {{ path: {path:?}, plain: include_bytes!({file:?}), gzip: include_bytes!({compressed:?}), \
             tag: \"{tag:016x}\" }},"
        );
    }
    table.push(']');
    fs::write(out.join("page.rs"), table)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), files)?,
            false => files.push(entry.path()),
        }
    }
    Ok(())
}

fn gzip(octets: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets)?;
    encoder.finish()
}
