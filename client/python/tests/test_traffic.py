"""The page docs/traffic.md, run as it stands; and a workload from Python."""

import os
import re
import subprocess
from pathlib import Path

import grpc
import pytest

import sockwright.v1 as sw

PAGE = Path(__file__).resolve().parents[3] / "docs" / "traffic.md"


def test_the_pages_commands_run(sockwright_server: str) -> None:
    cli = Path(os.environ.get("SOCKWRIGHTD", "sockwrightd")).with_name("sockwright")
    if not cli.exists():
        pytest.skip("no sockwright beside the server")
    commands = re.findall(r"^\$ sockwright (.*)$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        words = [str(cli), "--server", f"http://{sockwright_server}", "--timeout", "60s", *command.split()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        if "traffic" in command and "--json" not in command:
            assert "ended by" in done.stdout and "failed" not in done.stdout, f"{command}: {done.stdout}"


def test_a_workload_is_told_from_its_beginning_to_its_report(sockwright_server: str) -> None:
    with grpc.insecure_channel(sockwright_server) as channel:
        stacks = [sw.LabStack(name="a"), sw.LabStack(name="b")]
        lab = sw.NetworksStub(channel).CreateLab(sw.CreateLabRequest(stacks=stacks)).lab
        request = sw.RunRequest(
            stack=lab.stacks[0],
            connecting=sw.ConnectingSide(),
            source=sw.TrafficSource(),
            limits=sw.TrafficLimits(octets=1_000_000),
            peer=sw.TrafficPeer(stack=lab.stacks[1]),
        )
        told = list(sw.TrafficStub(channel).Run(request))
    assert told[0].WhichOneof("part") == "started"
    report = told[-1].report
    assert report.ended_by == sw.TRAFFIC_END_OCTETS
    assert report.figures.octets_sent == report.peer.octets_received == 1_000_000
