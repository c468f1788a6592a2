//! Bytes to send: on the command line, in a file, on standard input.

use std::io::Read;

use prost::bytes::Bytes;

use crate::failure::Failure;

/// `TEXT`, `-` (standard input) or `@FILE`.
pub(super) fn read(data: &str) -> Result<Bytes, Failure> {
    let failed = |name: &str, error: std::io::Error| Failure::Other(format!("{name}: {error}"));
    match data.strip_prefix('@') {
        Some(file) => Ok(std::fs::read(file).map_err(|error| failed(file, error))?.into()),
        None if data == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map_err(|error| failed("standard input", error))?;
            Ok(bytes.into())
        }
        None => Ok(Bytes::copy_from_slice(data.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_itself_and_files_are_read() {
        assert_eq!(read("hello").unwrap(), "hello");
        assert_eq!(read("").unwrap(), "");
        let file = concat!("@", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(read(file).unwrap().starts_with(b"[package]"));
        assert!(
            matches!(read("@/no/such/file"), Err(Failure::Other(message)) if message.starts_with("/no/such/file: "))
        );
    }
}
