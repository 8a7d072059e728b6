"""Roles: what the users of the control socket, and the tokens of the HTTP API, may do.

    viewer < reporter < operator < admin

Each command needs one role, which its row in the command table names.  A user has the rights of all
grants that apply to him or her.  A grant can be limited to groups and applications by patterns;
the limit is for what is changed, and everybody with a role can read everything.  A token of a head
has no role: it has a grant for that head alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import lru_cache
from typing import Final


class Role(Enum):
    """What a user may do, in the words of the configuration; each role includes those before it."""

    VIEWER = "viewer"
    """Reads."""
    REPORTER = "reporter"
    """Also reports health from outside."""
    OPERATOR = "operator"
    """Also switches, plans, forces health, sets maintenance and flags, and freezes automation."""
    ADMIN = "admin"
    """Everything."""

    @property
    def rank(self) -> int:
        """The place of the role, from the lowest up."""
        return _ORDER.index(self)

    def includes(self, needed: Role) -> bool:
        """Return whether this role is enough for what needs the other one."""
        return self.rank >= needed.rank


_ORDER: Final = tuple(Role)

ROLE_WORDS: Final = tuple(role.value for role in Role)
"""All roles as they are written, from the lowest up."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, for everything or only for the groups and applications that patterns match.

    In a pattern, `*` stands for any characters and `?` for one.  With None for both there is no
    limit; if only one of the two is None, the grant covers nothing of that kind.  With `by_groups`
    it also covers the applications that are attached to covered groups, and to no other group.
    """

    role: Role
    groups: tuple[str, ...] | None = None
    applications: tuple[str, ...] | None = None
    by_groups: bool = False

    @property
    def is_limited(self) -> bool:
        """Whether the grant covers only some groups or applications."""
        return self.groups is not None or self.applications is not None

    def covers_group(self, name: str) -> bool:
        """Return whether a group, or every group that a pattern can match, is covered."""
        return not self.is_limited or is_within(name, self.groups or ())

    def covers_application(self, name: str) -> bool:
        """Return whether an application, or every one that a pattern can match, is covered."""
        return not self.is_limited or is_within(name, self.applications or ())


@dataclass(frozen=True, slots=True)
class HeadGrant:
    """The right to set the addresses of one head and to report its health, by present names."""

    application: str
    head: str


@dataclass(frozen=True, slots=True)
class Rights:
    """All grants of one user; without any, the user may do nothing.

    `until` is when they end, in seconds since 1970; None for rights that do not end by themselves.
    """

    grants: tuple[Grant, ...] = ()
    head: HeadGrant | None = None
    until: float | None = None

    @property
    def role(self) -> Role | None:
        """The highest role, limited or not; None if there is none."""
        roles = (grant.role for grant in self.grants)
        return max(roles, key=lambda role: role.rank, default=None)


EVERYTHING: Final = Rights((Grant(Role.ADMIN),))
"""The rights of an administrator."""


def is_within(name: str, patterns: Iterable[str]) -> bool:
    """Return whether one of `patterns` matches a name.

    If `name` is a pattern itself, one of them must match every name that it can match.  Each is
    compared on its own: `a*` and `b*` together do not cover `?*`.
    """
    return any(_is_wider(pattern, name) for pattern in patterns)


@lru_cache(maxsize=1000)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a function that says whether one of `patterns` matches a name without `*` and `?`.

    It takes 0.3 us a name, because an application may be attached to many thousand groups.  The
    time never grows faster than the lengths of name and pattern multiplied, whatever they are.
    """
    parts = (translate(each.replace("[", "[[]")) for each in patterns)
    pattern = re.compile("|".join(parts) if patterns else "(?!)")
    return lambda name: pattern.match(name) is not None


def _is_wider(pattern: str, name: str) -> bool:
    """Return whether `pattern` matches all that `name` matches.

    Only a `*` matches a `*` in `name`, because that stands for any number of characters.
    """
    at, next_, star, taken = 0, 0, -1, 0
    while at < len(name):
        letter = pattern[next_ : next_ + 1]
        if letter == "*":
            star, taken = next_, at
            next_ += 1
        elif letter and (letter == name[at] or (letter == "?" and name[at] != "*")):
            next_, at = next_ + 1, at + 1
        elif star >= 0:  # the last `*` takes one character more
            taken += 1
            next_, at = star + 1, taken
        else:
            return False
    return not pattern[next_:].strip("*")
