"""A socket of a stack, with the names of Python's own.

Owns: one socket of the server, and the wait for what it receives. A timeout ends a wait and nothing else: what a call
took is kept for the next.
"""

import errno
import io
import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import grpc

import sockwright.v1 as v1
from sockwright.errors import call, os_error
from sockwright.words import Address, Seconds, from_address, message, state_name, to_address, wait_request

if TYPE_CHECKING:
    from sockwright.client import Client

SEND_MAX = 1 << 20
"""The most octets that one call takes."""
SHUTDOWN = {
    socket.SHUT_RD: v1.SHUTDOWN_HOW_READ,
    socket.SHUT_WR: v1.SHUTDOWN_HOW_WRITE,
    socket.SHUT_RDWR: v1.SHUTDOWN_HOW_BOTH,
}
"""Python's names of what `shutdown` ends."""


class Socket:
    """A TCP or UDP socket of a stack: what `socket.socket` is to the kernel's.

    Blocking calls block inside the server. `settimeout` bounds them; None, as at first, is for ever, 0 not at all.
    Errors are the builtins: ConnectionRefusedError, ConnectionResetError, BrokenPipeError, TimeoutError, and OSError
    with their errno; `error.tcp_state` has the state in which the call found the connection.

    As a context manager it closes itself. `id` is its name in the contract, for every call that has no method here.
    """

    def __init__(self, client: "Client", id: int, born: v1.Position, local: "Address | None" = None) -> None:
        self.client = client
        self.id = id
        self.born = born
        self._local = local
        self._remote: Address | None = None
        self._timeout: Seconds | None = None
        self._closed = False
        self._turn = threading.Lock()
        self._pending: grpc.Future | None = None
        self._unread = b""

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *failure: object) -> None:
        if not self._closed:
            self.close()

    def __repr__(self) -> str:
        return f"<sockwright.Socket #{self.id} {self._local} -> {self._remote}>"

    def settimeout(self, seconds: "Seconds | None") -> None:
        """Bounds every blocking call from now on. None: for ever. 0: calls that would block raise BlockingIOError."""
        self._timeout = seconds

    def gettimeout(self) -> "Seconds | None":
        """What `settimeout` set."""
        return self._timeout

    def bind(self, address: Address) -> Address:
        """Takes a local address; port 0 is any free one. Returns what it got."""
        response = self._call(self.client.sockets.Bind, v1.BindRequest(socket=self.id, local=to_address(address)))
        self._local = from_address(response.local)
        return self._local

    def listen(self, backlog: int = 0) -> None:
        """Listens. From here on the stack completes handshakes, up to the backlog; 0 is the server's default."""
        response = self._call(self.client.sockets.Listen, v1.ListenRequest(socket=self.id, backlog=backlog))
        self._local = from_address(response.local)

    def accept(self) -> "tuple[Socket, Address]":
        """Takes the oldest connection whose handshake is over, and where it comes from. Blocks while there is none."""
        response = self._take(self.client.sockets.Accept, v1.AcceptRequest(socket=self.id))
        accepted = Socket(self.client, response.socket, response.at, from_address(response.local))
        remote = accepted._remote = from_address(response.remote)
        return accepted, remote

    def connect(self, address: Address, *, data: bytes = b"") -> None:
        """Opens a connection and blocks through its three-way handshake. `data` goes with the SYN (Fast Open).

        TimeoutError leaves the handshake going on: call again, or `wait_for`.
        """
        request = v1.ConnectRequest(socket=self.id, remote=to_address(address), data=data, dont_wait=self._timeout == 0)
        response = self._call(self.client.sockets.Connect, request, self._timeout)
        self._local, self._remote = from_address(response.local), from_address(response.remote)

    def send(self, data: "bytes | bytearray | memoryview") -> int:
        """Puts octets at the end of the send buffer, at least one, and says how many. Blocks while there is no room."""
        octets = bytes(memoryview(data)[:SEND_MAX])
        if self._timeout is not None:
            # What does not wait is not lost to a timeout.
            request = v1.SendRequest(socket=self.id, data=octets, dont_wait=True)
            try:
                return self._call(self.client.sockets.Send, request).accepted
            except BlockingIOError:
                if self._timeout == 0:
                    raise
        return self._call(self.client.sockets.Send, v1.SendRequest(socket=self.id, data=octets), self._timeout).accepted

    def sendall(self, data: "bytes | bytearray | memoryview") -> None:
        """Sends all of it, however little the send buffer takes at a time. After an error nobody knows how much."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.send(rest) :]

    def sendto(self, data: bytes, address: Address) -> int:
        """Sends one datagram."""
        request = v1.SendToRequest(socket=self.id, data=data, remote=to_address(address))
        self._call(self.client.sockets.SendTo, request)
        return len(data)

    def recv(self, size: int) -> bytes:
        """Takes up to `size` octets. Blocks while there are none and more can come; empty is the end of the stream.

        A timeout loses nothing: what comes afterwards is for the next call.
        """
        with self._turn:
            if not self._unread and size > 0:
                request = v1.RecvRequest(socket=self.id, max_bytes=min(size, SEND_MAX))
                self._unread = self._wait(self.client.sockets.Recv, request).data
            taken, self._unread = self._unread[:size], self._unread[size:]
            return taken

    def recv_into(self, buffer: Any, size: int = 0) -> int:
        """Takes octets into a buffer, and says how many."""
        view = memoryview(buffer).cast("B")
        data = self.recv(size or len(view))
        view[: len(data)] = data
        return len(data)

    def recvfrom(self, size: int) -> "tuple[bytes, Address]":
        """Takes the oldest datagram, and where it comes from. What is longer than `size` is lost."""
        response = self._take(self.client.sockets.RecvFrom, v1.RecvFromRequest(socket=self.id, max_bytes=size))
        return response.data[:size], from_address(response.remote)

    def makefile(self, mode: str = "r", buffering: "int | None" = None, **text: Any) -> Any:
        """A file over the connection, as `socket.makefile` gives one. Closing it does not close the socket."""
        kind = set(mode) - {"b"} or {"r"}
        if not kind <= {"r", "w"}:
            raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
        raw = _Raw(self, kind)
        size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
        if size == 0:
            if "b" not in mode:
                raise ValueError("unbuffered streams must be binary")
            return raw
        if kind == {"r", "w"}:
            buffered: Any = io.BufferedRWPair(raw, raw, size)
        elif kind == {"r"}:
            buffered = io.BufferedReader(raw, size)
        else:
            buffered = io.BufferedWriter(raw, size)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **text)

    def shutdown(self, how: int) -> str:
        """Ends one direction or both: `socket.SHUT_WR` is the half-close, a FIN after the data.

        Returns the TCP state.
        """
        return state_name(
            self._call(self.client.sockets.Shutdown, v1.ShutdownRequest(socket=self.id, how=SHUTDOWN[how])).tcp_state
        )

    def close(self) -> str:
        """Lets go of the socket: data is delivered, a FIN follows; unread data makes it a reset. Returns the TCP state.

        The socket can be watched and waited for until TCP is through with it. Closing again does nothing.
        """
        if self._closed:
            return ""
        self._end()
        return state_name(call(self.client.sockets.Close, v1.CloseRequest(socket=self.id)).tcp_state)

    def abort(self) -> None:
        """Ends the connection at once, with a reset."""
        self._end()
        call(self.client.sockets.Abort, v1.AbortRequest(socket=self.id))

    def getsockname(self) -> Address:
        """Its own address."""
        return self._local or from_address(self.info().summary.local)

    def getpeername(self) -> Address:
        """The peer's address. OSError ENOTCONN: there is none."""
        remote = self._remote or from_address(self.info().summary.remote)
        if not remote[0]:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return remote

    @property
    def state(self) -> str:
        """The TCP state as RFC 9293 spells it, `TIME-WAIT`; empty for a datagram socket. Good also after `close`."""
        return state_name(self.info().summary.tcp_state)

    def info(self) -> v1.GetInfoResponse:
        """Everything about it: states, sequence numbers, windows, timers, counters."""
        return call(self.client.sockets.GetInfo, v1.GetInfoRequest(socket=self.id))

    def set_options(self, **options: Any) -> None:
        """Sets options by the contract's names, all of them or none.

        `no_delay=True, msl=1.5, keep_alive={"enabled": True}`
        """
        wanted = message(v1.SocketOptions, options)
        self._call(self.client.sockets.SetOptions, v1.SetOptionsRequest(socket=self.id, options=wanted))

    def get_options(self) -> v1.SocketOptions:
        """Every option."""
        return self._call(self.client.sockets.GetOptions, v1.GetOptionsRequest(socket=self.id)).options

    def wait_for(
        self,
        state: "str | int | Iterable[str | int] | None" = None,
        *,
        event: "str | int | Iterable[str | int] | None" = None,
        readable: "int | None" = None,
        acknowledged: bool = False,
        released: bool = False,
        after: "v1.Position | None" = None,
        timeout: "Seconds | None" = None,
    ) -> "v1.Event | None":
        """Waits until something is true, or was since the socket began: `wait_for("TIME-WAIT")`. Instead of a sleep.

        The others: an event of a kind, so many octets to read, all that was sent acknowledged, the socket released by
        TCP. Returns the event that made it true; None where it was true already. Good also after `close`.

        Raises OSError ENOTCONN: it cannot come true any more. TimeoutError.
        """
        request = wait_request(
            self.id,
            self.born,
            state=state,
            event=event,
            readable=readable,
            acknowledged=acknowledged,
            released=released,
            after=after,
        )
        response = call(self.client.sockets.WaitFor, request, timeout)
        return response.event if response.HasField("event") else None

    def _call(self, method: Callable, request: Any, timeout: "Seconds | None" = None) -> Any:
        self._check()
        return call(method, request, timeout or None)

    def _take(self, method: Callable, request: Any) -> Any:
        with self._turn:
            return self._wait(method, request)

    def _wait(self, method: Any, request: Any) -> Any:
        """The answer of a call that takes something. It stays out over timeouts; who has the turn waits for it."""
        self._check()
        if self._pending is None:
            if self._timeout == 0:
                request.dont_wait = True
                return call(method, request)
            self._pending = method.future(request)
        try:
            response = self._pending.result(timeout=self._timeout)
        except grpc.FutureTimeoutError:
            kind = (
                BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                if self._timeout == 0
                else TimeoutError("timed out")
            )
            raise kind from None
        except grpc.FutureCancelledError:
            self._pending = None
            self._check()
            raise
        except grpc.RpcError as error:
            self._pending = None
            raise os_error(error) from error
        self._pending = None
        return response

    def _end(self) -> None:
        self._closed = True
        if (pending := self._pending) is not None:
            pending.cancel()

    def _check(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class _Raw(io.RawIOBase):
    """The connection as io sees it."""

    def __init__(self, socket: Socket, kind: set[str]) -> None:
        self._socket, self._kind = socket, kind

    def readable(self) -> bool:
        return "r" in self._kind

    def writable(self) -> bool:
        return "w" in self._kind

    def readinto(self, buffer: Any) -> int:
        return self._socket.recv_into(buffer)

    def write(self, data: Any) -> int:
        return self._socket.send(data)
