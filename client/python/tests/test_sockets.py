"""Sockets with Python's own names, over a lab."""

import errno
import http.client
import socket
import threading

import pytest

import sockwright
import sockwright.v1 as v1
from sockwright.client import Client, Lab
from sockwright.sockets import Socket

WEB = ("10.0.0.2", 80)


def connected(lab: Lab) -> tuple[Socket, Socket]:
    """Both ends of a connection."""
    listener = lab["b"].create_server(WEB)
    client = lab["a"].create_connection(WEB)
    server, address = listener.accept()
    assert address == client.getsockname() == server.getpeername()
    assert server.getsockname() == client.getpeername() == WEB
    return client, server


def test_the_story_of_a_connection(lab: Lab) -> None:
    client, server = connected(lab)
    assert client.state == server.state == "ESTABLISHED"
    client.sendall(b"hello")
    assert client.shutdown(socket.SHUT_WR) == "FIN-WAIT-1"
    assert (server.recv(3), server.recv(100), server.recv(100)) == (b"hel", b"lo", b"")
    with pytest.raises(BrokenPipeError):
        client.send(b"more")
    assert server.state == "CLOSE-WAIT"
    server.sendall(b"goodbye")
    server.wait_for(acknowledged=True)
    assert client.recv(100) == b"goodbye"
    assert server.close() == "LAST-ACK"
    assert client.recv(100) == b""
    waited, closed = client.wait_for("TIME-WAIT"), client.wait_for("CLOSED")
    assert waited and closed and closed.time_ns - waited.time_ns == 60_000_000_000, "2*MSL"
    client.close()
    client.wait_for(released=True)
    with pytest.raises(OSError, match="cannot come true") as never:
        client.wait_for("CLOSING")
    assert never.value.errno == errno.ENOTCONN
    assert client.close() == "", "again is nothing"
    with pytest.raises(OSError) as closed_here:
        client.recv(1)
    assert closed_here.value.errno == errno.EBADF


def test_errors_are_the_builtins(lab: Lab, sockwright_client: Client) -> None:
    with pytest.raises(ConnectionRefusedError) as refused:
        lab["a"].create_connection(WEB)
    assert (refused.value.errno, refused.value.tcp_state) == (errno.ECONNREFUSED, "CLOSED")
    assert not sockwright_client.sockets.List(v1.ListRequest(filter=v1.Filter(stacks=[lab["a"].name]))).sockets
    with pytest.raises(OSError) as unreachable:
        lab["a"].create_connection(("192.0.2.1", 80))
    assert unreachable.value.errno == errno.ENETUNREACH
    with pytest.raises(OSError) as foreign:
        lab["a"].create_server(("10.0.0.9", 80))
    assert foreign.value.errno == errno.EADDRNOTAVAIL
    client, server = connected(lab)
    server.abort()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(OSError, match="there is no stack"):
        sockwright_client.stack("lab/none").socket()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda lab: lab["a"].socket("raw"), "'raw' is none of STREAM, DATAGRAM"),
        (lambda lab: lab["a"].socket(nodelay=True), "SocketOptions has no 'nodelay'; it has"),
        (lambda lab: lab["c"], "has no stack 'c'"),
        (lambda lab: lab["a"].socket().wait_for("TIMEWAIT"), "'TIMEWAIT' is none of CLOSED, LISTEN"),
        (lambda lab: lab["a"].socket().wait_for(), "exactly one of"),
        (lambda lab: lab["a"].socket().wait_for("CLOSED", released=True), "exactly one of"),
        (lambda lab: lab.impair(losses=1), "Impairments has no 'losses'"),
        (lambda lab: lab.impair(loss=2), "loss"),
        (lambda lab: lab["a"].socket().makefile("x"), "invalid mode"),
    ],
)
def test_a_wrong_word_says_which_there_are(lab: Lab, call, error: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, OSError), match=error):
        call(lab)


def test_a_timeout_loses_nothing(lab: Lab) -> None:
    client, server = connected(lab)
    server.settimeout(0.01)
    for piece in (b"one", b"two", b"three"):
        with pytest.raises(TimeoutError):
            server.recv(100)
        client.sendall(piece)
        # What the call that is still out took is there for the next.
        server.settimeout(None)
        assert server.recv(2) == piece[:2]
        assert server.recv(100) == piece[2:]
        server.settimeout(0.01)
    listener = lab["b"].create_server(("10.0.0.2", 81))
    listener.settimeout(0.01)
    with pytest.raises(TimeoutError):
        listener.accept()
    late = lab["a"].create_connection(("10.0.0.2", 81))
    listener.settimeout(None)
    assert listener.accept()[1] == late.getsockname()


