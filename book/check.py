"""Runs every code block of the book, compares what it prints, follows every link, and looks up every quotation.

    python book/check.py                  # all pages
    python book/check.py docs/faq/rst.md  # these
    python book/check.py --update PAGE    # writes what was printed into the page; read the diff

A `console` block is typed into a shell: lines after `$ ` are commands, `> ` goes on, what follows is what they print, with `...` for
what differs from run to run. A command that shows no output has to end with status 0. `python` blocks are programs, or tests where they
define any. What else a block is, a comment on the line above it says:

    <!-- output -->            what the block before printed; <!-- output: COMMAND -->: what this command prints
    <!-- file: NAME -->        a file that later commands of the page use
    <!-- terminal: NAME -->    typed into another shell, in which the last command may go on; without `$ ` what that printed since
    <!-- excerpt: FILE -->     lines of a file that CI runs, in their order
    <!-- fails: WHY -->        a program or test that is to fail
    <!-- shown: WHY -->        not run

and of a page: `<!-- needs: PROGRAMS -->`; where it stands, `<!-- set-up: COMMANDS -->`, which are of no interest to readers, and
`<!-- server: FLAGS -->`, which starts the page's server anew; without one above the first block it has no flags, and after
`<!-- server: none -->` the page starts its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import blocks
import links
import quotes
import shell
from pages import Page, named, pages_of_the_book, read
from world import World, namespaced, programs

LIMIT = 300.0
"""Seconds for a page."""


def main() -> int:
    arguments = argparse.ArgumentParser(description="Runs the code blocks of the book.")
    arguments.add_argument("pages", nargs="*", type=Path)
    arguments.add_argument("--update", action="store_true")
    arguments.add_argument("--patience", type=float, metavar="SECONDS", help="for a command to end, or for what it prints")
    arguments.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.inside:
        shell.PATIENCE = asked.patience or shell.PATIENCE
        return inside(asked.inside)

    pages = [read(path) for path in [path.resolve() for path in asked.pages] or pages_of_the_book()]
    faults = [fault for page in pages for fault in page.faults] + links.broken(pages)
    patience = asked.patience or (3.0 if asked.update else shell.PATIENCE)
    quoted, misquoted = quotes.wrong(pages)
    faults += misquoted
    command = namespaced()
    have = programs()
    outcomes: list[blocks.Outcome] = []
    skipped = []
    to_run = []
    for page in pages:
        missing = [name for name in page.needs if name not in have and shutil.which(name) is None]
        if not page.steps:
            continue
        if command is None:
            skipped.append(f"{named(page.path)}: no network namespaces here")
        elif missing:
            skipped.append(f"{named(page.path)}: no {', '.join(missing)}")
        else:
            to_run.append(page)
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1)) as pool:
        came_of_all = pool.map(lambda page: outside(page, command or [], patience), to_run)
        for page, (came, seconds) in zip(to_run, came_of_all, strict=True):
            outcomes += came
            if asked.update:
                blocks.rewrite(page.path, came)
            print(f"{named(page.path)}: {len(came)} blocks, {seconds:.1f} s")

    for outcome in outcomes:
        if outcome.how == "shown":
            print(f"shown only: {outcome.where}: {outcome.language}: {outcome.what}")
    for line in skipped:
        print(f"SKIPPED: {line}")
    faults += [f"{outcome.where}: {outcome.what}" for outcome in outcomes if outcome.how == "failed"]
    for fault in faults:
        print(f"FAILED: {fault}")
    counts = Counter((outcome.how, outcome.language) for outcome in outcomes)
    for (how, language), count in sorted(counts.items()):
        print(f"{count:5} {language:8} {how}")
    links_followed = sum(len(page.links) for page in pages)
    print(f"{len(pages)} pages, {links_followed} links, {quoted} quotations, {len(outcomes)} blocks, {len(faults)} faults")
    return 1 if faults else 0


def outside(page: Page, command: list[str], patience: float) -> tuple[list[blocks.Outcome], float]:
    """Runs a page in namespaces of its own."""
    begun = time.monotonic()
    try:
        ended = subprocess.run(
            [*command, sys.executable, __file__, "--patience", str(patience), "--inside", str(page.path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        came = blocks.outcomes_of(ended.stdout) if ended.returncode == 0 else None
        what = ended.stderr
    except subprocess.TimeoutExpired:
        came, what = None, f"it did not end within {LIMIT:.0f} s"
    if came is None:
        came = [blocks.Outcome(str(named(page.path)), "page", "failed", what)]
    return came, time.monotonic() - begun


def inside(path: Path) -> int:
    """Runs a page here, and tells what came of it."""
    world = World()
    try:
        print(blocks.report(blocks.run(read(path), world)))
    finally:
        world.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
