"""Writes SVG: rectangles, lines, arrows, polygons and text, in the colours of a style sheet.

A shape has the name of a class and no colour of its own.
The style sheet gives each class a colour for light pages and another one for dark pages.
The same calls give the same bytes on every machine: text stays text, numbers have one decimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

Point = tuple[float, float]
ARROW = 7.0
"""Length of the head of an arrow."""


class Drawing:
    """Collect the shapes of a picture, in the order in which they cover each other."""

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self.width = width
        self.height = height
        self._title = title
        self._description = description
        self._shapes: list[str] = []

    def rectangle(
        self, kind: str, x: float, y: float, width: float, height: float, radius: float = 0
    ) -> None:
        """Draw a rectangle whose upper left corner is at `x`, `y`."""
        corner = f' rx="{_number(radius)}"' if radius else ""
        self._shapes.append(
            f'<rect class="{kind}" x="{_number(x)}" y="{_number(y)}"'
            f' width="{_number(width)}" height="{_number(height)}"{corner}/>'
        )

    def polygon(self, kind: str, points: Iterable[Point]) -> None:
        """Draw a filled polygon."""
        text = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._shapes.append(f'<polygon class="{kind}" points="{text}"/>')

    def line(self, kind: str, begin: Point, end: Point) -> None:
        """Draw a straight line."""
        (x1, y1), (x2, y2) = begin, end
        self._shapes.append(
            f'<line class="{kind}" x1="{_number(x1)}" y1="{_number(y1)}"'
            f' x2="{_number(x2)}" y2="{_number(y2)}"/>'
        )

    def arrow(self, begin: Point, end: Point) -> None:
        """Draw an upright or level arrow."""
        (x1, y1), (x2, y2) = begin, end
        along = (_sign(x2 - x1), _sign(y2 - y1))
        foot = (x2 - along[0] * ARROW, y2 - along[1] * ARROW)
        across = (along[1] * ARROW * 0.55, along[0] * ARROW * 0.55)
        self.line("arrow", begin, foot)
        self.polygon(
            "arrow-head",
            [
                end,
                (foot[0] + across[0], foot[1] + across[1]),
                (foot[0] - across[0], foot[1] - across[1]),
            ],
        )

    def text(self, kind: str, x: float, y: float, words: str, anchor: str = "start") -> None:
        """Write text whose baseline begins, has its middle, or ends at `x`, `y`."""
        placed = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._shapes.append(
            f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}"{placed}>{escape(words)}</text>'
        )

    def document(self, style: Mapping[str, str], dark: Mapping[str, str]) -> str:
        """Return the picture as an SVG document.

        `style` maps a class to its declarations in CSS, and `dark` to those that are different
        where the reader prefers a dark page.
        """
        rules = [f".{kind} {{ {declared} }}" for kind, declared in style.items()]
        dark_rules = [f"  .{kind} {{ {declared} }}" for kind, declared in dark.items()]
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}"'
            f' width="{self.width}" height="{self.height}" role="img"'
            ' aria-labelledby="title description">',
            f'<title id="title">{escape(self._title)}</title>',
            f'<desc id="description">{escape(self._description)}</desc>',
            "<style>",
            *rules,
            "@media (prefers-color-scheme: dark) {",
            *dark_rules,
            "}",
            "</style>",
            *self._shapes,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _number(value: float) -> str:
    """Return a number with at most one decimal, so that the text is the same everywhere."""
    return f"{round(value, 1):.1f}".removesuffix(".0")