def test_what_would_block_says_so(lab: Lab) -> None:
    client, server = connected(lab)
    server.settimeout(0)
    with pytest.raises(BlockingIOError):
        server.recv(1)
    client.settimeout(0)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += client.send(bytes(1 << 20))
    assert sent > 0
    # The window is closed; a send with a timeout waits, and takes nothing.
    client.settimeout(0.01)
    before = client.info().tcp.send_queue
    with pytest.raises(TimeoutError):
        client.send(b"x")
    assert client.info().tcp.send_queue == before


def test_a_mebibyte_through_loss_is_itself(sockwright_client: Client) -> None:
    with sockwright_client.lab("a", "b", seed=5, impairments={"loss": 0.01, "delay": 0.001}) as lab:
        client, server = connected(lab)
        data = bytes(i * 2654435761 >> 7 & 255 for i in range(1 << 20))

        def send() -> None:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        with server.makefile("rb") as stream:
            assert stream.read() == data
        sender.join()
        assert client.info().tcp.retransmissions > 0


def test_http_runs_over_a_socket(lab: Lab) -> None:
    client, server = connected(lab)
    request = http.client.HTTPConnection("web.lab")
    request.sock = client  # type: ignore[assignment]
    request.request("GET", "/things", headers={"Connection": "close"})
    with server.makefile("rw", encoding="latin-1", newline="") as stream:
        assert stream.readline() == "GET /things HTTP/1.1\r\n"
        while stream.readline() != "\r\n":
            pass
        stream.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        stream.flush()
    response = request.getresponse()
    assert (response.status, response.read()) == (200, b"hello")


def test_datagrams_keep_their_bounds(lab: Lab) -> None:
    server = lab["b"].socket("datagram")
    server.bind(("10.0.0.2", 53))
    client = lab["a"].socket("datagram")
    for question in (b"who", b"", b"where"):
        assert client.sendto(question, ("10.0.0.2", 53)) == len(question)
        heard, address = server.recvfrom(100)
        assert heard == question
        server.sendto(b"answer", address)
        assert client.recvfrom(3) == (b"ans", ("10.0.0.2", 53))
    assert client.state == ""
    with pytest.raises(OSError) as long:
        client.sendto(bytes(70_000), ("10.0.0.2", 53))
    assert long.value.errno == errno.EMSGSIZE


def test_options_have_the_contracts_names(lab: Lab) -> None:
    made = lab["a"].socket(
        no_delay=True, msl=1.5, congestion_control="new_reno", keep_alive={"enabled": True, "idle": 9}
    )
    options = made.get_options()
    assert options.no_delay and options.msl.ToMilliseconds() == 1500
    assert options.congestion_control == v1.CONGESTION_CONTROL_NEW_RENO
    assert options.keep_alive.enabled and options.keep_alive.idle.seconds == 9
    made.set_options(no_delay=False)
    assert not made.get_options().no_delay
    with pytest.raises(OSError, match="msl"):
        made.set_options(msl=-1)


@pytest.mark.lab("a", "b", clock="manual", seed=1)
def test_time_stands_until_it_is_told(lab: Lab) -> None:
    lab.impair(delay=0.5)
    listener = lab["b"].create_server(WEB)
    client = lab["a"].socket()
    client.settimeout(0)
    with pytest.raises(OSError) as started:
        client.connect(WEB)
    assert started.value.errno == errno.EINPROGRESS and client.state == "SYN-SENT"
    assert lab.advance(0.5) == 500_000_000
    assert client.state == "SYN-SENT"
    assert lab.advance(0.5) == 1_000_000_000
    assert client.state == "ESTABLISHED"
    lab.advance(until_idle=True)
    assert listener.accept()[0].state == "ESTABLISHED"


def test_a_session_ends_its_sockets_by_its_policy(lab: Lab, sockwright_client: Client) -> None:
    listener = lab["b"].create_server(WEB)
    with sockwright_client.session(lease=1, on_expiry="reset", label="test") as session:
        client = lab["a"].create_connection(WEB, session=session)
        server, _ = listener.accept()
        # Three leases later it is there: it was kept alive. Only time tells that.
        server.settimeout(3)
        with pytest.raises(TimeoutError):
            server.recv(1)
    client.wait_for(released=True)
    server.settimeout(None)
    with pytest.raises(ConnectionResetError):
        server.recv(1)


def test_nobody_there_is_said() -> None:
    with sockwright.connect("127.0.0.1:1") as client, pytest.raises(ConnectionError, match="no server") as raised:
        client.lab("a", "b")
    assert type(raised.value) is ConnectionError, "no peer that refuses"
