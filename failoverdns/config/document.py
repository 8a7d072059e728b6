"""YAML text becomes plain values with their positions in the file.

Only the part of YAML without surprises is read: mappings, sequences and scalars.  A plain
scalar is `true` or `false`, nothing (`null`, `~`, empty), a whole decimal number, or else text:
`no` is text, and so are `0660` and `1.2.3.4`.  Duplicate keys, aliases, tags, deep nesting and
further documents are errors.  The parser's events are read one by one, so that a document that
is nested too deeply is refused before it uses much memory.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn, Protocol

import yaml
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from failoverdns.config.errors import START, FaultReport, Place, quoted
from failoverdns.config.habits import other_format

MAX_DEPTH = 32
_MAX_DIGITS = 18
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_WORDS: Mapping[str, bool | None] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
}

_TAGGED = (yaml.ScalarEvent, yaml.CollectionStartEvent)
_NOT_A_CHARACTER = "an escape in this text does not stand for a character"

Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]
Location = tuple[int | str, ...]
"""Keys and indices that lead from the root to a value, like pydantic's `loc`."""


class _Mark(Protocol):
    line: int
    column: int


class Refused(Enum):
    """Stands in place of a value whose error was reported."""

    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place; `key` is the place of its key, or that of the value if it has none."""

    place: Place
    key: Place
    value: bool | int | str | list[Node] | dict[str, Node] | Refused | None

    def plain(self) -> Plain:
        """Return the value without positions, and None in place of refused values."""
        match self.value:
            case list(items):
                return [item.plain() for item in items]
            case dict(entries):
                return {key: entry.plain() for key, entry in entries.items()}
            case Refused():
                return None
            case scalar:
                return scalar

    def at(self, *location: int | str) -> Node | None:
        """Return the node that `location` leads to, or None if there is none."""
        node: Node | None = self
        for step in location:
            match node.value if node is not None else None:
                case list(items) if isinstance(step, int) and step < len(items):
                    node = items[step]
                case dict(entries) if isinstance(step, str):
                    node = entries.get(step)
                case _:
                    return None
        return node

    def get(self, *location: int | str) -> Node:
        """Return the node that `location` leads to, which must exist."""
        node = self.at(*location)
        assert node is not None, location
        return node

    def entries(self) -> dict[str, Node]:
        """Return the entries of a mapping; none if it is something else."""
        return self.value if isinstance(self.value, dict) else {}

    def lacks_any_of(self, written: Node, keys: Iterable[str]) -> bool:
        """Return whether the value of one of these keys was refused: only `written` has it."""
        return any(written.at(key) is not None and self.at(key) is None for key in keys)

    def usable(self, wrong: Collection[Location] = ()) -> Node:
        """Return a copy without refused values and without the values at `wrong`.

        The other values keep their places, and the root is never left out.
        """
        steps: dict[int | str, set[Location]] = {}
        for location in wrong:
            if location:
                steps.setdefault(location[0], set()).add(location[1:])

        def kept(step: int | str, node: Node) -> bool:
            return node.value is not Refused.REFUSED and () not in steps.get(step, ())

        match self.value:
            case list(items):
                rest = [i.usable(steps.get(n, ())) for n, i in enumerate(items) if kept(n, i)]
                return Node(self.place, self.key, rest)
            case dict(entries):
                left = {k: e.usable(steps.get(k, ())) for k, e in entries.items() if kept(k, e)}
                return Node(self.place, self.key, left)
            case _:
                return self


def read_document(text: str, faults: FaultReport) -> Node | None:
    """Read the one YAML document in `text`; report its errors in `faults`.

    Returns the values that could be read, with `Refused` in place of wrong ones; None if the text
    is not YAML.
    """
    try:
        root = _Reading(text, faults).document()
        if isinstance(root.value, str) and (other := other_format(text)):
            faults.replace(root.place, other)
            return None
        return root
    except _TooDeepError:
        return None
    except MarkedYAMLError as error:
        place, message = _syntax_error(error)
        faults.replace(place, other_format(text) or message)
    except ReaderError as error:
        before = text[: error.position]
        line = before.count("\n") + 1
        place = Place(line, len(before) - (before.rfind("\n") + 1) + 1)
        faults.replace(place, f"the character U+{error.character:04X} is not allowed in YAML")
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML lets the ValueErrors of chr() and int() through, for absurd escapes and versions.
        faults.replace(START, f"not valid YAML: {error}")
    return None


def refuse_repeated(
    values: Iterable[Hashable], items: Node | None, what: str, faults: FaultReport
) -> None:
    """Report each value that is in a list twice; `items` is the list in the document."""
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        node = items.at(index) if items is not None else None
        if value in seen and node is not None:
            faults.add(node.place, f"the {what} {value} is given twice")
        seen.add(value)


class _TooDeepError(Exception):
    """The document is nested too deeply; the error has been reported."""


class _Reading:
    """One pass over the events of the YAML parser."""

    def __init__(self, text: str, faults: FaultReport) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._faults = faults

    def document(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    mark = _place(event.start_mark)
                    self._faults.add(mark, "a second document begins here; one is allowed")
                    return root
                root = self._node(next(self._events), "", None, 0)
        return root or Node(START, START, None)

    def _node(self, event: yaml.Event, path: str, key: Place | None, depth: int) -> Node:
        """Read the value that begins with `event`."""
        place = _place(event.start_mark, path)
        if depth > MAX_DEPTH:
            self._too_deep(place)
        value: bool | int | str | list[Node] | dict[str, Node] | Refused | None
        fault: str | None = None
        match event:
            case yaml.ScalarEvent():
                value, fault = _scalar(event)
            case yaml.SequenceStartEvent():
                value = self._sequence(path, depth)
            case yaml.MappingStartEvent():
                value = self._mapping(place, depth)
            case _:
                value, fault = None, "aliases (*name) are not supported; write the value out"
        if isinstance(event, _TAGGED) and event.tag is not None:
            fault = "tags (!name) are not supported; if the value is text, put it in quotes"
        if fault is not None:
            self._faults.add(place, fault)
            value = Refused.REFUSED
        return Node(place, key or place, value)

    def _sequence(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{path}[{len(items)}]", None, depth + 1))
        return items

    def _mapping(self, place: Place, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            mark = _place(event.start_mark, place.path)
            if not isinstance(event, yaml.ScalarEvent):
                self._node(event, place.path, None, depth + 1)
                self._faults.add(mark, "a key must be text")
                self._node(next(self._events), place.path, None, depth + 1)
                continue
            name = event.value
            key = mark.of_key(name)
            entry = self._node(next(self._events), key.path, key, depth + 1)
            if event.tag is not None:
                self._faults.add(key, "tags (!name) are not supported on keys")
            elif _has_surrogates(name):
                self._faults.add(key, _NOT_A_CHARACTER)
            elif name in entries:
                line = entries[name].key.line
                self._faults.add(
                    key, f"the key {quoted(name)} is given twice; the first time on line {line}"
                )
            else:
                entries[name] = entry
        return entries

    def _too_deep(self, place: Place) -> NoReturn:
        self._faults.add(place, f"nested too deeply; at most {MAX_DEPTH} levels are allowed")
        raise _TooDeepError


def _scalar(event: yaml.ScalarEvent) -> tuple[bool | int | str | None, str | None]:
    """Return the value of a scalar, and its error if it has one."""
    text: str = event.value
    if _has_surrogates(text):
        return None, _NOT_A_CHARACTER
    if not event.implicit[0]:
        return text, None
    if text in _WORDS:
        return _WORDS[text], None
    if not _INTEGER.fullmatch(text):
        return text, None
    if len(text) > _MAX_DIGITS:
        return None, f"a number of {len(text)} digits is too large"
    return int(text), None


def _place(mark: _Mark | None, path: str = "") -> Place:
    """Return the place of a parser's mark, whose line and column count from 0."""
    return Place(mark.line + 1, mark.column + 1, path) if mark is not None else START


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _syntax_error(error: MarkedYAMLError) -> tuple[Place, str]:
    """Return the place and the text of a syntax error."""
    mark = error.problem_mark or error.context_mark
    parts = [part for part in (error.context, error.problem) if part]
    hint = ""
    if error.problem == "expected the node content, but found ':'":
        hint = '; inside [ ] quote what begins with a colon, such as "::1"'
    if error.context == "while scanning an alias":
        hint = '; quote what begins with an asterisk, such as "*"'
    if "'\\t'" in (error.problem or ""):
        hint = "; indent with blanks, not with tabs"
    return (_place(mark), f"not valid YAML: {', '.join(parts)}{hint}")
