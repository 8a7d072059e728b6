"""Read the files that importers are given, and make plans of them.

Every function raises Malformed, whose message begins with the file and, where there is one, the
line.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from failoverdns.importing.plan import Plan
from failoverdns.importing.route53 import import_route53
from failoverdns.importing.route53_documents import (
    MAX_SIZE,
    health_checks,
    is_cut_off,
    parse_document,
    record_sets,
)
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.regular_files import open_regular


def route53_plan(file: Path, zone: str | None, checks: Path | None) -> Plan:
    """Return the plan for a file with the record sets of a hosted zone of Route 53.

    `zone` is its name, if the file does not tell it; `checks` a file with the health checks.
    """
    document = _document(file)
    known = None
    cut_off = is_cut_off(document)
    if checks is not None:
        listed = _document(checks)
        known = health_checks(listed, str(checks))
    name = zone_name(zone) if zone is not None else None
    sets = record_sets(document, str(file))
    return import_route53(sets, known, str(file), name, cut_off=cut_off)


def zone_name(text: str) -> DomainName:
    """Return the zone that the user names."""
    try:
        return DomainName.from_text(text)
    except Malformed as fault:
        raise Malformed(f"--zone: {text!r} is not a domain name: {fault}") from None


def _document(file: Path) -> Any:
    return parse_document(read_bytes(file, MAX_SIZE), str(file))


def read_bytes(file: Path, longest: int) -> bytes:
    """Return the bytes of a file, or of standard input if it is called `-`.

    At most one byte more than `longest` is read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read(longest + 1)
    try:
        with open_regular(file) as opened:
            return opened.read(longest + 1)
    except Malformed as fault:
        raise Malformed(f"{file}: {fault}") from None
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else None
        raise Malformed(f"{file}: cannot be read: {reason or fault}") from None
