"""A connection to a server, and what is made on it: labs, stacks, sessions.

    with sockwright.connect("127.0.0.1:50051") as client, client.lab("a", "b") as lab:
        listener = lab["b"].create_server(("10.0.0.2", 80))
        peer = lab["a"].create_connection(("10.0.0.2", 80))
        accepted, address = listener.accept()
        peer.shutdown(socket.SHUT_WR)
        accepted.close()
        peer.wait_for("TIME-WAIT")

What is made ends with its `with`.
"""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any

import grpc

import sockwright.v1 as v1
from sockwright import tracing
from sockwright.access import Access
from sockwright.errors import call
from sockwright.recording import Ladders
from sockwright.sockets import Socket
from sockwright.watch import Watch
from sockwright.words import (
    Address,
    Seconds,
    attach_request,
    create_request,
    duration,
    family_of,
    lab_request,
    message,
    number_of,
    watch_filter,
)


def connect(
    target: "str | None" = None,
    *,
    token: "str | None" = None,
    ca: "str | PathLike[str] | None" = None,
    cert: "str | PathLike[str] | None" = None,
    key: "str | PathLike[str] | None" = None,
    insecure: "bool | None" = None,
) -> "Client":
    """Names a server: `127.0.0.1:50051`, `https://host:port`, `unix:/path`. The first call finds out if it is there.

    What is not given comes from the environment: see `sockwright.access`. Calls of who is not known, or may not, raise
    PermissionError. ValueError: no such address, or a token that would go in clear to another machine.
    """
    return Client(Access.to(target, token=token, ca=ca, cert=cert, key=key, insecure=insecure).channel())


class Client:
    """A connection to a server; `sockets`, `events`, `networks`, `sessions` and `traffic` are the contract itself.

    As a context manager it closes itself. Sockets stay as they are, unless the lease of a session decides otherwise.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.sockets = v1.SocketsStub(channel)
        self.events = v1.EventsStub(channel)
        self.networks = v1.NetworksStub(channel)
        self.sessions = v1.SessionsStub(channel)
        self.traces = v1.TracesStub(channel)
        self.traffic = v1.TrafficStub(channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the server."""
        self.channel.close()

    def stack(self, name: str) -> "Stack":
        """A stack by its name: `lab/a`, or one that was attached to a real link."""
        return Stack(self, name)

    def lab(
        self,
        *stacks: str,
        name: str = "",
        clock: "str | int" = "virtual",
        seed: int = 0,
        session: "Session | None" = None,
        impairments: "dict[str, Any] | None" = None,
    ) -> "Lab":
        """Makes a lab: stacks with the addresses 10.0.0.1 and up, joined by one link, with a clock of their own.

        `clock` is `virtual` (time jumps to the next timer whenever nothing is left to do), `manual` (it stands until
        `advance`) or `real`. `impairments` are the link's: `{"loss": 0.01, "delay": 0.02}`.
        """
        session_id = session.id if session else ""
        request = lab_request(stacks, session_id, name=name, clock=clock, seed=seed, impairments=impairments)
        return Lab(self, call(self.networks.CreateLab, request).lab)

    def attach(self, name: str, *, session: "Session | None" = None, **link: Any) -> "Stack":
        """Makes a stack on a real link: `raw_ip={"addresses": ["127.0.0.1"]}`, `af_packet`, `tun` or `tap`.

        As a context manager the stack is detached, its connections reset. PermissionError: the server may not.
        """
        request = attach_request(name, session.id if session else "", **link)
        return Stack(self, call(self.networks.Attach, request).stack.name)

    def session(self, *, lease: "Seconds | None" = None, on_expiry: "str | int" = 0, label: str = "") -> "Session":
        """Opens a session and keeps it alive. `on_expiry`: `reset`, `fin`, `vanish` or `keep`."""
        request = v1.OpenRequest(on_expiry=number_of(v1.OnExpiry, "ON_EXPIRY_", on_expiry), label=label)
        if lease is not None:
            request.lease.CopyFrom(duration(lease))
        return Session(self, call(self.sessions.Open, request))

    def watch(self, **filter: Any) -> Watch:
        """Watches events: `stacks`, `sockets`, `sessions`, `labels`, `addresses`, `ports`, `states`, `kinds`.

        Without `kinds` it tells states and errors, which cost nothing. From the return on, nothing is missed.
        """
        return Watch(self, watch_filter(**filter))

    def trace(
        self,
        path: "str | PathLike[str]",
        *,
        mode: str = "on",
        session: "Session | None" = None,
        title: str = "",
        no_packets: bool = False,
        **filter: Any,
    ) -> "AbstractContextManager[str]":
        """Traces what happens while a `with` runs, into a `.zip` file at `path`; gives the trace's name.

        `mode`: `on`, or `retain-on-failure`, which keeps the file if the block raises and writes none otherwise. The
        trace is of what the filter admits (as of `watch`), or else of the session, or else of everything. It ends with
        its session at the latest, and what was recorded by then is kept.
        """
        asked = tracing.start_request(mode, session.id if session else "", title, no_packets, filter)
        return tracing.trace(self.traces, asked, path, mode)


