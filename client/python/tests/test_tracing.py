"""Traces of blocks of code: when the file is kept, and what is in it."""

import asyncio
import json
import zipfile
from pathlib import Path

import grpc
import pytest

import sockwright.v1 as sw
from sockwright import aio
from sockwright.client import Client


@pytest.fixture
def client(channel: grpc.Channel) -> Client:
    return Client(channel)


def _work(client: Client) -> None:
    stacks = [sw.LabStack(name="a"), sw.LabStack(name="b")]
    lab = client.networks.CreateLab(sw.CreateLabRequest(stacks=stacks)).lab
    client.sockets.Create(sw.CreateRequest(stack=lab.stacks[0], label="traced"))


def _manifest(path: Path) -> dict:
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return json.loads(bundle.read("trace.json"))


def test_a_trace_has_what_happened_in_its_block(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "trace.zip"
    with client.trace(path, title="a block") as name:
        _work(client)
    manifest = _manifest(path)
    assert (manifest["title"], manifest["trace"]) == ("a block", name)
    assert int(manifest["files"]["events.binpb"]["count"]) > 0
    with zipfile.ZipFile(path) as bundle:
        calls = [json.loads(line) for line in bundle.read("calls.jsonl").splitlines()]
    methods = [call["method"].rsplit("/")[-1] for call in calls]
    assert methods == ["CreateLab", "Create"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_retained_on_failure_and_only_then(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "trace.zip"
    with client.trace(path, mode="retain-on-failure"):
        _work(client)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError):
        with client.trace(path, mode="retain-on-failure"):
            _work(client)
            raise ZeroDivisionError
    assert _manifest(path)["format"] == "sockwright-trace"
    assert not client.traces.List(sw.TracesListRequest()).traces


def test_a_trace_outlives_its_session_and_its_loss_hides_no_failure(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "trace.zip"
    with client.trace(path, session=(session := client.session())):
        session.close()
    assert _manifest(path)["end"]["by"] == "SESSION"

    with pytest.raises(ZeroDivisionError) as raised:
        with client.trace(path) as name:
            list(client.traces.Stop(sw.TracesStopRequest(trace=name, discard=True)))
            raise ZeroDivisionError
    if hasattr(raised.value, "add_note"):
        assert "there is no trace of it" in raised.value.__notes__[0]
    with pytest.raises(ValueError):
        with client.trace(path, mode="off"):
            pass


def test_coroutines_are_traced_as_well(sockwright_server: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with aio.connect(sockwright_server) as client, await client.lab("a") as lab:
            stacks = [stack.name for stack in lab.stacks]
            async with client.trace(tmp_path / "kept.zip", title="a block", stacks=stacks) as name:
                await lab["a"].create_server(("10.0.0.1", 80))
            assert _manifest(tmp_path / "kept.zip")["trace"] == name
            async with client.trace(tmp_path / "none.zip", mode="retain-on-failure"):
                pass
            with pytest.raises(TimeoutError):
                async with client.trace(tmp_path / "failed.zip", mode="retain-on-failure"):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.01)
            with pytest.raises(ZeroDivisionError):
                async with client.trace(tmp_path / "gone.zip") as name:
                    await client.traces.Stop(sw.TracesStopRequest(trace=name, discard=True)).read()
                    raise ZeroDivisionError
            assert not (await client.traces.List(sw.TracesListRequest())).traces
        assert sorted(path.name for path in tmp_path.iterdir()) == ["failed.zip", "kept.zip"]

    asyncio.run(story())
