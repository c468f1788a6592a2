"""The client for `async`: the names of `sockwright.client` and `sockwright.sockets`, with `await`.

    async with sockwright.aio.connect("127.0.0.1:50051") as client, await client.lab("a", "b") as lab:
        listener = await lab["b"].create_server(("10.0.0.2", 80))
        peer = await lab["a"].create_connection(("10.0.0.2", 80))
        await peer.wait_for("ESTABLISHED", timeout=1)

What a method does is said at the one without `async`. Cancelling a task ends its wait and loses nothing.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from os import PathLike
from typing import Any

import grpc
import grpc.aio

import sockwright.v1 as v1
from sockwright import tracing
from sockwright.access import Access
from sockwright.errors import os_error
from sockwright.sockets import SEND_MAX, SHUTDOWN
from sockwright.watch import RETRY_FIRST, RETRY_MOST
from sockwright.words import (
    Address,
    Seconds,
    attach_request,
    create_request,
    duration,
    family_of,
    from_address,
    lab_request,
    message,
    number_of,
    state_name,
    to_address,
    wait_request,
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
    """See `sockwright.connect`. Needs a running event loop."""
    return Client(Access.to(target, token=token, ca=ca, cert=cert, key=key, insecure=insecure).aio_channel())


class Client:
    """See `sockwright.Client`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.sockets = v1.SocketsStub(channel)
        self.events = v1.EventsStub(channel)
        self.networks = v1.NetworksStub(channel)
        self.sessions = v1.SessionsStub(channel)
        self.traces = v1.TracesStub(channel)
        self.traffic = v1.TrafficStub(channel)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets go of the server."""
        await self.channel.close()

    def stack(self, name: str) -> "Stack":
        """A stack by its name."""
        return Stack(self, name)

    async def lab(self, *stacks: str, session: "Session | None" = None, **lab: Any) -> "Lab":
        """See `sockwright.Client.lab`."""
        request = lab_request(stacks, session.id if session else "", **lab)
        return Lab(self, (await call(self.networks.CreateLab, request)).lab)

    async def attach(self, name: str, *, session: "Session | None" = None, **link: Any) -> "Stack":
        """See `sockwright.Client.attach`."""
        request = attach_request(name, session.id if session else "", **link)
        return Stack(self, (await call(self.networks.Attach, request)).stack.name)

    async def session(
        self, *, lease: "Seconds | None" = None, on_expiry: "str | int" = 0, label: str = ""
    ) -> "Session":
        """See `sockwright.Client.session`."""
        request = v1.OpenRequest(on_expiry=number_of(v1.OnExpiry, "ON_EXPIRY_", on_expiry), label=label)
        if lease is not None:
            request.lease.CopyFrom(duration(lease))
        return Session(self, await call(self.sessions.Open, request))

    async def watch(self, **filter: Any) -> "Watch":
        """See `sockwright.Client.watch`."""
        watch = Watch(self, watch_filter(**filter))
        await watch._begin()
        return watch

    def trace(
        self,
        path: "str | PathLike[str]",
        *,
        mode: str = "on",
        session: "Session | None" = None,
        title: str = "",
        no_packets: bool = False,
        **filter: Any,
    ) -> "AbstractAsyncContextManager[str]":
        """See `sockwright.Client.trace`; of an `async with`."""
        asked = tracing.start_request(mode, session.id if session else "", title, no_packets, filter)
        return tracing.aio_trace(self.traces, asked, path, mode)


class Lab:
    """See `sockwright.Lab`."""

    def __init__(self, client: Client, lab: v1.Lab) -> None:
        self.client = client
        self.name = lab.name
        self.stacks = [Stack(client, name) for name in lab.stacks]
        self.links: Sequence[str] = [link.name for link in lab.links]

    async def __aenter__(self) -> "Lab":
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.delete()

    def __getitem__(self, name: str) -> "Stack":
        for stack in self.stacks:
            if stack.name == f"{self.name}/{name}":
                return stack
        raise KeyError(f"{self.name} has no stack {name!r}")

    async def advance(
        self, seconds: "Seconds | None" = None, *, steps: "int | None" = None, until_idle: bool = False
    ) -> int:
        """See `sockwright.Lab.advance`."""
        request = v1.AdvanceTimeRequest(lab=self.name)
        if seconds is not None:
            request.by.CopyFrom(duration(seconds))
        elif steps is not None:
            request.steps = steps
        else:
            request.until_idle = until_idle
        return (await call(self.client.networks.AdvanceTime, request)).time_ns

    async def impair(self, link: "str | None" = None, **impairments: Any) -> None:
        """See `sockwright.Lab.impair`."""
        wanted = message(v1.Impairments, impairments)
        request = v1.SetImpairmentsRequest(lab=self.name, link=link or self.links[0], impairments=wanted)
        await call(self.client.networks.SetImpairments, request)

    async def delete(self) -> None:
        """Deletes the lab, its stacks and their sockets, without a segment."""
        await call(self.client.networks.DeleteLab, v1.DeleteLabRequest(name=self.name))


class Stack:
    """See `sockwright.Stack`."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    async def __aenter__(self) -> "Stack":
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.detach()

    def __repr__(self) -> str:
        return f"<sockwright.aio.Stack {self.name}>"

    async def socket(
        self, kind: "str | int" = "stream", *, session: "Session | None" = None, **socket: Any
    ) -> "Socket":
        """See `sockwright.Stack.socket`."""
        request = create_request(self.name, kind, session.id if session else "", **socket)
        created = await call(self.client.sockets.Create, request)
        return Socket(self.client, created.socket, created.at)

    async def create_connection(
        self, address: Address, timeout: "Seconds | None" = None, source_address: "Address | None" = None, **socket: Any
    ) -> "Socket":
        """See `sockwright.Stack.create_connection`."""
        made = await self.socket(family=family_of(address), **socket)
        try:
            made.settimeout(timeout)
            if source_address is not None:
                await made.bind(source_address)
            await made.connect(address)
        except BaseException:
            await asyncio.shield(made.abort())
            raise
        return made

    async def create_server(self, address: Address, *, backlog: int = 0, **socket: Any) -> "Socket":
        """See `sockwright.Stack.create_server`."""
        made = await self.socket(family=family_of(address), **socket)
        try:
            await made.bind(address)
            await made.listen(backlog)
        except BaseException:
            await asyncio.shield(made.abort())
            raise
        return made

    async def detach(self) -> None:
        """Removes an attached stack; its connections are reset."""
        await call(self.client.networks.Detach, v1.DetachRequest(name=self.name))


