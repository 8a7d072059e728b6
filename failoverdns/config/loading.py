"""The way in: a file's path to a `Config`, or all of its errors at once.

Knows the order of the checks, and those between the parts of the file.
Refuses to know what any part looks like inside, and which other files the parts read.
"""

from __future__ import annotations

import os
from pathlib import Path

from failoverdns.config.automation import read_terms
from failoverdns.config.certificates import read_acme, read_certificates, read_delivery
from failoverdns.config.document import Node, read_document, refuse_repeated
from failoverdns.config.errors import START, FaultReport
from failoverdns.config.hooks import read_hooks
from failoverdns.config.protection import read_cookies, read_query_log, read_rate_limit, read_tcp
from failoverdns.config.scalars import absolute
from failoverdns.config.schema import check_shape
from failoverdns.config.sections import ConfigFile, ControlSection
from failoverdns.config.zones.zones import read_zones
from failoverdns.model.settings import Config, ControlSettings, Identity, StateSettings

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of a configuration file."""

MAX_SOCKET_PATH = 107
"""Bytes in the path of a Unix socket on Linux: `sun_path` less its final NUL, unix(7)."""


def load_config(path: Path) -> Config:
    """Load the configuration file at `path`.

    Relative paths in it are completed with the folder that `path` is in.
    Raises ConfigErrors with every error that could be found, in the order of their positions.
    """
    report = FaultReport(str(path))
    text = read_text(path, report)
    report.raise_if_any()
    written = read_document(text, report)
    if written is None:
        report.raise_if_any()
        raise AssertionError("an unreadable document was not reported")
    sections, usable = check_shape(written, report)
    folder = path.parent.resolve()
    refuse_repeated(sections.listen, usable.at("listen"), "address", report)
    refuse_repeated(sections.resolvers, usable.at("resolvers"), "resolver", report)
    state = StateSettings(absolute(sections.state.sqlite, folder))
    config = Config(
        file=path,
        zones=read_zones(sections.zones, folder, usable, written, report),
        listen=tuple(sections.listen),
        workers=sections.workers,
        resolvers=tuple(sections.resolvers),
        control=_control(sections.control, folder, usable, report),
        state=state,
        identity=_identity(sections),
        certificates=read_certificates(sections.certificates, state, folder, usable, report),
        delivery=read_delivery(sections, folder, usable, written, report),
        hooks=read_hooks(sections.hooks, folder, usable, written, report),
        acme=read_acme(sections.acme, folder, usable, report),
        tcp=read_tcp(sections.tcp, usable, report),
        cookies=read_cookies(sections.cookies, folder),
        querylog=read_query_log(sections.querylog, folder),
        automation=read_terms(sections, folder, usable, written, report),
        rate_limit=read_rate_limit(sections.rate_limit, usable, report),
    )
    report.raise_if_any()
    return config


def read_text(path: Path, report: FaultReport) -> str:
    """Read a file of at most `MAX_SIZE` bytes as UTF-8; note in `report` why it cannot be read."""
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


def _identity(sections: ConfigFile) -> Identity:
    told = sections.identity
    return Identity(told.id, told.version, told.nsid)


def _control(
    section: ControlSection, folder: Path, usable: Node, report: FaultReport
) -> ControlSettings:
    socket = absolute(section.socket, folder)
    node = usable.at("control", "socket")
    size = len(os.fsencode(socket))
    if size > MAX_SOCKET_PATH and node is not None:
        report.add(
            node.place,
            f"the path {socket} is {size} bytes long; "
            f"a Unix socket's can have at most {MAX_SOCKET_PATH}",
        )
    allow = section.allow
    if allow is not None:
        refuse_repeated(allow, usable.at("control", "allow"), "user or group", report)
    return ControlSettings(socket, section.mode, tuple(allow) if allow is not None else None)
