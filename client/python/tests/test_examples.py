"""The programs in examples/, as they stand."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_first_peer(sockwright_server: str) -> None:
    command = [sys.executable, EXAMPLES / "first_peer.py", sockwright_server]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "received: b'hello'"
    assert lines[1].endswith("CLOSED -> LISTEN")
    assert lines[-1].startswith("60.") and "client" in lines[-1]
    assert lines[-1].endswith("TIME-WAIT -> CLOSED")
