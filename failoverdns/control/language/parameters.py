"""Parameters that commands of several kinds have.

Refuses to know the commands.
"""

from __future__ import annotations

from typing import Final

from failoverdns.control.language import values
from failoverdns.control.language.rows import Parameter

APPLICATION: Final = Parameter(
    "application",
    "the application",
    values.application,
    "APPLICATION",
    position=True,
    required=True,
)

ONE_GROUP: Final = Parameter("group", "only this group", values.group, "GROUP", position=True)


TO: Final = Parameter(
    "to", "the side; without it, the other one", values.side, "SIDE", choices=values.SIDES
)
REASON: Final = Parameter("reason", "why: kept in the history", values.text, "TEXT")


def override(rules: str) -> Parameter:
    """Return the parameter that names rules which may fail; `rules` says which there are."""
    help_ = f"a rule that may fail: {rules}; repeat for more"
    return Parameter("override", help_, values.text, "RULE", repeated=True)


def named(help_: str, parse: values.Parse, name: str = "name", metavar: str = "NAME") -> Parameter:
    """Return a parameter by position that must be given."""
    return Parameter(name, help_, parse, metavar, position=True, required=True)
