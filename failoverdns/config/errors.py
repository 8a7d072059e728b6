"""Errors of a configuration file, collected so that all of them are reported at once.

Each error has a place (line, column and path of the value), the fault, and a correct form.
A warning has the same, and the configuration is used as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_PLAIN_KEY = re.compile(r"[\w.:@*/-]+")
_LONGEST_QUOTATION = 60

MOST_WARNINGS: Final = 100
"""Warnings that are reported; a zone may have a cause for one in each record."""


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One error or warning of a configuration; `line` and `column` count from 1.

    `file` is the name of the file as the caller gave it.
    `path` leads to the value, as in `zones.failover.test.nameservers.ns1[0]`; it is empty for an
    error of the file as a whole.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        kind = "warning" if self.is_warning else "error"
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}: {where}{self.message}"


class ConfigErrors(Exception):
    """All errors of a configuration, file by file, in the order of their positions.

    `lines` are the errors and, between them, the warnings of the same configuration.
    """

    def __init__(self, errors: list[ConfigError], warnings: Sequence[ConfigError] = ()) -> None:
        self.errors: tuple[ConfigError, ...] = tuple(_in_order(errors))
        shown = _in_order([*errors, *warnings[:MOST_WARNINGS]])
        self.lines: tuple[str, ...] = tuple(map(str, shown))
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a value or key: line and column from 1, and the path that leads to it.

    `file` is empty for the configuration file, or the name of another file that the value at `path`
    refers to.
    """

    line: int
    column: int
    path: str = ""
    file: str = ""

    @property
    def line_text(self) -> str:
        """The line in words, with the file unless it is the configuration file."""
        return f"line {self.line} of {self.file}" if self.file else f"line {self.line}"

    def of_key(self, key: str) -> Place:
        """Return this place, with the path of the value that `key` has in this mapping."""
        shown = key if _PLAIN_KEY.fullmatch(key) else quoted(key)
        return Place(self.line, self.column, f"{self.path}.{shown}" if self.path else shown)


START = Place(1, 1)
"""The place for errors of the file as a whole."""


class FaultReport:
    """Collects the errors of a configuration file, and of the files that it refers to."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._errors: list[ConfigError] = []
        self._warnings: list[ConfigError] = []

    def add(self, place: Place, message: str) -> None:
        """Add an error; `message` becomes one line of printable text."""
        self._errors.append(self._at(place, message, is_warning=False))

    def warn(self, place: Place, message: str) -> None:
        """Add a warning, which does not keep the configuration from being used."""
        self._warnings.append(self._at(place, message, is_warning=True))

    def warnings(self) -> tuple[str, ...]:
        """Return the warnings as lines of text, file by file and in order, `MOST_WARNINGS` at most.

        A last line has the number of those that were left out.
        """
        ordered = _in_order(sorted(self._warnings, key=self._is_elsewhere))
        lines = [str(warning) for warning in ordered[:MOST_WARNINGS]]
        if len(ordered) > MOST_WARNINGS:
            lines.append(f"{self.file}: and {len(ordered) - MOST_WARNINGS} more warnings")
        return tuple(lines)

    def replace(self, place: Place, message: str) -> None:
        """Report one error in place of all that were found, which would quote a foreign file."""
        self._errors.clear()
        self.add(place, message)

    def raise_if_any(self) -> None:
        """Raise ConfigErrors if there are any errors."""
        if self._errors:
            errors, warnings = (
                sorted(some, key=self._is_elsewhere) for some in (self._errors, self._warnings)
            )
            raise ConfigErrors(errors, warnings)

    def _at(self, place: Place, message: str, *, is_warning: bool) -> ConfigError:
        file, text = place.file or self.file, _one_line(message.strip())
        return ConfigError(file, place.line, place.column, place.path, text, is_warning)

    def _is_elsewhere(self, error: ConfigError) -> bool:
        """Return whether an error is in a file that the configuration refers to."""
        return error.file != self.file


def _in_order(errors: list[ConfigError]) -> list[ConfigError]:
    """Return errors in the order of their positions, the files in the order in which they come."""
    files = {file: n for n, file in enumerate(dict.fromkeys(error.file for error in errors))}
    return sorted(errors, key=lambda e: (files[e.file], e.line, e.column, e.path, e.message))


def quoted(text: str) -> str:
    """Return `text` in quotes, on one line, shortened if it is long."""
    if len(text) > _LONGEST_QUOTATION:
        text = text[: _LONGEST_QUOTATION - 3] + "..."
    return '"' + _one_line(text).replace('"', '\\"') + '"'


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
