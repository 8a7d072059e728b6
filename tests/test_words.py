"""Prose is plain English: some turns of phrase that made it hard to read do not come back.

The list is short on purpose; a phrase stands in it only if a plainer one always fits.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]

PLAINER = {
    r"strangers?": "DNS client, or whoever it is",
    r"so many": "N, or the name of the number",
    r"by now": "now, or already",
    r"lets? go of": "drop, release, cancel",
    r"anew": "again",
    r"sends? (?:it|them) home": "stop",
    r"refuses to (?:know|do|decide)": "does not ..., or nothing",
    r"is no (?:domain|number|address|text)": "is not a ..., or invalid",
    r"keeps? (?:its|their) hands off": "leaves alone",
}
"""A phrase as a regular expression, and what to write."""

FOUND = re.compile("|".join(rf"(\b{phrase}\b)" for phrase in PLAINER), re.IGNORECASE)

FILES = sorted(
    [
        *PROJECT.glob("failoverdns/**/*.py"),
        *PROJECT.glob("failoverdns/native/*.[ch]"),
        *PROJECT.glob("scripts/**/*.py"),
        *PROJECT.glob("docs/**/*.md"),
        PROJECT / "README.md",
        PROJECT / "CHANGELOG.md",
    ]
)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a document, or of the strings and comments of a program, numbered."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield from enumerate(token.string.splitlines(), token.start[0])


def unplain(lines: Iterator[tuple[int, str]]) -> list[str]:
    """Return where a phrase stands that has a plainer one, and that one."""
    found = []
    for number, line in lines:
        for match in FOUND.finditer(line):
            plainer = list(PLAINER.values())[(match.lastindex or 1) - 1]
            found.append(f"line {number}: {match.group()!r}; write: {plainer}")
    return found


def may_be(path: Path) -> bool:
    """Whether a file has a phrase, in prose or not; this is much faster than to find the prose."""
    text = path.read_text("utf-8").lower()
    return any(re.search(phrase, text) for phrase in PLAINER)


def test_prose_is_plain() -> None:
    found = {str(path.relative_to(PROJECT)): unplain(prose(path)) for path in FILES if may_be(path)}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_phrase_that_has_a_plainer_one_is_found() -> None:
    assert unplain(iter([(3, "Tell strangers anew"), (4, "plain")])) == [
        "line 3: 'strangers'; write: DNS client, or whoever it is",
        "line 3: 'anew'; write: again",
    ]
