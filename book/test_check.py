"""The tools that test are tested: each kind of fault is made, and has to be found."""

import subprocess
import sys
from pathlib import Path

import pytest

import blocks
import links
import pages
import quotes
import reference
from pages import ROOT, Block
from shell import fits


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reads a page of this text, which lies in a checkout of its own."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(links, "ROOT", tmp_path)

    def write(text: str) -> pages.Page:
        (tmp_path / "page.md").write_text(text)
        return pages.read(tmp_path / "page.md")

    return write


@pytest.mark.parametrize(
    ("expected", "printed", "fit"),
    [
        ("one\n", "one\n", True),
        ("one\n", "one", True),
        ("one\n", "two\n", False),
        ("one\n", "one\ntwo\n", False),
        ("one ... three\n", "one two three\n", True),
        ("one ... three\n", "one\nthree\n", False),
        ("one\n...\nfour\n", "one\ntwo\nthree\nfour\n", True),
        ("one\n...\nfour\n", "one\nfour\n", True),
        ("one\n...\nfour\n", "one\ntwo\nthree\n", False),
        ("a.c\n", "abc\n", False),
        ("one\ttwo\n", "one two  \n", True),
    ],
)
def test_dots_stand_for_what_differs_and_for_nothing_else(expected: str, printed: str, fit: bool) -> None:
    assert fits(expected, printed) is fit


def test_a_block_has_a_language_a_reason_and_an_end(page) -> None:
    assert "does not say its language" in page("```\nx\n```\n").faults[0]
    assert "has to say why" in page("<!-- shown -->\n```sh\nx\n```\n").faults[0]
    assert "no block follows shown" in page("<!-- shown: it is so -->\n\nText.\n").faults[0]
    assert "has no end" in page("```sh\nx\n").faults[0]
    assert page("<!-- shown: it is so -->\n```sh\nx\n```\n").faults == []


def test_a_link_leads_somewhere(page, tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A heading: `code`\n")
    broken = links.broken([page("[a](other.md#a-heading-code) [b](none.md) [c](other.md#none) [d\nd](#none) `[e](none)`\n")])
    assert [line.partition(": ")[2] for line in broken] == ["there is no none.md", "other.md has no #none", "the page has no #none"]


def test_a_quotation_is_what_the_rfc_says(page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKWRIGHT_RFC_DIR", str(tmp_path))
    (tmp_path / "rfc1.txt").write_text("It MUST wait in TIME-\n   WAIT.\n")
    source = "> — [RFC 1 §1](https://www.rfc-editor.org/rfc/rfc1#section-1)\n"
    assert quotes.wrong([page(f"> It MUST wait\n> in TIME-WAIT.\n{source}")]) == (1, [])
    assert "RFC 1 does not say so" in quotes.wrong([page(f"> It SHOULD wait in TIME-WAIT.\n{source}")])[1][0]


def test_an_excerpt_is_of_a_file_that_runs(tmp_path: Path) -> None:
    lines = (ROOT / "client/go/readme_test.go").read_text().split("\n")

    def of(text: str, source: str) -> str:
        return blocks._excerpt(Block(tmp_path, 1, "go", text, {"excerpt": source}))[0]

    assert of(f"{lines[0]}\n{lines[3].strip()}\n", "client/go/readme_test.go") == "excerpt"
    assert of("this line is not there\n", "client/go/readme_test.go") == "failed"
    assert of(f"{lines[0]}\n", "client/go/conn.go.txt") == "failed"
    assert of("x\n", "README.md") == "failed"


def test_a_wrong_page_fails(tmp_path: Path) -> None:
    """From the outside, with namespaces, a shell and a server."""
    wrong = {
        "output": "```console\n$ echo one\ntwo\n```\n",
        "status": "```console\n$ false\n```\n",
        "late": "```console\n$ (sleep 0.3; echo one) &\ntwo\n```\n",
        "python": "```python\nraise SystemExit(3)\n```\n",
        "test": "```python\ndef test_it():\n    assert False\n```\n",
        "printed": "```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```\n",
        "unused": "<!-- file: a.toml -->\n```toml\na = 1\n```\n",
        "json": "```json\n{,}\n```\n",
        "unknown": "```cobol\nx\n```\n",
        "passes": "<!-- fails: it does not -->\n```python\npass\n```\n",
    }
    for name, text in wrong.items():
        (tmp_path / f"{name}.md").write_text(f"<!-- server: none -->\n{text}")
    right = "```console\n$ name=world\n$ echo hello $name\nhello ...\n$ (sleep 0.3; echo late) &\nlate\n```\n"
    (tmp_path / "right.md").write_text(f"<!-- server: none -->\n{right}")
    files = [str(path) for path in sorted(tmp_path.glob("*.md"))]
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("check.py")), "--patience", "2", *files], capture_output=True, text=True
    )
    if "no network namespaces" in ended.stdout:
        pytest.skip("no network namespaces here")
    failed = {Path(line.split(":")[1].strip()).stem for line in ended.stdout.split("\n") if line.startswith("FAILED: /")}
    assert ended.returncode == 1
    assert failed == set(wrong), ended.stdout


def test_the_errors_of_a_sentence_are_told_one_by_one() -> None:
    text = "NOT_FOUND `ENODEV` (no such stack, or one that went), INVALID_ARGUMENT, and those of `Bind`."
    assert reference._items(text) == ["NOT_FOUND `ENODEV` (no such stack, or one that went)", "INVALID_ARGUMENT", "those of `Bind`"]