class Session:
    """See `sockwright.Session`."""

    def __init__(self, client: Client, opened: v1.OpenResponse) -> None:
        self.client = client
        self.id = opened.session
        self._task = asyncio.create_task(self._keep_alive(opened.lease.ToNanoseconds() / 1e9))

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session now. What belongs to it ends by its policy."""
        self._task.cancel()
        await call(self.client.sessions.Close, v1.SessionsCloseRequest(session=self.id))

    async def _keep_alive(self, lease: Seconds) -> None:
        while True:
            await asyncio.sleep(lease / 3)
            try:
                await self.client.sessions.KeepAlive(v1.KeepAliveRequest(session=self.id), timeout=lease / 3)
            except grpc.RpcError:
                continue


class Socket:
    """See `sockwright.Socket`."""

    def __init__(self, client: Client, id: int, born: v1.Position, local: "Address | None" = None) -> None:
        self.client = client
        self.id = id
        self.born = born
        self._local = local
        self._remote: Address | None = None
        self._timeout: Seconds | None = None
        self._closed = False
        self._turn = asyncio.Lock()
        self._pending: asyncio.Task | None = None
        self._unread = b""

    async def __aenter__(self) -> "Socket":
        return self

    async def __aexit__(self, *failure: object) -> None:
        if not self._closed:
            await self.close()

    def __repr__(self) -> str:
        return f"<sockwright.aio.Socket #{self.id} {self._local} -> {self._remote}>"

    def settimeout(self, seconds: "Seconds | None") -> None:
        """Bounds every blocking call from now on. None: for ever. 0: calls that would block raise BlockingIOError."""
        self._timeout = seconds

    def gettimeout(self) -> "Seconds | None":
        """What `settimeout` set."""
        return self._timeout

    async def bind(self, address: Address) -> Address:
        """See `sockwright.Socket.bind`."""
        request = v1.BindRequest(socket=self.id, local=to_address(address))
        self._local = from_address((await self._call(self.client.sockets.Bind, request)).local)
        return self._local

    async def listen(self, backlog: int = 0) -> None:
        """See `sockwright.Socket.listen`."""
        request = v1.ListenRequest(socket=self.id, backlog=backlog)
        self._local = from_address((await self._call(self.client.sockets.Listen, request)).local)

    async def accept(self) -> "tuple[Socket, Address]":
        """See `sockwright.Socket.accept`."""
        response = await self._take(self.client.sockets.Accept, v1.AcceptRequest(socket=self.id))
        accepted = Socket(self.client, response.socket, response.at, from_address(response.local))
        remote = accepted._remote = from_address(response.remote)
        return accepted, remote

    async def connect(self, address: Address, *, data: bytes = b"") -> None:
        """See `sockwright.Socket.connect`."""
        request = v1.ConnectRequest(socket=self.id, remote=to_address(address), data=data, dont_wait=self._timeout == 0)
        response = await self._call(self.client.sockets.Connect, request, self._timeout)
        self._local, self._remote = from_address(response.local), from_address(response.remote)

    async def send(self, data: "bytes | bytearray | memoryview") -> int:
        """See `sockwright.Socket.send`."""
        octets = bytes(memoryview(data)[:SEND_MAX])
        # What does not wait is lost to no timeout and no cancellation that comes while it waits for room.
        request = v1.SendRequest(socket=self.id, data=octets, dont_wait=True)
        try:
            return (await asyncio.shield(self._call(self.client.sockets.Send, request))).accepted
        except BlockingIOError:
            if self._timeout == 0:
                raise
        request = v1.SendRequest(socket=self.id, data=octets)
        return (await self._call(self.client.sockets.Send, request, self._timeout)).accepted

    async def sendall(self, data: "bytes | bytearray | memoryview") -> None:
        """See `sockwright.Socket.sendall`."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self.send(rest) :]

    async def sendto(self, data: bytes, address: Address) -> int:
        """See `sockwright.Socket.sendto`."""
        request = v1.SendToRequest(socket=self.id, data=data, remote=to_address(address))
        await self._call(self.client.sockets.SendTo, request)
        return len(data)

    async def recv(self, size: int) -> bytes:
        """See `sockwright.Socket.recv`."""
        async with self._turn:
            if not self._unread and size > 0:
                request = v1.RecvRequest(socket=self.id, max_bytes=min(size, SEND_MAX))
                self._unread = (await self._wait(self.client.sockets.Recv, request)).data
            taken, self._unread = self._unread[:size], self._unread[size:]
            return taken

    async def recvfrom(self, size: int) -> "tuple[bytes, Address]":
        """See `sockwright.Socket.recvfrom`."""
        request = v1.RecvFromRequest(socket=self.id, max_bytes=size)
        response = await self._take(self.client.sockets.RecvFrom, request)
        return response.data[:size], from_address(response.remote)

    async def shutdown(self, how: int) -> str:
        """See `sockwright.Socket.shutdown`."""
        request = v1.ShutdownRequest(socket=self.id, how=SHUTDOWN[how])
        return state_name((await self._call(self.client.sockets.Shutdown, request)).tcp_state)

    async def close(self) -> str:
        """See `sockwright.Socket.close`."""
        if self._closed:
            return ""
        self._end()
        return state_name((await call(self.client.sockets.Close, v1.CloseRequest(socket=self.id))).tcp_state)

    async def abort(self) -> None:
        """See `sockwright.Socket.abort`."""
        self._end()
        await call(self.client.sockets.Abort, v1.AbortRequest(socket=self.id))

    async def getsockname(self) -> Address:
        """See `sockwright.Socket.getsockname`."""
        return self._local or from_address((await self.info()).summary.local)

    async def getpeername(self) -> Address:
        """See `sockwright.Socket.getpeername`."""
        remote = self._remote or from_address((await self.info()).summary.remote)
        if not remote[0]:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return remote

    async def state(self) -> str:
        """See `sockwright.Socket.state`."""
        return state_name((await self.info()).summary.tcp_state)

    async def info(self) -> v1.GetInfoResponse:
        """See `sockwright.Socket.info`."""
        return await call(self.client.sockets.GetInfo, v1.GetInfoRequest(socket=self.id))

    async def set_options(self, **options: Any) -> None:
        """See `sockwright.Socket.set_options`."""
        wanted = message(v1.SocketOptions, options)
        await self._call(self.client.sockets.SetOptions, v1.SetOptionsRequest(socket=self.id, options=wanted))

    async def get_options(self) -> v1.SocketOptions:
        """See `sockwright.Socket.get_options`."""
        return (await self._call(self.client.sockets.GetOptions, v1.GetOptionsRequest(socket=self.id))).options

    async def wait_for(
        self,
        state: "str | int | Iterable[str | int] | None" = None,
        *,
        timeout: "Seconds | None" = None,
        **condition: Any,
    ) -> "v1.Event | None":
        """See `sockwright.Socket.wait_for`."""
        request = wait_request(self.id, self.born, state=state, **condition)
        response = await call(self.client.sockets.WaitFor, request, timeout)
        return response.event if response.HasField("event") else None

    async def _call(self, method: Callable, request: Any, timeout: "Seconds | None" = None) -> Any:
        self._check()
        return await call(method, request, timeout or None)

    async def _take(self, method: Callable, request: Any) -> Any:
        async with self._turn:
            return await self._wait(method, request)

    async def _wait(self, method: Callable, request: Any) -> Any:
        """The answer of a call that takes something. It stays out over timeouts and cancellations."""
        self._check()
        if self._pending is None:
            if self._timeout == 0:
                request.dont_wait = True
                return await call(method, request)
            self._pending = asyncio.ensure_future(call(method, request))
        done, _ = await asyncio.wait([self._pending], timeout=self._timeout)
        if not done:
            if self._timeout == 0:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            raise TimeoutError("timed out")
        pending, self._pending = self._pending, None
        if pending.cancelled():
            self._check()
        return pending.result()

    def _end(self) -> None:
        self._closed = True
        if self._pending is not None:
            self._pending.cancel()

    def _check(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class Watch:
    """See `sockwright.Watch`; `async for event in watch`."""

    def __init__(self, client: Client, filter: v1.Filter) -> None:
        self.sockets: dict[int, v1.SocketSummary] = {}
        self.position: v1.Position | None = None
        self._client, self._filter = client, filter
        self._ended = False
        self._fresh = True
        self._parts = self._follow()
        self._open()

    async def __aenter__(self) -> "Watch":
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.close()

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> "v1.Event | v1.Gap":
        return await anext(self._parts)

    def close(self) -> None:
        """Ends the watch."""
        self._ended = True
        self._stream.cancel()

    async def _begin(self) -> None:
        try:
            while self.position is None:
                self._snapshot((await self._stream.read()).snapshot)
        except grpc.RpcError as error:
            raise os_error(error) from error

    def _open(self) -> None:
        request = v1.WatchRequest(filter=self._filter, delivery=v1.DELIVERY_LOSSLESS, resume=self.position)
        self._stream = self._client.events.Watch(request)

    def _snapshot(self, part: v1.Snapshot) -> None:
        if self._fresh:
            self.sockets = {}
        self.sockets.update({socket.socket: socket for socket in part.sockets})
        self._fresh = part.last
        if part.last:
            self.position = part.at

    async def _follow(self) -> AsyncIterator["v1.Event | v1.Gap"]:
        wait = RETRY_FIRST
        while not self._ended:
            try:
                while (response := await self._stream.read()) is not grpc.aio.EOF:
                    wait = RETRY_FIRST
                    kind = response.WhichOneof("part")
                    if kind == "snapshot":
                        self._snapshot(response.snapshot)
                    elif kind == "gap":
                        self.position = None
                        yield response.gap
                    else:
                        for event in response.events.events:
                            self.position = v1.Position(epoch=response.events.epoch, seq=event.seq)
                            yield event
            except (grpc.RpcError, asyncio.CancelledError) as error:
                if self._ended:
                    return
                if isinstance(error, asyncio.CancelledError):
                    raise
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise os_error(error) from error
            await asyncio.sleep(wait)
            if self._ended:
                return
            wait = min(2 * wait, RETRY_MOST)
            self._fresh = True
            self._open()


async def call(method: Callable, request: Any, timeout: "Seconds | None" = None) -> Any:
    """One call, its failure as Python's own error."""
    try:
        return await method(request, timeout=timeout)
    except grpc.RpcError as error:
        raise os_error(error) from error
