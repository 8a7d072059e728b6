"""Parameters that commands of several subjects share, and functions that make parameters.

`control.language.commands` joins the commands.
"""

from __future__ import annotations

from typing import Final, TypeVar

from failoverdns.control.language import values
from failoverdns.control.language.rows import JsonType, Parameter

T = TypeVar("T")


def named(
    help_: str, parse: values.Parse[T], name: str = "name", metavar: str = "NAME"
) -> Parameter[T]:
    """Return a parameter that is given by position and is required."""
    return Parameter(name, help_, parse, metavar, position=True, required=True)


def flag(name: str, help_: str) -> Parameter[bool]:
    """Return an option without a value; in JSON it is true or false."""
    return Parameter(name, help_, values.flag, type=JsonType.BOOLEAN)


def number(
    name: str, help_: str, metavar: str, low: int, high: int, unit: str = ""
) -> Parameter[int]:
    """Return an option that takes a whole number from `low` to `high`.

    `unit` is for error messages, with a space before it.
    """
    return Parameter(
        name,
        help_,
        values.number(low, high, unit),
        metavar,
        type=JsonType.INTEGER,
        minimum=low,
        maximum=high,
    )


def state(help_: str, parse: values.Parse[T], choices: tuple[str, ...]) -> Parameter[T]:
    """Return the parameter `state`, a required word of `choices`, given by position."""
    return Parameter(
        "state", help_, parse, "|".join(choices), position=True, required=True, choices=choices
    )


def override(rules: str) -> Parameter[str]:
    """Return the parameter that names rules which may fail; `rules` lists them for the help."""
    help_ = f"a rule that may fail: {rules}; can be repeated"
    return Parameter("override", help_, values.text, "RULE", repeated=True)


def renamed(parse: values.Parse[T]) -> tuple[Parameter[T], Parameter[T]]:
    """Return the parameters of a command that renames something."""
    return named("its name", parse, "old", "OLD"), named("its new name", parse, "new", "NEW")


APPLICATION: Final = named("the application", values.application, "application", "APPLICATION")
GROUP: Final = named("the group", values.group, "group", "GROUP")
ONE_GROUP: Final = Parameter("group", "only this group", values.group, "GROUP", position=True)
TO: Final = Parameter(
    "to", "the side; default: the other side", values.side, "SIDE", choices=values.SIDES
)
DRY_RUN: Final = flag("dry_run", "show what would happen, and change nothing")
REASON: Final = Parameter("reason", "why; kept in the history", values.text, "TEXT")
