"""A row of the command table, with its parameters, and the building of commands from named values.

`control.language.commands` joins the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, Generic, TypeVar

from failoverdns.control.language import values
from failoverdns.model.change import Json
from failoverdns.model.commands import Command
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.roles import Role

MAX_FAULTS = 10
"""Unknown fields of one request that its refusal names."""


T = TypeVar("T")


class JsonType(Enum):
    """The type of a JSON value, in the words of JSON Schema."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """An argument (`position` is true) or `--option` of a command; `parse` makes its value, a T.

    `name` is that of the JSON field and of the command value's field.
    `type`, `choices`, `minimum` and `maximum` describe the JSON value; if `repeated` is true, each
    item of a list of them.  An option of the type BOOLEAN takes no value on the command line.
    A `file` is given by its path on the command line and by its text everywhere else; the
    history records a digest of it.  A `local` parameter is for the command line itself: it is not
    sent to the server, which refuses it.
    """

    name: str
    help: str
    parse: values.Parse[T]
    metavar: str = "TEXT"
    type: JsonType = JsonType.STRING
    position: bool = False
    required: bool = False
    repeated: bool = False
    file: bool = False
    local: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    @property
    def is_flag(self) -> bool:
        """Whether it is an option without a value."""
        return self.type is JsonType.BOOLEAN

    @property
    def option(self) -> str:
        """The parameter as it is written on a command line."""
        return self.metavar if self.position else "--" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command: its words, its parameters, the value that it becomes, and the role that it needs.

    A row that does not name a role is for admins.  A command that `reads` changes nothing and has
    one reply, so that HTTP clients may also ask it by GET.
    """

    words: str
    help: str
    parameters: tuple[Parameter[Any], ...]
    build: Callable[..., Command]
    example: str = ""
    role: Role = Role.ADMIN
    reads: bool = False

    @property
    def path(self) -> str:
        """The command as the end of a URL's path: `head add` is `head/add`."""
        return self.words.replace(" ", "/")

    @property
    def arguments(self) -> tuple[Parameter[Any], ...]:
        """The parameters that are given by position."""
        return tuple(p for p in self.parameters if p.position)

    @property
    def usage(self) -> str:
        """One line that shows how the command is written."""
        parts = [self.words]
        for parameter in self.parameters:
            text = parameter.option
            if not parameter.position and not parameter.is_flag:
                text += " " + ("|".join(parameter.choices) or parameter.metavar)
            text += " ..." if parameter.repeated else ""
            parts.append(text if parameter.required else f"[{text}]")
        return " ".join(parts)


def build(row: CommandRow, fields: Mapping[str, Json]) -> Command:
    """Build the command of a row from named values.

    Raises Rejected `invalid` with every fault of the fields.
    """
    known = {parameter.name: parameter for parameter in row.parameters}
    faults: list[str] = []
    arguments: dict[str, Any] = {}
    unknown = sorted(fields.keys() - known.keys())
    for key in unknown[:MAX_FAULTS]:
        faults.append(f"{shown(key)}: unknown field of {row.words}{did_you_mean(key, known)}")
    if len(unknown) > MAX_FAULTS:
        faults.append(f"and {len(unknown) - MAX_FAULTS} more unknown fields")
    for key, parameter in known.items():
        value = fields.get(key)
        if parameter.local:
            if value is not None:
                faults.append(f"{parameter.option} is only for the command line")
            continue
        if value is None:
            if parameter.required:
                faults.append(f"{parameter.option} is missing")
            continue
        try:
            arguments[key] = _parse(parameter, value)
        except Malformed as fault:
            faults.append(f"{parameter.option}: {fault}")
    if faults:
        text = "; ".join(faults)
        raise Rejected("invalid", f"{text} (usage: {row.usage})")
    return row.build(**arguments)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint at the known word that is most like `word`, or an empty text."""
    near = get_close_matches(word[:100], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def shown(word: str) -> str:
    """Return a word of a request, shortened and made printable, for an error message."""
    return word[:100] if word.isprintable() else ascii(word[:100])


def _parse(parameter: Parameter[T], value: Json) -> T | tuple[T, ...]:
    if not parameter.repeated:
        return parameter.parse(value)
    if not isinstance(value, list):
        raise Malformed(f"must be a list, not {values.kind(value)}")
    if parameter.required and not value:
        raise Malformed("must not be empty")
    return tuple(parameter.parse(item) for item in value)
