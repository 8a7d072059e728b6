"""The directives of zone files: their words, their arguments and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from failoverdns.config.errors import quoted
from failoverdns.config.zones.record_data import words_of
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

FORMS: Final[Mapping[str, str]] = {
    "$ORIGIN": "write $ORIGIN NAME",
    "$TTL": "write $TTL SECONDS",
    "$INCLUDE": "write $INCLUDE FILE [ORIGIN]",
    "$GENERATE": "write $GENERATE FIRST-LAST[/STEP] OWNER [TTL] [IN] TYPE DATA",
}
"""What to write, for each directive whose arguments are wrong."""


def wrong(word: str) -> str:
    """Return what is wrong with a directive that could not be read, and what to write."""
    known = f"write {', '.join(tuple(FORMS)[:-1])} or {tuple(FORMS)[-1]}"
    return FORMS.get(word, f"{quoted(word)} is not a directive; {known}")


def directive(text: str) -> tuple[str, list[str]]:
    """Return the word of a directive, in upper case, and its arguments.

    The last argument of `$GENERATE` is the whole pattern, and that of `$INCLUDE` may be quoted.
    """
    parts = text.replace("\t", " ").split(" ", 1)
    word, rest = parts[0].upper(), text[len(parts[0]) :].strip(" \t")
    if word == "$GENERATE":
        span = rest.replace("\t", " ").partition(" ")[0]
        pattern = rest[len(span) :].strip(" \t")
        return word, [span, pattern] if len(words_of(pattern)) > 2 else []
    if word == "$INCLUDE" and rest[:1] == '"' and (end := rest.find('"', 1)) > 0:
        return word, [rest[1:end], *words_of(rest[end + 1 :])]
    return word, words_of(rest)


def read_name(text: str, origin: DomainName) -> DomainName:
    """Read a name, which `origin` completes; raises Malformed."""
    try:
        return DomainName.from_text(text, origin)
    except Malformed as fault:
        raise Malformed(f"{quoted(text)} is not a DNS name: {fault}") from None
