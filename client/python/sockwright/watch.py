"""The stream of events, over lost connections and restarts of the server."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc

import sockwright.v1 as v1
from sockwright.errors import os_error

if TYPE_CHECKING:
    from sockwright.client import Client

RETRY_FIRST, RETRY_MOST = 0.05, 2.0
"""How many seconds a watch that lost its server waits before it tries again, at first and at most."""


class Watch:
    """Events in order, and a `Gap` where some were not got. As a context manager it ends itself.

    `sockets` is what was there as it began, or after the last gap, by identifier. When the server goes away the watch
    goes on where it was as soon as it is back.

    Raises OSError for what trying again does not mend: a filter that cannot be understood, a reader that was too slow.
    """

    def __init__(self, client: "Client", filter: v1.Filter) -> None:
        self.sockets: dict[int, v1.SocketSummary] = {}
        self.position: v1.Position | None = None
        self._client, self._filter = client, filter
        self._ended = threading.Event()
        self._fresh = True
        self._parts: Iterator[v1.Event | v1.Gap] = self._follow()
        self._open()
        try:
            while self.position is None:
                self._snapshot(next(self._stream).snapshot)
        except grpc.RpcError as error:
            raise os_error(error) from error

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def __iter__(self) -> "Watch":
        return self

    def __next__(self) -> "v1.Event | v1.Gap":
        return next(self._parts)

    def close(self) -> None:
        """Ends the watch. Whoever waits for its next event, in another thread, gets StopIteration."""
        self._ended.set()
        self._stream.cancel()

    def _open(self) -> None:
        request = v1.WatchRequest(filter=self._filter, delivery=v1.DELIVERY_LOSSLESS, resume=self.position)
        self._stream = self._client.events.Watch(request)
        if self._ended.is_set():
            self._stream.cancel()

    def _snapshot(self, part: v1.Snapshot) -> None:
        if self._fresh:
            self.sockets = {}
        self.sockets.update({socket.socket: socket for socket in part.sockets})
        self._fresh = part.last
        if part.last:
            self.position = part.at

    def _follow(self) -> Iterator["v1.Event | v1.Gap"]:
        wait = RETRY_FIRST
        while not self._ended.is_set():
            try:
                for response in self._stream:
                    wait = RETRY_FIRST
                    yield from self._part(response)
            except grpc.RpcError as error:
                if self._ended.is_set():
                    return
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise os_error(error) from error
            if self._ended.wait(wait):
                return
            wait = min(2 * wait, RETRY_MOST)
            self._fresh = True
            self._open()

    def _part(self, response: v1.WatchResponse) -> Iterator["v1.Event | v1.Gap"]:
        kind = response.WhichOneof("part")
        if kind == "snapshot":
            self._snapshot(response.snapshot)
        elif kind == "gap":
            # A snapshot follows. Should it break off, it has to come again.
            self.position = None
            yield response.gap
        else:
            for event in response.events.events:
                self.position = v1.Position(epoch=response.events.epoch, seq=event.seq)
                yield event
