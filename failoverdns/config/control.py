"""The section `control`: the socket for commands, and who may give which.

    user or @group: role                      viewer, reporter, operator or admin
    user or @group: {role: operator, groups: [PATTERN, ...], applications: [PATTERN, ...]}

`allow` is a short form: everybody in it is an admin.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, model_validator

from failoverdns.config import scalars as values
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.section import FilePath, Section, or_empty, text, word_of
from failoverdns.model.errors import Malformed
from failoverdns.model.names import is_group_pattern, is_label_pattern
from failoverdns.model.roles import ROLE_WORDS, Grant, Role
from failoverdns.model.settings import ControlSettings

MAX_SOCKET_PATH = 107
"""Bytes in the path of a Unix socket on Linux, at most: `sun_path` less its final NUL, unix(7)."""

MAX_NUMBER = 2**32 - 2
"""The largest number of a user or group on Linux."""

_OTHERS_WRITE = 0o002
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)
_NAME = r"(?:[0-9]{1,10}|[A-Za-z_][A-Za-z0-9_.-]{0,31})"
_ACCOUNT = re.compile(f"@?{_NAME}", re.ASCII)
_GROUP = re.compile(_NAME, re.ASCII)
_ROOT = ("root", "0")


def socket_mode(text: str) -> int:
    """Read the permission bits of the control socket, in octal digits."""
    if not _MODE.fullmatch(text):
        raise Malformed(f'{quoted(text)} is not a mode; write octal digits such as "0660"')
    mode = int(text, 8)
    if mode & _OTHERS_WRITE:
        raise Malformed(
            f"{quoted(text)} lets every user of the machine switch traffic; "
            'take the write bit from others, as in "0660"'
        )
    return mode


def user_or_group(text: str) -> str:
    """Check that `text` can name a user, or a group with `@` before it."""
    if not _ACCOUNT.fullmatch(text) or not _fits(text.removeprefix("@")):
        form = "write one such as deploy, 1000 or, for a group, @operators"
        raise Malformed(f"{quoted(text)} cannot be a user or group; {form}")
    return text


def _fits(name: str) -> bool:
    return not name.isdecimal() or int(name) <= MAX_NUMBER


def system_group(value: object) -> str | None:
    """Read the name or the number of a group; nothing stands for none."""
    given = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if given is None or (isinstance(given, str) and _GROUP.fullmatch(given) and _fits(given)):
        return given
    form = "write one such as dns-operators or 1000, without an @"
    shown = quoted(given) if isinstance(given, str) else values.named(value)
    raise Malformed(f"{shown} cannot be a group; {form}")


def group_pattern(text: str) -> str:
    """Check that `text` is a pattern of names of failover groups."""
    if not is_group_pattern(text):
        raise Malformed(f'{quoted(text)} cannot match a group; write one such as "shop-*"')
    return text


def application_pattern(text: str) -> str:
    """Read a pattern of names of applications."""
    if not is_label_pattern(text.lower()):
        raise Malformed(f'{quoted(text)} cannot match an application; write one such as "shop-*"')
    return text.lower()


class RoleSection(Section):
    """The keys of one user or group in `roles`; a role alone stands for one without limits."""

    role: Annotated[Role, word_of(Role, "a role")] = Role.VIEWER
    groups: list[Annotated[str, text(group_pattern)]] | None = None
    applications: list[Annotated[str, text(application_pattern)]] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_short_form(cls, value: object) -> object:
        if isinstance(value, str):
            return {"role": values.one_of(value, ROLE_WORDS, "a role")}
        if not isinstance(value, dict):
            words = ", ".join(ROLE_WORDS)
            raise Malformed(
                f"must be one of {words}, or a mapping with a role, not {values.named(value)}"
            )
        return value


_CONTROL = ControlSettings()


class ControlSection(Section):
    """`control`."""

    socket: FilePath = _CONTROL.socket
    mode: Annotated[int, text(socket_mode)] = _CONTROL.mode
    group: Annotated[str | None, PlainValidator(system_group)] = None
    roles: Annotated[dict[str, RoleSection], or_empty(dict)] = {}
    allow: list[Annotated[str, text(user_or_group)]] | None = None


def read_control(
    section: ControlSection, folder: Path, usable: Node, written: Node, faults: FaultReport
) -> ControlSettings:
    """Return the settings of `control`; report a path that is too long, and roles that cannot be.

    `folder` completes a relative path; `usable` is the document that the section was made of,
    `written` also has the values that were refused.
    """
    given = written.at("control", "roles")
    names_roles = given is not None and given.value is not None
    roles = None
    if section.allow is not None or names_roles:
        roles = (
            *((name, Grant(Role.ADMIN)) for name in section.allow or ()),
            *_grants(section, usable, written, faults),
        )
    settings = section.into(ControlSettings, folder, roles=roles)
    node = usable.at("control", "socket")
    size = len(os.fsencode(settings.socket))
    if size > MAX_SOCKET_PATH and node is not None:
        faults.add(
            node.place,
            f"the path {settings.socket} is {size} bytes long; "
            f"a Unix socket's can have at most {MAX_SOCKET_PATH}",
        )
    if section.allow is not None:
        refuse_repeated(section.allow, usable.at("control", "allow"), "user or group", faults)
    return settings


def _grants(
    section: ControlSection, usable: Node, written: Node, faults: FaultReport
) -> Iterator[tuple[str, Grant]]:
    for name, given in section.roles.items():
        node = usable.get("control", "roles", name)
        try:
            user_or_group(name)
        except Malformed as error:
            faults.add(node.key, str(error))
        if name in (section.allow or ()):
            faults.add(node.key, f"{name} is in control.allow too, which makes it an admin")
        if name in _ROOT and given.role is not Role.ADMIN:
            faults.add(node.key, "root can do everything, whatever its role; write admin")
        _check_limits(given, node, written.get("control", "roles", name), faults)
        groups, applications = given.groups, given.applications
        yield (
            name,
            Grant(
                given.role,
                None if groups is None else tuple(groups),
                None if applications is None else tuple(applications),
            ),
        )


def _check_limits(given: RoleSection, node: Node, written: Node, faults: FaultReport) -> None:
    """Report limits that are empty, or that the role cannot have."""
    for key, patterns in (("groups", given.groups), ("applications", given.applications)):
        limit = written.at(key)
        if limit is None or written.at("role") is None:
            continue
        refuse_repeated(patterns or (), node.at(key), "pattern", faults)
        if limit.value in (None, []):
            faults.add(limit.place, "empty; give at least one pattern, or leave it out")
        elif given.role in (Role.VIEWER, Role.ADMIN):
            text = "only a reporter or an operator can be limited"
            why = "a viewer changes nothing" if given.role is Role.VIEWER else "an admin cannot"
            faults.add(limit.key, f"{text}; {why}")
        elif key == "groups" and given.role is Role.REPORTER:
            faults.add(limit.key, "a reporter reports applications; write applications")
