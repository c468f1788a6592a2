"""Events of connections as ladders: who sent what, what was lost and sent again, and which state that made of each end.

Reads events and makes text; asks no server. What it wants to see are the kinds in `KINDS`.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sockwright.v1 as v1
from sockwright.words import name_of, state_name

KINDS = (
    "opened",
    "named",
    "tcp_state_changed",
    "segment_sent",
    "segment_received",
    "segment_dropped",
    "retransmission",
    "frame_lost",
    "failed",
    "released",
)
"""The kinds of event that a ladder is drawn from."""

GONE = ("LOST", "QUEUE_FULL", "TOO_BIG", "NO_SUCH_HOST")
"""Of what a link does to frames, that after which they do not arrive."""
ARROW = 30
"""Columns between the two ends, at least."""
SIDE = 13
"""Columns of a state's name: as wide as `SYN-RECEIVED` and one."""

_OPTIONS = re.compile(r" <([^>]*)>$")
_LOST = re.compile(r"^(?P<source>\S+) > (?P<destination>\S+): \S+ (?P<seq>\d+):")

End = tuple[str, int]


def ladders(events: Iterable[v1.Event]) -> str:
    """A ladder for each connection in these events, in the order in which they began, with a line between two.

    The end that began is on the left. Sequence numbers are relative, times are those of the stacks in seconds.
    """
    drawn: dict[frozenset[End], _Ladder] = {}
    ends: dict[int, frozenset[End]] = {}
    again: dict[tuple[int, int], str] = {}
    for event in events:
        kind = event.WhichOneof("kind") or ""
        what: Any = getattr(event, kind, None)
        if kind == "retransmission":
            again[event.socket, what.seq] = name_of(v1.RetransmissionReason, "RETRANSMISSION_REASON_", what.reason)
        elif kind == "frame_lost" and what.what in GONE and (lost := _LOST.match(what.text)):
            source, destination = _end(lost["source"]), _end(lost["destination"])
            if ladder := drawn.get(frozenset((source, destination))):
                ladder.lost(source, int(lost["seq"]))
        elif between := _between(kind, what):
            key = frozenset(between)
            if event.socket and kind != "segment_dropped":
                ends[event.socket] = key
            ladder = drawn.setdefault(key, _Ladder(*between))
            ladder.add(event, kind, what, again.pop((event.socket, getattr(what, "seq", 0)), ""))
        elif kind in ("tcp_state_changed", "failed") and event.socket in ends:
            drawn[ends[event.socket]].add(event, kind, what, "")
    return "\n\n".join(ladder.text() for ladder in drawn.values())


def _between(kind: str, what: Any) -> "tuple[End, End] | None":
    """The ends of the connection that an event tells of, where it says so itself: who acts comes first."""
    if kind in ("segment_sent", "segment_received"):
        return _pair(what.source), _pair(what.destination)
    if kind == "segment_dropped" and what.HasField("segment"):
        return _pair(what.segment.source), _pair(what.segment.destination)
    if kind == "tcp_state_changed" and what.remote.ip:
        return _pair(what.local), _pair(what.remote)
    return None


class _Ladder:
    """One connection: its left end is the one that it was first heard of."""

    def __init__(self, left: End, right: End) -> None:
        self._left, self._right = left, right
        self._names: dict[End, str] = {}
        self._of: dict[int, End] = {}
        # What was told as it was sent is not told again as it arrives.
        self._under_way: Counter[tuple] = Counter()
        self._lines: list[_Line] = []

    def add(self, event: v1.Event, kind: str, what: Any, again: str) -> None:
        seconds = event.time_ns / 1e9
        if kind == "tcp_state_changed":
            if what.local.ip:
                self._known(event, _pair(what.local))
            state = state_name(what.to)
            at_left = self._of.get(event.socket) != self._right
            self._lines.append(_Line(seconds, left=state) if at_left else _Line(seconds, right=state))
        elif kind == "failed":
            self._note(seconds, f"#{event.socket} {what.errno_name}: {what.message}")
        elif kind == "segment_sent":
            source = _pair(what.source)
            self._known(event, source)
            self._under_way[_wire(what)] += 1
            self._arrow(seconds, _short(what.text) + (f" [again: {again}]" if again else ""), source, what.seq)
        elif kind == "segment_received":
            self._known(event, _pair(what.destination))
            if self._under_way[_wire(what)]:
                self._under_way[_wire(what)] -= 1
            else:
                self._arrow(seconds, _short(what.text), _pair(what.source), what.seq)
        elif kind == "segment_dropped":
            self._note(seconds, f"{event.stack} dropped {_short(what.segment.text)}: {what.reason}")

    def _known(self, event: v1.Event, end: End) -> None:
        if event.socket and event.socket not in self._of:
            self._of[event.socket] = end
            label = f" {event.label}" if event.label else ""
            self._names[end] = f"{event.stack} #{event.socket}{label}"

    def lost(self, source: End, seq: int) -> None:
        """The last segment with this number did not arrive."""
        for line in reversed(self._lines):
            if (line.source, line.seq) == (source, seq):
                line.way = line.way.upper()
                return

    def _arrow(self, seconds: float, text: str, source: End, seq: int) -> None:
        way = "right" if source == self._left else "left"
        self._lines.append(_Line(seconds, way=way, text=text, source=source, seq=seq))

    def _note(self, seconds: float, text: str) -> None:
        self._lines.append(_Line(seconds, way="note", text=text))

    def text(self) -> str:
        width = max([ARROW, *(len(line.text) + 8 for line in self._lines)])
        left, right = (f"{self._names.get(end, 'peer')} {_address(end)}" for end in (self._left, self._right))
        return "\n".join([f"{'':12}{left:{SIDE + width}} {right}", *(line.drawn(width) for line in self._lines)])


@dataclass
class _Line:
    """A state of one end, what passes between them, or a note."""

    seconds: float
    left: str = ""
    right: str = ""
    way: str = ""
    """`right` or `left`, in capitals if it was lost; `note`."""
    text: str = ""
    source: "End | None" = None
    seq: int = 0

    def drawn(self, width: int) -> str:
        body = f" {self.text} ".center(width - 2, "─")
        between = {
            "": "",
            "note": f"  x {self.text}",
            "right": f"{body}─>",
            "left": f"<─{body}",
            "RIGHT": f"{body[:-4]}x LOST",
            "LEFT": f"LOST x{body[4:]}",
        }[self.way]
        return f"{self.seconds:11.6f} {self.left:{SIDE}}│{between:{width}}│ {self.right}".rstrip()


def _wire(segment: v1.Segment) -> tuple:
    """What of a segment is the same at both ends."""
    return (_pair(segment.source), segment.seq, segment.ack, segment.flags, segment.length)


def _short(text: str) -> str:
    """A segment without its timestamps, which are on every one of them."""
    found = _OPTIONS.search(text)
    if found is None:
        return text
    kept = [option for option in found[1].split(",") if not option.startswith("TS ")]
    return text[: found.start()] + (f" <{','.join(kept)}>" if kept else "")


def _end(text: str) -> End:
    """`10.0.0.1:80` or `[fd00::1]:80`."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _pair(address: v1.SocketAddress) -> End:
    return address.ip, address.port


def _address(end: End) -> str:
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"
