//! Traces: what a server knows of a session or of what a filter admits, until it is written to a file or thrown away.
//!
//! ```no_run
//! # async fn example(mut client: sockwright_client::Client, session: String) -> Result<(), Box<dyn std::error::Error>> {
//! use sockwright_client::v1::TracesStartRequest;
//!
//! let trace = client.trace(TracesStartRequest { session, ..Default::default() }).await?;
//! let passed = true; // ... what is to be looked at
//! match passed {
//!     true => trace.discard().await?,
//!     false => _ = trace.stop(&mut std::fs::File::create("failed.zip")?).await?,
//! }
//! # Ok(())
//! # }
//! ```

use std::io::Write;

use sockwright_proto::v1::traces_client::TracesClient;
use sockwright_proto::v1::traces_stop_response::Part;
use sockwright_proto::v1::{Position, TraceSummary, TracesStartRequest, TracesStopRequest};
use tonic::Code;

use crate::{Client, Error, Transport};

/// A trace that runs. Dropping it ends nothing: its session does, or whoever knows its name.
#[derive(Clone, Debug)]
pub struct RunningTrace {
    traces: TracesClient<Transport>,
    name: String,
    at: Position,
}

impl Client {
    /// Begins a trace. Errors: those of `Traces.Start`.
    pub async fn trace(&mut self, request: TracesStartRequest) -> Result<RunningTrace, Error> {
        let started = self.traces.start(request).await?.into_inner();
        let (name, at) = (started.trace, started.at.unwrap_or_default());
        Ok(RunningTrace { traces: self.traces.clone(), name, at })
    }

    /// A trace that somebody began, by its name.
    pub fn trace_named(&self, name: impl Into<String>) -> RunningTrace {
        RunningTrace { traces: self.traces.clone(), name: name.into(), at: Position::default() }
    }
}

impl RunningTrace {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it begins; the epoch is 0 of one that was only [named](Client::trace_named).
    pub fn at(&self) -> &Position {
        &self.at
    }

    /// Ends it, and writes its file. After an error of `to` it can be asked for again for a minute, with
    /// [`Client::trace_named`].
    ///
    /// Errors: those of `Traces.Stop`; `UNKNOWN` with the words of `to`; `DATA_LOSS` (the file came short).
    pub async fn stop(mut self, to: &mut (impl Write + ?Sized)) -> Result<TraceSummary, Error> {
        let request = TracesStopRequest { trace: self.name, discard: false };
        let mut parts = self.traces.stop(request).await?.into_inner();
        let (mut summary, mut written) = (TraceSummary::default(), 0);
        while let Some(response) = parts.message().await? {
            match response.part {
                Some(Part::Summary(told)) => summary = told,
                Some(Part::Zip(octets)) => {
                    to.write_all(&octets).map_err(|error| Error::new(Code::Unknown, error.to_string()))?;
                    written += octets.len() as u64;
                }
                None => {}
            }
        }
        to.flush().map_err(|error| Error::new(Code::Unknown, error.to_string()))?;
        if written != summary.bytes {
            let message = format!("{written} octets came of {}", summary.bytes);
            return Err(Error::new(Code::DataLoss, message));
        }
        Ok(summary)
    }

    /// Ends it, and throws away what there is.
    pub async fn discard(mut self) -> Result<(), Error> {
        let request = TracesStopRequest { trace: self.name, discard: true };
        let mut parts = self.traces.stop(request).await?.into_inner();
        while parts.message().await?.is_some() {}
        Ok(())
    }
}
