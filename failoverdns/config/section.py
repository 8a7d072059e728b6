"""The base class of all sections of the configuration, and the types that their keys share.

A section is a pydantic model of one mapping in the file: its fields are the keys that operators
write, with the limits of their values.  The rest of the server gets a dataclass of
`failoverdns.model`, which has the defaults; `Section.into` converts a section to one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator
from pydantic.fields import FieldInfo

from failoverdns.config import habits
from failoverdns.config import scalars as values
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import ListenAddress


class Dataclass(Protocol):
    """An instance of any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T")
Word = TypeVar("Word", bound=Enum)
Value = TypeVar("Value", bound=Dataclass)


class Section(BaseModel):
    """A mapping in the file with a fixed set of keys."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )

    @classmethod
    def written_keys(cls) -> dict[str, FieldInfo]:
        """Return the keys as they are written in the file, in order, with their fields."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    def into(self, kind: type[Value], folder: Path | None = None, /, **others: object) -> Value:
        """Return a `kind` with the values of the fields that it shares with this section.

        Lists become tuples, and relative paths are completed with the absolute path `folder`,
        which a section without paths does not need.
        `others` are further fields, or replace values of the section.
        """
        shared = {field.name for field in fields(kind)} & type(self).model_fields.keys()
        given = {name: _settled(getattr(self, name), folder) for name in shared}
        return kind(**{**given, **others})


def _settled(value: object, folder: Path | None) -> object:
    match value:
        case list():
            return tuple(value)
        case Path():
            assert folder is not None, "a path of the configuration belongs to a folder"
            return values.absolute(value, folder)
        case _:
            return value


def text(read: Callable[[str], T]) -> PlainValidator:
    """Return a validator that accepts only text, and replaces it with the result of `read`.

    A number or boolean that would be wrong in quotes, too, gets the error of `read`.
    """

    def check(value: object) -> T:
        if isinstance(value, int):
            read(str(value).lower())
        if not isinstance(value, str):
            raise Malformed(values.not_text(value))
        return read(value)

    return PlainValidator(check)


def one_of(what: str, *words: str) -> PlainValidator:
    """Return a validator that accepts only these words; `what` describes them in errors."""
    return text(lambda value: values.one_of(value, words, what))


def word_of(kind: type[Word], what: str) -> PlainValidator:
    """Return a validator that accepts the values of an enum, and replaces them with its members."""
    words = tuple(member.value for member in kind)
    return text(lambda value: kind(values.one_of(value, words, what)))


def or_empty(empty: Callable[[], object]) -> BeforeValidator:
    """Return a validator that replaces a missing value with an empty one."""
    return BeforeValidator(lambda value: empty() if value is None else value)


def command_line(value: object) -> object:
    """Accept a text as a command line of one word."""
    return [values.file_path(value)] if isinstance(value, str) else value


def _boolean(value: object) -> bool:
    """Accept only true and false: pydantic would also accept words and numbers."""
    if not isinstance(value, bool):
        raise Malformed(f"must be true or false, not {values.named(value)}{habits.boolean(value)}")
    return value


AddressText = Annotated[IPv4Address | IPv6Address, text(values.address)]
FilePath = Annotated[Path, text(lambda value: Path(values.file_path(value)))]
Listen = Annotated[ListenAddress, text(values.listen_address)]
Line = Annotated[str, text(values.ascii_text)]
Boolean = Annotated[bool, PlainValidator(_boolean)]
Command = Annotated[list[Annotated[str, text(values.argument)]], BeforeValidator(command_line)]
MIB: Any = AfterValidator(lambda number: number << 20)
"""Converts MiB to bytes; the default is in bytes already."""
