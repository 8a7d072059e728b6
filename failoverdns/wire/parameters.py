"""Parameters that commands of several kinds have.

Refuses to know the commands.
"""

from __future__ import annotations

from typing import Final

from failoverdns.wire import values
from failoverdns.wire.rows import Parameter

APPLICATION: Final = Parameter(
    "application",
    "the application",
    values.application,
    "APPLICATION",
    position=True,
    required=True,
)

ONE_GROUP: Final = Parameter("group", "only this group", values.group, "GROUP", position=True)


def named(help_: str, parse: values.Parse, name: str = "name", metavar: str = "NAME") -> Parameter:
    """Return a parameter by position that must be given."""
    return Parameter(name, help_, parse, metavar, position=True, required=True)
