"""Whether what the pages link to is there: files of the checkout, and anchors of pages. Never asks the network."""

from pathlib import Path

from pages import ROOT, Page, named, read


def broken(pages: list[Page]) -> list[str]:
    """A line for each link that leads nowhere."""
    known = {page.path: page for page in pages}
    faults = []
    for page in pages:
        for line, link in page.links:
            if link.startswith(("http://", "https://", "mailto:")):
                continue
            where = f"{named(page.path)}:{line}"
            name, _, anchor = link.partition("#")
            target = (page.path.parent / name).resolve() if name else page.path
            if not target.is_relative_to(ROOT) or not target.exists():
                faults.append(f"{where}: there is no {link}")
            elif anchor and target.suffix == ".md" and anchor not in _anchors(target, known):
                faults.append(f"{where}: {name or 'the page'} has no #{anchor}")
    return faults


def _anchors(path: Path, known: dict[Path, Page]) -> set[str]:
    if path not in known:
        known[path] = read(path)
    return known[path].anchors
