//! The file of a trace: made once, on the disk without a name, and read by whoever fetches it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sockwright_proto::v1::{self as pb, TraceSummary, TracesStopResponse, traces_stop_response::Part};
use tokio_stream::Stream;
use tonic::Status;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::manifest::Manifest;
use super::spool::{Figures, Spool};

/// A file that was made.
#[derive(Debug)]
pub(crate) struct Bundle {
    file: File,
    summary: TraceSummary,
}

/// Makes it of the manifest and of these files.
pub(super) fn write(
    manifest: &Manifest<'_>,
    mut files: Vec<(&'static str, Spool)>,
    at: pb::Position,
) -> io::Result<Bundle> {
    let figures: Vec<(&'static str, Figures)> =
        files.iter().map(|(name, spool)| (*name, spool.figures())).collect();
    let mut zip = ZipWriter::new(tempfile::tempfile()?);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(QUICK));
    zip.start_file("trace.json", options)?;
    zip.write_all(manifest.to_json(&figures).as_bytes())?;
    for (name, spool) in &mut files {
        let large = spool.figures().bytes >= u64::from(u32::MAX);
        zip.start_file(*name, options.large_file(large))?;
        io::copy(&mut spool.read()?, &mut zip)?;
    }
    let file = zip.finish()?;
    let count =
        |of: &str| figures.iter().find(|(name, _)| *name == of).map_or(0, |(_, figures)| figures.count);
    let summary = TraceSummary {
        bytes: file.metadata()?.len(),
        events: count("events.binpb"),
        packets: count("packets.pcapng"),
        calls: count("calls.jsonl"),
        log_lines: count("log.jsonl"),
        incomplete: manifest.incomplete(),
        at: Some(at),
    };
    Ok(Bundle { file, summary })
}

type Fetched = Box<dyn FnOnce() + Send>;

/// What one who fetches a trace reads.
pub(crate) struct BundleStream {
    bundle: Option<(Arc<Bundle>, Fetched)>,
    told: bool,
    /// Octets that were read.
    read: u64,
}

impl BundleStream {
    /// Of this file; `fetched` is called when all of it was read, before the reader hears that it was.
    pub(super) fn new(bundle: Arc<Bundle>, fetched: impl FnOnce() + Send + 'static) -> Self {
        BundleStream { bundle: Some((bundle, Box::new(fetched))), told: false, read: 0 }
    }

    /// Of nothing.
    pub(crate) fn empty() -> Self {
        BundleStream { bundle: None, told: false, read: 0 }
    }

    fn next(&mut self) -> Option<Result<Part, Status>> {
        let summary = self.bundle.as_ref().map(|(bundle, _)| bundle.summary.clone()).unwrap_or_default();
        if !std::mem::replace(&mut self.told, true) {
            return Some(Ok(Part::Summary(summary)));
        }
        let left = usize::try_from(summary.bytes - self.read).unwrap_or(usize::MAX);
        let Some((bundle, _)) = self.bundle.as_ref().filter(|_| left > 0) else {
            if let Some((_, fetched)) = self.bundle.take() {
                fetched();
            }
            return None;
        };
        let mut octets = vec![0; left.min(CHUNK)];
        // Written a moment ago: it is in memory, and quick to read.
        match bundle.file.read_exact_at(&mut octets, self.read) {
            Ok(()) => {
                self.read += octets.len() as u64;
                Some(Ok(Part::Zip(octets.into())))
            }
            Err(error) => {
                self.bundle = None;
                Some(Err(Status::internal(format!("the trace cannot be read: {error}"))))
            }
        }
    }
}

impl Stream for BundleStream {
    type Item = Result<TracesStopResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.next();
        Poll::Ready(next.map(|part| part.map(|part| TracesStopResponse { part: Some(part) })))
    }
}

/// Octets of one response.
const CHUNK: usize = 64 << 10;
/// The level of compression: spools are large and somebody waits.
const QUICK: i64 = 3;
