"""Words: a command line as a shell writes it, and the named values that it stands for.

`control.language.requests` reads whole requests, `control.language.commands` has the commands.
"""

from __future__ import annotations

import re
from typing import Any, Final

from failoverdns.control.language.commands import ROWS, find_row
from failoverdns.control.language.rows import CommandRow, JsonType, Parameter, did_you_mean, shown
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected

MAX_WORDS: Final = 1 << 16
"""Bytes in a request of words; a longer one has to be JSON, which is read faster."""

_QUOTING: Final = re.compile(r"['\"\\]")
_WORD: Final = re.compile(
    r"""[ \t\r\n]*((?:[^ \t\r\n'"\\]+|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+)[ \t\r\n]*""", re.DOTALL
)
_QUOTED: Final = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*+)"|\\(.)""", re.DOTALL)
_ENDS_IN_ESCAPE: Final = re.compile(r"""(?:"(?:[^"\\]|\\.)*)?\\""", re.DOTALL)


def split_words(text: str, most: int) -> list[str]:
    """Return the words of a text, split as a POSIX shell does.

    The result is that of `shlex.split`, which reads one character at a time.  A text with more
    than `most` words is read no further.  Raises ValueError if quotes are left open.
    """
    if not _QUOTING.search(text):
        return text.split()
    words, at = list[str](), 0
    while len(words) <= most and (found := _WORD.match(text, at)):
        word, at = found[1], found.end()
        words.append(_QUOTED.sub(_unquoted, word) if _QUOTING.search(word) else word)
    if at < len(text) and len(words) <= most:
        if _ENDS_IN_ESCAPE.fullmatch(text, at):
            raise ValueError("No escaped character")
        raise ValueError("No closing quotation")
    return words


def read_words(words: list[str]) -> tuple[str, dict[str, Json]]:
    """Return a command's name and its named values from the words of a command line.

    Raises Rejected `unknown-command` or `invalid`.
    """
    row, rest = _row_of(words)
    options = {p.option: p for p in row.parameters if not p.position}
    fields: dict[str, Json] = {}
    positions: list[str] = []
    at = 0
    while at < len(rest):
        word = rest[at]
        at += 1
        if word == "--":
            positions += rest[at:]
            break
        if not word.startswith("--"):
            positions.append(word)
            continue
        name, equals, value = word.partition("=")
        parameter = options.get(name)
        if parameter is None:
            hint = did_you_mean(name, options)
            raise Rejected("invalid", f"unknown option {shown(name)}{hint} (usage: {row.usage})")
        if not parameter.is_flag and not equals:
            if at == len(rest):
                raise Rejected("invalid", f"{name} needs a value (usage: {row.usage})")
            value = rest[at]
            at += 1
        if parameter.is_flag and equals:
            raise Rejected("invalid", f"{name} takes no value (usage: {row.usage})")
        _set(fields, parameter, value, row)
    _set_positions(fields, row, positions)
    return row.words, fields


def _unquoted(found: re.Match[str]) -> str:
    """Return what a quoted part of a word stands for."""
    single, double, escaped = found.groups()
    if double is not None:
        return re.sub(r'\\(["\\])', r"\1", double)
    return str(escaped if single is None else single)


def _row_of(words: list[str]) -> tuple[CommandRow, list[str]]:
    """Split words into the command and what follows it."""
    if len(words) >= 2 and f"{words[0]} {words[1]}" in ROWS:
        return ROWS[f"{words[0]} {words[1]}"], words[2:]
    if words and words[0] in ROWS:
        return ROWS[words[0]], words[1:]
    has_verbs = bool(words) and any(name.startswith(words[0] + " ") for name in ROWS)
    return find_row(" ".join(words[: 2 if has_verbs else 1])), []


def _set(fields: dict[str, Json], parameter: Parameter[Any], text: str, row: CommandRow) -> None:
    value: Any = True if parameter.is_flag else _converted(parameter, text)
    before = fields.get(parameter.name)
    if isinstance(before, list):
        before.append(value)
    elif before is not None:
        raise Rejected("invalid", f"{parameter.option} is given twice (usage: {row.usage})")
    else:
        fields[parameter.name] = [value] if parameter.repeated else value


def _set_positions(fields: dict[str, Json], row: CommandRow, positions: list[str]) -> None:
    for parameter in row.arguments:
        if parameter.repeated and positions:
            fields[parameter.name] = list[Json](positions)
            positions = []
        elif positions:
            fields[parameter.name] = positions.pop(0)
    if positions:
        raise Rejected("invalid", f"too many words: {positions[0][:100]!r} (usage: {row.usage})")


def _converted(parameter: Parameter[Any], text: str) -> Json:
    """Turn a word into the JSON value that it stands for."""
    if parameter.type is not JsonType.INTEGER:
        return text
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else text
