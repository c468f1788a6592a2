//! Why a verb did not succeed.

use std::io;

use sockwright_client::Error;

/// Why a verb did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server, or the way to it, said so.
    Call(Error),
    /// Something on this side; a sentence.
    Other(String),
    /// What was asked for cannot be done here; a sentence.
    Usage(String),
    /// The output has said it already.
    Said,
    /// A program that was run ended with this status.
    Ended(u8),
    /// Nobody reads the output any more.
    ReaderGone,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Call(status.into())
    }
}

/// Standard output failed. Reads of files say which file, and so are not converted.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Other(format!("standard output: {error}")),
        }
    }
}
