"""Two stacks of a lab, driven and watched through the contract as any Python program would."""

import errno
import itertools
from collections.abc import Iterator

import grpc
import pytest

from sockwright import os_error, socket_error
from sockwright.v1 import common_pb2 as common
from sockwright.v1 import events_pb2 as events
from sockwright.v1 import networks_pb2 as networks
from sockwright.v1 import sockets_pb2 as sockets
from sockwright.v1.events_pb2_grpc import EventsStub
from sockwright.v1.networks_pb2_grpc import NetworksStub
from sockwright.v1.sockets_pb2_grpc import SocketsStub

# A deadline that only a broken server meets.
PATIENCE = 10
WEB = common.SocketAddress(ip="10.0.0.2", port=80)
TWO_MSL_NS = 60_000_000_000


class Lab:
    """A lab of two stacks with a virtual clock, and the calls that the tests need."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.sockets = SocketsStub(channel)
        self.events = EventsStub(channel)
        self.networks = NetworksStub(channel)
        stacks = [networks.LabStack(name="a"), networks.LabStack(name="b")]
        created = self.networks.CreateLab(networks.CreateLabRequest(stacks=stacks, seed=7), timeout=PATIENCE)
        self.name, self.at = created.lab.name, created.at
        self.a, self.b = created.lab.stacks

    def delete(self) -> None:
        self.networks.DeleteLab(networks.DeleteLabRequest(name=self.name), timeout=PATIENCE)

    def create(self, stack: str, label: str = "") -> int:
        return self.sockets.Create(sockets.CreateRequest(stack=stack, label=label), timeout=PATIENCE).socket

    def listener(self) -> int:
        listener = self.create(self.b, "web")
        self.sockets.Bind(sockets.BindRequest(socket=listener, local=WEB), timeout=PATIENCE)
        self.sockets.Listen(sockets.ListenRequest(socket=listener), timeout=PATIENCE)
        return listener

    def connect(self, socket: int) -> sockets.ConnectResponse:
        return self.sockets.Connect(sockets.ConnectRequest(socket=socket, remote=WEB), timeout=PATIENCE)

    def accept(self, listener: int, timeout: float = PATIENCE) -> sockets.AcceptResponse:
        return self.sockets.Accept(sockets.AcceptRequest(socket=listener), timeout=timeout)

    def pair(self) -> tuple[int, int]:
        listener, client = self.listener(), self.create(self.a, "client")
        self.connect(client)
        return client, self.accept(listener).socket

    def send(self, socket: int, data: bytes) -> sockets.SendResponse:
        return self.sockets.Send(sockets.SendRequest(socket=socket, data=data), timeout=PATIENCE)

    def recv(self, socket: int, **how: int) -> sockets.RecvResponse:
        return self.sockets.Recv(sockets.RecvRequest(socket=socket, **how), timeout=PATIENCE)

    def half_close(self, socket: int) -> sockets.ShutdownResponse:
        request = sockets.ShutdownRequest(socket=socket, how=sockets.SHUTDOWN_HOW_WRITE)
        return self.sockets.Shutdown(request, timeout=PATIENCE)

    def close(self, socket: int) -> sockets.CloseResponse:
        return self.sockets.Close(sockets.CloseRequest(socket=socket), timeout=PATIENCE)

    def wait(self, socket: int, **what: object) -> sockets.WaitForResponse:
        return self.sockets.WaitFor(sockets.WaitForRequest(socket=socket, **what), timeout=PATIENCE)

    def wait_state(self, socket: int, state: int) -> sockets.WaitForResponse:
        return self.wait(socket, tcp_states=sockets.TcpStates(states=[state]), after=self.at)

    def watch(self, **how: object) -> Iterator[events.WatchResponse]:
        scope = common.Filter(stacks=[self.a, self.b])
        return self.events.Watch(events.WatchRequest(filter=scope, **how), timeout=PATIENCE)


@pytest.fixture
def lab(channel: grpc.Channel) -> Iterator[Lab]:
    lab = Lab(channel)
    yield lab
    lab.delete()


def happened(watch: Iterator[events.WatchResponse], last_socket: int) -> list[events.Event]:
    """What a watch tells, until a socket is released."""
    seen = []
    for part in watch:
        assert part.WhichOneof("part") == "events", part
        for event in part.events.events:
            seen.append(event)
            if event.HasField("released") and event.socket == last_socket:
                return seen
    raise AssertionError("the stream ended")


def states(seen: list[events.Event], socket: int) -> list[str]:
    """The TCP states that a socket came to."""
    of_it = (event for event in seen if event.socket == socket)
    changes = [event.tcp_state_changed for event in of_it if event.HasField("tcp_state_changed")]
    for before, after in itertools.pairwise(changes):
        assert before.to == getattr(after, "from"), "a change begins where the one before it ended"
    return [common.TcpState.Name(change.to).removeprefix("TCP_STATE_") for change in changes]


def test_a_connection_lives_from_handshake_to_time_wait_in_the_order_of_the_rfc(lab: Lab) -> None:
    watch = lab.watch()
    assert next(watch).snapshot.last

    client, child = lab.pair()
    assert lab.send(client, b"hello").accepted == 5
    assert lab.recv(child).data == b"hello"

    assert lab.half_close(client).tcp_state in (common.TCP_STATE_FIN_WAIT_1, common.TCP_STATE_FIN_WAIT_2)
    assert lab.recv(child).end_of_stream
    assert lab.send(child, b"still here").accepted == 10
    assert lab.recv(client).data == b"still here"
    lab.close(child)
    assert lab.recv(client).end_of_stream
    lab.close(client)

    seen = happened(watch, client)
    watch.cancel()
    assert states(seen, client) == ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT", "CLOSED"]
    assert states(seen, child) == ["SYN_RECEIVED", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"]
    assert [event.seq for event in seen] == sorted({event.seq for event in seen})

    times = {
        event.tcp_state_changed.to: event.time_ns
        for event in seen
        if event.socket == client and event.HasField("tcp_state_changed")
    }
    assert times[common.TCP_STATE_CLOSED] - times[common.TCP_STATE_TIME_WAIT] == TWO_MSL_NS


def test_a_child_has_its_listeners_label_and_names_it(lab: Lab) -> None:
    watch = lab.watch()
    next(watch)
    client, child = lab.pair()
    lab.close(client)
    lab.close(child)
    opened = [event for event in happened(watch, client) if event.socket == child and event.HasField("opened")]
    watch.cancel()
    assert [event.label for event in opened] == ["web"]
    assert opened[0].opened.listener != 0


def test_wait_for_sees_a_state_that_has_passed(lab: Lab) -> None:
    client, child = lab.pair()
    lab.half_close(client)
    lab.recv(child)
    lab.close(child)
    waited = lab.wait_state(client, common.TCP_STATE_CLOSED)
    assert waited.summary.socket_state == common.SOCKET_STATE_DISCONNECTED
    passed = lab.wait_state(client, common.TCP_STATE_FIN_WAIT_2)
    assert passed.event.tcp_state_changed.to == common.TCP_STATE_FIN_WAIT_2
    assert passed.at.seq < waited.at.seq


def test_wait_for_counts_what_can_be_taken_and_what_is_acknowledged(lab: Lab) -> None:
    client, child = lab.pair()
    lab.send(client, b"abc")
    lab.send(client, b"defg")
    lab.wait(child, readable=7)
    assert lab.recv(child, peek=True).data == b"abcdefg"
    assert lab.recv(child, min_bytes=7).data == b"abcdefg"
    lab.wait(client, all_acknowledged=True)


def test_wait_for_released_outlives_the_socket(lab: Lab) -> None:
    client, child = lab.pair()
    lab.close(client)
    lab.close(child)
    assert lab.wait(client, released=True, after=lab.at).event.HasField("released")


def test_a_refused_connection_is_econnrefused(lab: Lab) -> None:
    client = lab.create(lab.a)
    with pytest.raises(grpc.RpcError) as raised:
        lab.connect(client)
    error = raised.value
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert dict(error.trailing_metadata())["sockwright-errno"] == "ECONNREFUSED"
    found = socket_error(error)
    assert (found.errno_name, found.errno, found.socket) == ("ECONNREFUSED", errno.ECONNREFUSED, client)
    assert found.message
    assert isinstance(os_error(error), ConnectionRefusedError)


def test_a_socket_that_does_not_exist_is_ebadf(lab: Lab) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        lab.recv(2**63)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
    assert os_error(raised.value).errno == errno.EBADF


def test_an_accept_whose_deadline_passed_loses_no_connection(lab: Lab) -> None:
    listener = lab.listener()
    with pytest.raises(grpc.RpcError) as raised:
        lab.accept(listener, timeout=0.05)
    assert isinstance(os_error(raised.value), TimeoutError)
    client = lab.create(lab.a)
    local = lab.connect(client).local
    assert lab.accept(listener).remote == local


def test_a_watch_that_resumes_tells_what_happened_since(lab: Lab) -> None:
    client, child = lab.pair()
    lab.close(client)
    lab.close(child)
    lab.wait(client, released=True, after=lab.at)
    watch = lab.watch(resume=lab.at)
    seen = happened(watch, client)
    watch.cancel()
    assert states(seen, client)[:2] == ["SYN_SENT", "ESTABLISHED"]
    assert all(event.seq > lab.at.seq for event in seen)
