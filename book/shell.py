"""A terminal of a page: one bash that keeps its variables and its jobs, and what they print.

Owns the processes that the commands of a page start, as far as they are children of its shell; the namespace of the page ends
the rest.
"""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0
"""Seconds for a command to end, or for what it is to print."""
WHOLE_LINE = 0.1
"""Seconds for the rest of a line."""


def pattern_of(expected: str) -> re.Pattern[str]:
    """What fits an expected output: `...` in a line is anything in that line, and alone any number of lines."""
    parts = []
    for line in expected.rstrip("\n").split("\n"):
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n")
    return re.compile("".join(parts))


def fits(expected: str, printed: str) -> bool:
    """Whether all that was printed is what was expected."""
    whole = "\n".join(line.rstrip() for line in printed.replace("\t", " ").rstrip("\n").split("\n")) + "\n"
    return pattern_of(expected.replace("\t", " ")).fullmatch(whole) is not None


class Terminal:
    """A shell. `run` gives it a command; `printed` is what came since."""

    def __init__(self, directory: Path, scripts: Path, environment: dict[str, str]) -> None:
        self._scripts = scripts
        self._commands = 0
        self._status: dict[int, int] = {}
        self._buffer = ""
        self._begun = 0
        self._came = threading.Condition()
        self._busy = False
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def run(self, command: str, expected: str, runs_on: bool) -> tuple[bool, int | None, str]:
        """Runs a command. Returns whether it did what is expected, its status, None while it runs, and what it printed."""
        self._commands += 1
        number = self._commands
        script = self._scripts / f"{id(self)}-{number}"
        script.write_text(command + "\n")
        with self._came:
            self._begun = len(self._buffer)
        assert self._process.stdin is not None, "it is a pipe"
        line = f"source {script} </dev/null; printf '\\036%d %d\\036' {number} $?\n"
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        done = self._wait(lambda: self._is_done(number, expected, runs_on))
        if done and expected and not self.printed().endswith("\n"):
            # The end of the line may be on its way, from a program in the background.
            self._wait(lambda: self.printed().endswith("\n"), WHOLE_LINE)
        printed = self.printed()
        if runs_on:
            with self._came:
                self._begun += len(printed)
        return done, self._status.get(number), printed

    def more(self, expected: str) -> tuple[bool, str]:
        """Waits until what is expected has come since the last command, or the last time."""
        came = self._wait(lambda: fits(expected, self.printed()))
        printed = self.printed()
        with self._came:
            self._begun += len(printed)
        return came, printed

    def printed(self) -> str:
        """What was printed since the last command began."""
        return self._buffer[self._begun :]

    def close(self) -> None:
        """Ends the shell, or the program that it became."""
        self._process.terminate()
        self._process.wait()

    def _is_done(self, number: int, expected: str, runs_on: bool) -> bool:
        ended = number in self._status
        if not expected:
            return ended or runs_on
        return (ended or runs_on) and fits(expected, self.printed())

    def _wait(self, condition: Callable[[], bool], patience: float | None = None) -> bool:
        deadline = time.monotonic() + (PATIENCE if patience is None else patience)
        with self._came:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._came.wait(left)
        return True

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        raw = b""
        while chunk := os.read(self._process.stdout.fileno(), 65536):
            raw += chunk
            text = raw.decode(errors="ignore")
            if text.encode() != raw:
                continue  # A character is not whole yet.
            raw = b""
            with self._came:
                whole = self._buffer + text
                for number, status in re.findall(r"\x1e(\d+) (\d+)\x1e", whole):
                    self._status[int(number)] = int(status)
                self._buffer = re.sub(r"\x1e\d+ \d+\x1e", "", whole)
                self._came.notify_all()
