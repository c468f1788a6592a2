"""Makes the site of the pages: gathers them, has mdBook build it, and follows every link of what it built.

    python book/build.py      # target/book/html/index.html

The pages lie in the checkout where they belong (`README.md`, `docs`, `client`), with links from one to another that hold there.
`target/book/src` gets a copy with the same layout, so that they hold in the site as well, and with them the files that the pages lead
to. What is built needs no network: a page that loads anything from elsewhere is a fault.
"""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import diagram
from pages import LINK, ROOT, pages_of_the_book

SOURCE = ROOT / "target/book/src"
BUILT = ROOT / "target/book/html"
SUMMARY = ROOT / "docs/SUMMARY.md"
STATES = re.compile(r"```mermaid\nstateDiagram.*?```\n", re.DOTALL)
"""The drawing that forges make of the state machine. mdBook draws none: `diagram` does."""


def main() -> int:
    mdbook = find()
    if mdbook is None:
        print("no mdbook: cargo install mdbook --locked --root target/ci", file=sys.stderr)
        return 2
    shutil.rmtree(ROOT / "target/book", ignore_errors=True)
    faults = gather()
    subprocess.run([mdbook, "build", str(ROOT / "book")], check=True, stdout=subprocess.DEVNULL)
    faults += faults_of_the_site()
    for fault in faults:
        print(f"FAILED: {fault}")
    count = sum(1 for _ in BUILT.rglob("*.html"))
    octets = sum(path.stat().st_size for path in BUILT.rglob("*") if path.is_file())
    print(f"{BUILT.relative_to(ROOT)}: {count} pages, {octets / 1e6:.1f} MB, {len(faults)} faults")
    return 1 if faults else 0


def find() -> str | None:
    """mdBook: the one of the checks, or that of the machine."""
    own = ROOT / "target/ci/bin/mdbook"
    return str(own) if own.exists() else shutil.which("mdbook")


def gather() -> list[str]:
    """Copies the pages, and what they lead to, as they lie in the checkout. The pages that no chapter of the summary is."""
    pages = [page for page in pages_of_the_book() if page != SUMMARY]
    for page in pages:
        _write(_place(page), _for_the_site(page, page.read_text()))
    chapters: set[Path] = set()
    summary = [chapter for line in SUMMARY.read_text().split("\n") for chapter in _chapters(line, chapters)]
    _write(SOURCE / "SUMMARY.md", "\n".join(summary))
    return [f"{page.relative_to(ROOT)} is not in {SUMMARY.relative_to(ROOT)}" for page in pages if page not in chapters]


def _place(page: Path) -> Path:
    """Where a page is in the site. mdBook has `index` for what is README to forges."""
    place = SOURCE / page.relative_to(ROOT)
    return place.with_name("index.md") if place.name == "README.md" else place


def _chapters(line: str, known: set[Path]) -> list[str]:
    """A line of the summary as the site has it. A chapter that is a folder has all pages of it below itself."""
    link = LINK.search(line)
    if link is None:
        return [line]
    target = (SUMMARY.parent / link[1]).resolve()
    below = []
    if target.is_dir():
        indent = line[: len(line) - len(line.lstrip())] + "  "
        pages = [page for page in target.glob("*.md") if page.name != "README.md"]
        for page in sorted(pages, key=_natural):
            known.add(page)
            below.append(f"{indent}- [{_title_of(page)}]({page.relative_to(ROOT)})")
        target = target / "README.md"
        if not target.exists():
            _write(_place(target), _list_of(target.parent))
    known.add(target)
    return [line.replace(f"({link[1]})", f"({_place(target).relative_to(SOURCE)})"), *below]


def _natural(path: Path) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def _for_the_site(page: Path, text: str) -> str:
    """A page with links to folders made links to their pages, and with the files that it leads to beside it."""

    def lead(link: re.Match[str]) -> str:
        name, hash_, anchor = link[1].partition("#")
        if not name or "://" in name or name.startswith("mailto:"):
            return link[0]
        target = (page.parent / name).resolve()
        if target.is_dir():
            if not (target / "README.md").exists() and not target.is_relative_to(SUMMARY.parent):
                _copy_listed(target)
            target = target / "README.md"
        elif target.suffix != ".md":
            _copy(target)
        leads = os.path.relpath(_place(target), _place(page).parent)
        return link[0].replace(f"({link[1]}", f"({leads}{hash_}{anchor}")

    text = STATES.sub(lambda drawing: diagram.svg(drawing[0]), text)
    text = text.replace("\n> — [", "\\\n> — [")  # Where a quotation is from has a line of its own.
    return LINK.sub(lead, text)


def _copy_listed(folder: Path) -> None:
    """A folder that is no chapter, of files that are no pages: a list of them, and the files."""
    rows = "".join(f'<li><a href="{path.name}">{path.name}</a></li>' for path in sorted(folder.iterdir()) if path.is_file())
    for path in folder.iterdir():
        if path.is_file():
            _copy(path)
    _write(
        SOURCE / folder.relative_to(ROOT) / "index.html",
        f"<!doctype html><title>{folder.name}</title><ul>{rows}</ul>\n",
    )


def _list_of(folder: Path) -> str:
    """The page of a folder that has none of its own."""
    lines = [f"- [{_title_of(path)}]({path.name})" for path in sorted(folder.glob("*.md"), key=_natural)]
    return "\n".join([f"# {folder.name.capitalize()}", "", *lines]) + "\n"


def _title_of(path: Path) -> str:
    return path.read_text().split("\n", 1)[0].lstrip("# ")


def _copy(path: Path) -> None:
    target = SOURCE / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class _Reader(HTMLParser):
    """Where a page leads, what it loads, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name == "href" and value and tag == "a":
                self.leads.append(value)
            elif name in ("src", "href") and value and tag in ("img", "script", "link"):
                self.loads.append(value)


def faults_of_the_site() -> list[str]:
    """Links that lead nowhere, and what would be loaded from elsewhere."""
    read: dict[Path, _Reader] = {}
    for path in BUILT.rglob("*.html"):
        read[path] = _Reader()
        read[path].feed(path.read_text())
    faults = []
    for path, page in sorted(read.items()):
        where = path.relative_to(BUILT)
        if where.name in ("404.html", "toc.html"):
            continue
        for link in page.loads:
            if "://" in link or link.startswith("//"):
                faults.append(f"{where} loads {link}")
            elif not (path.parent / unquote(link.partition("?")[0])).exists():
                faults.append(f"{where}: there is no {link}")
        for link in page.leads:
            if "://" in link or link.startswith("mailto:"):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / unquote(name)).resolve() if name else path
            if not target.exists():
                faults.append(f"{where}: there is no {link}")
            elif anchor and target in read and unquote(anchor) not in read[target].anchors:
                faults.append(f"{where}: {link} has no such anchor")
    for path in BUILT.rglob("*.css"):
        faults += [
            f"{path.relative_to(BUILT)} loads {url}" for url in re.findall(r"url\(['\"]?((?:https?:)?//[^)'\"]+)", path.read_text())
        ]
    return faults


if __name__ == "__main__":
    sys.exit(main())
