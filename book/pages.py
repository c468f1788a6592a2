"""The pages of the book as the checks see them: fenced blocks with their annotations, headings, links.

Owns what an annotation may say. Runs nothing.

    <!-- shown: it builds for minutes -->
    ```console
    $ cargo build --release
    ```
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FENCE = re.compile(r"^(\s*)(`{3,})\s*(\S*)(.*)$")
COMMENT = re.compile(r"^\s*<!--\s*([a-z-]+)(?::\s*(.*?))?\s*-->\s*$", re.DOTALL)
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")

OF_A_BLOCK = ("shown", "output", "file", "excerpt", "terminal", "fails")
"""What a comment on the line above a fence may say of the block."""
OF_A_PAGE = ("server", "needs", "set-up")
"""What a comment anywhere may say of the page."""


def named(path: Path) -> str:
    """A page as it is told: from the checkout, if it is there."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


@dataclass
class Block:
    """A fenced block; `line` is that of its fence, from 1."""

    page: Path
    line: int
    language: str
    text: str
    says: dict[str, str] = field(default_factory=dict)
    ends: int = 0
    """The line of the fence that closes it."""

    def __str__(self) -> str:
        return f"{named(self.page)}:{self.line}"


@dataclass
class Page:
    """A page: its blocks and its set-up, in their order, and where it leads."""

    path: Path
    steps: list[Block] = field(default_factory=list)
    """Blocks, and with them each `set-up` and each `server` as a block of that language."""
    needs: list[str] = field(default_factory=list)
    """Programs without which the page is not run."""
    anchors: set[str] = field(default_factory=set)
    links: list[tuple[int, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong with the page before anything is run."""


def pages_of_the_book() -> list[Path]:
    """Every page whose blocks are run and whose links are followed: those that git knows or would."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "README.md", "docs", "client"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return sorted(ROOT / name for name in set(listed) if name.endswith(".md") and (ROOT / name).is_file())


def read(path: Path) -> Page:
    """Reads a page."""
    page = Page(path)
    lines = path.read_text().split("\n")
    says: dict[str, str] = {}
    block: Block | None = None
    fence = ""
    slugs: dict[str, int] = {}
    prose = [""] * len(lines)
    """The lines outside of blocks and comments. A link may go over the end of one."""
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if block is not None:
            if line.strip() == fence:
                block.ends = number
                page.steps.append(block)
                block = None
            else:
                block.text += line + "\n"
            continue
        if line.lstrip().startswith("<!--"):
            at, comment = number, line
            while "-->" not in comment and number < len(lines):
                comment += "\n" + lines[number]
                number += 1
            _take_comment(page, at, comment, says)
            continue
        if opening := FENCE.match(line):
            fence = opening[2]
            block = Block(path, number, opening[3], "", says)
            if not block.language:
                page.faults.append(f"{block}: the block does not say its language (`text` is one)")
            says = {}
            continue
        if says:
            page.faults.append(f"{named(path)}:{number}: no block follows {', '.join(says)}")
            says = {}
        if heading := HEADING.match(line):
            slug = slug_of(heading[2])
            seen = slugs.get(slug, 0)
            slugs[slug] = seen + 1
            page.anchors.add(f"{slug}-{seen}" if seen else slug)
        page.anchors.update(ANCHOR.findall(line))
        prose[number - 1] = re.sub(r"`[^`]*`", "``", line)
    if block is not None:
        page.faults.append(f"{block}: the block has no end")
    text = "\n".join(prose)
    page.links = [(text.count("\n", 0, link.start()) + 1, link[1]) for link in LINK.finditer(text)]
    return page


def _take_comment(page: Page, number: int, comment: str, says: dict[str, str]) -> None:
    said = COMMENT.match(comment)
    if said is None:
        return
    word, what = said[1], said[2] or ""
    where = f"{named(page.path)}:{number}"
    if word in OF_A_BLOCK:
        says[word] = what
        if word in ("shown", "fails") and not what:
            page.faults.append(f"{where}: `{word}` has to say why")
    elif word == "needs":
        page.needs = what.replace(",", " ").split()
    elif word in ("server", "set-up"):
        page.steps.append(Block(page.path, number, word, what + "\n"))


def slug_of(heading: str) -> str:
    """The anchor of a heading, as mdBook and the forges make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[`*]", "", text)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
