"""The fixtures, and what a test that fails has to show."""

import json
import socket
import zipfile
from pathlib import Path

import pytest

from sockwright.client import Client, Stack
from sockwright.server import Server


@pytest.fixture(autouse=True)
def quiet(pytester: pytest.Pytester) -> None:
    """What pytest-asyncio asks everybody to say."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")


@pytest.fixture
def run(pytester: pytest.Pytester, binary: str):
    """Runs a test file with the plugin, against a server of its own."""

    def run(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        with Server(binary=binary) as server:
            return pytester.runpytest("--sockwright-server", server.address, *arguments)

    return run


def test_a_failure_shows_the_ladder(run) -> None:
    result = run(
        """
        import socket
        import pytest

        @pytest.mark.lab("a", "b", name="story", seed=1)
        def test_that_fails(lab):
            listener = lab["b"].create_server(("10.0.0.2", 80))
            client = lab["a"].create_connection(("10.0.0.2", 80))
            server, _ = listener.accept()
            client.sendall(b"hello")
            assert server.recv(5) == b"hello"
            lab.impair(loss=1)
            server.sendall(b"goodbye")
            with pytest.raises(OSError):
                lab["a"].create_connection(("10.0.0.2", 81), user_timeout=5)
            assert False

        def test_that_passes(lab):
            lab["a"].socket()
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Sockwright: ladders*",
            "*story/a #2 10.0.0.1:* *story/b #3 10.0.0.2:80*",
            "*0.000000 SYN-SENT     │*",
            "*│*─ S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7> ─*─>│*",
            "*│* SYN-RECEIVED",
            "*│<─*─ S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,wscale 7> ─*│*",
            "*ESTABLISHED*│*",
            "*│*─ P. 1:6(5) ack 1 win * ─*─>│*",
            "*│LOST x─*─ P. 1:8(7) ack 6 win * ─*│*",
            "*│LOST x─*─ P. 1:8(7) ack 6 win * [[]again: *] ─*│*",
            "*story/a #4 10.0.0.1:* *peer 10.0.0.2:81*",
            "*x #4 ETIMEDOUT: *",
        ]
    )
    assert str(result.stdout).count("Sockwright: ladders") == 1


def test_a_server_that_is_gone_does_not_hide_the_failure(run) -> None:
    result = run(
        """
        import pytest

        def test_that_fails(lab):
            lab["a"].create_server(("10.0.0.1", 80))
            lab.client.channel.close()
            assert 1 == 2
        """
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])


def test_without_a_server_the_tests_are_skipped(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOCKWRIGHTD", raising=False)
    monkeypatch.setenv("PATH", "")
    pytester.makepyfile("def test_nothing(lab): pass")
    pytester.runpytest_inprocess("-rs").assert_outcomes(skipped=1)


def test_a_peer_on_a_real_link_talks_to_the_kernel(peer: Stack, sockwright_client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as kernel:
        client = peer.create_connection(kernel.getsockname())
        accepted, address = kernel.accept()
        assert address == client.getsockname()
        with accepted:
            client.sendall(b"hello")
            assert accepted.recv(5, socket.MSG_WAITALL) == b"hello"
        assert client.recv(1) == b""
        client.close()
        client.wait_for("LAST-ACK")
        client.wait_for(released=True)
    # Nothing but loopback is allowed.
    with pytest.raises(PermissionError, match=r"192\.0\.2\.1:9"):
        peer.create_connection(("192.0.2.1", 9))


TALK = """
        import pytest

        def talk(lab):
            listener = lab["b"].create_server(("10.0.0.2", 80))
            client = lab["a"].create_connection(("10.0.0.2", 80))
            client.sendall(b"hello")
            server, _ = listener.accept()
            assert server.recv(5) == b"hello"
"""


def _kept(directory: Path) -> list[Path]:
    """The directories of tests that left something."""
    return sorted(path for path in directory.glob("*") if path.is_dir())


def test_a_failed_test_leaves_its_trace_and_one_that_passes_nothing(run, pytester: pytest.Pytester) -> None:
    result = run(
        f"""{TALK}
        @pytest.mark.lab("a", "b", name="story")
        def test_that_fails(lab, trace):
            talk(lab)
            (trace / "notes.txt").write_text("its own")
            assert False

        def test_that_passes(lab, trace):
            talk(lab)
            (trace / "notes.txt").write_text("its own")

        def test_that_is_not_traced(lab):
            assert False

        @pytest.fixture
        def broken(trace):
            raise ValueError("while it is set up")

        def test_whose_fixture_fails(broken):
            pass
        """
    )
    result.assert_outcomes(passed=1, failed=2, errors=1)
    broken, failed = sorted(_kept(pytester.path / "test-results"), key=lambda path: "that_fails" in path.name)
    names = ["ladders.txt", "notes.txt", "packets.pcapng", "trace.zip"]
    assert sorted(path.name for path in failed.iterdir()) == names
    result.stdout.fnmatch_lines(["*Sockwright: evidence*", *[str(failed / name) for name in names]])
    assert "whose_fixture_fails" in broken.name and (broken / "trace.zip").exists()

    ladder = (failed / "ladders.txt").read_text(encoding="utf-8")
    assert "story/a" in ladder and "P. 1:6(5)" in ladder
    assert (failed / "packets.pcapng").read_bytes()[:4] == bytes.fromhex("0a0d0d0a")
    with zipfile.ZipFile(failed / "trace.zip") as bundle:
        manifest = json.loads(bundle.read("trace.json"))
    assert manifest["title"].endswith("::test_that_fails")
    assert manifest["asked"]["filter"]["stacks"] == ["story/a", "story/b"]


def test_who_names_a_directory_has_every_test_traced(run, pytester: pytest.Pytester) -> None:
    text = f"""{TALK}
        @pytest.mark.parametrize("what", ["a/b", "a-b", "x" * 300])
        def test_that_fails(lab, what):
            talk(lab)
            assert False

        def test_without_a_lab():
            assert False
        """
    for _ in range(2):
        run(text, "--sockwright-traces", "kept/here").assert_outcomes(failed=4)
        kept = _kept(pytester.path / "kept" / "here")
        assert len(kept) == 3
        assert all((each / "trace.zip").exists() for each in kept)
    assert not (pytester.path / "test-results").exists()


def test_traces_are_kept_of_coroutines_and_in_many_processes(run, pytester: pytest.Pytester) -> None:
    text = f"""{TALK}
        import asyncio
        from sockwright import aio

        @pytest.mark.asyncio
        @pytest.mark.parametrize("number", range(4))
        async def test_that_may_fail(lab, trace, sockwright_server, number):
            async with aio.connect(sockwright_server) as client:
                listener = await client.stack(lab.stacks[1].name).create_server(("10.0.0.2", 80))
                with pytest.raises(ConnectionRefusedError):
                    await client.stack(lab.stacks[0].name).create_connection(("10.0.0.2", 81))
            assert number % 2
        """
    result = run(text, "-n", "2", "-p", "xdist", "-p", "pytest_asyncio")
    result.assert_outcomes(passed=2, failed=2)
    kept = _kept(pytester.path / "test-results")
    assert len(kept) == 2
    for each in kept:
        assert "R." in (each / "ladders.txt").read_text(encoding="utf-8")
        result.stdout.fnmatch_lines(["*Sockwright: evidence*", f"*{each / 'trace.zip'}"])


def test_a_trace_that_cannot_be_fetched_does_not_hide_the_failure(run) -> None:
    result = run(
        """
        def test_that_fails(lab, trace):
            lab.client.channel.close()
            assert 1 == 2
        """
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*there is no trace of it: *"])
