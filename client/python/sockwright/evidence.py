"""What a failed test leaves behind: a directory of files that outlive it.

test-results/tests-test_proxy.py-test_half_close-5d0c2b1e/
    trace.zip           what the server knew: `sockwright trace show`, or the page at /trace.html
    packets.pcapng      its packets, for Wireshark
    ladders.txt         its connections, drawn
"""

import io
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf.proto import parse_length_prefixed

import sockwright.v1 as v1
from sockwright.client import Client
from sockwright.errors import call
from sockwright.ladder import ladders
from sockwright.tracing import discard, fetch
from sockwright.words import watch_filter

NAME_MAX = 100
"""The longest readable part of a directory's name."""
PACKETS = "packets.pcapng"
EVENTS = "events.binpb"


class Evidence:
    """A trace that runs while a test does, and the directory that it may leave."""

    def __init__(self, client: Client, base: Path, test: str, stacks: Sequence[str]) -> None:
        self.directory = base / directory_name(test)
        # What an earlier run left is no evidence of this one.
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self._traces = client.traces
        self._kept = False
        asked = v1.TracesStartRequest(title=test, filter=watch_filter(stacks=list(stacks)))
        self._name = call(self._traces.Start, asked).trace

    def keep(self) -> str:
        """Ends the trace and writes the files, once. Says where they are, or why there are none."""
        if not self._kept:
            self._kept = True
            try:
                path = self.directory / "trace.zip"
                fetch(self._traces, self._name, path)
                _unfold(path)
            except (OSError, ValueError) as error:
                return f"{self.directory}: there is no trace of it: {error}"
        return "\n".join(str(path) for path in sorted(self.directory.iterdir()))

    def close(self) -> None:
        """Removes everything, unless it was kept."""
        if not self._kept:
            discard(self._traces, self._name)
            shutil.rmtree(self.directory, ignore_errors=True)


def directory_name(test: str) -> str:
    """The name of a test as that of a directory: readable, and that of no other test."""
    readable = re.sub(r"[^\w.]+", "-", test).strip("-")[:NAME_MAX]
    return f"{readable}-{zlib.crc32(test.encode()):08x}"


def _unfold(path: Path) -> None:
    """Puts what other programs read beside the bundle."""
    with zipfile.ZipFile(path) as bundle:
        if PACKETS in bundle.namelist():
            bundle.extract(PACKETS, path.parent)
        drawn = ladders(_events(bundle.read(EVENTS)))
    if drawn:
        (path.parent / "ladders.txt").write_text(drawn + "\n", encoding="utf-8")


def _events(octets: bytes) -> Iterator[v1.Event]:
    """Messages, each behind its length."""
    stream = io.BytesIO(octets)
    while (event := parse_length_prefixed(v1.Event, stream)) is not None:
        yield event
