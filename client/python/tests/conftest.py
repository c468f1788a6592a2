"""A server of the tests' own, and a channel to it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from sockwright.server import BINARY, Server

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def binary() -> str:
    """The server's program: what SOCKWRIGHTD names, or what cargo builds."""
    if given := os.environ.get(BINARY):
        return given
    subprocess.run(["cargo", "build", "-p", "sockwright-server"], cwd=ROOT, check=True)
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "sockwrightd")


@pytest.fixture(scope="session")
def sockwright_server(binary: str) -> Iterator[str]:
    """The address of a server that lives as long as the tests."""
    with Server("--allow", "127.0.0.0/8", binary=binary) as server:
        yield server.address


@pytest.fixture
def channel(sockwright_server: str) -> Iterator[grpc.Channel]:
    """A channel to the server."""
    with grpc.insecure_channel(sockwright_server) as channel:
        yield channel
