"""The way in: a file's path to a `Config`, or all of its errors at once.

Knows the order of the checks, and those between the parts of the file.
Refuses to know what any part looks like inside, and to touch any other file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from failoverdns.config.document import Node, read_document
from failoverdns.config.errors import START, Report
from failoverdns.config.schema import ConfigFile, check_shape
from failoverdns.config.settings import (
    Config,
    ControlSettings,
    Identity,
    ListenAddress,
    StateSettings,
)
from failoverdns.config.zones import read_zones

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of a configuration file."""

MAX_SOCKET_PATH = 107
"""Bytes in the path of a Unix socket on Linux: `sun_path` less its final NUL, unix(7)."""


def load_config(path: Path) -> Config:
    """Load the configuration file at `path`.

    Relative paths in it are completed with the folder that `path` is in.
    Raises ConfigErrors with every error that could be found, in the order of their positions.
    """
    report = Report(str(path))
    text = _read(path, report)
    report.raise_if_any()
    written = read_document(text, report)
    if written is None:
        report.raise_if_any()
        raise AssertionError("an unreadable document was not reported")
    sections, usable = check_shape(written, report)
    config = Config(
        file=path,
        zones=read_zones(sections.zones, usable, written, report),
        listen=_listen(sections.listen, usable, report),
        workers=sections.workers,
        control=_control(sections, path, usable, report),
        state=StateSettings(_absolute(sections.state.sqlite, path)),
        identity=Identity(sections.identity.id, sections.identity.version),
    )
    report.raise_if_any()
    return config


def _read(path: Path, report: Report) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        report.add(START, f"cannot be read: {reason or error}")
        return ""
    if len(data) > MAX_SIZE:
        report.add(START, f"larger than {MAX_SIZE // 1024**2} MiB; is this a configuration file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        report.add(START, f"not UTF-8: the byte 0x{data[error.start]:02x} in line {line}")
        return ""


def _listen(
    addresses: Sequence[ListenAddress], usable: Node, report: Report
) -> tuple[ListenAddress, ...]:
    seen: set[ListenAddress] = set()
    for index, address in enumerate(addresses):
        node = usable.at("listen", index)
        if address in seen and node is not None:
            report.add(node.place, f"the address {address} is given twice")
        seen.add(address)
    return tuple(addresses)


def _control(sections: ConfigFile, path: Path, usable: Node, report: Report) -> ControlSettings:
    socket = _absolute(sections.control.socket, path)
    node = usable.at("control", "socket")
    size = len(os.fsencode(socket))
    if size > MAX_SOCKET_PATH and node is not None:
        report.add(
            node.place,
            f"the path {socket} is {size} bytes long; "
            f"a Unix socket's can have at most {MAX_SOCKET_PATH}",
        )
    return ControlSettings(socket, sections.control.mode)


def _absolute(text: str, path: Path) -> Path:
    """Complete `text` with the folder of the configuration file at `path`."""
    return Path(os.path.normpath(path.parent.resolve() / text))
