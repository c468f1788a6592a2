"""What happens on some stacks while a `with` runs, to be shown as ladders.

Owns: a watch, the thread that reads it, and the events, of which the last are kept.
"""

import threading
from collections import deque
from typing import TYPE_CHECKING

import sockwright.v1 as v1
from sockwright.ladder import KINDS, ladders

if TYPE_CHECKING:
    from sockwright.client import Stack

KEPT = 2000
"""The most events that are kept; the last ones are."""
PATIENCE = 10.0
"""Seconds for the last events to come."""
END = "end of what is drawn"
"""The label of the socket whose opening ends what is drawn."""


class Ladders:
    """The ladders of all connections of some stacks, from the beginning of the `with` to the moment of `str`."""

    def __init__(self, stacks: "list[Stack]") -> None:
        self._stacks = stacks
        self._events: deque[v1.Event] = deque(maxlen=KEPT)
        self._ends = threading.Semaphore(0)

    def __enter__(self) -> "Ladders":
        self._watch = self._stacks[0].client.watch(stacks=[stack.name for stack in self._stacks], kinds=KINDS)
        threading.Thread(target=self._record, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._watch.close()

    def __str__(self) -> str:
        # Events come in order, and that of a socket made now comes last.
        try:
            self._stacks[0].socket(label=END).abort()
        except OSError as error:
            return f"the server does not answer: {error}\n\n{ladders(self._events)}"
        self._ends.acquire(timeout=PATIENCE)
        return ladders(self._events)

    def _record(self) -> None:
        try:
            for event in self._watch:
                if not isinstance(event, v1.Event):
                    continue
                if event.label == END:
                    self._ends.release()
                else:
                    self._events.append(event)
        except OSError:
            self._ends.release()  # It fell behind, or the server is gone: what there is has to do.
