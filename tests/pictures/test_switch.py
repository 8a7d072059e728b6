"""The picture of a switch in the README is the one that the script draws, and it is legible."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from pictures import switch

PROJECT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


class Box(NamedTuple):
    """What a text or a rectangle covers."""

    what: str
    left: float
    top: float
    right: float
    bottom: float

    def is_inside(self, other: Box) -> bool:
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.top <= self.top
            and self.bottom <= other.bottom
        )

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def picture() -> ElementTree.Element:
    return ElementTree.fromstring(switch.drawn())


def text_box(element: ElementTree.Element) -> Box:
    """Return what a text covers in DejaVu, the widest of the fonts that are named."""
    declared = switch.STYLE[element.attrib["class"]]
    font = FontProperties(
        family="DejaVu Sans Mono" if "Mono" in declared else "DejaVu Sans",
        weight="bold" if "bold" in declared else "normal",
    )
    words = element.text or ""
    size = re.search(r"font-size: (\d+)px", declared)
    assert size
    extents = TextPath((0, 0), words, size=int(size[1]), prop=font).get_extents()
    x, y = float(element.attrib["x"]), float(element.attrib["y"])
    before = {"start": 0.0, "middle": extents.x1 / 2, "end": extents.x1}
    left = x - before[element.get("text-anchor", "start")]
    return Box(words, left, y - extents.y1, left + extents.x1, y - extents.y0)


def rectangles(kind: str) -> list[Box]:
    found = []
    for element in picture().iter(f"{SVG}rect"):
        if element.attrib["class"] == kind:
            x, y, width, height = (float(element.attrib[k]) for k in ("x", "y", "width", "height"))
            found.append(Box(kind, x, y, x + width, y + height))
    return found


def texts() -> list[Box]:
    return [text_box(element) for element in picture().iter(f"{SVG}text")]


def test_the_picture_in_the_documents_is_what_the_script_draws(tmp_path: Path) -> None:
    """Byte for byte; `scripts/draw-switch` draws it again."""
    path = tmp_path / "switch.svg"
    done = subprocess.run(
        [PROJECT / "scripts" / "draw-switch", path], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"drew {path}\n"
    assert path.read_bytes() == switch.FILE.read_bytes()
    assert switch.FILE == PROJECT / "docs" / "pictures" / "switch.svg"


def test_the_readme_shows_it() -> None:
    assert "(docs/pictures/switch.svg)" in (PROJECT / "README.md").read_text()


@pytest.mark.parametrize("word", ["failoverdns switch shop", "drained_at", "on disk", "published"])
def test_it_names_what_happens(word: str) -> None:
    assert word in [text.what for text in texts()]


def test_no_text_runs_into_another_or_off_the_page() -> None:
    (page,) = rectangles("page")
    for text in texts():
        assert text.is_inside(page), text
    for one, other in itertools.combinations(texts(), 2):
        assert not one.overlaps(other), (one, other)


@pytest.mark.parametrize("kind", ["step", "command"])
def test_boxes_are_wide_enough_for_their_text(kind: str) -> None:
    for box in rectangles(kind):
        assert [text for text in texts() if text.overlaps(box)]
        assert all(text.is_inside(box) for text in texts() if text.overlaps(box))


def test_times_on_the_picture_are_those_of_the_ttl() -> None:
    """The last resolver keeps the old answer until `drained_at`, the TTL after the reply."""
    shown = {text.what: (text.left + text.right) / 2 for text in texts()}
    drained = shown["drained_at"]
    assert drained == pytest.approx(shown[f"+{switch.TTL} s"], abs=1)
    (last,) = [box for box in rectangles("primary") if box.top == switch.LAST]
    assert last.right == pytest.approx(drained, abs=1)
    (first,) = [box for box in rectangles("primary") if box.top == switch.FIRST]
    second = (shown["+60 s"] - shown["+20 s"]) / 40
    magnified = switch.REPLY - switch.COMMAND
    assert (first.right - first.left - magnified) / second == pytest.approx(switch.TTL, abs=1)


def test_every_class_has_a_colour_on_light_and_dark_pages() -> None:
    used = {element.get("class") for element in picture().iter()} - {None}
    assert used == switch.STYLE.keys()
    assert switch.DARK.keys() <= switch.STYLE.keys()
    assert {"page", "arrow", "said", "who", "about", "time"} <= switch.DARK.keys()


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2.1 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("is_dark", [False, True])
def test_texts_stand_out_on_light_and_dark_pages(is_dark: bool) -> None:
    """At least 4.5 to 1, which WCAG asks for."""
    style = {
        kind: declared + "; " + (switch.DARK.get(kind, "") if is_dark else "")
        for kind, declared in switch.STYLE.items()
    }
    fills = {kind: re.findall(r"fill: (#\w{6})", text)[-1:] for kind, text in style.items()}
    for kind in ("who", "about", "time", "said", "strong"):
        for behind in ("page", "moment"):
            assert contrast(*fills[kind], *fills[behind]) >= 4.5, (kind, behind)
    for kind, behind in (
        ("code", "command"),
        *(("answer", side) for side in ("primary", "backup")),
        *(("on-bar", side) for side in ("primary", "backup")),
    ):
        assert contrast(*fills[kind], *fills[behind]) >= 4.5, (kind, behind)
