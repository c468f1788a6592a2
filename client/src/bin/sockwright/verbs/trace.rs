//! `Traces`, programs that are traced, and the files of traces.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use sockwright_client::{RunningTrace, v1};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use crate::args::trace::{Format, Mode, Of, TraceVerb};
use crate::failure::Failure;
use crate::render::table::table;
use crate::render::{Output, safe};
use crate::trace::{Bundle, qlog, show};

/// What a verb of a file does, which needs no server; anything else is given back.
pub(super) fn of_file(out: &mut Output, verb: TraceVerb) -> Result<Option<TraceVerb>, Failure> {
    match verb {
        TraceVerb::Show { file } => {
            let mut bundle = Bundle::open(&file)?;
            match out.is_json() {
                true => out.value(&bundle.manifest)?,
                false => {
                    let text = show::text(&mut bundle, &file)?;
                    out.line(&text)?;
                }
            }
        }
        TraceVerb::Export { file, format: Format::Qlog } => {
            let mut bundle = Bundle::open(&file)?;
            qlog::records(&mut bundle, |record| Ok(out.bytes(record.as_bytes())?))?;
        }
        verb => return Ok(Some(verb)),
    }
    Ok(None)
}

pub(super) async fn run(cx: &mut Context, server: &str, verb: TraceVerb) -> Result<(), Failure> {
    match verb {
        TraceVerb::Start { of, session } => {
            let is_all = !session.is_empty();
            let response = cx.client.traces.start(of.into_request(session, is_all)).await?;
            Ok(cx.out.message(response.get_ref(), |response| safe(&response.trace))?)
        }
        TraceVerb::Stop { trace, output, .. } => {
            let trace = cx.client.trace_named(trace);
            let Some(path) = output else { return Ok(trace.discard().await?) };
            let summary = write(trace, &path).await?;
            match path == STDOUT {
                true => Ok(()),
                false => Ok(cx.out.message(&summary, text)?),
            }
        }
        TraceVerb::List => {
            let traces = cx.client.traces.list(v1::TracesListRequest {}).await?.into_inner().traces;
            if cx.out.is_json() {
                return Ok(traces.iter().try_for_each(|trace| cx.out.message(trace, |_| String::new()))?);
            }
            let rows: Vec<[String; 4]> = traces
                .iter()
                .map(|trace| {
                    let state = if trace.ended { "ended" } else { "runs" };
                    [&trace.trace, state, &trace.session, &trace.title].map(safe)
                })
                .collect();
            Ok(cx.out.line(&table(["TRACE", "STATE", "SESSION", "TITLE"], &rows))?)
        }
        TraceVerb::Run { output, mode, own, of, program } => {
            run_program(cx, server, &output, mode, own, of, &program).await
        }
        // They need no server.
        TraceVerb::Show { .. } | TraceVerb::Export { .. } => Ok(()),
    }
}

async fn run_program(
    cx: &mut Context,
    server: &str,
    output: &str,
    mode: Mode,
    own: bool,
    of: Of,
    program: &[OsString],
) -> Result<(), Failure> {
    let label = "sockwright trace run".to_owned();
    let request = v1::OpenRequest { label, ..Default::default() };
    let session = cx.client.sessions.open(request).await?.into_inner().session;
    let trace = cx.client.trace(of.into_request(session.clone(), own)).await?;
    let [name, arguments @ ..] = program else {
        return Err(Failure::Usage("no program is given".to_owned()));
    };
    let mut command = Command::new(name);
    command.args(arguments).env("SOCKWRIGHT_SERVER", server).env("SOCKWRIGHT_TRACE", trace.name());
    if own {
        command.env("SOCKWRIGHT_SESSION", &session);
    }
    let status = match command.spawn() {
        Ok(child) => attend(cx, child, &session).await?,
        Err(error) => {
            _ = trace.discard().await;
            eprintln!("sockwright: trace run: {}: {error}", name.to_string_lossy());
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            return Err(Failure::Ended(code));
        }
    };
    let kept = match mode {
        Mode::RetainOnFailure if status.success() => trace.discard().await.map_err(Failure::from),
        Mode::On | Mode::RetainOnFailure => write(trace, output).await.map(|summary| {
            eprintln!("sockwright: trace run: {}: {}", safe(output), text(&summary));
        }),
    };
    // What belongs to it goes by its policy; a server that is gone has none.
    _ = cx.client.sessions.close(v1::SessionsCloseRequest { session, on_expiry: 0 }).await;
    match (kept, code(status)) {
        (kept, 0) => kept,
        (kept, code) => {
            // The program's failure is what matters, and why there is no trace of it is said.
            match kept {
                Err(Failure::Call(error)) => {
                    eprintln!("sockwright: trace run: no trace: {}", safe(&error.to_string()));
                }
                Err(Failure::Other(message)) => eprintln!("sockwright: trace run: no trace: {message}"),
                _ => {}
            }
            Err(Failure::Ended(code))
        }
    }
}

/// Waits for the end of a program, while the lease lasts. An interrupt from a terminal is the program's as well, which does with it
/// what it likes; a request to end is passed on to it.
async fn attend(cx: &mut Context, mut child: Child, session: &str) -> Result<ExitStatus, Failure> {
    let lost = |error: std::io::Error| Failure::Other(format!("the program is lost: {error}"));
    let mut interrupts = signal(SignalKind::interrupt()).map_err(lost)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(lost)?;
    let mut beats = tokio::time::interval(KEEP_ALIVE);
    loop {
        tokio::select! {
            ended = child.wait() => return ended.map_err(lost),
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {
                let id = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
                if let Some(id) = id {
                    // It fails where the program has ended by itself.
                    _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
                }
            }
            _ = beats.tick() => {
                let request = v1::KeepAliveRequest { session: session.to_owned() };
                // What becomes of the trace without it is seen in the end.
                _ = cx.client.sessions.keep_alive(request).await;
            }
        }
    }
}

/// Writes the file of a trace, which is there when it is whole and not before.
async fn write(trace: RunningTrace, path: &str) -> Result<v1::TraceSummary, Failure> {
    if path == STDOUT {
        return Ok(trace.stop(&mut std::io::stdout()).await?);
    }
    let failed = |error: std::io::Error| Failure::Other(format!("{path}: {error}"));
    let part = Part::beside(Path::new(path));
    let mut file = BufWriter::new(File::create(&part.0).map_err(failed)?);
    let summary = trace.stop(&mut file).await?;
    file.flush().map_err(failed)?;
    std::fs::rename(&part.0, path).map_err(failed)?;
    Ok(summary)
}

/// A file that is not whole yet, and goes if it never becomes so.
struct Part(PathBuf);

impl Part {
    fn beside(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        Part(name.into())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // One that was renamed is not there.
        _ = std::fs::remove_file(&self.0);
    }
}

/// What is in a file, in a line.
fn text(summary: &v1::TraceSummary) -> String {
    let v1::TraceSummary { bytes, events, packets, calls, log_lines, incomplete, .. } = summary;
    let mut text = format!(
        "{events} events, {packets} packets, {calls} calls, {log_lines} lines of log: {bytes} octets"
    );
    if !incomplete.is_empty() {
        text += &format!("; incomplete: {}", safe(&incomplete.join(", ")));
    }
    text
}

/// What a shell would make of how a program ended.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// How often the lease is started anew: it lasts thirty seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// The name of standard output.
const STDOUT: &str = "-";
