"""The fixtures, and what a test that fails has to show."""

import socket

import pytest

from sockwright.client import Client, Stack
from sockwright.server import Server


@pytest.fixture
def run(pytester: pytest.Pytester, binary: str):
    """Runs a test file with the plugin, against a server of its own."""

    def run(text: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        with Server(binary=binary) as server:
            return pytester.runpytest("--sockwright-server", server.address)

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
