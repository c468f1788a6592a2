"""What it means to run a block of each language, and what comes of a page.

Runs inside of the namespaces of one page (`world`). Says what happened to every block; judges none by itself.
"""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from pages import ROOT, Block, Page, named
from shell import PATIENCE, fits
from world import World

RUN_BY = {
    "client/examples/": "cargo test",
    "client/tests/": "cargo test",
    "client/src/": "cargo test",
    "client/go/": "go test",
    "client/java/src/test/": "mvn verify",
    "client/typescript/tests/": "npm test",
    "deploy/": "the checks of deploy",
}
"""Where an excerpt may come from: what CI runs, and by what."""
SERVER = '"127.0.0.1:50051"'
"""What a page has where the file that an excerpt is from has `address`, of a server of its own."""
NOT_CODE = ("text", "mermaid")
"""Drawings and shapes: nothing to run, and nothing to say about that."""


@dataclass
class Outcome:
    """What came of a block."""

    where: str
    language: str
    how: str
    """`run`, `parsed`, `excerpt`, `output`, `drawing`, `shown` or `failed`."""
    what: str = ""
    """Of one that is shown, why; of one that failed, how."""
    line: int = 0
    ends: int = 0
    printed: str | None = None
    """Of one that failed because it printed something else: what the block would have to say."""


def run(page: Page, world: World) -> list[Outcome]:
    """Runs the blocks of a page in their order, to the last, whatever becomes of them."""
    outcomes = []
    if page.steps[0].language != "server" and (fault := world.serve("")):
        return [Outcome(str(named(page.path)), "server", "failed", fault)]
    files: dict[str, Block] = {}
    printed: str | None = None
    for block in page.steps:
        how, what, rewritten = "run", "", None
        if "shown" in block.says:
            how, what = "shown", block.says["shown"]
        elif "excerpt" in block.says:
            how, what = _excerpt(block)
        elif "output" in block.says:
            how, what, rewritten = _output(block, printed, world)
        elif "file" in block.says:
            name = block.says["file"]
            (world.directory / name).write_text(block.text)
            files[name] = block
            how, what = "run", ""
        elif block.language == "server":
            what = world.serve(block.text.strip()) or ""
            how = "failed" if what else "run"
        elif block.language == "set-up":
            ended, status, said = world.terminal("").run(block.text, "", runs_on=False)
            if not ended or status:
                how, what = "failed", f"status {status}: {said}"
        elif block.language == "console":
            what, rewritten = _console(block, world)
            how = "failed" if what else "run"
        elif block.language in ("python", "py"):
            status, printed = _python(block, world)
            wanted = "fails" in block.says
            if (status != 0) != wanted:
                how, what = "failed", f"status {status}: {printed}"
        elif block.language == "json":
            how, what = _parsed(block, json.loads)
        elif block.language == "toml":
            how, what = _parsed(block, tomllib.loads)
        elif block.language in NOT_CODE:
            how = "drawing"
        else:
            how, what = "failed", "nothing says how it is run: an `excerpt`, or `shown` and why"
        outcomes.append(Outcome(str(block), block.language, how, what, block.line, block.ends, rewritten))
    used = "\n".join(block.text for block in page.steps if block.language == "console" and "shown" not in block.says)
    for name, block in files.items():
        if name not in used:
            outcomes.append(Outcome(str(block), block.language, "failed", f"no command of the page uses {name}"))
    return outcomes


def commands_of(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it is to print. The first is empty where the block begins with output."""
    steps: list[tuple[str, str]] = []
    lines = iter(text.split("\n")[:-1])
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines).removeprefix("> ")
            steps.append((command, ""))
        elif line.startswith("> ") and steps and not steps[-1][1]:
            steps[-1] = (steps[-1][0] + "\n" + line[2:], "")
        else:
            if not steps:
                steps.append(("", ""))
            steps[-1] = (steps[-1][0], steps[-1][1] + line + "\n")
    return steps


def _console(block: Block, world: World) -> tuple[str, str | None]:
    named = block.says.get("terminal", "")
    terminal = world.terminal(named)
    faults, rewritten = [], ""
    steps = commands_of(block.text)
    for number, (command, expected) in enumerate(steps):
        # In a terminal of its own the last command may go on, as a watch does.
        runs_on = bool(named) and number == len(steps) - 1
        if command:
            done, status, printed = terminal.run(command, expected, runs_on)
            rewritten += "$ " + command.replace("\n", "\n> ") + "\n"
        else:
            done, printed = terminal.more(expected)
            status = None
        if not done:
            how = f"status {status}" if status is not None else f"it did not end within {PATIENCE:.0f} s"
            faults.append(f"$ {command}\n{how}; it printed\n{printed}")
        elif status and not expected:
            faults.append(f"$ {command}\nfailed with status {status}: {printed}")
        if expected:
            rewritten += expected if done else printed.rstrip("\n") + "\n"
    return "\n".join(faults), rewritten if faults else None


def _python(block: Block, world: World) -> tuple[int, str]:
    tests = re.search(r"^(async )?def test_", block.text, re.MULTILINE)
    path = world.directory / f"test_{block.line}.py" if tests else world.directory / f"block_{block.line}.py"
    path.write_text(block.text)
    how = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--sockwright-server", "127.0.0.1:50051"] if tests else []
    try:
        ended = subprocess.run(
            [sys.executable, *how, str(path)],
            cwd=world.directory,
            env=world.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return -1, f"it did not end within {PATIENCE:.0f} s"
    return ended.returncode, ended.stdout


def _output(block: Block, printed: str | None, world: World) -> tuple[str, str, str | None]:
    command = block.says["output"]
    if command:
        world_terminal = world.terminal("")
        done, status, printed = world_terminal.run(command, block.text, runs_on=False)
        if done:
            return "output", "", None
        return "failed", f"{command}: status {status}", printed
    if printed is None:
        return "failed", "no block before it printed anything", None
    if fits(block.text, printed):
        return "output", "", None
    return "failed", f"what was printed is\n{printed}", printed


def _excerpt(block: Block) -> tuple[str, str]:
    source = block.says["excerpt"]
    by = next((by for room, by in RUN_BY.items() if source.startswith(room)), None)
    path = ROOT / source
    if by is None or not path.is_file():
        return "failed", f"{source} is no file that CI runs"
    have = iter(line.strip() for line in path.read_text().split("\n"))
    for line in block.text.replace(SERVER, "address").split("\n"):
        if line.strip() and line.strip() not in have:
            return "failed", f"{source} does not have, in its place: {line.strip()}"
    return "excerpt", f"{source}, by {by}"


def _parsed(block: Block, parse: object) -> tuple[str, str]:
    assert callable(parse)
    try:
        parse(block.text)
    except ValueError as error:
        return "failed", str(error)
    return "parsed", ""


def report(outcomes: list[Outcome]) -> str:
    """The outcomes as they go from inside of the namespaces to the outside."""
    return json.dumps([asdict(outcome) for outcome in outcomes])


def outcomes_of(reported: str) -> list[Outcome]:
    """The outcomes again."""
    return [Outcome(**outcome) for outcome in json.loads(reported)]


def rewrite(path: Path, outcomes: list[Outcome]) -> int:
    """Puts what was printed into a page in place of what was expected. How many blocks it changed."""
    lines = path.read_text().split("\n")
    changed = 0
    for outcome in sorted(outcomes, key=lambda outcome: -outcome.line):
        if outcome.how == "failed" and outcome.printed is not None:
            lines[outcome.line : outcome.ends - 1] = outcome.printed.rstrip("\n").split("\n")
            changed += 1
    path.write_text("\n".join(lines))
    return changed
