"""The Python of the project's README and of the client's own, run as it stands."""

import re
from pathlib import Path

import pytest

from sockwright import Lab

README = Path(__file__).resolve().parents[3] / "README.md"
PAGE = Path(__file__).resolve().parents[1] / "README.md"


def test_the_readmes_ten_lines_drive_a_peer(sockwright_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 1
    assert "127.0.0.1:50051" in blocks[0]
    exec(compile(blocks[0].replace("127.0.0.1:50051", sockwright_server), "README.md", "exec"), {})
    assert capsys.readouterr().out == "b'hello'\n"


def test_the_clients_own_page_runs_as_it_stands(sockwright_server: str, lab: Lab, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 3
    exec(compile(blocks[0].replace("127.0.0.1:50051", sockwright_server), "README.md", "exec"), {})
    test: dict = {}
    exec(compile(blocks[1], "README.md", "exec"), test)
    test["test_a_reset_ends_both_sides"](lab)
    exec(compile(blocks[2], "README.md", "exec"), test)
    test["test_the_window_opens_again"](lab, tmp_path)
