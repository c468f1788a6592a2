"""The Python of the project's README, run as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[3] / "README.md"


def test_the_readmes_ten_lines_drive_a_peer(sockwright_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 1
    assert "127.0.0.1:50051" in blocks[0]
    exec(compile(blocks[0].replace("127.0.0.1:50051", sockwright_server), "README.md", "exec"), {})
    assert capsys.readouterr().out == "b'hello'\n"
