"""What the sections of the configuration have in common: their base, and types of single values.

Refuses to know which sections there are: see `config.sections`.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator

from failoverdns.config import scalars as values
from failoverdns.model.errors import Malformed

T = TypeVar("T")


class Section(BaseModel):
    """A mapping of the file with keys of our own."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )


def text(read: Callable[[str], T]) -> PlainValidator:
    """Return a validator that takes text only and has `read` make a value of it."""

    def check(value: object) -> T:
        if not isinstance(value, str):
            raise Malformed(values.not_text(value))
        return read(value)

    return PlainValidator(check)


def or_empty(empty: Callable[[], object]) -> BeforeValidator:
    """Return a validator that lets a key without a value stand for an empty one."""
    return BeforeValidator(lambda value: empty() if value is None else value)


def words(value: object) -> object:
    """Let a text stand for a command line of one word."""
    return [values.file_path(value)] if isinstance(value, str) else value


def _switch(value: object) -> bool:
    """Take nothing but true and false."""
    if not isinstance(value, bool):
        raise Malformed(f"must be true or false, not {values.named(value)}")
    return value


AddressText = Annotated[IPv4Address | IPv6Address, text(values.address)]
FilePath = Annotated[str, text(values.file_path)]
Line = Annotated[str, text(values.ascii_text)]
Switch = Annotated[bool, PlainValidator(_switch)]
