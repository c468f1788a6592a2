"""Traces: what the server knew while a block of code ran, as one file. `Client.trace` is how to begin one.

`docs/traces.md` says what is in the file, and `sockwright trace show` prints it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import grpc

import sockwright.v1 as v1
from sockwright.errors import call, os_error
from sockwright.words import watch_filter

MODES = ("on", "retain-on-failure")


def start_request(
    mode: str, session: str, title: str, no_packets: bool, filter: "dict[str, Any]"
) -> v1.TracesStartRequest:
    """What `Traces.Start` is asked: of what the filter admits, or else of the session, or else of everything.

    ValueError: a mode that there is none of.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {' or '.join(MODES)}, and not {mode!r}")
    asked = v1.TracesStartRequest(title=title, no_packets=no_packets, session=session)
    if filter or not session:
        asked.filter.CopyFrom(watch_filter(**filter))
    return asked


@contextmanager
def trace(stub: v1.TracesStub, asked: v1.TracesStartRequest, path: "str | PathLike[str]", mode: str) -> Iterator[str]:
    """What `Client.trace` gives.

    What the block raises is raised. A trace that cannot be fetched is raised if the block did not raise, and noted at
    its exception if it did.
    """
    name = call(stub.Start, asked).trace
    try:
        yield name
    except BaseException as raised:
        with _noted_at(raised):
            fetch(stub, name, Path(path))
        raise
    if mode == "on":
        fetch(stub, name, Path(path))
    else:
        discard(stub, name)


@asynccontextmanager
async def aio_trace(
    stub: v1.TracesStub, asked: v1.TracesStartRequest, path: "str | PathLike[str]", mode: str
) -> AsyncIterator[str]:
    """What `aio.Client.trace` gives, as `trace` has it."""
    try:
        name = (await stub.Start(asked)).trace
    except grpc.RpcError as error:
        raise os_error(error) from error
    try:
        yield name
    except BaseException as raised:
        with _noted_at(raised):
            await _aio_fetch(stub, name, Path(path))
        raise
    if mode == "on":
        await _aio_fetch(stub, name, Path(path))
    else:
        with suppress(grpc.RpcError):
            async for _ in stub.Stop(v1.TracesStopRequest(trace=name, discard=True)):
                pass


def discard(stub: v1.TracesStub, name: str) -> None:
    """Ends a trace and throws away what it has. One that its session or its server took with it is gone already."""
    with suppress(grpc.RpcError):
        list(stub.Stop(v1.TracesStopRequest(trace=name, discard=True)))


def fetch(stub: v1.TracesStub, name: str, path: Path) -> None:
    """Ends a trace and writes its file, which is there when it is whole and not before."""
    with _whole(path) as part:
        for response in stub.Stop(v1.TracesStopRequest(trace=name)):
            part.write(response.zip)


async def _aio_fetch(stub: v1.TracesStub, name: str, path: Path) -> None:
    with _whole(path) as part:
        async for response in stub.Stop(v1.TracesStopRequest(trace=name)):
            part.write(response.zip)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes its name when it is whole."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
        try:
            yield part
            part.flush()
            Path(part.name).replace(path)
        except BaseException as error:
            Path(part.name).unlink(missing_ok=True)
            if isinstance(error, grpc.RpcError):
                raise os_error(error) from error
            raise


@contextmanager
def _noted_at(raised: BaseException) -> Iterator[None]:
    """A trace that cannot be fetched hides nothing."""
    try:
        yield
    except OSError as error:
        # Python 3.10 has no notes.
        if hasattr(raised, "add_note"):
            raised.add_note(f"there is no trace of it: {error}")
