"""The section `checks`: how the health of web heads is probed.

Which keys a check takes depends on its type: a key that means nothing for the type is an error, and
not ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Annotated

import re2
from pydantic import Field, PlainValidator

from failoverdns.config import numbers
from failoverdns.config import scalars as values
from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.programs import warn_of_ca_file, warn_of_program
from failoverdns.config.scalars import named
from failoverdns.config.section import (
    AddressText,
    Boolean,
    Command,
    FilePath,
    Section,
    text,
    word_of,
)
from failoverdns.model.errors import Malformed
from failoverdns.model.health import (
    CHECK_KINDS,
    REPORTS_NEEDED,
    Check,
    CheckKind,
    CheckPart,
    HttpExpectation,
    TlsExpectation,
)
from failoverdns.model.names import is_address

MAX_PATTERN = 500
"""Characters of a regular expression, or of a text that a body must contain, at most."""

_STATUS = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", re.ASCII)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}", re.ASCII)


def statuses(value: object) -> list[tuple[int, int]]:
    """Read status codes of HTTP, and ranges of them such as 200-299."""
    items = value if isinstance(value, list) else [value]
    form = "write status codes and ranges, as in [200-299, 401]"
    found = []
    for item in items:
        parts = _STATUS.fullmatch(str(item)) if isinstance(item, int | str) else None
        if parts is None:
            raise Malformed(f"{named(item)} is not a status of HTTP; {form}")
        low, high = int(parts[1]), int(parts[2] or parts[1])
        if high < low:
            raise Malformed(f"the range {item} is empty; {form}")
        found.append((low, high))
    if not found:
        raise Malformed(f"empty; {form}")
    return found


def http_method(text: str) -> str:
    """Check that `text` is a method of HTTP (RFC 9110 section 9.1)."""
    if not _METHOD.fullmatch(text) or text != text.upper():
        raise Malformed(f"{quoted(text)} is not a method of HTTP; write GET or HEAD")
    return text


def http_path(text: str) -> str:
    """Check that `text` is the path of an HTTP request, a query included."""
    odd = not text.isascii() or not text.isprintable() or " " in text or "#" in text
    if odd or not text.startswith("/") or len(text) > 2000:
        raise Malformed(f"{quoted(text)} is not a path; write one such as /health?deep=1")
    return text


def body_text(text: str) -> str:
    """Check that a body can be searched for `text`."""
    if not 1 <= len(text) <= MAX_PATTERN:
        raise Malformed(f"must be 1 to {MAX_PATTERN} characters long, not {len(text)}")
    return text


def pattern(text: str) -> str:
    """Check that `text` is a regular expression of RE2, which matches in linear time."""
    body_text(text)
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as fault:
        reason = fault.args[0] if fault.args else "it cannot be read"
        problem = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        form = "it is read by RE2, which has no look-around and no backreferences"
        raise Malformed(f"{quoted(text)} is not a regular expression: {problem}; {form}") from None
    return text


def http_host(text: str) -> str:
    """Read what a request has as `Host`: the name of a host or an address, perhaps with a port."""
    if not _HOST.fullmatch(values.ascii_text(text)):
        form = "write a name such as www.shop.example, or with a port, www.shop.example:8443"
        raise Malformed(f"{quoted(text)} is not the name of a host; {form}")
    return text


def checked_name(text: str) -> str:
    """Read the host name, or the address, that a certificate must be valid for."""
    if is_address(text):
        return str(ip_address(text))
    return values.host_name(values.ascii_text(text)).to_text()


_CHECK, _HTTP, _TLS = Check("", CheckKind.TCP), HttpExpectation(), TlsExpectation()

Times = Annotated[int, Field(ge=1, le=100)]


class CheckSection(Section):
    """The keys of one check; times in seconds."""

    kind: Annotated[CheckKind, word_of(CheckKind, "a type of checks")] = Field(
        default=_CHECK.kind, alias="type"
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    interval: Annotated[float, PlainValidator(numbers.seconds(0.2, 86400))] = _CHECK.interval
    fast_interval: Annotated[float, PlainValidator(numbers.seconds(0.2, 86400))] = (
        _CHECK.fast_interval
    )
    timeout: Annotated[float, PlainValidator(numbers.seconds(0.05, 3600))] = _CHECK.timeout
    jitter: Annotated[float, PlainValidator(numbers.percent)] = _CHECK.jitter
    up_after: Times = _CHECK.up_after
    down_after: Times = _CHECK.down_after
    sources: list[AddressText] = Field(default=[], alias="source")
    method: Annotated[str, text(http_method)] = _HTTP.method
    path: Annotated[str, text(http_path)] = _HTTP.path
    host: Annotated[str, text(http_host)] | None = _HTTP.host
    status: Annotated[list[tuple[int, int]], PlainValidator(statuses)] = list(_HTTP.status)
    body: Annotated[str, text(body_text)] | None = _HTTP.body
    body_pattern: Annotated[str, text(pattern)] | None = _HTTP.body_pattern
    redirects: Annotated[int, Field(ge=0, le=10)] = _HTTP.redirects
    verify: Boolean = _TLS.verify
    server_name: Annotated[str, text(checked_name)] | None = _TLS.server_name
    ca_file: FilePath | None = None
    days_left: Annotated[int, Field(ge=0, le=3650)] = _TLS.days_left
    run: Command = []
    ttl: Annotated[float, PlainValidator(numbers.seconds(1, 86400))] = _CHECK.ttl


_ALWAYS = ("type", "up_after", "down_after")
_PARTS: Mapping[CheckPart, tuple[str, ...]] = {
    CheckPart.PROBE: ("interval", "fast_interval", "timeout", "jitter"),
    CheckPart.CONNECTION: ("port", "source"),
    CheckPart.HTTP: ("method", "path", "host", "status", "body", "body_pattern", "redirects"),
    CheckPart.TLS: ("verify", "server_name", "ca_file", "days_left"),
    CheckPart.PROGRAM: ("run",),
    CheckPart.REPORT: ("ttl",),
}
"""The keys of each part of a check."""

_KEYS: Mapping[CheckKind, frozenset[str]] = {
    kind: frozenset((*_ALWAYS, *(key for part in traits.parts for key in _PARTS[part])))
    for kind, traits in CHECK_KINDS.items()
}
"""The keys that a check of each type takes."""


def read_check(
    name: str,
    section: CheckSection,
    folder: Path,
    usable: Node,
    written: Node,
    faults: FaultReport,
) -> Check:
    """Return the check `name`; report its errors in `faults`.

    `folder` completes the paths of programs and files.  `usable` is the check in the document that
    the section was made of; `written` also has the values that were refused.
    """
    kind = section.kind
    _refuse_other_keys(kind, written, faults)
    if kind is CheckKind.TCP and written.at("port") is None:
        faults.add(written.place.of_key("port"), "missing; give the port to connect to")
    _check_program(section, written, faults)
    warn_of_program(values.command(section.run, folder), written, faults)
    refused = usable.lacks_any_of(written, ("timeout", "interval"))
    if kind.is_probed and section.timeout > section.interval and not refused:
        where = written.at("timeout") or written.at("interval") or written
        text = f"the timeout, {section.timeout:g}, must be at most the interval"
        faults.add(where.place, f"{text}, {section.interval:g}: a probe ends before the next")
    faster = written.at("fast_interval")
    refused = usable.lacks_any_of(written, ("interval", "fast_interval"))
    if faster is not None and section.fast_interval > section.interval and not refused:
        text = f"the fast interval, {section.fast_interval:g}, must be at most the interval"
        faults.add(faster.place, f"{text}, {section.interval:g}; equal ones mean no fast probes")
    families = [isinstance(address, IPv4Address) for address in section.sources]
    source = written.at("source")
    if len(set(families)) != len(families) and source is not None:
        faults.add(source.place, "give one IPv4 and one IPv6 address at most")
    counts = {
        key: REPORTS_NEEDED
        for key in ("up_after", "down_after")
        if not kind.is_probed and written.at(key) is None
    }
    ca_file = values.absolute(section.ca_file, folder) if section.ca_file is not None else None
    if section.verify:
        warn_of_ca_file(ca_file, written, faults)
    return section.into(
        Check,
        folder,
        name=name,
        fast_interval=min(section.fast_interval, section.interval),
        port=section.port if section.port is not None else kind.default_port or _CHECK.port,
        http=section.into(HttpExpectation, folder),
        tls=section.into(
            TlsExpectation,
            folder,
            ca_file=str(ca_file) if ca_file is not None else None,
        ),
        run=values.command(section.run, folder),
        **counts,
    )


def _refuse_other_keys(kind: CheckKind, node: Node, faults: FaultReport) -> None:
    """Report keys that mean nothing for a check of this type."""
    if not isinstance(node.value, dict):
        return
    for key, entry in node.value.items():
        if key in CheckSection.written_keys() and key not in _KEYS[kind]:
            kinds = [other.value for other, keys in _KEYS.items() if key in keys]
            faults.add(entry.key, f"is for checks of the type {_or(kinds)}, not {kind.value}")


def _check_program(section: CheckSection, written: Node, faults: FaultReport) -> None:
    run, program = written.at("run"), written.at("run", 0)
    unreported = run is None or run.value == []
    if section.kind is CheckKind.EXEC and not section.run and unreported:
        faults.add(written.place.of_key("run"), "missing; give the path of a program")
    if program is not None and program.value == "":
        faults.add(program.place, "must be the path of a program")


def _or(words: Iterable[str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} or {last}" if rest else last
