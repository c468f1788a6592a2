"""What a page is run in: a network namespace in which nobody else is, an empty directory, and a server that nobody else uses.

In the namespace a page may say `127.0.0.1:50051`, attach stacks to interfaces and start kernel peers, whatever else the machine does;
its processes end with it. Without privilege it is a namespace of a user namespace.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import ROOT
from shell import Terminal

NAMESPACES = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
SERVER = "the server"
"""The terminal in which it runs, which no page can name."""
LISTENING = "listening on 127.0.0.1:50051\n..."


def namespaced() -> list[str] | None:
    """The command that runs another one in namespaces of its own; None where there are none."""
    for command in (["unshare", *NAMESPACES], ["unshare", "--user", "--map-root-user", *NAMESPACES]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return None


def programs() -> dict[str, str]:
    """The programs that pages call by name, besides those of the machine."""
    tools = ROOT / "target/ci"
    built = Path(os.environ.get("SOCKWRIGHTD", ROOT / "target/debug/sockwrightd")).resolve().parent
    python = Path(sys.executable)
    candidates = {
        "sockwright": built / "sockwright",
        "sockwrightd": built / "sockwrightd",
        "python": python,
        "python3": python,
        "pytest": python.with_name("pytest"),
        "grpcurl": tools / "bin/grpcurl",
        "buf": tools / "node_modules/.bin/buf",
    }
    return {name: str(path) for name, path in candidates.items() if path.exists()}


class World:
    """The inside of the namespaces, for one page."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="page-", ignore_cleanup_errors=True)
        self.directory = Path(self._directory.name) / "work"
        self._commands = Path(self._directory.name) / "commands"
        shims = Path(self._directory.name) / "bin"
        for room in (self.directory, self._commands, shims):
            room.mkdir()
        for name, path in programs().items():
            _write(shims / name, f'#!/bin/sh\nexec "{path}" "$@"\n')
        # Who reads the page may not be root; who runs it here is, in a namespace.
        _write(shims / "sudo", '#!/bin/sh\nexec "$@"\n')
        (self.directory / "target").mkdir()
        (self.directory / "target/release").symlink_to(shims)
        if (tshark := shutil.which("tshark")) is not None:
            # It says that it is root, which its reader is not.
            _write(shims / "tshark", f'#!/bin/sh\nexec "{tshark}" "$@" 2>/dev/null\n')
        # What the readers' shells do not have, or not with the same meaning. Where CI is set, pytest shortens nothing.
        foreign = ("SOCKWRIGHT", "OTEL", "RUST_LOG", "CI", "BUILD_NUMBER")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environment = kept | {
            "PATH": f"{shims}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "client/python"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Of the checks' own set-up, not of the readers': it warns wherever it is not configured.
            "PYTEST_ADDOPTS": "-p no:asyncio",
            "HOME": self._directory.name,
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }
        self._terminals: dict[str, Terminal] = {}
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def terminal(self, name: str) -> Terminal:
        """The shell of that name; the first is the empty one."""
        if name not in self._terminals:
            self._terminals[name] = Terminal(self.directory, self._commands, self.environment)
        return self._terminals[name]

    def serve(self, flags: str) -> str | None:
        """Starts the page's server in place of the one that runs; `none`: no other. What went wrong, if anything did."""
        if (before := self._terminals.pop(SERVER, None)) is not None:
            before.close()
        if flags == "none":
            return None
        begun, _, printed = self.terminal(SERVER).run(f"exec sockwrightd {flags}", LISTENING, runs_on=True)
        return None if begun else f"the server did not begin: {printed}"

    def close(self) -> None:
        """Ends the shells. Their children end with the namespace."""
        for terminal in self._terminals.values():
            terminal.close()


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
