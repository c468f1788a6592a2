"""A TCP connection between two stacks of a lab, from LISTEN to TIME-WAIT and beyond, without a sleep.

The lab's clock is virtual: the 60 seconds of TIME-WAIT are over at once.

    python examples/first_peer.py [127.0.0.1:50051]
"""

import sys

import grpc
from sockwright.v1.common_pb2 import TCP_STATE_CLOSED, TCP_STATE_TIME_WAIT, Filter, SocketAddress, TcpState
from sockwright.v1.events_pb2 import WatchRequest
from sockwright.v1.events_pb2_grpc import EventsStub
from sockwright.v1.networks_pb2 import CreateLabRequest, DeleteLabRequest, LabStack
from sockwright.v1.networks_pb2_grpc import NetworksStub
from sockwright.v1.sockets_pb2 import (
    SHUTDOWN_HOW_WRITE,
    AcceptRequest,
    BindRequest,
    CloseRequest,
    ConnectRequest,
    CreateRequest,
    ListenRequest,
    RecvRequest,
    SendRequest,
    ShutdownRequest,
    TcpStates,
    WaitForRequest,
)
from sockwright.v1.sockets_pb2_grpc import SocketsStub


def main(server: str) -> None:
    channel = grpc.insecure_channel(server)
    sockets, events, networks = SocketsStub(channel), EventsStub(channel), NetworksStub(channel)
    lab = networks.CreateLab(CreateLabRequest(stacks=[LabStack(name="a"), LabStack(name="b")], seed=1)).lab
    a, b = lab.stacks
    watch = events.Watch(WatchRequest(filter=Filter(stacks=lab.stacks)))
    next(watch)  # the snapshot: from here on, nothing is missed

    web = SocketAddress(ip="10.0.0.2", port=80)
    listener = sockets.Create(CreateRequest(stack=b, label="web")).socket
    sockets.Bind(BindRequest(socket=listener, local=web))
    sockets.Listen(ListenRequest(socket=listener))
    client = sockets.Create(CreateRequest(stack=a, label="client")).socket
    connected = sockets.Connect(ConnectRequest(socket=client, remote=web)).at
    child = sockets.Accept(AcceptRequest(socket=listener)).socket

    sockets.Send(SendRequest(socket=client, data=b"hello"))
    print("received:", sockets.Recv(RecvRequest(socket=child)).data)
    sockets.Shutdown(ShutdownRequest(socket=client, how=SHUTDOWN_HOW_WRITE))
    assert sockets.Recv(RecvRequest(socket=child)).end_of_stream
    sockets.Close(CloseRequest(socket=child))
    for state in (TCP_STATE_TIME_WAIT, TCP_STATE_CLOSED):
        sockets.WaitFor(WaitForRequest(socket=client, tcp_states=TcpStates(states=[state]), after=connected))

    for event in (event for part in watch for event in part.events.events):
        if event.HasField("tcp_state_changed"):
            change = event.tcp_state_changed
            names = (TcpState.Name(state).removeprefix("TCP_STATE_") for state in (change.to, getattr(change, "from")))
            print("{:9.6f} {} #{} {:6}  {} <- {}".format(event.time_ns / 1e9, event.stack, event.socket, event.label, *names))
            if event.socket == client and change.to == TCP_STATE_CLOSED:
                break
    networks.DeleteLab(DeleteLabRequest(name=lab.name))


if __name__ == "__main__":
    main(*sys.argv[1:] or ["127.0.0.1:50051"])
