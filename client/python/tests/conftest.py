"""A server of the tests' own, and a channel to it."""

import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

ROOT = Path(__file__).resolve().parents[3]
READY = "listening on "
START_SECONDS = 30


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that lives as long as the tests."""
    process = subprocess.Popen(
        [_binary(), "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


@pytest.fixture
def channel(server: str) -> Iterator[grpc.Channel]:
    """A channel to the server."""
    with grpc.insecure_channel(server) as channel:
        yield channel


def _binary() -> str:
    if binary := os.environ.get("SOCKWRIGHTD"):
        return binary
    subprocess.run(["cargo", "build", "-p", "sockwright-server"], cwd=ROOT, check=True)
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "sockwrightd")


def _address(process: subprocess.Popen) -> str:
    """What the server says it listens on."""
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    deadline = time.monotonic() + START_SECONDS
    while selector.select(max(0.0, deadline - time.monotonic())):
        line = process.stdout.readline()
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
        if not line:
            raise RuntimeError(f"the server ended with status {process.wait()}")
    raise RuntimeError(f"the server did not say `{READY}...` within {START_SECONDS} s")
