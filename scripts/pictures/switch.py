"""The picture of a switch, seen by resolvers: time runs from left to right.

Before and after the switch a second has the same width; the few milliseconds of the switch itself
are magnified between them.
Two resolvers keep what they were answered for a TTL: one asked some time before the switch, the
other one a moment before the new answer was there, so that its clients are the last to follow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pictures.svg import Drawing

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "switch.svg"

TTL = 60
ASKED_BEFORE = 22
"""Seconds before the switch when the first resolver asked."""

WIDTH, HEIGHT = 1000, 650
LEFT, COMMAND, REPLY, RIGHT = 180.0, 318.0, 562.0, 982.0
"""Where the lanes begin, the operator gives the command, gets the reply, and the lanes end."""
SECOND = 4.9
"""Width of a second outside the magnified part."""
PUBLISHED = 526.0
LAST_QUESTION = 478.0
"""Where the answering process has the new answer, and the last resolver gets the old one."""

OPERATOR, CONTROL, ANSWERING, FIRST, LAST, CLIENTS = 76.0, 156.0, 240.0, 328.0, 410.0, 492.0
"""Upper ends of the lanes."""
BAR = 34.0
AREA = 84.0
"""Heights of a bar, and of the lane of the clients."""

HOSTNAME = "414-262-781.failover.test"
OLD, NEW = "192.0.2.10", "198.51.100.20"

_SANS = 'font-family: "DejaVu Sans", Verdana, "Segoe UI", Helvetica, Arial, sans-serif'
_MONO = 'font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace'
STYLE = {
    "page": "fill: #ffffff; stroke: #d0d7de",
    "moment": "fill: #eef2f6",
    "lane": "stroke: #d8dee4; stroke-width: 1",
    "tick": "stroke: #8c959f; stroke-width: 1",
    "mark": "stroke: #57606a; stroke-width: 1.4; stroke-dasharray: 4 4",
    "arrow": "stroke: #24292f; stroke-width: 1.6",
    "arrow-head": "fill: #24292f",
    "primary": "fill: #0b5fa5",
    "backup": "fill: #b35900",
    "step": "fill: #ffffff; stroke: #57606a; stroke-width: 1.2",
    "command": "fill: #24292f",
    "who": f"{_SANS}; font-size: 14px; font-weight: bold; fill: #1f2328",
    "about": f"{_SANS}; font-size: 12px; fill: #57606a",
    "time": f"{_SANS}; font-size: 12px; fill: #57606a",
    "said": f"{_SANS}; font-size: 13px; fill: #1f2328",
    "strong": f"{_SANS}; font-size: 13px; font-weight: bold; fill: #1f2328",
    "code": f"{_MONO}; font-size: 13px; fill: #ffffff",
    "answer": f"{_MONO}; font-size: 13px; fill: #ffffff",
    "on-bar": f"{_SANS}; font-size: 13px; fill: #ffffff",
}
"""Class -> CSS, on a light page."""
DARK = {
    "page": "fill: #0d1117; stroke: #30363d",
    "moment": "fill: #1b222c",
    "lane": "stroke: #2a313a",
    "tick": "stroke: #6e7681",
    "mark": "stroke: #9198a1",
    "arrow": "stroke: #e6edf3",
    "arrow-head": "fill: #e6edf3",
    "primary": "fill: #1a6fc4",
    "backup": "fill: #b35d06",
    "step": "fill: #0d1117; stroke: #9198a1",
    "command": "fill: #30363d",
    "who": "fill: #e6edf3",
    "about": "fill: #9198a1",
    "time": "fill: #9198a1",
    "said": "fill: #e6edf3",
    "strong": "fill: #e6edf3",
}
"""Class -> what is different on a dark page."""

TITLE = "What a switch does, seen by resolvers"
DESCRIPTION = (
    f"The operator gives the command `failoverdns switch shop`. The control process checks the"
    f" rules, writes the change to disk and publishes it; from then on the answering processes"
    f" answer {NEW}, and the reply comes. A resolver that asked {ASKED_BEFORE} seconds earlier"
    f" keeps {OLD} for {TTL - ASKED_BEFORE} more seconds, then asks again and gets {NEW}. A"
    f" resolver that asked a moment before keeps the old answer for the whole TTL of {TTL}"
    f" seconds. Clients move from the primary to the backup during that time; at `drained_at` the"
    f" last one has left the primary."
)


def main() -> None:
    """Write the picture to the path that is given, else to the one that documents show."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    path.write_text(drawn(), encoding="utf-8")
    print(f"drew {path}")


def drawn() -> str:
    """Return the picture as SVG."""
    drawing = Drawing(WIDTH, HEIGHT, TITLE, DESCRIPTION)
    drawing.rectangle("page", 0.5, 0.5, WIDTH - 1, HEIGHT - 1, 10)
    _time(drawing)
    _operator(drawing)
    _control(drawing)
    _answering(drawing)
    _resolvers(drawing)
    _clients(drawing)
    return drawing.document(STYLE, DARK)


def _after(seconds: float) -> float:
    """Return where a moment after the reply stands."""
    return REPLY + seconds * SECOND


