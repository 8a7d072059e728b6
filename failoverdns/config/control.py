"""The section `control`: the socket for commands."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.section import FilePath, Section, text
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import ControlSettings

MAX_SOCKET_PATH = 107
"""Bytes in the path of a Unix socket on Linux, at most: `sun_path` less its final NUL, unix(7)."""

_OTHERS_WRITE = 0o002
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)
_ACCOUNT = re.compile(r"@?(?:[0-9]{1,9}|[A-Za-z_][A-Za-z0-9_.-]{0,31})", re.ASCII)


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
    if not _ACCOUNT.fullmatch(text):
        form = "write one such as deploy, 1000 or, for a group, @operators"
        raise Malformed(f"{quoted(text)} cannot be a user or group; {form}")
    return text


_CONTROL = ControlSettings()


class ControlSection(Section):
    """`control`."""

    socket: FilePath = _CONTROL.socket
    mode: Annotated[int, text(socket_mode)] = _CONTROL.mode
    allow: list[Annotated[str, text(user_or_group)]] | None = None


def read_control(
    section: ControlSection, folder: Path, usable: Node, faults: FaultReport
) -> ControlSettings:
    """Return the settings of `control`; report a path that is too long for a socket.

    `folder` completes a relative path; `usable` is the document that the section was made of.
    """
    settings = section.into(ControlSettings, folder)
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
