"""The drawing of the state machine for the site, from the drawing that its page has for forges.

Owns where the states stand: where RFC 9293's figure 5 has them, CLOSED twice. What leads where is read from the page, which a test of the
engine holds to the engine's own table.

    FIN_WAIT_1 --> CLOSING: rcv FIN
"""

import html
import math
import re

ARROW = re.compile(r"^\s*(\w+) --> (\w+): (.+)$", re.MULTILINE)
BOX = (128, 38)
SIZE = (860, 660)
PLACES = {
    "CLOSED": (430, 36),
    "LISTEN": (430, 136),
    "SYN_RECEIVED": (130, 236),
    "SYN_SENT": (730, 236),
    "ESTABLISHED": (430, 336),
    "FIN_WAIT_1": (130, 430),
    "CLOSE_WAIT": (730, 430),
    "FIN_WAIT_2": (130, 530),
    "CLOSING": (430, 530),
    "LAST_ACK": (730, 530),
    "TIME_WAIT": (430, 624),
    "END": (730, 624),
}
OPENING = ("LISTEN", "SYN_SENT")
"""The states from which CLOSED is where a connection begins; from the others it is where it ends."""
NOT_IN_THE_FIGURE = ("rcv data after CLOSE",)
"""What the tables below the drawing have, and the figure does not."""


def svg(page: str) -> str:
    """The drawing. It takes the colours of the page around it."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for source, target, why in ARROW.findall(page):
        if why not in NOT_IN_THE_FIGURE:
            end = "END" if target == "CLOSED" and source not in OPENING else target
            arrows.setdefault((source, end), []).append(why)
    drawn = [_arrow(source, target, ", ".join(why), (target, source) in arrows) for (source, target), why in arrows.items()]
    boxes = [_box(name, *place) for name, place in PLACES.items()]
    return "".join(
        [
            '<div class="states">',
            f'<svg viewBox="0 0 {SIZE[0]} {SIZE[1]}" role="img" aria-label="The states of a connection">',
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">',
            '<path d="M0 0L10 5L0 10z" fill="currentColor"/></marker></defs>',
            *drawn,
            *boxes,
            "</svg></div>\n",
        ]
    )


def _box(name: str, x: int, y: int) -> str:
    width, height = BOX
    told = "CLOSED" if name == "END" else name.replace("_", "-")
    return (
        f'<rect x="{x - width / 2}" y="{y - height / 2}" width="{width}" height="{height}" rx="5"/>'
        f'<text class="state" x="{x}" y="{y + 5}">{told}</text>'
    )


def _arrow(source: str, target: str, why: str, both: bool) -> str:
    """A line from border to border. Two that go both ways keep to their right; the words stand in its middle."""
    (x1, y1), (x2, y2) = PLACES[source], PLACES[target]
    length = math.hypot(x2 - x1, y2 - y1)
    aside = (16 if both else 0) / length
    shift = ((y1 - y2) * aside, (x2 - x1) * aside)
    start = _border(x2 - x1, y2 - y1, *shift)
    end = _border(x1 - x2, y1 - y2, *shift)
    x1, y1, x2, y2 = x1 + start[0], y1 + start[1], x2 + end[0], y2 + end[1]
    # Of two, the words stand beside an upright one, and on an oblique one nearer to its head.
    upright = both and PLACES[source][0] == PLACES[target][0]
    beside, along = 3 if upright else 0, 0.64 if both and not upright else 0.5
    middle = (x1 + (x2 - x1) * along + beside * shift[0], y1 + (y2 - y1) * along + 4)
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" marker-end="url(#head)"/>'
        f'<text class="why" x="{middle[0]:.0f}" y="{middle[1]:.0f}">{html.escape(why)}</text>'
    )


def _border(run: float, rise: float, aside: float, down: float) -> tuple[float, float]:
    """Where a line that begins beside the middle of a box leaves it, from its middle."""
    across = (math.copysign(BOX[0] / 2, run) - aside) / run if run else math.inf
    along = (math.copysign(BOX[1] / 2, rise) - down) / rise if rise else math.inf
    scale = min(across, along)
    return aside + run * scale, down + rise * scale
