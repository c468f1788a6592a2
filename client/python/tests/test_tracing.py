"""Traces of blocks of code: when the file is kept, and what is in it."""

import json
import zipfile
from pathlib import Path

import grpc
import pytest

import sockwright
import sockwright.v1 as sw


def _work(channel: grpc.Channel) -> None:
    stacks = [sw.LabStack(name="a"), sw.LabStack(name="b")]
    lab = sw.NetworksStub(channel).CreateLab(sw.CreateLabRequest(stacks=stacks)).lab
    sw.SocketsStub(channel).Create(sw.CreateRequest(stack=lab.stacks[0], label="traced"))


def _manifest(path: Path) -> dict:
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return json.loads(bundle.read("trace.json"))


def test_a_trace_has_what_happened_in_its_block(channel: grpc.Channel, tmp_path: Path) -> None:
    path = tmp_path / "trace.zip"
    with sockwright.trace(channel, path, title="a block") as name:
        _work(channel)
    manifest = _manifest(path)
    assert (manifest["title"], manifest["trace"]) == ("a block", name)
    assert int(manifest["files"]["events.binpb"]["count"]) > 0
    with zipfile.ZipFile(path) as bundle:
        calls = [json.loads(line) for line in bundle.read("calls.jsonl").splitlines()]
    methods = [call["method"].rsplit("/")[-1] for call in calls]
    assert methods == ["CreateLab", "Create"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_retained_on_failure_and_only_then(channel: grpc.Channel, tmp_path: Path) -> None:
    path = tmp_path / "trace.zip"
    with sockwright.trace(channel, path, mode="retain-on-failure"):
        _work(channel)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError):
        with sockwright.trace(channel, path, mode="retain-on-failure"):
            _work(channel)
            1 / 0
    assert _manifest(path)["format"] == "sockwright-trace"
    assert not sw.TracesStub(channel).List(sw.TracesListRequest()).traces


def test_a_trace_outlives_its_session_and_its_loss_hides_no_failure(channel: grpc.Channel, tmp_path: Path) -> None:
    path = tmp_path / "trace.zip"
    sessions = sw.SessionsStub(channel)
    session = sessions.Open(sw.OpenRequest()).session
    with sockwright.trace(channel, path, session=session):
        sessions.Close(sw.SessionsCloseRequest(session=session))
    assert _manifest(path)["end"]["by"] == "SESSION"

    with pytest.raises(ZeroDivisionError) as raised:
        with sockwright.trace(channel, path) as name:
            list(sw.TracesStub(channel).Stop(sw.TracesStopRequest(trace=name, discard=True)))
            1 / 0
    assert "there is no trace of it" in raised.value.__notes__[0]
    with pytest.raises(ValueError):
        with sockwright.trace(channel, path, mode="off"):
            pass