def _time(drawing: Drawing) -> None:
    """Draw the scale, the magnified moment, and the end of the old answer."""
    bottom = CLIENTS + AREA
    drawing.rectangle("moment", COMMAND, 16, REPLY - COMMAND, bottom - 16)
    drawing.text("time", (COMMAND + REPLY) / 2, 34, "magnified: a few milliseconds", "middle")
    drawing.line("mark", (_after(TTL), LAST + BAR), (_after(TTL), bottom))
    drawing.text("strong", _after(TTL), bottom + 42, "drained_at", "middle")
    drawing.text("time", _after(TTL), bottom + 59, "the last client has left the primary", "middle")
    for seconds in (-20, 0, 20, 40, 60, 80):
        x = COMMAND + seconds * SECOND if seconds < 0 else _after(seconds)
        drawing.line("tick", (x, bottom), (x, bottom + 6))
        sign = "\N{MINUS SIGN}" if seconds < 0 else "+" if seconds else ""
        drawing.text("time", x, bottom + 22, f"{sign}{abs(seconds)} s", "middle")


def _lane(drawing: Drawing, y: float, who: str, *about: str) -> None:
    """Name a lane, to its left."""
    drawing.text("who", 18, y + 15, who)
    for number, line in enumerate(about):
        drawing.text("about", 18, y + 32 + 15 * number, line)


def _operator(drawing: Drawing) -> None:
    _lane(drawing, OPERATOR, "operator", "or a program")
    drawing.arrow((COMMAND + 20, OPERATOR + 22), (COMMAND + 20, CONTROL))
    drawing.arrow((REPLY - 14, CONTROL), (REPLY - 14, OPERATOR + 22))
    for x, width, words in (
        (COMMAND - 18, 204, "failoverdns switch shop"),
        (REPLY - 34, 314, "shop: switched from primary to backup"),
    ):
        drawing.rectangle("command", x, OPERATOR - 8, width, 30, 5)
        drawing.text("code", x + 11, OPERATOR + 12, words)


def _control(drawing: Drawing) -> None:
    _lane(drawing, CONTROL, "control process", "one change at a time")
    steps = (("checked", 6, 78), ("on disk", 90, 66), ("published", 162, 78))
    for number, (name, offset, width) in enumerate(steps):
        x = COMMAND + offset
        drawing.rectangle("step", x, CONTROL, width, 30, 5)
        drawing.text("said", x + width / 2, CONTROL + 20, name, "middle")
        if number:
            drawing.line("arrow", (x - 6, CONTROL + 15), (x, CONTROL + 15))
    drawing.arrow((PUBLISHED, CONTROL + 30), (PUBLISHED, ANSWERING))
    drawing.text(
        "said", REPLY + 14, CONTROL + 12, "The reply comes when the change is on disk and served:"
    )
    drawing.text("said", REPLY + 14, CONTROL + 30, "no query after the reply gets the old answer.")


def _answering(drawing: Drawing) -> None:
    _lane(drawing, ANSWERING, "answering process", "one per processor")
    _halves(drawing, ANSWERING, LEFT, PUBLISHED, RIGHT)
    drawing.text("answer", LEFT + 12, ANSWERING + 22, f"{HOSTNAME}. A {OLD}")
    drawing.text("answer", PUBLISHED + 14, ANSWERING + 22, f"{HOSTNAME}. A {NEW}")


def _halves(drawing: Drawing, y: float, begin: float, change: float, end: float) -> None:
    """Draw a bar that is the primary's and then the backup's."""
    drawing.rectangle("primary", begin, y, change - begin, BAR)
    drawing.rectangle("backup", change, y, end - change, BAR)


def _resolvers(drawing: Drawing) -> None:
    asked = COMMAND - ASKED_BEFORE * SECOND
    expired = _after(TTL - ASKED_BEFORE)
    _lane(drawing, FIRST, "a resolver", f"asked {ASKED_BEFORE} s earlier")
    _lane(drawing, LAST, "the last resolver", "asked a moment", "before the switch")
    lanes = ((LAST, LAST_QUESTION, _after(TTL)), (FIRST, asked, expired))
    for y, begin, end in lanes:
        for x in (begin, end):
            drawing.arrow((x, y), (x, ANSWERING + BAR))
    for y, begin, end in lanes:  # over the arrows, which pass behind other lanes
        drawing.line("lane", (LEFT, y + BAR / 2), (begin, y + BAR / 2))
        _halves(drawing, y, begin, end, RIGHT)
    drawing.text("on-bar", asked + 12, FIRST + 22, f"keeps {OLD} for the TTL, {TTL} s")
    drawing.text("on-bar", expired + 12, FIRST + 22, f"asks again: {NEW}")
    drawing.text("on-bar", LAST_QUESTION + 12, LAST + 22, f"keeps {OLD} for {TTL} s")
    drawing.text("on-bar", _after(TTL) + 12, LAST + 22, "asks again")


def _clients(drawing: Drawing) -> None:
    _lane(drawing, CLIENTS, "clients", "where they connect")
    bottom = CLIENTS + AREA
    drained = _after(TTL)
    drawing.rectangle("backup", PUBLISHED, CLIENTS, RIGHT - PUBLISHED, AREA)
    drawing.polygon(
        "primary",
        [(LEFT, CLIENTS), (REPLY, CLIENTS), (drained, bottom), (LEFT, bottom)],
    )
    drawing.text("on-bar", LEFT + 12, CLIENTS + 48, "on the primary, shop-eu")
    drawing.text("on-bar", RIGHT - 12, CLIENTS + 28, "on the backup, shop-us", "end")


if __name__ == "__main__":
    main()
