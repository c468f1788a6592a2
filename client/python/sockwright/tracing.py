"""Traces: what the server knew while a block of code ran, as one file. `Client.trace` is how to begin one.

`docs/traces.md` says what is in the file, and `sockwright trace show` prints it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile

import grpc

import sockwright.v1 as v1
from sockwright.errors import call, os_error

MODES = ("on", "retain-on-failure")


@contextmanager
def trace(stub: v1.TracesStub, asked: v1.TracesStartRequest, path: "str | PathLike[str]", mode: str) -> Iterator[str]:
    """What `Client.trace` gives.

    What the block raises is raised. A trace that cannot be fetched is raised if the block did not raise, and noted at
    its exception if it did.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {' or '.join(MODES)}, and not {mode!r}")
    name = call(stub.Start, asked).trace
    try:
        yield name
    except BaseException as raised:
        try:
            fetch(stub, name, Path(path))
        except OSError as error:
            # Python 3.10 has no notes.
            if hasattr(raised, "add_note"):
                raised.add_note(f"there is no trace of it: {error}")
        raise
    if mode == "on":
        fetch(stub, name, Path(path))
    else:
        discard(stub, name)


def discard(stub: v1.TracesStub, name: str) -> None:
    """Ends a trace and throws away what it has. One that its session or its server took with it is gone already."""
    with suppress(grpc.RpcError):
        list(stub.Stop(v1.TracesStopRequest(trace=name, discard=True)))


def fetch(stub: v1.TracesStub, name: str, path: Path) -> None:
    """Ends a trace and writes its file, which is there when it is whole and not before."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
        try:
            for response in stub.Stop(v1.TracesStopRequest(trace=name)):
                part.write(response.zip)
            part.flush()
            Path(part.name).replace(path)
        except BaseException as error:
            Path(part.name).unlink(missing_ok=True)
            if isinstance(error, grpc.RpcError):
                raise os_error(error) from error
            raise
