"""Traces: what the server knew while a block of code ran, as one file.

    with sockwright.trace(channel, "failed.zip", mode="retain-on-failure"):
        ...

`docs/traces.md` says what is in the file, and `sockwright trace show` prints it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

import grpc

import sockwright.v1 as sw


@contextmanager
def trace(
    channel: grpc.Channel,
    path: str | os.PathLike[str],
    *,
    mode: Literal["on", "retain-on-failure"] = "on",
    session: str = "",
    filter: sw.Filter | None = None,
    title: str = "",
    no_packets: bool = False,
) -> Iterator[str]:
    """Traces what happens while the block runs, and gives the trace's name.

    With `mode="retain-on-failure"` the file is kept if the block raises, and otherwise not written. The trace is of what
    `filter` admits, or else of the session, or else of everything. With a session it also ends with that; what was
    recorded by then is kept.

    What the block raises is raised. A trace that cannot be fetched afterwards is raised as grpc.RpcError if the block did
    not raise, and noted at its exception if it did.
    """
    if mode not in ("on", "retain-on-failure"):
        raise ValueError(f"mode is `on` or `retain-on-failure`, and not {mode!r}")
    if filter is None and not session:
        filter = sw.Filter()
    traces = sw.TracesStub(channel)
    request = sw.TracesStartRequest(session=session, filter=filter, title=title, no_packets=no_packets)
    name = traces.Start(request).trace
    try:
        yield name
    except BaseException as raised:
        try:
            _fetch(traces, name, Path(path))
        except (grpc.RpcError, OSError) as error:
            raised.add_note(f"there is no trace of it: {error}")
        raise
    if mode == "on":
        _fetch(traces, name, Path(path))
    else:
        # One that its session or its server took with it is gone already.
        with suppress(grpc.RpcError):
            list(traces.Stop(sw.TracesStopRequest(trace=name, discard=True)))


def _fetch(traces: sw.TracesStub, name: str, path: Path) -> None:
    """Writes the file of a trace, which is there when it is whole and not before."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
        try:
            for response in traces.Stop(sw.TracesStopRequest(trace=name)):
                part.write(response.zip)
            part.flush()
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