class Lab:
    """Stacks joined inside the server: `lab["a"]`. As a context manager it is deleted."""

    def __init__(self, client: Client, lab: v1.Lab) -> None:
        self.client = client
        self.name = lab.name
        self.stacks = [Stack(client, name) for name in lab.stacks]
        self.links: Sequence[str] = [link.name for link in lab.links]

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *failure: object) -> None:
        self.delete()

    def __getitem__(self, name: str) -> "Stack":
        for stack in self.stacks:
            if stack.name == f"{self.name}/{name}":
                return stack
        raise KeyError(f"{self.name} has no stack {name!r}")

    def advance(self, seconds: "Seconds | None" = None, *, steps: "int | None" = None, until_idle: bool = False) -> int:
        """Moves a virtual clock by a time, by so many steps, or until nothing is left to do.

        Returns the time in nanoseconds.
        """
        request = v1.AdvanceTimeRequest(lab=self.name)
        if seconds is not None:
            request.by.CopyFrom(duration(seconds))
        elif steps is not None:
            request.steps = steps
        else:
            request.until_idle = until_idle
        return call(self.client.networks.AdvanceTime, request).time_ns

    def impair(self, link: "str | None" = None, **impairments: Any) -> None:
        """Changes what a link, the first if none is named, does from now on: `loss=0.1, delay=0.02`.

        What is not named it stops doing.
        """
        wanted = message(v1.Impairments, impairments)
        request = v1.SetImpairmentsRequest(lab=self.name, link=link or self.links[0], impairments=wanted)
        call(self.client.networks.SetImpairments, request)

    def ladders(self) -> Ladders:
        """Draws its connections: `with lab.ladders() as drawn: ...; print(drawn)`."""
        return Ladders(self.stacks)

    def delete(self) -> None:
        """Deletes the lab, its stacks and their sockets, without a segment."""
        call(self.client.networks.DeleteLab, v1.DeleteLabRequest(name=self.name))


class Stack:
    """A TCP/IP host inside the server. As a context manager, one that was attached is detached."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *failure: object) -> None:
        self.detach()

    def __repr__(self) -> str:
        return f"<sockwright.Stack {self.name}>"

    def socket(
        self,
        kind: "str | int" = "stream",
        *,
        family: "int | str" = 0,
        label: str = "",
        session: "Session | None" = None,
        **options: Any,
    ) -> Socket:
        """Makes a socket, `stream` or `datagram`, with options by the contract's names: `no_delay=True, msl=1.5`."""
        session_id = session.id if session else ""
        request = create_request(self.name, kind, session_id, family=family, label=label, **options)
        created = call(self.client.sockets.Create, request)
        return Socket(self.client, created.socket, created.at)

    def create_connection(
        self, address: Address, timeout: "Seconds | None" = None, source_address: "Address | None" = None, **socket: Any
    ) -> Socket:
        """Opens a connection, as `socket.create_connection` does. One that fails leaves nothing behind."""
        made = self.socket(family=family_of(address), **socket)
        try:
            made.settimeout(timeout)
            if source_address is not None:
                made.bind(source_address)
            made.connect(address)
        except BaseException:
            made.abort()
            raise
        return made

    def create_server(self, address: Address, *, backlog: int = 0, **socket: Any) -> Socket:
        """A socket that listens, as `socket.create_server` gives one."""
        made = self.socket(family=family_of(address), **socket)
        try:
            made.bind(address)
            made.listen(backlog)
        except BaseException:
            made.abort()
            raise
        return made

    def detach(self) -> None:
        """Removes an attached stack; its connections are reset."""
        call(self.client.networks.Detach, v1.DetachRequest(name=self.name))


class Session:
    """A lease: what belongs to it ends by its policy when this program is gone. As a context manager it is closed."""

    def __init__(self, client: Client, opened: v1.OpenResponse) -> None:
        self.client = client
        self.id = opened.session
        self._lease = opened.lease.ToNanoseconds() / 1e9
        self._over = threading.Event()
        threading.Thread(target=self._keep_alive, name=f"sockwright session {self.id}", daemon=True).start()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session now. What belongs to it ends by its policy."""
        self._over.set()
        call(self.client.sessions.Close, v1.SessionsCloseRequest(session=self.id))

    def _keep_alive(self) -> None:
        # Three times as often as it has to be: a call that fails is made good by the next.
        while not self._over.wait(self._lease / 3):
            try:
                self.client.sessions.KeepAlive(v1.KeepAliveRequest(session=self.id), timeout=self._lease / 3)
            except grpc.RpcError:
                continue
            except ValueError:
                return  # The channel is closed.
