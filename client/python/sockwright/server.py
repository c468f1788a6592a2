"""A server of this program's own: starts `sockwrightd` on a free port, and ends it."""

import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Sequence

BINARY = "SOCKWRIGHTD"
"""The variable of the environment that names the program; otherwise it is `sockwrightd` from PATH."""
READY = "listening on "
PATIENCE = 30.0
"""Seconds for the server to begin and to end."""


def find() -> "str | None":
    """The program to start; None where there is none."""
    return os.environ.get(BINARY) or shutil.which("sockwrightd")


class Server:
    """A running server; `address` is where. As a context manager it ends itself.

    FileNotFoundError: there is no program to start. RuntimeError: it ended, or did not say where it listens.
    """

    def __init__(self, *arguments: str, listen: str = "127.0.0.1:0", binary: "str | None" = None) -> None:
        program = binary or find()
        if program is None:
            raise FileNotFoundError(f"no sockwrightd: set {BINARY}, or put it into PATH")
        command: Sequence[str] = [program, "--listen", listen, *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            self.address = self._read_address()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the server, as SIGTERM does: streams end, attached stacks reset their connections."""
        self._process.terminate()
        self._process.wait(timeout=PATIENCE)

    def _read_address(self) -> str:
        output = self._process.stdout
        assert output is not None, "it is a pipe"
        deadline = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                line = output.readline()
                if line.startswith(READY):
                    return line.removeprefix(READY).strip()
                if not line:
                    raise RuntimeError(f"the server ended with status {self._process.wait()}")
        raise RuntimeError(f"the server did not say `{READY}...` within {PATIENCE:.0f} s")
